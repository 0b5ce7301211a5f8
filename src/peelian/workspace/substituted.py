"""Which files were taken away or written anew on record, so that the ledger's check expects them as they are now.

The ledger holds the hash of each file as it was, and can't forget it. An erasure or the end of a retention adds an
entry with the hash of a list: for each path, which hash became which, or none. In a backup from which a record was
erased since, that list lies with a proof that its entry is in the same agency's ledger.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peelian.charter import Entry
from peelian.charter.note import Verifier
from peelian.charter.proof import PROOF_SUFFIX, InclusionProof
from peelian.charter.rotation import open_any, rotations
from peelian.errors import LedgerError
from peelian.workspace.files import sha256_of, sha256_of_file
from peelian.workspace.state import Run

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["ERASED", "FILE", "Substituted", "substituted"]

FILE = "substituted.json"
"""The list, among the files of the run that took files away."""
ERASED = "erased"
"""Folder of the lists that a backup was given after it was made."""

Lists = dict[str, dict[str, str | None]]


class Substituted:
    """What became of files.

    Parameters
    ----------
    lists : dict
        For each path in the workspace: which hash became which; None where the file was removed.
    """

    def __init__(self, lists: Lists) -> None:
        self._lists = lists

    def now(self, path: str, digest: str) -> str | None:
        """What the hash of a file has become at last; None where the file is to be gone."""
        return self.forms(path, digest)[-1]

    def forms(self, path: str, digest: str) -> list[str | None]:
        """The hashes that a file has had since it had `digest`, the oldest first: more than one may be on the disk.

        A process that dies between the record and the deed leaves the older one for a while.
        """
        found: list[str | None] = [digest]
        known = self._lists.get(path, {})
        while (last := found[-1]) is not None and last in known and known[last] not in found:
            found.append(known[last])
        return found

    def wrong_with(self, folder: Path, path: str, digest: str) -> str | None:
        """What is wrong with a file that once had the hash `digest`; None where it is as it should be."""
        forms = self.forms(path, digest)
        if not (folder / path).is_file():
            return None if None in forms else "is gone"
        return None if sha256_of_file(folder / path) in forms else "is not what was stored"

    def records(self, listed: Mapping[str, str]) -> dict[str, str]:
        """Record files that an import listed, with their hashes, as they are to be now."""
        found = {name: self.now(f"records/{name}", digest) for name, digest in listed.items()}
        return {name: digest for name, digest in found.items() if digest is not None}


def substituted(workspace: Workspace) -> Substituted:
    """What was taken away or written anew on record.

    Raises
    ------
    LedgerError
        A list of a backup isn't what an entry of this ledger says, or that entry's proof doesn't hold.
    """
    lists: Lists = {}
    rows = workspace.state.rows(Run, Run.verb.in_(("retain", "erase")), order=Run.serial)
    for row in rows:
        if FILE in json.loads(row["hashes"]):
            _add(lists, json.loads(workspace.checked(row["id"], FILE).read_bytes()))
    for path in sorted((workspace.folder / ERASED).glob("*.json")):
        _add(lists, _proven(workspace, path.stem))
    return Substituted(lists)


def _add(lists: Lists, more: Lists) -> None:
    for path, became in more.items():
        lists.setdefault(path, {}).update(became)


def _proven(workspace: Workspace, run: str) -> Any:
    """A list that was put into a backup, once its proof has held."""
    folder = workspace.folder / ERASED
    data = (folder / f"{run}.json").read_bytes()
    try:
        proof = InclusionProof.from_bytes((folder / f"{run}{PROOF_SUFFIX}").read_bytes())
    except OSError as error:
        msg = f"{ERASED}/{run}.json has no proof beside it that it's from this ledger"
        raise LedgerError(msg, hint="restore the backup again") from error
    head = open_any(proof.checkpoint, _keys(workspace))
    proof.check_path(head)
    entry = Entry.from_bytes(proof.entry or b"")
    origin = workspace.config.ledger.origin
    if entry.hashes.get(FILE) != sha256_of(data) or head.origin != origin:
        msg = f"{ERASED}/{run}.json isn't the list that entry {proof.index} of {origin} tells of"
        raise LedgerError(msg, hint="restore the backup again")
    return json.loads(data)


def _keys(workspace: Workspace) -> list[Verifier]:
    """The ledger's key as this workspace remembers it, and those that took over from it since, one after another."""
    keys = [Verifier.from_vkey(str((workspace.state.fact("ledger") or {}).get("vkey")))]
    for step in rotations(workspace.folder / ERASED):
        if step.old == keys[-1]:
            keys.append(step.new)
    return keys
