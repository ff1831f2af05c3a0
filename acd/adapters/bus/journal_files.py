"""The files of a journal, and how they are read.

events-00000000000000000001.journal     records from that serial on; a new file after `journal.segment_megabytes`
snapshot-00000000000000000420.journal   the whole state after that serial: what came before is not needed to go on
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog

from acd.adapters.bus.disk import Disk, FolderDisk
from acd.adapters.bus.frames import Ending, JournalError, JournalVersionError, Reading, read_header
from acd.domain.events import Event
from acd.domain.journal_format import VERSION, Record, decode_record
from acd.service.memory import Part

log = structlog.get_logger(__name__)

EVENTS, SNAPSHOT, SUFFIX, UNFINISHED = "events-", "snapshot-", ".journal", ".tmp"
END: Final = b'{"part":"end"}'  # the last frame of a snapshot that was written to its end


class Kept(NamedTuple):
    serial: int
    record: Record


@dataclass(slots=True)
class Findings:
    """What reading met on its way, for whoever wants to mend or to tell."""

    torn: dict[str, int] = field(default_factory=dict)  # file to the size up to where it is good
    damaged: dict[str, int] = field(default_factory=dict)
    gaps: list[tuple[int, int]] = field(default_factory=list)  # first and last serial missing


def name_of(kind: str, serial: int) -> str:
    return f"{kind}{serial:020d}{SUFFIX}"


def files(disk: Disk, kind: str) -> list[tuple[int, str]]:
    """Serial and name of each, in order."""
    found: list[tuple[int, str]] = []
    for name in disk.names():
        number = name.removeprefix(kind).removesuffix(SUFFIX)
        if name == f"{kind}{number}{SUFFIX}" and number.isascii() and number.isdigit():
            found.append((int(number), name))
    return sorted(found)


def kept_records(disk: Disk, after: int = 0, findings: Findings | None = None) -> Iterator[Kept]:
    """Records of a higher serial than `after`, in order, each once. What is damaged ends its file, and is noted in
    `findings`. Raises JournalError, JournalVersionError."""
    findings = findings if findings is not None else Findings()
    segments = files(disk, EVENTS)
    serial = after
    for index, (first, name) in enumerate(segments):
        if index + 1 < len(segments) and segments[index + 1][0] <= after + 1:
            continue  # all of it is older
        for found, payload in _frames(disk, name, first, findings):
            if found <= serial:
                continue  # written once more after a failure of the disk
            if found > serial + 1 and serial > 0:
                findings.gaps.append((serial + 1, found - 1))
            serial = found
            yield Kept(found, _decoded(payload, name))


def _frames(disk: Disk, name: str, first: int, findings: Findings) -> Iterator[tuple[int, bytes]]:
    data = _read(disk, name)
    if not read_header(data, name, VERSION):
        findings.torn[name] = 0
        return
    reading = Reading(data, first)
    for frame in reading.frames():
        yield frame.serial, frame.payload
    if reading.ending is Ending.TORN:
        findings.torn[name] = reading.size
    elif reading.ending is Ending.DAMAGED:
        findings.damaged[name] = reading.size


def snapshot_parts(disk: Disk, name: str, serial: int) -> list[Part] | None:
    """None for a snapshot that is not whole. Raises JournalError, JournalVersionError."""
    findings = Findings()
    payloads = [payload for _, payload in _frames(disk, name, serial, findings)]
    if findings.torn or findings.damaged or not payloads or payloads[-1] != END:
        return None
    try:
        return [msgspec.json.decode(payload, type=Part) for payload in payloads[:-1]]
    except msgspec.DecodeError as error:
        raise _not_understood(name, error) from error


def read_journal(path: Path) -> Iterator[tuple[str, Event]]:
    """Every event kept in a journal (its folder, or one file of it), oldest first, each with its position.

    A service may be writing it meanwhile. Where something is missing or damaged the log says so, and what follows is
    given. Raises JournalError, JournalVersionError.
    """
    is_file = path.is_file()
    disk = FolderDisk(path.parent if is_file else path)
    if not is_file and not files(disk, EVENTS):
        raise JournalError(f"{path}: there is no journal here (it is in the data directory, `journal`)")
    findings = Findings()
    for serial, record in _one_file(disk, path.name, findings) if is_file else kept_records(disk, 0, findings):
        for number, event in enumerate(record.events):
            yield f"{serial}-{number}", event
    for name in findings.damaged:
        log.warning("journal_damaged", file=name)
    for first, last in findings.gaps:
        log.warning("journal_has_a_gap", first=first, last=last)


def _one_file(disk: Disk, name: str, findings: Findings) -> Iterator[Kept]:
    number = name.removeprefix(EVENTS).removesuffix(SUFFIX)
    for serial, payload in _frames(disk, name, int(number) if number.isdigit() else 1, findings):
        yield Kept(serial, _decoded(payload, name))


def _read(disk: Disk, name: str) -> bytes:
    try:
        return disk.read(name)
    except OSError as error:
        raise JournalError(f"{name} cannot be read: {error}") from error


def _decoded(payload: bytes, name: str) -> Record:
    try:
        return decode_record(payload)
    except msgspec.DecodeError as error:
        raise _not_understood(name, error) from error


def _not_understood(name: str, error: Exception) -> JournalVersionError:
    """Its checksum is right, so it was written like this."""
    return JournalVersionError(
        f"{name} holds what this version of Guichet does not know ({error}): a newer one wrote it. Start that one, or"
        " move the journal away (calls under way are then taken up from their channels)"
    )
