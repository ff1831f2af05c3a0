"""The journal on disk: what it keeps when the power goes, the disk is full, fails or is damaged; how it is bounded."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest

from acd.adapters.bus.file_journal import FileJournal
from acd.adapters.bus.frames import JournalVersionError
from acd.adapters.bus.journal_files import EVENTS, SNAPSHOT, files, kept_records
from acd.adapters.bus.journal_writer import SNAPSHOTS_KEPT, Limits
from acd.domain import effects as fx
from acd.domain import events as ev
from acd.domain.ids import AgentId, agent_id_of
from acd.domain.journal_format import DeskWish
from acd.service.memory import Past
from tests.fakes.disk import FakeDisk
from tests.fakes.ports import START, VirtualClock
from tests.unit.acd.service.calls import some_call

SMALL = Limits(segment_bytes=400, pending_bytes=2000)


def logged_in(number: int) -> ev.AgentLoggedIn:
    return ev.AgentLoggedIn(at=START, agent_id=AgentId(f"agent_{number}"))


def record(linkedid: str) -> fx.RecordInteraction:
    return fx.RecordInteraction(call=some_call(linkedid, 5))


def commit(linkedid: str) -> fx.CommitTicket:
    return fx.CommitTicket(call=some_call(linkedid, 5), agent_id=agent_id_of("alice"), note="note", title="title")


class Bench:
    """A journal without its thread: the test is the thread. Its "state" is the list of all numbers appended."""

    def __init__(self, disk: FakeDisk | None = None, limits: Limits = SMALL) -> None:
        self.disk = disk or FakeDisk()
        self.clock = VirtualClock()
        self.disk.now = lambda: self.clock.now().timestamp()
        self.journal = FileJournal(self.disk, self.clock, limits)
        self.past: Past = self.journal.load()
        self.numbers: list[int] = recalled(self.past)
        self.journal.begin(self._picture, has_thread=False)

    def _picture(self) -> Iterator[bytes]:
        text = ",".join(map(str, self.numbers))
        return iter([b'{"part":"numbers","data":[' + text.encode() + b"]}"])

    def append(self, number: int, *wishes: DeskWish) -> None:
        self.numbers.append(number)
        self.journal.append([logged_in(number)], wishes)

    def appends(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.append(number)

    def commits(self) -> bool:
        return self.journal.writer.commit()

    def trouble(self) -> str | None:
        return self.journal.trouble

    def after_power_cut(self, survives: int = 0) -> Bench:
        return Bench(self.disk.cut_power(survives))


def recalled(past: Past) -> list[int]:
    numbers: list[int] = []
    for part in past.parts:
        assert part.part == "numbers"
        numbers += [int(number) for number in bytes(part.data).strip(b"[]").split(b",") if number]
    for kept in past.records:
        numbers += [int(event.agent_id[6:]) for event in kept.events if isinstance(event, ev.AgentLoggedIn)]
    return numbers


def raises(error: int, *kinds: str) -> Callable[[str, str], None]:
    def fail(what: str, name: str) -> None:
        if what in kinds:
            raise OSError(error, os.strerror(error))

    return fail


def test_what_was_made_certain_outlasts_a_loss_of_power_and_what_was_written_a_kill() -> None:
    bench = Bench()
    bench.appends(range(5))
    assert bench.commits()
    bench.appends([5, 6])
    assert bench.journal.writer.write()
    bench.append(7)
    assert bench.after_power_cut().numbers == [0, 1, 2, 3, 4]
    assert Bench(bench.disk.after_kill()).numbers == [0, 1, 2, 3, 4, 5, 6]


def test_a_write_torn_at_any_byte_costs_only_what_was_not_certain() -> None:
    bench = Bench(limits=Limits())
    bench.appends([0, 1])
    assert bench.commits()
    bench.append(2)
    assert bench.journal.writer.write()
    size = max(len(data) for data in bench.disk.contents.values()) - max(bench.disk.certain.values())
    assert size > 50
    for survives in range(size):
        again = bench.after_power_cut(survives)
        assert again.numbers == [0, 1]
        again.appends([3, 4])
        assert again.commits()
        assert again.after_power_cut().numbers == [0, 1, 3, 4]
    assert bench.after_power_cut(size).numbers == [0, 1, 2]


def test_a_snapshot_stands_for_all_before_it() -> None:
    bench = Bench()
    bench.appends(range(20))
    assert bench.commits()
    bench.journal.snapshot()
    bench.append(20)
    assert bench.commits()
    again = bench.after_power_cut()
    assert again.numbers == list(range(21))
    assert len(again.past.records) == 1


@pytest.mark.parametrize("kind", ["create", "write", "sync", "rename"])
def test_a_snapshot_that_fails_leaves_the_one_before(kind: str) -> None:
    bench = Bench()
    bench.appends(range(3))
    assert bench.commits()

    def fail(what: str, name: str) -> None:
        if what == kind and name.startswith(SNAPSHOT):
            raise OSError(errno.EIO, "the disk fails")

    bench.disk.fail = fail
    bench.journal.snapshot()
    bench.appends([3])
    assert not bench.commits()
    assert bench.trouble() == "the journal cannot be written: the disk fails"
    bench.disk.fail = lambda what, name: None
    assert bench.commits()
    assert bench.trouble() is None
    assert bench.after_power_cut().numbers == [0, 1, 2, 3]


def test_the_snapshot_before_is_used_when_the_latest_is_damaged() -> None:
    bench = Bench()
    for number in range(3):
        bench.append(number)
        bench.journal.snapshot()
        assert bench.commits()
    newest = files(bench.disk, SNAPSHOT)[-1][1]
    bench.disk.contents[newest][30] ^= 1
    assert bench.after_power_cut().numbers == [0, 1, 2]


@pytest.mark.parametrize("kind", ["create", "write", "sync"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_for_a_while_costs_nothing(kind: str, error: int) -> None:
    bench = Bench(limits=Limits(segment_bytes=1))
    bench.appends([0])
    assert bench.commits()
    bench.disk.fail = raises(error, kind)
    for number in (1, 2, 3):
        bench.append(number)
        assert not bench.commits()
    assert bench.trouble() is not None
    bench.disk.fail = lambda what, name: None
    bench.append(4)
    assert bench.commits()
    assert bench.trouble() is None
    assert bench.journal.writer.lost == 0
    assert bench.after_power_cut().numbers == [0, 1, 2, 3, 4]


def test_a_disk_that_fills_up_in_the_middle_of_a_write_costs_nothing() -> None:
    for room in range(0, 400, 7):
        bench = Bench()
        assert bench.commits()
        bench.disk.room = room
        for number in range(4):
            bench.append(number)
            bench.journal.writer.commit()
        assert bench.trouble() is not None
        bench.disk.room = None
        assert bench.commits()
        assert bench.after_power_cut().numbers == [0, 1, 2, 3]


def test_beyond_its_memory_decisions_are_counted_as_lost_and_a_snapshot_heals_the_state() -> None:
    bench = Bench()
    bench.appends([0])
    assert bench.commits()
    bench.disk.room = 0
    bench.appends(range(1, 40))
    bench.commits()
    assert bench.trouble() is not None
    writer = bench.journal.writer
    assert writer.has_lost
    assert writer.lost > 0
    assert writer.pending == 0
    assert bench.after_power_cut().numbers == [0]
    bench.disk.room = None
    bench.journal.snapshot()
    bench.append(40)
    assert bench.commits()
    assert bench.trouble() is None
    assert bench.after_power_cut().numbers == list(range(41))


def test_a_healing_snapshot_that_fails_is_asked_for_again() -> None:
    bench = Bench()
    bench.disk.room = 0
    bench.appends(range(40))
    assert bench.journal.writer.has_lost
    for number in (40, 41):
        bench.journal.snapshot()
        assert not bench.commits()
        bench.append(number)
        assert bench.journal.writer.has_lost
    bench.disk.room = None
    bench.journal.snapshot()
    assert bench.commits()
    assert bench.after_power_cut().numbers == bench.numbers


def test_damage_in_the_middle_is_said_and_what_was_before_it_is_used() -> None:
    bench = Bench(limits=Limits())
    bench.appends(range(6))
    assert bench.commits()
    segment = files(bench.disk, EVENTS)[-1][1]
    bench.disk.contents[segment][16 + 16 + 30] ^= 1  # in the first record
    again = bench.after_power_cut()
    assert again.numbers == []
    assert "damaged" in again.past.trouble
    again.append(7)
    assert again.commits()
    third = again.after_power_cut()
    assert (third.numbers, third.past.trouble) == ([7], "")
    assert segment in third.disk.contents, "what is damaged is kept for whoever wants to look"


def test_files_are_bounded_by_age_and_by_size_but_never_before_a_snapshot() -> None:
    limits = Limits(segment_bytes=400, most_bytes=5000, keep=timedelta(hours=1))
    bench = Bench(limits=limits)
    for number in range(200):
        bench.append(number)
        assert bench.commits()
    assert sum(bench.disk.size(name) for _, name in files(bench.disk, EVENTS)) > 5000, "no snapshot yet"
    for number in range(200, 203):
        bench.journal.snapshot()
        bench.append(number)
        assert bench.commits()
    assert sum(bench.disk.size(name) for _, name in files(bench.disk, EVENTS)) <= 5000 + 600
    assert len(files(bench.disk, SNAPSHOT)) == SNAPSHOTS_KEPT
    bench.clock.move(START + timedelta(hours=2))
    for number in range(203, 206):
        bench.journal.snapshot()
        bench.append(number)
        assert bench.commits()
    assert len(files(bench.disk, EVENTS)) <= 4
    assert bench.after_power_cut().numbers == list(range(206))


def test_a_day_of_events_is_kept_though_no_restart_needs_it() -> None:
    bench = Bench()
    for number in range(50):
        bench.append(number)
        if number % 10 == 9:
            bench.journal.snapshot()
        assert bench.commits()
    assert len(list(kept_records(bench.disk))) == 50


def test_the_desks_wishes_are_given_back_until_they_are_taken() -> None:
    bench = Bench(limits=Limits())
    wishes: list[DeskWish] = [record("1.1"), commit("1.1"), record("2.1"), commit("2.1")]
    for number, wish in enumerate(wishes):
        bench.append(number, wish)
    assert bench.commits()
    assert list(bench.after_power_cut().past.owed) == wishes
    bench.journal.took(2)
    assert bench.commits()
    again = bench.after_power_cut()
    assert list(again.past.owed) == wishes[2:]
    again.journal.took(1)
    again.journal.snapshot()
    again.append(9, record("3.1"))
    assert again.commits()
    assert list(again.after_power_cut().past.owed) == [wishes[3], record("3.1")]


def test_a_snapshot_of_a_newer_version_says_so() -> None:
    bench = Bench()
    bench.append(1)
    assert bench.commits()
    name = files(bench.disk, SNAPSHOT)[-1][1]
    bench.disk.contents[name][9] = 99
    bench.disk.certain[name] = len(bench.disk.contents[name])
    with pytest.raises(JournalVersionError):
        FileJournal(bench.disk.after_kill(), bench.clock).load()


def test_without_anything_there_is_no_past() -> None:
    assert Bench().past.is_empty
