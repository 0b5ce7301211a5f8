"""Taking records out of backups that were made before: each is written again without them, and restored to prove it.

The state and the record files in it change, but not its ledger, which stays the one of its day. So it's given the list
of what became of which file, and a proof that an entry of this same ledger, made later, has the hash of that list.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from peelian.charter import Entry, Ledger
from peelian.charter.proof import PROOF_SUFFIX
from peelian.errors import CheckError, PeelianError
from peelian.records.erasure import destroy
from peelian.workspace.archive import HEADER, MANIFEST, WORKSPACE, members, read_archive, writing_archive
from peelian.workspace.backup import STATE
from peelian.workspace.backups import digest_and_size, reachable
from peelian.workspace.files import result_json, sha256_of
from peelian.workspace.removal import FOLDER as ERASING
from peelian.workspace.removal import destroy_folder, take_place
from peelian.workspace.restore import restore
from peelian.workspace.substituted import ERASED
from peelian.workspace.survey import Survey
from peelian.workspace.traces import RECORDS, Change, Wanted, change_of, without_words

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = [
    "Kept",
    "clear_leftovers",
    "find_changes",
    "hashes_after",
    "kept_backups",
    "proof_of",
    "rewrite",
    "survey_backups",
]


@dataclass
class Kept:
    """A backup that can be reached, and what of it changes.

    Parameters
    ----------
    run : str
        The run that made it.
    path : Path
    registered : bool
        Whether it's as its last writing left it on record.
    header : dict
    changes : dict of str to Change
        By the paths of files in the workspace.
    hashes : dict
        What their hashes were, and become.
    """

    run: str
    path: Path
    registered: bool
    header: dict[str, Any]
    changes: dict[str, Change] = field(default_factory=dict)
    hashes: dict[str, dict[str, str | None]] = field(default_factory=dict)

    @property
    def register_anew(self) -> bool:
        """Whether an erasure rewrote it, and died before it said so on record."""
        return not self.registered and bool(self.header.get("erased"))


def kept_backups(workspace: Workspace) -> tuple[list[Kept], list[str]]:
    """The backups that can be read whole, and the paths of those that are there and can't."""
    whole, damaged = [], []
    for one in reachable(workspace):
        path = Path(one["path"])
        try:
            manifest = read_archive(path)
        except (CheckError, OSError):
            damaged.append(str(path))
            continue
        whole.append(Kept(one["run"], path, one["state"] == "there", manifest.header))
    return whole, damaged


def clear_leftovers(backups: Sequence[Mapping[str, Any]]) -> None:
    """Remove what an erasure that died left beside backups."""
    for one in backups:
        path = Path(one["path"])
        draft, old = _beside(path)
        destroy(draft)
        if old.exists() and path.exists() and old.samefile(path):
            old.unlink()  # it died before the new one took its place: these are the only bytes of this backup
        destroy(old)


def _beside(path: Path) -> tuple[Path, Path]:
    """Under which names a backup is written, and its old bytes wait for being overwritten."""
    return path.with_name(f".{path.name}.erasing"), path.with_name(f".{path.name}.erased")


def survey_backups(kept: Sequence[Kept], survey: Survey) -> None:
    """See what the record files in backups have of some ids."""
    for one in kept:
        for member in members(one.path):
            inner = member.name.removeprefix(WORKSPACE)
            if inner.startswith(RECORDS):
                survey.look(inner.removeprefix(RECORDS), member.read())


def find_changes(one: Kept, wanted: Wanted) -> None:
    """See what of a backup changes."""
    for member in members(one.path):
        if not member.name.startswith(WORKSPACE):
            continue
        inner = member.name.removeprefix(WORKSPACE)
        data = member.read()
        change = change_of(inner, data, wanted)
        if change is not None:
            one.changes[inner] = change
            new = None if change.data is None else sha256_of(change.data)
            one.hashes[inner] = {sha256_of(data): new}


def proof_of(workspace: Workspace, run: str) -> bytes:
    """That the entry of a run, one of the last, is in the ledger: as a file that carries the entry."""
    ledger = Ledger.open(workspace.folder / "ledger")
    for index in range(ledger.size - 1, -1, -1):
        body = ledger.entries(index, index + 1)[0]
        if Entry.from_bytes(body).id == run:
            return ledger.prove(index).carrying(body).to_bytes()
    msg = f"the ledger has no entry for {run}"
    raise CheckError(msg, hint="peelian ledger verify")


def rewrite(workspace: Workspace, one: Kept, run: str, listed: bytes, wanted: Wanted) -> dict[str, Any]:
    """Write a backup again as `find_changes` found it to become; its SHA-256 and size.

    Raises
    ------
    CheckError
        What was written can't be restored with its ledger verified; the old file is still there then.
    """
    (workspace.folder / ERASING).mkdir(exist_ok=True)
    draft, old = _beside(one.path)
    proof = proof_of(workspace, run)
    header = {key: value for key, value in one.header.items() if key not in ("format", "version")}
    header["erased"] = [*one.header.get("erased", []), run]
    given = {f"{ERASED}/{run}.json": listed, f"{ERASED}/{run}{PROOF_SUFFIX}": proof}
    for path in sorted((workspace.folder / "ledger" / "rotation").glob("*")):
        given[f"{ERASED}/rotation/{path.name}"] = path.read_bytes()
    with writing_archive(draft, header) as archive:
        for member in members(one.path):
            inner = member.name.removeprefix(WORKSPACE)
            if member.name in (HEADER, MANIFEST) or inner in given:
                continue
            data: bytes | None = member.read()
            if inner == STATE:
                data = _state_without(workspace, data or b"", one, wanted)
            elif inner in one.changes:
                data = one.changes[inner].data
            if data is not None:
                archive.add(member.name, data)
        for name, data in given.items():
            archive.add(WORKSPACE + name, data)
    _prove(workspace, draft)
    take_place(draft, one.path, old)
    destroy(old)
    return digest_and_size(one.path)


def _prove(workspace: Workspace, draft: Path) -> None:
    """Restore a backup in a place of its own, which verifies it, and remove that again."""
    place = workspace.folder / ERASING / "restored"
    destroy_folder(place)
    try:
        restore(draft, place, state_url=f"sqlite:///{STATE}", with_keys=False)
    except PeelianError as error:
        destroy(draft)
        msg = f"a backup that was written again doesn't verify: {error.message}"
        raise CheckError(
            msg, hint="the old file is as it was; peelian restore tells what is wrong with it"
        ) from error
    finally:
        destroy_folder(place)


def _state_without(workspace: Workspace, data: bytes, one: Kept, wanted: Wanted) -> bytes:
    """The state in a backup, with its rows as the changed files are."""
    with TemporaryDirectory(dir=workspace.folder / ERASING) as folder:
        path = Path(folder) / STATE
        path.write_bytes(data)
        connection = sqlite3.connect(path)
        try:
            connection.execute("PRAGMA secure_delete = ON")
            with connection:
                _change_rows(connection, one, wanted)
            connection.execute("VACUUM")
        finally:
            connection.close()
        made = path.read_bytes()
        destroy(path)
        return made


def _change_rows(connection: sqlite3.Connection, one: Kept, wanted: Wanted) -> None:
    for name, became in one.hashes.items():
        new = next(iter(became.values()))
        if name.startswith(RECORDS) and new is None:
            connection.execute("DELETE FROM record_files WHERE path = ?", (name.removeprefix(RECORDS),))
        elif name.startswith(RECORDS):
            values = (new, name.removeprefix(RECORDS))
            connection.execute("UPDATE record_files SET sha256 = ? WHERE path = ?", values)
    rows = connection.execute("SELECT id, hashes FROM runs").fetchall()
    for run, text in rows:
        after = hashes_after(run, text, one.hashes)
        if after != text:
            connection.execute("UPDATE runs SET hashes = ? WHERE id = ?", (after, run))
    for run, body in connection.execute("SELECT id, body FROM decisions").fetchall():
        after = without_words(body, wanted.canaries)
        if after != body:
            connection.execute("UPDATE decisions SET body = ? WHERE id = ?", (after, run))


def hashes_after(run: str, text: str, became: Mapping[str, Mapping[str, str | None]]) -> str:
    """The hashes of a run's files, as JSON, once some of them were written anew."""
    hashes: dict[str, str] = json.loads(text)
    for name, digest in hashes.items():
        new = became.get(f"runs/{run}/{name}", {}).get(digest)
        if new is not None:
            hashes[name] = new
    return result_json(hashes)
