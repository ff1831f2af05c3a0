"""Tables of people and their sessions. Changes to them are migrations: see migrations/versions."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, MetaData, String, Table, Text

from ticketing.api import UtcInstant

metadata: Final = MetaData()

users: Final = Table(
    "users",
    metadata,
    Column("login", String(40), primary_key=True),
    Column("name", Text, nullable=False),
    Column("roles", Text, nullable=False),  # JSON list of Role values
    Column("extension", String(8), unique=True),
    Column("skills", Text),  # JSON object, skill to proficiency
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
