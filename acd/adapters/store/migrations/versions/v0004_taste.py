"""Which queues an agent prefers, or gets what share of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "acd_0004"
down_revision = "acd_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("taste", sa.Text))
