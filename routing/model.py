"""What routing works on. Instants are floats of seconds (any epoch, the same for all): only their order counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Both are canonical (sorted, hashable) so that equal ones share one index entry: see `routing.matching`.
Skills = tuple[tuple[str, int], ...]  # an agent's proficiency per skill, 0-100, higher is better
Requirements = tuple[tuple[str, int], ...]  # skill and least proficiency, all of them needed


def canonical(levels: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The one hashable form of a set of skills or requirements."""
    return tuple(sorted(levels.items()))


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One thing that waits for one agent: routing's view of a call."""

    item_id: str
    requirements: Requirements
    priority: int  # 0 is served first
    queued_at: float

    @property
    def sort_key(self) -> tuple[int, float, str]:
        """Static, so that order never has to be recomputed; the id decides ties the same way every time."""
        return (self.priority, self.queued_at, self.item_id)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent who can take an item now."""

    agent_id: str
    skills: Skills
    idle_since: float

    @property
    def sort_key(self) -> tuple[float, str]:
        return (self.idle_since, self.agent_id)
