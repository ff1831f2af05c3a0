"""An agent and the states of style.md: logged_out, not_ready, ready, reserved, talking, wrap_up."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from acd.domain.ids import AgentId, CallId, ReservationId
from routing.model import Skills, Taste


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
    PHONE_UNREGISTERED = "phone_unregistered"
    DO_NOT_DISTURB = "do_not_disturb"  # set on the phone
    AFTER_CALL_WORK = "after_call_work"  # on a ticket; counts as handling
    SUPERVISOR = "supervisor"  # a supervisor's doing


BUSY_STATES = frozenset({AgentState.RESERVED, AgentState.TALKING, AgentState.WRAP_UP})


class AfterCall(Struct, frozen=True):
    """What an agent asked for during a call, done when the wrap-up is over."""

    state: AgentState  # not_ready or logged_out
    reason: str = ""
    ticket: str = ""  # of after-call work


class Draft(Struct, frozen=True, kw_only=True):
    """What an agent has typed about a call so far, not yet said."""

    code: str = ""
    note: str = ""
    title: str = ""
    link_to: str | None = None
    new_ticket: bool = False


class AgentProfile(Struct, frozen=True, kw_only=True):
    agent_id: AgentId
    login: str
    name: str
    extension: str
    skills: Skills = ()
    taste: Taste | None = None  # which queues this agent prefers, or gets what share of


class Tally(Struct, kw_only=True):
    """What an agent has done since log-in, as far as routing goes by it. Changed in place by events alone."""

    logged_in_at: datetime
    handled_seconds: float = 0.0  # talk, wrap-up and after-call work
    calls: int = 0  # answered
    times_ready: int = 0
    taken: dict[str, int] = {}  # offered, by queue
    last_offers: dict[str, int] = {}  # queue to serial of its last offer to this agent
    row: tuple[str, int] = ("", 0)  # queue last answered, how many in a row
    not_ready_seconds: dict[str, float] = {}  # by reason

    def occupancy(self, now: datetime) -> float:
        """Handling / time since log-in, 0 to 1."""
        since = (now - self.logged_in_at).total_seconds()
        return min(1.0, self.handled_seconds / since) if since > 0 else 0.0


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
    talked_seconds: float = 0.0  # in the talk being wrapped up
    wrap_up_queue: str = ""  # its queue: the call may be in another one by now
    draft: Draft | None = None  # of this call
    wrap_up_extended: timedelta = timedelta(0)
    phone_trouble: str = ""  # "", phone_unregistered or do_not_disturb, as far as the switch has told
    resumes_ready: bool = False  # not ready for the phone's sake alone: ready again when it is back
    ticket: str = ""  # being worked on after its call
    limits_passed: tuple[str, ...] = ()  # of the reason: "occurrence", "shift"

    @property
    def agent_id(self) -> AgentId:
        return self.profile.agent_id
