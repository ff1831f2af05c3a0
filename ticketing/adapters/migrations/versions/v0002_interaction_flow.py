"""The menus a call went through, with their version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "desk_0002"
down_revision = "desk_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("interactions", sa.Column("flow", sa.String(300)))
