"""What routing works on. Instants are floats of seconds (any epoch, the same for all): only differences count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# Both are canonical (sorted, hashable) so that equal ones share one index entry: see `routing.matching`.
Skills = tuple[tuple[str, int], ...]  # an agent's proficiency per skill, 0-100, higher is better
Requirements = tuple[tuple[str, int], ...]  # skill and least proficiency


VOICE = "voice"  # the channel of calls


def canonical(levels: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The one hashable form of a set of skills or requirements."""
    return tuple(sorted(levels.items()))


class Needs(NamedTuple):
    """Who may take an item. Languages and agent groups are skills like any other.

    An agent is eligible who has none of `none_of`, and either is in a group of `also`, or has all of `all_of` and of
    each group of `any_of` at least one.
    """

    all_of: Requirements = ()
    any_of: tuple[Requirements, ...] = ()
    none_of: Requirements = ()
    also: tuple[str, ...] = ()  # groups (skills of at least 1) whose members may take it whatever else is asked

    def __str__(self) -> str:
        parts = [f"{skill}>={level}" for skill, level in self.all_of]
        parts += ["(" + " or ".join(f"{skill}>={level}" for skill, level in group) + ")" for group in self.any_of]
        text = ", ".join(parts) or "no skill"
        text += "".join(f", not {skill}>={level}" for skill, level in self.none_of)
        return text + "".join(f", or of {group}" for group in self.also)


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One thing that waits for one agent: routing's view of a call."""

    item_id: str
    needs: Needs
    priority: int  # 0 is served first
    queued_at: float  # its place in the queue counts from here; what is reported as wait is not routing's affair
    queue: str = ""
    only: tuple[str, ...] = ()  # for these agents alone, whatever their skills


@dataclass(frozen=True, slots=True)
class Taste:
    """How an agent who comes free chooses among queues, where it is not the common way (see `ranking.ItemChoice`)."""

    preferences: tuple[str, ...] = ()  # queues, the liked ones first; those not named come after
    allocation: tuple[tuple[str, int], ...] = ()  # queue and percent of this agent's calls


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent who can take an item now. Everything here stands still while the agent is idle."""

    agent_id: str
    skills: Skills
    idle_since: float
    occupancy: float = 0.0  # handling / time since log-in, when the agent came free
    calls: int = 0  # handled since log-in
    taken: Mapping[str, int] = field(default_factory=dict)  # offered since log-in, by queue
    last_offers: Mapping[str, int] = field(default_factory=dict)  # queue to serial of its last offer to this agent
    row: tuple[str, int] = ("", 0)  # the queue last served and how many in a row came from it
    draw: float = 0.0  # exponential of mean 1, drawn when the agent came free
    draw_from: float = 0.0  # where draws stood then: see `ranking.agent_key`
    taste: Taste | None = None
    room: frozenset[str] = frozenset({VOICE})  # channels with room for one more: see `routing.capacity`
