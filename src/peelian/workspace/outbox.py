"""What was decided in a transaction and waits to be written to the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from peelian.charter import Entry
from peelian.charter.rotation import append_all
from peelian.errors import LedgerError
from peelian.workspace.state import OutboxRow, Run

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["check_complete", "write_waiting"]


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


def check_complete(workspace: Workspace) -> None:
    """That the state has as many acts as the ledger: somebody who deletes one there must not be able to go on.

    It's only a count, made before each step. Who puts another row in its place is found by `verify_ledger`.

    Raises
    ------
    LedgerError
        There are more or fewer.
    """
    with workspace.state.begin() as connection:
        runs = connection.execute(select(func.count()).select_from(Run)).scalar() or 0
    size = workspace.ledger.size
    if runs != size:
        msg = f"the state has {runs} acts and the ledger {size}: one of them was changed behind the other's back"
        raise LedgerError(
            msg, hint=f"peelian ledger verify --workspace {workspace.folder} says which; tell the overseer"
        )
