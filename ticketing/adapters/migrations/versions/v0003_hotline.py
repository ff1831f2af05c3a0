"""Major incidents, surveys, PINs, requests; when each step of a caller's way began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "desk_0003"
down_revision = "desk_0002"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("interactions", sa.Column("ivr_times", sa.Text()))
    _create_incidents()
    _create_surveys()
    _create_requests()


def _create_incidents() -> None:
    op.create_table(
        "major_incidents",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("service", sa.String(200), nullable=False),
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("sentences", sa.Text()),
        sa.Column("expected_at", _INSTANT),
        sa.Column("active_from", _INSTANT, nullable=False),
        sa.Column("active_until", _INSTANT),
        sa.Column("ticket_number", sa.String(32)),
        sa.Column("declared_by", sa.String(300), nullable=False),
        sa.Column("declared_at", _INSTANT, nullable=False),
        sa.Column("closed_at", _INSTANT),
        sa.Column("closed_by", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_major_incidents"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "incident_callers",
        sa.Column("incident_id", _SERIAL, nullable=False),
        sa.Column("linkedid", sa.String(200), nullable=False),
        sa.Column("rang_at", _INSTANT, nullable=False),
        sa.Column("number", sa.String(300), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("contact_id", sa.String(40)),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("wants_word", sa.Boolean(), nullable=False),
        sa.Column("told_at", _INSTANT),
        sa.Column("told_by", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "linkedid", name="pk_incident_callers"),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["major_incidents.id"], name="fk_incident_callers_incident_id", ondelete="CASCADE"
        ),
    )


def _create_surveys() -> None:
    op.create_table(
        "surveys",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("linkedid", sa.String(200), nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("flow", sa.String(300), nullable=False),
        sa.Column("queue", sa.String(300), nullable=False),
        sa.Column("agent_id", sa.String(300), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("csat", sa.Integer()),
        sa.Column("nps", sa.Integer()),
        sa.Column("is_resolved", sa.Boolean()),
        sa.Column("comment", sa.String(300)),
        sa.Column("comment_time", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_surveys"),
        sa.UniqueConstraint("linkedid", name="uq_surveys_linkedid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_surveys_number", "surveys", ["number", "asked_at"])
    op.create_index("ix_surveys_asked_at", "surveys", ["asked_at"])


def _create_requests() -> None:
    op.create_table(
        "contact_pins",
        sa.Column("contact_id", _SERIAL, nullable=False, autoincrement=False),
        sa.Column("hashed", sa.String(300), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", _INSTANT),
        sa.PrimaryKeyConstraint("contact_id", name="pk_contact_pins"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_contact_pins_contact_id", ondelete="CASCADE"),
    )
    op.create_table(
        "catalogue_requests",
        sa.Column("linkedid", sa.String(200), nullable=False),
        sa.Column("item", sa.String(40), nullable=False),
        sa.Column("ticket_serial", _SERIAL, nullable=False),
        sa.Column("answers", sa.Text()),
        sa.Column("proof", sa.String(40), nullable=False),
        sa.Column("requested_at", _INSTANT, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("linkedid", "item", name="pk_catalogue_requests"),
        sa.ForeignKeyConstraint(
            ["ticket_serial"], ["tickets.serial"], name="fk_catalogue_requests_ticket_serial", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_catalogue_requests_ticket_serial", "catalogue_requests", ["ticket_serial"])
