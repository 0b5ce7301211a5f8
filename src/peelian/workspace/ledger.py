"""``ledger``: check the ledger against itself, its key and what this workspace remembers of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from peelian.charter import Checkpoint, Entry, Ledger, Verification, verify, verify_since
from peelian.charter.merkle import EMPTY_ROOT
from peelian.charter.note import parse_note
from peelian.charter.rotation import ROTATE
from peelian.errors import LedgerError, RefusedError, UsageError
from peelian.workspace.cosign import shown_run, witness_report
from peelian.workspace.policies import published_since
from peelian.workspace.sealed import check_sealed
from peelian.workspace.standing import plan_states
from peelian.workspace.state import DecisionRow, OutboxRow
from peelian.workspace.substituted import substituted
from peelian.workspace.workspace import Workspace

__all__ = ["entries", "known_key", "read_since", "verify_ledger"]


def verify_ledger(workspace: Workspace, *, since: str | None = None) -> dict[str, Any]:
    """Recompute every hash of the ledger from its bytes, and every stored result against its entry.

    Parameters
    ----------
    workspace : Workspace
    since : str, optional
        A file with a checkpoint that somebody kept, or ``SIZE:ROOT`` (hex): the ledger must begin with that, and
        only what is newer is hashed and compared.

    Raises
    ------
    LedgerError
        Something was changed, removed or reordered; the message says what.
    CheckError
        Fewer witnesses saw the ledger than the workspace demands.
    UsageError
        ``since`` is neither a file nor a size and a root.
    """
    workspace.require("verify", {"kind": "ledger"})
    workspace.progress("reading the ledger", 0, 0)
    kept = None if since is None else read_since(since)
    with workspace.reading():
        found, first = _verify(workspace, kept)
        listed = entries(workspace)
        waiting = {row["id"] for row in workspace.state.rows(OutboxRow, OutboxRow.written.is_(False))}
        seen = witness_report(workspace, size=found.size)
        shown = shown_run(workspace, {entry["id"]: entry["index"] for entry in listed}, seen)
        checked = _check_results(workspace, listed[first:]) + _check_public(workspace, shown)
        _check_state(workspace, listed, waiting)
        _check_rotations(listed, found.rotations)
        texts = check_sealed(workspace, listed)
        records = _check_records(workspace)
    return {
        "status": "verified",
        "entries": found.size,
        "since": None if kept is None else first,
        "origin": found.origin,
        "vkey": found.vkey,
        "keys_changed": found.rotations,
        "root_hash": found.root_hash.hex(),
        "files_checked": checked,
        "record_files_checked": records,
        **texts,
        "entries_waiting": len(waiting),
        **seen,
    }


def _verify(workspace: Workspace, kept: bytes | tuple[int, bytes] | None) -> tuple[Verification, int]:
    """What holds, and from which entry on its bytes were hashed."""
    folder = workspace.folder / "ledger"
    vkey = known_key(workspace)
    if kept is None:
        return verify(folder, vkey=vkey, expected=workspace.remembered), 0
    found = verify_since(folder, vkey=vkey, since=kept)
    verify_since(folder, vkey=vkey, since=workspace.remembered or (0, EMPTY_ROOT))
    return found, kept[0] if isinstance(kept, tuple) else Checkpoint.from_text(parse_note(kept)[0]).size


def read_since(text: str) -> bytes | tuple[int, bytes]:
    """What somebody kept: the bytes of a checkpoint's file, or a size and a root.

    Raises
    ------
    UsageError
        It is neither.
    """
    size, _, root = text.partition(":")
    if re.fullmatch(r"\d{1,18}", size, re.ASCII) and re.fullmatch(r"[0-9a-fA-F]{64}", root):
        return int(size), bytes.fromhex(root)
    try:
        return Path(text).read_bytes()
    except OSError as error:
        msg = f"{text!r} was given as what was kept; expected a checkpoint's file, or SIZE:ROOT in 64 hex digits"
        raise UsageError(msg, hint="--since checkpoint-of-last-month") from error


def known_key(workspace: Workspace) -> str | None:
    """The ledger's public key as this workspace remembers it."""
    vkey: str | None = (workspace.state.fact("ledger") or {}).get("vkey")
    return vkey


def _check_rotations(listed: list[dict[str, Any]], found: int) -> None:
    """Each change of key left its file, without which others can't follow."""
    said = sum(entry["kind"] == ROTATE for entry in listed)
    if said != found:
        msg = f"the ledger has {said} changes of its key, and its folder rotation shows {found}"
        raise LedgerError(msg, hint="restore ledger/rotation from a backup")


def _check_results(workspace: Workspace, listed: list[dict[str, Any]]) -> int:
    """Every stored file is what its entry says."""
    checked = 0
    wrong = []
    since = substituted(workspace)
    for entry in listed:
        for name, digest in entry["hashes"].items():
            path = f"runs/{entry['id']}/{name}"
            checked += 1
            problem = since.wrong_with(workspace.folder, path, digest)
            if problem == "is gone":
                wrong.append(f"{path} is gone (its hash is in entry {entry['index']})")
            elif problem is not None:
                wrong.append(f"{path} is not what entry {entry['index']} says it was")
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
        raise LedgerError(msg, hint="restore the state from a backup")
    decided = {row["id"]: workspace.result(row["id"])["decision"] for row in runs if row["verb"] == "decide"}
    stored = {row["id"]: json.loads(row["body"]) for row in workspace.state.rows(DecisionRow)}
    if stored != decided:
        msg = "the decisions in the state database are not those that the ledger holds the hashes of"
        raise LedgerError(msg, hint="restore the state from a backup")
    try:
        states = plan_states(workspace)
    except RefusedError as no:
        msg = f"the acts in the ledger don't follow each other: {no.message}"
        raise LedgerError(msg, hint="restore the workspace from a backup") from no
    for row in runs:
        expected = states.get(row["id"], "done")
        if row["state"] != expected:
            msg = f"{row['id']} is {row['state']} in the state database, but {expected} by the ledger"
            raise LedgerError(msg, hint="restore the state from a backup")


def _check_records(workspace: Workspace) -> int:
    """The visible records are those that the last run which changed them left, byte by byte."""
    lists = [row["id"] for row in workspace.runs() if "records.json" in json.loads(row["hashes"])]
    recorded = json.loads(workspace.checked(lists[-1], "records.json").read_bytes()) if lists else {}
    if substituted(workspace).records(recorded) != workspace.record_files():
        msg = "the record files in the state database are not those that the ledger holds the hashes of"
        raise LedgerError(msg, hint="restore the state from a backup")
    return workspace.check_records()


def _check_public(workspace: Workspace, run: str | None) -> int:
    """The public site is what that publication recorded, and what a change of the rules did since."""
    recorded: dict[str, str] = {} if run is None else workspace.result(run)["public"]
    by, changed = published_since(workspace, run) or (run, {})
    since = substituted(workspace)
    for name, digest in (recorded | changed).items():
        if since.wrong_with(workspace.folder, f"public/{name}", digest) is not None:
            msg = f"public/{name} is not what {by if name in changed else run} published"
            raise LedgerError(msg, hint="peelian publish")
    return len(recorded | changed)


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
