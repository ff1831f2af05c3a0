"""The journals a site asks for: one on its disk, and a stream for others to follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from acd.adapters.bus.disk import FolderDisk, JournalLockedError
from acd.adapters.bus.file_journal import FileJournal
from acd.adapters.bus.journal_writer import Limits
from acd.domain.events import Event
from acd.domain.journal_format import DeskWish
from acd.service.memory import Past
from acd.service.ports import Clock, Journal
from acd.service.tasks import BackgroundTasks
from acd.settings import Settings

log = structlog.get_logger(__name__)

PATIENCE: Final = timedelta(seconds=15)  # for the service before this one, that writes its last words
_LOOK: Final = timedelta(milliseconds=50)


class KeptJournal:
    """The journal this service goes on from, and what it has to say for itself; none at all by setting."""

    def __init__(self, journal: FileJournal | None, past: Past) -> None:
        self.journal = journal
        self.past = past

    def begin(self, picture: Callable[[], Iterator[bytes]], tasks: BackgroundTasks) -> None:
        if self.journal is not None:
            self.journal.begin(picture)
            tasks.start(self.journal.run(), "journal_snapshots")

    @property
    def trouble(self) -> str | None:
        return self.journal.trouble if self.journal is not None else None

    def figures(self) -> dict[str, float]:
        """For /metrics."""
        if self.journal is None:
            return {}
        writer = self.journal.writer
        return {
            "guichet_journal_pending": float(writer.pending),
            "guichet_journal_lost_decisions": float(writer.lost),
            "guichet_journal_slowest_commit_seconds": writer.slowest_commit,
            "guichet_journal_damaged_at_start": float(bool(self.journal.damage)),
        }


@asynccontextmanager
async def open_kept_journal(settings: Settings, clock: Clock) -> AsyncIterator[KeptJournal]:
    """As the settings ask for it. Raises as `open_file_journal`."""
    if not settings.journal.on_disk:
        yield KeptJournal(None, Past())
        return
    limits = Limits(
        most_bytes=settings.journal.most_megabytes * 1024 * 1024,
        keep=timedelta(hours=settings.journal.keep_hours),
    )
    async with open_file_journal(settings.journal_folder, clock, limits) as (journal, past):
        yield KeptJournal(journal, past)


@asynccontextmanager
async def open_file_journal(
    folder: Path, clock: Clock, limits: Limits | None = None
) -> AsyncIterator[tuple[FileJournal, Past]]:
    """Locked and read, not yet written: see `FileJournal.begin`. What is pending at the end is written.

    Raises JournalError and its kinds; nothing has been touched then.
    """
    disk = FolderDisk(folder)
    await _lock(disk)
    try:
        journal = FileJournal(disk, clock, limits)
        past = await asyncio.to_thread(journal.load)
        try:
            yield journal, past
        finally:
            await asyncio.to_thread(journal.close)
    finally:
        disk.unlock()


async def _lock(disk: FolderDisk) -> None:
    """A service that was told to stop may still be at it."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE.total_seconds()
    is_first = True
    while True:
        try:
            disk.lock()
        except JournalLockedError as error:
            if loop.time() >= until:
                raise
            if is_first:
                log.warning("journal_in_use", hint="waiting for the other one to end", error=str(error))
                is_first = False
            await asyncio.sleep(_LOOK.total_seconds())
        else:
            return


class BothJournals(Journal):
    """One to go on from, which alone is read, and one for others to follow."""

    def __init__(self, kept: Journal, published: Journal) -> None:
        self._kept = kept
        self._published = published

    def append(self, events: Sequence[Event], wishes: Sequence[DeskWish] = ()) -> None:
        self._kept.append(events, wishes)
        self._published.append(events)

    def took(self, count: int) -> None:
        self._kept.took(count)

    @property
    def trouble(self) -> str | None:
        """Of the stream; the other one speaks for itself."""
        return getattr(self._published, "trouble", None)

    async def read(self, after: str = "", limit: int = 1000) -> list[tuple[str, Event]]:
        return await self._kept.read(after, limit)

    async def flush(self) -> None:
        await self._kept.flush()
        await self._published.flush()
