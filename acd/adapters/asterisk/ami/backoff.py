"""How long to wait before trying to connect again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random


@dataclass(frozen=True)
class Backoff:
    """Doubling waits from `initial` up to `maximum`, each shortened by chance by up to the share `jitter`.

    Jitter keeps the nodes of a site from all coming back in the same instant. `refused` is the wait after a
    refused login: a wrong secret does not mend itself, and fail2ban counts.
    """

    initial: timedelta = timedelta(milliseconds=200)
    maximum: timedelta = timedelta(seconds=5)
    jitter: float = 0.5
    refused: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        if not timedelta(0) < self.initial <= self.maximum:
            raise ValueError("backoff: initial must be above zero and not above maximum")
        if not 0 <= self.jitter < 1:
            raise ValueError("backoff: jitter must be at least 0 and below 1")

    def wait(self, attempt: int, chance: Random) -> timedelta:
        """The wait after the failed attempt number `attempt` (0 for the first)."""
        full = min(self.maximum, self.initial * (1 << min(attempt, 30)))
        return full * (1 - self.jitter * chance.random())
