"""Opening hours: weekly windows, dated exceptions, public holidays, each in the calendar's own time zone.

    office:
      time_zone: Europe/Paris
      week:
        monday-thursday: ["08:00-12:30", "13:30-18:00"]
        friday: ["08:00-17:00"]
        saturday: ["22:00-02:00"]               # until two on Sunday morning: a window belongs to the day it begins
      holidays: {country: FR, subdivision: "57"}
      exceptions:                                # they win over the week and over holidays
        "2026-12-24": ["08:00-12:00"]
        "2026-12-28..2026-12-31": []             # closed

This is how it is written, for menus and for queues; what it means is `ivr.opening.OpeningHours`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from ivr.nodes.base import Part
from ivr.opening import DAY_MINUTES, ExceptionalDay, HoursStatus, OpeningHours, Window

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WINDOW: Final = re.compile(r"([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")
_LONGEST_EXCEPTION: Final = 366  # days


class Holidays(Part):
    """Public holidays of a country (ISO 3166-1) and, where they differ within it, one of its subdivisions."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    subdivision: str | None = None

    @model_validator(mode="after")
    def _known(self) -> Holidays:
        problem = _unknown_holidays(self.country, self.subdivision)
        if problem:
            raise ValueError(problem)
        return self


def _window(text: object) -> object:
    if isinstance(text, tuple):
        return text
    found = _WINDOW.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("no window: write it as 08:00-12:30")
    first_hour, first_minute, last_hour, last_minute = map(int, found.groups())
    start, end = first_hour * 60 + first_minute, last_hour * 60 + last_minute
    if start >= DAY_MINUTES or end > DAY_MINUTES:
        raise ValueError("a day ends at 24:00")
    if start == end:
        raise ValueError("this window is empty (the whole day is 00:00-24:00)")
    return Window(start, end if end > start else end + DAY_MINUTES)


def _weekdays(name: str) -> tuple[int, ...]:
    first, dash, last = name.partition("-")
    for day in (first, last) if dash else (first,):
        if day not in DAYS:
            raise ValueError("no day of the week: write monday, or monday-friday")
    start = DAYS.index(first)
    count = (DAYS.index(last) - start) % 7 + 1 if dash else 1
    return tuple((start + ahead) % 7 for ahead in range(count))


def _dates(name: str) -> Iterator[date]:
    first_text, dots, last_text = name.partition("..")
    try:
        first = date.fromisoformat(first_text)
        last = date.fromisoformat(last_text) if dots else first
    except ValueError:
        raise ValueError("no date: write 2026-12-24, or 2026-12-28..2026-12-31") from None
    if not 0 <= (last - first).days <= _LONGEST_EXCEPTION:
        raise ValueError(f"the last day must follow the first, within {_LONGEST_EXCEPTION} days")
    return iter([first + timedelta(days=ahead) for ahead in range((last - first).days + 1)])


def _a_day(name: str) -> str:
    _weekdays(name)
    return name


def _a_date(name: str) -> str:
    _dates(name)
    return name


def _written(window: Window) -> str:
    end = window.end if window.end <= DAY_MINUTES else window.end - DAY_MINUTES
    return f"{window.start // 60:02}:{window.start % 60:02}-{end // 60:02}:{end % 60:02}"


_OneWindow = Annotated[Window, BeforeValidator(_window), PlainSerializer(_written)]
Windows = Annotated[tuple[_OneWindow, ...], Field(max_length=10)]


class Calendar(Part):
    time_zone: str
    week: dict[Annotated[str, AfterValidator(_a_day)], Windows]
    holidays: Holidays | None = None
    exceptions: dict[Annotated[str, AfterValidator(_a_date)], Windows] = Field(default={})

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"unknown time zone `{name}` (write one such as Europe/Paris)") from None
        return name

    @field_validator("week")
    @classmethod
    def _each_day_once(cls, week: dict[str, Windows]) -> dict[str, Windows]:
        seen: set[int] = set()
        for name in week:
            days = _weekdays(name)
            if twice := seen.intersection(days):
                raise ValueError(f"{DAYS[min(twice)]} is written twice")
            seen.update(days)
        return week

    @model_validator(mode="after")
    def _compiled(self) -> Calendar:
        _ = self.hours  # made now: a call must not wait for it
        return self

    @cached_property
    def hours(self) -> OpeningHours:
        week: list[tuple[Window, ...]] = [()] * 7
        for name, windows in self.week.items():
            for weekday in _weekdays(name):
                week[weekday] = windows
        by_date = {day: windows for name, windows in self.exceptions.items() for day in _dates(name)}
        return OpeningHours(
            time_zone=self.time_zone,
            week=tuple(week),
            exceptions=tuple(ExceptionalDay(day, windows) for day, windows in sorted(by_date.items())),
            country=self.holidays.country if self.holidays else "",
            subdivision=(self.holidays.subdivision or "") if self.holidays else "",
        )

    def status(self, at: datetime) -> HoursStatus:
        """`at` is aware. Closed on a public holiday is `holiday`."""
        return self.hours.status(at)

    def opens_at(self, at: datetime) -> datetime | None:
        """The next instant after `at` at which a window begins, in the calendar's zone; None: not for a long time."""
        return self.hours.opens_at(at)


@lru_cache(maxsize=200)
def _unknown_holidays(country: str, subdivision: str | None) -> str:
    import holidays

    known = holidays.list_supported_countries()
    if country not in known:
        return f"no holidays are known for the country `{country}` (ISO 3166-1, such as FR)"
    if subdivision is not None and subdivision not in known[country]:
        some = ", ".join(list(known[country])[:12])
        return f"no holidays are known for `{subdivision}` in {country} (known: {some or 'none'})"
    return ""
