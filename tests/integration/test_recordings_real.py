"""Recordings as MixMonitor makes them: what is in the file is heard, and what must not be is looked for."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import expect

from acd.phone import Tone
from acd.phone.audio import read_wav, tone_level
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.browser import chromium
from tests.integration.hearing import HIGH, LOW, RATE, heard_so_far, hears_tone
from tests.integration.house import QUEUES, House, Ring, Seat, open_house
from tests.integration.screen import Screen
from tests.integration.test_pages_real import logged_in
from tests.integration.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECORDED = {"support": QUEUES["support"] | {"recording": {"mode": "always"}}, "orders": QUEUES["orders"]}
FRAME = 160  # samples of 20 ms
LEVEL = 0.05  # of a tone in the mix
CARD, CARD_LEVEL = 1700.0, 0.02  # the tone that stands for a card number, and how little of it would be too much


@pytest_asyncio.fixture(loop_scope="module")
async def house(asterisk: RunningAsterisk, tmp_path: Path) -> AsyncIterator[House]:
    """Without a service yet."""
    recording = {"folder": str(tmp_path / "recordings")}
    async with open_house(asterisk, tmp_path, {"queues": RECORDED, "recording": recording}) as opened:
        yield opened
        await opened.is_quiet()


async def recording_is(seat: Seat, state: str) -> None:
    def shown() -> str:
        frames = [frame for frame in seat.screen.frames if frame.type in {"call", "offer", "snapshot"}]
        views = [frame.data["call"] if frame.type == "snapshot" else frame.data for frame in frames]
        known = [view for view in views if view]
        return str(known[-1]["recording"]["state"]) if known else ""

    await until(lambda: shown() == state, f"the screen shows the recording {state}")


async def files_of(supervisor: Screen, number: str) -> list[dict[str, Any]]:
    """The recordings of that caller's only call, once all are accounted for."""
    found: list[dict[str, Any]] = []

    async def are_done() -> bool:
        calls = [call for call in await supervisor.get("/api/v1/interactions") if call["number"] == number]
        if calls:
            found[:] = (await supervisor.get(f"/api/v1/interactions/{calls[0]['call_id']}"))["recordings"]
        return bool(found) and all(each["state"] == "done" for each in found)

    await until(are_done, "the recording is accounted for", every=0.2)
    return found


async def talk_for(seconds: float, ring: Ring) -> None:
    """Until the agent's phone has heard so much more."""
    mark = heard_so_far(ring.call)
    await until(lambda: heard_so_far(ring.call) >= mark + seconds, f"{seconds} s of talk")


def longest_silence(pcm: bytes) -> tuple[int, int]:
    """The longest run of frames that are nothing but zeros: first and last sample."""
    samples = np.frombuffer(pcm, "<i2")
    best, begin = (0, 0), None
    for at in range(0, len(samples) - FRAME + 1, FRAME):
        if not samples[at : at + FRAME].any():
            begin = at if begin is None else begin
            if at + FRAME - begin > best[1] - best[0]:
                best = (begin, at + FRAME)
        else:
            begin = None
    return best


def has_both_voices(pcm: bytes) -> bool:
    return tone_level(pcm, HIGH) > LEVEL and tone_level(pcm, LOW) > LEVEL


async def test_both_voices_are_in_the_file_and_nothing_said_during_the_pause(house: House) -> None:
    number = house.new_number()
    async with (
        house.service(),
        house.supervisor() as supervisor,
        house.agent() as alice,
        house.caller(number, tone=HIGH) as call,
    ):
        await house.walk(call)
        ring = await alice.takes(number)
        await asyncio.gather(hears_tone(call, LOW), hears_tone(ring.call, HIGH))
        await recording_is(alice, "on")
        await talk_for(1.0, ring)
        await alice.screen.order("recording", action="pause")
        await recording_is(alice, "paused")
        paused_at = heard_so_far(ring.call)
        call.play(Tone(CARD))
        await talk_for(2.0, ring)
        call.play(Tone(HIGH))
        await talk_for(0.5, ring)  # what is on its way still sounds
        pause_seconds = heard_so_far(ring.call) - paused_at
        await alice.screen.order("recording", action="resume")
        await recording_is(alice, "on")
        await talk_for(1.0, ring)
        refused = await alice.screen.post("/api/v1/agents/me/recording", {"action": "stop"})
        assert (refused.status, refused.body["error"]["id"]) == (409, "recording.not_allowed")
        await ring.call.hang_up()
        await alice.wraps_up(code="solved")
        (recording,) = await files_of(supervisor, number)
        path = house.settings.recordings_dir / recording["name"]
        await _is_right(house, supervisor, recording, path)
        pcm = read_wav(path)
        begin, end = longest_silence(pcm)
        assert not _ever_hears(pcm, CARD)
        # Both speak all the time: one word too many would cut the silence short.
        assert (end - begin) / RATE > pause_seconds - 0.3
        assert has_both_voices(pcm[2 * (begin - RATE // 2) : 2 * begin])
        assert has_both_voices(pcm[2 * end : 2 * (end + RATE // 2)])
        await _segments_are_told(supervisor, recording["call_id"], alice.agent_id)


async def _is_right(house: House, supervisor: Screen, recording: dict[str, Any], path: Path) -> None:
    content = await asyncio.to_thread(path.read_bytes)
    assert recording["size"] == len(content)
    assert recording["sha256"] == hashlib.sha256(content).hexdigest()
    assert abs(recording["seconds"] - (len(content) - 44) / 16000) < 0.01
    assert recording["problem"] == ""
    audio = f"/api/v1/recordings/{recording['recording_id']}/audio"
    async with aiohttp.ClientSession(house.url, headers={"Authorization": f"Bearer {supervisor.token}"}) as http:
        async with http.get(audio) as response:
            assert (response.status, response.content_type) == (200, "audio/wav")
            assert await response.read() == content
        async with http.get(audio, headers={"Range": "bytes=1000-1999"}) as response:
            assert (response.status, response.headers["Content-Range"]) == (206, f"bytes 1000-1999/{len(content)}")
            assert await response.read() == content[1000:2000]
        async with http.get(audio, headers={"Range": f"bytes={len(content)}-"}) as response:
            assert response.status == 416


async def _segments_are_told(supervisor: Screen, call_id: str, agent_id: str) -> None:
    segments: list[dict[str, Any]] = []

    async def are_written() -> bool:
        segments[:] = await supervisor.get(f"/api/v1/interactions/{call_id}/segments")
        return segments[-1]["ends_at"] is not None

    await until(are_written, "the segments are whole", every=0.2)
    assert [each["kind"] for each in segments] == ["ivr", "waiting", "ringing", "talking", "wrap_up"]
    for before, after in pairwise(segments):
        assert before["ends_at"] == after["begins_at"]
    assert {each["agent_id"] for each in segments[2:]} == {agent_id}

    async def shift_is_written() -> bool:
        day = await supervisor.get(f"/api/v1/agents/{agent_id}/segments")
        states = [each["state"] for each in day]
        return states == ["not_ready", "ready", "reserved", "talking", "wrap_up", "ready"]

    await until(shift_is_written, "the agent's day is told", every=0.2)


async def test_a_killed_service_finds_its_recordings_again(house: House) -> None:
    """One call ends while no service is there, another one goes on, paused, and is taken up."""
    first, second = house.new_number(), house.new_number()
    async with AsyncExitStack() as stack:
        ended, goes_on = [await stack.enter_async_context(house.caller(number)) for number in (first, second)]
        async with house.service() as process:
            alice = await stack.enter_async_context(house.agent("Alice Martin"))
            await house.walk(ended)
            ring = await alice.takes(first)
            bruno = await stack.enter_async_context(house.agent("Bruno Keller"))
            await house.walk(goes_on)
            other = await bruno.takes(second)
            await recording_is(alice, "on")
            await recording_is(bruno, "on")
            await bruno.screen.order("recording", action="pause")
            await recording_is(bruno, "paused")
            await talk_for(1.0, ring)
            os.kill(process, signal.SIGKILL)
            await until(lambda: bruno.screen.is_lost, "the service is gone")
        await ended.hang_up()
        goes_on.play(Tone(CARD))
        await talk_for(1.0, other)
        goes_on.play(Tone(HIGH))
        async with house.service(), house.supervisor() as supervisor, house.screen(bruno.user.login) as screen:
            (recording,) = await files_of(supervisor, first)
            await _is_right(house, supervisor, recording, house.settings.recordings_dir / recording["name"])
            found = Seat(bruno.user, bruno.phone, screen)
            await recording_is(found, "paused")
            await screen.order("recording", action="resume")
            await recording_is(found, "on")
            await talk_for(1.0, other)
            await goes_on.hang_up()
            (recording,) = await files_of(supervisor, second)
            pcm = read_wav(house.settings.recordings_dir / recording["name"])
            assert not _ever_hears(pcm, CARD)
            assert _ever_hears(pcm, HIGH)


def _ever_hears(pcm: bytes, frequency: float) -> bool:
    step = RATE // 5
    parts = (pcm[2 * at : 2 * (at + step)] for at in range(0, len(pcm) // 2 - step, step))
    return any(tone_level(part, frequency) > CARD_LEVEL for part in parts)


async def test_people_see_pause_and_hear_it_on_their_pages(house: House) -> None:
    troubles: list[str] = []
    number = house.new_number()
    async with (
        house.service(),
        house.supervisor() as supervisor,
        house.agent("Alice Martin") as alice,
        house.caller(number) as call,
        chromium() as browser,
    ):
        page = await logged_in(browser, house, alice.user.login, troubles)
        await house.walk(call)
        ring = await alice.takes(number)
        bar = page.get_by_role("region", name="Recording")
        await expect(bar).to_contain_text("● Recording")
        await bar.get_by_role("button", name="Pause").click()
        await expect(bar).to_contain_text("card numbers may be given")
        await bar.get_by_role("button", name="Resume").click()
        await expect(bar).to_contain_text("● Recording")
        await expect(bar.get_by_role("button", name="End recording")).to_have_count(0)
        await ring.call.hang_up()
        await alice.wraps_up(code="solved")
        (recording,) = await files_of(supervisor, number)
        board = await logged_in(browser, house, "supervisor", troubles)
        row = board.locator(f'tr[data-call="{recording["call_id"]}"]')
        await row.get_by_role("button", name="Details").click()
        segments = board.locator(".past-calls ol.segments")
        for text in ("menu", "ringing", "talk", "wrap-up"):
            await expect(segments).to_contain_text(text)
        heard = """async (audio) => {
            audio.load();
            await new Promise((done, failed) => {
                audio.onloadedmetadata = done;
                audio.onerror = failed;
                audio.preload = "auto";
            });
            audio.currentTime = audio.duration / 2;
            await new Promise((done) => { audio.onseeked = done; });
            return audio.duration;
        }"""
        duration = await board.locator(".past-calls audio").evaluate(heard)
        assert abs(duration - recording["seconds"]) < 0.1
        assert troubles == []


async def test_a_disk_without_room_holds_up_no_call(house: House) -> None:
    house.configure(recording={"folder": str(house.settings.recordings_dir), "min_free_mb": 10**9})
    number = house.new_number()
    async with house.service(), house.supervisor() as supervisor, house.agent() as alice, house.caller(number) as call:
        await house.walk(call)
        ring = await alice.takes(number)
        for screen in (supervisor, alice.screen):
            told = await screen.frame("recording_failed")
            assert told.data["cause"] == "disk_full"
        await asyncio.gather(hears_tone(call, LOW), hears_tone(ring.call, HIGH))
        await ring.call.hang_up()
        await alice.wraps_up(code="solved")
    assert not house.settings.recordings_dir.exists()
