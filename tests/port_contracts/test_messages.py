"""The contract of Messages: in memory, and WAV files in a folder."""

from __future__ import annotations

import wave
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from acd.adapters.messages import MessageFolder
from acd.service.ports import Messages
from tests.fakes.ports import FakeMessages

Speak = Callable[[str, str, float], None]  # place, name, seconds


def _record(place: str, name: str, seconds: float) -> None:
    del name
    with wave.open(f"{place}.wav", "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\1" * int(8000 * seconds))


@pytest.fixture(params=["fake", "folder"])
def messages(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Messages, Speak]:
    if request.param == "folder":
        return MessageFolder(tmp_path / "voicemail"), _record
    fake = FakeMessages()
    return fake, lambda place, name, seconds: fake.lengths.__setitem__(name, timedelta(seconds=seconds))


async def test_what_was_said_is_known_by_length_and_checksum(messages: tuple[Messages, Speak]) -> None:
    folder, speak = messages
    place = await folder.place_for("1.1-1.wav")
    assert place.endswith("1.1-1")
    speak(place, "1.1-1.wav", 2.5)
    kept = await folder.kept("1.1-1.wav")
    assert kept is not None
    assert (kept.name, kept.length, len(kept.sha256)) == ("1.1-1.wav", timedelta(seconds=2.5), 64)
    assert await folder.kept("1.1-1.wav") == kept


async def test_a_click_and_nothing_at_all_are_no_messages(messages: tuple[Messages, Speak]) -> None:
    folder, speak = messages
    assert await folder.kept("2.1-1.wav") is None
    speak(await folder.place_for("2.1-1.wav"), "2.1-1.wav", 0.5)
    assert await folder.kept("2.1-1.wav") is None


BAD_NAMES = ["../secret.wav", "a/b.wav", ".hidden.wav", "1.1-1.mp3", "", "x" * 200 + ".wav", "a\n.wav"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        MessageFolder(tmp_path).path_of(name)


async def test_a_file_that_is_no_sound_is_no_message(tmp_path: Path) -> None:
    (tmp_path / "1.1-1.wav").write_bytes(b"RIFF nonsense")
    assert await MessageFolder(tmp_path).kept("1.1-1.wav") is None
