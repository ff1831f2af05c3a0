"""Failed log-ins are slowed down: per login and address, and per address over all logins."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from typing import Final

from acd.service.ports import Clock

WINDOW: Final = timedelta(minutes=5)
MOST_PER_LOGIN: Final = 5
MOST_PER_ADDRESS: Final = 100  # a whole hotline may stand behind one address
MOST_KEPT: Final = 20_000  # keys; the longest unused are forgotten, so that a flood of names costs no memory


class LogInLimiter:
    """An attempt counts from its beginning, so that many at once are no way around; a success takes it back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._attempts: OrderedDict[tuple[str, ...], deque[datetime]] = OrderedDict()

    def begin(self, login: str, address: str) -> timedelta | None:
        """None: go on. Else how long to wait before the next try."""
        now = self._clock.now()
        waits = [
            wait
            for key, most in (((login, address), MOST_PER_LOGIN), ((address,), MOST_PER_ADDRESS))
            if (wait := self._wait(key, most, now)) is not None
        ]
        if waits:
            return max(waits)
        for key in ((login, address), (address,)):
            self._attempts.setdefault(key, deque()).append(now)
            self._attempts.move_to_end(key)
        while len(self._attempts) > MOST_KEPT:
            self._attempts.popitem(last=False)
        return None

    def succeed(self, login: str, address: str) -> None:
        """The right password clears this login's failures, and takes its own attempt off the address."""
        self._attempts.pop((login, address), None)
        attempts = self._attempts.get((address,))
        if attempts:
            attempts.pop()

    def _wait(self, key: tuple[str, ...], most: int, now: datetime) -> timedelta | None:
        attempts = self._attempts.get(key)
        if attempts is None:
            return None
        while attempts and attempts[0] <= now - WINDOW:
            attempts.popleft()
        if not attempts:
            del self._attempts[key]
        return attempts[0] + WINDOW - now if len(attempts) >= most else None
