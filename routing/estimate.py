"""How long an item will still wait. "Unknown" (None) is an answer; a made-up number is not."""

from __future__ import annotations

from collections.abc import Collection

FEWEST_COMPLETIONS = 5  # fewer say nothing of the next one


def expected_wait(ahead: int, idle: int, at_work: int, handle_seconds: Collection[float]) -> float | None:
    """Seconds until an agent is free for an item with `ahead` items before it.

    `idle`, `at_work`: agents who may take it, idle and in all (idle, ringing, talking, wrapping up).
    `handle_seconds`: recent handle times. n agents at work come free every (mean handle time / n) seconds; the item is
    served when (ahead + 1 - idle) of them have. None: nobody is at work, or too few completions are known.
    """
    if at_work == 0:
        return None
    if ahead < idle:
        return 0.0
    if len(handle_seconds) < FEWEST_COMPLETIONS:
        return None
    mean = sum(handle_seconds) / len(handle_seconds)
    return (ahead + 1 - idle) * mean / at_work
