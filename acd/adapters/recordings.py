"""The folder of recordings: what is in it, how long, and with which checksum. Names never lead out of it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

from acd.service.records import FileFacts, RecordingShelf, ShelfError

T = TypeVar("T")

_HEADER_BYTES: Final = 4096  # the beginning of a file, in which its format and its length are told
_CHUNK: Final = 1 << 20


class FolderShelf(RecordingShelf):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_of(self, name: str) -> Path:
        """Raises ShelfError for a name that is absolute, has `..`, or passes a symbolic link out of the folder."""
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or "\0" in name or any(part in ("..", ".") for part in parts):
            raise ShelfError("a recording's name leads out of its folder")
        path = self._folder.joinpath(*parts)
        try:
            is_inside = path.resolve().is_relative_to(self._folder.resolve())
        except OSError as error:
            raise ShelfError(f"a recording's name cannot be followed: {error.strerror}") from error
        if not is_inside:
            raise ShelfError("a recording's name leads out of its folder")
        return path

    async def free_bytes(self) -> int:
        return await _threaded(lambda: shutil.disk_usage(_existing(self._folder)).free)

    async def prepare(self, name: str) -> None:
        folder = self.path_of(name).parent
        await _threaded(lambda: _make(folder, self._folder))

    async def facts(self, name: str) -> FileFacts | None:
        path = self.path_of(name)
        return await _threaded(lambda: _facts(path))

    async def sha256(self, name: str) -> str:
        path = self.path_of(name)
        return await _threaded(lambda: _sha256(path))

    async def delete(self, name: str) -> bool:
        path = self.path_of(name)
        return await _threaded(lambda: _delete(path))

    async def names(self) -> list[str]:
        return await _threaded(lambda: _names(self._folder))


async def _threaded(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise ShelfError(f"the recordings' folder: {error.strerror or type(error).__name__}") from error


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def _make(folder: Path, top: Path) -> None:
    """Folders of days take the mode of the whole: Asterisk may be another user of the same group."""
    if not top.exists():
        top.mkdir(parents=True, mode=0o700)
    mode = top.stat().st_mode & 0o7777
    for each in (*reversed(folder.relative_to(top).parents), folder.relative_to(top)):
        path = top / each
        if not path.exists():
            path.mkdir(exist_ok=True)
            path.chmod(mode)


def _facts(path: Path) -> FileFacts | None:
    try:
        with path.open("rb") as opened:
            status = os.fstat(opened.fileno())
            header = opened.read(_HEADER_BYTES)
    except FileNotFoundError:
        return None
    seconds, is_complete = measure(header, status.st_size)
    return FileFacts(
        size=status.st_size,
        seconds=seconds,
        is_complete=is_complete,
        changed_at=datetime.fromtimestamp(status.st_mtime, UTC),
    )


def measure(header: bytes, size: int) -> tuple[float, bool]:
    """Seconds of a WAV file that has `size` bytes, and whether it says so itself: Asterisk writes the lengths into the
    header when it closes the file. One that was not closed is as long as its bytes."""
    if len(header) < 12 or header[:4] != b"RIFF" or header[8:12] != b"WAVE":
        return 0.0, False
    at, bytes_per_second = 12, 0
    while at + 8 <= len(header):
        kind, length = header[at : at + 4], struct.unpack_from("<I", header, at + 4)[0]
        if kind == b"fmt " and at + 24 <= len(header):
            bytes_per_second = struct.unpack_from("<I", header, at + 16)[0]
        if kind == b"data" and bytes_per_second:
            there = size - at - 8
            is_complete = 0 < length <= there <= length + 1  # a byte of padding
            return (length if is_complete else there) / bytes_per_second, is_complete
        at += 8 + length + (length & 1)
    return 0.0, False


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        while part := opened.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()


def _delete(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*/*/*.wav") if path.is_file())
