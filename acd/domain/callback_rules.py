"""Callbacks: a caller's place in the queue goes on without them, and they are called when it is their turn.

    requested -> waiting -> reserved (the agent's phone rings, then the far end) -> talking -> ended
                    ^  ^         |
    scheduled ------+  +---------+  the agent does not answer: the same place, another agent
        ^                        |
        +------------------------+  the far end does not answer: the next try, or the end

A number has one callback at most in a queue. If its caller rings again, that call takes the place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.agent_rules import start_wrap_up
from acd.domain.assignment import bench, match_agent, settle_reservation, watch_offer
from acd.domain.call import Call, CallStage, Reason
from acd.domain.call_rules import end_with, expire_offer
from acd.domain.errors import CallbackRefusedError, UnknownCallError, WrongStateError
from acd.domain.ids import AgentId, CallId, QueueName, call_id_of
from acd.domain.phone_rules import be_ready
from acd.domain.places import callback_of, place_of_callback
from acd.domain.priorities import QUEUES_OWN, Priority, priority_of
from acd.domain.queue import QueuePolicy
from acd.domain.state import State
from acd.domain.turn import Rule, Turn
from acd.domain.waiting_rules import agent_left, enqueue_call, forget_steps, put_in_queue
from acd.domain.work import CallbackPolicy, CallKind, FarEndCause, Plan, linkedid_of, place_key

_ON_THE_LINE = frozenset({CallStage.ARRIVING, CallStage.IVR, CallStage.WAITING})
_UNDECIDED = frozenset({CallStage.WAITING, CallStage.SCHEDULED, CallStage.RESERVED})

NOT_REACHED: Mapping[str, Reason] = {
    FarEndCause.BUSY: Reason.FAR_END_BUSY,
    FarEndCause.NO_ANSWER: Reason.FAR_END_NO_ANSWER,
    FarEndCause.MACHINE: Reason.FAR_END_MACHINE,
    FarEndCause.FAILED: Reason.FAR_END_FAILED,
}


# asked for -----------------------------------------------------------------------------------------------------


def request_callback(turn: Turn, command: cmd.RequestCallback) -> None:
    call = turn.state.call(command.call_id)
    if call.kind is not CallKind.INBOUND or call.stage not in _ON_THE_LINE:
        raise WrongStateError(f"the call is {call.stage}")
    name = command.queue or call.queue
    if name is None:
        raise CallbackRefusedError("no queue is given, and the call is in none")
    policy = turn.state.queue(name)
    if policy.callback is None:
        raise CallbackRefusedError(f"the queue {name} takes no callbacks")
    key = command.caller.e164 or command.caller.number
    known = turn.state.callbacks.get(place_key(name, key))
    if known is None and _standing_in(turn.state, name) >= policy.callback.most:
        raise CallbackRefusedError(f"the queue {name} takes no more than {policy.callback.most} callbacks")
    callback = _known(turn, known, command) if known else _new(turn, call, policy, command)
    deflect(turn, call, callback)
    if known is None:
        _wait_or_schedule(turn, call, callback, policy, command)


def _standing_in(state: State, name: QueueName) -> int:
    return len({call_id for call_id in state.callbacks.values() if state.calls[call_id].queue == name})


def _known(turn: Turn, call_id: CallId, command: cmd.RequestCallback) -> CallId:
    """It stays where it is; another time may be booked."""
    callback = turn.state.calls[call_id]
    if command.due_at is not None and callback.stage in {CallStage.WAITING, CallStage.SCHEDULED}:
        _schedule(turn, callback, command.due_at)
    return call_id


def _new(turn: Turn, call: Call, policy: QueuePolicy, command: cmd.RequestCallback) -> CallId:
    linkedid = linkedid_of(CallKind.CALLBACK, f"{call.linkedid}.{policy.name}")
    call_id = call_id_of(linkedid)
    if call_id in turn.state.calls:
        raise CallbackRefusedError("this call has had its callback")
    keys = tuple(dict.fromkeys(key for key in (command.caller.e164 or command.caller.number, call.number_key) if key))
    callback = Call(
        call_id=call_id,
        linkedid=linkedid,
        channel="",
        called_number=call.called_number,
        caller=command.caller,
        started_at=turn.now,
        changed_at=turn.now,
        language=call.language,
        context=call.context,
        ivr_path=call.ivr_path,
        flow=call.flow,
        keyed_ticket=call.keyed_ticket,
        queue=policy.name,
        stage=CallStage.SCHEDULED,
        kind=CallKind.CALLBACK,
        parent=call.call_id,
        plan=Plan(far=command.far, keys=keys, requested_at=turn.now, due_at=command.due_at),
    )
    turn.happened(ev.WorkOpened(at=turn.now, call=callback))
    return call_id


def deflect(turn: Turn, call: Call, to: CallId) -> None:
    """The caller leaves the line: the menu says goodbye."""
    if call.stage is CallStage.WAITING:
        forget_steps(turn, call)
    turn.happened(ev.CallerLeftLine(at=turn.now, call_id=call.call_id, queue=call.queue, to=to))


def _wait_or_schedule(
    turn: Turn, call: Call, callback_id: CallId, policy: QueuePolicy, command: cmd.RequestCallback
) -> None:
    callback = turn.state.calls[callback_id]
    if command.due_at is not None and command.due_at > turn.now:
        _schedule(turn, callback, command.due_at)
        turn.wish(fx.RecordInteraction(call=turn.state.calls[callback_id]))
        return
    waited = call.stage is CallStage.WAITING and call.queue == policy.name
    place = cmd.EnqueueCall(
        call_id=callback_id,
        queue=policy.name,
        priority=call.priority if waited else command.priority,
        skills=call.skills if waited else command.skills,
        queued_at=call.queued_at if waited else None,
        place_at=call.place_at if waited else None,
    )
    if waited:
        priority = Priority(call.priority, call.priority_reason)
    else:
        priority = priority_of(policy, callback.caller, callback.context, (), command.priority)
    put_in_queue(turn, callback, policy, place, priority)
    turn.wish(fx.RecordInteraction(call=turn.state.calls[callback_id]))


def _schedule(turn: Turn, callback: Call, due_at: datetime) -> None:
    if callback.stage is CallStage.WAITING:
        forget_steps(turn, callback)
    queue = QueueName(callback.queue or "")
    turn.happened(ev.CallbackScheduled(at=turn.now, call_id=callback.call_id, queue=queue, due_at=due_at))
    turn.wish(_due(turn.state.calls[callback.call_id], due_at))


def start_callback(turn: Turn, command: cmd.StartCallback) -> None:
    """Into the queue (again): its place counts from when it was asked for."""
    call = turn.state.calls.get(command.call_id)
    if call is None or call.stage is not CallStage.SCHEDULED or call.queue is None:
        return
    policy = turn.state.queue(call.queue)
    place = cmd.EnqueueCall(
        call_id=call.call_id,
        queue=policy.name,
        priority=call.priority,
        skills=call.skills,
        queued_at=call.queued_at,
        place_at=place_of_callback(call),
    )
    known = call.queued_at is not None
    priority = Priority(call.priority, call.priority_reason) if known else Priority(policy.priority, QUEUES_OWN)
    put_in_queue(turn, call, policy, place, priority)


# the caller rings again ----------------------------------------------------------------------------------------


def enqueue_and_supersede(turn: Turn, command: cmd.EnqueueCall) -> None:
    """Into the queue. A callback that the same caller has there is over: this call has taken its place."""
    call = turn.state.call(command.call_id)
    enqueue_call(turn, command)
    now_in = turn.state.calls[call.call_id].queue
    if call.kind is not CallKind.INBOUND or now_in is None or turn.state.calls[call.call_id].stage is CallStage.IVR:
        return
    if (callback := callback_of(turn.state, now_in, call)) is not None:
        end_with(turn, callback, Reason.CALLER_RANG_AGAIN)


def cancel_callback(turn: Turn, command: cmd.CancelCallback) -> None:
    call = turn.state.call(command.call_id)
    if call.kind is not CallKind.CALLBACK:
        raise UnknownCallError(f"{command.call_id} is no callback")
    if call.stage not in _UNDECIDED:
        raise WrongStateError(f"the callback is {call.stage}")
    end_with(turn, call, Reason.CALLED_OFF)


# the far end ---------------------------------------------------------------------------------------------------


def report_agent_on_line(turn: Turn, command: cmd.ReportAgentOnLine) -> None:
    call = turn.state.reserved_call(command.call_id, command.reservation_id)
    if call is None or call.agent_id is None or call.dialled_at is not None or call.plan is None:
        return
    turn.happened(
        ev.FarEndDialled(
            at=turn.now,
            call_id=call.call_id,
            queue=QueueName(call.queue or ""),
            reservation_id=command.reservation_id,
            agent_id=call.agent_id,
        )
    )
    watch_offer(turn, call, command.reservation_id)


def expire_offer_or_dial(turn: Turn, command: cmd.ExpireOffer) -> None:
    """A far end that rings when the agent's channel is lost: nobody would tell how that ends."""
    call = turn.state.reserved_call(command.call_id, command.reservation_id)
    if call is not None and call.dialled_at is not None and not call.is_controlled:
        reservation_id, cause = command.reservation_id, FarEndCause.FAILED
        report_not_reached(turn, cmd.ReportNotReached(call_id=call.call_id, reservation_id=reservation_id, cause=cause))
    else:
        expire_offer(turn, command)


def report_not_reached(turn: Turn, command: cmd.ReportNotReached) -> None:
    call = turn.state.reserved_call(command.call_id, command.reservation_id)
    if call is None or call.agent_id is None or call.plan is None:
        return
    settle_reservation(turn, command.reservation_id)
    turn.wish(fx.StopRinging(call_id=call.call_id, reservation_id=command.reservation_id))
    policy = turn.state.queue(QueueName(call.queue or ""))
    rules = policy.callback or CallbackPolicy()
    tries = call.plan.tries + 1
    again = call.kind is CallKind.CALLBACK and tries < rules.tries
    turn.happened(
        ev.FarEndNotReached(
            at=turn.now,
            call_id=call.call_id,
            queue=policy.name,
            reservation_id=command.reservation_id,
            agent_id=call.agent_id,
            cause=command.cause,
            tries=tries,
            next_at=turn.now + rules.interval if again else None,
        )
    )
    reason = NOT_REACHED[command.cause]
    if call.kind is CallKind.OUTBOUND:
        start_wrap_up(turn, turn.state.agents[call.agent_id], turn.state.calls[call.call_id])
        end_with(turn, turn.state.calls[call.call_id], reason)
        return
    freed = _set_free(turn, call.agent_id)
    if again:
        turn.wish(_due(turn.state.calls[call.call_id], turn.now + rules.interval))
        turn.wish(fx.RecordInteraction(call=turn.state.calls[call.call_id]))
    else:
        end_with(turn, turn.state.calls[call.call_id], reason)
    if freed:
        match_agent(turn, call.agent_id)


def _set_free(turn: Turn, agent_id: AgentId) -> bool:
    """Ready again, with the same place among the idle; or what was asked for meanwhile."""
    agent = turn.state.agents[agent_id]
    if agent.after_call is not None:
        bench(turn, agent, agent.after_call.reason)
        agent_left(turn, agent)
        return False
    return be_ready(turn, agent_id, agent.idle_since or turn.now)


# timers --------------------------------------------------------------------------------------------------------


def _due(call: Call, at: datetime) -> fx.StartTimer:
    return fx.StartTimer(key=_timer(call.call_id), due_at=at, command=cmd.StartCallback(call_id=call.call_id))


def _timer(call_id: CallId) -> str:
    return f"callback:{call_id}"


def timers(state: State, now: datetime) -> Iterator[fx.StartTimer]:
    """Those that run for this state. (One may go on when its callback is over; it then does nothing.)"""
    for call_id in dict.fromkeys(state.callbacks.values()):
        call = state.calls[call_id]
        if call.stage is CallStage.SCHEDULED and call.plan is not None and call.plan.due_at is not None:
            yield _due(call, max(call.plan.due_at, now))


RULES: Mapping[type[cmd.Command], Rule] = {
    cmd.EnqueueCall: enqueue_and_supersede,
    cmd.RequestCallback: request_callback,
    cmd.StartCallback: start_callback,
    cmd.CancelCallback: cancel_callback,
    cmd.ReportAgentOnLine: report_agent_on_line,
    cmd.ReportNotReached: report_not_reached,
    cmd.ExpireOffer: expire_offer_or_dial,
}
