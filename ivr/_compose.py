"""From YAML text to a tree of values with marks: the only file that knows ruamel.yaml.

The composed node graph is read rather than the constructed objects: it has a mark for every key, value and
list item, the exact text of every scalar, and constructs nothing, so no tag in a text can do anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from ivr.errors import ConfigurationError, Problem, dotted

MAX_CHARACTERS: Final = 1_000_000
MAX_VALUES: Final = 50_000  # after aliases are expanded: what an alias bomb would multiply
MAX_DEPTH: Final = 40

_TAG: Final = "tag:yaml.org,2002:"
_TRUTH: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

Steps: TypeAlias = tuple[str | int, ...]


class Mark(NamedTuple):
    file: str
    line: int
    column: int


class Leaf(NamedTuple):
    """`text_column`: of the first character of a text that stands on one line as it is; 0: it does not."""

    mark: Mark
    value: str | int | float | bool | None
    text_column: int = 0

    def plain(self) -> Any:
        return self.value


class Listing(NamedTuple):
    mark: Mark
    items: tuple[Tree, ...]

    def plain(self) -> Any:
        return [item.plain() for item in self.items]


class Branch(NamedTuple):
    mark: Mark
    entries: dict[str, Entry]

    def plain(self) -> Any:
        return {key: entry.tree.plain() for key, entry in self.entries.items()}


Tree: TypeAlias = Branch | Listing | Leaf


class Entry(NamedTuple):
    mark: Mark  # of the key
    tree: Tree


def compose(text: str | bytes, name: str) -> Branch:
    """The tree of the one document in `text`. Raises ConfigurationError with every fault of this kind."""
    source = _decoded(text, name)
    if len(source) > MAX_CHARACTERS:
        raise _refusal(name, 1, 1, f"the text is too long: {len(source)} characters, at most {MAX_CHARACTERS}")
    try:
        root = YAML(typ="safe", pure=True).compose(source)
    except ReaderError as error:
        before = source[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        code = ord(source[error.position]) if error.position < len(source) else 0
        message = f"the character U+{code:04X} is not allowed here"
        raise _refusal(name, line, column, message) from None
    except MarkedYAMLError as error:
        raise _syntax_error(error, name) from None
    except RecursionError:
        raise _refusal(name, 1, 1, f"values are nested too deeply, at most {MAX_DEPTH} levels") from None
    except (YAMLError, ValueError, TypeError, AttributeError, IndexError, KeyError, AssertionError) as error:
        # ruamel.yaml lets a few slips of its own out on hostile directives and tags; the text is at fault.
        raise _refusal(name, 1, 1, f"this is not readable YAML ({type(error).__name__})") from None
    if root is None:
        return Branch(Mark(name, 1, 1), {})
    reader = _Reader(name)
    tree = reader.read(root, ())
    if not isinstance(tree, Branch) and not reader.problems:
        reader.refuse(root, (), "the top of the document must be a mapping of keys to values")
    if reader.problems or not isinstance(tree, Branch):
        raise ConfigurationError(sorted(reader.problems))
    return tree


def from_data(data: Mapping[str, Any], name: str, path: Steps = ()) -> Branch:
    """The tree of plain data; its marks have no line. `{path}` in `name` becomes each value's dotted path."""

    def grown(value: Any, at: Steps) -> Tree:
        mark = Mark(name.replace("{path}", dotted(at)), 0, 0)
        if isinstance(value, Mapping):
            return Branch(mark, {str(key): Entry(mark, grown(inner, (*at, str(key)))) for key, inner in value.items()})
        if isinstance(value, list | tuple):
            return Listing(mark, tuple(grown(inner, (*at, index)) for index, inner in enumerate(value)))
        return Leaf(mark, value)

    tree = grown(data, path)
    assert isinstance(tree, Branch)  # noqa: S101  # a Mapping always grows into a Branch
    return tree


class _Reader:
    """Turns composed nodes into a Tree, collecting problems instead of stopping at the first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self._values = 0
        self._overflow = False

    def refuse(self, node: Any, path: Steps, message: str) -> None:
        mark = self._mark(node)
        self.problems.append(Problem(mark.file, mark.line, mark.column, dotted(path), message))

    def read(self, node: Any, path: Steps) -> Tree:
        mark = self._mark(node)
        self._values += 1
        if self._values > MAX_VALUES or len(path) > MAX_DEPTH:
            # Also what ends an alias that contains itself.
            if not self._overflow:
                self._overflow = True
                self.refuse(node, path, f"too many values (at most {MAX_VALUES}, {MAX_DEPTH} levels deep)")
            return Leaf(mark, None)
        if self._overflow:
            return Leaf(mark, None)
        if isinstance(node, MappingNode):
            return self._mapping(node, mark, path)
        if isinstance(node, SequenceNode):
            if str(node.tag) != f"{_TAG}seq":
                self.refuse(node, path, "tags (!...) are not supported")
            items = tuple(self.read(item, (*path, index)) for index, item in enumerate(node.value))
            return Listing(mark, items)
        value = self._scalar(node, path)
        return Leaf(mark, value, _text_column(node) if isinstance(value, str) else 0)

    def _mapping(self, node: Any, mark: Mark, path: Steps) -> Branch:
        if str(node.tag) != f"{_TAG}map":
            self.refuse(node, path, "tags (!...) are not supported")
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.refuse(key_node, path, "a key must be a single word or number")
                continue
            key = str(key_node.value)
            tag = str(key_node.tag)
            if tag == f"{_TAG}merge":
                self.refuse(key_node, path, "merge keys (<<) are not supported: write the keys out")
                continue
            if not key:
                self.refuse(key_node, path, "a key is missing before the colon")
                continue
            if key in entries:
                first = entries[key].mark
                self.refuse(key_node, (*path, key), f"duplicate key `{key}`, first written in line {first.line}")
                continue
            entries[key] = Entry(self._mark(key_node), self.read(value_node, (*path, key)))
        return Branch(mark, entries)

    def _scalar(self, node: Any, path: Steps) -> str | int | float | bool | None:
        text, tag = str(node.value), str(node.tag)
        quoted = node.style is not None
        if quoted or tag in (f"{_TAG}str", f"{_TAG}timestamp"):
            if not tag.startswith(_TAG):
                self.refuse(node, path, "tags (!...) are not supported")
            return text
        match tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                if text in _TRUTH:
                    return _TRUTH[text]
                self.refuse(node, path, "write true or false, or put the word in quotes")
            case "int":
                return self._integer(node, text, path)
            case "float":
                return self._decimal(node, text, path)
            case _:
                self.refuse(node, path, "tags (!...) are not supported")
        return None

    def _integer(self, node: Any, text: str, path: Steps) -> int | None:
        digits = text.lstrip("+-")
        if digits.isascii() and digits.isdigit() and len(digits) <= 18:
            if len(digits) == 1 or digits[0] != "0":
                return int(text)
            self.refuse(node, path, "a number with a leading zero is ambiguous: write it in quotes")
        else:
            self.refuse(node, path, "write whole numbers in plain digits (at most 18), or in quotes as text")
        return None

    def _decimal(self, node: Any, text: str, path: Steps) -> float | None:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if value - value == 0:  # false for infinities and not-a-number
            return value
        self.refuse(node, path, "write a finite decimal number such as 1.5, or put it in quotes as text")
        return None

    def _mark(self, node: Any) -> Mark:
        return Mark(self.name, node.start_mark.line + 1, node.start_mark.column + 1)


def _text_column(node: Any) -> int:
    start, end = node.start_mark, node.end_mark
    quotes = 0 if node.style is None else 1
    as_it_is = start.line == end.line and end.column - start.column - 2 * quotes == len(node.value)
    return int(start.column) + 1 + quotes if as_it_is and node.style in (None, "'", '"') else 0


def _decoded(text: str | bytes, name: str) -> str:
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = text[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        raise _refusal(name, line, column, "the text is not UTF-8") from None


def _syntax_error(error: MarkedYAMLError, name: str) -> ConfigurationError:
    problem = str(error.problem or error.context or "unreadable").replace("\n", " ")
    unfinished_key = "could not find expected ':'" in problem
    mark = (error.context_mark if unfinished_key else None) or error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if "'\\t'" in problem:
        message = "a tab cannot indent YAML: use spaces"
    elif "another document" in problem:
        message = "only one document per file: remove the `---` line"
    elif unfinished_key:
        message = "expected a key followed by a colon (a key such as * or # must be in quotes)"
    elif "undefined alias" in problem:
        message = f"{problem}: put the key or text in quotes if it begins with `*`"
    else:
        context = str(error.context or "").replace("\n", " ")
        message = f"YAML: {context + ': ' if context and context != problem else ''}{problem}"
    return _refusal(name, line, column, message)


def _refusal(name: str, line: int, column: int, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(name, line, column, "", message)])
