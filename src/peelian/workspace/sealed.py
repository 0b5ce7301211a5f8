"""Whether what is sealed is what the ledger says: each ciphertext there, unchanged, naming who the state names.

And whether the people in the state are those that the ledger knows: the entry of each registration names a sealed note
with their id, their roles and the hash of their token.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from peelian.charter import Entry, Seals
from peelian.errors import CheckError, LedgerError
from peelian.workspace.state import OutboxRow, Person, Run
from peelian.workspace.workspace import Workspace

__all__ = ["ERASED", "SEALED_KEYS", "check_sealed"]

SEALED_KEYS = ("who", "sealed", "words")
"""What an entry calls the hash of a ciphertext: of who acted, of a name, of somebody's words."""
ERASED = "seals_erased"
"""What the result of a run calls the hashes of the ciphertexts whose keys it destroyed."""
_RESTORE = "restore the state from a backup"


def check_sealed(workspace: Workspace, listed: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Compare every sealed text that entries name with its hash, and the people in the state with their entries.

    Where the keys are here, the notes are opened too, and compared with the database: whoever changes there who did
    something, or whose token is whose, is found out. A key that is gone has to have been destroyed on record.

    Returns
    -------
    dict
        ``texts_sealed``, how many entries name; ``texts_with_key``, how many of them can be opened here; and
        ``texts_erased``, how many were erased on record. All others are of a copy without keys.

    Raises
    ------
    LedgerError
        A ciphertext is missing or was changed; a key is gone that nobody erased on record, or opens nothing; or the
        database names somebody else, or other people than the ledger.
    """
    check = _Check(workspace, [*listed, *_waiting(workspace)])
    check.people()
    counts = check.texts(listed)
    if check.lost:
        msg = f"{len(check.lost)} sealed text(s) have no key, and no erasure is on record: {'; '.join(check.lost)}"
        raise LedgerError(
            msg, hint="restore the folder 'keys/seals' from a backup; who could delete files there?"
        )
    return counts


def _waiting(workspace: Workspace) -> list[dict[str, Any]]:
    """What happened, and is yet to be written to the ledger."""
    rows = workspace.state.rows(OutboxRow, OutboxRow.written.is_(False), order=OutboxRow.serial)
    return [{"index": "(waiting)", **Entry.from_bytes(row["body"].encode()).to_dict()} for row in rows]


@dataclass
class _Check:
    """One look at everything that is sealed."""

    workspace: Workspace
    every: Sequence[dict[str, Any]]
    lost: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        keys = self.workspace.seals.keys
        self.keys_here = keys.is_dir() and os.access(keys, os.R_OK | os.X_OK)
        no_keys = self.workspace.folder / "sealed" / "none"
        self.seals = self.workspace.seals if self.keys_here else Seals(self.workspace.seals.folder, no_keys)
        # Erasures by an earlier version don't say which keys went: of what was written before them nobody can tell.
        unlisted = [entry["index"] for entry in self.every if self._erased_unlisted(entry)]
        self.unknown_until = max((index for index in unlisted if isinstance(index, int)), default=-1)
        self.erased = {digest for entry in self.every for digest in self._erased_by(entry)}

    def _erased_by(self, entry: dict[str, Any]) -> Iterable[str]:
        details = entry["details"]
        if entry["kind"] == "people" and details.get("act") == "erased":
            return [details["sealed"], *self.workspace.result(entry["id"]).get(ERASED, [])]
        if entry["kind"] == "retain":
            found: list[str] = self.workspace.result(entry["id"]).get(ERASED, [])
            return found
        # What an erased objection said is named in the entry itself.
        return details["erased"] if isinstance(details.get("erased"), list) else []

    def _erased_unlisted(self, entry: dict[str, Any]) -> bool:
        if entry["kind"] == "people" and entry["details"].get("act") == "erased":
            return ERASED not in self.workspace.result(entry["id"])
        if entry["kind"] == "retain" and any(
            entry["details"]["gone"].get(k) for k in ("people", "objections")
        ):
            return ERASED not in self.workspace.result(entry["id"])
        return False

    # -- texts

    def texts(self, listed: Sequence[dict[str, Any]]) -> dict[str, int]:
        persons = {row["id"]: row["person"] for row in self.workspace.state.rows(Run)}
        counts = {"texts_sealed": 0, "texts_with_key": 0, "texts_erased": 0}
        for entry in listed:
            for key, digest in self._named_by(entry):
                state = self._state(entry, digest)
                counts["texts_sealed"] += 1
                counts["texts_with_key"] += state == "sealed"
                counts["texts_erased"] += state == "erased" and digest in self.erased
                if state == "erased" and self._is_lost(entry, digest):
                    self.lost.append(f"{key} of entry {entry['index']} ({entry['id']})")
                note = self._opened(entry, digest) if state == "sealed" else None
                if key == "who" and note is not None and digest not in self.erased:
                    _check_person(entry, json.loads(note), persons.get(entry["id"]))
        return counts

    def _is_lost(self, entry: dict[str, Any], digest: str) -> bool:
        return self.keys_here and digest not in self.erased and entry["index"] > self.unknown_until

    def _named_by(self, entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
        named = {key: entry["details"].get(key) for key in SEALED_KEYS}
        if (
            entry["kind"] == "object"
        ):  # whom to answer is in the result alone, which the entry holds the hash of
            named["contact"] = self.workspace.result(entry["id"]).get("contact")
        yield from ((key, digest) for key, digest in named.items() if digest is not None)

    def _state(self, entry: dict[str, Any], digest: str) -> str:
        state = self.seals.state(digest)
        if state in ("missing", "changed"):
            msg = f"sealed/{digest} is {state} (its hash is in entry {entry['index']})"
            raise LedgerError(msg, hint="restore the folder 'sealed' from a backup")
        return state

    def _opened(self, entry: dict[str, Any], digest: str) -> str | None:
        try:
            return self.seals.open(digest)
        except OSError:  # a key that is not for whoever verifies to read
            return None
        except CheckError as error:
            msg = f"the key of sealed/{digest} opens nothing (its hash is in entry {entry['index']})"
            raise LedgerError(msg, hint="restore the folder 'keys/seals' from a backup") from error

    # -- people

    def people(self) -> None:
        """Hold every row of somebody registered against the entries about them."""
        rows = self.workspace.state.rows(Person, order=Person.serial)
        acts = [entry for entry in self.every if entry["kind"] == "people"]
        added = {e["details"]["sealed"]: e for e in acts if e["details"]["act"] == "added"}
        ended = {e["details"]["sealed"] for e in acts if e["details"]["act"] == "ended"}
        times = Counter(row["sealed"] for row in rows)
        for row in rows:
            if row["sealed"] not in added or times[row["sealed"]] > 1:
                msg = f"{row['id']} is registered in the state database, but the ledger has no entry for that"
                raise LedgerError(msg, hint=f"{_RESTORE}; ask who can write to it")
        of_note: dict[str, dict[str, Any]] = {row["sealed"]: row for row in rows}
        for digest, entry in added.items():
            if (found := of_note.get(digest)) is None:
                msg = f"entry {entry['index']} registered somebody whom the state database doesn't know"
                raise LedgerError(msg, hint=_RESTORE)
            self._check_registered(entry, found, ended=digest in ended)

    def _check_registered(self, entry: dict[str, Any], row: dict[str, Any], *, ended: bool) -> None:
        digest, roles = row["sealed"], json.loads(row["roles"])
        if ended != (row["ended"] is not None) or ended != (row["token"] == ""):
            what = "has not ended" if ended else "has ended"
            msg = f"by the state database {row['id']} {what}, and by the ledger otherwise (entry {entry['index']})"
            raise LedgerError(msg, hint=_RESTORE)
        if ended and digest in self.erased:
            return
        if roles != entry["details"]["roles"]:
            msg = f"the state database gives {row['id']} other roles than entry {entry['index']}"
            raise LedgerError(msg, hint=_RESTORE)
        if self._state(entry, digest) != "sealed":
            return
        text = self._opened(entry, digest)
        note = {} if text is None else json.loads(text)
        # Who was registered by an earlier version has a note without roles and token.
        stored = {"person": row["id"], "roles": roles, "token": row["token"]}
        if any(note.get(key, value) != value for key, value in stored.items() if value != ""):
            msg = (
                f"the state database has another id, role or token for {row['id']} than its sealed note says"
            )
            msg += f" (entry {entry['index']})"
            raise LedgerError(msg, hint=f"{_RESTORE}; ask who can write to it")


def _check_person(entry: dict[str, Any], note: dict[str, Any], person: str | None) -> None:
    if (note["run"], note["role"], note["person"]) != (entry["id"], entry["actor"], person):
        msg = f"the state database names somebody else for {entry['id']} than the sealed note of entry {entry['index']}"
        raise LedgerError(msg, hint=_RESTORE)
