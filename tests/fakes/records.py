"""Stores of records in memory, and a recordings' shelf and recorder without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace as replaced

from acd.domain.ids import AgentId, CallId, RecordingId
from acd.domain.segments import AgentSegment, Segment, SegmentBook, Timeline
from acd.service.ports import TelephonyError
from acd.service.records import (
    FileFacts,
    OutboxEntry,
    Recorder,
    Recording,
    RecordingShelf,
    RecordingState,
    RecordingStore,
    RecordsUnavailableError,
    SegmentStore,
    ShelfError,
    WebhookOutbox,
)
from acd.web.record_access import RecordAccess


class _Away:
    is_away = False

    def _check(self) -> None:
        if self.is_away:
            raise RecordsUnavailableError("away, as the test wishes")


class MemorySegmentStore(_Away, SegmentStore):
    def __init__(self) -> None:
        self.calls: dict[CallId, tuple[Segment, ...]] = {}
        self.shifts: dict[tuple[AgentId, datetime, int], AgentSegment] = {}

    async def write(self, timelines: Sequence[Timeline], shifts: Sequence[AgentSegment]) -> None:
        self._check()
        self.calls |= {timeline.call_id: timeline.segments for timeline in timelines}
        self.shifts |= {(each.agent_id, each.shift_at, each.position): each for each in shifts}

    async def of_call(self, call_id: CallId) -> tuple[Segment, ...]:
        self._check()
        return self.calls.get(call_id, ())

    async def of_agent(self, agent_id: AgentId, since: datetime, until: datetime) -> tuple[AgentSegment, ...]:
        self._check()
        return tuple(
            segment
            for _, segment in sorted(self.shifts.items())
            if segment.agent_id == agent_id
            and segment.begins_at < until
            and (segment.ends_at is None or segment.ends_at > since or segment.begins_at >= since)
        )

    async def close_open(self, at: datetime) -> int:
        self._check()
        closed = 0
        for call_id, segments in self.calls.items():
            closed += sum(segment.ends_at is None for segment in segments)
            self.calls[call_id] = tuple(
                segment if segment.ends_at else replaced(segment, ends_at=max(at, segment.begins_at))
                for segment in segments
            )
        for key, shift in self.shifts.items():
            if shift.ends_at is None:
                closed += 1
                self.shifts[key] = replaced(shift, ends_at=max(at, shift.begins_at))
        return closed


class MemoryRecordingStore(_Away, RecordingStore):
    def __init__(self) -> None:
        self.rows: dict[RecordingId, Recording] = {}

    async def save(self, recordings: Sequence[Recording]) -> None:
        self._check()
        self.rows |= {each.recording_id: each for each in recordings}

    async def find(self, recording_id: RecordingId) -> Recording | None:
        self._check()
        return self.rows.get(recording_id)

    async def of_call(self, call_id: CallId) -> tuple[Recording, ...]:
        return self._sorted(lambda each: each.call_id == call_id)

    async def open(self) -> tuple[Recording, ...]:
        return self._sorted(lambda each: each.state is RecordingState.RECORDING)

    async def known(self, names: Sequence[str]) -> Mapping[str, Recording]:
        return {each.name: each for each in self._sorted(lambda each: each.name in names)}

    async def overdue(
        self, limits: Mapping[str, datetime], default: datetime, limit: int = 500
    ) -> tuple[Recording, ...]:
        found = self._sorted(
            lambda each: (
                each.state is RecordingState.DONE
                and each.ended_at is not None
                and each.ended_at < limits.get(each.queue, default)
            )
        )
        return found[:limit]

    def _sorted(self, wanted: object) -> tuple[Recording, ...]:
        self._check()
        assert callable(wanted)
        rows = [each for each in self.rows.values() if wanted(each)]
        return tuple(sorted(rows, key=lambda each: (each.started_at, each.recording_id)))


class MemoryOutbox(_Away, WebhookOutbox):
    def __init__(self) -> None:
        self.entries: list[OutboxEntry] = []
        self._given = 0

    async def add(self, entries: Sequence[tuple[str, str, bytes]], at: datetime) -> None:
        self._check()
        for target, event_id, body in entries:
            if not any((known.target, known.event_id) == (target, event_id) for known in self.entries):
                self._given += 1
                entry = OutboxEntry(number=self._given, target=target, event_id=event_id, added_at=at, body=body)
                self.entries.append(entry)

    async def oldest(self, target: str, limit: int = 20) -> tuple[OutboxEntry, ...]:
        self._check()
        return tuple(entry for entry in self.entries if entry.target == target)[:limit]

    async def remove(self, numbers: Sequence[int]) -> None:
        self._check()
        self.entries = [entry for entry in self.entries if entry.number not in numbers]

    async def trim(self, target: str, *, added_before: datetime, most: int) -> int:
        self._check()
        mine = [entry for entry in self.entries if entry.target == target]
        kept = [entry for entry in mine if entry.added_at >= added_before][-most:]
        self.entries = [entry for entry in self.entries if entry.target != target or entry in kept]
        return len(mine) - len(kept)

    async def pending(self) -> Mapping[str, int]:
        self._check()
        targets = [entry.target for entry in self.entries]
        return {target: targets.count(target) for target in set(targets)}


@dataclass
class FakeFile:
    size: int
    seconds: float
    changed_at: datetime
    is_complete: bool = True
    sha256: str = "f" * 64

    @property
    def facts(self) -> FileFacts:
        return FileFacts(size=self.size, seconds=self.seconds, is_complete=self.is_complete, changed_at=self.changed_at)


class FakeShelf(RecordingShelf):
    def __init__(self) -> None:
        self.files: dict[str, FakeFile] = {}
        self.folder = Path("/nowhere")  # of the real files a test plays, if any
        self.free = 10**12
        self.is_broken = False

    def path_of(self, name: str) -> Path:
        self._check()
        return self.folder / name

    async def free_bytes(self) -> int:
        self._check()
        return self.free

    async def prepare(self, name: str) -> None:
        self._check()

    async def facts(self, name: str) -> FileFacts | None:
        self._check()
        found = self.files.get(name)
        return found.facts if found else None

    async def sha256(self, name: str) -> str:
        self._check()
        return self.files[name].sha256

    async def delete(self, name: str) -> bool:
        self._check()
        return self.files.pop(name, None) is not None

    async def names(self) -> list[str]:
        self._check()
        return sorted(self.files)

    def _check(self) -> None:
        if self.is_broken:
            raise ShelfError("broken, as the test wishes")


class FakeRecorder(Recorder):
    """Records on a FakeShelf. `done`: what it was asked, in order. `refuses`: what it is to refuse."""

    def __init__(self, shelf: FakeShelf, at: datetime) -> None:
        self._shelf = shelf
        self._at = at
        self.done: list[tuple[str, str]] = []
        self.refuses: set[str] = set()
        self.writes_files = True
        self.channels: set[str] | None = None  # that live; None: all that are named
        self._names: dict[str, str] = {}

    async def start(self, linkedid: str, name: str) -> None:
        self._do("start", linkedid)
        self._check(linkedid)
        self._names[linkedid] = name
        if self.writes_files:
            self._shelf.files[name] = FakeFile(44, 0.0, self._at, is_complete=False)

    async def pause(self, linkedid: str, *, is_paused: bool) -> None:
        self._do("pause" if is_paused else "resume", linkedid)
        self._check(linkedid)

    async def stop(self, linkedid: str) -> None:
        self._do("stop", linkedid)
        self.hang_up(linkedid)

    def hang_up(self, linkedid: str) -> None:
        """The channel ends, and with it the file is closed."""
        name = self._names.pop(linkedid, "")
        if name in self._shelf.files:
            self._shelf.files[name] = replace(self._shelf.files[name], size=16_044, seconds=1.0, is_complete=True)

    def _check(self, linkedid: str) -> None:
        if self.channels is not None and linkedid not in self.channels:
            raise TelephonyError("no such channel")

    def _do(self, what: str, linkedid: str) -> None:
        if what in self.refuses:
            raise TelephonyError(f"{what} refused, as the test wishes")
        self.done.append((what, linkedid))


class FakeRecords:
    """Everything of records that the web layer is given. `heard`: who was noted to listen to what."""

    def __init__(self, at: datetime) -> None:
        self.book = SegmentBook()
        self.segments = MemorySegmentStore()
        self.store = MemoryRecordingStore()
        self.shelf = FakeShelf()
        self.recorder = FakeRecorder(self.shelf, at)
        self.heard: list[tuple[str, RecordingId]] = []
        self.access = RecordAccess(
            book=self.book,
            segments=self.segments,
            store=self.store,
            path_of=self.shelf.path_of,
            note_listening=self._note,
        )

    async def _note(self, login: str, recording: Recording) -> None:
        self.heard.append((login, recording.recording_id))
