"""Tables of segments, recordings and the webhooks' outbox. Changes to them are migrations: see migrations/versions."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Float, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from acd.adapters.store.tables import metadata
from ticketing.api import Serial, UtcInstant

call_segments: Final = Table(
    "call_segments",
    metadata,
    Column("call_id", String(200), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("begins_at", UtcInstant, nullable=False),
    Column("ends_at", UtcInstant),
    Column("queue", String(40)),
    Column("agent_id", String(60)),
    Index("call_segments_by_begin", "begins_at"),
    Index("call_segments_by_end", "ends_at"),
)

agent_segments: Final = Table(
    "agent_segments",
    metadata,
    Column("agent_id", String(60), primary_key=True),
    Column("shift_at", UtcInstant, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("activity", String(16), nullable=False),
    Column("call_id", String(200)),
    Column("begins_at", UtcInstant, nullable=False),
    Column("ends_at", UtcInstant),
    Index("agent_segments_by_begin", "agent_id", "begins_at"),
    Index("agent_segments_by_end", "ends_at"),
)

recordings: Final = Table(
    "recordings",
    metadata,
    Column("recording_id", String(210), primary_key=True),
    Column("call_id", String(200), nullable=False),
    Column("name", String(400), nullable=False, unique=True),
    Column("mode", String(16), nullable=False),
    Column("queue", String(40), nullable=False),
    Column("agent_id", String(60)),
    Column("state", String(16), nullable=False),
    Column("started_at", UtcInstant, nullable=False),
    Column("is_paused", Boolean, nullable=False),
    Column("ended_at", UtcInstant),
    Column("size", Serial),
    Column("seconds", Float),
    Column("sha256", String(64), nullable=False),
    Column("deleted_at", UtcInstant),
    Column("problem", Text, nullable=False),
    Index("recordings_by_call", "call_id"),
    Index("recordings_by_state", "state", "ended_at"),
)

webhook_outbox: Final = Table(
    "webhook_outbox",
    metadata,
    Column("number", Serial, primary_key=True),
    Column("target", String(40), nullable=False),
    Column("event_id", String(40), nullable=False),
    Column("added_at", UtcInstant, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("target", "event_id", name="webhook_outbox_once"),
    Index("webhook_outbox_by_target", "target", "number"),
    sqlite_autoincrement=True,  # numbers tell the order: none is given again
)
