"""The folder of recordings: names, lengths, checksums."""

from __future__ import annotations

import hashlib
import os
import struct
import wave
from pathlib import Path

import pytest

from acd.adapters.recordings import FolderShelf, measure
from acd.service.records import ShelfError

NAME = "2026/11/21/rec_guichet-1700000000.12_1.wav"


def write_wav(path: Path, seconds: float = 1.5) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(b"\1\2" * round(8000 * seconds))
    return path.read_bytes()


async def test_a_closed_file_is_measured(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path)
    content = write_wav(tmp_path / NAME)
    facts = await shelf.facts(NAME)
    assert facts is not None
    assert (facts.size, facts.seconds, facts.is_complete) == (len(content), 1.5, True)
    assert await shelf.sha256(NAME) == hashlib.sha256(content).hexdigest()
    assert await shelf.names() == [NAME]


def header(data_length: int, extra: bytes = b"") -> bytes:
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    return b"RIFF\0\0\0\0WAVE" + fmt + extra + b"data" + struct.pack("<I", data_length)


@pytest.mark.parametrize(
    ("content", "size", "expected"),
    [
        (header(16000), 44 + 16000, (1.0, True)),
        (header(15999), 44 + 16000, (15999 / 16000, True)),  # padded
        (header(0), 44 + 16000, (1.0, False)),  # not closed: as long as its bytes
        (header(0), 44, (0.0, False)),
        (header(16000), 44 + 8000, (0.5, False)),  # cut off
        (header(16000, b"LIST" + struct.pack("<I", 3) + b"abc\0"), 56 + 16000, (1.0, True)),
        (header(16000)[:40], 44 + 16000, (0.0, False)),
        (b"", 0, (0.0, False)),
        (b"RIFF\0\0\0\0AVI ", 12, (0.0, False)),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", 20, (0.0, False)),  # no format
        (b"RIFF\0\0\0\0WAVE" + b"junk\xff\xff\xff\xff" * 9, 84, (0.0, False)),
    ],
)
def test_files_say_themselves_whether_they_are_whole(content: bytes, size: int, expected: tuple[float, bool]) -> None:
    assert measure(content, size) == expected


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../secret.wav", "2026/../../secret.wav", "2026/11/21/..", "a\0b", "./x.wav/../../y"]
)
async def test_names_do_not_lead_out(tmp_path: Path, name: str) -> None:
    shelf = FolderShelf(tmp_path / "recordings")
    (tmp_path / "recordings").mkdir()
    for asked in (shelf.facts, shelf.sha256, shelf.delete, shelf.prepare):
        with pytest.raises(ShelfError):
            await asked(name)


async def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path / "recordings")
    (tmp_path / "recordings/2026/11").mkdir(parents=True)
    write_wav(tmp_path / "elsewhere/x.wav")
    (tmp_path / "recordings/2026/11/21").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ShelfError):
        shelf.path_of("2026/11/21/x.wav")


async def test_deleting_twice_is_no_error(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path)
    write_wav(tmp_path / NAME)
    assert await shelf.delete(NAME)
    assert not await shelf.delete(NAME)
    assert await shelf.facts(NAME) is None
    with pytest.raises(ShelfError):
        await shelf.sha256(NAME)


async def test_folders_of_days_take_the_mode_of_the_whole(tmp_path: Path) -> None:
    """Asterisk, another user of the same group, must be able to write there, and we to delete."""
    top = tmp_path / "recordings"
    top.mkdir()
    top.chmod(0o2770)
    before = os.umask(0o077)
    try:
        await FolderShelf(top).prepare(NAME)
        await FolderShelf(top).prepare(NAME)
        fresh = FolderShelf(tmp_path / "fresh")
        await fresh.prepare(NAME)
    finally:
        os.umask(before)
    assert [(top / day).stat().st_mode & 0o7777 for day in ("2026", "2026/11", "2026/11/21")] == [0o2770] * 3
    assert (tmp_path / "fresh/2026/11/21").stat().st_mode & 0o7777 == 0o700
    assert await fresh.free_bytes() > 0
