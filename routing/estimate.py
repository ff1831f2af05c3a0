"""How long an item will still wait. "Unknown" (None) is an answer; a made-up number is not."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

FEWEST_COMPLETIONS = 5  # fewer say nothing of the next one


class Ahead(NamedTuple):
    """Items that come before one, by queue, that compete with it for agents.

    `own`: whoever may take them may take this one too. `shared`: they also have others, and `helpers` are all who are
    logged in and may take any of those or this one.
    """

    own: dict[str, int]
    shared: dict[str, int]
    helpers: tuple[str, ...]

    @property
    def items(self) -> int:
        return sum(self.own.values()) + sum(self.shared.values())


def mean_handle_time(recent: Collection[float]) -> float | None:
    """None: too few completions are known."""
    return sum(recent) / len(recent) if len(recent) >= FEWEST_COMPLETIONS else None


def leaving_rate(recent: Collection[tuple[float, bool]]) -> float:
    """Of callers who give up, per second of waiting: the maximum-likelihood estimate from waits that ended with an
    answer (False) or with giving up (True). 0.0 where nobody waited."""
    waited = sum(seconds for seconds, _ in recent)
    return sum(has_left for _, has_left in recent) / waited if waited > 0 else 0.0


def time_to_clear(items: int, pace: float, leaving: float) -> float:
    """Seconds until so many items are gone, `pace` of them taken by agents per second, and each of those who wait
    leaving by itself at the rate `leaving`: with k left the next goes after 1 / (pace + k * leaving) (the
    Palm/Erlang-A queue). `pace` above 0."""
    return sum(1 / (pace + left * leaving) for left in range(1, items + 1))
