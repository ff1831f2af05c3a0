"""What events change: calls that the switch's fallback queue served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from acd.domain import events as ev
from acd.domain.changes.kinds import Change

if TYPE_CHECKING:
    from acd.domain.state import State


def _served_elsewhere(state: State, event: ev.CallServedElsewhere) -> None:
    if state.pool.has_item(event.call_id):
        state.pool.remove_item(event.call_id)
    state.calls.pop(event.call_id, None)


CHANGES: Mapping[type[ev.Event], Change] = {ev.CallServedElsewhere: _served_elsewhere}
