"""English words for numbers, times, dates and durations, as British English says them."""

from __future__ import annotations

from datetime import date, time
from typing import Final

_SMALL: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_DAYS: Final = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
    "twenty": "twentieth",
    "thirty": "thirtieth",
}
_LARGE: Final = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))

DIGITS: Final = dict(zip("0123456789", _SMALL, strict=False)) | {"*": "star", "#": "hash"}
POINT: Final = "point"
MINUS: Final = "minus"
TODAY: Final = "today"
TOMORROW: Final = "tomorrow"


def number(value: int) -> str:
    """0 <= value < 10^12."""
    for unit, name in _LARGE:
        if value >= unit:
            count, rest = divmod(value, unit)
            joined = f" {'and ' if rest < 100 else ''}{number(rest)}" if rest else ""
            return f"{number(count)} {name}{joined}"
    if value >= 100:
        count, rest = divmod(value, 100)
        return f"{_SMALL[count]} hundred and {number(rest)}" if rest else f"{_SMALL[count]} hundred"
    if value < 20:
        return _SMALL[value]
    tens, rest = divmod(value, 10)
    return f"{_TENS[tens]}-{_SMALL[rest]}" if rest else _TENS[tens]


def ordinal(value: int) -> str:
    """1 to 99."""
    head, dash, last = number(value).rpartition("-")
    return f"{head}{dash}{_ORDINALS.get(last, f'{last}th')}"


def clock(at: time) -> str:
    if at.minute == 0 and at.hour in (0, 12):
        return "noon" if at.hour else "midnight"
    half = "a.m." if at.hour < 12 else "p.m."
    hour = number(at.hour % 12 or 12)
    if at.minute == 0:
        return f"{hour} {half}"
    minute = f"oh {number(at.minute)}" if at.minute < 10 else number(at.minute)
    return f"{hour} {minute} {half}"


def day(on: date, *, with_year: bool) -> str:
    year = f" {_year(on.year)}" if with_year else ""
    return f"{_DAYS[on.weekday()]} the {ordinal(on.day)} of {_MONTHS[on.month - 1]}{year}"


def _year(value: int) -> str:
    century, rest = divmod(value, 100)
    if century == 20 and rest < 10:
        return number(value)  # two thousand and six
    if rest == 0:
        return f"{number(century)} hundred"
    return f"{number(century)} {number(rest) if rest >= 10 else f'oh {number(rest)}'}"


def weekday(on: date) -> str:
    return _DAYS[on.weekday()]


def moment(on: str, at: str) -> str:
    return f"{on} at {at}"


def amount(count: int, unit: str) -> str:
    """`unit`: day, hour, minute, second."""
    return f"{number(count)} {unit}{'s' if count != 1 else ''}"


def both(first: str, second: str) -> str:
    return f"{first} and {second}"
