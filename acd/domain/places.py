"""Places in a queue that are kept for somebody who is not on the line: callbacks, and callers who were lost."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from acd.domain.call import Call, CallStage, Reason, Result
from acd.domain.ids import CallId
from acd.domain.work import CallKind, LeftPlace, place_key

if TYPE_CHECKING:
    from acd.domain.state import State

_LOST = frozenset({Result.ABANDONED, Result.SHORT_ABANDONED, Result.FAILED})


def callback_of(state: State, queue: str, call: Call) -> Call | None:
    """The callback this caller has in the queue, not under way yet with somebody talking."""
    found = state.callbacks.get(place_key(queue, call.number_key)) if call.number_key else None
    callback = state.calls.get(found) if found else None
    return callback if callback is not None and callback.stage is not CallStage.TALKING else None


def kept_place(state: State, queue: str, call: Call, now: datetime) -> datetime | None:
    """From when the place of one who rings again counts; None: they have none."""
    if call.kind is not CallKind.INBOUND or not call.number_key:
        return None
    found: list[datetime] = []
    if (callback := callback_of(state, queue, call)) is not None:
        found.append(place_of_callback(callback))
    left = state.left_places.get(place_key(queue, call.number_key))
    if left is not None and now < left.until:
        found.append(left.place_at)
    return min(found, default=None)


def place_of_callback(callback: Call) -> datetime:
    asked_at = callback.plan.requested_at if callback.plan else None
    return callback.place_at or asked_at or callback.queued_at or callback.started_at


# of acd.domain.changes, for nobody else ------------------------------------------------------------------------


def keep_callback(state: State, callback: Call) -> None:
    for key in callback.plan.keys if callback.plan else ():
        state.callbacks[place_key(callback.queue or "", key)] = callback.call_id


def forget_callback(state: State, callback: Call) -> None:
    for key in callback.plan.keys if callback.plan else ():
        if state.callbacks.get(name := place_key(callback.queue or "", key)) == callback.call_id:
            del state.callbacks[name]


def keep_left_place(state: State, call_id: CallId, at: datetime) -> None:
    """Of a call that ends now, if its caller was lost. Places nobody came back for are forgotten on the way."""
    call = state.calls[call_id]
    policy = state.queues.get(call.queue) if call.queue else None
    ended = call.termination
    if policy is None or ended is None or not policy.ring_back_time or call.queued_at is None:
        return
    is_lost = ended.result in _LOST or ended.reason is Reason.CHANNEL_GONE
    if not is_lost or call.kind is not CallKind.INBOUND or not call.number_key:
        return
    for name in [name for name, left in state.left_places.items() if left.until <= at]:
        del state.left_places[name]
    place = LeftPlace(place_at=call.place_at or call.queued_at, until=at + policy.ring_back_time)
    state.left_places[place_key(policy.name, call.number_key)] = place


def take_left_place(state: State, call: Call) -> None:
    if state.left_places and call.kind is CallKind.INBOUND:
        state.left_places.pop(place_key(call.queue or "", call.number_key), None)
