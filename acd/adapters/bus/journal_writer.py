"""The thread that writes a journal: decisions in groups, snapshots, new files, and what is old away.

What is pending stays in memory until the disk has it for certain; after a failure it is written once more to a new
file, so a disk that is full or gone for a while costs nothing. Should it be gone for so long that memory runs out,
the rest is not kept, that is counted and said, and writing begins again with a snapshot: the state stays whole, the
day's events have a gap.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, pairwise
from typing import Final

import structlog

from acd.adapters.bus.disk import Disk
from acd.adapters.bus.frames import header, pack
from acd.adapters.bus.journal_files import END, EVENTS, SNAPSHOT, UNFINISHED, files, name_of
from acd.domain.journal_format import VERSION

log = structlog.get_logger(__name__)

GATHER: Final = timedelta(milliseconds=4)  # so long may more decisions join those about to be made certain
RETRY: Final = timedelta(seconds=1)
MOST_PENDING: Final = 64 * 1024 * 1024  # bytes kept in memory while the disk does not take them
SNAPSHOTS_KEPT: Final = 2  # the one before the latest too, should that one be damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    segment_bytes: int = 16 * 1024 * 1024
    most_bytes: int = 2048 * 1024 * 1024  # of all events; what no restart needs goes, the oldest first
    keep: timedelta = timedelta(days=1)
    pending_bytes: int = MOST_PENDING


class JournalWriter:
    """`put` and `put_snapshot` are called by the event loop, all else by the thread, or by a test in its place."""

    def __init__(
        self, disk: Disk, serial: int, limits: Limits, *, seconds: Callable[[], float], tell: Callable[[], None]
    ) -> None:
        """`serial`: the last one given. `seconds`: since 1970. `tell`: called by the thread after each turn."""
        self._disk = disk
        self._limits = limits
        self._seconds = seconds
        self._tell = tell
        self._changed = threading.Condition()
        self._pending: deque[tuple[int, bytes]] = deque()
        self._pending_bytes = 0
        self._written = 0  # of the pending, in the file but not certain
        self._epoch = 0  # goes up when the pending are given up
        self._snapshot: tuple[int, Iterator[bytes]] | None = None
        self._segment: str | None = None
        self._segment_size = 0
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self.serial = serial
        self.certain = serial  # the last serial on the disk for certain
        self.lost = 0  # decisions not kept
        self.has_lost = False  # nothing more is kept before there is a snapshot
        self._must_snapshot = False  # what was kept since is of use with that snapshot only
        self.trouble: str | None = None
        self.commits = 0
        self.snapshots = 0
        self.slowest_commit = 0.0  # seconds, of the latest hundred or so

    # the event loop's side -----------------------------------------------------------------------------------

    def put(self, payload: bytes) -> None:
        self.serial += 1
        frame = pack(self.serial, payload)
        with self._changed:
            if self.has_lost:
                self.lost += 1
                return
            if self._pending_bytes + len(frame) > self._limits.pending_bytes:
                self._give_up_pending()
                self.lost += 1
                return
            self._pending.append((self.serial, frame))
            self._pending_bytes += len(frame)
            self._changed.notify()

    def put_snapshot(self, payloads: Iterator[bytes]) -> None:
        """Of the state as it is now. `payloads` are taken by the thread: what they are made of must not change."""
        with self._changed:
            self._snapshot = (self.serial, payloads)
            self._must_snapshot |= self.has_lost
            self.has_lost = False
            self._changed.notify()

    @property
    def pending(self) -> int:
        return len(self._pending)

    def _give_up_pending(self) -> None:
        self.lost += len(self._pending)
        self.has_lost = True
        self._epoch += 1
        self._pending.clear()
        self._pending_bytes = self._written = 0
        self.trouble = self.trouble or "the journal does not keep up: decisions were not written"
        log.critical("journal_lost_decisions", lost=self.lost)

    # the thread ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when all is written, or the disk does not take it."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self.close()

    def close(self) -> None:
        if self._segment is not None:
            self._disk.close(self._segment)
            self._segment = None

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._pending or self._snapshot or self._is_stopping):
                    self._changed.wait()
            is_good = self.write()
            if is_good and self._is_stopping and not (self._pending or self._snapshot):
                return
            if is_good and not self._is_stopping:
                time.sleep(GATHER.total_seconds())
            is_good = self.commit()
            self._tell()
            if not is_good:
                if self._is_stopping:
                    return
                with self._changed:
                    self._changed.wait_for(lambda: self._is_stopping, RETRY.total_seconds())

    # one turn ------------------------------------------------------------------------------------------------

    def write(self) -> bool:
        """What is pending goes to the file: it outlasts this process, though not the machine. False: it did not."""
        return self._carried_out(self._write)

    def commit(self) -> bool:
        """What is pending goes to the disk for certain, then a snapshot that is asked for. False: it did not."""
        return self._carried_out(self._commit)

    def _carried_out(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except OSError as error:
            self._fail(error)
            return False
        return True

    def _write(self) -> None:
        with self._changed:
            epoch = self._epoch
            frames = list(islice(self._pending, self._written, None))
        if not frames:
            return
        if self._segment is None or self._segment_size >= self._limits.segment_bytes:
            self._new_segment(frames[0][0])
        assert self._segment is not None  # noqa: S101  # just made
        data = b"".join(frame for _, frame in frames)
        self._disk.write(self._segment, data)
        self._segment_size += len(data)
        with self._changed:
            if epoch == self._epoch:
                self._written += len(frames)

    def _commit(self) -> None:
        self._write()
        if self._written and self._segment is not None:
            began = self._seconds()
            self._disk.sync(self._segment)
            self._note(self._seconds() - began)
            with self._changed:
                for _ in range(self._written):
                    self.certain, frame = self._pending.popleft()
                    self._pending_bytes -= len(frame)
                self._written = 0
        if self._snapshot is not None:
            self._write_snapshot(*self._snapshot)
        if self.trouble is not None and not self.has_lost:
            log.warning("journal_writes_again", lost=self.lost)
            self.trouble = None

    def _note(self, seconds: float) -> None:
        self.commits += 1
        self.slowest_commit = max(self.slowest_commit * 0.99, seconds)

    def _new_segment(self, first: int) -> None:
        """In place of one of the same name, if a failure left it: what is in that one is pending still."""
        self.close()
        name = name_of(EVENTS, first)
        self._disk.create(name)
        self._segment, self._segment_size = name, 0
        self._disk.write(name, header(VERSION))

    def _fail(self, error: OSError) -> None:
        if self.trouble is None:
            log.critical("journal_not_written", error=str(error), pending=len(self._pending))
        self.trouble = f"the journal cannot be written: {error.strerror or error}"
        with self._changed:
            self._written = 0
        segment, self._segment = self._segment, None
        if segment is not None:
            try:
                self._disk.close(segment)
            except OSError as worse:
                log.warning("journal_file_not_closed", error=str(worse))

    # snapshots -----------------------------------------------------------------------------------------------

    def _write_snapshot(self, serial: int, payloads: Iterator[bytes]) -> None:
        name = name_of(SNAPSHOT, serial)
        unfinished = name + UNFINISHED
        try:
            self._disk.create(unfinished)
            self._disk.write(unfinished, header(VERSION))
            for number, payload in enumerate(payloads):
                self._disk.write(unfinished, pack(serial + number, payload))
                self._write()  # decisions do not wait for a snapshot
            self._disk.write(unfinished, pack(serial, END))
            self._disk.sync(unfinished)
            self._disk.close(unfinished)
            self._disk.rename(unfinished, name)
        except OSError:
            self._snapshot_failed()
            raise
        finally:
            self._disk.close(unfinished)
        with self._changed:
            self._snapshot, self._must_snapshot = None, False
            self.certain = max(self.certain, serial)
        self.snapshots += 1
        self._clear_away()

    def _snapshot_failed(self) -> None:
        """Its parts are used up: another one is asked for later."""
        with self._changed:
            self._snapshot = None
            if self._must_snapshot:
                self._give_up_pending()

    def _clear_away(self) -> None:
        snapshots = files(self._disk, SNAPSHOT)
        for _, name in snapshots[:-SNAPSHOTS_KEPT]:
            self._disk.remove(name)
        for name in self._disk.names():
            if name.endswith(UNFINISHED):
                self._disk.remove(name)
        needed_from = snapshots[-SNAPSHOTS_KEPT:][0][0] + 1
        segments = files(self._disk, EVENTS)
        total = sum(self._disk.size(name) for _, name in segments)
        oldest = self._seconds() - self._limits.keep.total_seconds()
        for (_, name), (following, _) in pairwise(segments):
            is_old = self._disk.modified_at(name) < oldest
            if following > needed_from or not (is_old or total > self._limits.most_bytes):
                return
            total -= self._disk.size(name)
            self._disk.remove(name)
