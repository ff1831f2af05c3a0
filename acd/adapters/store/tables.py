"""Tables of people, their sessions and what they did. Changes to them are migrations: see migrations/versions."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, MetaData, String, Table, Text

from ticketing.api import JsonText, Serial, UtcInstant

metadata: Final = MetaData()

users: Final = Table(
    "users",
    metadata,
    Column("login", String(40), primary_key=True),
    Column("name", Text, nullable=False),
    Column("roles", Text, nullable=False),  # JSON list of Role values
    Column("extension", String(8), unique=True),
    Column("skills", Text),  # JSON object, skill to proficiency
    Column("taste", Text),  # JSON object: preferences, allocation; NULL: none
    Column("password_hash", Text),  # NULL: cannot log in
)

sessions: Final = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),  # SHA-256 of the token, hex
    Column("login", String(40), ForeignKey("users.login", ondelete="CASCADE"), nullable=False),
    Column("expires_at", UtcInstant, nullable=False),
    Index("sessions_by_login", "login"),
    Index("sessions_by_expiry", "expires_at"),
)

audit_log: Final = Table(
    "audit_log",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", UtcInstant, nullable=False),
    Column("who", String(40), nullable=False),  # a login; it stays when the user is removed
    Column("action", String(60), nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("outcome", String(60), nullable=False),  # asked, done, or the error id of a refusal
    Column("details", JsonText),
    Index("audit_log_by_who", "who", "id"),
    sqlite_autoincrement=True,  # an entry's number is never given again
)
