"""How long an item will still wait. "Unknown" (None) is an answer; a made-up number is not."""

from __future__ import annotations

from collections.abc import Collection

FEWEST_COMPLETIONS = 5  # fewer say nothing of the next one


def mean_handle_time(recent: Collection[float]) -> float | None:
    """None: too few completions are known."""
    return sum(recent) / len(recent) if len(recent) >= FEWEST_COMPLETIONS else None


def expected_wait(ahead: float, idle: int, at_work: int, seconds_ahead: float, seconds_now: float) -> float | None:
    """Seconds until an agent is free for an item with `ahead` items before it.

    `idle`, `at_work`: agents who may take it, idle and in all (idle, ringing, talking, wrapping up). `seconds_ahead`:
    handle time of all items before it, as far as these agents will do them. `seconds_now`: mean handle time of what
    these agents do now. n agents at work come free every `seconds_now` / n seconds, and work off what is before it n at
    a time. None: nobody is at work.
    """
    if at_work == 0:
        return None
    if ahead < idle:
        return 0.0
    return max(0.0, (seconds_ahead + (1 - idle) * seconds_now) / at_work)
