"""What events change: the wait in a queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from acd.domain import events as ev
from acd.domain import places
from acd.domain.call import CallStage
from acd.domain.changes.kinds import Change
from acd.domain.queue import OverflowCause

_CAUSES = frozenset(cause.value for cause in OverflowCause)

if TYPE_CHECKING:
    from acd.domain.state import State


def _call_queued(state: State, event: ev.CallQueued) -> None:
    if state.pool.has_item(event.call_id):
        state.pool.remove_item(event.call_id)  # it moves from another queue
    call = state.replace_call(
        event.call_id,
        event.at,
        stage=CallStage.WAITING,
        is_controlled=True,
        queue=event.queue,
        priority=event.priority,
        priority_reason=event.priority_reason,
        attributes=event.attributes,
        skills=event.skills,
        queued_at=event.queued_at,
        place_at=event.place_at,
        step=event.step,
        rings=event.rings,
        ring=event.ring,
        ring_since=event.ring_since,
        turned_away=None,
        deflected_to=None,
    )
    places.take_left_place(state, call)
    state.wait(call)


def _place_adjusted(state: State, event: ev.PlaceAdjusted) -> None:
    state.wait_anew(state.replace_call(event.call_id, event.at, place_at=event.place_at))


def _step_reached(state: State, event: ev.StepReached) -> None:
    call = state.calls[event.call_id]
    ring_since = call.ring_since if event.ring == call.ring else event.at
    call = state.replace_call(event.call_id, event.at, step=event.step, ring=event.ring, ring_since=ring_since)
    state.wait_anew(call)


def _call_overflowed(state: State, event: ev.CallOverflowed) -> None:
    call = state.calls[event.call_id]
    overflows = (*call.overflows, f"{event.queue}:{event.cause}")
    if event.to_queue is not None:
        left = (*call.left_queues, event.queue)
        state.replace_call(event.call_id, event.at, left_queues=left, overflows=overflows)
        return
    changes: dict[str, object] = {"overflows": overflows, "queue": None}  # in none any more, if it was in another
    if event.cause in _CAUSES:
        changes["turned_away"] = OverflowCause(event.cause)
    if event.to_flow:
        changes["left_queues"] = (*call.left_queues, event.queue)
    if state.pool.has_item(event.call_id):  # it waited, and is back in the menus
        state.pool.remove_item(event.call_id)
        changes["stage"] = CallStage.IVR
    state.replace_call(event.call_id, event.at, **changes)


CHANGES: Mapping[type[ev.Event], Change] = {
    ev.CallQueued: _call_queued,
    ev.PlaceAdjusted: _place_adjusted,
    ev.StepReached: _step_reached,
    ev.CallOverflowed: _call_overflowed,
}
