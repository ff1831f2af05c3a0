"""What the engine needs to know of a queue."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from msgspec import Struct

from acd.domain.ids import AgentId, QueueName
from acd.domain.outgoing import OutgoingRules
from acd.domain.people import OfferMode, PeopleRules, Sentences, WrapUpPolicy
from acd.domain.priorities import PriorityRule
from acd.domain.work import AnnouncePolicy, CallbackPolicy
from ivr.opening import OpeningHours
from routing import AgentChoice, Needs, PoolRules, QueueRules, Requirements
from routing.relaxation import Step


class PreferredBy(StrEnum):
    TICKET_OWNER = "ticket_owner"  # of the ticket whose number the caller keyed
    LAST_AGENT = "last_agent"  # who spoke to this caller last
    NAMED = "named"
    SUPERVISOR = "supervisor"  # given by hand; not for configuration


class PreferredRing(Struct, frozen=True, kw_only=True):
    """Agents for whom a call is kept for `reserve_time` before others may take it; given up early when none of them
    can come in time."""

    by: PreferredBy
    reserve_time: timedelta
    agents: tuple[AgentId, ...] = ()  # of `named`


class ReservePolicy(Struct, frozen=True, kw_only=True):
    """Agents of `group` help out while the queue is over its upper limits, until it is under the lower ones."""

    group: str
    call_up_waiting: int | None = None  # as many waiting
    call_up_wait: timedelta | None = None  # or somebody waiting as long
    stand_down_waiting: int = 0  # no more than this waiting


class OverflowCause(StrEnum):
    CLOSED = "closed"  # on a holiday as well
    HOLIDAY = "holiday"
    TOO_MANY_WAITING = "too_many_waiting"
    WAIT_TOO_LONG = "wait_too_long"
    NOBODY_LOGGED_IN = "nobody_logged_in"
    NOBODY_ABLE = "nobody_able"


class Overflow(Struct, frozen=True, kw_only=True):
    """At the door of a queue: when `cause` holds, on to another queue, into a menu, or a sentence and the end."""

    cause: OverflowCause
    limit: float = 0.0  # of `too_many_waiting` calls, of `wait_too_long` seconds
    queue: QueueName | None = None
    announcement: tuple[tuple[str, str], ...] = ()  # language and sentence, when there is neither queue nor flow
    flow: str = ""  # of the menus


class RecordingMode(StrEnum):
    OFF = "off"
    ON_DEMAND = "on_demand"  # the agent begins and ends it
    SHARE = "share"  # of the calls, by chance
    ALWAYS = "always"


class RecordingPolicy(Struct, frozen=True, kw_only=True):
    """Which talks of a queue are recorded. `share`: 0 to 1, of mode `share`."""

    mode: RecordingMode = RecordingMode.OFF
    share: float = 0.0


class Door(Struct, frozen=True, kw_only=True):
    """A queue closed or opened by hand: it overrides the calendar until it is given back to it."""

    is_open: bool
    announcement: Sentences = ()  # of a closed one


class RoutingRules(PoolRules, frozen=True, kw_only=True):
    """What holds for all queues together."""

    seed: int = 0  # of weighted random choices
    people: PeopleRules = PeopleRules()
    outgoing: OutgoingRules = OutgoingRules()  # of numbers that agents have called


class QueuePolicy(Struct, frozen=True, kw_only=True):
    name: QueueName
    label: str
    requirements: Requirements = ()
    any_of: tuple[Requirements, ...] = ()
    none_of: Requirements = ()
    language_is_skill: bool = False
    priority: int = 5
    priorities: tuple[PriorityRule, ...] = ()  # the first that holds decides
    offer_time: timedelta = timedelta(seconds=15)
    wrap_up_time: timedelta = timedelta(seconds=30)
    service_level_time: timedelta = timedelta(seconds=20)
    short_abandon_time: timedelta = timedelta(seconds=5)
    agent_choice: AgentChoice = AgentChoice.LONGEST_IDLE
    most_in_a_row: int = 0
    steps: tuple[Step, ...] = ()
    preferred: tuple[PreferredRing, ...] = ()
    reserve: ReservePolicy | None = None
    hours: OpeningHours | None = None
    overflow: tuple[Overflow, ...] = ()
    callback: CallbackPolicy | None = None  # None: it takes none
    announce: AnnouncePolicy | None = None
    ring_back_time: timedelta = timedelta()  # so long a caller who was lost keeps their place
    caller_number: str = ""  # shown to those who are called for this queue
    pick_up: bool = False  # agents may take a waiting call by hand
    recording: RecordingPolicy = RecordingPolicy()
    wrap_up: WrapUpPolicy = WrapUpPolicy()
    offer_mode: OfferMode = OfferMode.RING
    whisper: Sentences = ()  # to the agent, before the bridge

    def rules(self) -> QueueRules:
        return QueueRules(
            agent_choice=self.agent_choice,
            target_seconds=self.service_level_time.total_seconds(),
            most_in_a_row=self.most_in_a_row,
            reserve_group=self.reserve.group if self.reserve else "",
        )

    def needs_with(self, extra: Requirements) -> Needs:
        """The queue's own needs and these; of one skill asked for twice the higher level counts."""
        if not extra:
            return Needs(self.requirements, self.any_of, self.none_of)
        levels: dict[str, int] = {}
        for skill, level in (*self.requirements, *extra):
            levels[skill] = max(level, levels.get(skill, 0))
        return Needs(tuple(sorted(levels.items())), self.any_of, self.none_of)
