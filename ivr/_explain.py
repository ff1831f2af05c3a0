"""Pydantic's error details in plain words, with the path they have in the text.

A `loc` of pydantic holds more than the path: tags of unions, names of validators. The path is found by
walking the text with it, skipping what is not there.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, Union

import pydantic

from ivr._compose import Branch, Listing, Tree
from ivr.errors import did_you_mean

Steps: TypeAlias = tuple[str | int, ...]

_KEY_MARKER: Final = "[key]"


class Explained(NamedTuple):
    path: Steps
    message: str
    at_key: bool


def explain(model: type[pydantic.BaseModel], tree: Tree, detail: Mapping[str, Any]) -> Explained:
    """One of `ValidationError.errors()` as a path, a message and whether the key or its value is at fault."""
    kind, loc = str(detail["type"]), tuple(detail["loc"])
    if kind == "extra_forbidden":
        path = _path(tree, loc)
        hint = did_you_mean(str(loc[-1]), _allowed_keys(model, loc[:-1]))
        return Explained(path, f"unknown key `{loc[-1]}`{hint}", at_key=True)
    if kind == "missing":
        parent = _path(tree, loc[:-1], want_branch=True)
        return Explained((*parent, loc[-1]), f"`{loc[-1]}` is missing{_inside(parent)}", at_key=False)
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return _about_tag(tree, loc, detail)
    if loc and loc[-1] == _KEY_MARKER:
        path = _path(tree, loc[:-1])
        return Explained(path, f"the key `{path[-1] if path else ''}`: {_plain(detail)}", at_key=True)
    return Explained(_path(tree, loc), _named(_path(tree, loc), _plain(detail)), at_key=False)


def _about_tag(tree: Tree, loc: Steps, detail: Mapping[str, Any]) -> Explained:
    context = detail.get("ctx", {})
    tag_key = str(context.get("discriminator", "kind")).strip("'")
    path = _path(tree, loc, want_branch=True)
    if detail["type"] == "union_tag_not_found":
        return Explained(path, f"`{tag_key}` is missing{_inside(path)}", at_key=False)
    expected = [word.strip(" '") for word in str(context.get("expected_tags", "")).split(",")]
    tag = str(context.get("tag", ""))
    message = f"unknown {tag_key} `{tag}`{did_you_mean(tag, expected)} (known: {', '.join(sorted(expected))})"
    return Explained((*path, tag_key), message, at_key=False)


def _named(path: Steps, message: str) -> str:
    name = next((step for step in reversed(path) if isinstance(step, str)), None)
    return f"`{name}`: {message}" if name is not None else message


def _inside(parent: Steps) -> str:
    return f" in `{parent[-1]}`" if parent and isinstance(parent[-1], str) else ""


def _plain(detail: Mapping[str, Any]) -> str:
    kind, value, context = str(detail["type"]), detail.get("input"), detail.get("ctx", {})
    if kind == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
        return "must be text: write the number in quotes"
    if kind == "string_type":
        return "must be text"
    if kind in ("model_type", "dict_type", "model_attributes_type", "mapping_type"):
        return "must be a mapping of keys to values"
    if kind in ("list_type", "tuple_type", "set_type", "frozen_set_type"):
        return "must be a list"
    if kind in ("literal_error", "enum"):
        expected = str(context.get("expected", ""))
        words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
        hint = did_you_mean(value, words) if isinstance(value, str) else ""
        return f"must be one of {', '.join(words)}{hint}"
    message = str(detail["msg"])
    for prefix in ("Value error, ", "Assertion failed, "):
        message = message.removeprefix(prefix)
    for wordy in ("Input should be ", "String should "):
        if message.startswith(wordy):
            verb = "must be " if wordy == "Input should be " else "must "
            return verb + message.removeprefix(wordy)
    return message


def _path(tree: Tree, loc: Steps, *, want_branch: bool = False) -> Steps:
    """The longest path in the text that `loc` describes, preferring one that ends with `loc`'s last step.

    A tag of a union may equal a key (a node of kind `queue` has a key `queue`), hence the search.
    """
    best: tuple[tuple[bool, int], Steps] = ((False, -1), ())
    for path, used_last, end in _walks(tree, loc, ()):
        fits = isinstance(end, Branch) if want_branch else used_last
        score = (fits, len(path))
        if score > best[0]:
            best = (score, path)
    return best[1]


def _walks(tree: Tree, loc: Steps, path: Steps) -> Iterator[tuple[Steps, bool, Tree]]:
    if not loc:
        yield path, False, tree
        return
    step, rest = loc[0], loc[1:]
    inner: Tree | None = None
    if isinstance(tree, Branch) and str(step) in tree.entries:
        inner = tree.entries[str(step)].tree
    elif isinstance(tree, Listing) and isinstance(step, int) and 0 <= step < len(tree.items):
        inner = tree.items[step]
    if inner is not None:
        key = step if isinstance(tree, Listing) else str(step)
        if not rest:
            yield (*path, key), True, inner
        else:
            yield from _walks(inner, rest, (*path, key))
    if inner is None or isinstance(tree, Branch):
        yield from _walks(tree, rest, path)


def _allowed_keys(model: type[pydantic.BaseModel], loc: Steps) -> list[str]:
    keys: list[str] = []
    for found in _models_at(model, loc):
        for name, field in found.model_fields.items():
            keys.append(str(field.alias or name))
    return sorted(set(keys))


def _models_at(annotation: Any, loc: Steps) -> Iterator[type[pydantic.BaseModel]]:
    """Models that may stand where `loc` ends, found by walking type annotations from `annotation`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        yield from _models_at(arguments[0], loc)
    elif origin is Union or origin is types.UnionType:
        for member in arguments:
            if loc and _has_tag(member, loc[0]):
                yield from _models_at(member, loc[1:])
            else:
                yield from _models_at(member, loc)
    elif isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        if not loc:
            yield annotation
            return
        for name, field in annotation.model_fields.items():
            if loc[0] in (field.alias, name):
                yield from _models_at(field.annotation, loc[1:])
    elif origin is not None and loc:
        yield from _models_at(
            arguments[-1] if len(arguments) != 2 or arguments[1] is not Ellipsis else arguments[0], loc[1:]
        )


def _has_tag(member: Any, tag: str | int) -> bool:
    if typing.get_origin(member) is Annotated:
        member = typing.get_args(member)[0]
    if not (isinstance(member, type) and issubclass(member, pydantic.BaseModel)):
        return False
    return any(
        typing.get_origin(field.annotation) is Literal and tag in typing.get_args(field.annotation)
        for field in member.model_fields.values()
    )
