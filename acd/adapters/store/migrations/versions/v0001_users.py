"""Users and sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "acd_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("login", sa.String(40), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("extension", sa.String(8), unique=True),
        sa.Column("skills", sa.Text),
        sa.Column("password_hash", sa.Text),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("login", sa.String(40), sa.ForeignKey("users.login", ondelete="CASCADE"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("sessions_by_login", "sessions", ["login"])
    op.create_index("sessions_by_expiry", "sessions", ["expires_at"])
