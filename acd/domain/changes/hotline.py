"""What events change: calls that need no agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from acd.domain import events as ev
from acd.domain.changes.kinds import Change

if TYPE_CHECKING:
    from acd.domain.state import State


def _call_deflected(state: State, event: ev.CallDeflected) -> None:
    state.replace_call(event.call_id, event.at, incident_id=event.incident_id)


def _survey_adopted(state: State, event: ev.SurveyAdopted) -> None:
    state.calls[event.call.call_id] = event.call


CHANGES: Mapping[type[ev.Event], Change] = {
    ev.CallDeflected: _call_deflected,
    ev.SurveyAdopted: _survey_adopted,
}
