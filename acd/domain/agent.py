"""An agent and the states of style.md: logged_out, not_ready, ready, reserved, talking, wrap_up."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from acd.domain.ids import AgentId, CallId, ReservationId
from routing.model import Skills


class AgentState(StrEnum):
    LOGGED_OUT = "logged_out"
    NOT_READY = "not_ready"
    READY = "ready"
    RESERVED = "reserved"
    TALKING = "talking"
    WRAP_UP = "wrap_up"


class NotReadyReason:
    """Reasons set by the engine; agents may give others (break, training, ...)."""

    LOGGED_IN = "logged_in"
    RONA = "rona"  # redirect on no answer
    REJECTED = "rejected"
    PHONE_UNREACHABLE = "phone_unreachable"
    PHONE_BUSY = "phone_busy"
    RING_FAILED = "ring_failed"


BUSY_STATES = frozenset({AgentState.RESERVED, AgentState.TALKING, AgentState.WRAP_UP})


class AfterCall(Struct, frozen=True):
    """What an agent asked for during a call, done when the wrap-up is over."""

    state: AgentState  # not_ready or logged_out
    reason: str = ""


class AgentProfile(Struct, frozen=True, kw_only=True):
    agent_id: AgentId
    login: str
    name: str
    extension: str
    skills: Skills = ()


class Agent(Struct, frozen=True, kw_only=True):
    profile: AgentProfile
    state: AgentState = AgentState.LOGGED_OUT
    since: datetime | None = None
    reason: str = ""  # of not_ready
    idle_since: datetime | None = None  # end of the last handled call or first ready; decides longest-idle
    reservation_id: ReservationId | None = None
    call_id: CallId | None = None  # reserved, talking or wrap_up
    wrap_up_until: datetime | None = None
    after_call: AfterCall | None = None

    @property
    def agent_id(self) -> AgentId:
        return self.profile.agent_id
