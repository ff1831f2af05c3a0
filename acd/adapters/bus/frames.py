"""Journal files as bytes: a header, then frames one after the other. No I/O.

header   8 bytes magic, 2 bytes version, 6 bytes of zero, all numbers big-endian
frame    4 bytes length of the payload, 4 bytes CRC-32 of serial and payload, 8 bytes serial, payload
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, NamedTuple

MAGIC: Final = b"GUICHETJ"
_HEADER: Final = struct.Struct(">8sH6x")
_FRAME: Final = struct.Struct(">IIQ")
HEADER_SIZE: Final = _HEADER.size
LARGEST: Final = 64 * 1024 * 1024  # bytes of one payload; a length beyond it is damage
_FAR: Final = 64  # how many serials past a bad frame are looked for, to tell a torn end from damage before it


class JournalError(Exception):
    """The journal cannot be read; the text says which file and why."""

    error_id: ClassVar[str] = "journal.unreadable"


class JournalVersionError(JournalError):
    """Written by a newer version of Guichet than this one."""

    error_id: ClassVar[str] = "journal.newer_version"


class Frame(NamedTuple):
    serial: int
    payload: bytes
    end: int  # where the next one begins


class Ending(StrEnum):
    CLEAN = "clean"
    TORN = "torn"  # the last write did not come to its end: what is cut off was never complete
    DAMAGED = "damaged"  # something is wrong and good frames follow it


@dataclass(slots=True)
class Reading:
    """`frames` yields what is good; afterwards `ending` says why it stopped, and `size` up to where all is good."""

    data: bytes
    first: int  # the serial its first frame should have
    ending: Ending = Ending.CLEAN
    size: int = HEADER_SIZE

    def frames(self) -> Iterator[Frame]:
        serial = self.first - 1
        while self.size < len(self.data):
            frame = _frame_at(self.data, self.size)
            if frame is None:
                self.ending = Ending.DAMAGED if _goes_on(self.data, self.size, serial) else Ending.TORN
                return
            self.size, serial = frame.end, frame.serial
            yield frame


def header(version: int) -> bytes:
    return _HEADER.pack(MAGIC, version)


def pack(serial: int, payload: bytes) -> bytes:
    number = serial.to_bytes(8, "big")
    return _FRAME.pack(len(payload), zlib.crc32(payload, zlib.crc32(number)), serial) + payload


def read_header(data: bytes, name: str, version: int) -> bool:
    """False for a file whose very header was torn. Raises JournalError, JournalVersionError."""
    if len(data) < HEADER_SIZE:
        return False
    magic, written = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise JournalError(f"{name} is no journal of Guichet's")
    if written > version:
        raise JournalVersionError(
            f"{name} was written by a newer Guichet (journal version {written}, this one reads up to {version}):"
            " start that one, or move the journal away (calls under way are then taken up from their channels)"
        )
    return True


def _frame_at(data: bytes, at: int) -> Frame | None:
    if at + _FRAME.size > len(data):
        return None
    length, checksum, serial = _FRAME.unpack_from(data, at)
    begin = at + _FRAME.size
    end = begin + length
    if length > LARGEST or end > len(data):
        return None
    payload = data[begin:end]
    is_good = zlib.crc32(payload, zlib.crc32(serial.to_bytes(8, "big"))) == checksum
    return Frame(serial, payload, end) if is_good else None


def _goes_on(data: bytes, bad: int, serial: int) -> bool:
    """Whether a good frame of one of the next serials stands somewhere behind the bad one."""
    for expected in range(serial + 1, serial + 2 + _FAR):
        number = expected.to_bytes(8, "big")
        found = data.find(number, bad)
        while found != -1:
            if found - 8 > bad and _frame_at(data, found - 8) is not None:
                return True
            found = data.find(number, found + 1)
    return False
