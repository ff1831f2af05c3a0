"""Segments, recordings and the webhooks' outbox in the database. Their tables are migrated with the users'."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Table, and_, delete, func, insert, not_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from acd.adapters.store.record_tables import agent_segments, call_segments, recordings, webhook_outbox
from acd.domain.agent import AgentState
from acd.domain.ids import AgentId, CallId, QueueName, RecordingId
from acd.domain.queue import RecordingMode
from acd.domain.segments import AgentSegment, Segment, SegmentKind, Timeline
from acd.service.records import (
    OutboxEntry,
    Recording,
    RecordingState,
    RecordingStore,
    RecordsUnavailableError,
    SegmentStore,
    WebhookOutbox,
)
from ticketing.api import Database, DatabaseError

_MOST_NAMES: Final = 500  # in one question: SQLite takes some thousand values, not more
_SEGMENT_FIELDS: Final = AgentSegment.__struct_fields__
_RECORDING_FIELDS: Final = tuple(field.name for field in fields(Recording))


class _Store:
    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.read() as connection:
                yield connection
        except (DatabaseError, SQLAlchemyError, OSError) as error:
            raise RecordsUnavailableError(f"records cannot be read: {type(error).__name__}") from error

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.write() as connection:
                yield connection
        except (DatabaseError, SQLAlchemyError, OSError) as error:
            raise RecordsUnavailableError(f"records cannot be written: {type(error).__name__}") from error

    def _upsert(self, table: Table) -> Any:
        """INSERT ... ON CONFLICT DO UPDATE of all that is not the key."""
        dialect = sqlite if self._database.is_sqlite else postgresql
        statement = dialect.insert(table)
        keys = [column.name for column in table.primary_key]
        changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
        return statement.on_conflict_do_update(index_elements=keys, set_=changed)


class SqlSegmentStore(_Store, SegmentStore):
    async def write(self, timelines: Sequence[Timeline], shifts: Sequence[AgentSegment]) -> None:
        rows = [
            {
                "call_id": timeline.call_id,
                "position": position,
                "kind": segment.kind,
                "begins_at": segment.begins_at,
                "ends_at": segment.ends_at,
                "queue": segment.queue,
                "agent_id": segment.agent_id,
            }
            for timeline in sorted(timelines, key=lambda timeline: timeline.call_id)  # the order of locks
            for position, segment in enumerate(timeline.segments)
        ]
        async with self._write() as connection:
            if timelines:
                calls = [timeline.call_id for timeline in timelines]
                await connection.execute(delete(call_segments).where(call_segments.c.call_id.in_(calls)))
                if rows:
                    await connection.execute(insert(call_segments), rows)
            if shifts:
                await connection.execute(
                    self._upsert(agent_segments),
                    [{name: getattr(each, name) for name in _SEGMENT_FIELDS} for each in shifts],
                )

    async def of_call(self, call_id: CallId) -> tuple[Segment, ...]:
        wanted = select(call_segments).where(call_segments.c.call_id == call_id).order_by(call_segments.c.position)
        async with self._read() as connection:
            return tuple(
                Segment(
                    kind=SegmentKind(row.kind),
                    begins_at=row.begins_at,
                    ends_at=row.ends_at,
                    queue=QueueName(row.queue) if row.queue else None,
                    agent_id=AgentId(row.agent_id) if row.agent_id else None,
                )
                for row in await connection.execute(wanted)
            )

    async def of_agent(self, agent_id: AgentId, since: datetime, until: datetime) -> tuple[AgentSegment, ...]:
        columns = agent_segments.c
        wanted = (
            select(agent_segments)
            .where(columns.agent_id == agent_id, columns.begins_at < until)
            .where(or_(columns.ends_at.is_(None), columns.ends_at > since, columns.begins_at >= since))
            .order_by(columns.shift_at, columns.position)
        )
        async with self._read() as connection:
            return tuple(
                AgentSegment(
                    **{
                        **{name: getattr(row, name) for name in _SEGMENT_FIELDS},
                        "state": AgentState(row.state),
                    }
                )
                for row in await connection.execute(wanted)
            )

    async def close_open(self, at: datetime) -> int:
        closed = 0
        async with self._write() as connection:
            for table in (call_segments, agent_segments):
                later = update(table).where(table.c.ends_at.is_(None), table.c.begins_at > at)
                closed += (await connection.execute(later.values(ends_at=table.c.begins_at))).rowcount
                rest = update(table).where(table.c.ends_at.is_(None))
                closed += (await connection.execute(rest.values(ends_at=at))).rowcount
        return closed


class SqlRecordingStore(_Store, RecordingStore):
    async def save(self, recordings_: Sequence[Recording]) -> None:
        rows = [{name: getattr(each, name) for name in _RECORDING_FIELDS} for each in recordings_]
        if rows:
            async with self._write() as connection:
                await connection.execute(self._upsert(recordings), rows)

    async def find(self, recording_id: RecordingId) -> Recording | None:
        found = await self._found(recordings.c.recording_id == recording_id)
        return found[0] if found else None

    async def of_call(self, call_id: CallId) -> tuple[Recording, ...]:
        return await self._found(recordings.c.call_id == call_id)

    async def open(self) -> tuple[Recording, ...]:
        return await self._found(recordings.c.state == RecordingState.RECORDING)

    async def known(self, names: Sequence[str]) -> Mapping[str, Recording]:
        found: dict[str, Recording] = {}
        for begin in range(0, len(names), _MOST_NAMES):
            part = names[begin : begin + _MOST_NAMES]
            found |= {each.name: each for each in await self._found(recordings.c.name.in_(part))}
        return found

    async def overdue(
        self, limits: Mapping[str, datetime], default: datetime, limit: int = 500
    ) -> tuple[Recording, ...]:
        queue, ended_at = recordings.c.queue, recordings.c.ended_at
        own = [and_(queue == name, ended_at < instant) for name, instant in limits.items()]
        others = and_(not_(queue.in_(list(limits))), ended_at < default) if limits else ended_at < default
        return await self._found(and_(recordings.c.state == RecordingState.DONE, or_(*own, others)), limit)

    async def _found(self, condition: Any, limit: int | None = None) -> tuple[Recording, ...]:
        order = (recordings.c.started_at, recordings.c.recording_id)
        wanted = select(recordings).where(condition).order_by(*order).limit(limit)
        async with self._read() as connection:
            return tuple(_recording(row) for row in await connection.execute(wanted))


class SqlWebhookOutbox(_Store, WebhookOutbox):
    async def add(self, entries: Sequence[tuple[str, str, bytes]], at: datetime) -> None:
        if not entries:
            return
        dialect = sqlite if self._database.is_sqlite else postgresql
        statement = dialect.insert(webhook_outbox).on_conflict_do_nothing()
        rows = [
            {"target": target, "event_id": event_id, "added_at": at, "body": body} for target, event_id, body in entries
        ]
        async with self._write() as connection:
            await connection.execute(statement, rows)

    async def oldest(self, target: str, limit: int = 20) -> tuple[OutboxEntry, ...]:
        wanted = (
            select(webhook_outbox)
            .where(webhook_outbox.c.target == target)
            .order_by(webhook_outbox.c.number)
            .limit(limit)
        )
        async with self._read() as connection:
            return tuple(
                OutboxEntry(
                    number=row.number,
                    target=row.target,
                    event_id=row.event_id,
                    added_at=row.added_at,
                    body=bytes(row.body),
                )
                for row in await connection.execute(wanted)
            )

    async def remove(self, numbers: Sequence[int]) -> None:
        async with self._write() as connection:
            await connection.execute(delete(webhook_outbox).where(webhook_outbox.c.number.in_(list(numbers))))

    async def trim(self, target: str, *, added_before: datetime, most: int) -> int:
        mine = webhook_outbox.c.target == target
        kept = (
            select(webhook_outbox.c.number).where(mine).order_by(webhook_outbox.c.number.desc()).limit(1).offset(most)
        )
        async with self._write() as connection:
            old = await connection.execute(delete(webhook_outbox).where(mine, webhook_outbox.c.added_at < added_before))
            last_dropped = await connection.scalar(kept)
            if last_dropped is None:
                return old.rowcount
            many = await connection.execute(delete(webhook_outbox).where(mine, webhook_outbox.c.number <= last_dropped))
            return old.rowcount + many.rowcount

    async def pending(self) -> Mapping[str, int]:
        counted = select(webhook_outbox.c.target, func.count()).group_by(webhook_outbox.c.target)
        async with self._read() as connection:
            return {row[0]: row[1] for row in await connection.execute(counted)}


def _recording(row: Any) -> Recording:
    values = {name: getattr(row, name) for name in _RECORDING_FIELDS}
    values |= {"mode": RecordingMode(row.mode), "state": RecordingState(row.state)}
    return Recording(**values)
