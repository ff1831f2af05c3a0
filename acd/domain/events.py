"""Events: facts, in the past tense. The state changes only by applying these, so replaying them rebuilds it."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from acd.domain.agent import AfterCall, AgentProfile, Draft
from acd.domain.call import Call, IvrStep, Ring, Termination
from acd.domain.caller import Caller, CallerContext
from acd.domain.ids import AgentId, CallId, QueueName, RecordingId, ReservationId
from acd.domain.outgoing import FarEnd
from acd.domain.people import OfferMode, Sentences
from acd.domain.priorities import Attributes
from acd.domain.queue import QueuePolicy, RecordingMode, RoutingRules
from acd.domain.talk import Consult, Handover, TalkMode
from routing.model import Requirements


class Event(Struct, frozen=True, kw_only=True, tag=True):
    at: datetime


class QueuesConfigured(Event, frozen=True, kw_only=True):
    queues: tuple[QueuePolicy, ...]
    rules: RoutingRules = RoutingRules()


class AgentRegistered(Event, frozen=True, kw_only=True):
    profile: AgentProfile


class AgentRemoved(Event, frozen=True, kw_only=True):
    agent_id: AgentId


class AgentLoggedIn(Event, frozen=True, kw_only=True):
    agent_id: AgentId


class AgentLoggedOut(Event, frozen=True, kw_only=True):
    agent_id: AgentId


class AgentBecameReady(Event, frozen=True, kw_only=True):
    agent_id: AgentId
    idle_since: datetime


class AgentBecameNotReady(Event, frozen=True, kw_only=True):
    """`resumes`: for the phone's sake alone; ready again when it is back. `ticket`: of after-call work."""

    agent_id: AgentId
    reason: str
    resumes: bool = False
    ticket: str = ""


class AfterCallChosen(Event, frozen=True, kw_only=True):
    """The agent asked during a call for a state after it; None takes the wish back."""

    agent_id: AgentId
    after_call: AfterCall | None


class CallStarted(Event, frozen=True, kw_only=True):
    call_id: CallId
    linkedid: str
    channel: str
    called_number: str
    caller: Caller
    language: str
    started_at: datetime


class CallRejoined(Event, frozen=True, kw_only=True):
    """The same call came back under control (the service or its socket had gone)."""

    call_id: CallId
    channel: str


class CallDetached(Event, frozen=True, kw_only=True):
    """Control over the channel was lost; the call cannot be offered (again) until it is back. A ring goes on."""

    call_id: CallId


class CallerIdentified(Event, frozen=True, kw_only=True):
    call_id: CallId
    caller: Caller
    context: CallerContext


class IvrPathRecorded(Event, frozen=True, kw_only=True):
    call_id: CallId
    path: tuple[IvrStep, ...]
    language: str
    flow: str = ""
    flow_version: str = ""


class CallDeflected(Event, frozen=True, kw_only=True):
    """The caller will be told when this major incident is over."""

    call_id: CallId
    incident_id: str


class SurveyStarted(Event, frozen=True, kw_only=True):
    call_id: CallId
    flow: str


class SurveyAnswered(Event, frozen=True, kw_only=True):
    """`measure`: csat, nps, resolved or comment; of a comment the value is `recorded`."""

    call_id: CallId
    measure: str
    value: str


class SurveyAdopted(Event, frozen=True, kw_only=True):
    """A survey found under way: the service was restarted meanwhile."""

    call: Call


class TicketKeyed(Event, frozen=True, kw_only=True):
    call_id: CallId
    context: CallerContext


class CallQueued(Event, frozen=True, kw_only=True):
    call_id: CallId
    queue: QueueName
    priority: int
    skills: Requirements
    queued_at: datetime
    priority_reason: str = ""
    attributes: Attributes = ()  # of the menu, that rules of priority ask for
    place_at: datetime | None = None
    step: int = 0
    rings: tuple[Ring, ...] = ()
    ring: int = 0
    ring_since: datetime | None = None


class PlaceAdjusted(Event, frozen=True, kw_only=True):
    call_id: CallId
    place_at: datetime


class StepReached(Event, frozen=True, kw_only=True):
    """The call asks for less from now on, is kept for other agents, or no longer kept. `cause`: `time`, `nobody_able`,
    `wait_too_long`; of a ring `reserve_over`, `preferred_away`."""

    call_id: CallId
    queue: QueueName
    step: int
    ring: int
    cause: str


class CallOverflowed(Event, frozen=True, kw_only=True):
    """Not let into `queue`, or sent on from it: to `to_queue`, into the menu `to_flow`, or, with neither, turned away
    with an announcement."""

    call_id: CallId
    queue: QueueName
    cause: str  # an OverflowCause, or `step`
    to_queue: QueueName | None
    to_flow: str = ""


class ReserveCalledUp(Event, frozen=True, kw_only=True):
    queue: QueueName


class ReserveStoodDown(Event, frozen=True, kw_only=True):
    queue: QueueName


class CallReserved(Event, frozen=True, kw_only=True):
    """One call, one agent, and the reasons why."""

    call_id: CallId
    queue: QueueName
    reservation_id: ReservationId
    agent_id: AgentId
    attempt: int
    reasons: tuple[str, ...]
    mode: OfferMode = OfferMode.RING


class AgentRang(Event, frozen=True, kw_only=True):
    call_id: CallId
    reservation_id: ReservationId
    agent_id: AgentId


class ReservationAccepted(Event, frozen=True, kw_only=True):
    """The agent answered: the talk begins."""

    call_id: CallId
    queue: QueueName
    reservation_id: ReservationId
    agent_id: AgentId
    wait_seconds: float


class ReservationRejected(Event, frozen=True, kw_only=True):
    """The agent refused; the call waits again with its `queued_at`."""

    call_id: CallId
    queue: QueueName
    reservation_id: ReservationId
    agent_id: AgentId
    reason: str


class ReservationTimedOut(Event, frozen=True, kw_only=True):
    """No answer (RONA)."""

    call_id: CallId
    queue: QueueName
    reservation_id: ReservationId
    agent_id: AgentId


class ReservationRescinded(Event, frozen=True, kw_only=True):
    """The phone could not be rung."""

    call_id: CallId
    queue: QueueName
    reservation_id: ReservationId
    agent_id: AgentId
    cause: str


class ReservationCanceled(Event, frozen=True, kw_only=True):
    """The caller left while the phone rang."""

    call_id: CallId
    queue: QueueName
    reservation_id: ReservationId
    agent_id: AgentId


class TalkAdopted(Event, frozen=True, kw_only=True):
    """A talk found under way: the service was restarted meanwhile. `after_call`: logged out, for an agent who is.
    `wait_seconds`: of a call that the switch's fallback queue gave to the agent."""

    call: Call
    agent_id: AgentId
    after_call: AfterCall | None
    wait_seconds: float | None = None


class CallServedElsewhere(Event, frozen=True, kw_only=True):
    """The switch's fallback queue brought a call to its end, `call.is_answered` or not."""

    call_id: CallId
    call: Call
    wait_seconds: float


class TalkEnded(Event, frozen=True, kw_only=True):
    call_id: CallId
    queue: QueueName
    agent_id: AgentId
    talk_seconds: float


class WrapUpStarted(Event, frozen=True, kw_only=True):
    agent_id: AgentId
    call_id: CallId
    until: datetime
    queue: str = ""


class DraftKept(Event, frozen=True, kw_only=True):
    agent_id: AgentId
    call_id: CallId
    draft: Draft


class WrapUpEnded(Event, frozen=True, kw_only=True):
    """`by_agent` False: the time limit ended it, the ticket is to be qualified."""

    agent_id: AgentId
    call_id: CallId
    queue: QueueName
    by_agent: bool
    wrap_up_seconds: float


class RecordingStarted(Event, frozen=True, kw_only=True):
    """The switch records. `agent_id`: with whom the caller talks. `is_paused`: found so after a restart."""

    call_id: CallId
    recording_id: RecordingId
    queue: QueueName
    agent_id: AgentId | None
    mode: RecordingMode
    is_paused: bool = False


class RecordingPaused(Event, frozen=True, kw_only=True):
    """From here on nothing that is said gets into the file, until it is resumed."""

    call_id: CallId
    recording_id: RecordingId
    agent_id: AgentId | None


class RecordingResumed(Event, frozen=True, kw_only=True):
    call_id: CallId
    recording_id: RecordingId
    agent_id: AgentId | None


class RecordingStopped(Event, frozen=True, kw_only=True):
    """`cause`: `talk_ended`, `call_ended`, `by_agent`, `failed`."""

    call_id: CallId
    recording_id: RecordingId
    agent_id: AgentId | None
    cause: str


class RecordingFailed(Event, frozen=True, kw_only=True):
    """The call goes on. `cause`: `disk_full`, `refused` (by the switch), `no_file`, `not_paused`, `not_resumed`."""

    call_id: CallId
    recording_id: RecordingId
    agent_id: AgentId | None
    queue: QueueName
    cause: str


class CallEnded(Event, frozen=True, kw_only=True):
    call_id: CallId
    queue: QueueName | None
    termination: Termination
    wait_seconds: float | None  # in the queue, for calls that got so far and were not answered


class TicketCommitted(Event, frozen=True, kw_only=True):
    call_id: CallId
    agent_id: AgentId
    ticket_number: str
    to_qualify: bool


# callbacks, outgoing calls, messages, announcements --------------------------------------------------------------


class CallerLeftLine(Event, frozen=True, kw_only=True):
    """The caller leaves the queue, or the menu, because something else was arranged: `to`, a callback or a message."""

    call_id: CallId
    queue: QueueName | None
    to: CallId


class WorkOpened(Event, frozen=True, kw_only=True):
    """A callback, a message or an outgoing call, as it begins."""

    call: Call


class CallbackScheduled(Event, frozen=True, kw_only=True):
    """Not before `due_at`: a booked time."""

    call_id: CallId
    queue: QueueName
    due_at: datetime


class FarEndDialled(Event, frozen=True, kw_only=True):
    """The agent is on the line, and the number is being called."""

    call_id: CallId
    queue: QueueName
    reservation_id: ReservationId
    agent_id: AgentId


class FarEndNotReached(Event, frozen=True, kw_only=True):
    """`next_at`: when it is tried again; None: no more, or, for an outgoing call, never."""

    call_id: CallId
    queue: QueueName
    reservation_id: ReservationId
    agent_id: AgentId
    cause: str
    tries: int
    next_at: datetime | None


class OutgoingCallPlaced(Event, frozen=True, kw_only=True):
    """`after_call`: what the agent was before, if that was not ready."""

    call: Call
    agent_id: AgentId
    reservation_id: ReservationId
    after_call: AfterCall | None


class WaitAnnounced(Event, frozen=True, kw_only=True):
    """The caller is told how they stand; None: not known, and left out."""

    call_id: CallId
    queue: QueueName
    position: int | None
    expected_wait_seconds: float | None


# people and their supervisors ----------------------------------------------------------------------------------


class OfferAccepted(Event, frozen=True, kw_only=True):
    """On the screen; the phone rings from now on."""

    call_id: CallId
    reservation_id: ReservationId
    agent_id: AgentId


class WrapUpExtended(Event, frozen=True, kw_only=True):
    agent_id: AgentId
    call_id: CallId
    until: datetime
    by_time: timedelta


class ReasonLimitPassed(Event, frozen=True, kw_only=True):
    """`limit`: `occurrence` or `shift`; `seconds`: how long it is."""

    agent_id: AgentId
    reason: str
    limit: str
    seconds: float


class PhoneChanged(Event, frozen=True, kw_only=True):
    """`trouble` "": the phone can be rung."""

    agent_id: AgentId
    trouble: str


class CallMoved(Event, frozen=True, kw_only=True):
    """By hand, out of `queue`; CallQueued follows."""

    call_id: CallId
    queue: QueueName
    to_queue: QueueName


class CallPrioritised(Event, frozen=True, kw_only=True):
    call_id: CallId
    queue: QueueName
    priority: int


class CallKept(Event, frozen=True, kw_only=True):
    """Before all other rings from now on."""

    call_id: CallId
    queue: QueueName
    ring: Ring


class QueueDoorSet(Event, frozen=True, kw_only=True):
    """`is_open` None: back to the calendar."""

    queue: QueueName
    is_open: bool | None
    announcement: Sentences = ()


class TextBroadcast(Event, frozen=True, kw_only=True):
    text: str
    sender: str
    queue: QueueName | None
    agents: tuple[AgentId, ...]


# what people do with a talk --------------------------------------------------------------------------------------


class TalkHeld(Event, frozen=True, kw_only=True):
    """The caller hears music. `by`: a HeldBy."""

    call_id: CallId
    queue: QueueName
    agent_id: AgentId
    by: str


class TalkResumed(Event, frozen=True, kw_only=True):
    """`cause`: `screen`, `phone`, or `failed` (it could not be held)."""

    call_id: CallId
    queue: QueueName
    agent_id: AgentId
    cause: str


class AgentMuted(Event, frozen=True, kw_only=True):
    call_id: CallId
    agent_id: AgentId
    is_muted: bool


class ConsultStarted(Event, frozen=True, kw_only=True):
    """The caller hears music, the consulted party is rung."""

    call_id: CallId
    queue: QueueName
    agent_id: AgentId
    consult: Consult


class ConsultAnswered(Event, frozen=True, kw_only=True):
    call_id: CallId
    queue: QueueName
    agent_id: AgentId
    consult_id: str
    consulted_id: AgentId | None


class ConsultSwapped(Event, frozen=True, kw_only=True):
    """`with_caller`: the agent speaks with the caller now, and the consulted party hears music; else the reverse."""

    call_id: CallId
    queue: QueueName
    agent_id: AgentId
    consult_id: str
    with_caller: bool


class ConsultEnded(Event, frozen=True, kw_only=True):
    """The consulted party is no more part of it. `mode`: how the talk goes on. `cause`: `canceled`, `hung_up`,
    `no_answer`, `busy`, `unreachable`, `failed`, `rejected`, `talk_over`, `transferred`."""

    call_id: CallId
    queue: QueueName
    agent_id: AgentId
    consult_id: str
    consulted_id: AgentId | None
    cause: str
    mode: TalkMode


class ConferenceStarted(Event, frozen=True, kw_only=True):
    call_id: CallId
    queue: QueueName
    agent_id: AgentId
    consult_id: str


class ConferenceEnded(Event, frozen=True, kw_only=True):
    """Two are left, or nobody; a ConsultEnded, a CallTransferred or the end of the talk says who."""

    call_id: CallId
    queue: QueueName
    agent_id: AgentId
    cause: str


class CallTransferred(Event, frozen=True, kw_only=True):
    """The agent of `handover` has it no more. Follows their TalkEnded.

    `reservation_id` set: `to_agent` talks to the caller from now on (a consultation completed). Else with `far_end` it
    goes on there (`forwarded`), with `flow` into the menus, and without either a CallQueued follows.
    """

    call_id: CallId
    queue: QueueName
    agent_id: AgentId
    handover: Handover
    to_agent: AgentId | None = None
    reservation_id: ReservationId | None = None
    attempt: int = 0
    far_end: FarEnd | None = None
    flow: str = ""


class ForwardFailed(Event, frozen=True, kw_only=True):
    """The number did not answer; a CallQueued follows. `queue`: the one it was sent on from."""

    call_id: CallId
    queue: QueueName
    cause: str
