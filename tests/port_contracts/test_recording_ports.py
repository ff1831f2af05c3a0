"""One suite for the recorder and the shelf: the fakes, and MixMonitor writing real files for a real caller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from acd.adapters.asterisk.ami import AmiAddress, AmiLink
from acd.adapters.asterisk.recorder import AmiRecorder
from acd.adapters.recordings import FolderShelf
from acd.service.ports import TelephonyError
from acd.service.records import Recorder, RecordingShelf
from tests.fakes.ports import START
from tests.fakes.records import FakeRecorder, FakeShelf
from tests.integration.waiting import until
from tests.port_contracts.lines import FakeLine, Line
from tests.port_contracts.real_lines import real_line

NAME = "2026/11/23/rec_1.1_1.wav"


@dataclass(frozen=True, slots=True)
class Studio:
    recorder: Recorder
    shelf: RecordingShelf
    line: Line
    linkedid: str

    async def is_written(self) -> None:
        async def is_there() -> bool:
            return await self.shelf.facts(NAME) is not None

        await until(is_there, "the file is there", every=0.05)

    async def is_closed(self) -> None:
        async def is_complete() -> bool:
            facts = await self.shelf.facts(NAME)
            return facts is not None and facts.is_complete

        await until(is_complete, "the file is closed", every=0.05)


class FakeStudioLine(FakeLine):
    """Asterisk ends a recording with its channel; the fake recorder is told."""

    def __init__(self, recorder: FakeRecorder) -> None:
        super().__init__()
        self._recorder = recorder

    async def hangs_up(self) -> None:
        await super().hangs_up()
        self._recorder.hang_up(self.channel.facts.linkedid)


@pytest.fixture(params=["fake", "asterisk"])
async def studio(request: pytest.FixtureRequest, sound_folder: Path, tmp_path: Path) -> AsyncIterator[Studio]:
    if request.param == "fake":
        shelf = FakeShelf()
        line = FakeStudioLine(FakeRecorder(shelf, START))
        line._recorder.channels = {line.channel.facts.linkedid}
        yield Studio(line._recorder, shelf, line, line.channel.facts.linkedid)
        return
    asterisk = request.getfixturevalue("asterisk")
    address = AmiAddress("127.0.0.1", asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret)
    folder = tmp_path / "recordings"
    async with AmiLink(address, on_event=lambda _: None) as link, real_line(asterisk, sound_folder) as real:
        await link.ready(timedelta(seconds=10))
        yield Studio(AmiRecorder(link, folder), FolderShelf(folder), real, real.channel.facts.linkedid)


async def test_a_file_comes_about_and_is_closed_when_the_recording_ends(studio: Studio) -> None:
    assert await studio.shelf.facts(NAME) is None
    assert await studio.shelf.free_bytes() > 0
    await studio.shelf.prepare(NAME)
    await studio.recorder.start(studio.linkedid, NAME)
    await studio.is_written()
    facts = await studio.shelf.facts(NAME)
    assert facts is not None
    assert not facts.is_complete, "it is written to"
    await studio.recorder.pause(studio.linkedid, is_paused=True)
    await studio.recorder.pause(studio.linkedid, is_paused=True)
    await studio.recorder.pause(studio.linkedid, is_paused=False)
    await studio.line.channel.play(studio.line.sounds("low"))
    await studio.recorder.stop(studio.linkedid)
    await studio.is_closed()
    facts = await studio.shelf.facts(NAME)
    assert facts is not None
    assert facts.seconds > 0
    assert len(await studio.shelf.sha256(NAME)) == 64
    assert await studio.shelf.names() == [NAME]
    assert await studio.shelf.delete(NAME)
    assert not await studio.shelf.delete(NAME)
    assert await studio.shelf.names() == []


async def test_it_ends_with_the_channel(studio: Studio) -> None:
    await studio.shelf.prepare(NAME)
    await studio.recorder.start(studio.linkedid, NAME)
    await studio.is_written()
    await studio.line.channel.play(studio.line.sounds("low"))
    await studio.line.hangs_up()
    await studio.is_closed()


async def test_a_channel_that_is_not_there_is_told_but_for_the_end(studio: Studio) -> None:
    with pytest.raises(TelephonyError):
        await studio.recorder.start("guichet-test-1.1", NAME)
    with pytest.raises(TelephonyError):
        await studio.recorder.pause("guichet-test-1.1", is_paused=True)
    await studio.recorder.stop("guichet-test-1.1")
    await studio.recorder.stop(studio.linkedid)  # nothing is recorded there
