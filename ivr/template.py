"""Texts with values inside: `Your ticket {ticket:digits} was opened {ticket_opened:when}.`

    {name}          the attribute as it stands          {name:format}   one of `ivr.spoken.values.FORMATS`

Braces that are not of this form are ordinary characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

from ivr.spoken.values import say

_VALUE: Final = re.compile(r"\{([a-z][a-z0-9_]*)(?::([a-z_]*))?\}")


class Value(NamedTuple):
    """A value inside a text. `offset`: its first character in the text."""

    name: str
    format: str
    offset: int

    def say(
        self, known: Mapping[str, str | float | bool], language: str, now: datetime | None
    ) -> tuple[str, ...] | None:
        """The words, None when there is no such value or it cannot be read so."""
        return say(plain(known.get(self.name, "")), self.format, language, now)


class Template(NamedTuple):
    """`parts`: words as they are said (without those that have no letter or digit) and values, in order."""

    parts: tuple[str | Value, ...]
    values: tuple[Value, ...]


@lru_cache(maxsize=4000)
def parse_template(text: str) -> Template:
    parts: list[str | Value] = []
    values: list[Value] = []
    end = 0
    for found in _VALUE.finditer(text):
        parts += _words(text[end : found.start()])
        values.append(Value(found[1], found[2] if found[2] is not None else "text", found.start()))
        parts.append(values[-1])
        end = found.end()
    return Template((*parts, *_words(text[end:])), tuple(values))


def encoded(text: str, known: Mapping[str, str | float | bool]) -> str:
    """A path of a URL with its values in it, each percent-encoded whole: no value can change the path's shape."""
    return _VALUE.sub(lambda found: quote(plain(known.get(found[1], "")), safe=""), text)


def plain(value: str | float | bool) -> str:
    """A value as text: whole numbers without a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _words(text: str) -> list[str]:
    words = text.strip().lstrip(" ,.;:!?")  # what follows a value begins with its first word
    return [words] if any(character.isalnum() for character in words) else []
