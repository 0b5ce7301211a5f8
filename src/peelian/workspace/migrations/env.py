"""Alembic runs this for each command: on the connection that it is given, in the transaction that is open there."""

from __future__ import annotations

from alembic import context

from peelian.workspace.state import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
