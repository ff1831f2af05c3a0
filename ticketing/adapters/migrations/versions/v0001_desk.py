"""Contacts, tickets with messages and events, interactions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "desk_0001"
down_revision = None
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.DateTime(timezone=True)
_OPEN = sa.text("status IN ('new', 'open', 'pending')")


def upgrade() -> None:
    _create_contacts()
    _create_tickets()
    _create_interactions()
    _create_links()


def _create_contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("external_id", sa.String(200)),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("name_folded", sa.String(800), nullable=False),
        sa.Column("organisation", sa.String(200), nullable=False),
        sa.Column("organisation_folded", sa.String(800), nullable=False),
        sa.Column("vip", sa.Boolean(), nullable=False),
        sa.Column("contract", sa.String(200), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("site", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.UniqueConstraint("external_id", name="uq_contacts_external_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_contacts_name_folded", "contacts", ["name_folded"])
    op.create_index("ix_contacts_organisation_folded", "contacts", ["organisation_folded"])
    op.create_table(
        "contact_points",
        sa.Column("contact_id", _SERIAL, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("value", sa.String(400), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", "kind", "position", name="pk_contact_points"),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name="fk_contact_points_contact_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_contact_points_value", "contact_points", ["value", "kind"])


def _create_tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("serial", _SERIAL, nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("contact_id", _SERIAL),
        sa.Column("queue", sa.String(300), nullable=False),
        sa.Column("service", sa.String(300), nullable=False),
        sa.Column("category", sa.String(300), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("owner_agent_id", sa.String(300)),
        sa.Column("to_qualify", sa.Boolean(), nullable=False),
        sa.Column("booked_time", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("requested_at", _INSTANT, nullable=False),
        sa.Column("first_response_at", _INSTANT),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.Column("resolved_at", _INSTANT),
        sa.Column("closed_at", _INSTANT),
        sa.PrimaryKeyConstraint("serial", name="pk_tickets"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_tickets_contact_id", ondelete="SET NULL"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tickets_contact_id", "tickets", ["contact_id", "updated_at"])
    op.create_index(
        "ix_tickets_open", "tickets", ["contact_id", "updated_at"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index("ix_tickets_queue", "tickets", ["queue", "status"])
    op.create_index("ix_tickets_status", "tickets", ["status"])
    op.create_index("ix_tickets_owner_agent_id", "tickets", ["owner_agent_id"])


def _create_interactions() -> None:
    op.create_table(
        "interactions",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("linkedid", sa.String(200), nullable=False),
        sa.Column("as_of", _INSTANT, nullable=False),
        sa.Column("direction", sa.String(16), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("caller_given", sa.String(300)),
        sa.Column("caller_kind", sa.String(16)),
        sa.Column("caller_e164", sa.String(32)),
        sa.Column("caller_name", sa.String(300)),
        sa.Column("called_number", sa.String(300)),
        sa.Column("certainty", sa.String(16)),
        sa.Column("contact_ids", sa.Text()),
        sa.Column("contact_id", _SERIAL),
        sa.Column("queue", sa.String(300)),
        sa.Column("language", sa.String(300)),
        sa.Column("ivr_path", sa.Text()),
        sa.Column("keyed_digits", sa.Text()),
        sa.Column("keyed_ticket", sa.String(300)),
        sa.Column("started_at", _INSTANT),
        sa.Column("queued_at", _INSTANT),
        sa.Column("offered_at", _INSTANT),
        sa.Column("answered_at", _INSTANT),
        sa.Column("talk_ended_at", _INSTANT),
        sa.Column("ended_at", _INSTANT),
        sa.Column("wrap_up_ended_at", _INSTANT),
        sa.Column("hold_time", sa.BigInteger()),
        sa.Column("agent_id", sa.String(300)),
        sa.Column("wrap_up_code", sa.String(300)),
        sa.Column("note", sa.Text()),
        sa.Column("termination_result", sa.String(300)),
        sa.Column("termination_reason", sa.String(300)),
        sa.Column("disposition", sa.String(16)),
        sa.Column("claim", sa.String(32)),
        sa.PrimaryKeyConstraint("id", name="pk_interactions"),
        sa.UniqueConstraint("linkedid", name="uq_interactions_linkedid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_interactions_caller_e164", "interactions", ["caller_e164", "started_at"])
    op.create_index("ix_interactions_contact_id", "interactions", ["contact_id", "started_at"])
    op.create_index("ix_interactions_started_at", "interactions", ["started_at"])


def _create_links() -> None:
    op.create_table(
        "ticket_interactions",
        sa.Column("interaction_id", _SERIAL, nullable=False),
        sa.Column("ticket_serial", _SERIAL, nullable=False),
        sa.Column("opened", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("interaction_id", "ticket_serial", name="pk_ticket_interactions"),
        sa.ForeignKeyConstraint(
            ["interaction_id"],
            ["interactions.id"],
            name="fk_ticket_interactions_interaction_id",
            ondelete="CASCADE",
        ),
        _to_ticket("ticket_interactions"),
    )
    op.create_index("ix_ticket_interactions_ticket_serial", "ticket_interactions", ["ticket_serial"])
    op.create_table(
        "ticket_messages",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("ticket_serial", _SERIAL, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("author", sa.String(300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("linkedid", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name="pk_ticket_messages"),
        _to_ticket("ticket_messages"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ticket_messages_ticket_serial", "ticket_messages", ["ticket_serial"])
    op.create_table(
        "ticket_events",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("ticket_serial", _SERIAL, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("actor", sa.String(300), nullable=False),
        sa.Column("data", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_ticket_events"),
        _to_ticket("ticket_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ticket_events_ticket_serial", "ticket_events", ["ticket_serial"])


def _to_ticket(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["ticket_serial"], ["tickets.serial"], name=f"fk_{table}_ticket_serial", ondelete="CASCADE"
    )
