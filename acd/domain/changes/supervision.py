"""What events change: what supervisors do with waiting calls and with queues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from acd.domain import events as ev
from acd.domain.changes.kinds import Change
from acd.domain.queue import Door

if TYPE_CHECKING:
    from acd.domain.state import State


def _call_prioritised(state: State, event: ev.CallPrioritised) -> None:
    state.wait_anew(
        state.replace_call(event.call_id, event.at, priority=event.priority, priority_reason="by a supervisor")
    )


def _call_kept(state: State, event: ev.CallKept) -> None:
    call = state.calls[event.call_id]
    rings = (event.ring, *call.rings[call.ring :])
    state.wait_anew(state.replace_call(event.call_id, event.at, rings=rings, ring=0, ring_since=event.at))


def _queue_door_set(state: State, event: ev.QueueDoorSet) -> None:
    if event.is_open is None:
        state.doors.pop(event.queue, None)
    else:
        state.doors[event.queue] = Door(is_open=event.is_open, announcement=event.announcement)


CHANGES: Mapping[type[ev.Event], Change] = {
    ev.CallPrioritised: _call_prioritised,
    ev.CallKept: _call_kept,
    ev.QueueDoorSet: _queue_door_set,
}
