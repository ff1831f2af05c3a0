"""A value written as text, in the words of a language: what `{ticket:digits}` in a prompt becomes.

    say("1042", "digits", "fr") -> ("un", "zéro", "quatre", "deux")       each a sound of its own, made beforehand
    say("95", "duration", "en") -> ("two minutes",)                       one sound, made when it is needed

A value that cannot be read that way gives None: the prompt then says what it has for that case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from types import ModuleType
from typing import Final

from ivr.spoken import english, french

FORMATS: Final = ("digits", "number", "date", "time", "when", "duration", "text")
LANGUAGES: Final[Mapping[str, ModuleType]] = {"fr": french, "en": english}

_MOST_DIGITS: Final = 32
_LONGEST_TEXT: Final = 200
_NUMBER: Final = re.compile(r"(-?)0*([0-9]{1,12})(?:[.,]([0-9]{1,6}))?")


def say(value: str, format_: str, language: str, now: datetime | None = None) -> tuple[str, ...] | None:
    """The words, in as many pieces as are to be sounded. `now` (aware) makes dates short: tomorrow, no year."""
    words = LANGUAGES.get(language)
    reader = _READERS.get(format_)
    value = value.strip()
    if not value or reader is None:
        return None
    if words is None:  # a language without rules here: the voice reads the value as it stands
        return (value[:_LONGEST_TEXT],)
    try:
        return reader(value, words, now)
    except (ValueError, OverflowError):
        return None


def digit_words(language: str) -> tuple[str, ...]:
    """Every piece that `digits` can give: to be made before the first call."""
    words = LANGUAGES.get(language)
    return tuple(words.DIGITS.values()) if words else ()


def _digits(value: str, words: ModuleType, now: datetime | None) -> tuple[str, ...] | None:
    keys = [key for key in value if key not in " -.+"]
    if not keys or len(keys) > _MOST_DIGITS or any(key not in words.DIGITS for key in keys):
        return None
    return tuple(words.DIGITS[key] for key in keys)


def _number(value: str, words: ModuleType, now: datetime | None) -> tuple[str, ...] | None:
    found = _NUMBER.fullmatch(value)
    if found is None:
        return None
    minus, whole, fraction = found.groups()
    said = [words.MINUS] if minus else []
    said.append(words.number(int(whole)))
    decimals = (fraction or "").rstrip("0")
    if decimals:
        said += [words.POINT, *(words.DIGITS[digit] for digit in decimals)]
    return (" ".join(said),)


def _date(value: str, words: ModuleType, now: datetime | None) -> tuple[str, ...] | None:
    on = _as_date(value)
    return (words.day(on, with_year=now is not None and on.year != now.year),)


def _time(value: str, words: ModuleType, now: datetime | None) -> tuple[str, ...] | None:
    return (words.clock(_as_time(value)),)


def _when(value: str, words: ModuleType, now: datetime | None) -> tuple[str, ...] | None:
    at = datetime.fromisoformat(value)
    if now is None:
        return (words.moment(words.day(at.date(), with_year=False), words.clock(at.time())),)
    ahead = (at.date() - now.astimezone(at.tzinfo).date()).days
    match ahead:
        case 0:
            on = words.TODAY
        case 1:
            on = words.TOMORROW
        case _ if 1 < ahead < 7:
            on = words.weekday(at.date())
        case _:
            on = words.day(at.date(), with_year=at.year != now.year)
    return (words.moment(on, words.clock(at.time())),)


def _duration(value: str, words: ModuleType, now: datetime | None) -> tuple[str, ...] | None:
    """Seconds. Under a minute exactly, then in minutes rounded up, in hours and minutes, in days and hours."""
    seconds = float(value.replace(",", "."))
    if not 0 <= seconds < timedelta(days=1000).total_seconds():
        return None
    if seconds < 60:
        return (words.amount(round(seconds), "second"),)
    minutes = -int(-seconds // 60)
    if minutes < 60:
        return (words.amount(minutes, "minute"),)
    if minutes < 48 * 60:
        return (_two(words, *divmod(minutes, 60), "hour", "minute"),)
    hours = round(minutes / 60)
    return (_two(words, *divmod(hours, 24), "day", "hour"),)


def _two(words: ModuleType, large: int, small: int, unit: str, smaller: str) -> str:
    said: str = words.amount(large, unit)
    return words.both(said, words.amount(small, smaller)) if small else said


def _text(value: str, words: ModuleType, now: datetime | None) -> tuple[str, ...] | None:
    text = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return (text,) if any(c.isalnum() for c in text) and len(text) <= _LONGEST_TEXT else None


def _as_date(value: str) -> date:
    return datetime.fromisoformat(value).date() if len(value) > 10 else date.fromisoformat(value)


def _as_time(value: str) -> time:
    return time.fromisoformat(value) if value[2:3] == ":" else datetime.fromisoformat(value).time()


_READERS: Final[Mapping[str, Callable[[str, ModuleType, datetime | None], tuple[str, ...] | None]]] = {
    "digits": _digits,
    "number": _number,
    "date": _date,
    "time": _time,
    "when": _when,
    "duration": _duration,
    "text": _text,
}
