"""Commands: what is asked of the engine, in the imperative.

Two kinds. People's commands (agents, supervisors) are refused with a DomainError when the state does not allow them.
Reports from the world (a phone rang out, a caller left) may come late or twice: stale ones change nothing.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from acd.domain.agent import AgentProfile, Draft
from acd.domain.call import Call, IvrStep, Reason
from acd.domain.caller import Caller, CallerContext
from acd.domain.ids import AgentId, CallId, QueueName, RecordingId, ReservationId
from acd.domain.outgoing import FarEnd
from acd.domain.people import Sentences
from acd.domain.priorities import Attributes
from acd.domain.queue import QueuePolicy, RecordingMode, RoutingRules
from acd.domain.talk import Destination
from acd.domain.work import FarEndCause, Message
from routing.model import Requirements


class Command(Struct, frozen=True, kw_only=True, tag=True):
    pass


# configuration and people --------------------------------------------------------------------------------------


class ConfigureQueues(Command, frozen=True, kw_only=True):
    """The whole set of queues, at start and at each reload. Queues with calls inside are kept until empty."""

    queues: tuple[QueuePolicy, ...]
    rules: RoutingRules = RoutingRules()


class RegisterAgent(Command, frozen=True, kw_only=True):
    """Make an agent known, or change name, extension or skills."""

    profile: AgentProfile


class RemoveAgent(Command, frozen=True, kw_only=True):
    agent_id: AgentId


class LogInAgent(Command, frozen=True, kw_only=True):
    agent_id: AgentId


class LogOutAgent(Command, frozen=True, kw_only=True):
    """During a call it takes effect after the wrap-up."""

    agent_id: AgentId


class MakeReady(Command, frozen=True, kw_only=True):
    agent_id: AgentId


class MakeNotReady(Command, frozen=True, kw_only=True):
    """During a call it takes effect after the wrap-up."""

    agent_id: AgentId
    reason: str


class RejectReservation(Command, frozen=True, kw_only=True):
    agent_id: AgentId
    reason: str = ""


class EndWrapUp(Command, frozen=True, kw_only=True):
    """The agent's word on the call: link it to the ticket `link_to`, or to the one the caller keyed, or open a new one.

    `new_ticket` asks for a new one although the caller keyed a number.
    """

    agent_id: AgentId
    code: str = ""
    note: str = ""
    title: str = ""
    link_to: str | None = None
    new_ticket: bool = False


class StartRecording(Command, frozen=True, kw_only=True):
    """By the agent who talks, where the queue allows it."""

    agent_id: AgentId


class PauseRecording(Command, frozen=True, kw_only=True):
    agent_id: AgentId


class ResumeRecording(Command, frozen=True, kw_only=True):
    agent_id: AgentId


class StopRecording(Command, frozen=True, kw_only=True):
    """What the agent has begun; what the queue wants recorded can only be paused."""

    agent_id: AgentId


class KeepDraft(Command, frozen=True, kw_only=True):
    """What the agent has typed about this call so far: if the time for the wrap-up runs out, it counts as said."""

    agent_id: AgentId
    call_id: CallId
    draft: Draft


# a call's way --------------------------------------------------------------------------------------------------


class StartCall(Command, frozen=True, kw_only=True):
    """A caller's channel came under control. A call already known (AGI re-entered) only changes its channel."""

    call_id: CallId
    linkedid: str
    channel: str
    called_number: str
    caller: Caller
    language: str
    started_at: datetime | None = None  # earlier than now when the call outlived a restart of the service


class IdentifyCaller(Command, frozen=True, kw_only=True):
    call_id: CallId
    caller: Caller
    context: CallerContext


class RecordIvrPath(Command, frozen=True, kw_only=True):
    """The caller's way through the menus so far, whole."""

    call_id: CallId
    path: tuple[IvrStep, ...]
    language: str
    flow: str = ""
    flow_version: str = ""


class DeflectCall(Command, frozen=True, kw_only=True):
    """The caller will be told when this major incident is over, and needs no agent."""

    call_id: CallId
    incident_id: str


class StartSurvey(Command, frozen=True, kw_only=True):
    """The talk is over, the caller stays and is asked what they think of it."""

    call_id: CallId
    flow: str


class AnswerSurvey(Command, frozen=True, kw_only=True):
    """`measure`: csat, nps, resolved or comment, with the value as keyed; of a comment `recorded`."""

    call_id: CallId
    measure: str
    value: str


class AdoptSurvey(Command, frozen=True, kw_only=True):
    """A survey that began before this service did, as the desk knows the call: its talk is over."""

    call: Call


class KeepKeyedTicket(Command, frozen=True, kw_only=True):
    """The caller keyed this ticket number, and it is theirs."""

    call_id: CallId
    context: CallerContext


class EnqueueCall(Command, frozen=True, kw_only=True):
    call_id: CallId
    queue: QueueName
    priority: int | None = None  # asked for by the menu; see `acd.domain.priorities`
    skills: Requirements = ()  # needed besides the queue's own
    queued_at: datetime | None = None  # earlier than now: an age kept across a restart
    is_back: bool = False  # it waited before control was lost: it need not be let in again
    attributes: Attributes = ()  # of the menu, that rules of priority ask for
    place_at: datetime | None = None  # from when its place counts, if not from `queued_at`: a callback keeps its place


class AdjustPlace(Command, frozen=True, kw_only=True):
    """Let a waiting call's place count from `place_at`. What is reported as its wait does not change."""

    call_id: CallId
    place_at: datetime


class ReachStep(Command, frozen=True, kw_only=True):
    """A reserve time, or the time up to a routing step, has passed."""

    call_id: CallId


class WatchReserve(Command, frozen=True, kw_only=True):
    """Somebody may have waited so long that the queue's reserve is called up."""

    queue: QueueName


class ReportRinging(Command, frozen=True, kw_only=True):
    call_id: CallId
    reservation_id: ReservationId


class ReportAnswer(Command, frozen=True, kw_only=True):
    call_id: CallId
    reservation_id: ReservationId


class ReportNoAnswer(Command, frozen=True, kw_only=True):
    """Dial's limit passed, or the safety timer's."""

    call_id: CallId
    reservation_id: ReservationId


class ExpireOffer(Command, frozen=True, kw_only=True):
    """The engine's own limit for a ring has passed."""

    call_id: CallId
    reservation_id: ReservationId


class SettleOffer(Command, frozen=True, kw_only=True):
    """The call is back without an answer, before the time of its offer was over: the service had died meanwhile."""

    call_id: CallId
    reservation_id: ReservationId


class ReportRingFailed(Command, frozen=True, kw_only=True):
    """The phone could not be rung; `cause` is one of NotReadyReason's phone reasons."""

    call_id: CallId
    reservation_id: ReservationId
    cause: str


class ReportTalkEnded(Command, frozen=True, kw_only=True):
    call_id: CallId
    reservation_id: ReservationId


class AdoptTalk(Command, frozen=True, kw_only=True):
    """A talk that began before this service did, as the desk knows the call; `call.agent_id` has answered it."""

    call: Call


class ReportRecordingStarted(Command, frozen=True, kw_only=True):
    """The switch records, or was found recording after a restart."""

    call_id: CallId
    recording_id: RecordingId
    mode: RecordingMode
    is_paused: bool = False


class ReportRecordingPaused(Command, frozen=True, kw_only=True):
    call_id: CallId
    recording_id: RecordingId
    is_paused: bool  # False: resumed


class ReportRecordingFailed(Command, frozen=True, kw_only=True):
    call_id: CallId
    recording_id: RecordingId
    cause: str  # see events.RecordingFailed


class AdoptServedTalk(Command, frozen=True, kw_only=True):
    """The same for a talk that the switch's fallback queue gave to `call.agent_id`: the call may still wait as far as
    the state knows."""

    call: Call


class AccountForCall(Command, frozen=True, kw_only=True):
    """A call that came to its end in the switch's fallback queue, answered or not, with what is known of it."""

    call: Call


class EndCall(Command, frozen=True, kw_only=True):
    """The caller's channel is gone, or the flow has ended."""

    call_id: CallId
    reason: Reason


class ReportControlLost(Command, frozen=True, kw_only=True):
    """The session that controls the caller's channel died; the channel may live on."""

    call_id: CallId


class ExpireWrapUp(Command, frozen=True, kw_only=True):
    agent_id: AgentId
    call_id: CallId


class ReportTicket(Command, frozen=True, kw_only=True):
    """The desk committed the call's ticket."""

    call_id: CallId
    agent_id: AgentId
    ticket_number: str
    to_qualify: bool


class SettleCall(Command, frozen=True, kw_only=True):
    """An answered call of which nobody will say anything more: its agent's wrap-up was lost with a service that died.
    `call`: as last recorded. It gets its ticket, to be qualified."""

    call: Call


class Reconcile(Command, frozen=True, kw_only=True):
    """Every Linkedid alive in Asterisk at `observed_at`: calls started before and not among them are gone."""

    live_linkedids: frozenset[str]
    observed_at: datetime


# callbacks, outgoing calls, messages, announcements --------------------------------------------------------------


class RequestCallback(Command, frozen=True, kw_only=True):
    """The caller of `call_id` hangs up now and is called back, with their place in the queue.

    `queue` None: the one they wait in. `caller`: who is to be called. A second request for the same number and queue
    keeps the first one's place. Refused with CallbackRefusedError.
    """

    call_id: CallId
    caller: Caller
    far: FarEnd
    queue: QueueName | None = None
    due_at: datetime | None = None
    priority: int | None = None
    skills: Requirements = ()


class StartCallback(Command, frozen=True, kw_only=True):
    """The booked time has come, or that of the next try."""

    call_id: CallId


class CancelCallback(Command, frozen=True, kw_only=True):
    call_id: CallId


class ReportAgentOnLine(Command, frozen=True, kw_only=True):
    """The agent's phone was answered; the far end is being called."""

    call_id: CallId
    reservation_id: ReservationId


class ReportNotReached(Command, frozen=True, kw_only=True):
    call_id: CallId
    reservation_id: ReservationId
    cause: FarEndCause


class PlaceCall(Command, frozen=True, kw_only=True):
    """An agent calls somebody: their own phone first, then `far`. `context`: with the ticket it is about, if any."""

    agent_id: AgentId
    call_id: CallId
    linkedid: str
    caller: Caller  # who is called
    far: FarEnd
    queue: QueueName
    language: str = ""
    context: CallerContext = CallerContext()


class LeaveMessage(Command, frozen=True, kw_only=True):
    """The caller has left a message for this queue. Told twice, it is the same one."""

    call_id: CallId
    queue: QueueName
    message: Message
    priority: int | None = None
    skills: Requirements = ()


class AcceptMessage(Command, frozen=True, kw_only=True):
    """The agent takes the message they are offered, and listens to it."""

    agent_id: AgentId


class FinishMessage(Command, frozen=True, kw_only=True):
    """The agent has dealt with it: on to the wrap-up."""

    agent_id: AgentId


class ExpireMessage(Command, frozen=True, kw_only=True):
    """Somebody has been with a message for longer than anybody needs."""

    call_id: CallId


class AnnounceWait(Command, frozen=True, kw_only=True):
    """It is time to tell this caller how they stand."""

    call_id: CallId


# people and their supervisors ----------------------------------------------------------------------------------


class AcceptOffer(Command, frozen=True, kw_only=True):
    """On the screen, where the offer mode asks for it: now the phone rings."""

    agent_id: AgentId


class ExtendWrapUp(Command, frozen=True, kw_only=True):
    agent_id: AgentId
    seconds: float | None = None  # None: what the queue says; less is given when its limit is near


class StartTicketWork(Command, frozen=True, kw_only=True):
    """After-call work on a ticket: not ready, and counted as handling. During a call: after it."""

    agent_id: AgentId
    ticket: str


class WatchReason(Command, frozen=True, kw_only=True):
    """A limit of the reason for which the agent is not ready since then may have passed."""

    agent_id: AgentId
    since: datetime


class ReportPhone(Command, frozen=True, kw_only=True):
    """`trouble`: why the agent's phone cannot be rung, one of NotReadyReason's; "" when it can."""

    agent_id: AgentId
    trouble: str


class MoveCall(Command, frozen=True, kw_only=True):
    """A waiting call into another queue, with its age."""

    call_id: CallId
    queue: QueueName


class PrioritiseCall(Command, frozen=True, kw_only=True):
    """0 is served first."""

    call_id: CallId
    priority: int


class AssignCall(Command, frozen=True, kw_only=True):
    """Keep a waiting call for one agent, whatever their skills: at once when ready, else for a while."""

    call_id: CallId
    agent_id: AgentId


class SetQueueDoor(Command, frozen=True, kw_only=True):
    """`is_open` None: back to the calendar. Callers inside are not sent away."""

    queue: QueueName
    is_open: bool | None
    announcement: Sentences = ()


class BroadcastText(Command, frozen=True, kw_only=True):
    """`queue` None: to every agent logged in; else to those whose skills suffice for it."""

    text: str
    sender: str
    queue: QueueName | None = None


# a talk: what its agent does -------------------------------------------------------------------------------------


class HoldCall(Command, frozen=True, kw_only=True):
    agent_id: AgentId


class ResumeCall(Command, frozen=True, kw_only=True):
    agent_id: AgentId


class MuteCall(Command, frozen=True, kw_only=True):
    agent_id: AgentId
    is_muted: bool


class SendDigits(Command, frozen=True, kw_only=True):
    """To whom the agent speaks with."""

    agent_id: AgentId
    digits: str  # 0-9, *, #, A-D


class TransferCall(Command, frozen=True, kw_only=True):
    """Send the caller on without asking there first. `title`, `note`: for the next agent."""

    agent_id: AgentId
    to: Destination
    title: str = ""
    note: str = ""


class ConsultAgent(Command, frozen=True, kw_only=True):
    """Ask an agent, an extension or an outside number while the caller hears music."""

    agent_id: AgentId
    to_agent: AgentId | None = None
    number: str = ""


class SwapCalls(Command, frozen=True, kw_only=True):
    """Speak with the other one of caller and consulted party."""

    agent_id: AgentId


class CancelConsult(Command, frozen=True, kw_only=True):
    """Let the consulted party go; back to the caller."""

    agent_id: AgentId


class CompleteTransfer(Command, frozen=True, kw_only=True):
    """Leave caller and consulted party together, out of a consultation or a conference."""

    agent_id: AgentId
    title: str = ""
    note: str = ""


class StartConference(Command, frozen=True, kw_only=True):
    agent_id: AgentId


class PickUpCall(Command, frozen=True, kw_only=True):
    """Take a waiting call by hand, where its queue permits that."""

    agent_id: AgentId
    call_id: CallId


class TakeOverCall(Command, frozen=True, kw_only=True):
    """A supervisor's: this agent's phone (the supervisor's own, or anybody's) gets a talk that another agent has."""

    call_id: CallId
    agent_id: AgentId


# a talk: what the world reports ----------------------------------------------------------------------------------


class ReportPhoneHold(Command, frozen=True, kw_only=True):
    """The agent pressed the phone's own hold key."""

    call_id: CallId
    agent_id: AgentId
    is_held: bool


class ReportConsultAnswer(Command, frozen=True, kw_only=True):
    call_id: CallId
    consult_id: str


class ReportConsultOver(Command, frozen=True, kw_only=True):
    """The consulted party did not answer, or has hung up."""

    call_id: CallId
    consult_id: str
    cause: str


class ExpireConsult(Command, frozen=True, kw_only=True):
    """The engine's own limit for a ring has passed."""

    call_id: CallId
    consult_id: str


class ReportAgentGone(Command, frozen=True, kw_only=True):
    """The phone of the talk's own agent has hung up (while not in plain talk: there the caller's flow hears of it)."""

    call_id: CallId
    agent_id: AgentId


class ReportArrangementFailed(Command, frozen=True, kw_only=True):
    call_id: CallId
    moves: int
    cause: str


class ReportForwardFailed(Command, frozen=True, kw_only=True):
    """Nobody answered at the number the caller was sent to."""

    call_id: CallId
    cause: str
