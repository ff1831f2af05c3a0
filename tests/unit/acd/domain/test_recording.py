"""Which talks are recorded, and what agents may do about it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.errors import RecordingNotAllowedError, WrongStateError
from acd.domain.ids import RecordingId, call_id_of, recording_id_of
from acd.domain.queue import RecordingMode, RecordingPolicy
from acd.domain.recording_rules import is_chosen
from tests.unit.acd.domain.floor import ALICE, FIRST, Floor, names, policy

RECORDING = recording_id_of(FIRST, 1)


def talking(mode: RecordingMode, share: float = 0.0) -> Floor:
    recorded = replace(policy("support", support=1), recording=RecordingPolicy(mode=mode, share=share))
    floor = Floor(recorded)
    floor.agent("alice")
    floor.queue()
    floor.answer()
    return floor


def started(floor: Floor, recording_id: RecordingId = RECORDING, mode: RecordingMode = RecordingMode.ALWAYS) -> None:
    floor.give(cmd.ReportRecordingStarted(call_id=FIRST, recording_id=recording_id, mode=mode))


def test_a_queue_that_records_always_begins_with_the_talk() -> None:
    floor = talking(RecordingMode.ALWAYS)
    (wish,) = floor.wished(fx.StartRecording)
    assert (wish.recording_id, wish.linkedid, wish.agent_id) == (RECORDING, "1.1", ALICE)
    assert floor.call().recording is None, "not before the switch says so"
    started(floor)
    assert floor.call().recording is not None
    started(floor)
    assert len(floor.seen(ev.RecordingStarted)) == 1
    decision = floor.end()
    assert names(decision.events)[-2:] == ["RecordingStopped", "CallEnded"]
    (stop,) = floor.wished(fx.StopRecording)
    assert stop.is_gone


def test_a_queue_that_does_not_record_does_not() -> None:
    floor = talking(RecordingMode.OFF)
    with pytest.raises(RecordingNotAllowedError):
        floor.give(cmd.StartRecording(agent_id=ALICE))
    assert floor.wished(fx.StartRecording) == []


def test_on_demand_the_agent_begins_pauses_and_ends_it() -> None:
    floor = talking(RecordingMode.ON_DEMAND)
    assert floor.wished(fx.StartRecording) == []
    floor.give(cmd.StartRecording(agent_id=ALICE))
    (wish,) = floor.wished(fx.StartRecording)
    assert wish.mode is RecordingMode.ON_DEMAND
    with pytest.raises(WrongStateError):
        floor.give(cmd.PauseRecording(agent_id=ALICE))
    started(floor, mode=RecordingMode.ON_DEMAND)
    for order, is_paused in ((cmd.PauseRecording, True), (cmd.ResumeRecording, False)):
        floor.give(order(agent_id=ALICE))
        assert floor.wished(fx.PauseRecording)[-1].is_paused is is_paused
        report = cmd.ReportRecordingPaused(call_id=FIRST, recording_id=RECORDING, is_paused=is_paused)
        floor.give(report)
        floor.give(report)
        running = floor.call().recording
        assert running is not None
        assert running.is_paused is is_paused
    assert len(floor.seen(ev.RecordingPaused)) == len(floor.seen(ev.RecordingResumed)) == 1
    floor.give(cmd.StopRecording(agent_id=ALICE))
    assert floor.seen(ev.RecordingStopped)[-1].cause == "by_agent"
    assert not floor.wished(fx.StopRecording)[-1].is_gone
    floor.give(cmd.StartRecording(agent_id=ALICE))
    assert floor.wished(fx.StartRecording)[-1].recording_id == recording_id_of(FIRST, 2)


def test_what_the_queue_wants_recorded_can_be_paused_but_not_ended() -> None:
    floor = talking(RecordingMode.ALWAYS)
    started(floor)
    with pytest.raises(RecordingNotAllowedError):
        floor.give(cmd.StopRecording(agent_id=ALICE))
    floor.give(cmd.PauseRecording(agent_id=ALICE))
    assert len(floor.wished(fx.PauseRecording)) == 1


def test_it_ends_with_the_talk_when_the_agent_hangs_up() -> None:
    floor = talking(RecordingMode.ALWAYS)
    started(floor)
    floor.end_talk()
    assert floor.seen(ev.RecordingStopped)[-1].cause == "talk_ended"
    assert not floor.wished(fx.StopRecording)[-1].is_gone, "the caller's channel may go on"
    floor.end()
    assert len(floor.seen(ev.RecordingStopped)) == 1


def test_one_that_begins_too_late_is_ended_at_once() -> None:
    floor = talking(RecordingMode.ALWAYS)
    floor.end_talk()
    started(floor)
    assert floor.seen(ev.RecordingStarted) == []
    assert len(floor.wished(fx.StopRecording)) == 1
    floor.end()
    floor.give(cmd.EndWrapUp(agent_id=ALICE))
    started(floor)
    assert len(floor.wished(fx.StopRecording)) == 1, "of a call that is forgotten nothing more is wished"


@pytest.mark.parametrize(("cause", "goes_on"), [("not_paused", False), ("not_resumed", True)])
def test_one_that_cannot_be_paused_is_ended_rather_than_going_on(cause: str, goes_on: bool) -> None:
    floor = talking(RecordingMode.ALWAYS)
    started(floor)
    floor.give(cmd.ReportRecordingFailed(call_id=FIRST, recording_id=RECORDING, cause=cause))
    assert floor.seen(ev.RecordingFailed)[-1].cause == cause
    assert (floor.call().recording is not None) is goes_on


def test_a_disk_that_is_full_is_told_and_the_talk_goes_on() -> None:
    floor = talking(RecordingMode.ALWAYS)
    floor.give(cmd.ReportRecordingFailed(call_id=FIRST, recording_id=RECORDING, cause="disk_full"))
    (failed,) = floor.seen(ev.RecordingFailed)
    assert (failed.agent_id, failed.queue) == (ALICE, "support")
    assert floor.state() == "talking"
    assert floor.wished(fx.StopRecording) == []


def test_nobody_pauses_what_somebody_else_talks_about() -> None:
    floor = talking(RecordingMode.ALWAYS)
    started(floor)
    bob = floor.agent("bob")
    with pytest.raises(WrongStateError):
        floor.give(cmd.PauseRecording(agent_id=bob))


def test_the_share_is_drawn_by_the_calls_own_number() -> None:
    rule = RecordingPolicy(mode=RecordingMode.SHARE, share=0.2)
    calls = [call_id_of(f"guichet-1700000000.{number}") for number in range(5000)]
    chosen = {call for call in calls if is_chosen(call, rule, seed=1)}
    assert 800 < len(chosen) < 1200
    assert chosen == {call for call in calls if is_chosen(call, rule, seed=1)}
    assert chosen != {call for call in calls if is_chosen(call, rule, seed=2)}
    assert all(is_chosen(call, replace(rule, share=1.0), 1) for call in calls)
    assert talking(RecordingMode.SHARE, 1.0).wished(fx.StartRecording) != []
    assert talking(RecordingMode.SHARE, 0.0).wished(fx.StartRecording) == []
