"""Effects: what the engine wishes of the world. A failed one comes back as a command, never as a swallowed warning."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from acd.domain.arrangement import Arrangement
from acd.domain.call import Call
from acd.domain.commands import Command
from acd.domain.ids import AgentId, CallId, QueueName, RecordingId, ReservationId
from acd.domain.outgoing import FarEnd
from acd.domain.people import Whisper
from acd.domain.queue import RecordingMode
from acd.domain.talk import Consult


class Effect(Struct, frozen=True, kw_only=True, tag=True):
    pass


class RingAgent(Effect, frozen=True, kw_only=True):
    """Ring this agent's phone from the caller's channel. The screen-pop went out before."""

    call_id: CallId
    reservation_id: ReservationId
    agent_id: AgentId
    extension: str
    offer_time: timedelta
    is_auto_answer: bool = False
    whisper: Whisper | None = None  # said to the agent before the bridge


class TurnAway(Effect, frozen=True, kw_only=True):
    """Say this to the caller, in their language if it is there, and end the call; with `flow`, on to that menu."""

    call_id: CallId
    announcement: tuple[tuple[str, str], ...]  # language and sentence
    flow: str = ""


class CallAgentFirst(Effect, frozen=True, kw_only=True):
    """Ring this agent's phone on a channel of its own, `channel_id`; on answer `far` is called and joined to it."""

    call_id: CallId
    reservation_id: ReservationId
    agent_id: AgentId
    extension: str
    offer_time: timedelta
    channel_id: str
    far: FarEnd
    ring_time: timedelta  # of the far end
    detect_machines: bool = False
    shown: str = ""  # on the agent's phone


class Announce(Effect, frozen=True, kw_only=True):
    """Walk `flow` with this caller while they wait."""

    call_id: CallId
    flow: str
    position: int | None
    expected_wait_seconds: float | None


class StopRinging(Effect, frozen=True, kw_only=True):
    """The reservation is over but the phone may still ring."""

    call_id: CallId
    reservation_id: ReservationId


class ArrangeTalk(Effect, frozen=True, kw_only=True):
    """Put the call's parties together as the call now says: it was `before`, it is `after`. Comes back as
    `ReportArrangementFailed` when the switch does not do it."""

    call_id: CallId
    moves: int  # of the call, when this was decided
    before: Arrangement
    after: Arrangement
    agent_extension: str = ""  # whose leg the talk had, "" when there is none
    consult: Consult | None = None  # as it was before


class MuteAgent(Effect, frozen=True, kw_only=True):
    call_id: CallId
    extension: str
    is_muted: bool


class PlayDigits(Effect, frozen=True, kw_only=True):
    """Send these keys to the party the agent speaks with."""

    call_id: CallId
    digits: str
    to: str  # "caller" or "consulted"
    consult: Consult | None = None


class StartRecording(Effect, frozen=True, kw_only=True):
    """Record the caller's channel, both directions, from now on."""

    call_id: CallId
    recording_id: RecordingId
    linkedid: str
    queue: QueueName
    agent_id: AgentId | None
    mode: RecordingMode


class PauseRecording(Effect, frozen=True, kw_only=True):
    """`is_paused` False: go on."""

    call_id: CallId
    recording_id: RecordingId
    linkedid: str
    is_paused: bool


class StopRecording(Effect, frozen=True, kw_only=True):
    """`is_gone`: the channel has ended, and the recording with it."""

    call_id: CallId
    recording_id: RecordingId
    linkedid: str
    is_gone: bool


class FindRecording(Effect, frozen=True, kw_only=True):
    """A talk that began before this service did may be recorded."""

    call_id: CallId


class StartTimer(Effect, frozen=True, kw_only=True):
    """Give `command` to the engine at `due_at`. A timer of the same key is replaced."""

    key: str
    due_at: datetime
    command: Command


class CancelTimer(Effect, frozen=True, kw_only=True):
    key: str


class RecordInteraction(Effect, frozen=True, kw_only=True):
    """Write the call as it stands now; idempotent."""

    call: Call


class CommitTicket(Effect, frozen=True, kw_only=True):
    """Open or link the call's ticket."""

    call: Call
    agent_id: AgentId
    code: str = ""
    note: str = ""
    title: str = ""
    link_to: str | None = None
    new_ticket: bool = False
    to_qualify: bool = False
    wrap_up_ended_at: datetime | None = None
