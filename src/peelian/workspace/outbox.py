"""What was decided in a transaction and waits to be written to the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from peelian.charter import Entry
from peelian.charter.rotation import append_all
from peelian.workspace.state import OutboxRow

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["write_waiting"]


def write_waiting(workspace: Workspace) -> None:
    """Write what the outbox holds to the ledger. Safe to repeat: an entry is known by its id."""
    state = workspace.state
    pending = state.rows(OutboxRow, OutboxRow.written.is_(False), order=OutboxRow.serial)
    if not pending:
        return
    ledger = workspace.ledger
    waiting = [Entry.from_bytes(row["body"].encode()) for row in pending]
    append_all(ledger, waiting, key_path=workspace.key_path, expected=workspace.remembered)
    checkpoint = ledger.checkpoint()
    with state.begin() as connection:
        written = [row["serial"] for row in pending]
        connection.execute(update(OutboxRow).where(OutboxRow.serial.in_(written)).values(written=True))
        head = {"size": checkpoint.size, "root": checkpoint.root_hash.hex(), "vkey": ledger.vkey}
        state.set_fact(connection, "ledger", head)
