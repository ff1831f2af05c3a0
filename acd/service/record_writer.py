"""Segments and recordings are written behind the calls: gathered, the latest picture of each, tried again until taken.

No call waits for it. What cannot be kept while the database is away is dropped, oldest first, and said loudly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

import msgspec
import structlog
from msgspec import Raw, Struct

from acd.domain.events import Event
from acd.domain.ids import AgentId, CallId, RecordingId
from acd.domain.segments import AgentSegment, BookPicture, SegmentBook, Timeline
from acd.service.ports import Clock
from acd.service.records import Recording, RecordingStore, RecordsUnavailableError, SegmentStore

K = TypeVar("K")
V = TypeVar("V")

log = structlog.get_logger(__name__)

GATHER = timedelta(milliseconds=250)
FIRST_RETRY = timedelta(seconds=0.5)
LAST_RETRY = timedelta(seconds=30)
MOST_PENDING = 50_000  # of each kind
BATCH = 200


class RecordsPicture(Struct, frozen=True, kw_only=True):
    """All that a restart must know again."""

    book: BookPicture
    calls: tuple[Timeline, ...]  # not yet written
    shifts: tuple[AgentSegment, ...]


class RecordWriter:
    """A listener of the dispatcher. `run` writes until cancelled; `drain` waits until all is written."""

    def __init__(self, book: SegmentBook, segments: SegmentStore, recordings: RecordingStore, clock: Clock) -> None:
        self._book = book
        self._segments = segments
        self._recordings = recordings
        self._clock = clock
        self._calls: dict[CallId, Timeline] = {}
        self._shifts: dict[tuple[AgentId, object, int], AgentSegment] = {}
        self._saved: dict[RecordingId, Recording] = {}
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.dropped = 0
        self.trouble: str | None = None  # why nothing can be written, for /readyz

    def __len__(self) -> int:
        return len(self._calls) + len(self._shifts) + len(self._saved)

    def hear(self, events: Sequence[Event]) -> None:
        self._book.hear(events)
        calls, shifts = self._book.take_changed()
        for timeline in calls:
            self._calls[timeline.call_id] = timeline
        for shift in shifts:
            self._shifts[shift.agent_id, shift.shift_at, shift.position] = shift
        if calls or shifts:
            self._changed()

    def picture(self) -> Iterator[RecordsPicture]:
        yield RecordsPicture(
            book=self._book.picture(), calls=tuple(self._calls.values()), shifts=tuple(self._shifts.values())
        )

    def restore(self, pieces: Sequence[Raw]) -> None:
        picture = msgspec.json.decode(pieces[0], type=RecordsPicture)
        self._book.restore(picture.book)
        for timeline in picture.calls:
            self._calls[timeline.call_id] = timeline
        for shift in picture.shifts:
            self._shifts[shift.agent_id, shift.shift_at, shift.position] = shift
        if self._calls or self._shifts:
            self._changed()

    def save(self, recording: Recording) -> None:
        self._saved[recording.recording_id] = recording
        self._changed()

    def pending(self, recording_id: RecordingId) -> Recording | None:
        """A picture that is not in the store yet."""
        return self._saved.get(recording_id)

    def _changed(self) -> None:
        for kept in (self._calls, self._shifts, self._saved):
            while len(kept) > MOST_PENDING:
                kept.pop(next(iter(kept)))  # type: ignore[call-overload]  # each by its own kind of key
                self.dropped += 1
                log.critical("record_dropped", dropped=self.dropped)
        self._idle.clear()
        self._wake.set()

    async def run(self) -> None:
        pause = FIRST_RETRY
        is_first = True
        while True:
            try:
                if is_first:
                    await self._close_what_was_left()
                    is_first = False
                await self._wake.wait()
                self._wake.clear()
                await self._gather()
                while len(self):
                    await self._write_some()
                self.trouble = None
                self._idle.set()
                pause = FIRST_RETRY
            except RecordsUnavailableError as error:
                self.trouble = str(error)
                log.warning("records_not_written", pending=len(self), error=str(error))
                self._wake.set()
                await asyncio.sleep(pause.total_seconds())
                pause = min(pause * 2, LAST_RETRY)

    async def drain(self) -> None:
        self._hurry.set()
        await self._idle.wait()

    async def _gather(self) -> None:
        try:
            async with asyncio.timeout(GATHER.total_seconds()):
                await self._hurry.wait()
        except TimeoutError:
            return
        self._hurry.clear()

    async def _close_what_was_left(self) -> None:
        """By a service that was killed: it ends when this one begins, for nobody knows better."""
        if closed := await self._segments.close_open(self._clock.now()):
            log.info("open_segments_closed", count=closed)

    async def _write_some(self) -> None:
        """What changes while it is being written is written again: the picture is compared, not the key."""
        calls = dict(list(self._calls.items())[:BATCH])
        shifts = dict(list(self._shifts.items())[:BATCH])
        saved = dict(list(self._saved.items())[:BATCH])
        if calls or shifts:
            await self._segments.write(list(calls.values()), list(shifts.values()))
            _forget(self._calls, calls)
            _forget(self._shifts, shifts)
        if saved:
            await self._recordings.save(list(saved.values()))
            _forget(self._saved, saved)


def _forget(kept: dict[K, V], written: dict[K, V]) -> None:
    for key, picture in written.items():
        if kept.get(key) is picture:
            del kept[key]
