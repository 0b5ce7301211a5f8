"""The tables as they were before their versions were counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("serial", sa.Integer, nullable=False, unique=True),
        sa.Column("verb", sa.String(20), nullable=False, index=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("category", sa.String(200), nullable=False),
        sa.Column("hashes", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
    )
    op.create_table(
        "record_files",
        sa.Column("path", sa.String(400), primary_key=True),
        sa.Column("run", sa.String(80), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("serial", sa.Integer, nullable=False, unique=True),
        sa.Column("subject", sa.String(80), nullable=False, index=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("serial", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(80), nullable=False, unique=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("written", sa.Boolean, nullable=False, index=True),
    )
    op.create_table(
        "facts",
        sa.Column("key", sa.String(80), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
