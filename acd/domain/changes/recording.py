"""What events change: the recording under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from acd.domain import events as ev
from acd.domain.call import RunningRecording
from acd.domain.changes.kinds import Change

if TYPE_CHECKING:
    from acd.domain.state import State


def _started(state: State, event: ev.RecordingStarted) -> None:
    call = state.calls[event.call_id]
    running = RunningRecording(
        recording_id=event.recording_id, mode=event.mode, started_at=event.at, is_paused=event.is_paused
    )
    state.replace_call(event.call_id, call.changed_at, recording=running, recordings=call.recordings + 1)


def _paused(state: State, event: ev.RecordingPaused | ev.RecordingResumed) -> None:
    call = state.calls[event.call_id]
    if call.recording is not None:
        running = replace(call.recording, is_paused=isinstance(event, ev.RecordingPaused))
        state.replace_call(event.call_id, call.changed_at, recording=running)


def _stopped(state: State, event: ev.RecordingStopped) -> None:
    state.replace_call(event.call_id, state.calls[event.call_id].changed_at, recording=None)


CHANGES: Mapping[type[ev.Event], Change] = {
    ev.RecordingStarted: _started,
    ev.RecordingPaused: _paused,
    ev.RecordingResumed: _paused,
    ev.RecordingStopped: _stopped,
}
