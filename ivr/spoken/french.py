"""French words for numbers, times, dates and durations (spelling of 1878: hyphens below a hundred only)."""

from __future__ import annotations

from datetime import date, time
from typing import Final

_SMALL: Final = [
    "zéro",
    "un",
    "deux",
    "trois",
    "quatre",
    "cinq",
    "six",
    "sept",
    "huit",
    "neuf",
    "dix",
    "onze",
    "douze",
    "treize",
    "quatorze",
    "quinze",
    "seize",
    "dix-sept",
    "dix-huit",
    "dix-neuf",
]
_TENS: Final = ("", "", "vingt", "trente", "quarante", "cinquante", "soixante", "soixante", "quatre-vingt")
_DAYS: Final = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"]
_MONTHS: Final = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]
_LARGE: Final = ((10**9, "milliard"), (10**6, "million"))

DIGITS: Final = dict(zip("0123456789", _SMALL, strict=False)) | {"*": "étoile", "#": "dièse"}
POINT: Final = "virgule"
MINUS: Final = "moins"
TODAY: Final = "aujourd'hui"
TOMORROW: Final = "demain"


def number(value: int, *, feminine: bool = False) -> str:
    """0 <= value < 10^12. The feminine differs in its last word only: vingt et une."""
    said = _words(value, is_last=True)
    return f"{said}e" if feminine and said.endswith("un") else said


def _words(value: int, *, is_last: bool) -> str:
    for unit, name in _LARGE:
        if value >= unit:
            count, rest = divmod(value, unit)
            said = f"{_words(count, is_last=True)} {name}{'s' if count > 1 else ''}"
            return f"{said} {_words(rest, is_last=is_last)}" if rest else said
    if value >= 1000:
        count, rest = divmod(value, 1000)
        said = "mille" if count == 1 else f"{_words(count, is_last=False)} mille"
        return f"{said} {_words(rest, is_last=is_last)}" if rest else said
    if value >= 100:
        count, rest = divmod(value, 100)
        said = "cent" if count == 1 else f"{_SMALL[count]} cent"
        if rest:
            return f"{said} {_words(rest, is_last=is_last)}"
        return f"{said}s" if count > 1 and is_last else said  # deux cents, but deux cent mille
    return _below_hundred(value, is_last=is_last)


def _below_hundred(value: int, *, is_last: bool) -> str:
    if value < 20:
        return _SMALL[value]
    if value == 80:
        return "quatre-vingts" if is_last else "quatre-vingt"
    tens = min(value // 10, 8)
    rest = value - 10 * (tens - 1 if tens == 7 else tens)
    if rest == 0:
        return _TENS[tens]
    joins = rest in (1, 11) and tens != 8
    return f"{_TENS[tens]} et {_SMALL[rest]}" if joins else f"{_TENS[tens]}-{_SMALL[rest]}"


def clock(at: time) -> str:
    minute = f" {number(at.minute, feminine=True)}" if at.minute else ""
    match at.hour:
        case 0:
            return f"minuit{minute}"
        case 12:
            return f"midi{minute}"
    return f"{number(at.hour, feminine=True)} heure{'s' if at.hour > 1 else ''}{minute}"


def day(on: date, *, with_year: bool) -> str:
    ordinal = "premier" if on.day == 1 else number(on.day)
    year = f" {number(on.year)}" if with_year else ""
    return f"{_DAYS[on.weekday()]} {ordinal} {_MONTHS[on.month - 1]}{year}"


def weekday(on: date) -> str:
    return _DAYS[on.weekday()]


def moment(on: str, at: str) -> str:
    return f"{on} à {at}"


def amount(count: int, unit: str) -> str:
    """`unit`: day, hour, minute, second."""
    name = {"day": "jour", "hour": "heure", "minute": "minute", "second": "seconde"}[unit]
    return f"{number(count, feminine=unit != 'day')} {name}{'s' if count > 1 else ''}"


def both(first: str, second: str) -> str:
    return f"{first} et {second}"
