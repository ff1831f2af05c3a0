"""The journal on this machine's disk: what a service needs to go on after it died.

A decision is kept whole, its events and what it asks of the desk: so the journal is the desk's outbox too. `append`
puts it into memory and returns; a thread of its own writes (see `acd.adapters.bus.journal_writer`), at once to the
file, within 20 ms to the disk for certain.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import chain, islice
from typing import Final

import msgspec
import structlog

from acd.adapters.bus.disk import Disk
from acd.adapters.bus.journal_files import (
    SNAPSHOT,
    Findings,
    files,
    kept_records,
    snapshot_parts,
)
from acd.adapters.bus.journal_writer import RETRY, JournalWriter, Limits
from acd.domain.events import Event
from acd.domain.journal_format import DeskWish, Record, decode_wishes, encode_record
from acd.service.memory import Part, Past
from acd.service.ports import Clock, Journal

log = structlog.get_logger(__name__)

OWED: Final = "owed"  # the part of a snapshot that holds what the desk has not taken
SNAPSHOT_EVERY: Final = timedelta(seconds=60)
MOST_RECORDS: Final = 20_000  # between two snapshots: the time a restart may spend on replaying them
_PIECE = 50  # wishes in one frame
_AFTER_DAMAGE = 1_000_000  # serials left out, so that no new file takes the place of a damaged one


class FileJournal(Journal):
    def __init__(self, disk: Disk, clock: Clock, limits: Limits | None = None) -> None:
        """The disk is this process's alone (see `FolderDisk.lock`)."""
        self._disk = disk
        self._clock = clock
        self._limits = limits or Limits()
        self._owed: deque[DeskWish] = deque()
        self._picture: Callable[[], Iterator[bytes]] = lambda: iter(())
        self._snapshot_serial = 0
        self._writer = JournalWriter(disk, 0, self._limits, seconds=self._seconds, tell=self._written)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._damage = ""

    # at the start --------------------------------------------------------------------------------------------

    def load(self) -> Past:
        """What is there, read and understood as a whole; nothing on the disk is touched. Raises JournalError,
        JournalVersionError."""
        findings = Findings()
        serial, parts = self._latest_snapshot()
        records: list[Record] = []
        last = serial
        owed: deque[DeskWish] = deque()
        for part in parts:
            if part.part == OWED:
                owed.extend(decode_wishes(part.data))
        for found, record in kept_records(self._disk, serial, findings):
            last = max(last, found)
            if findings.gaps or (found > 1 and not serial and not records):
                continue  # something before it is missing: what happened then cannot be told from what follows
            records.append(record)
            owed.extend(record.wishes)
            for _ in range(min(record.took, len(owed))):
                owed.popleft()
        self._note(findings, is_whole=bool(records) or last == serial)
        self._writer.serial = last + (_AFTER_DAMAGE if self._damage else 0)
        self._writer.certain = self._snapshot_serial = self._writer.serial
        self._owed = owed
        kept = tuple(part for part in parts if part.part != OWED)
        return Past(parts=kept, records=records, owed=tuple(owed), trouble=self._damage)

    def _latest_snapshot(self) -> tuple[int, list[Part]]:
        for serial, name in reversed(files(self._disk, SNAPSHOT)):
            parts = snapshot_parts(self._disk, name, serial)
            if parts is not None:
                return serial, parts
            log.error("journal_snapshot_damaged", file=name)
        return 0, []

    def _note(self, findings: Findings, *, is_whole: bool) -> None:
        for name, size in findings.torn.items():
            log.warning("journal_end_torn", file=name, good_up_to=size)
        if findings.damaged or findings.gaps or not is_whole:
            where = ", ".join(findings.damaged) or "its beginning is missing"
            self._damage = f"the journal was damaged ({where}): what came after it is not known"
            log.critical("journal_damaged", files=sorted(findings.damaged), gaps=findings.gaps)

    def begin(self, picture: Callable[[], Iterator[bytes]], *, has_thread: bool = True) -> None:
        """Write from now on. `picture`: the whole state in pieces, for snapshots; the first one is taken now."""
        self._picture = picture
        if has_thread:
            self._loop = asyncio.get_running_loop()
            self._writer.start()
        self.snapshot()

    # while it runs -------------------------------------------------------------------------------------------

    @property
    def writer(self) -> JournalWriter:
        return self._writer

    @property
    def trouble(self) -> str | None:
        return self._writer.trouble

    @property
    def damage(self) -> str:
        """What was found damaged at the start; "" for nothing."""
        return self._damage

    def append(self, events: Sequence[Event], wishes: Sequence[DeskWish] = ()) -> None:
        at = events[0].at if events else self._clock.now()
        if not events and not wishes:
            return
        self._owed.extend(wishes)
        self._writer.put(encode_record(Record(at=at, events=tuple(events), wishes=tuple(wishes))))

    def took(self, count: int) -> None:
        for _ in range(min(count, len(self._owed))):
            self._owed.popleft()
        self._writer.put(encode_record(Record(at=self._clock.now(), took=count)))

    def snapshot(self) -> None:
        """Of the state as it is now; written by the thread."""
        owed, pieces = tuple(self._owed), self._picture()
        self._snapshot_serial = self._writer.serial
        self._writer.put_snapshot(chain(pieces, _owed_pieces(owed)))

    async def run(self) -> None:
        """Take snapshots: now and then, and as soon as the disk is back after a failure."""
        waited = timedelta()
        while True:
            await asyncio.sleep(RETRY.total_seconds())
            waited += RETRY
            new = self._writer.serial - self._snapshot_serial
            is_stuck = self._writer.has_lost or (self.trouble is not None and not self._writer.pending)
            if is_stuck or new >= MOST_RECORDS or (new and waited >= SNAPSHOT_EVERY):
                waited = timedelta()
                self.snapshot()

    async def read(self, after: str = "", limit: int = 1000) -> list[tuple[str, Event]]:
        return await asyncio.to_thread(self._read, after, limit)

    def _read(self, after: str, limit: int) -> list[tuple[str, Event]]:
        serial, _, number = after.partition("-")
        past = (int(serial), int(number)) if after else (0, 0)
        events = (
            (f"{found}-{index}", event)
            for found, record in kept_records(self._disk, max(0, past[0] - 1))
            for index, event in enumerate(record.events)
            if not after or (found, index) > past
        )
        return list(islice(events, limit))

    async def flush(self) -> None:
        if self._writer.certain >= self._writer.serial or self._loop is None:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._writer.serial, done))
        await done

    def close(self) -> None:
        """Writes what is left; blocks for that. Afterwards nothing more may be appended."""
        self._writer.stop()

    def _written(self) -> None:
        """Called by the thread."""
        if self._loop is not None and self._waiting and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        still = []
        for serial, done in self._waiting:
            if self._writer.certain < serial:
                still.append((serial, done))
            elif not done.done():
                done.set_result(None)
        self._waiting = still

    def _seconds(self) -> float:
        return self._clock.now().timestamp()


def _owed_pieces(owed: Sequence[DeskWish]) -> Iterator[bytes]:
    for first in range(0, len(owed), _PIECE):
        piece = msgspec.Raw(msgspec.json.encode(owed[first : first + _PIECE]))
        yield msgspec.json.encode(Part(OWED, piece))
