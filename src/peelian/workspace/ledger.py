"""``ledger``: check the ledger against itself, its key and what this workspace remembers of it."""

from __future__ import annotations

import json
from typing import Any

from peelian.charter import Entry, Ledger, verify
from peelian.errors import LedgerError, RefusedError, UsageError
from peelian.workspace.cosign import shown_run, witness_report
from peelian.workspace.files import sha256_of_file
from peelian.workspace.standing import plan_states
from peelian.workspace.state import DecisionRow, OutboxRow
from peelian.workspace.workspace import Workspace

__all__ = ["entries", "verify_ledger"]


def verify_ledger(workspace: Workspace) -> dict[str, Any]:
    """Recompute every hash of the ledger from its bytes, and every stored result against its entry.

    Raises
    ------
    LedgerError
        Something was changed, removed or reordered; the message says what.
    CheckError
        Fewer witnesses saw the ledger than the workspace demands.
    """
    workspace.require("verify", {"kind": "ledger"})
    workspace.progress("reading the ledger", 0, 0)
    with workspace.reading():
        head = workspace.state.fact("ledger") or {}
        found = verify(workspace.folder / "ledger", vkey=head.get("vkey"), expected=workspace.remembered)
        listed = entries(workspace)
        waiting = {row["id"] for row in workspace.state.rows(OutboxRow, OutboxRow.written.is_(False))}
        seen = witness_report(workspace, size=found.size)
        shown = shown_run(workspace, {entry["id"]: entry["index"] for entry in listed}, seen)
        checked = _check_results(workspace, listed) + _check_public(workspace, shown)
        _check_state(workspace, listed, waiting)
        records = _check_records(workspace)
    return {
        "status": "verified",
        "entries": found.size,
        "origin": found.origin,
        "root_hash": found.root_hash.hex(),
        "files_checked": checked,
        "record_files_checked": records,
        "entries_waiting": len(waiting),
        **seen,
    }


def _check_results(workspace: Workspace, listed: list[dict[str, Any]]) -> int:
    """Every stored file is what its entry says."""
    checked = 0
    wrong = []
    for entry in listed:
        for name, digest in entry["hashes"].items():
            path = workspace.folder / "runs" / entry["id"] / name
            checked += 1
            if not path.is_file():
                wrong.append(f"runs/{entry['id']}/{name} is gone (its hash is in entry {entry['index']})")
            elif sha256_of_file(path) != digest:
                wrong.append(f"runs/{entry['id']}/{name} is not what entry {entry['index']} says it was")
    if wrong:
        msg = "; ".join(wrong)
        raise LedgerError(msg, hint="restore what was changed from a backup")
    return checked


def _check_state(workspace: Workspace, listed: list[dict[str, Any]], waiting: set[str]) -> None:
    """Runs, decisions and the states of plans in the database are those of the ledger."""
    known = {entry["id"] for entry in listed}
    runs = workspace.runs()
    for row in runs:
        if row["id"] not in known | waiting:
            msg = f"{row['id']} is in the state database, but the ledger has no entry for it"
            raise LedgerError(msg, hint="restore the ledger from a backup")
    lost = known - {row["id"] for row in runs}
    if lost:
        msg = f"{', '.join(sorted(lost))} is in the ledger, but not in the state database"
        raise LedgerError(msg, hint="restore state.db from a backup")
    decided = {row["id"]: workspace.result(row["id"])["decision"] for row in runs if row["verb"] == "decide"}
    stored = {row["id"]: json.loads(row["body"]) for row in workspace.state.rows(DecisionRow)}
    if stored != decided:
        msg = "the decisions in the state database are not those that the ledger holds the hashes of"
        raise LedgerError(msg, hint="restore state.db from a backup")
    try:
        states = plan_states(workspace)
    except RefusedError as no:
        msg = f"the acts in the ledger don't follow each other: {no.message}"
        raise LedgerError(msg, hint="restore the workspace from a backup") from no
    for row in runs:
        expected = states.get(row["id"], "done")
        if row["state"] != expected:
            msg = f"{row['id']} is {row['state']} in the state database, but {expected} by the ledger"
            raise LedgerError(msg, hint="restore state.db from a backup")


def _check_records(workspace: Workspace) -> int:
    """The visible records are those of the last import, byte by byte."""
    lists = [row["id"] for row in workspace.runs("import") if "records.json" in json.loads(row["hashes"])]
    recorded = json.loads(workspace.checked(lists[-1], "records.json").read_bytes()) if lists else {}
    if recorded != workspace.record_files():
        msg = "the record files in the state database are not those that the ledger holds the hashes of"
        raise LedgerError(msg, hint="restore state.db from a backup")
    return workspace.check_records()


def _check_public(workspace: Workspace, run: str | None) -> int:
    """The public site is what that publication recorded."""
    if run is None:
        return 0
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
