"""``ledger``: check the ledger against itself, its key and what this workspace remembers of it."""

from __future__ import annotations

from typing import Any

from peelian.charter import Entry, Ledger, verify
from peelian.errors import LedgerError, UsageError
from peelian.workspace.state import OutboxRow, Run
from peelian.workspace.workspace import Workspace, sha256_of_file

__all__ = ["entries", "verify_ledger"]


def verify_ledger(workspace: Workspace) -> dict[str, Any]:
    """Recompute every hash of the ledger from its bytes, and every stored result against its entry.

    Raises
    ------
    LedgerError
        Something was changed, removed or reordered; the message says what.
    """
    workspace.require("verify", {"kind": "ledger"})
    workspace.progress("reading the ledger", 0, 0)
    head = workspace.state.fact("ledger") or {}
    found = verify(workspace.folder / "ledger", vkey=head.get("vkey"), expected=workspace.remembered)
    listed = entries(workspace)
    checked = _check_results(workspace, listed)
    pending = workspace.state.rows(OutboxRow, OutboxRow.written.is_(False))
    return {
        "status": "verified",
        "entries": found.size,
        "origin": found.origin,
        "root_hash": found.root_hash.hex(),
        "files_checked": checked,
        "entries_waiting": len(pending),
    }


def _check_results(workspace: Workspace, listed: list[dict[str, Any]]) -> int:
    checked = 0
    for entry in listed:
        for name, digest in entry["hashes"].items():
            path = workspace.folder / "runs" / entry["id"] / name
            if not path.is_file():
                msg = f"runs/{entry['id']}/{name} is gone, but entry {entry['index']} of the ledger holds its hash"
                raise LedgerError(msg, hint="restore the file from a backup")
            if sha256_of_file(path) != digest:
                msg = (
                    f"runs/{entry['id']}/{name} is not what entry {entry['index']} of the ledger says it was"
                )
                raise LedgerError(msg, hint="restore the file from a backup")
            checked += 1
    checked += _check_public(workspace)
    known = {entry["id"] for entry in listed}
    waiting = {row["id"] for row in workspace.state.rows(OutboxRow, OutboxRow.written.is_(False))}
    for row in workspace.state.rows(Run, order=Run.serial):
        if row["id"] not in known | waiting:
            msg = f"{row['id']} is in the state database, but the ledger has no entry for it"
            raise LedgerError(msg, hint="restore the ledger from a backup")
    return checked


def _check_public(workspace: Workspace) -> int:
    """The public site is what the last publication recorded."""
    published = workspace.runs("publish")
    if not published:
        return 0
    run = published[-1]["id"]
    recorded: dict[str, str] = workspace.result(run)["public"]
    for name, digest in recorded.items():
        path = workspace.folder / "public" / name
        if not path.is_file() or sha256_of_file(path) != digest:
            msg = f"public/{name} is not what {run} published"
            raise LedgerError(msg, hint="peelian publish")
    return len(recorded)


def entries(workspace: Workspace, *, last: int | None = None) -> list[dict[str, Any]]:
    """The ledger's entries as plain data, oldest first, with their index."""
    workspace.require("verify", {"kind": "ledger"})
    if last is not None and last < 1:
        msg = f"the last {last} entries were asked for; expected at least 1"
        raise UsageError(msg)
    ledger = Ledger.open(workspace.folder / "ledger")
    start = 0 if last is None else max(ledger.size - last, 0)
    found = ledger.entries(start, ledger.size)
    return [{"index": i, **Entry.from_bytes(body).to_dict()} for i, body in enumerate(found, start)]
