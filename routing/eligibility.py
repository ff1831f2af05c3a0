"""Who may take what, and in what respect one falls short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from routing.model import Needs, Requirements, Skills


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A requirement that an agent does not meet. `wanted` has one entry, or those of an any-of group."""

    wanted: Requirements
    actual: int | None = None  # None: the agent has not got the skill at all
    is_exclusion: bool = False

    def __str__(self) -> str:
        names = " or ".join(f"{skill}>={level}" for skill, level in self.wanted)
        words = "excluded by" if self.is_exclusion else "lacks"
        return f"{words} {names}" + ("" if self.actual is None else f" (has {self.actual})")


def shortfalls(needs: Needs, skills: Skills) -> tuple[Shortfall, ...]:
    """Everything that keeps an agent from an item: exclusions, then requirements in their order. Empty: eligible."""
    levels = dict(skills)
    found = [
        Shortfall(((skill, level),), levels[skill], is_exclusion=True)
        for skill, level in needs.none_of
        if levels.get(skill, -1) >= level
    ]
    if any(levels.get(group, 0) >= 1 for group in needs.also):
        return tuple(found)
    found += [
        Shortfall(((skill, required),), levels.get(skill))
        for skill, required in needs.all_of
        if levels.get(skill, -1) < required
    ]
    found += [Shortfall(group) for group in needs.any_of if not _has_one(group, levels)]
    return tuple(found)


def is_eligible(needs: Needs, levels: Mapping[str, int]) -> bool:
    """The verdict alone, on an agent's proficiency by skill; `shortfalls` is empty exactly when it is True."""
    if any(levels.get(skill, -1) >= level for skill, level in needs.none_of):
        return False
    if any(levels.get(group, 0) >= 1 for group in needs.also):
        return True
    if any(levels.get(skill, -1) < required for skill, required in needs.all_of):
        return False
    return all(_has_one(group, levels) for group in needs.any_of)


def proficiency(needs: Needs, levels: Mapping[str, int]) -> int:
    """How good an agent is at what an item needs: the sum over its skills, of any-of groups the best one."""
    total = sum(levels.get(skill, 0) for skill, _ in needs.all_of)
    return total + sum(max(levels.get(skill, 0) for skill, _ in group) for group in needs.any_of)


def _has_one(group: Requirements, levels: Mapping[str, int]) -> bool:
    return any(levels.get(skill, -1) >= level for skill, level in group)
