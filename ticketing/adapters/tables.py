"""The desk's tables. Migrations are written by hand; a test holds them equal to this file on both databases."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from ticketing.adapters.columns import Duration, JsonText, Serial, UtcInstant

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

OPEN = text("status IN ('new', 'open', 'pending')")  # as ticketing.domain.ticket.OPEN_STATUSES; a test compares them

contacts = Table(
    "contacts",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("external_id", String(200)),
    Column("name", String(200), nullable=False),
    Column("name_folded", String(800), nullable=False, index=True),
    Column("organisation", String(200), nullable=False),
    Column("organisation_folded", String(800), nullable=False, index=True),
    Column("vip", Boolean, nullable=False),
    Column("contract", String(200), nullable=False),
    Column("language", String(35), nullable=False),
    Column("site", String(200), nullable=False),
    UniqueConstraint("external_id"),
    sqlite_autoincrement=True,  # an id once given is never given again, even after a deletion
)

contact_points = Table(
    "contact_points",
    metadata,
    Column("contact_id", Serial, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(8), primary_key=True),  # phone, email
    Column("position", Integer, primary_key=True),
    Column("value", String(400), nullable=False),
    Index("ix_contact_points_value", "value", "kind"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("serial", Serial, primary_key=True),  # the number is computed from it
    Column("title", String(300), nullable=False),
    Column("status", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("contact_id", Serial, ForeignKey("contacts.id", ondelete="SET NULL")),
    Column("queue", String(300), nullable=False),
    Column("service", String(300), nullable=False),
    Column("category", String(300), nullable=False),
    Column("source", String(16), nullable=False),
    Column("owner_agent_id", String(300)),
    Column("to_qualify", Boolean, nullable=False),
    Column("booked_time", Duration, nullable=False),
    Column("created_at", UtcInstant, nullable=False),
    Column("requested_at", UtcInstant, nullable=False),
    Column("first_response_at", UtcInstant),
    Column("updated_at", UtcInstant, nullable=False),
    Column("resolved_at", UtcInstant),
    Column("closed_at", UtcInstant),
    Index("ix_tickets_contact_id", "contact_id", "updated_at"),
    Index("ix_tickets_open", "contact_id", "updated_at", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("ix_tickets_queue", "queue", "status"),
    Index("ix_tickets_status", "status"),
    Index("ix_tickets_owner_agent_id", "owner_agent_id"),
    sqlite_autoincrement=True,
)

interactions = Table(
    "interactions",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("linkedid", String(200), nullable=False),
    Column("as_of", UtcInstant, nullable=False),
    Column("direction", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("caller_given", String(300)),
    Column("caller_kind", String(16)),
    Column("caller_e164", String(32)),
    Column("caller_name", String(300)),
    Column("called_number", String(300)),
    Column("certainty", String(16)),
    Column("contact_ids", JsonText),
    # The one contact of a settled identity. No foreign key: a batch of facts must not fail over a deleted contact.
    Column("contact_id", Serial),
    Column("queue", String(300)),
    Column("language", String(300)),
    Column("flow", String(300)),
    Column("ivr_path", JsonText),
    Column("ivr_times", JsonText),
    Column("keyed_digits", JsonText),
    Column("keyed_ticket", String(300)),
    Column("started_at", UtcInstant),
    Column("queued_at", UtcInstant),
    Column("offered_at", UtcInstant),
    Column("answered_at", UtcInstant),
    Column("talk_ended_at", UtcInstant),
    Column("ended_at", UtcInstant),
    Column("wrap_up_ended_at", UtcInstant),
    Column("hold_time", Duration),
    Column("agent_id", String(300)),
    Column("wrap_up_code", String(300)),
    Column("note", Text),
    Column("termination_result", String(300)),
    Column("termination_reason", String(300)),
    Column("disposition", String(16)),
    Column("claim", String(32)),  # who gave the disposition: tells the first of concurrent commits
    UniqueConstraint("linkedid"),
    Index("ix_interactions_caller_e164", "caller_e164", "started_at"),
    Index("ix_interactions_contact_id", "contact_id", "started_at"),
    Index("ix_interactions_started_at", "started_at"),
    sqlite_autoincrement=True,
)

ticket_interactions = Table(
    "ticket_interactions",
    metadata,
    Column("interaction_id", Serial, ForeignKey("interactions.id", ondelete="CASCADE"), primary_key=True),
    Column("ticket_serial", Serial, ForeignKey("tickets.serial", ondelete="CASCADE"), primary_key=True, index=True),
    Column("opened", Boolean, nullable=False),
)

messages = Table(
    "ticket_messages",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ticket_serial", Serial, ForeignKey("tickets.serial", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("author", String(300), nullable=False),
    Column("body", Text, nullable=False),
    Column("at", UtcInstant, nullable=False),
    Column("linkedid", String(200)),
    sqlite_autoincrement=True,
)

ticket_events = Table(
    "ticket_events",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ticket_serial", Serial, ForeignKey("tickets.serial", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("at", UtcInstant, nullable=False),
    Column("actor", String(300), nullable=False),
    Column("data", JsonText),
    sqlite_autoincrement=True,
)
