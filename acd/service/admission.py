"""How much is too much: above it new callers get a defined treatment, and calls inside keep their quality."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import structlog

log = structlog.get_logger(__name__)

Treatment = Literal["announcement", "fallback"]
SAMPLE_TIME = timedelta(seconds=0.1)
KEPT_SAMPLES = 10  # one late turn is a pause; a second of late turns is overload


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`most_calls`: callers inside at once; `most_lag`: how late the event loop may be, for a second on end. None: no
    limit."""

    most_calls: int | None = None
    most_lag: timedelta | None = None
    treatment: Treatment = "announcement"


NO_LIMITS = Limits()


class Lag:
    """How late the event loop is, in seconds, from samples taken every SAMPLE_TIME."""

    def __init__(self, limit: timedelta | None) -> None:
        self._limit = limit.total_seconds() if limit is not None else None
        self._samples: deque[float] = deque(maxlen=KEPT_SAMPLES)
        self.is_over = False

    @property
    def latest(self) -> float:
        return self._samples[-1] if self._samples else 0.0

    def measured(self, seconds: float) -> None:
        """Over the limit when every sample kept is; below it when every one is under half of it."""
        self._samples.append(seconds)
        if self._limit is None or len(self._samples) < KEPT_SAMPLES:
            return
        if min(self._samples) > self._limit:
            self.is_over = True
        elif max(self._samples) < self._limit / 2:
            self.is_over = False

    async def measure(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + SAMPLE_TIME.total_seconds()
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            self.measured(max(0.0, loop.time() - due))
            due = loop.time() + SAMPLE_TIME.total_seconds()


class Admission:
    """Asked for each caller who comes in for the first time; those who are inside, or come back, are never refused.

    `inside`: how many callers are under control now.
    """

    def __init__(self, limits: Limits, inside: Callable[[], int]) -> None:
        self.limits = limits
        self.lag = Lag(limits.most_lag)
        self.inside = inside
        self.shed: Counter[str] = Counter()  # callers treated, by reason

    @property
    def obstacle(self) -> str | None:
        """Why the next new caller will not be let in: "calls", "lag"; None: they will."""
        if self.limits.most_calls is not None and self.inside() >= self.limits.most_calls:
            return "calls"
        return "lag" if self.lag.is_over else None

    def refuses(self) -> bool:
        """Count and say it if so. Logged on the 1st, 2nd, 4th, 8th... time: overload is no time for much logging."""
        reason = self.obstacle
        if reason is None:
            return False
        self.shed[reason] += 1
        count = self.shed[reason]
        if count & (count - 1) == 0:
            log.error("caller_not_let_in", reason=reason, count=count, inside=self.inside(), lag=self.lag.latest)
        return True
