"""The machine's clock and the event loop's timers: the one place that may ask for the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from acd.domain.commands import Command
from acd.service.ports import Clock, Timers

log = structlog.get_logger(__name__)

# A step of the machine's clock is worked off at a tenth of the time that passes: durations stay right within that,
# time never runs backwards, and what is due at an instant is not due early. Ordinary drift is far below it.
WORK_OFF = 0.1
NOTABLE = timedelta(seconds=1)  # a step worth a word
# A machine that had no notion of the time, or slept: to follow this slowly would be worse than to jump.
LARGEST_WORKED_OFF = timedelta(hours=2)


def _wall() -> datetime:
    return datetime.now(UTC)  # noqa: TID251


class SystemClock(Clock):
    """The machine's time without its steps.

    `wall` and `steady` (seconds that only go up) are the machine's, or a test's.
    """

    def __init__(self, wall: Callable[[], datetime] = _wall, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._looked_at = steady()
        self._now = wall()
        self._is_told = False
        self.behind = timedelta()  # how far the machine's clock is ahead of this one; negative: behind it

    def now(self) -> datetime:
        looked_at = self._steady()
        passed, self._looked_at = looked_at - self._looked_at, looked_at
        ours = self._now + timedelta(seconds=passed)
        error = self._wall() - ours
        if abs(error) > LARGEST_WORKED_OFF:
            log.error("clock_jumped", seconds=round(error.total_seconds(), 3))
            ours, error = ours + error, timedelta()
        most = timedelta(seconds=WORK_OFF * passed)
        worked_off = max(-most, min(most, error))
        self._now = ours + worked_off
        self.behind = error - worked_off
        self._tell()
        return self._now

    def seconds_behind(self) -> float:
        return self.behind.total_seconds()

    def _tell(self) -> None:
        is_notable = abs(self.behind) > NOTABLE
        if is_notable and not self._is_told:
            log.warning("clock_stepped", seconds=round(self.behind.total_seconds(), 3))
        self._is_told = is_notable


class LoopTimers(Timers):
    """Timers of the running event loop. They run on monotonic time: a step of the wall clock does not fire them."""

    def __init__(self, clock: Clock, submit: Callable[[Command], None]) -> None:
        self._clock = clock
        self._submit = submit
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def start(self, key: str, due_at: datetime, command: Command) -> None:
        self.cancel(key)
        delay = max(0.0, (due_at - self._clock.now()).total_seconds())
        self._handles[key] = asyncio.get_running_loop().call_later(delay, self._fire, key, command)

    def cancel(self, key: str) -> None:
        if handle := self._handles.pop(key, None):
            handle.cancel()

    def close(self) -> None:
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()

    def _fire(self, key: str, command: Command) -> None:
        del self._handles[key]
        self._submit(command)
