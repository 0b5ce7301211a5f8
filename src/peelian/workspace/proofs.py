"""Proofs of single entries, and changes of the ledger's key."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from peelian.charter import Entry, InclusionProof, Ledger, Verifier, check_reason
from peelian.charter.rotation import ROTATE, follow, next_key, open_any, rotations
from peelian.charter.store import WITNESSED_FILE, read_vkey
from peelian.errors import LedgerError, UsageError
from peelian.workspace.ledger import known_key
from peelian.workspace.outcome import Outcome
from peelian.workspace.workspace import Workspace

__all__ = ["check_proof", "prove", "rotate"]


def prove(workspace: Workspace, entry: str) -> InclusionProof:
    """A proof that an entry is in the ledger: under the checkpoint that witnesses signed, where that covers it.

    Parameters
    ----------
    workspace : Workspace
    entry : str
        Its index, or the id of its run, such as ``decide-0007``.

    Raises
    ------
    UsageError
        There is no such entry.
    """
    workspace.require("verify", {"kind": "ledger"})
    with workspace.reading():
        ledger = Ledger.open(workspace.folder / "ledger", vkey=known_key(workspace))
        index = _index_of(ledger, entry)
        witnessed = workspace.folder / "ledger" / WITNESSED_FILE
        if witnessed.is_file():
            with suppress(UsageError):  # it is older than the entry
                return ledger.prove(index, under=witnessed.read_bytes())
        return ledger.prove(index)


def _index_of(ledger: Ledger, entry: str) -> int:
    if entry.isascii() and entry.isdigit() and len(entry) < 20:
        return int(entry)
    for index, body in enumerate(ledger.entries()):
        with suppress(LedgerError):
            if Entry.from_bytes(body).id == entry:
                return index
    msg = f"{entry!r} was given as an entry, and the ledger has none of that id"
    raise UsageError(msg, hint="peelian ledger show")


def check_proof(workspace: Workspace, path: Path, *, vkey: str | None = None) -> dict[str, Any]:
    """Check a proof's file against a key, by default any that this ledger had; what it shows.

    Raises
    ------
    UsageError
        The file can't be read, or carries no entry.
    LedgerError
        It does not hold.
    """
    workspace.require("verify", {"kind": "ledger"})
    try:
        proof = InclusionProof.from_bytes(path.read_bytes())
    except OSError as error:
        msg = f"{path} was given as a proof, and can't be read ({error.strerror})"
        raise UsageError(msg, hint="peelian ledger prove ENTRY --out FILE") from error
    folder = workspace.folder / "ledger"
    chain = rotations(folder)
    trusted = Verifier.from_vkey(vkey or known_key(workspace) or read_vkey(folder))
    past = [] if vkey else [step.old for step in chain]
    head = open_any(proof.checkpoint, [follow(chain, trusted), trusted, *past])
    proof.check_path(head)
    body = proof.entry or b""
    return {
        "status": "holds",
        "origin": head.origin,
        "index": proof.index,
        "size": head.size,
        "root_hash": head.root_hash.hex(),
        "id": Entry.from_bytes(body).id,
        "entry": body.decode(),
    }


def rotate(workspace: Workspace, *, reason: str) -> Outcome:
    """Change the ledger's key: the old one signs an entry that names the new one, and is gone afterwards.

    Raises
    ------
    RefusedError
        The role may not.
    UsageError
        The reason is too short.
    """
    workspace.require("rotate", {"kind": "ledger"})
    reason = check_reason(reason)
    with workspace.writing():
        ledger = workspace.ledger
        new = next_key(workspace.key_path, origin=ledger.origin)
        keys = {"old_vkey": ledger.vkey, "new_vkey": new.verifier.vkey}
        result = {"reason": reason, "origin": ledger.origin, **keys}
        return workspace.commit(workspace.new_run(ROTATE), result, details=keys)
