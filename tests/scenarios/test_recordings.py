"""Recordings through the whole service on fakes: started with the talk, accounted for after it, told when they fail."""

from __future__ import annotations

import json
import logging
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.call import Call, CallStage
from acd.domain.caller import Caller
from acd.domain.ids import QueueName, RecordingId, agent_id_of, call_id_of, recording_id_of
from acd.domain.queue import RecordingMode
from acd.service.ports import DialStatus, LegAnswered, LegRinging
from acd.service.recordings import QUIET, file_name
from acd.service.records import Recording, RecordingState
from tests.fakes.ports import START, FakeChannel
from tests.fakes.records import FakeFile
from tests.scenarios.world import World, world

CALL, ALICE = call_id_of("1.1"), agent_id_of("alice")
RECORDING = recording_id_of(CALL, 1)
NAME = "2026/11/23/rec_1.1_1.wav"


def recording_world(mode: str = "always", **recording: object) -> AbstractAsyncContextManager[World]:
    return world(queues={"support": {"recording": {"mode": mode, **recording}}})


async def talk(w: World, linkedid: str = "1.1") -> FakeChannel:
    w.agent("alice", "1001", support=3)
    channel = w.caller(linkedid)
    channel.key("1")
    channel.key("1")
    await w.settle()
    w.telephony.hear(LegRinging(linkedid, "1001"))
    w.telephony.hear(LegAnswered(linkedid, "1001"))
    await w.settle()
    return channel


async def stored(w: World, recording_id: RecordingId = RECORDING) -> Recording | None:
    await w.records.writer.drain()
    return await w.records.access.store.find(recording_id)


async def becomes(w: World, state: RecordingState, recording_id: RecordingId = RECORDING) -> Recording:
    found: list[Recording] = []

    def is_there() -> bool:
        known = w.store.rows.get(recording_id)
        found[:] = [known] if known is not None and known.state is state else []
        return bool(found)

    await w.until(is_there)
    return found[0]


async def test_a_talk_is_recorded_and_its_file_accounted_for() -> None:
    async with recording_world() as w:
        channel = await talk(w)
        await w.until(lambda: bool(w.seen(ev.RecordingStarted)))
        assert w.recorder.done == [("start", channel.facts.linkedid)]
        assert (await becomes(w, RecordingState.RECORDING)).name == NAME
        screen = w.core.screens.agent_snapshot(ALICE)["call"]
        assert (screen.recording.state, screen.recording.can_stop) == ("on", False)
        await w.pass_time(60)
        w.recorder.hang_up(channel.facts.linkedid)
        channel.hang_up()
        done = await becomes(w, RecordingState.DONE)
        assert (done.size, done.seconds, done.sha256, done.problem) == (16_044, 1.0, "f" * 64, "")
        assert (done.queue, done.agent_id, done.mode) == ("support", ALICE, RecordingMode.ALWAYS)
        assert done.ended_at == START + timedelta(seconds=60)
        assert w.recorder.done == [("start", channel.facts.linkedid)], "a channel that is gone need not be stopped"


async def test_the_agent_pauses_for_a_card_number_and_sees_when_it_holds() -> None:
    async with recording_world() as w:
        channel = await talk(w)
        await w.until(lambda: bool(w.seen(ev.RecordingStarted)))
        w.order(cmd.PauseRecording(agent_id=ALICE))
        await w.until(lambda: bool(w.seen(ev.RecordingPaused)))
        assert w.core.screens.agent_snapshot(ALICE)["call"].recording.state == "paused"
        w.order(cmd.ResumeRecording(agent_id=ALICE))
        await w.until(lambda: bool(w.seen(ev.RecordingResumed)))
        channel.end_ring(DialStatus.ANSWERED)
        await becomes(w, RecordingState.DONE)
        assert [what for what, _ in w.recorder.done] == ["start", "pause", "resume", "stop"]


@pytest.mark.parametrize("cause", ["disk_full", "refused", "no_file"])
async def test_whatever_fails_the_call_goes_on_and_people_are_told(cause: str) -> None:
    async with recording_world() as w:
        if cause == "disk_full":
            w.shelf.free = 1_000_000
        elif cause == "refused":
            w.recorder.refuses.add("start")
        else:
            w.recorder.writes_files = False
        supervisor, agent = w.core.screens.supervisors.join(), w.core.screens.agent_feed(ALICE).join()
        await talk(w)
        await w.until(lambda: bool(w.seen(ev.RecordingFailed)))
        assert w.seen(ev.RecordingFailed)[0].cause == cause
        assert w.state_of(ALICE) == "talking"
        assert w.records.recordings.failures == 1
        for screen in (supervisor, agent):
            frames = [json.loads(frame) for frame in await screen.next_batch() or []]
            assert [frame["data"]["cause"] for frame in frames if frame["type"] == "recording_failed"] == [cause]
        assert await stored(w) is None


async def test_a_pause_the_switch_refuses_ends_the_recording() -> None:
    async with recording_world() as w:
        await talk(w)
        await w.until(lambda: bool(w.seen(ev.RecordingStarted)))
        w.recorder.refuses.add("pause")
        w.order(cmd.PauseRecording(agent_id=ALICE))
        await becomes(w, RecordingState.DONE)
        assert w.seen(ev.RecordingFailed)[0].cause == "not_paused"
        assert w.recorder.done[-1][0] == "stop"


async def test_a_file_that_has_gone_is_told() -> None:
    async with recording_world() as w:
        channel = await talk(w)
        await w.until(lambda: bool(w.seen(ev.RecordingStarted)))
        w.shelf.files.clear()
        channel.hang_up()
        missing = await becomes(w, RecordingState.MISSING)
        assert missing.problem
        assert w.seen(ev.RecordingFailed)[0].cause == "no_file"


# after a restart -----------------------------------------------------------------------------------------------


def row(state: RecordingState = RecordingState.RECORDING, **more: object) -> Recording:
    return Recording(
        recording_id=RECORDING,
        call_id=CALL,
        name=NAME,
        mode=RecordingMode.ALWAYS,
        queue="support",
        agent_id=ALICE,
        state=state,
        started_at=START - timedelta(minutes=5),
        **more,  # type: ignore[arg-type]
    )


async def test_a_recording_found_under_way_can_be_paused_and_ended() -> None:
    async with recording_world() as w:
        await w.store.save([row(is_paused=True)])
        w.shelf.files[NAME] = FakeFile(160_044, 10.0, START)
        w.agent("alice", "1001", support=3)
        await _knows_the_call(w)
        w.telephony.hear(LegAnswered("1.1", "1001"))
        await w.until(lambda: bool(w.seen(ev.RecordingStarted)))
        assert w.seen(ev.RecordingStarted)[0].is_paused
        w.order(cmd.ResumeRecording(agent_id=ALICE))
        await w.until(lambda: bool(w.seen(ev.RecordingResumed)))
        assert w.recorder.done == [("resume", "1.1")]


async def _knows_the_call(w: World) -> None:
    """The desk knows a call that an earlier service connected."""
    call = Call(
        call_id=CALL,
        linkedid="1.1",
        channel="PJSIP/trunk-1",
        called_number="100",
        caller=Caller(number="+33612345678"),
        started_at=START - timedelta(minutes=6),
        changed_at=START,
        stage=CallStage.TALKING,
        queue=QueueName("support"),
        queued_at=START - timedelta(minutes=5),
        agent_id=ALICE,
    )
    await w.desk.record_interactions([call])


async def test_files_and_rows_a_killed_service_left_behind_are_settled() -> None:
    async with recording_world() as w:
        other, fresh = "2026/11/22/rec_2.1_1.wav", "2026/11/23/rec_3.1_1.wav"
        await w.store.save([row()])
        w.shelf.files[NAME] = FakeFile(160_044, 10.0, START - QUIET)
        w.shelf.files[other] = FakeFile(32_044, 2.0, START - timedelta(hours=9), is_complete=False)
        w.shelf.files[fresh] = FakeFile(32_044, 2.0, START, is_complete=False)
        w.shelf.files["2026/11/23/holiday.wav"] = FakeFile(44, 0.0, START - timedelta(days=3))
        await w.records.recordings.sweep()
        settled = await stored(w)
        assert settled is not None
        assert (settled.state, settled.seconds, settled.ended_at) == (RecordingState.DONE, 10.0, START - QUIET)
        found = await stored(w, RecordingId("rec_2.1_1"))
        assert found is not None
        assert (found.call_id, found.state, found.queue) == (call_id_of("2.1"), RecordingState.DONE, "")
        assert "not closed" in found.problem
        assert found.started_at == START - timedelta(hours=9, seconds=2)
        assert len(w.store.rows) == 2, "what is still being written to, and what is no recording, is left alone"


async def test_a_row_whose_file_is_gone_is_told_as_missing() -> None:
    async with recording_world() as w:
        await w.store.save([row()])
        await w.records.recordings.sweep()
        assert (await becomes(w, RecordingState.MISSING)).problem


async def test_a_database_that_is_away_holds_nobody_up() -> None:
    async with recording_world() as w:
        w.store.is_away = True
        channel = await talk(w)
        await w.until(lambda: bool(w.seen(ev.RecordingStarted)))
        await w.records.recordings.sweep()
        await w.records.recordings.delete_old()
        channel.hang_up()
        await w.until(lambda: w.records.writer.trouble is not None)
        w.store.is_away = False
        await becomes(w, RecordingState.DONE)


# retention -----------------------------------------------------------------------------------------------------


async def test_recordings_are_deleted_when_their_days_are_over(caplog: pytest.LogCaptureFixture) -> None:
    async with recording_world(keep_days=90) as w:
        old = [
            (RecordingId("rec_old_1"), "support", 91),
            (RecordingId("rec_kept_1"), "support", 89),
            (RecordingId("rec_other_1"), "orders", 31),
            (RecordingId("rec_young_1"), "orders", 29),
        ]
        for recording_id, queue, days in old:
            at = START - timedelta(days=days)
            name = file_name(recording_id, at)
            base = row(RecordingState.DONE, ended_at=at)
            values = {field: getattr(base, field) for field in base.__slots__}
            await w.store.save([Recording(**(values | {"recording_id": recording_id, "queue": queue, "name": name}))])
            w.shelf.files[name] = FakeFile(44, 0.0, at)
        with caplog.at_level(logging.INFO):
            await w.records.recordings.delete_old()
        assert (await becomes(w, RecordingState.DELETED, RecordingId("rec_old_1"))).deleted_at == START
        await becomes(w, RecordingState.DELETED, RecordingId("rec_other_1"))
        assert {name.rpartition("/")[2] for name in w.shelf.files} == {"rec_kept_1.wav", "rec_young_1.wav"}
        assert caplog.text.count("recording_deleted") == 2


def test_names_hold_nothing_but_the_calls_number() -> None:
    assert file_name(RECORDING, START) == NAME
    hostile = recording_id_of(call_id_of("../../etc/passwd,x;`id`"), 1)
    assert file_name(hostile, START) == "2026/11/23/rec_.._.._etc_passwd_x__id__1.wav"
