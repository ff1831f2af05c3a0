"""What one run plays: who calls and when, who works when, and the rules they meet. Drawn or recorded, it is all the
same to `acd.simulation.world`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from acd.domain.agent import AgentProfile
from acd.domain.caller import Caller, CallerContext
from acd.domain.ids import AgentId
from acd.domain.priorities import Attributes
from acd.domain.queue import QueuePolicy, RoutingRules
from acd.simulation.scenario import Times
from routing import Requirements

NOBODY = Caller(number="")
NOTHING = CallerContext()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCall:
    """Times in seconds, `at` from the beginning of the day. `handle` is the talk."""

    at: float
    queue: str
    handle: float
    patience: float | None  # None: waits for ever
    wrap_up: float | None = None  # None: as the agent's own
    ring: float = 0.0  # until whoever is rung answers
    language: str = ""
    skills: Requirements = ()
    priority: int | None = None  # asked for by the menu
    attributes: Attributes = ()
    caller: Caller = NOBODY
    context: CallerContext = NOTHING


class Does(StrEnum):
    LOG_IN = "log_in"
    READY = "ready"
    NOT_READY = "not_ready"
    LOG_OUT = "log_out"
    CHANGE = "change"  # of skills


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What an agent does of their own accord. One that does not fit (ready while logged out) is left out."""

    at: float
    does: Does
    reason: str = ""
    profile: AgentProfile | None = None  # of CHANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class DayAgent:
    profile: AgentProfile
    group: str
    moves: Sequence[Move]  # in order
    wrap_up: Times | None = None
    no_answer: float = 0.0  # share of rings
    back_after: float = 60.0  # seconds of not ready after it

    @property
    def agent_id(self) -> AgentId:
        return self.profile.agent_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    start: datetime
    seconds: float
    warm_up: float  # seconds that are not counted
    policies: tuple[QueuePolicy, ...]
    rules: RoutingRules
    calls: Sequence[DayCall]  # in order
    agents: Sequence[DayAgent]
    seed: str  # of what is drawn while it runs
