"""How long callers would have waited, from a day on which most did not have to find out.

Who gave up has told their patience. Who was answered after w seconds has told only that it is longer than w: their
patience is censored. E. L. Kaplan and P. Meier, "Nonparametric Estimation from Incomplete Observations", 1958, gives
the share of callers who are still there after t seconds from both kinds. After the longest wait that ended in giving up
nothing is known any more; from there on the estimate goes on exponentially, at the day's rate of giving up per second
of waiting.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import exp, inf, log
from typing import NamedTuple


class Observation(NamedTuple):
    seconds: float
    has_given_up: bool  # False: answered, or lost sight of, after so long


class Patience:
    def __init__(self, observations: Sequence[Observation]) -> None:
        self._ends: list[float] = []  # waits after which somebody gave up, in order
        self._left: list[float] = []  # share still there after each
        at_risk, left = len(observations), 1.0
        # At equal times those who give up are counted before those who are lost sight of.
        for seconds, has_given_up in sorted(observations, key=lambda each: (each.seconds, not each.has_given_up)):
            if has_given_up:
                left *= 1 - 1 / at_risk
                self._ends.append(seconds)
                self._left.append(left)
            at_risk -= 1
        waited = sum(each.seconds for each in observations)
        self._rate = len(self._ends) / waited if waited > 0 else 0.0

    def share_left(self, seconds: float) -> float:
        """Of all callers, after so long a wait, if nobody were answered."""
        index = bisect_right(self._ends, seconds) - 1
        left = self._left[index] if index >= 0 else 1.0
        beyond = seconds - self._ends[-1] if self._ends else 0.0
        return left * exp(-self._rate * beyond) if beyond > 0 else left

    def draw(self, beyond: float, chance: float) -> float:
        """Patience of a caller who is known to have waited `beyond` seconds; `chance` uniform in (0, 1]. Infinite when
        nobody is known ever to have given up."""
        if self._ends and beyond < self._ends[-1]:
            wanted = self.share_left(beyond) * chance
            for seconds, left in zip(self._ends, self._left, strict=True):
                if left <= wanted and seconds > beyond:
                    return seconds
            beyond, chance = self._ends[-1], wanted / self._left[-1]
        return beyond - log(chance) / self._rate if self._rate else inf
