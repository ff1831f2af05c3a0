"""What the screens see: events folded into frames for each agent's feed and the supervisors' feed.

An agent's feed: `snapshot`, `agent` (own state), `offer` (the screen-pop, before the phone rings), `offer_ended`,
`call` (answered, talk ended, ended), `ticket`. The supervisors' feed: `snapshot`, `queues`, `agents`; changes are
gathered and sent together, at most every `SUPERVISOR_INTERVAL`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from acd.domain import events as ev
from acd.domain.call import Call, CallStage
from acd.domain.changes.conversation import consulted_agent
from acd.domain.ids import AgentId, CallId, QueueName
from acd.domain.metrics import QueueStatistics
from acd.domain.state import State
from acd.domain.work import CallKind
from acd.service.feeds import Feed
from acd.service.ports import Clock
from acd.service.views import AgentView, CallView, QueueView, agent_view, call_view, queue_view

SUPERVISOR_INTERVAL = timedelta(milliseconds=200)

OFFER_ENDED: dict[type[ev.Event], str] = {
    ev.ReservationRejected: "rejected",
    ev.ReservationTimedOut: "timed_out",
    ev.ReservationRescinded: "rescinded",
    ev.ReservationCanceled: "canceled",
}

ScheduleFlush = Callable[[timedelta, Callable[[], None]], Any]


class Screens:
    """A listener of the dispatcher. `schedule(delay, callback)` is the event loop's call_later, or a virtual one."""

    def __init__(self, state: State, statistics: QueueStatistics, clock: Clock, schedule: ScheduleFlush) -> None:
        self._state = state
        self._statistics = statistics
        self._clock = clock
        self._schedule = schedule
        self._agent_feeds: dict[AgentId, Feed] = {}
        self.supervisors = Feed(clock, self.supervisor_snapshot)
        self._changed_queues: set[QueueName] = set()
        self._changed_agents: set[AgentId] = set()
        self._is_flush_due = False
        self.health: Callable[[], Any] = lambda: None  # how the service itself is

    # reading -------------------------------------------------------------------------------------------------

    def agent_feed(self, agent_id: AgentId) -> Feed:
        feed = self._agent_feeds.get(agent_id)
        if feed is None:
            feed = self._agent_feeds[agent_id] = Feed(self._clock, lambda: self.agent_snapshot(agent_id))
        return feed

    def agent_snapshot(self, agent_id: AgentId) -> dict[str, Any]:
        """`{"agent": AgentView, "call": CallView | None, "draft": Draft | None}`: the call reserved, talked with, or
        being wrapped up, and what was typed about it."""
        agent = self._state.agents.get(agent_id)
        if agent is None:
            return {"agent": None, "call": None, "draft": None}
        call = self._state.calls.get(agent.call_id) if agent.call_id else None
        return {
            "agent": self._agent_view(agent_id),
            "call": self._call_view(call) if call else None,
            "draft": agent.draft,
        }

    def supervisor_snapshot(self) -> dict[str, Any]:
        """`{"queues": [QueueView], "agents": [AgentView], "health": HealthView | None}`."""
        return {"queues": self.queue_views(), "agents": self.agent_views(), "health": self.health()}

    def queue_views(self, names: Iterable[QueueName] | None = None) -> list[QueueView]:
        waiting: dict[QueueName, list[Call]] = {}
        for call in self._state.calls.values():
            is_in_line = call.stage in {CallStage.WAITING, CallStage.RESERVED}
            if call.queue and is_in_line and call.kind is not CallKind.OUTBOUND:
                waiting.setdefault(call.queue, []).append(call)
        now, doors = self._clock.now(), self._state.doors
        chosen = self._state.queues if names is None else [name for name in names if name in self._state.queues]
        return [
            queue_view(
                self._state.queues[name],
                self._statistics.of(name),
                waiting.get(name, []),
                now,
                doors.get(name),
            )
            for name in sorted(chosen)
        ]

    def agent_views(self) -> list[AgentView]:
        return [self._agent_view(agent_id) for agent_id in self._state.agents]

    # listening -----------------------------------------------------------------------------------------------

    def hear(self, events: Sequence[ev.Event]) -> None:
        """The state is already the one after all of these events."""
        agents: dict[AgentId, None] = {}  # in order, once each
        for event in events:
            agent_id = getattr(event, "agent_id", None)
            if isinstance(event, ev.AgentRegistered):
                agent_id = event.profile.agent_id
            for concerned in (agent_id, consulted_agent(event)):
                if concerned:
                    agents[concerned] = None
            queue = getattr(event, "queue", None)
            if queue is not None:
                self._changed_queues.add(queue)
            if isinstance(event, ev.QueuesConfigured):
                self._changed_queues.update(self._state.queues)
        self._changed_agents.update(agents)
        for event in events:
            self._tell_agent(event)
        for agent_id in agents:
            if agent_id in self._agent_feeds and agent_id in self._state.agents:
                self.agent_feed(agent_id).publish("agent", self._agent_view(agent_id))
        self._flush_soon()

    def _tell_agent(self, event: ev.Event) -> None:
        match event:
            case ev.CallReserved(agent_id=agent_id, call_id=call_id):
                self.agent_feed(agent_id).publish("offer", self._call_of(call_id))
            case ev.FarEndNotReached(agent_id=agent_id, call_id=call_id):
                self._tell_not_reached(agent_id, call_id, event)
            case (
                ev.ReservationRejected(agent_id=agent_id)
                | ev.ReservationTimedOut(agent_id=agent_id)
                | ev.ReservationRescinded(agent_id=agent_id)
                | ev.ReservationCanceled(agent_id=agent_id)
            ):
                why = OFFER_ENDED[type(event)]
                data = {"call_id": event.call_id, "reservation_id": event.reservation_id, "why": why}
                self.agent_feed(agent_id).publish("offer_ended", data)
            case (
                ev.ReservationAccepted(agent_id=agent_id, call_id=call_id)
                | ev.TalkAdopted(agent_id=agent_id, call=Call(call_id=call_id))
                | ev.TalkEnded(agent_id=agent_id, call_id=call_id)
                | ev.FarEndDialled(agent_id=agent_id, call_id=call_id)
                | ev.OutgoingCallPlaced(agent_id=agent_id, call=Call(call_id=call_id))
            ):
                if view := self._call_of(call_id):  # without wrap-up time it may be forgotten already
                    self.agent_feed(agent_id).publish("call", view)
            case ev.ConsultStarted(consult=consult) if consult.agent_id is not None:
                self.agent_feed(consult.agent_id).publish("offer", self._call_of(event.call_id))
                self._tell_party(event.call_id)
            case ev.ConsultEnded(consulted_id=consulted_id, call_id=call_id):
                if consulted_id is not None:
                    over = {"call_id": call_id, "reservation_id": None, "why": f"consult_{event.cause}"}
                    self.agent_feed(consulted_id).publish("offer_ended", over)
                self._tell_party(call_id)
            case (
                ev.TalkHeld()
                | ev.TalkResumed()
                | ev.AgentMuted()
                | ev.ConsultStarted()
                | ev.ConsultAnswered()
                | ev.ConsultSwapped()
                | ev.ConferenceStarted()
                | ev.CallTransferred()
            ):
                self._tell_party(event.call_id)
            case (
                ev.RecordingStarted(agent_id=agent_id, call_id=call_id)
                | ev.RecordingPaused(agent_id=agent_id, call_id=call_id)
                | ev.RecordingResumed(agent_id=agent_id, call_id=call_id)
                | ev.RecordingStopped(agent_id=agent_id, call_id=call_id)
            ):
                if agent_id in self._state.agents and (view := self._call_of(call_id)):
                    self.agent_feed(agent_id).publish("call", view)
            case ev.RecordingFailed():
                self._tell_of_failure(event)
            case ev.TicketCommitted(agent_id=agent_id) if agent_id in self._state.agents:
                self._tell_party(event.call_id)  # who has the call now goes on with this ticket
                ticket: dict[str, Any] = {
                    "call_id": event.call_id,
                    "number": event.ticket_number,
                    "to_qualify": event.to_qualify,
                }
                self.agent_feed(agent_id).publish("ticket", ticket)
            case ev.AgentRemoved(agent_id=agent_id):
                if feed := self._agent_feeds.pop(agent_id, None):
                    feed.close()

    def _tell_not_reached(self, agent_id: AgentId, call_id: CallId, event: ev.FarEndNotReached) -> None:
        data = {"call_id": call_id, "reservation_id": event.reservation_id, "why": f"far_end_{event.cause}"}
        self.agent_feed(agent_id).publish("offer_ended", data)

    def _tell_party(self, call_id: CallId) -> None:
        """The call as it is now, to the agents in it."""
        call = self._state.calls.get(call_id)
        if call is None:
            return
        consulted = call.consult.agent_id if call.consult is not None else None
        for agent_id in (call.agent_id, consulted):
            agent = self._state.agents.get(agent_id) if agent_id is not None else None
            if agent is not None and agent.call_id == call_id:
                self.agent_feed(agent.agent_id).publish("call", self._call_view(call))

    def _tell_of_failure(self, event: ev.RecordingFailed) -> None:
        """The call goes on. The agent must know before reading out a card number; a supervisor can mend the cause."""
        data = {"call_id": event.call_id, "queue": event.queue, "agent_id": event.agent_id, "cause": event.cause}
        self.supervisors.publish("recording_failed", data)
        if event.agent_id in self._state.agents:
            self.agent_feed(event.agent_id).publish("recording_failed", data)

    def _flush_soon(self) -> None:
        if not self._is_flush_due and (self._changed_queues or self._changed_agents):
            self._is_flush_due = True
            self._schedule(SUPERVISOR_INTERVAL, self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        queues, self._changed_queues = self._changed_queues, set()
        agents, self._changed_agents = self._changed_agents, set()
        if queues:
            self.supervisors.publish("queues", self.queue_views(queues))
        if agents:
            views = [self._agent_view(agent_id) for agent_id in agents if agent_id in self._state.agents]
            removed = [agent_id for agent_id in agents if agent_id not in self._state.agents]
            self.supervisors.publish("agents", {"changed": views, "removed": removed})

    def close(self) -> None:
        self.supervisors.close()
        for feed in self._agent_feeds.values():
            feed.close()

    def _call_of(self, call_id: CallId) -> CallView | None:
        call = self._state.calls.get(call_id)
        return self._call_view(call) if call else None

    def _call_view(self, call: Call) -> CallView:
        return call_view(call, self._state.queues.get(call.queue) if call.queue else None, self._state.agents)

    def _agent_view(self, agent_id: AgentId) -> AgentView:
        agent = self._state.agents[agent_id]
        return agent_view(agent, self._state.calls.get(agent.call_id) if agent.call_id else None)
