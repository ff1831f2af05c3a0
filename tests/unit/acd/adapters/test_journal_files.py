"""A journal's files as they are read back: whole, torn at any byte, damaged in the middle, from another version."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from acd.adapters.bus.disk import FolderDisk, JournalLockedError
from acd.adapters.bus.frames import JournalError, JournalVersionError, header, pack
from acd.adapters.bus.journal_files import EVENTS, Findings, kept_records, name_of, read_journal
from acd.domain import events as ev
from acd.domain.ids import AgentId
from acd.domain.journal_format import VERSION, Record, encode_record

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def logged_in(number: int) -> ev.AgentLoggedIn:
    return ev.AgentLoggedIn(at=AT, agent_id=AgentId(f"agent_{number}"))


def frame(serial: int, *numbers: int) -> bytes:
    return pack(serial, encode_record(Record(at=AT, events=tuple(map(logged_in, numbers or (serial,))))))


def segment(folder: Path, first: int, last: int, *, version: int = VERSION) -> Path:
    path = folder / name_of(EVENTS, first)
    path.write_bytes(header(version) + b"".join(frame(serial) for serial in range(first, last + 1)))
    return path


def serials(folder: Path, after: int = 0, findings: Findings | None = None) -> list[int]:
    return [serial for serial, _ in kept_records(FolderDisk(folder), after, findings)]


def test_events_are_read_in_order_over_all_files_each_with_a_position_of_its_own(tmp_path: Path) -> None:
    segment(tmp_path, 4, 6)
    (tmp_path / name_of(EVENTS, 1)).write_bytes(header(VERSION) + frame(1, 10, 11) + frame(2) + frame(3))
    found = list(read_journal(tmp_path))
    assert [event for _, event in found] == [logged_in(number) for number in (10, 11, 2, 3, 4, 5, 6)]
    assert [position for position, _ in found] == ["1-0", "1-1", "2-0", "3-0", "4-0", "5-0", "6-0"]
    assert [event for _, event in read_journal(tmp_path / name_of(EVENTS, 4))] == [logged_in(n) for n in (4, 5, 6)]


@pytest.mark.parametrize("after", range(8))
def test_reading_on_after_any_record_gives_the_rest(tmp_path: Path, after: int) -> None:
    for first, last in ((1, 3), (4, 6), (7, 7)):
        segment(tmp_path, first, last)
    assert serials(tmp_path, after) == list(range(after + 1, 8))


def test_an_end_torn_at_any_byte_costs_the_last_record_and_no_other(tmp_path: Path) -> None:
    path = segment(tmp_path, 1, 3)
    whole = path.read_bytes()
    before = len(header(VERSION) + frame(1) + frame(2))
    for size in range(before, len(whole)):
        path.write_bytes(whole[:size])
        findings = Findings()
        assert serials(tmp_path, 0, findings) == [1, 2]
        assert findings == Findings(torn={path.name: before} if size > before else {})


def test_a_header_that_was_torn_is_an_empty_file(tmp_path: Path) -> None:
    segment(tmp_path, 1, 2)
    for size in range(len(header(VERSION))):
        (tmp_path / name_of(EVENTS, 3)).write_bytes(header(VERSION)[:size])
        assert serials(tmp_path) == [1, 2]


def test_damage_in_the_middle_is_told_from_a_torn_end_at_every_byte(tmp_path: Path) -> None:
    path = segment(tmp_path, 5, 8)
    whole = path.read_bytes()
    begin, end = len(header(VERSION) + frame(5)), len(header(VERSION) + frame(5) + frame(6))
    for position in range(begin, end):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        findings = Findings()
        assert serials(tmp_path, 0, findings) == [5]
        assert findings.damaged == {path.name: begin}, position


def test_after_damage_the_next_file_is_read_and_the_gap_is_noted(tmp_path: Path) -> None:
    path = segment(tmp_path, 1, 4)
    segment(tmp_path, 5, 6)
    data = bytearray(path.read_bytes())
    data[len(header(VERSION) + frame(1)) + 20] ^= 1
    path.write_bytes(data)
    findings = Findings()
    assert serials(tmp_path, 0, findings) == [1, 5, 6]
    assert findings.gaps == [(2, 4)]


def test_what_was_written_twice_after_a_failure_of_the_disk_is_read_once(tmp_path: Path) -> None:
    path = segment(tmp_path, 1, 4)
    path.write_bytes(path.read_bytes()[:-5])
    segment(tmp_path, 3, 6)
    findings = Findings()
    assert serials(tmp_path, 0, findings) == [1, 2, 3, 4, 5, 6]
    assert findings.gaps == []


def test_a_newer_journal_says_so(tmp_path: Path) -> None:
    segment(tmp_path, 1, 2, version=VERSION + 1)
    with pytest.raises(JournalVersionError, match="newer Guichet"):
        serials(tmp_path)


@pytest.mark.parametrize(
    "payload", [b'{"at":"2026-11-23T09:00:00Z","events":[{"type":"Unheard"}]}', b'{"events":[]}', b"\xff"]
)
def test_a_record_this_version_does_not_know_is_no_damage(tmp_path: Path, payload: bytes) -> None:
    (tmp_path / name_of(EVENTS, 1)).write_bytes(header(VERSION) + pack(1, payload))
    with pytest.raises(JournalVersionError, match="does not know"):
        serials(tmp_path)


def test_what_is_no_journal_says_so(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal here"):
        list(read_journal(tmp_path))
    path = tmp_path / name_of(EVENTS, 1)
    path.write_bytes(b"something else altogether")
    with pytest.raises(JournalError, match=path.name):
        list(read_journal(tmp_path))


def test_a_length_beyond_all_measure_is_no_reason_to_read_on(tmp_path: Path) -> None:
    path = segment(tmp_path, 1, 1)
    path.write_bytes(path.read_bytes() + b"\xff" * 16)
    findings = Findings()
    assert serials(tmp_path, 0, findings) == [1]
    assert list(findings.torn) == [path.name]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    first, second = FolderDisk(tmp_path / "journal"), FolderDisk(tmp_path / "journal")
    first.lock()
    with pytest.raises(JournalLockedError, match="in use by process"):
        second.lock()
    first.unlock()
    second.lock()
    second.unlock()
