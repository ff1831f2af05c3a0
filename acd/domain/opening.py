"""Opening hours: a week of windows by the wall clock of a time zone, and days that differ."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct


class Window(Struct, frozen=True):
    """Open from `opens` up to, not including, `closes`. 00:00 as `closes` is the end of the day."""

    opens: time
    closes: time

    def includes(self, moment: time) -> bool:
        return self.opens <= moment and (moment < self.closes or self.closes == time())


class SpecialDay(Struct, frozen=True):
    """A day with windows of its own; none: closed."""

    day: date
    windows: tuple[Window, ...] = ()


class OpeningHours(Struct, frozen=True, kw_only=True):
    zone: str  # IANA name
    week: tuple[tuple[Window, ...], ...]  # seven days, Monday first
    special: tuple[SpecialDay, ...] = ()

    def is_open(self, at: datetime) -> bool:
        """`at` aware. Daylight saving is the zone's affair: windows are wall-clock times."""
        local = at.astimezone(_zone(self.zone))
        today = local.date()
        windows = next((each.windows for each in self.special if each.day == today), self.week[today.weekday()])
        return any(window.includes(local.time()) for window in windows)


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
