"""Recordings: begun, paused and ended as the engine wishes, and each file accounted for until its days are over.

The switch writes the file; this part asks for it, looks that it comes about, measures it when it is closed, and finds
again what a service that was killed left behind. Nothing here can hold up a call: where the disk is full or the switch
refuses, the call goes on, and supervisors are told (event RecordingFailed).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from acd.domain import commands as cmd
from acd.domain import effects as fx
from acd.domain.call import CallStage
from acd.domain.ids import CallId, RecordingId
from acd.domain.queue import RecordingMode
from acd.domain.state import State
from acd.service.ports import Clock, TelephonyError
from acd.service.record_writer import RecordWriter
from acd.service.records import (
    FileFacts,
    Recorder,
    Recording,
    RecordingShelf,
    RecordingState,
    RecordingStore,
    RecordsUnavailableError,
    ShelfError,
)
from acd.service.tasks import BackgroundTasks

log = structlog.get_logger(__name__)

SWEEP_EVERY = timedelta(minutes=1)
RETENTION_EVERY = timedelta(hours=1)
QUIET = timedelta(seconds=30)  # a file nobody has written to for so long, of a call nobody knows, is over
_NAME = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9]{2}/(rec_[A-Za-z0-9._-]+_[0-9]{1,6})\.wav")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRules:
    """`keep`: of all queues but those in `keep_of`."""

    min_free_bytes: int
    keep: timedelta
    keep_of: Mapping[str, timedelta]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """With files that another program writes."""

    file_appears: timedelta = timedelta(seconds=3)  # after the switch said yes
    file_closes: timedelta = timedelta(seconds=10)  # after the end; then it is taken as it is
    look_every: timedelta = timedelta(milliseconds=200)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingServices:
    submit: Callable[[cmd.Command], None]
    state: State
    clock: Clock
    tasks: BackgroundTasks
    recorder: Recorder
    shelf: RecordingShelf
    store: RecordingStore
    writer: RecordWriter
    rules: Callable[[], RecordingRules]  # as they are now
    patience: Patience


def file_name(recording_id: RecordingId, at: datetime) -> str:
    """Nothing of the caller is in it: folders by day, and the call's own number."""
    return f"{at:%Y/%m/%d}/{re.sub(r'[^A-Za-z0-9._-]', '_', recording_id)}.wav"


class Recordings:
    """Handlers of the engine's effects return at once; what they begin is done in order for each recording."""

    def __init__(self, services: RecordingServices) -> None:
        self._of = services
        self._running: dict[RecordingId, Recording] = {}
        self._turns: dict[RecordingId, asyncio.Lock] = {}
        self.failures = 0

    # the engine's wishes -------------------------------------------------------------------------------------

    def start(self, wish: fx.StartRecording) -> None:
        if wish.recording_id not in self._running:
            now = self._of.clock.now()
            self._running[wish.recording_id] = recording = Recording(
                recording_id=wish.recording_id,
                call_id=wish.call_id,
                name=file_name(wish.recording_id, now),
                mode=wish.mode,
                queue=wish.queue,
                agent_id=wish.agent_id,
                state=RecordingState.RECORDING,
                started_at=now,
            )
            self._of.tasks.start(self._start(recording, wish.linkedid), "start_recording")

    def pause(self, wish: fx.PauseRecording) -> None:
        self._of.tasks.start(self._pause(wish), "pause_recording")

    def stop(self, wish: fx.StopRecording) -> None:
        self._of.tasks.start(self._stop(wish), "stop_recording")

    def find(self, wish: fx.FindRecording) -> None:
        self._of.tasks.start(self._find(wish.call_id), "find_recording")

    # starting ------------------------------------------------------------------------------------------------

    async def _start(self, recording: Recording, linkedid: str) -> None:
        async with self._turn(recording.recording_id):
            cause = await self._trouble_with(recording, linkedid)
            if cause is not None:
                self._running.pop(recording.recording_id, None)
                self._fail(recording.call_id, recording.recording_id, cause)
                return
            self._of.writer.save(recording)
        self._of.submit(
            cmd.ReportRecordingStarted(
                call_id=recording.call_id, recording_id=recording.recording_id, mode=recording.mode
            )
        )
        if recording.call_id not in self._of.state.calls:  # it ended meanwhile, and its channel's recording with it
            gone = fx.StopRecording(
                call_id=recording.call_id, recording_id=recording.recording_id, linkedid=linkedid, is_gone=True
            )
            await self._stop(gone)

    async def _trouble_with(self, recording: Recording, linkedid: str) -> str | None:
        """Start it; the cause when it did not come about. The switch says yes before it opens the file."""
        try:
            if await self._of.shelf.free_bytes() < self._of.rules().min_free_bytes:
                return "disk_full"
            await self._of.shelf.prepare(recording.name)
            await self._of.recorder.start(linkedid, recording.name)
            if await self._look_for(recording.name, self._of.patience.file_appears, lambda _: True) is None:
                return "no_file"
        except ShelfError as error:
            log.warning("recording_folder_failed", error=str(error))
            return "no_file"
        except TelephonyError as error:
            log.warning("recording_refused", call_id=recording.call_id, error=str(error))
            return "refused"
        return None

    def _fail(self, call_id: CallId, recording_id: RecordingId, cause: str) -> None:
        self.failures += 1
        log.error("recording_failed", call_id=call_id, recording_id=recording_id, cause=cause)
        self._of.submit(cmd.ReportRecordingFailed(call_id=call_id, recording_id=recording_id, cause=cause))

    # pausing -------------------------------------------------------------------------------------------------

    async def _pause(self, wish: fx.PauseRecording) -> None:
        async with self._turn(wish.recording_id):
            try:
                await self._of.recorder.pause(wish.linkedid, is_paused=wish.is_paused)
            except TelephonyError as error:
                log.warning("recording_not_paused", call_id=wish.call_id, error=str(error))
                self._fail(wish.call_id, wish.recording_id, "not_paused" if wish.is_paused else "not_resumed")
                return
            if (running := self._running.get(wish.recording_id)) is not None:
                self._running[wish.recording_id] = changed = replace(running, is_paused=wish.is_paused)
                self._of.writer.save(changed)
        self._of.submit(
            cmd.ReportRecordingPaused(call_id=wish.call_id, recording_id=wish.recording_id, is_paused=wish.is_paused)
        )

    # ending --------------------------------------------------------------------------------------------------

    async def _stop(self, wish: fx.StopRecording) -> None:
        async with self._turn(wish.recording_id):
            if not wish.is_gone:
                try:
                    await self._of.recorder.stop(wish.linkedid)
                except TelephonyError as error:
                    log.warning("recording_not_stopped", call_id=wish.call_id, error=str(error))
            recording = self._running.pop(wish.recording_id, None) or await self._known(wish.recording_id)
            if recording is not None:
                await self._account_for(recording)
        self._turns.pop(wish.recording_id, None)

    async def _account_for(self, recording: Recording) -> None:
        """Wait until the file is closed, and write down what it is."""
        try:
            facts = await self._look_for(recording.name, self._of.patience.file_closes, lambda found: found.is_complete)
            facts = facts or await self._of.shelf.facts(recording.name)
            if facts is None:
                self._missing(recording)
                return
            checksum = await self._of.shelf.sha256(recording.name)
        except ShelfError as error:
            log.error("recording_not_measured", recording_id=recording.recording_id, error=str(error))  # noqa: TRY400
            return  # the next sweep tries again
        self._of.writer.save(
            replace(
                recording,
                state=RecordingState.DONE,
                is_paused=False,
                ended_at=recording.ended_at or self._of.clock.now(),
                size=facts.size,
                seconds=facts.seconds,
                sha256=checksum,
                problem="" if facts.is_complete else "the file was not closed: its end may be missing",
            )
        )

    def _missing(self, recording: Recording) -> None:
        problem = "the file is not there"
        missing = replace(
            recording,
            state=RecordingState.MISSING,
            ended_at=recording.ended_at or self._of.clock.now(),
            problem=problem,
        )
        self._of.writer.save(missing)
        self._fail(recording.call_id, recording.recording_id, "no_file")

    # after a restart -----------------------------------------------------------------------------------------

    async def _find(self, call_id: CallId) -> None:
        """A talk was found under way: is it recorded? The engine is told, so that it can be paused and ended."""
        try:
            known = [each for each in await self._of.store.of_call(call_id) if each.state is RecordingState.RECORDING]
            if not known or await self._of.shelf.facts(known[-1].name) is None:
                return
        except (RecordsUnavailableError, ShelfError) as error:
            log.warning("recording_not_looked_for", call_id=call_id, error=str(error))
            return
        recording = known[-1]
        self._running[recording.recording_id] = recording
        self._of.submit(
            cmd.ReportRecordingStarted(
                call_id=call_id,
                recording_id=recording.recording_id,
                mode=recording.mode,
                is_paused=recording.is_paused,
            )
        )

    async def keep_order(self) -> None:
        """Until cancelled: account for what was left behind, and delete what is old."""
        retention_at = self._of.clock.now()
        while True:
            await self.sweep()
            if self._of.clock.now() >= retention_at:
                await self.delete_old()
                retention_at = self._of.clock.now() + RETENTION_EVERY
            await asyncio.sleep(SWEEP_EVERY.total_seconds())

    async def sweep(self) -> None:
        """Files and rows that a service left behind: of calls nobody knows any more, not written to for a while."""
        try:
            names = [name for name in await self._of.shelf.names() if _NAME.fullmatch(name)]
            known = await self._of.store.known(names)
            for name in names:
                if name not in known:
                    await self._adopt_file(name)
            for recording in await self._of.store.open():
                if recording.recording_id not in self._running and not self._is_live(recording.call_id):
                    await self._settle(recording)
        except (RecordsUnavailableError, ShelfError) as error:
            log.warning("recordings_not_swept", error=str(error))

    async def _adopt_file(self, name: str) -> None:
        """A file without a row: the service was killed before it could write one."""
        found = _NAME.fullmatch(name)
        facts = await self._of.shelf.facts(name)
        if found is None or facts is None:
            return
        recording_id = RecordingId(found[1])
        call_id = CallId(f"call_{recording_id.removeprefix('rec_').rpartition('_')[0]}")
        is_ours = recording_id in self._running or self._of.writer.pending(recording_id) is not None
        if is_ours or self._is_live(call_id) or self._may_grow(facts):
            return
        log.warning("recording_found", recording_id=recording_id)
        await self._account_for(
            Recording(
                recording_id=recording_id,
                call_id=call_id,
                name=name,
                mode=RecordingMode.ALWAYS,
                queue="",
                agent_id=None,
                state=RecordingState.RECORDING,
                started_at=facts.changed_at - timedelta(seconds=facts.seconds),
                ended_at=facts.changed_at,
            )
        )

    async def _settle(self, recording: Recording) -> None:
        facts = await self._of.shelf.facts(recording.name)
        if facts is not None and self._may_grow(facts):
            return
        log.warning("recording_settled", recording_id=recording.recording_id)
        await self._account_for(replace(recording, ended_at=facts.changed_at if facts else None))

    async def delete_old(self) -> None:
        rules, now = self._of.rules(), self._of.clock.now()
        limits = {queue: now - keep for queue, keep in rules.keep_of.items()}
        try:
            for recording in await self._of.store.overdue(limits, now - rules.keep):
                was_there = await self._of.shelf.delete(recording.name)
                log.info("recording_deleted", recording_id=recording.recording_id, was_there=was_there)
                self._of.writer.save(replace(recording, state=RecordingState.DELETED, deleted_at=now))
        except (RecordsUnavailableError, ShelfError) as error:
            log.warning("recordings_not_deleted", error=str(error))

    # tools ---------------------------------------------------------------------------------------------------

    def _turn(self, recording_id: RecordingId) -> asyncio.Lock:
        return self._turns.setdefault(recording_id, asyncio.Lock())

    def _may_grow(self, facts: FileFacts) -> bool:
        """Asterisk tells the length when it closes the file. One that was never closed is over when it is quiet."""
        return not facts.is_complete and self._of.clock.now() - facts.changed_at < QUIET

    def _is_live(self, call_id: CallId) -> bool:
        call = self._of.state.calls.get(call_id)
        return call is not None and call.stage is not CallStage.ENDED

    async def _known(self, recording_id: RecordingId) -> Recording | None:
        try:
            return self._of.writer.pending(recording_id) or await self._of.store.find(recording_id)
        except RecordsUnavailableError:
            return None  # the sweep finds it

    async def _look_for(self, name: str, limit: timedelta, is_right: Callable[[FileFacts], bool]) -> FileFacts | None:
        """The file, once it is there and right; None when it was not within the limit."""
        try:
            async with asyncio.timeout(limit.total_seconds()):
                while True:
                    facts = await self._of.shelf.facts(name)
                    if facts is not None and is_right(facts):
                        return facts
                    await asyncio.sleep(self._of.patience.look_every.total_seconds())
        except TimeoutError:
            return None
