"""Tables of what callers do without an agent: major incidents, surveys, PINs, requests."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from ticketing.adapters.columns import Duration, JsonText, Serial, UtcInstant
from ticketing.adapters.tables import metadata

incidents = Table(
    "major_incidents",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("title", String(300), nullable=False),
    Column("service", String(200), nullable=False),
    Column("site", String(200), nullable=False),
    Column("sentences", JsonText),
    Column("expected_at", UtcInstant),
    Column("active_from", UtcInstant, nullable=False),
    Column("active_until", UtcInstant),
    Column("ticket_number", String(32)),
    Column("declared_by", String(300), nullable=False),
    Column("declared_at", UtcInstant, nullable=False),
    Column("closed_at", UtcInstant),
    Column("closed_by", String(300), nullable=False),
    sqlite_autoincrement=True,
)

incident_callers = Table(
    "incident_callers",
    metadata,
    Column("incident_id", Serial, ForeignKey("major_incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("linkedid", String(200), primary_key=True),
    Column("rang_at", UtcInstant, nullable=False),
    Column("number", String(300), nullable=False),
    Column("name", String(300), nullable=False),
    # No foreign key: a contact that is deleted meanwhile must not cost the caller the word they were promised.
    Column("contact_id", String(40)),
    Column("language", String(35), nullable=False),
    Column("wants_word", Boolean, nullable=False),
    Column("told_at", UtcInstant),
    Column("told_by", String(300), nullable=False),
)

surveys = Table(
    "surveys",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("linkedid", String(200), nullable=False),
    Column("number", String(32), nullable=False),
    Column("asked_at", UtcInstant, nullable=False),
    Column("flow", String(300), nullable=False),
    Column("queue", String(300), nullable=False),
    Column("agent_id", String(300), nullable=False),
    Column("language", String(35), nullable=False),
    Column("csat", Integer),
    Column("nps", Integer),
    Column("is_resolved", Boolean),
    Column("comment", String(300)),
    Column("comment_time", Duration),
    UniqueConstraint("linkedid"),
    Index("ix_surveys_number", "number", "asked_at"),
    Index("ix_surveys_asked_at", "asked_at"),
    sqlite_autoincrement=True,
)

pins = Table(
    "contact_pins",
    metadata,
    Column("contact_id", Serial, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("hashed", String(300), nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", UtcInstant),
)

requests = Table(
    "catalogue_requests",
    metadata,
    Column("linkedid", String(200), primary_key=True),
    Column("item", String(40), primary_key=True),
    Column("ticket_serial", Serial, ForeignKey("tickets.serial", ondelete="CASCADE"), nullable=False),
    Column("answers", JsonText),
    Column("proof", String(40), nullable=False),
    Column("requested_at", UtcInstant, nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_catalogue_requests_ticket_serial", "ticket_serial"),
)
