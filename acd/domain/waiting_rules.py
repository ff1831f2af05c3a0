"""What becomes of a call that waits: let in or sent on, kept for some agents, asking for less as time passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import Agent, AgentState
from acd.domain.assignment import match_all, match_call, reserve_for
from acd.domain.call import Call, CallStage, Ring
from acd.domain.errors import WrongStateError
from acd.domain.estimates import expected_wait_seconds
from acd.domain.ids import AgentId, CallId, QueueName, agent_id_of
from acd.domain.overflow import overflow_at_door
from acd.domain.places import kept_place
from acd.domain.priorities import Priority, priority_of
from acd.domain.queue import PreferredBy, PreferredRing, QueuePolicy
from acd.domain.state import State
from acd.domain.turn import Rule, Turn
from acd.domain.work import CallKind
from routing.relaxation import stage_due

_BEFORE_QUEUE = frozenset({CallStage.ARRIVING, CallStage.IVR, CallStage.DETACHED})
# Who is here may be back in time; of these nobody can say when they are.
_AWAY = frozenset({AgentState.LOGGED_OUT, AgentState.NOT_READY})


# into a queue --------------------------------------------------------------------------------------------------


def enqueue_call(turn: Turn, command: cmd.EnqueueCall) -> None:
    call = turn.state.call(command.call_id)
    policy = turn.state.queue(command.queue)
    if call.stage not in _BEFORE_QUEUE:
        return  # it waits already, or is over: a report given twice
    if _let_in(turn, call, policy, command):
        turn.wish(fx.RecordInteraction(call=turn.state.calls[call.call_id]))


def _let_in(turn: Turn, call: Call, policy: QueuePolicy, place: cmd.EnqueueCall) -> bool:
    """Into this queue, or into the one it overflows to. False: turned away. A queue is tried once only."""
    tried: set[QueueName] = set(call.left_queues)  # should a menu lead back, the caller is not sent round
    is_back = (place.is_back and call.turned_away is None) or kept_place(
        turn.state, policy.name, call, turn.now
    ) is not None
    while not is_back and policy.name not in tried:
        tried.add(policy.name)
        way_out = overflow_at_door(turn.state, call, policy, place.skills, turn.now)
        if way_out is None:
            break
        to_queue = way_out.queue if way_out.queue in turn.state.queues else None
        if to_queue is not None and to_queue in tried:
            break  # all of them are over their limits: wait here, rather than nowhere
        overflowed = ev.CallOverflowed(
            at=turn.now,
            call_id=call.call_id,
            queue=policy.name,
            cause=way_out.cause,
            to_queue=to_queue,
            to_flow=way_out.flow,
        )
        turn.happened(overflowed)
        if to_queue is None:
            turn.wish(fx.TurnAway(call_id=call.call_id, announcement=way_out.announcement, flow=way_out.flow))
            return False
        policy = turn.state.queue(to_queue)
    priority = priority_of(policy, call.caller, call.context, place.attributes, place.priority)
    put_in_queue(turn, call, policy, place, priority)
    return True


def put_in_queue(
    turn: Turn,
    call: Call,
    policy: QueuePolicy,
    place: cmd.EnqueueCall,
    priority: Priority,
    *,
    first: tuple[Ring, ...] = (),
    taker: Agent | None = None,
) -> None:
    """Without asking at the door. `first`: agents it is kept for before the queue's own preferences. `taker`: who is
    offered it now, free as they are, whatever the rules of routing say."""
    queued_at = min(place.queued_at or turn.now, turn.now)
    rings = first + tuple(ring for wanted in policy.preferred if (ring := _ring(call, wanted)))
    in_force, ring_since = _ring_by(rings, queued_at, turn.now)
    kept = kept_place(turn.state, policy.name, call, turn.now)
    place_at = place.place_at or (min(kept, queued_at) if kept else None)
    turn.happened(
        ev.CallQueued(
            at=turn.now,
            call_id=call.call_id,
            queue=policy.name,
            priority=priority.level,
            priority_reason=priority.reason,
            attributes=place.attributes,
            skills=place.skills,
            queued_at=queued_at,
            place_at=place_at,
            rings=rings,
            ring=in_force,
            ring_since=ring_since,
        )
    )
    agent = turn.state.agents.get(taker.agent_id) if taker is not None else None
    if agent is not None and agent.state in {AgentState.READY, AgentState.NOT_READY}:
        reserve_for(turn, turn.state.calls[call.call_id], agent, (f"taken over by {agent.profile.name}",))
        return
    progress(turn, call.call_id)
    if turn.state.pool.has_item(call.call_id):  # else a step has sent it on, and somebody there takes it already
        match_call(turn, call.call_id)


def _ring(call: Call, wanted: PreferredRing) -> Ring | None:
    agents: tuple[AgentId, ...] = wanted.agents
    if wanted.by is PreferredBy.TICKET_OWNER:
        ticket = call.context.linked_ticket
        agents = (AgentId(ticket.owner_agent_id),) if ticket and ticket.owner_agent_id else ()
    elif wanted.by is PreferredBy.LAST_AGENT:
        spoken = (card.agent_name for card in call.context.recent_calls if card.agent_name)
        agents = tuple(agent_id_of(login) for login in spoken)[:1]
    return Ring(agents, wanted.reserve_time, wanted.by) if agents else None


def _ring_by(rings: tuple[Ring, ...], queued_at: datetime, now: datetime) -> tuple[int, datetime | None]:
    """The ring in force and since when, by the time in the queue alone: as after a restart."""
    since = queued_at
    for index, ring in enumerate(rings):
        if now < since + ring.reserve_time:
            return index, since
        since += ring.reserve_time
    return len(rings), None


def adjust_place(turn: Turn, command: cmd.AdjustPlace) -> None:
    call = turn.state.call(command.call_id)
    if not turn.state.pool.has_item(call.call_id):
        raise WrongStateError(f"the call is {call.stage}, not waiting")
    turn.happened(ev.PlaceAdjusted(at=turn.now, call_id=call.call_id, place_at=command.place_at))


# while it waits ------------------------------------------------------------------------------------------------


def reach_step(turn: Turn, command: cmd.ReachStep) -> None:
    if turn.state.pool.has_item(command.call_id):
        progress(turn, command.call_id)
        if turn.state.pool.has_item(command.call_id):
            match_call(turn, command.call_id)


def progress(turn: Turn, call_id: CallId) -> None:
    """Bring a waiting call to the ring and step that are due, and watch for the next."""
    while (reached := _next(turn, turn.state.calls[call_id])) is not None:
        turn.happened(reached)
        call = turn.state.calls[call_id]
        step = turn.state.stage_of(call).step
        if step is None or reached.cause in _OF_RINGS:
            continue
        if call.kind is not CallKind.INBOUND:
            continue  # what no caller holds on for stays where it was asked for
        if (step.queue and _send_on(turn, call, step.queue)) or (step.flow and _send_into(turn, call, step.flow)):
            return
    if watch := _step_watch(turn.state, turn.state.calls[call_id], turn.now):
        turn.wish(watch)


def _step_watch(state: State, call: Call, now: datetime) -> fx.StartTimer | None:
    due_at = next_due(state, call)
    if due_at is None:
        return None
    command = cmd.ReachStep(call_id=call.call_id)
    return fx.StartTimer(key=step_timer(call.call_id), due_at=max(due_at, now), command=command)


def timers(state: State, now: datetime) -> Iterator[fx.StartTimer]:
    """Those that run for this state. (One may go on when its call is offered; it then does nothing.)"""
    for call in state.calls.values():
        if state.pool.has_item(call.call_id) and (watch := _step_watch(state, call, now)):
            yield watch


_OF_RINGS = frozenset({"reserve_over", "preferred_away"})


def _next(turn: Turn, call: Call) -> ev.StepReached | None:
    def reached(cause: str, *, step: int = call.step, ring: int = call.ring) -> ev.StepReached:
        queue = QueueName(call.queue or "")
        return ev.StepReached(at=turn.now, call_id=call.call_id, queue=queue, step=step, ring=ring, cause=cause)

    if call.is_kept:
        ends_at = _ring_ends_at(call)
        if turn.now >= ends_at:
            return reached("reserve_over", ring=call.ring + 1)
        if all(_cannot_come(turn, agent_id, ends_at) for agent_id in call.rings[call.ring].agents):
            return reached("preferred_away", ring=call.ring + 1)
    stages = turn.state.stages_of(call)
    if call.step + 1 >= len(stages) or call.queued_at is None:
        return None
    due = stage_due(stages, turn.now - call.queued_at)
    if due > call.step:
        return reached("time", step=call.step + 1)
    step = stages[call.step + 1].step
    if step is None or call.is_kept:
        return None
    if step.at_once_if_nobody and not turn.state.pool.present_for(call.call_id):
        later = stages[call.step + 1 :]
        if any(
            stage.step and (stage.step.queue or stage.step.flow or turn.state.pool.present_with(stage.needs))
            for stage in later
        ):
            return reached("nobody_able", step=call.step + 1)
    if step.if_wait_over is not None:
        expected = expected_wait_seconds(turn.state, call)
        if expected is not None and expected > step.if_wait_over.total_seconds():
            return reached("wait_too_long", step=call.step + 1)
    return None


def _cannot_come(turn: Turn, agent_id: AgentId, until: datetime) -> bool:
    """Logged out, on a break, or busy for longer than the reserve, as far as one can tell."""
    agent = turn.state.agents.get(agent_id)
    if agent is None or agent.state in _AWAY or agent.after_call is not None:
        return True
    free_at = _free_at(turn, agent)
    return free_at is not None and free_at >= until


def _free_at(turn: Turn, agent: Agent) -> datetime | None:
    """When a busy agent will be free: known of a wrap-up, expected of a talk by its queue's recent handle times."""
    if agent.wrap_up_until is not None:
        return agent.wrap_up_until
    call = turn.state.calls.get(agent.call_id) if agent.call_id else None
    if call is None or call.queue is None or call.answered_at is None:
        return None
    recent = turn.state.tallies.handle_seconds(call.queue)
    return call.answered_at + timedelta(seconds=sum(recent) / len(recent)) if recent else None


def _ring_ends_at(call: Call) -> datetime:
    return (call.ring_since or call.changed_at) + call.rings[call.ring].reserve_time


def next_due(state: State, call: Call) -> datetime | None:
    """When time alone will bring this call its next ring or step."""
    stages = state.stages_of(call)
    due = [_ring_ends_at(call)] if call.is_kept else []
    if call.step + 1 < len(stages) and call.queued_at is not None:
        due.append(call.queued_at + stages[call.step + 1].after)
    return min(due, default=None)


def step_timer(call_id: CallId) -> str:
    return f"step:{call_id}"


def forget_steps(turn: Turn, call: Call) -> None:
    """The call waits no more."""
    if call.queue in turn.state.queues and next_due(turn.state, call) is not None:
        turn.wish(fx.CancelTimer(key=step_timer(call.call_id)))


def _send_on(turn: Turn, call: Call, to_queue: str) -> bool:
    """On to another queue, with its age and what it asked for itself. False: it is gone, or the call was there."""
    policy = turn.state.queues.get(QueueName(to_queue))
    if policy is None or call.queue is None or policy.name in (call.queue, *call.left_queues):
        return False
    turn.happened(
        ev.CallOverflowed(at=turn.now, call_id=call.call_id, queue=call.queue, cause="step", to_queue=policy.name)
    )
    turn.wish(fx.CancelTimer(key=step_timer(call.call_id)))
    place = cmd.EnqueueCall(
        call_id=call.call_id,
        queue=policy.name,
        attributes=call.attributes,
        skills=call.skills,
        queued_at=call.queued_at,
        place_at=call.place_at,
    )
    put_in_queue(turn, call, policy, place, Priority(call.priority, call.priority_reason))
    turn.wish(fx.RecordInteraction(call=turn.state.calls[call.call_id]))
    return True


def _send_into(turn: Turn, call: Call, flow: str) -> bool:
    """Out of the queue and into a menu. False: no flow holds the channel now; the step is reached when one does."""
    if call.queue is None or not call.is_controlled:
        return False
    turn.happened(
        ev.CallOverflowed(
            at=turn.now, call_id=call.call_id, queue=call.queue, cause="step", to_queue=None, to_flow=flow
        )
    )
    turn.wish(fx.CancelTimer(key=step_timer(call.call_id)))
    turn.wish(fx.TurnAway(call_id=call.call_id, announcement=(), flow=flow))
    turn.wish(fx.RecordInteraction(call=turn.state.calls[call.call_id]))
    return True


# when agents or rules change -----------------------------------------------------------------------------------


def agent_left(turn: Turn, agent: Agent) -> None:
    """Logged out or on a break (`agent` as before): calls kept for them, or that nobody else can take, go on."""
    pool = turn.state.pool
    touched = [CallId(item.item_id) for item in pool.named_for(agent.agent_id)]
    touched += [CallId(item.item_id) for item in pool.deserted(agent.profile.skills)]
    _go_on(turn, touched)


def agent_came(turn: Turn) -> None:
    """Logged in, or with other skills: calls that nobody could take may have somebody at a later step."""
    _go_on(turn, [CallId(item.item_id) for item in turn.state.pool.stranded()])


def _go_on(turn: Turn, calls: Sequence[CallId]) -> None:
    """All of them first, and only then are they matched, in their order: who comes next must not depend on which of
    them was looked at first."""
    pool = turn.state.pool
    for call_id in calls:
        if pool.has_item(call_id):
            progress(turn, call_id)
    waiting = [pool.item(call_id) for call_id in calls if pool.has_item(call_id)]
    for item in sorted(waiting, key=pool.key_of):
        match_call(turn, CallId(item.item_id))


def rules_changed(turn: Turn) -> None:
    """Steps, skills or queues were changed under the calls that wait."""
    for call in tuple(turn.state.calls.values()):
        if turn.state.pool.has_item(call.call_id):
            progress(turn, call.call_id)
    match_all(turn)


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.AdjustPlace: adjust_place,
    cmd.ReachStep: reach_step,
}
