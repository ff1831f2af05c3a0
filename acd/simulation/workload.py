"""The work that a journal tells of: who called when, for how long, with what patience, and who was there to answer.

Pure: events in, workload out. What came of the configuration (who got which call after what wait) is left behind; what
people brought with them is kept, to be played through another configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from acd.domain import events as ev
from acd.domain.agent import AgentProfile, AgentState, NotReadyReason
from acd.domain.call import Result
from acd.domain.caller import Caller, CallerContext
from acd.domain.ids import AgentId, CallId, QueueName
from acd.domain.priorities import ASKED_FOR, Attributes
from acd.domain.queue import QueuePolicy, RoutingRules
from acd.simulation.day import NOBODY, NOTHING, Does, Move
from routing import Requirements

# Not ready for these is what a call has done to an agent, not what the agent had in mind: another day has it elsewhere.
_BY_A_CALL = frozenset(
    {
        NotReadyReason.RONA,
        NotReadyReason.REJECTED,
        NotReadyReason.PHONE_BUSY,
        NotReadyReason.PHONE_UNREACHABLE,
        NotReadyReason.RING_FAILED,
    }
)


_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class RecordedCall:
    """`at`: it came to the queue that the menu led to. `waited` until it was answered, given up or lost sight of."""

    call_id: CallId
    at: datetime
    queue: QueueName
    language: str
    caller: Caller
    context: CallerContext
    skills: Requirements = ()
    priority: int | None = None  # asked for by the menu
    attributes: Attributes = ()
    is_let_in: bool = False  # to this queue or another; False: turned away
    waited: float = 0.0
    has_given_up: bool = False
    ring: float | None = None  # of the ring that was answered
    talk: float | None = None  # seconds; None: it was not answered, or still under way at the end
    talked_for: float = 0.0  # seconds that were seen of a talk still under way
    wrap_up: float | None = None


@dataclass(slots=True, kw_only=True)
class RecordedAgent:
    profile: AgentProfile
    moves: list[Move] = field(default_factory=list)
    rings: int = 0  # that were answered, refused or rang out
    rings_in_vain: int = 0
    away_seconds: list[float] = field(default_factory=list)  # not ready after a ring in vain


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    begins_at: datetime
    ends_at: datetime
    calls: tuple[RecordedCall, ...]  # in the order they came
    agents: tuple[RecordedAgent, ...]
    policies: tuple[QueuePolicy, ...]  # as they were at the end
    rules: RoutingRules
    unknown_agents: tuple[AgentId, ...] = ()  # the journal begins after they were made known: they are missing


@dataclass(slots=True)
class _Arriving:
    caller: Caller = NOBODY
    context: CallerContext = NOTHING
    language: str = ""
    reserved_at: datetime | None = None


class Recorder:
    """Hears the events of a journal, in order. Those before `begins_at` are needed too: they tell who was there as it
    began. None: from the first, to the last."""

    def __init__(self, begins_at: datetime | None, ends_at: datetime | None) -> None:
        self._start = begins_at or _EARLIEST
        self._ends_at = ends_at
        self._last_at: datetime | None = None
        self._arriving: dict[CallId, _Arriving] = {}
        self._calls: dict[CallId, RecordedCall] = {}
        self._inside: dict[CallId, RecordedCall] = {}  # not answered yet
        self._profiles: dict[AgentId, AgentProfile] = {}
        self._agents: dict[AgentId, RecordedAgent] = {}
        self._wants: dict[AgentId, Move] = {}  # the latest of each agent
        self._began: dict[AgentId, Does] = {}  # the latest before the time
        self._unknown: set[AgentId] = set()
        self._stepped_aside: dict[AgentId, datetime] = {}
        self._policies: dict[QueueName, QueuePolicy] = {}
        self._rules = RoutingRules()

    def hear(self, event: ev.Event) -> None:
        if self._start == _EARLIEST:
            self._start = event.at
        self._last_at = event.at
        if (note := _NOTES.get(type(event))) is not None:
            note(self, event)

    def seconds(self, at: datetime) -> float:
        """Since the beginning; below 0 before it."""
        return (at - self._start).total_seconds()

    def workload(self) -> Workload:
        """Raises ValueError when nothing happened."""
        if self._last_at is None or self._is_before(self._last_at):
            raise ValueError("nothing happened at that time")
        ends_at = self._ends_at or self._last_at
        for agent_id, does in self._began.items():
            if does is not Does.LOG_OUT:
                self._agent(agent_id)  # there, and nothing happened to them
        for call in self._calls.values():
            if call.talk is None and call.ring is not None:
                call.talked_for = max(0.0, (ends_at - call.at).total_seconds() - call.waited)
        for call in self._inside.values():
            call.waited = (min(ends_at, self._last_at) - call.at).total_seconds()
        return Workload(
            begins_at=self._start,
            ends_at=ends_at,
            calls=tuple(sorted(self._calls.values(), key=lambda call: call.at)),
            agents=tuple(self._agents.values()),
            policies=tuple(self._policies.values()),
            rules=self._rules,
            unknown_agents=tuple(sorted(self._unknown)),
        )

    # calls ---------------------------------------------------------------------------------------------------

    def configured(self, event: ev.QueuesConfigured) -> None:
        self._policies = {policy.name: policy for policy in event.queues}
        self._rules = event.rules

    def started(self, event: ev.CallStarted) -> None:
        self._arriving[event.call_id] = _Arriving(caller=event.caller, language=event.language)

    def identified(self, event: ev.CallerIdentified) -> None:
        if (call := self._arriving.get(event.call_id)) is not None:
            call.caller, call.context = event.caller, event.context

    def keyed(self, event: ev.TicketKeyed) -> None:
        if (call := self._arriving.get(event.call_id)) is not None:
            call.context = event.context

    def in_menu(self, event: ev.IvrPathRecorded) -> None:
        if (call := self._arriving.get(event.call_id)) is not None:
            call.language = event.language

    def overflowed(self, event: ev.CallOverflowed) -> None:
        """Not let into the queue that it came to; or sent on from it, which is no arrival."""
        self._come(event.call_id, event.queue, event.at)

    def queued(self, event: ev.CallQueued) -> None:
        """Into its first queue, or the one that the first sent it on to. Back from a lost session it is known."""
        is_first = event.call_id not in self._calls
        call = self._come(event.call_id, event.queue, max(self._start, min(event.at, event.queued_at)))
        if call is not None and (is_first or not call.is_let_in):
            call.skills, call.attributes, call.priority = event.skills, event.attributes, self._asked(event)
            call.is_let_in = True

    def _come(self, call_id: CallId, queue: QueueName, at: datetime) -> RecordedCall | None:
        arriving = self._arriving.get(call_id)
        if arriving is None or call_id in self._calls:
            return self._calls.get(call_id)
        if self._is_before(self._last_at or at):
            del self._arriving[call_id]  # of the time before
            return None
        call = self._calls[call_id] = self._inside[call_id] = RecordedCall(
            call_id=call_id,
            at=at,
            queue=queue,
            language=arriving.language,
            caller=arriving.caller,
            context=arriving.context,
        )
        return call

    def reserved(self, event: ev.CallReserved) -> None:
        if (call := self._arriving.get(event.call_id)) is not None:
            call.reserved_at = event.at

    def answered(self, event: ev.ReservationAccepted) -> None:
        self._agent_rang(event.agent_id, in_vain=False)
        call = self._inside.pop(event.call_id, None)
        if call is not None:
            call.waited = (event.at - call.at).total_seconds()
            reserved_at = self._arriving[call.call_id].reserved_at
            call.ring = (event.at - reserved_at).total_seconds() if reserved_at else 0.0

    def talked(self, event: ev.TalkEnded) -> None:
        if (call := self._calls.get(event.call_id)) is not None and call.talk is None:
            call.talk = event.talk_seconds

    def wrapped_up(self, event: ev.WrapUpEnded) -> None:
        if (call := self._calls.get(event.call_id)) is not None and call.wrap_up is None:
            call.wrap_up = event.wrap_up_seconds

    def ended(self, event: ev.CallEnded) -> None:
        self._arriving.pop(event.call_id, None)
        call = self._inside.pop(event.call_id, None)
        if call is not None:
            call.waited = (event.at - call.at).total_seconds()
            call.has_given_up = event.termination.result in {Result.ABANDONED, Result.SHORT_ABANDONED}

    def _asked(self, event: ev.CallQueued) -> int | None:
        if event.priority_reason:
            return event.priority if event.priority_reason == ASKED_FOR else None
        policy = self._policies.get(event.queue)
        return None if policy is not None and policy.priority == event.priority else event.priority

    # agents --------------------------------------------------------------------------------------------------

    def registered(self, event: ev.AgentRegistered) -> None:
        profile = event.profile
        self._profiles[profile.agent_id] = profile
        if (agent := self._agents.get(profile.agent_id)) is not None:
            agent.moves.append(Move(at=self.seconds(event.at), does=Does.CHANGE, profile=profile))

    def logged_in(self, event: ev.AgentLoggedIn) -> None:
        self._does(event.agent_id, Does.LOG_IN, event.at)

    def logged_out(self, event: ev.AgentLoggedOut | ev.AgentRemoved) -> None:
        self._does(event.agent_id, Does.LOG_OUT, event.at)

    def became_ready(self, event: ev.AgentBecameReady) -> None:
        since = self._stepped_aside.pop(event.agent_id, None)
        agent = self._agent(event.agent_id)
        if since is not None and agent is not None:
            agent.away_seconds.append((event.at - since).total_seconds())
        self._does(event.agent_id, Does.READY, event.at)

    def became_not_ready(self, event: ev.AgentBecameNotReady) -> None:
        if event.reason in _BY_A_CALL:
            self._stepped_aside[event.agent_id] = event.at
        else:
            self._does(event.agent_id, Does.NOT_READY, event.at, event.reason)

    def wished(self, event: ev.AfterCallChosen) -> None:
        """What was asked for during a call counts from then on, although it is done after it."""
        wish = event.after_call
        if wish is None:
            self._does(event.agent_id, Does.READY, event.at)
        elif wish.state is AgentState.LOGGED_OUT:
            self._does(event.agent_id, Does.LOG_OUT, event.at)
        else:
            self._does(event.agent_id, Does.NOT_READY, event.at, wish.reason)

    def rang_in_vain(self, event: ev.ReservationTimedOut | ev.ReservationRejected | ev.ReservationRescinded) -> None:
        self._agent_rang(event.agent_id, in_vain=True)

    def _agent_rang(self, agent_id: AgentId, *, in_vain: bool) -> None:
        agent = self._agent(agent_id)
        if agent is not None:
            agent.rings += 1
            agent.rings_in_vain += in_vain

    def _does(self, agent_id: AgentId, does: Does, at: datetime, reason: str = "") -> None:
        before = self._wants.get(agent_id)
        if before is not None and (before.does, before.reason) == (does, reason):
            return
        self._stepped_aside.pop(agent_id, None)
        move = self._wants[agent_id] = Move(at=self.seconds(at), does=does, reason=reason)
        if self._is_before(at):
            self._began[agent_id] = does
            return
        agent = self._agent(agent_id)
        if agent is not None:
            agent.moves.append(move)

    def _agent(self, agent_id: AgentId) -> RecordedAgent | None:
        """Who was there within the time, with what they did before it."""
        agent = self._agents.get(agent_id)
        profile = self._profiles.get(agent_id)
        if profile is None:
            self._unknown.add(agent_id)
        if agent is None and profile is not None and not self._is_before(self._last_at or self._start):
            agent = self._agents[agent_id] = RecordedAgent(profile=profile)
            agent.moves += self._as_it_began(agent_id)
        return agent

    def _as_it_began(self, agent_id: AgentId) -> Iterable[Move]:
        does = self._began.get(agent_id, Does.LOG_OUT)
        if does is not Does.LOG_OUT:
            yield Move(at=0.0, does=Does.LOG_IN)
        if does in {Does.READY, Does.NOT_READY}:
            yield Move(at=0.0, does=does)

    # time ----------------------------------------------------------------------------------------------------

    def _is_before(self, at: datetime) -> bool:
        return at < self._start


_NOTES: Mapping[type[ev.Event], Callable[[Recorder, Any], None]] = {
    ev.QueuesConfigured: Recorder.configured,
    ev.CallStarted: Recorder.started,
    ev.CallerIdentified: Recorder.identified,
    ev.TicketKeyed: Recorder.keyed,
    ev.IvrPathRecorded: Recorder.in_menu,
    ev.CallQueued: Recorder.queued,
    ev.CallOverflowed: Recorder.overflowed,
    ev.CallReserved: Recorder.reserved,
    ev.ReservationAccepted: Recorder.answered,
    ev.TalkEnded: Recorder.talked,
    ev.WrapUpEnded: Recorder.wrapped_up,
    ev.CallEnded: Recorder.ended,
    ev.AgentRegistered: Recorder.registered,
    ev.AgentLoggedIn: Recorder.logged_in,
    ev.AgentLoggedOut: Recorder.logged_out,
    ev.AgentRemoved: Recorder.logged_out,
    ev.AgentBecameReady: Recorder.became_ready,
    ev.AgentBecameNotReady: Recorder.became_not_ready,
    ev.AfterCallChosen: Recorder.wished,
    ev.ReservationTimedOut: Recorder.rang_in_vain,
    ev.ReservationRejected: Recorder.rang_in_vain,
    ev.ReservationRescinded: Recorder.rang_in_vain,
}
