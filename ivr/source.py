"""YAML text to data that remembers where each value stands.

    source = load(text, "config/site.yaml")         # ConfigurationError: syntax, duplicate keys, size
    settings = merge([defaults, source]).validate(Settings)   # ConfigurationError: file:line:column per fault

Values follow YAML 1.2's core schema, narrowed where YAML surprises people: keys are always text exactly as
written (`1:` and `"1":` are one key), a number with a leading zero must be quoted, dates stay text, merge
keys and custom tags are refused. Aliases are allowed up to a bound on the expanded size.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import pydantic

from ivr._compose import Branch, Leaf, Listing, Mark, Tree, compose, from_data
from ivr._explain import explain
from ivr.errors import ConfigurationError, Problem, dotted

__all__ = ["ConfigurationError", "Problem", "Source", "load", "merge"]

Path = Sequence[str | int]
ModelT = TypeVar("ModelT", bound=pydantic.BaseModel)


class Place(NamedTuple):
    """Where a value stands: file name and 1-based line and column (0, 0 without a text)."""

    file: str
    line: int
    column: int


class Source:
    """A configuration as plain data (dict, list, str, int, float, bool, None) plus each value's place."""

    def __init__(self, name: str, tree: Branch) -> None:
        self.name = name
        self._tree = tree

    @classmethod
    def of_data(cls, data: Mapping[str, Any], name: str) -> Source:
        """A source without a text, such as settings from the environment: `name` alone is its place.

        `{path}` in `name` is replaced by the dotted path of each value.
        """
        return cls(name, from_data(data, name))

    @property
    def data(self) -> dict[str, Any]:
        """A fresh plain copy of the whole."""
        data: dict[str, Any] = self._tree.plain()
        return data

    def part(self, *path: str) -> Source:
        """The mapping under `path` as a source of its own; an empty one where it is missing.

        Raises ConfigurationError when something else than a mapping stands there.
        """
        node: Tree = self._tree
        for depth, key in enumerate(path, start=1):
            entry = node.entries.get(key) if isinstance(node, Branch) else None
            if entry is None:
                return Source(self.name, Branch(node.mark, {}))
            node = entry.tree
            if not isinstance(node, Branch):
                raise ConfigurationError([self.problem(path[:depth], "must be a mapping of keys to values")])
        return Source(self.name, node) if isinstance(node, Branch) else self

    def place(self, path: Path, *, at_key: bool = False) -> Place:
        """The place of the value at `path` (or of its key); of the nearest parent where it is missing."""
        node: Tree = self._tree
        mark = node.mark
        for step in path:
            if isinstance(node, Branch) and str(step) in node.entries:
                entry = node.entries[str(step)]
                node, mark = entry.tree, entry.mark if at_key else entry.tree.mark
            elif isinstance(node, Listing) and isinstance(step, int) and 0 <= step < len(node.items):
                node = node.items[step]
                mark = node.mark
            else:
                break
        return Place(mark.file, mark.line, mark.column)

    def problem(self, path: Path, message: str, *, at_key: bool = False, offset: int | None = None) -> Problem:
        """A Problem at `path`, for rules that no schema can state. `offset`: of a character within a text."""
        place = self.place(path, at_key=at_key)
        leaf = self._leaf(path) if offset is not None else None
        column = leaf.text_column + (offset or 0) if leaf is not None and leaf.text_column else place.column
        return Problem(place.file, place.line, column, dotted(path), message)

    def text(self, path: Path) -> str | None:
        """The text at `path` as it is written, None where there is none."""
        leaf = self._leaf(path)
        return leaf.value if leaf is not None and isinstance(leaf.value, str) else None

    def _leaf(self, path: Path) -> Leaf | None:
        node: Tree = self._tree
        for step in path:
            if isinstance(node, Branch) and str(step) in node.entries:
                node = node.entries[str(step)].tree
            elif isinstance(node, Listing) and isinstance(step, int) and 0 <= step < len(node.items):
                node = node.items[step]
            else:
                return None
        return node if isinstance(node, Leaf) else None

    def validate(self, model: type[ModelT]) -> ModelT:
        """The data as `model`. Raises ConfigurationError with every fault, in the order of the text."""
        try:
            return model.model_validate(self.data)
        except pydantic.ValidationError as error:
            found = error.errors(include_url=False, include_input=True)
        problems = {self._located(model, detail) for detail in found}
        raise ConfigurationError(sorted(problems))

    def _located(self, model: type[pydantic.BaseModel], detail: Mapping[str, Any]) -> Problem:
        explained = explain(model, self._tree, detail)
        return self.problem(explained.path, explained.message, at_key=explained.at_key)


def load(text: str | bytes, name: str) -> Source:
    """Read one YAML document whose top is a mapping (an empty text is an empty mapping).

    `name` stands in every message, usually the file's path. Raises ConfigurationError.
    """
    return Source(name, compose(text, name))


def merge(layers: Sequence[Source], *, whole: Collection[str] = ()) -> Source:
    """One source of several: later layers win, mappings are merged deeply, anything else is replaced whole.

    Every value keeps the place it came from. `whole`: keys at the top whose entries are replaced, not merged.
    """
    if not layers:
        return Source("", Branch(Mark("", 0, 0), {}))
    tree = layers[0]._tree
    for layer in layers[1:]:
        tree = _merged(tree, layer._tree, whole)
    return Source(layers[-1].name, tree)


def _merged(under: Branch, over: Branch, whole: Collection[str] = (), *, replaces: bool = False) -> Branch:
    """`replaces`: entries of `over` take the place of those under them."""
    entries = dict(under.entries)
    for key, entry in over.entries.items():
        below = entries.get(key)
        if not replaces and below is not None and isinstance(below.tree, Branch) and isinstance(entry.tree, Branch):
            entries[key] = entry._replace(tree=_merged(below.tree, entry.tree, replaces=key in whole))
        else:
            entries[key] = entry
    return Branch(over.mark if over.entries else under.mark, entries)
