"""Events as lines of app_queue's queue_log, so that what reads that file goes on working.

The format is that of apps/app_queue.c (`ast_queue_log`): `time|callid|queue|agent|event|data1|data2|...`, where
Asterisk adds the time. `callid` is the caller's Uniqueid (our Linkedid). Seconds are whole ones, but for the ring
time of RINGNOANSWER and RINGCANCELED, in milliseconds. Agents are members of the queues whose skills they have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from acd.domain import events as ev
from acd.domain.agent import AgentProfile, AgentState
from acd.domain.call import Reason, Result
from acd.domain.ids import AgentId, CallId, QueueName
from acd.domain.queue import QueuePolicy
from acd.domain.state import State
from routing import shortfalls

NONE = "NONE"


class QueueLogLine(NamedTuple):
    queue: str
    event: str
    call: str = NONE  # the caller's Uniqueid
    agent: str = NONE
    data: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The data fields as they stand in the file. A bar or line end in one would be another field or line."""
        return "|".join("".join(" " if c in "|\r\n" else c for c in part) for part in self.data)


class _Place:
    """A call in a queue, or in a talk that came of it."""

    __slots__ = ("agent_id", "answered_at", "entered_at", "left", "offered_at", "position", "queue")

    def __init__(self, queue: QueueName, entered_at: datetime, position: int) -> None:
        self.queue = queue
        self.entered_at = entered_at
        self.position = position  # on entering, from 1
        self.offered_at: datetime | None = None
        self.agent_id: AgentId | None = None
        self.answered_at: datetime | None = None
        self.left = False  # transferred or completed: nothing more is told


class _Ends(NamedTuple):
    """How calls of the same command end, which their TalkEnded does not say."""

    by_caller: set[CallId]
    by_transfer: set[CallId]


class QueueLogTranslator:
    """`agent_name`: how an agent is called in the file. Give it every event, each command's events together."""

    def __init__(self, agent_name: Callable[[AgentProfile], str]) -> None:
        self._name_of = agent_name
        self._queues: dict[QueueName, QueuePolicy] = {}
        self._agents: dict[AgentId, AgentProfile] = {}
        self._states: dict[AgentId, AgentState] = {}  # of those who are logged in: not_ready or ready
        self._members: dict[AgentId, tuple[QueueName, ...]] = {}
        self._numbers: dict[CallId, str] = {}
        self._places: dict[CallId, _Place] = {}

    def take_up(self, state: State) -> None:
        """Know what was before the first event heard: after a restart agents are at work and calls wait already."""
        self._queues = dict(state.queues)
        for agent in state.agents.values():
            self._agents[agent.agent_id] = agent.profile
            if agent.state is not AgentState.LOGGED_OUT:
                self._members[agent.agent_id] = ()
                self._join(agent.agent_id)
                is_away = agent.state is AgentState.NOT_READY
                self._states[agent.agent_id] = AgentState.NOT_READY if is_away else AgentState.READY
        for call in sorted(state.calls.values(), key=lambda call: call.queued_at or call.started_at):
            self._numbers[call.call_id] = call.caller.e164 or call.caller.number
            if call.queue is not None and call.queued_at is not None and call.ended_at is None:
                place = self._places[call.call_id] = _Place(call.queue, call.queued_at, 1)
                place.offered_at, place.agent_id, place.answered_at = call.offered_at, call.agent_id, call.answered_at
                place.left = call.talk_ended_at is not None

    def lines(self, events: Sequence[ev.Event]) -> list[QueueLogLine]:
        found: list[QueueLogLine] = []
        by_caller = {
            event.call_id
            for event in events
            if isinstance(event, ev.CallEnded) and event.termination.reason is not Reason.AGENT_HUNG_UP
        }
        transferred = {event.call_id for event in events if isinstance(event, ev.CallTransferred)}
        for event in events:
            rule = _LINES.get(type(event))
            if rule is not None:
                found += rule(self, event, _Ends(by_caller, transferred))
        return found

    # agents and queues ---------------------------------------------------------------------------------------

    def _configured(self, event: ev.QueuesConfigured, _: object) -> list[QueueLogLine]:
        self._queues = {policy.name: policy for policy in event.queues}
        return [line for agent_id in tuple(self._members) for line in self._join(agent_id)]

    def _registered(self, event: ev.AgentRegistered, _: object) -> list[QueueLogLine]:
        self._agents[event.profile.agent_id] = event.profile
        return self._join(event.profile.agent_id) if event.profile.agent_id in self._members else []

    def _logged_in(self, event: ev.AgentLoggedIn, _: object) -> list[QueueLogLine]:
        self._members.setdefault(event.agent_id, ())
        self._states[event.agent_id] = AgentState.NOT_READY
        return [*self._join(event.agent_id), *self._pauses(event.agent_id, "PAUSE", "logged_in")]

    def _logged_out(self, event: ev.AgentLoggedOut | ev.AgentRemoved, _: object) -> list[QueueLogLine]:
        name = self._agent(event.agent_id)
        self._states.pop(event.agent_id, None)
        return [QueueLogLine(queue, "REMOVEMEMBER", "MANAGER", name) for queue in self._members.pop(event.agent_id, ())]

    def _ready(self, event: ev.AgentBecameReady, _: object) -> list[QueueLogLine]:
        was = self._states.get(event.agent_id)
        self._states[event.agent_id] = AgentState.READY
        return self._pauses(event.agent_id, "UNPAUSE", "") if was is AgentState.NOT_READY else []

    def _not_ready(self, event: ev.AgentBecameNotReady, _: object) -> list[QueueLogLine]:
        self._states[event.agent_id] = AgentState.NOT_READY
        return self._pauses(event.agent_id, "PAUSE", event.reason)

    def _join(self, agent_id: AgentId) -> list[QueueLogLine]:
        """Into the queues whose calls this agent may get, out of those no longer."""
        profile = self._agents.get(agent_id)
        if profile is None:
            return []
        may = [name for name, queue in self._queues.items() if not shortfalls(queue.needs_with(()), profile.skills)]
        before, name = self._members.get(agent_id, ()), self._agent(agent_id)
        self._members[agent_id] = tuple(may)
        left = [QueueLogLine(queue, "REMOVEMEMBER", "MANAGER", name) for queue in before if queue not in may]
        return left + [QueueLogLine(queue, "ADDMEMBER", "MANAGER", name, ("",)) for queue in may if queue not in before]

    def _pauses(self, agent_id: AgentId, what: str, reason: str) -> list[QueueLogLine]:
        name = self._agent(agent_id)
        each = [QueueLogLine(queue, what, NONE, name, (reason,)) for queue in self._members.get(agent_id, ())]
        return [*each, QueueLogLine(NONE, f"{what}ALL", NONE, name, (reason,))]

    # calls ---------------------------------------------------------------------------------------------------

    def _started(self, event: ev.CallStarted, _: object) -> list[QueueLogLine]:
        self._numbers[event.call_id] = event.caller.e164 or event.caller.number
        return []

    def _queued(self, event: ev.CallQueued, _: object) -> list[QueueLogLine]:
        known = self._places.get(event.call_id)
        if known is not None and known.queue == event.queue and not known.left and known.answered_at is None:
            return []  # back in its place after a loss of control
        waiting = [place for place in self._places.values() if place.queue == event.queue and place.answered_at is None]
        place = self._places[event.call_id] = _Place(event.queue, event.queued_at, len(waiting) + 1)
        data = ("", self._numbers.get(event.call_id, ""), str(place.position))
        return [QueueLogLine(event.queue, "ENTERQUEUE", _uniqueid(event.call_id), NONE, data)]

    def _overflowed(self, event: ev.CallOverflowed, _: object) -> list[QueueLogLine]:
        place = self._places.get(event.call_id)
        if place is None or place.queue != event.queue or place.answered_at is not None:
            empty = event.cause in {"nobody_logged_in", "nobody_able"}
            return [QueueLogLine(event.queue, "JOINEMPTY", _uniqueid(event.call_id))] if empty else []
        data = (str(self._position(place)), str(place.position), _seconds(place.entered_at, event.at))
        del self._places[event.call_id]
        return [QueueLogLine(event.queue, "EXITWITHTIMEOUT", _uniqueid(event.call_id), NONE, data)]

    def _reserved(self, event: ev.CallReserved, _: object) -> list[QueueLogLine]:
        if (place := self._places.get(event.call_id)) is not None:
            place.offered_at, place.agent_id = event.at, event.agent_id
        return []

    def _accepted(self, event: ev.ReservationAccepted, _: object) -> list[QueueLogLine]:
        place = self._places.setdefault(event.call_id, _Place(event.queue, event.at, 1))
        place.answered_at, place.agent_id = event.at, event.agent_id
        rang = _seconds(place.offered_at or event.at, event.at)
        # The second field is the Uniqueid of the agent's channel, which is the switch's own matter.
        data = (_seconds(place.entered_at, event.at), "", rang)
        return [self._line(event.call_id, place, "CONNECT", data)]

    def _no_answer(self, event: Any, _: object) -> list[QueueLogLine]:
        return self._ring_over(event.call_id, event.at, "RINGNOANSWER")

    def _canceled(self, event: ev.ReservationCanceled, _: object) -> list[QueueLogLine]:
        return self._ring_over(event.call_id, event.at, "RINGCANCELED")

    def _ring_over(self, call_id: CallId, at: datetime, what: str) -> list[QueueLogLine]:
        place = self._places.get(call_id)
        if place is None or place.offered_at is None:
            return []
        milliseconds = round((at - place.offered_at).total_seconds() * 1000)
        line = self._line(call_id, place, what, (str(milliseconds),))
        place.offered_at = place.agent_id = None
        return [line]

    def _adopted(self, event: ev.TalkAdopted, _: object) -> list[QueueLogLine]:
        """A talk that began before: its CONNECT may have been told then, or is lost."""
        call = event.call
        place = _Place(QueueName(call.queue or ""), call.queued_at or call.started_at, 1)
        place.answered_at, place.agent_id = call.answered_at or event.at, event.agent_id
        self._places[call.call_id] = place
        return []

    def _talk_ended(self, event: ev.TalkEnded, ends: _Ends) -> list[QueueLogLine]:
        place = self._places.get(event.call_id)
        if place is None or place.answered_at is None or place.left or event.call_id in ends.by_transfer:
            return []
        what = "COMPLETECALLER" if event.call_id in ends.by_caller else "COMPLETEAGENT"
        place.left = True
        return [self._line(event.call_id, place, what, _completed(place, event.at))]

    def _transferred(self, event: ev.CallTransferred, _: object) -> list[QueueLogLine]:
        """`BLINDTRANSFER(extension|context|...)`, `ATTENDEDTRANSFER(BRIDGE|bridge|...)`; then hold time, talk time,
        original position. Where a call went is told by its name here, and there is no context."""
        place = self._places.get(event.call_id)
        if place is None or place.answered_at is None or place.left:
            return []
        place.left = True
        if event.reservation_id is not None:
            return [self._line(event.call_id, place, "ATTENDEDTRANSFER", ("BRIDGE", "", *_completed(place, event.at)))]
        data = (event.handover.to_name, "", *_completed(place, event.at))
        return [self._line(event.call_id, place, "BLINDTRANSFER", data)]

    def _ended(self, event: ev.CallEnded, _: object) -> list[QueueLogLine]:
        self._numbers.pop(event.call_id, None)
        place = self._places.pop(event.call_id, None)
        if place is None or place.answered_at is not None or event.termination.result is Result.TURNED_AWAY:
            return []
        data = (str(self._position(place)), str(place.position), _seconds(place.entered_at, event.at))
        return [QueueLogLine(place.queue, "ABANDON", _uniqueid(event.call_id), NONE, data)]

    # tools ---------------------------------------------------------------------------------------------------

    def _agent(self, agent_id: AgentId | None) -> str:
        profile = self._agents.get(agent_id) if agent_id else None
        return NONE if profile is None else self._name_of(profile)

    def _line(self, call_id: CallId, place: _Place, what: str, data: tuple[str, ...]) -> QueueLogLine:
        return QueueLogLine(place.queue, what, _uniqueid(call_id), self._agent(place.agent_id), data)

    def _position(self, leaving: _Place) -> int:
        """Among those who wait in that queue, by age."""
        ahead = (
            place
            for place in self._places.values()
            if place.queue == leaving.queue and place.answered_at is None and place.entered_at < leaving.entered_at
        )
        return 1 + sum(1 for _ in ahead)


_Lines = Callable[[QueueLogTranslator, Any, Any], list[QueueLogLine]]

_LINES: Mapping[type[ev.Event], _Lines] = {
    ev.QueuesConfigured: QueueLogTranslator._configured,
    ev.AgentRegistered: QueueLogTranslator._registered,
    ev.AgentRemoved: QueueLogTranslator._logged_out,
    ev.AgentLoggedIn: QueueLogTranslator._logged_in,
    ev.AgentLoggedOut: QueueLogTranslator._logged_out,
    ev.AgentBecameReady: QueueLogTranslator._ready,
    ev.AgentBecameNotReady: QueueLogTranslator._not_ready,
    ev.CallStarted: QueueLogTranslator._started,
    ev.CallQueued: QueueLogTranslator._queued,
    ev.CallOverflowed: QueueLogTranslator._overflowed,
    ev.CallReserved: QueueLogTranslator._reserved,
    ev.ReservationAccepted: QueueLogTranslator._accepted,
    ev.ReservationRejected: QueueLogTranslator._no_answer,
    ev.ReservationTimedOut: QueueLogTranslator._no_answer,
    ev.ReservationRescinded: QueueLogTranslator._no_answer,
    ev.ReservationCanceled: QueueLogTranslator._canceled,
    ev.TalkAdopted: QueueLogTranslator._adopted,
    ev.TalkEnded: QueueLogTranslator._talk_ended,
    ev.CallTransferred: QueueLogTranslator._transferred,
    ev.CallEnded: QueueLogTranslator._ended,
}


def _uniqueid(call_id: CallId) -> str:
    return call_id.removeprefix("call_")


def _seconds(begin: datetime, end: datetime) -> str:
    return str(max(0, int((end - begin).total_seconds())))


def _completed(place: _Place, at: datetime) -> tuple[str, str, str]:
    """Hold time, talk time, original position."""
    answered_at = place.answered_at or at
    return _seconds(place.entered_at, answered_at), _seconds(answered_at, at), str(place.position)
