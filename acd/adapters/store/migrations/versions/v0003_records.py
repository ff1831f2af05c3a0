"""Segments, recordings, and what webhooks owe."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "acd_0003"
down_revision = "acd_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "call_segments",
        sa.Column("call_id", sa.String(200), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("begins_at", instant, nullable=False),
        sa.Column("ends_at", instant),
        sa.Column("queue", sa.String(40)),
        sa.Column("agent_id", sa.String(60)),
    )
    op.create_index("call_segments_by_begin", "call_segments", ["begins_at"])
    op.create_index("call_segments_by_end", "call_segments", ["ends_at"])
    op.create_table(
        "agent_segments",
        sa.Column("agent_id", sa.String(60), primary_key=True),
        sa.Column("shift_at", instant, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("activity", sa.String(16), nullable=False),
        sa.Column("call_id", sa.String(200)),
        sa.Column("begins_at", instant, nullable=False),
        sa.Column("ends_at", instant),
    )
    op.create_index("agent_segments_by_begin", "agent_segments", ["agent_id", "begins_at"])
    op.create_index("agent_segments_by_end", "agent_segments", ["ends_at"])
    op.create_table(
        "recordings",
        sa.Column("recording_id", sa.String(210), primary_key=True),
        sa.Column("call_id", sa.String(200), nullable=False),
        sa.Column("name", sa.String(400), nullable=False, unique=True),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("queue", sa.String(40), nullable=False),
        sa.Column("agent_id", sa.String(60)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at", instant, nullable=False),
        sa.Column("is_paused", sa.Boolean, nullable=False),
        sa.Column("ended_at", instant),
        sa.Column("size", serial),
        sa.Column("seconds", sa.Float),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("deleted_at", instant),
        sa.Column("problem", sa.Text, nullable=False),
    )
    op.create_index("recordings_by_call", "recordings", ["call_id"])
    op.create_index("recordings_by_state", "recordings", ["state", "ended_at"])
    op.create_table(
        "webhook_outbox",
        sa.Column("number", serial, primary_key=True),
        sa.Column("target", sa.String(40), nullable=False),
        sa.Column("event_id", sa.String(40), nullable=False),
        sa.Column("added_at", instant, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("target", "event_id", name="webhook_outbox_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("webhook_outbox_by_target", "webhook_outbox", ["target", "number"])
