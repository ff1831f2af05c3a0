"""Opening hours, compiled: what `ivr.calendar.Calendar` is made into, for menus and for queues alike.

Windows are wall-clock times: on the days the clocks change they open and close by the clock on the wall.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

HoursStatus: TypeAlias = Literal["open", "closed", "holiday"]

LOOK_AHEAD: Final = timedelta(days=60)  # how far `opens_at` searches
DAY_MINUTES: Final = 24 * 60


class Window(NamedTuple):
    """Minutes from midnight of the day it begins; `end` is beyond 1440 when it ends the day after."""

    start: int
    end: int


class ExceptionalDay(NamedTuple):
    """A day with windows of its own; none: closed."""

    day: date
    windows: tuple[Window, ...]


class OpeningHours(Struct, frozen=True, kw_only=True):
    time_zone: str  # IANA name
    week: tuple[tuple[Window, ...], ...]  # seven days, Monday first
    exceptions: tuple[ExceptionalDay, ...] = ()  # in the order of the days; they win over the week and over holidays
    country: str = ""  # whose public holidays are closed (ISO 3166-1); empty: nobody's
    subdivision: str = ""

    def status(self, at: datetime) -> HoursStatus:
        """`at` is aware. Closed on a public holiday is `holiday`."""
        local = at.astimezone(_zone(self.time_zone))
        today, minute = local.date(), local.hour * 60 + local.minute
        if any(window.start <= minute < window.end for window in self._windows(today)):
            return "open"
        yesterday = self._windows(today - timedelta(days=1))
        if any(minute + DAY_MINUTES < window.end for window in yesterday):
            return "open"
        return "holiday" if self._is_holiday(today) else "closed"

    def is_open(self, at: datetime) -> bool:
        return self.status(at) == "open"

    def opens_at(self, at: datetime) -> datetime | None:
        """The next instant after `at` at which a window begins, in the calendar's zone; None: not for a long time."""
        zone = _zone(self.time_zone)
        local = at.astimezone(zone)
        for days in range(LOOK_AHEAD.days):
            day = local.date() + timedelta(days=days)
            for window in sorted(self._windows(day)):
                begins = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=window.start)
                if begins > local:
                    return begins
        return None

    def _windows(self, day: date) -> tuple[Window, ...]:
        place = bisect_left(self.exceptions, day, key=lambda each: each.day)
        if place < len(self.exceptions) and self.exceptions[place].day == day:
            return self.exceptions[place].windows
        return () if self._is_holiday(day) else self.week[day.weekday()]

    def _is_holiday(self, day: date) -> bool:
        return bool(self.country) and day in holidays_of(self.country, self.subdivision, day.year)


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=200)
def holidays_of(country: str, subdivision: str, year: int) -> frozenset[date]:
    """Public holidays of a country and, if said, of one of its subdivisions."""
    import holidays  # it takes a tenth of a second: only who has holidays waits for it

    return frozenset(holidays.country_holidays(country, subdiv=subdivision or None, years=year))
