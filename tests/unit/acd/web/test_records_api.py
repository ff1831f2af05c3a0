"""Calls past, their segments and recordings over HTTP; the recording of the call at hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain.agent import AgentState
from acd.domain.ids import CallId, agent_id_of, call_id_of, recording_id_of
from acd.domain.queue import RecordingMode, RecordingPolicy
from acd.domain.segments import AgentSegment, Timeline
from acd.service.records import Recording, RecordingState
from tests.fakes.web_world import ALICE, SARAH, SUPPORT, WebWorld
from tests.unit.acd.web.conftest import Browse
from ticketing.api import InteractionRecord

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
CALL = call_id_of("1700000000.1")
RECORDING = recording_id_of(CALL, 1)
ME = "/api/v1/agents/me"


def row(state: RecordingState = RecordingState.DONE, **more: object) -> Recording:
    return Recording(
        recording_id=RECORDING,
        call_id=CALL,
        name="2026/11/21/rec_1700000000.1_1.wav",
        mode=RecordingMode.ALWAYS,
        queue="support",
        agent_id=agent_id_of("alice"),
        state=state,
        started_at=AT,
        **more,  # type: ignore[arg-type]
    )


async def written_call(world: WebWorld) -> None:
    await world.desk.record_interactions(
        [
            InteractionRecord(
                linkedid="1700000000.1",
                as_of=AT,
                caller_e164="+33612345678",
                queue="support",
                agent_id="agent_alice",
                started_at=AT - timedelta(seconds=90),
                queued_at=AT - timedelta(seconds=80),
                offered_at=AT - timedelta(seconds=70),
                answered_at=AT - timedelta(seconds=60),
                talk_ended_at=AT,
                ended_at=AT,
                termination_result="answered",
                termination_reason="caller_hung_up",
            )
        ]
    )


async def talk(browse: Browse, world: WebWorld, mode: RecordingMode = RecordingMode.ON_DEMAND) -> CallId:
    policy = msgspec.structs.replace(SUPPORT, recording=RecordingPolicy(mode=mode))
    world.dispatcher.submit(cmd.ConfigureQueues(queues=(policy,)))
    browser = await browse(ALICE)
    await browser.send("POST", f"{ME}/ready")
    call_id = world.call_comes()
    world.agent_answers(call_id)
    return call_id


async def test_calls_of_the_last_day_are_listed(browse: Browse, world: WebWorld) -> None:
    await written_call(world)
    browser = await browse(SARAH)
    status, (call,) = await browser.send("GET", "/api/v1/interactions")
    assert status == 200
    assert (call["call_id"], call["result"], call["wait_seconds"], call["talk_seconds"]) == (CALL, "answered", 20, 60)
    assert (await browser.send("GET", "/api/v1/interactions?since=2026-11-21T08:59:30Z"))[1] == []


@pytest.mark.parametrize(
    "query", ["since=yesterday", "since=2026-11-21T25:00:00Z", "since=2027-01-01T00:00:00Z", "since=2020-01-01T00:00Z"]
)
async def test_times_that_are_none_are_refused(browse: Browse, query: str) -> None:
    browser = await browse(SARAH)
    for path in ("interactions", "agents/agent_alice/segments"):
        status, answer = await browser.send("GET", f"/api/v1/{path}?{query}")
        assert (status, answer["error"]["id"]) == (400, "parameter.invalid")


async def test_a_call_with_all_that_is_known_of_it(browse: Browse, world: WebWorld) -> None:
    await written_call(world)
    await world.records.store.save([row(size=16_044, seconds=1.0, sha256="ab", ended_at=AT)])
    browser = await browse(SARAH)
    status, answer = await browser.send("GET", f"/api/v1/interactions/{CALL}")
    assert (status, answer["is_over"]) == (200, True)
    told = [(each["kind"], each["seconds"]) for each in answer["segments"]]
    assert told == [("ivr", 10), ("waiting", 10), ("ringing", 10), ("talking", 60)], "told by the call's own instants"
    (recording,) = answer["recordings"]
    assert (recording["name"], recording["size"], recording["sha256"]) == (row().name, 16_044, "ab")
    timeline = world.records.book.timeline(CALL)
    assert timeline is None
    written = Timeline(call_id=CALL, segments=(), is_over=True)
    await world.records.segments.write([written], [])
    assert (await browser.send("GET", "/api/v1/interactions/call_none"))[0] == 404
    assert (await browser.send("GET", "/api/v1/interactions/none"))[0] == 400


async def test_segments_of_a_call_under_way(browse: Browse, world: WebWorld) -> None:
    call_id = world.call_comes()
    browser = await browse(SARAH)
    status, segments = await browser.send("GET", f"/api/v1/interactions/{call_id}/segments")
    assert status == 200
    assert [(each["kind"], each["ends_at"]) for each in segments] == [("waiting", None)]
    assert (await browser.send("GET", "/api/v1/interactions/call_none/segments"))[0] == 404


async def test_an_agents_day(browse: Browse, world: WebWorld) -> None:
    lunch = AgentSegment(
        agent_id=agent_id_of("alice"),
        shift_at=AT - timedelta(hours=2),
        position=1,
        state=AgentState.NOT_READY,
        begins_at=AT - timedelta(hours=1),
        ends_at=AT,
        reason="lunch",
    )
    await world.records.segments.write([], [lunch])
    browser = await browse(SARAH)
    _, (told,) = await browser.send("GET", "/api/v1/agents/agent_alice/segments")
    assert (told["state"], told["reason"], told["seconds"]) == ("not_ready", "lunch", 3600)
    assert (await browser.send("GET", "/api/v1/agents/agent_bob/segments")) == (200, [])
    until = "2026-11-21T07:30:00Z"
    _, none = await browser.send("GET", f"/api/v1/agents/agent_alice/segments?until={until}")
    assert none == []


# playing -------------------------------------------------------------------------------------------------------


async def on_the_shelf(world: WebWorld, tmp_path: Path) -> bytes:
    content = bytes(range(256)) * 40
    world.records.shelf.folder = tmp_path
    path = tmp_path / row().name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    await world.records.store.save([row(size=len(content), seconds=0.6, ended_at=AT)])
    return content


async def test_a_recording_is_played_in_parts_and_it_is_noted_once(
    browse: Browse, world: WebWorld, tmp_path: Path
) -> None:
    content = await on_the_shelf(world, tmp_path)
    browser = await browse(SARAH)
    url = f"/api/v1/recordings/{RECORDING}/audio"
    parts = {"bytes=0-": (200, 206), "bytes=100-199": (206,), "bytes=-50": (206,), "bytes=999999-": (416,)}
    for wanted, expected in parts.items():
        async with browser.client.get(url, headers={"Range": wanted}) as response:
            assert response.status in expected, wanted
            if response.status == 206 and wanted == "bytes=100-199":
                assert await response.read() == content[100:200]
                assert response.headers["Content-Range"] == f"bytes 100-199/{len(content)}"
    async with browser.client.get(url) as response:
        assert (response.status, response.content_type, await response.read()) == (200, "audio/wav", content)
        assert response.headers["Cache-Control"] == "no-store"
    assert world.records.heard == [("sarah", RECORDING)] * 2, "from the beginning twice, and parts of it"


@pytest.mark.parametrize(
    ("state", "expected"),
    [(RecordingState.RECORDING, 409), (RecordingState.DELETED, 410), (RecordingState.MISSING, 410)],
)
async def test_what_cannot_be_played_is_told(
    browse: Browse, world: WebWorld, tmp_path: Path, state: RecordingState, expected: int
) -> None:
    world.records.shelf.folder = tmp_path
    await world.records.store.save([row(state)])
    browser = await browse(SARAH)
    assert (await browser.send("GET", f"/api/v1/recordings/{RECORDING}/audio"))[0] == expected
    assert (await browser.send("GET", f"/api/v1/recordings/{RECORDING}"))[1]["state"] == state
    assert world.records.heard == []


async def test_a_shelf_that_is_broken_and_a_database_that_is_away_are_told(
    browse: Browse, world: WebWorld, tmp_path: Path
) -> None:
    await on_the_shelf(world, tmp_path)
    browser = await browse(SARAH)
    url = f"/api/v1/recordings/{RECORDING}"
    world.records.shelf.is_broken = True
    assert (await browser.send("GET", f"{url}/audio"))[0] == 410
    world.records.store.is_away = True
    status, answer = await browser.send("GET", url)
    assert (status, answer["error"]["id"]) == (503, "records.unavailable")


async def test_agents_do_not_hear_recordings(browse: Browse, world: WebWorld, tmp_path: Path) -> None:
    await on_the_shelf(world, tmp_path)
    browser = await browse(ALICE)
    for path in (f"recordings/{RECORDING}/audio", f"recordings/{RECORDING}", "interactions", f"interactions/{CALL}"):
        assert (await browser.send("GET", f"/api/v1/{path}"))[0] == 403
    assert world.records.heard == []


@pytest.mark.parametrize("recording_id", ["..%2f..%2fetc%2fpasswd", "rec_../x", "rec_", "x"])
async def test_ids_that_are_none_find_nothing(browse: Browse, recording_id: str) -> None:
    browser = await browse(SARAH)
    assert (await browser.send("GET", f"/api/v1/recordings/{recording_id}/audio"))[0] in {400, 404}


# the call at hand ----------------------------------------------------------------------------------------------


async def test_the_agent_begins_pauses_and_ends_a_recording(browse: Browse, world: WebWorld) -> None:
    call_id = await talk(browse, world)
    browser = await browse(ALICE)
    assert (await browser.send("POST", f"{ME}/recording", {"action": "start"}))[0] == 200
    (wish,) = [effect for effect in world.effects if isinstance(effect, fx.StartRecording)]
    world.dispatcher.submit(cmd.ReportRecordingStarted(call_id=call_id, recording_id=wish.recording_id, mode=wish.mode))
    view = world.screens.agent_snapshot(agent_id_of("alice"))["call"].recording
    assert (view.state, view.can_start, view.can_stop) == ("on", False, True)
    for action in ("pause", "stop"):
        assert (await browser.send("POST", f"{ME}/recording", {"action": action}))[0] == 200
    assert isinstance(world.effects[-1], fx.StopRecording)
    status, answer = await browser.send("POST", f"{ME}/recording", {"action": "resume"})
    assert (status, answer["error"]["id"]) == (409, "agent.wrong_state")


@pytest.mark.parametrize("body", [{}, {"action": "delete"}, {"action": "start", "call_id": "x"}])
async def test_orders_that_are_none_are_refused(browse: Browse, body: dict[str, str]) -> None:
    browser = await browse(ALICE)
    assert (await browser.send("POST", f"{ME}/recording", body))[0] == 400


async def test_a_queue_that_records_nothing_says_so(browse: Browse, world: WebWorld) -> None:
    await talk(browse, world, RecordingMode.OFF)
    browser = await browse(ALICE)
    status, answer = await browser.send("POST", f"{ME}/recording", {"action": "start"})
    assert (status, answer["error"]["id"]) == (409, "recording.not_allowed")
