"""Segments and recordings, built: `build_records` on any ports, `open_records` on the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from acd.adapters.asterisk.ami import AmiLink
from acd.adapters.asterisk.recorder import AmiRecorder
from acd.adapters.recordings import FolderShelf
from acd.adapters.store.audit import SqlAuditLog
from acd.adapters.store.records import SqlRecordingStore, SqlSegmentStore
from acd.domain import effects as fx
from acd.domain.segments import SegmentBook
from acd.service.audit import AuditLog, Deed, audited
from acd.service.dispatcher import Dispatcher
from acd.service.memory import Memory
from acd.service.ports import Clock
from acd.service.record_writer import RecordWriter
from acd.service.recordings import Patience, RecordingRules, Recordings, RecordingServices
from acd.service.records import Recorder, Recording, RecordingShelf, RecordingStore, SegmentStore
from acd.service.tasks import BackgroundTasks
from acd.settings import Settings
from acd.site import LiveSite
from acd.web.record_access import RecordAccess
from ticketing.api import Database

log = structlog.get_logger(__name__)

PATIENCE = Patience()
DRAIN_LIMIT = timedelta(seconds=5)  # at the end, for what is not yet written


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPorts:
    clock: Clock
    tasks: BackgroundTasks
    segments: SegmentStore
    store: RecordingStore
    shelf: RecordingShelf
    recorder: Recorder
    rules: Callable[[], RecordingRules]
    note_listening: Callable[[str, Recording], Awaitable[None]]
    patience: Patience = PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    book: SegmentBook
    writer: RecordWriter
    recordings: Recordings
    access: RecordAccess  # for the web


def build_records(dispatcher: Dispatcher, ports: RecordPorts, memory: Memory | None = None) -> Records:
    """Wire it. What was under way before a restart is known again from `memory`.

    Nothing runs yet but what the caller starts: `writer.run()`, `recordings.keep_order()`.
    """
    book = SegmentBook()
    writer = RecordWriter(book, ports.segments, ports.store, ports.clock)
    if memory is not None:
        memory.join("segments", writer)
    recordings = Recordings(
        RecordingServices(
            submit=dispatcher.submit,
            state=dispatcher.state,
            clock=ports.clock,
            tasks=ports.tasks,
            recorder=ports.recorder,
            shelf=ports.shelf,
            store=ports.store,
            writer=writer,
            rules=ports.rules,
            patience=ports.patience,
        )
    )
    dispatcher.add_listener(writer.hear)
    dispatcher.carry_out(fx.StartRecording, recordings.start)
    dispatcher.carry_out(fx.PauseRecording, recordings.pause)
    dispatcher.carry_out(fx.StopRecording, recordings.stop)
    dispatcher.carry_out(fx.FindRecording, recordings.find)
    access = RecordAccess(
        book=book,
        segments=ports.segments,
        store=ports.store,
        path_of=ports.shelf.path_of,
        note_listening=ports.note_listening,
    )
    return Records(book=book, writer=writer, recordings=recordings, access=access)


def recording_rules(settings: Settings) -> RecordingRules:
    keep_of = {
        name: timedelta(days=queue.recording.keep_days)
        for name, queue in settings.queues.items()
        if queue.recording.keep_days is not None
    }
    return RecordingRules(
        min_free_bytes=settings.recording.min_free_mb * 1_000_000,
        keep=timedelta(days=settings.recording.keep_days),
        keep_of=keep_of,
    )


def noted_by(audit: AuditLog, clock: Clock) -> Callable[[str, Recording], Awaitable[None]]:
    async def note(login: str, recording: Recording) -> None:
        deed = Deed(
            who=login,
            action="recording.listen",
            subject=recording.recording_id,
            details={"call_id": recording.call_id, "queue": recording.queue, "agent_id": recording.agent_id or ""},
        )
        async with audited(audit, deed, clock.now()):
            pass  # written before the first byte goes out

    return note


@asynccontextmanager
async def open_records(
    live: LiveSite,
    *,
    dispatcher: Dispatcher,
    memory: Memory,
    database: Database,
    link: AmiLink,
    clock: Clock,
    tasks: BackgroundTasks,
) -> AsyncIterator[Records]:
    """On real adapters. At the end, what is not written yet is written, as far as time allows. `database`: with the
    tables of SqlUserDirectory, which brings all of acd's up to date."""
    settings = live.site.settings
    folder = settings.recordings_dir
    records = build_records(
        dispatcher,
        RecordPorts(
            clock=clock,
            tasks=tasks,
            segments=SqlSegmentStore(database),
            store=SqlRecordingStore(database),
            shelf=FolderShelf(folder),
            recorder=AmiRecorder(link, settings.recording.asterisk_folder or folder.absolute()),
            rules=lambda: recording_rules(live.site.settings),
            note_listening=noted_by(SqlAuditLog(database), clock),
        ),
        memory,
    )
    tasks.start(records.writer.run(), "record_writer")
    tasks.start(records.recordings.keep_order(), "recordings")
    try:
        yield records
    finally:
        try:
            async with asyncio.timeout(DRAIN_LIMIT.total_seconds()):
                await records.writer.drain()
        except TimeoutError:
            log.critical("segments_not_written", pending=len(records.writer))
