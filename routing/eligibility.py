"""Who may take what, and in what respect one falls short."""

from __future__ import annotations

from dataclasses import dataclass

from routing.model import Requirements, Skills


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A requirement that an agent does not meet."""

    skill: str
    required: int
    actual: int | None  # None: the agent has not got the skill at all

    def __str__(self) -> str:
        return f"lacks {self.skill}>={self.required}" + ("" if self.actual is None else f" (has {self.actual})")


def shortfalls(requirements: Requirements, skills: Skills) -> tuple[Shortfall, ...]:
    """Every requirement not met, in the requirements' order; empty when the agent is eligible."""
    levels = dict(skills)
    return tuple(
        Shortfall(skill, required, levels.get(skill))
        for skill, required in requirements
        if (level := levels.get(skill)) is None or level < required
    )


def is_eligible(requirements: Requirements, skills: Skills) -> bool:
    levels = dict(skills)
    return all(levels.get(skill, -1) >= required for skill, required in requirements)
