"""The ports: all that the service asks of the world. Adapters and fakes subclass them; one contract suite for both."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeVar

from acd.domain.call import Call
from acd.domain.caller import Caller, CallerContext
from acd.domain.commands import Command
from acd.domain.effects import CallAgentFirst, CommitTicket
from acd.domain.events import Event
from acd.domain.journal_format import DeskWish
from acd.domain.outgoing import FarEnd
from acd.domain.work import Message
from ivr.model import PromptRef
from routing import Taste

T = TypeVar("T")


class CallerHungUpError(Exception):
    """The caller is gone: the ordinary end of a call.

    `after_talk`: the phone being dialled had answered. Known when `heard_answer` was called or the talk outlasted the
    time of the offer; a shorter talk of which nobody told passes for a ring.
    """

    error_id = "call.hung_up"

    def __init__(self, *, after_talk: bool = False) -> None:
        super().__init__("the caller hung up")
        self.after_talk = after_talk


class ControlLostError(Exception):
    """The session that controls the channel died; the caller may still be there."""

    error_id = "call.control_lost"


class TelephonyError(Exception):
    """Asterisk refused, or did not answer in time."""

    error_id = "telephony.error"


class DeskError(Exception):
    """The desk (contacts, tickets) could not be asked or written."""

    error_id = "desk.error"


class PromptsError(Exception):
    """A sound cannot be made."""

    error_id = "prompt.unavailable"


class Clock(ABC):
    @abstractmethod
    def now(self) -> datetime:
        """Aware, UTC."""


class Timers(ABC):
    """Commands given to the engine at a later instant."""

    @abstractmethod
    def start(self, key: str, due_at: datetime, command: Command) -> None: ...

    @abstractmethod
    def cancel(self, key: str) -> None:
        """Unknown keys are no error: the timer may just have fired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """What is known when a caller's channel comes under control.

    On a first entry there is no more than who calls whom, and `started_at`, which the dialplan sets; all else is from
    `set_state`.
    """

    linkedid: str
    channel: str
    caller_number: str
    caller_name: str
    called_number: str
    stage: str = ""  # "" on a first entry; else as last set: see `Stage`
    queue: str = ""
    queued_at: datetime | None = None
    started_at: datetime | None = None
    priority: int | None = None
    language: str = ""
    ticket: str = ""
    ivr_session: str = ""
    reservation: str = ""
    agent: str = ""
    was_answered: bool = False  # an agent spoke to this caller while no service looked on
    answered_by: str = ""  # that agent's extension
    talk_time: timedelta = timedelta()
    extension: str = ""  # of a leg at the desk: the phone it belongs to, "" for one outside


class Stage:
    """Values of GUICHET_STAGE on the channel."""

    IVR = "ivr"
    WAITING = "waiting"
    AGENT_FIRST = "agent_first"  # an agent's own channel, to be joined to a far end
    TALKING = "talking"  # again, after a hold or a transfer: when the channel comes back, that is over
    HELD = "held"  # the agent is at the desk
    TRANSFERRED = "transferred"  # waiting again, or without a queue in the menus: whatever a Dial before has said
    SURVEY = "survey"  # the talk is over, the agent gone


class DialStatus(StrEnum):
    ANSWERED = "answered"  # and the talk is over
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    MACHINE = "machine"  # something answered, but nobody


class JoinStatus(StrEnum):
    OVER = "over"  # they were together, and one of them has left
    GONE = "gone"  # there is no such leg
    NOT_YET = "not_yet"  # it cannot be taken from where it is just now


@dataclass(frozen=True, slots=True)
class Keyed:
    """What a caller keyed. `is_complete`: by length or terminator, not by time."""

    digits: str
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a caller said, without a silence behind it. `key`: the one that ended it, "" for silence or time."""

    length: timedelta
    key: str = ""


class CallerChannel(ABC):
    """One caller's channel under control. Every method raises CallerHungUpError or ControlLostError when it must."""

    facts: ChannelFacts

    @abstractmethod
    async def set_state(self, **variables: str) -> None:
        """Write the call's state on the channel itself, in one round trip.

        Keys are fields of ChannelFacts from `stage` to `agent` but for `started_at`, else KeyError; `queued_at` is in
        seconds since 1970. They are in the facts when the channel comes under control again.
        """

    @abstractmethod
    async def play(
        self, sounds: Sequence[str], *, interruptible: bool = False, until: asyncio.Future[None] | None = None
    ) -> None:
        """`interruptible`: the first key ends it; it is kept for the next `collect`, as all others are. `until`: ends
        it, too, at once."""

    @abstractmethod
    async def collect(
        self,
        sounds: Sequence[str],
        *,
        max_digits: int,
        terminator: str | None,
        timeout: timedelta,
        digit_timeout: timedelta,
        interruptible: bool = True,
        is_retry: bool = False,
        until: asyncio.Future[None] | None = None,
    ) -> Keyed:
        """Play, interrupted by the first key, and collect keys. The terminator is not among the digits.

        `timeout` runs from the end of the sounds to the first key, `digit_timeout` between keys. Keys pressed before
        count first, and nothing is played then; `is_retry` forgets them. Not `interruptible`: all is played, keys
        pressed meanwhile count. `until`: ends it at once, with the keys so far; then keys are heard from the switch
        alone.
        """

    @abstractmethod
    async def record(self, path: str, *, limit: timedelta, silence: timedelta) -> Recorded:
        """A tone, then what the caller says, into `path` (absolute, without extension; WAV) until a key, so long a
        silence, or the limit. A key pressed before ends it at once, with nothing recorded. A caller who hangs up has
        said it: what was recorded is there."""

    def key_pressed(self, key: str) -> None:  # noqa: B027  # a channel may hear keys by itself
        """The switch heard a key, whatever runs on the channel. Each is told once, in order."""

    @abstractmethod
    async def start_music(self) -> None: ...

    @abstractmethod
    async def stop_music(self) -> None: ...

    @abstractmethod
    async def idle_until(self, happens: asyncio.Future[T]) -> T:
        """Wait without cost; raises CallerHungUpError as soon as the caller leaves."""

    @abstractmethod
    async def dial(
        self, extension: str, offer_time: timedelta, *, is_auto_answer: bool = False, whisper: str = ""
    ) -> DialStatus:
        """Ring an agent's phone and stay until it is over: not answered, or talked and hung up. The caller hears music
        until the talk begins.

        `is_auto_answer`: the phone is asked to answer by itself. `whisper`: a sound the agent alone hears before."""

    async def join(self, leg: str, *, comes_back: bool = False) -> JoinStatus:
        """Be together with that leg (see `Telephony.leg_of`) until one of the two leaves. When this one hangs up first,
        the leg is let go, or with `comes_back` is brought to the desk."""
        raise NotImplementedError

    async def confer(self, room: str, *, leader: str = "") -> None:
        """Be in that conference until sent out of it: as its leader, or in that of the channel `leader`. When the
        leader leaves, all others are sent out."""
        raise NotImplementedError

    async def consult(self, to: FarEnd, limit: timedelta) -> DialStatus:
        """As `dial_out`, from a leg at the desk. Should this leg hang up first, the other is brought to the desk."""
        raise NotImplementedError

    @abstractmethod
    async def dial_out(
        self, to: FarEnd, limit: timedelta, *, detect_machines: bool = False, keep_status: bool = False
    ) -> DialStatus:
        """Ring somebody who is no agent, for `limit` at most, and stay until it is over, as `dial` does. The caller
        hears what the other side sends. `keep_status`: a channel that comes again after it has been answered."""

    def heard_answer(self) -> None:  # noqa: B027  # a hint: those who have no use for it leave it
        """The switch says that the phone now dialled has been answered: nobody need ask how the ringing ended."""

    @abstractmethod
    async def finish(self) -> None:
        """Say that this call is done and hang up."""

    @abstractmethod
    async def turn_away(self, treatment: Literal["announcement", "fallback"]) -> None:
        """The service is too busy for this caller: hand the channel back to the switch at once, for an announcement and
        the end, or for its fallback. Control ends with it."""


CallHandler = Callable[[CallerChannel], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LegRinging:
    """An agent's phone rings for this caller."""

    linkedid: str
    extension: str


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """`extension`: "" for an outside number."""

    linkedid: str
    extension: str


@dataclass(frozen=True, slots=True)
class CallerGone:
    """The caller's own channel has ended."""

    linkedid: str


@dataclass(frozen=True, slots=True)
class LiveChannels:
    """All that lives in the switch, asked for at `observed_at`, after each (re)connection to it. `talking`: those in
    which an agent talks; each is told as `LegAnswered` (or `FallbackCall`) besides."""

    linkedids: frozenset[str]
    observed_at: datetime
    talking: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A caller pressed a key (0-9, *, #, A-D)."""

    linkedid: str
    key: str


@dataclass(frozen=True, slots=True)
class LegGone:
    """A leg that has been at the desk, or that was rung from there, has hung up. `extension`: "" of one outside."""

    linkedid: str
    extension: str


@dataclass(frozen=True, slots=True)
class LegHeld:
    """An agent pressed the phone's own hold key."""

    linkedid: str
    extension: str
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackCall:
    """A caller of the switch's own fallback queue (gone unanswered, talking, or over), or one who hung up in a talk and
    for whom `forget` was not called yet. Told after each (re)connection, those that are over before `LiveChannels`,
    those who talk after it."""

    linkedid: str
    called_number: str
    caller_number: str
    queue: str
    started_at: datetime
    queued_at: datetime
    extension: str = ""  # of the phone that answered
    answered_at: datetime | None = None
    ended_at: datetime | None = None  # None: they talk


@dataclass(frozen=True, slots=True)
class AgentNotReached:
    """The phone of an agent who was to be called first did not answer."""

    linkedid: str
    status: DialStatus


@dataclass(frozen=True, slots=True)
class FarEndAnswered:
    """Whom an agent's channel called has answered."""

    linkedid: str


@dataclass(frozen=True, slots=True)
class PhoneReachable:
    """An agent's phone can be rung, or cannot: it is registered, or is not or does not answer. Told when it changes,
    and of every phone after each (re)connection."""

    extension: str
    is_reachable: bool


@dataclass(frozen=True, slots=True)
class DoNotDisturb:
    """Set or taken back on an agent's phone. Told likewise, of those where it was ever set."""

    extension: str
    is_on: bool


class MonitorMode(StrEnum):
    LISTEN = "listen"  # hears both, is heard by none
    WHISPER = "whisper"  # is heard by the agent alone
    BARGE = "barge"  # is heard by both


@dataclass(frozen=True, slots=True)
class MonitorEnded:
    """The supervisor whose phone this is listens in no more, or could not be rung."""

    extension: str


TelephonyFact = (
    LegRinging
    | LegAnswered
    | CallerGone
    | LiveChannels
    | KeyPressed
    | FallbackCall
    | LegGone
    | LegHeld
    | AgentNotReached
    | FarEndAnswered
    | PhoneReachable
    | DoNotDisturb
    | MonitorEnded
)


class Telephony(ABC):
    """What is asked of the switch besides the callers' own channels, and what it tells."""

    @property
    @abstractmethod
    def is_listening(self) -> bool:
        """Whether facts are told now; else `LiveChannels` and `FallbackCall` tell afterwards what has happened."""

    @abstractmethod
    def listen(self, hear: Callable[[TelephonyFact], None]) -> None:
        """Every fact goes to `hear`, in the switch's order."""

    @abstractmethod
    async def stop_ringing(self, linkedid: str) -> None:
        """End the agent's leg of this call, also one that is just about to ring. Only while the caller's channel
        dials: see `dial_is_over`."""

    @abstractmethod
    async def monitor(self, supervisor: str, agent: str, mode: MonitorMode) -> None:
        """Ring the supervisor's phone (an extension) and let it hear what is said on the agent's; when it does so
        already, change mode or agent. MonitorEnded tells of the end. Raises TelephonyError."""

    @abstractmethod
    async def end_monitor(self, supervisor: str) -> None:
        """Nothing to end is no error. Raises TelephonyError."""

    @abstractmethod
    def dial_is_over(self, linkedid: str) -> None:
        """The caller's channel dials no more: a stop not yet carried out must not hit the next ring."""

    @abstractmethod
    async def call_agent(self, wish: CallAgentFirst) -> None:
        """Ring the agent's phone on a channel of its own. Answered, it comes under control with the stage
        `Stage.AGENT_FIRST`. Raises TelephonyError."""

    @abstractmethod
    async def stop_playing(self, linkedid: str) -> None:
        """End the sound that plays to this caller, if one does. Raises TelephonyError."""

    # a talk's legs: every method may raise TelephonyError

    @property
    @abstractmethod
    def knows_legs(self) -> bool:
        """Whether the switch has told what lives in it: before, `leg_of` says nothing."""

    @abstractmethod
    def leg_of(self, linkedid: str, extension: str) -> str | None:
        """The leg of that phone in this call; `extension` "" for the one outside. An opaque handle."""

    @abstractmethod
    async def mark(self, linkedid: str, **variables: str) -> None:
        """As `CallerChannel.set_state`, while the caller's channel is busy."""

    @abstractmethod
    async def send_to_desk(self, leg: str) -> None:
        """Take the leg out of whatever it is in: it comes under control at the desk. A leg that is gone is no error."""

    @abstractmethod
    async def hang_up(self, leg: str) -> None:
        """A leg, or an agent's own channel, by its id. One that is gone is no error."""

    @abstractmethod
    async def end_conference(self, linkedid: str, room: str) -> None:
        """Send the caller out of it, who leads it."""

    @abstractmethod
    async def mute(self, leg: str, *, is_muted: bool) -> None:
        """What this leg says is not heard by others."""

    @abstractmethod
    async def play_digits(self, linkedid: str, leg: str | None, digits: str) -> None:
        """Send keys to the leg; None: to the caller."""


@dataclass(frozen=True, slots=True, order=True)
class StandIn:
    """A phone that the switch's own queue may ring while no service is there. A lower penalty is rung first."""

    extension: str
    name: str = ""
    penalty: int = 0


class FallbackQueues(ABC):
    """Queues of the switch's own, one for each of ours, for the time without a service. What is put into them outlives
    this process and the switch's restart. Every method raises TelephonyError when the switch cannot be asked."""

    @abstractmethod
    async def members(self) -> dict[str, dict[str, StandIn]]:
        """By queue, by extension. Queues that the switch does not have are not there."""

    @abstractmethod
    async def add(self, queue: str, member: StandIn) -> None:
        """Also in place of one with the same extension."""

    @abstractmethod
    async def remove(self, queue: str, extension: str) -> None:
        """Not being there is no error."""

    @abstractmethod
    async def waiting(self) -> list[str]:
        """Linkedids of the callers in these queues whom nobody has answered, in their order."""

    @abstractmethod
    async def give_back(self, linkedid: str) -> bool:
        """Let a waiting caller ask for a service again, with the age kept. False: answered or gone meanwhile."""

    @abstractmethod
    async def forget(self, linkedid: str) -> None:
        """What was told of this call as `FallbackCall` is accounted for: it need not be told again."""


class Messages(ABC):
    """Where callers' messages are recorded."""

    @abstractmethod
    async def place_for(self, name: str) -> str:
        """Where the switch is to record the message of that name: a path without extension."""

    @abstractmethod
    async def kept(self, name: str) -> Message | None:
        """What is there; None for nothing, or a click."""


class Desk(ABC):
    """The service desk as the call sees it."""

    @abstractmethod
    def classify(self, number: str, name: str) -> Caller:
        """The caller as presented, with the number's kind and E.164 form; asks nobody."""

    @abstractmethod
    async def identify(self, caller: Caller) -> tuple[Caller, CallerContext]: ...

    @abstractmethod
    async def check_ticket(self, caller: Caller, context: CallerContext, digits: str) -> CallerContext | None:
        """The context with `linked_ticket` set when the digits are a ticket of this caller, else None."""

    @abstractmethod
    async def call_under_way(self, linkedid: str) -> Call | None:
        """The call as last recorded, if it reached a queue and is not over: what a service that was restarted can
        know of a talk that went on without it."""

    @abstractmethod
    async def unsettled_calls(self, since: datetime) -> list[Call]:
        """Answered calls as last recorded, started at `since` or later, that have no ticket and no word on them yet."""

    @abstractmethod
    async def record_interactions(self, calls: Sequence[Call]) -> None:
        """Write interactions, one per Linkedid; idempotent."""

    @abstractmethod
    async def commit_ticket(self, wish: CommitTicket) -> str | None:
        """Open or link the call's ticket, once; returns its number, None when the wrap-up code asks for none."""


class Journal(ABC):
    """The events, in order: for this service after a restart, for a standby, statistics elsewhere, an engineer."""

    @abstractmethod
    def append(self, events: Sequence[Event], wishes: Sequence[DeskWish] = ()) -> None:
        """Take one decision's events and return at once; never blocks routing. `wishes`: what it asks of the desk; a
        journal that lasts gives them back after a restart until `took` says that they are carried out."""

    def took(self, count: int) -> None:  # noqa: B027  # a journal that does not last need not know
        """The desk has carried out so many wishes more, the oldest first."""

    @abstractmethod
    async def read(self, after: str = "", limit: int = 1000) -> list[tuple[str, Event]]:
        """Events after a position, oldest first, each with its own position. "" is the beginning of what is kept."""

    @abstractmethod
    async def flush(self) -> None:
        """Returns when all that was appended can be read."""


class Prompts(ABC):
    """Where the sounds of prompts are."""

    @abstractmethod
    def sounds_of(self, prompts: Sequence[PromptRef]) -> list[str]:
        """Sound paths without extension, as Asterisk takes them. A prompt that has no sound is left out and logged."""

    @abstractmethod
    async def speak(self, prompts: Sequence[PromptRef], *, within: timedelta) -> None:
        """Make the sounds of values (`spoken_now`) that are not there. Returns at `within` at the latest; what could
        not be made is no error: `sounds_of` goes without it."""

    @abstractmethod
    async def prepare(self, prompts: Iterable[PromptRef]) -> Mapping[PromptRef, str]:
        """Make the sounds of prompts that are not there; `sounds_of` has them afterwards. The path of each. Raises
        PromptsError."""


class Lookups(ABC):
    """HTTP services that menus ask."""

    @abstractmethod
    async def ask(
        self, service: str, path: str, into: Mapping[str, str], *, deadline: timedelta, tries: int
    ) -> dict[str, str] | None:
        """The values found at the places `into` names in the JSON answer, by the same keys; None when any is missing
        or no good answer came in time. See `ivr.model.Lookup`."""


class Role(StrEnum):
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who may log in. Agents have an extension and skills; supervisors and administrators may have none."""

    login: str
    name: str
    roles: frozenset[Role]
    extension: str | None = None
    skills: Mapping[str, int] | None = None
    taste: Taste | None = None  # among queues; see `acd.service.taste`


class UserDirectory(ABC):
    """People and their sessions, in the database."""

    @abstractmethod
    async def all(self) -> list[User]: ...

    @abstractmethod
    async def save(self, user: User, password: str | None) -> None:
        """Add or change. `password` None keeps the present one (a new user without one cannot log in)."""

    @abstractmethod
    async def remove(self, login: str) -> bool: ...

    @abstractmethod
    async def authenticate(self, login: str, password: str) -> User | None:
        """None for an unknown login as for a wrong password, in the same time."""

    @abstractmethod
    async def open_session(self, login: str, expires_at: datetime) -> str:
        """A new opaque token; only its hash is stored."""

    @abstractmethod
    async def session_user(self, token: str, now: datetime) -> User | None: ...

    @abstractmethod
    async def close_session(self, token: str) -> None: ...
