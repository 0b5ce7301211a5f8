"""Who acted: people are registered, and each run names the one who made it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Add the table of people, and the person of a run; nobody is known to have made the runs so far."""
    op.add_column("runs", sa.Column("person", sa.String(40), nullable=True))
    op.create_table(
        "people",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("serial", sa.Integer, nullable=False, unique=True),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("sealed", sa.String(64), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("ended", sa.String(32), nullable=True),
    )
