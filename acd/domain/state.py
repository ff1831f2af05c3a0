"""The whole state of a routing domain, changed by `apply(event)` alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from acd.domain import events as ev
from acd.domain.agent import Agent, AgentState
from acd.domain.call import Call, CallStage
from acd.domain.errors import UnknownAgentError, UnknownCallError, UnknownQueueError
from acd.domain.ids import AgentId, CallId, QueueName, ReservationId
from acd.domain.queue import OverflowCause, QueuePolicy, ReservePolicy, RoutingRules
from acd.domain.tallies import Tallies
from routing import AgentChoice, Pool, Requirements, WorkItem
from routing.relaxation import Stage, stages_of


class State:
    """Read it freely; only `apply` changes it."""

    def __init__(self) -> None:
        self.calls: dict[CallId, Call] = {}
        self.agents: dict[AgentId, Agent] = {}
        self.queues: dict[QueueName, QueuePolicy] = {}
        self.rules = RoutingRules()
        self.pool = Pool()  # waiting calls, agents logged in and ready
        self.tallies = Tallies()
        self._reserves: tuple[tuple[QueueName, ReservePolicy], ...] = ()
        self._stages: dict[tuple[QueueName, Requirements, int], tuple[Stage, ...]] = {}  # once per distinct needs

    # questions -----------------------------------------------------------------------------------------------

    def agent(self, agent_id: AgentId) -> Agent:
        try:
            return self.agents[agent_id]
        except KeyError:
            raise UnknownAgentError(f"there is no agent {agent_id}") from None

    def queue(self, name: QueueName) -> QueuePolicy:
        try:
            return self.queues[name]
        except KeyError:
            raise UnknownQueueError(f"there is no queue {name}") from None

    def call(self, call_id: CallId) -> Call:
        try:
            return self.calls[call_id]
        except KeyError:
            raise UnknownCallError(f"there is no call {call_id}") from None

    def reserved_call(self, call_id: CallId, reservation_id: ReservationId) -> Call | None:
        """The call, if this reservation is still pending; None when the report about it is stale."""
        call = self.calls.get(call_id)
        if call is None or call.stage is not CallStage.RESERVED or call.reservation_id != reservation_id:
            return None
        return call

    def stages_of(self, call: Call) -> tuple[Stage, ...]:
        """What this call asks for, stage by stage of its queue's routing steps."""
        return self.stages_for(self.queue(QueueName(call.queue or "")), call, call.skills)

    def stages_for(self, policy: QueuePolicy, call: Call, skills: Requirements) -> tuple[Stage, ...]:
        """The same for a call that is, or would be, in this queue with these skills asked for besides."""
        language = ((call.language, 1),) if policy.language_is_skill and call.language else ()
        signature = (policy.name, (*skills, *language), call.priority)
        stages = self._stages.get(signature)
        if stages is None:
            stages = stages_of(policy.needs_with(signature[1]), call.priority, policy.steps)
            self._stages[signature] = stages
        return stages

    def stage_of(self, call: Call) -> Stage:
        stages = self.stages_of(call)
        return stages[min(call.step, len(stages) - 1)]

    @property
    def reserves(self) -> tuple[tuple[QueueName, ReservePolicy], ...]:
        """Queues that have a reserve."""
        return self._reserves

    def oldest_in(self, name: QueueName) -> datetime:
        """Since when the longest waiting call of a queue waits. Raises ValueError when nobody does. A scan."""
        calls = (self.calls[CallId(item.item_id)] for item in self.pool.items_of(name))
        return min(call.queued_at or call.started_at for call in calls)

    # change --------------------------------------------------------------------------------------------------

    def apply(self, event: ev.Event) -> None:
        change = _CHANGES.get(type(event))
        if change is not None:
            change(self, event)

    def _replace_call(self, call_id: CallId, at: datetime, **changes: Any) -> Call:
        call = self.calls[call_id] = replace(self.calls[call_id], changed_at=at, **changes)
        return call

    def _replace_agent(self, agent_id: AgentId, **changes: Any) -> Agent:
        agent = self.agents[agent_id] = replace(self.agents[agent_id], **changes)
        return agent

    def _wait(self, call: Call) -> None:
        place_at = call.place_at or call.queued_at or call.started_at
        stage = self.stage_of(call)
        only = call.rings[call.ring].agents if call.is_kept else ()
        self.pool.add_item(
            WorkItem(call.call_id, stage.needs, stage.priority, place_at.timestamp(), call.queue or "", only)
        )

    def _wait_anew(self, call: Call) -> None:
        if self.pool.has_item(call.call_id):
            self.pool.remove_item(call.call_id)
            self._wait(call)

    def _offer_agent(self, agent: Agent, idle_since: datetime, at: datetime) -> None:
        self.pool.add_candidate(self.tallies.candidate(agent, idle_since, at))

    def _leave_pool(self, agent_id: AgentId) -> None:
        if self.pool.has_candidate(agent_id):
            self.pool.remove_candidate(agent_id)

    def _settle(self, agent_id: AgentId, state: AgentState, at: datetime, **changes: Any) -> None:
        self._leave_pool(agent_id)
        changes = {"reason": "", "reservation_id": None, "call_id": None, "wrap_up_until": None} | changes
        self._replace_agent(agent_id, state=state, since=at, **changes)

    def _forget_if_over(self, call_id: CallId) -> None:
        call = self.calls.get(call_id)
        if call is None or call.stage is not CallStage.ENDED:
            return
        agent = self.agents.get(call.agent_id) if call.agent_id else None
        if agent is None or agent.call_id != call_id:
            del self.calls[call_id]


def _queues_configured(state: State, event: ev.QueuesConfigured) -> None:
    new = {policy.name: policy for policy in event.queues}
    used = {call.queue for call in state.calls.values() if call.queue}
    state.queues = {name: policy for name, policy in state.queues.items() if name in used} | new
    state.rules = event.rules
    is_drawn = any(policy.agent_choice is AgentChoice.WEIGHTED_RANDOM for policy in state.queues.values())
    state.tallies.seed = event.rules.seed if is_drawn else None
    state._stages.clear()
    state._reserves = tuple((name, policy.reserve) for name, policy in state.queues.items() if policy.reserve)
    state.pool.configure(event.rules, {name: policy.rules() for name, policy in state.queues.items()})
    for call in state.calls.values():
        state._wait_anew(call)


def _agent_registered(state: State, event: ev.AgentRegistered) -> None:
    agent_id = event.profile.agent_id
    known = state.agents.get(agent_id)
    agent = replace(known, profile=event.profile) if known else Agent(profile=event.profile, since=event.at)
    state.agents[agent_id] = agent
    if state.pool.has_candidate(agent_id):
        state.pool.remove_candidate(agent_id)
        state._offer_agent(agent, agent.idle_since or event.at, event.at)
    if agent.state is not AgentState.LOGGED_OUT:
        state.pool.log_in(agent_id, agent.profile.skills)


def _agent_removed(state: State, event: ev.AgentRemoved) -> None:
    state._leave_pool(event.agent_id)
    state.pool.log_out(event.agent_id)
    state.tallies.forget(event.agent_id)
    del state.agents[event.agent_id]


def _agent_logged_in(state: State, event: ev.AgentLoggedIn) -> None:
    state._settle(event.agent_id, AgentState.NOT_READY, event.at, reason="logged_in", after_call=None)
    state.pool.log_in(event.agent_id, state.agents[event.agent_id].profile.skills)
    state.tallies.logged_in(event.agent_id, event.at)


def _agent_logged_out(state: State, event: ev.AgentLoggedOut) -> None:
    state._settle(event.agent_id, AgentState.LOGGED_OUT, event.at, after_call=None, idle_since=None)
    state.pool.log_out(event.agent_id)


def _agent_became_ready(state: State, event: ev.AgentBecameReady) -> None:
    state._settle(event.agent_id, AgentState.READY, event.at, idle_since=event.idle_since, after_call=None)
    state._offer_agent(state.agents[event.agent_id], event.idle_since, event.at)


def _agent_became_not_ready(state: State, event: ev.AgentBecameNotReady) -> None:
    state._settle(event.agent_id, AgentState.NOT_READY, event.at, reason=event.reason, after_call=None)


def _after_call_chosen(state: State, event: ev.AfterCallChosen) -> None:
    state._replace_agent(event.agent_id, after_call=event.after_call)


def _call_started(state: State, event: ev.CallStarted) -> None:
    state.calls[event.call_id] = Call(
        call_id=event.call_id,
        linkedid=event.linkedid,
        channel=event.channel,
        called_number=event.called_number,
        caller=event.caller,
        language=event.language,
        started_at=event.started_at,
        changed_at=event.at,
    )


def _call_rejoined(state: State, event: ev.CallRejoined) -> None:
    stage = state.calls[event.call_id].stage
    stage = CallStage.ARRIVING if stage is CallStage.DETACHED else stage
    state._replace_call(event.call_id, event.at, channel=event.channel, stage=stage, is_controlled=True)


def _call_detached(state: State, event: ev.CallDetached) -> None:
    if state.pool.has_item(event.call_id):
        state.pool.remove_item(event.call_id)
    is_ringing = state.calls[event.call_id].stage is CallStage.RESERVED
    stage = CallStage.RESERVED if is_ringing else CallStage.DETACHED
    state._replace_call(event.call_id, event.at, stage=stage, is_controlled=False)


def _caller_identified(state: State, event: ev.CallerIdentified) -> None:
    state._replace_call(event.call_id, event.at, caller=event.caller, context=event.context)


def _ivr_path_recorded(state: State, event: ev.IvrPathRecorded) -> None:
    state._replace_call(
        event.call_id,
        event.at,
        stage=CallStage.IVR,
        is_controlled=True,
        ivr_path=event.path,
        language=event.language,
        flow=f"{event.flow}@{event.flow_version}" if event.flow else "",
    )


def _ticket_keyed(state: State, event: ev.TicketKeyed) -> None:
    ticket = event.context.linked_ticket
    state._replace_call(event.call_id, event.at, context=event.context, keyed_ticket=ticket.number if ticket else None)


def _call_queued(state: State, event: ev.CallQueued) -> None:
    if state.pool.has_item(event.call_id):
        state.pool.remove_item(event.call_id)  # it moves from another queue
    call = state._replace_call(
        event.call_id,
        event.at,
        stage=CallStage.WAITING,
        is_controlled=True,
        queue=event.queue,
        priority=event.priority,
        skills=event.skills,
        queued_at=event.queued_at,
        place_at=event.place_at,
        step=event.step,
        rings=event.rings,
        ring=event.ring,
        ring_since=event.ring_since,
        turned_away=None,
    )
    state._wait(call)


def _place_adjusted(state: State, event: ev.PlaceAdjusted) -> None:
    state._wait_anew(state._replace_call(event.call_id, event.at, place_at=event.place_at))


def _step_reached(state: State, event: ev.StepReached) -> None:
    call = state.calls[event.call_id]
    ring_since = call.ring_since if event.ring == call.ring else event.at
    call = state._replace_call(event.call_id, event.at, step=event.step, ring=event.ring, ring_since=ring_since)
    state._wait_anew(call)


def _call_overflowed(state: State, event: ev.CallOverflowed) -> None:
    if event.to_queue is None:
        state._replace_call(event.call_id, event.at, turned_away=OverflowCause(event.cause))
    else:
        left = (*state.calls[event.call_id].left_queues, event.queue)
        state._replace_call(event.call_id, event.at, left_queues=left)


def _reserve_called_up(state: State, event: ev.ReserveCalledUp) -> None:
    state.pool.call_up_reserve(event.queue)


def _reserve_stood_down(state: State, event: ev.ReserveStoodDown) -> None:
    state.pool.stand_down_reserve(event.queue)


def _call_reserved(state: State, event: ev.CallReserved) -> None:
    if state.queues[event.queue].agent_choice is AgentChoice.WEIGHTED_RANDOM:
        drawn = state.pool.agent_key(event.call_id, event.agent_id)[0]
        state.tallies.draws_stand_at = max(state.tallies.draws_stand_at, drawn)
    state.tallies.offered(event.agent_id, event.queue, event.at)
    state.pool.remove_item(event.call_id)
    state._replace_call(
        event.call_id,
        event.at,
        stage=CallStage.RESERVED,
        reservation_id=event.reservation_id,
        agent_id=event.agent_id,
        attempts=event.attempt,
        offered_at=event.at,
        ringing_at=None,
        reasons=event.reasons,
    )
    state._settle(
        event.agent_id,
        AgentState.RESERVED,
        event.at,
        reservation_id=event.reservation_id,
        call_id=event.call_id,
    )


def _agent_rang(state: State, event: ev.AgentRang) -> None:
    state._replace_call(event.call_id, event.at, ringing_at=event.at)


def _reservation_accepted(state: State, event: ev.ReservationAccepted) -> None:
    state._replace_call(event.call_id, event.at, stage=CallStage.TALKING, answered_at=event.at)
    state._replace_agent(event.agent_id, state=AgentState.TALKING, since=event.at)
    state.tallies.answered(event.agent_id, event.queue, event.at)


def _talk_adopted(state: State, event: ev.TalkAdopted) -> None:
    call = state.calls[event.call.call_id] = event.call
    state._settle(
        event.agent_id,
        AgentState.TALKING,
        call.answered_at or event.at,
        reservation_id=call.reservation_id,
        call_id=call.call_id,
        after_call=event.after_call,
    )
    state.pool.log_in(event.agent_id, state.agents[event.agent_id].profile.skills)


def _back_to_queue(
    state: State, event: ev.ReservationRejected | ev.ReservationTimedOut | ev.ReservationRescinded
) -> None:
    """The agent's own change is an event of its own, which always follows."""
    is_controlled = state.calls[event.call_id].is_controlled
    call = state._replace_call(
        event.call_id,
        event.at,
        stage=CallStage.WAITING if is_controlled else CallStage.DETACHED,
        reservation_id=None,
        agent_id=None,
        offered_at=None,
        ringing_at=None,
    )
    if is_controlled:
        state._wait(call)


def _talk_ended(state: State, event: ev.TalkEnded) -> None:
    state._replace_call(event.call_id, event.at, talk_ended_at=event.at)


def _wrap_up_started(state: State, event: ev.WrapUpStarted) -> None:
    state._replace_agent(
        event.agent_id, state=AgentState.WRAP_UP, since=event.at, wrap_up_until=event.until, reservation_id=None
    )


def _wrap_up_ended(state: State, event: ev.WrapUpEnded) -> None:
    call = state.calls[event.call_id]
    if call.answered_at is not None and call.talk_ended_at is not None:
        seconds = (call.talk_ended_at - call.answered_at).total_seconds() + event.wrap_up_seconds
        state.tallies.handled(event.agent_id, event.queue, seconds, event.at)
    state._replace_agent(event.agent_id, call_id=None, wrap_up_until=None, idle_since=event.at)
    state._forget_if_over(event.call_id)


def _call_ended(state: State, event: ev.CallEnded) -> None:
    if state.pool.has_item(event.call_id):
        state.pool.remove_item(event.call_id)
    state._replace_call(
        event.call_id, event.at, stage=CallStage.ENDED, ended_at=event.at, termination=event.termination
    )
    state._forget_if_over(event.call_id)


_CHANGES: dict[type[ev.Event], Callable[[State, Any], None]] = {
    ev.QueuesConfigured: _queues_configured,
    ev.AgentRegistered: _agent_registered,
    ev.AgentRemoved: _agent_removed,
    ev.AgentLoggedIn: _agent_logged_in,
    ev.AgentLoggedOut: _agent_logged_out,
    ev.AgentBecameReady: _agent_became_ready,
    ev.AgentBecameNotReady: _agent_became_not_ready,
    ev.AfterCallChosen: _after_call_chosen,
    ev.CallStarted: _call_started,
    ev.CallRejoined: _call_rejoined,
    ev.CallDetached: _call_detached,
    ev.CallerIdentified: _caller_identified,
    ev.IvrPathRecorded: _ivr_path_recorded,
    ev.TicketKeyed: _ticket_keyed,
    ev.CallQueued: _call_queued,
    ev.PlaceAdjusted: _place_adjusted,
    ev.StepReached: _step_reached,
    ev.CallOverflowed: _call_overflowed,
    ev.ReserveCalledUp: _reserve_called_up,
    ev.ReserveStoodDown: _reserve_stood_down,
    ev.CallReserved: _call_reserved,
    ev.AgentRang: _agent_rang,
    ev.ReservationAccepted: _reservation_accepted,
    ev.ReservationRejected: _back_to_queue,
    ev.ReservationTimedOut: _back_to_queue,
    ev.ReservationRescinded: _back_to_queue,
    ev.TalkAdopted: _talk_adopted,
    ev.TalkEnded: _talk_ended,
    ev.WrapUpStarted: _wrap_up_started,
    ev.WrapUpEnded: _wrap_up_ended,
    ev.CallEnded: _call_ended,
}
