"""Whether what is sealed is what the ledger says: each ciphertext there, unchanged, naming who the state names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from peelian.errors import CheckError, LedgerError
from peelian.workspace.state import Run
from peelian.workspace.workspace import Workspace

__all__ = ["SEALED_KEYS", "check_sealed"]

SEALED_KEYS = ("who", "sealed", "words")
"""What an entry calls the hash of a ciphertext: of who acted, of a name, of somebody's words."""


def check_sealed(workspace: Workspace, listed: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Compare every sealed text that entries name with its hash.

    Where the keys are here, the notes of who acted are opened too, and compared with the database: whoever changes
    there who did something is found out.

    Returns
    -------
    dict
        ``texts_sealed``, how many entries name, and ``texts_with_key``, how many of them can be opened here: the others
        were erased, or their keys are not in this copy.

    Raises
    ------
    LedgerError
        A ciphertext is missing or was changed, or the database names somebody else.
    """
    persons = {row["id"]: row["person"] for row in workspace.state.rows(Run)}
    counts = {"texts_sealed": 0, "texts_with_key": 0}
    for entry in listed:
        for key in SEALED_KEYS:
            digest = entry["details"].get(key)
            if digest is None:
                continue
            state = workspace.seals.state(digest)
            if state in ("missing", "changed"):
                msg = f"sealed/{digest} is {state} (its hash is in entry {entry['index']})"
                raise LedgerError(msg, hint="restore the folder 'sealed' from a backup")
            counts["texts_sealed"] += 1
            counts["texts_with_key"] += state == "sealed"
            if key == "who" and state == "sealed":
                _check_person(workspace, entry, digest, persons.get(entry["id"]))
    return counts


def _check_person(workspace: Workspace, entry: dict[str, Any], digest: str, person: str | None) -> None:
    try:
        note = json.loads(workspace.seals.open(digest))
    except (CheckError, OSError):  # a key that is another's, or one that is not for whoever verifies to read
        return
    if (note["run"], note["role"], note["person"]) != (entry["id"], entry["actor"], person):
        msg = f"the state database names somebody else for {entry['id']} than the sealed note of entry {entry['index']}"
        raise LedgerError(msg, hint="restore the state from a backup")
