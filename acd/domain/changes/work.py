"""What events change: callbacks, outgoing calls, messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from acd.domain import events as ev
from acd.domain import places
from acd.domain.agent import AgentState
from acd.domain.call import CallStage
from acd.domain.changes.kinds import Change
from acd.domain.work import CallKind

if TYPE_CHECKING:
    from acd.domain.state import State


def _caller_left_line(state: State, event: ev.CallerLeftLine) -> None:
    if state.pool.has_item(event.call_id):
        state.pool.remove_item(event.call_id)
    stage = CallStage.IVR if state.calls[event.call_id].is_controlled else CallStage.DETACHED
    state.replace_call(event.call_id, event.at, stage=stage, queue=None, deflected_to=event.to)


def _work_opened(state: State, event: ev.WorkOpened) -> None:
    state.calls[event.call.call_id] = event.call
    if event.call.kind is CallKind.CALLBACK:
        places.keep_callback(state, event.call)


def _callback_scheduled(state: State, event: ev.CallbackScheduled) -> None:
    call = state.calls[event.call_id]
    if state.pool.has_item(event.call_id):
        state.pool.remove_item(event.call_id)
    plan = replace(call.plan, due_at=event.due_at) if call.plan else None
    state.replace_call(event.call_id, event.at, stage=CallStage.SCHEDULED, plan=plan)


def _far_end_dialled(state: State, event: ev.FarEndDialled) -> None:
    state.replace_call(event.call_id, event.at, dialled_at=event.at, is_controlled=True)


def _far_end_not_reached(state: State, event: ev.FarEndNotReached) -> None:
    """The agent's own change is an event of its own, which always follows."""
    call = state.calls[event.call_id]
    if call.plan is None:
        return
    plan = replace(call.plan, tries=event.tries, due_at=event.next_at)
    if call.kind is CallKind.OUTBOUND:  # it is over, but for its agent's wrap-up
        began_at = call.dialled_at or event.at
        state.replace_agent(event.agent_id, talked_seconds=(event.at - began_at).total_seconds())
        state.replace_call(event.call_id, event.at, plan=plan, stage=CallStage.SCHEDULED, reservation_id=None)
        return
    if call.dialled_at is not None:
        state.tallies.was_busy(event.agent_id, (event.at - call.dialled_at).total_seconds(), event.at)
    state.replace_call(
        event.call_id,
        event.at,
        plan=plan,
        stage=CallStage.SCHEDULED,
        is_controlled=True,
        reservation_id=None,
        agent_id=None,
        offered_at=None,
        ringing_at=None,
        dialled_at=None,
    )


def _outgoing_call_placed(state: State, event: ev.OutgoingCallPlaced) -> None:
    call = state.calls[event.call.call_id] = event.call
    state.settle(
        event.agent_id,
        AgentState.RESERVED,
        event.at,
        reservation_id=event.reservation_id,
        call_id=call.call_id,
        after_call=event.after_call,
    )


CHANGES: Mapping[type[ev.Event], Change] = {
    ev.CallerLeftLine: _caller_left_line,
    ev.WorkOpened: _work_opened,
    ev.CallbackScheduled: _callback_scheduled,
    ev.FarEndDialled: _far_end_dialled,
    ev.FarEndNotReached: _far_end_not_reached,
    ev.OutgoingCallPlaced: _outgoing_call_placed,
}
