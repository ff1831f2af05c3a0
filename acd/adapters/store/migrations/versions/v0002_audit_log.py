"""What people did, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "acd_0002"
down_revision = "acd_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(40), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(60), nullable=False),
        sa.Column("details", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_log_by_who", "audit_log", ["who", "id"])
