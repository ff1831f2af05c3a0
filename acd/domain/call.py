"""A Call: the caller's whole visit, from the first ring to the ticket.

    arriving -> ivr -> waiting -> reserved -> talking -> ended
                          ^           |
                          +-----------+   no answer, rejected, phone unreachable: back with the same `queued_at`

Out of arriving, ivr and waiting a call may become `detached` and, brought back by the dialplan, go on where it was.
One that rings when control is lost goes on ringing; not answered, it is `detached` until it is back.
A talk has modes of its own (`acd.domain.talk`), and a talking call may be sent back to ivr or waiting, or on to an
outside number (`forwarded`). A caller may hang up in any stage. A call stays in the state until it has ended and its
agents' wrap-ups are done.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from acd.domain.caller import Caller, CallerContext
from acd.domain.ids import AgentId, CallId, QueueName, RecordingId, ReservationId
from acd.domain.outgoing import FarEnd
from acd.domain.people import OfferMode
from acd.domain.priorities import Attributes
from acd.domain.queue import OverflowCause, PreferredBy, RecordingMode
from acd.domain.talk import Consult, Handover, TalkMode
from acd.domain.work import CallKind, Message, Plan
from routing.model import Requirements


class CallStage(StrEnum):
    ARRIVING = "arriving"
    IVR = "ivr"
    WAITING = "waiting"
    RESERVED = "reserved"  # offered to an agent, whose phone rings
    TALKING = "talking"
    DETACHED = "detached"  # the service lost hold of the channel; music plays, the dialplan brings it back
    ENDED = "ended"
    FORWARDED = "forwarded"  # sent on to somebody who is no agent of ours: an outside number, an extension
    SCHEDULED = "scheduled"  # a callback for later: booked, or between two tries


class Result(StrEnum):
    ANSWERED = "answered"
    ABANDONED = "abandoned"  # left while waiting or ringing, after the queue's short-abandon limit
    SHORT_ABANDONED = "short_abandoned"
    LEFT_IVR = "left_ivr"  # hung up before reaching a queue
    DEFLECTED = "deflected"  # will be told when a major incident is over
    COMPLETED_IN_IVR = "completed_in_ivr"  # the menu ended the call
    TURNED_AWAY = "turned_away"  # not let into the queue, and told so
    CALLBACK_BOOKED = "callback_booked"  # left the queue, or the menu, to be called back
    MESSAGE_LEFT = "message_left"
    NOT_REACHED = "not_reached"  # whom we called did not answer
    CANCELED = "canceled"  # a callback that is not wanted any more
    FAILED = "failed"  # our fault or Asterisk's: this one must never happen


class Reason(StrEnum):
    CALLER_HUNG_UP = "caller_hung_up"
    AGENT_HUNG_UP = "agent_hung_up"
    FLOW_ENDED = "flow_ended"
    CHANNEL_GONE = "channel_gone"  # found missing at a resync with Asterisk
    SERVICE_ERROR = "service_error"
    FAR_END_BUSY = "far_end_busy"
    FAR_END_NO_ANSWER = "far_end_no_answer"
    FAR_END_MACHINE = "far_end_machine"
    FAR_END_FAILED = "far_end_failed"
    AGENT_NOT_REACHED = "agent_not_reached"  # the phone of one who placed a call
    CALLER_RANG_AGAIN = "caller_rang_again"
    CALLED_OFF = "called_off"  # by an agent or a supervisor
    SERVED_ELSEWHERE = "served_elsewhere"  # came to its end in the switch's fallback queue


class Termination(Struct, frozen=True):
    result: Result
    reason: Reason


class Ring(Struct, frozen=True):
    """A call is kept for these agents so long."""

    agents: tuple[AgentId, ...]
    reserve_time: timedelta
    by: PreferredBy = PreferredBy.NAMED


class IvrStep(Struct, frozen=True):
    """One node the caller passed, with the keys pressed there (never those of a secret field)."""

    node: str
    keys: str = ""
    exit: str = ""  # how it was left: the choice, `no_input`, `no_match`, ... (see ivr.model.PathEntry)
    no_inputs: int = 0
    no_matches: int = 0


class RunningRecording(Struct, frozen=True, kw_only=True):
    """Under way in the switch, which has confirmed it."""

    recording_id: RecordingId
    mode: RecordingMode
    started_at: datetime
    is_paused: bool = False


class Call(Struct, frozen=True, kw_only=True):
    call_id: CallId
    linkedid: str
    channel: str
    called_number: str
    caller: Caller
    started_at: datetime
    changed_at: datetime  # of the last event
    stage: CallStage = CallStage.ARRIVING
    is_controlled: bool = True  # False: no flow holds the channel, nobody can be rung from it
    language: str = ""
    context: CallerContext = CallerContext()
    ivr_path: tuple[IvrStep, ...] = ()
    ivr_times: tuple[float, ...] = ()  # seconds from `started_at` at which each step of it began
    flow: str = ""  # of the menus, with the version this caller entered: "hotline@0a1b2c3d4e5f"
    keyed_ticket: str | None = None
    queue: QueueName | None = None
    priority: int = 5
    priority_reason: str = ""
    attributes: Attributes = ()  # of the menu, that rules of priority ask for
    skills: Requirements = ()  # asked for by the IVR besides the queue's own
    queued_at: datetime | None = None
    attempts: int = 0  # reservations so far
    reservation_id: ReservationId | None = None
    agent_id: AgentId | None = None  # reserved for, or talking to, or last talked to
    offered_at: datetime | None = None
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    talk_ended_at: datetime | None = None
    ended_at: datetime | None = None
    termination: Termination | None = None
    place_at: datetime | None = None  # from when its place counts, where that is not `queued_at` (which is reported)
    step: int = 0  # the queue's routing step reached
    rings: tuple[Ring, ...] = ()  # agents it is kept for, one ring after the other, before all others
    ring: int = 0  # the ring in force; after the last one it is for everybody
    ring_since: datetime | None = None
    left_queues: tuple[QueueName, ...] = ()  # sent on from: it is never sent back
    offer_mode: OfferMode = OfferMode.RING  # of the latest reservation
    offer_accepted_at: datetime | None = None
    turned_away: OverflowCause | None = None  # at the door of a queue; it hears why and ends
    overflows: tuple[str, ...] = ()  # queue and cause of each, in order: "support:closed"
    reasons: tuple[str, ...] = ()  # why this agent, of the latest reservation
    kind: CallKind = CallKind.INBOUND
    parent: CallId | None = None  # the call in which this one was asked for
    plan: Plan | None = None  # of callbacks and outgoing calls
    dialled_at: datetime | None = None  # the agent is on the line and the far end rings; of the present reservation
    message: Message | None = None
    deflected_to: CallId | None = None  # the callback or message the caller left the line for
    talk_mode: TalkMode = TalkMode.TALKING
    held_by: str = ""  # a HeldBy while held
    mode_since: datetime | None = None  # since when the talk is as it is, once it has been anything but talking
    is_muted: bool = False  # the caller does not hear the agent
    consult: Consult | None = None
    consults: int = 0
    moves: int = 0  # how often the parties were put together anew: an end of a bridge in between was no hang-up
    handovers: tuple[Handover, ...] = ()  # who had it before, oldest first
    forwarded_to: FarEnd | None = None
    ticket_number: str | None = None  # committed by an agent who had it before
    recording: RunningRecording | None = None
    recordings: int = 0  # begun so far
    incident_id: str = ""  # the major incident whose end they will be told

    @property
    def is_kept(self) -> bool:
        """For the agents of a ring alone."""
        return self.ring < len(self.rings)

    @property
    def number_key(self) -> str:
        """By which a caller is known again; nothing for a withheld number."""
        return self.caller.e164 or (self.caller.number if self.caller.number.isdecimal() else "")

    @property
    def is_answered(self) -> bool:
        return self.answered_at is not None
