"""What supervisors do: waiting calls moved, put first or given to somebody, queues closed and opened, words to all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent import BUSY_STATES, AgentState
from acd.domain.assignment import match_call
from acd.domain.call import Call, Ring
from acd.domain.errors import WrongStateError
from acd.domain.ids import CallId, QueueName
from acd.domain.overflow import sentences_when_closed
from acd.domain.priorities import Priority
from acd.domain.queue import PreferredBy
from acd.domain.turn import Rule, Turn
from acd.domain.waiting_rules import progress, put_in_queue, step_timer
from routing.eligibility import is_eligible

KEPT_TIME = timedelta(minutes=5)  # for an agent who is busy


def move_call(turn: Turn, command: cmd.MoveCall) -> None:
    call, policy = _waiting(turn, command.call_id), turn.state.queue(command.queue)
    if call.queue is None or call.queue == policy.name:
        raise WrongStateError(f"the call waits in {policy.label} already")
    turn.happened(ev.CallMoved(at=turn.now, call_id=call.call_id, queue=call.queue, to_queue=policy.name))
    turn.wish(fx.CancelTimer(key=step_timer(call.call_id)))
    place = cmd.EnqueueCall(
        call_id=call.call_id,
        queue=policy.name,
        priority=call.priority,
        skills=call.skills,
        queued_at=call.queued_at,
        place_at=call.place_at,
    )
    put_in_queue(turn, call, policy, place, Priority(call.priority, call.priority_reason))
    turn.wish(fx.RecordInteraction(call=turn.state.calls[call.call_id]))


def prioritise_call(turn: Turn, command: cmd.PrioritiseCall) -> None:
    call = _waiting(turn, command.call_id)
    turn.happened(
        ev.CallPrioritised(
            at=turn.now, call_id=call.call_id, queue=QueueName(call.queue or ""), priority=command.priority
        )
    )


def assign_call(turn: Turn, command: cmd.AssignCall) -> None:
    call, agent = _waiting(turn, command.call_id), turn.state.agent(command.agent_id)
    if agent.state is not AgentState.READY and agent.state not in BUSY_STATES:
        raise WrongStateError(f"{agent.profile.name} is {agent.state}: choose somebody who is at work")
    ring = Ring((agent.agent_id,), KEPT_TIME, PreferredBy.SUPERVISOR)
    turn.happened(ev.CallKept(at=turn.now, call_id=call.call_id, queue=QueueName(call.queue or ""), ring=ring))
    progress(turn, call.call_id)
    if turn.state.pool.has_item(call.call_id):
        match_call(turn, call.call_id)


def set_queue_door(turn: Turn, command: cmd.SetQueueDoor) -> None:
    policy = turn.state.queue(command.queue)
    announcement = command.announcement or sentences_when_closed(turn.state, policy)
    turn.happened(
        ev.QueueDoorSet(
            at=turn.now,
            queue=policy.name,
            is_open=command.is_open,
            announcement=announcement if command.is_open is False else (),
        )
    )


def broadcast_text(turn: Turn, command: cmd.BroadcastText) -> None:
    """Those who are to read it are chosen here: a screen opened later shows it too."""
    policy = turn.state.queue(command.queue) if command.queue is not None else None
    needs = policy.needs_with(()) if policy is not None else None
    readers = tuple(
        agent.agent_id
        for agent in turn.state.agents.values()
        if agent.state is not AgentState.LOGGED_OUT
        and (needs is None or is_eligible(needs, dict(agent.profile.skills)))
    )
    turn.happened(
        ev.TextBroadcast(at=turn.now, text=command.text, sender=command.sender, queue=command.queue, agents=readers)
    )


def _waiting(turn: Turn, call_id: CallId) -> Call:
    """Raises UnknownCallError, WrongStateError."""
    call = turn.state.call(call_id)
    if not turn.state.pool.has_item(call_id):
        raise WrongStateError(f"the call is {call.stage}, not waiting")
    return call


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.MoveCall: move_call,
    cmd.PrioritiseCall: prioritise_call,
    cmd.AssignCall: assign_call,
    cmd.SetQueueDoor: set_queue_door,
    cmd.BroadcastText: broadcast_text,
}
