"""``peelian ledger prove``: what it writes, and what it says of a proof that is checked."""

from __future__ import annotations

from pathlib import Path

from peelian.charter.proof import PROOF_SUFFIX
from peelian.cli.report import show
from peelian.errors import LedgerError, UsageError
from peelian.workspace.proofs import check_proof, prove
from peelian.workspace.workspace import Workspace

__all__ = ["checked", "written"]


def written(workspace: Workspace, entry: str | None, *, out: Path | None, as_json: bool) -> None:
    """Write a proof.

    Raises
    ------
    UsageError
        No entry was named, there is none of that name, or the file exists or can't be written.
    """
    if entry is None:
        msg = "no entry was given; expected its number, or the id of its run"
        raise UsageError(msg, hint="peelian ledger prove decide-0007, or --check FILE to check a proof")
    proof = prove(workspace, entry)
    path = out or Path(f"{entry}{PROOF_SUFFIX}")
    try:
        with path.open("xb") as file:
            file.write(proof.to_bytes())
    except OSError as error:
        msg = f"the proof can't be written to {path}: {error.strerror}"
        raise UsageError(msg, hint="name another file with --out") from error
    found = {"index": proof.index, "size": proof.size, "file": str(path)}
    text = f"{path}: entry {proof.index} of {proof.size}, with its bytes and the signed checkpoint"
    show(found, text, as_json=as_json)


def checked(workspace: Workspace, path: Path, *, entry: str | None, vkey: str | None, as_json: bool) -> None:
    """Check a proof.

    Raises
    ------
    LedgerError
        It does not hold, or is of another entry than was named.
    """
    found = check_proof(workspace, path, vkey=vkey)
    if entry is not None and entry not in (str(found["index"]), found["id"]):
        msg = f"{path} proves entry {found['index']} ({found['id']}), and {entry} was asked for"
        raise LedgerError(msg, hint="ask for the proof of that entry")
    text = f"holds: entry {found['index']} of {found['size']} in {found['origin']}\n{found['entry']}"
    show(found, text, as_json=as_json)
