"""The machine's clock and the event loop's timers: the one place that may ask for the time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from acd.domain.commands import Command
from acd.service.ports import Clock, Timers


class SystemClock(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251


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
