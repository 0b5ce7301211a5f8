"""``backup``: one file with everything that a workspace is, to be put elsewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from peelian._version import __version__
from peelian.charter import Ledger
from peelian.charter.durable import sync_folder
from peelian.errors import UsageError
from peelian.records.erasure import destroy
from peelian.workspace.archive import KEYS, WORKSPACE, Archive, read_archive, writing_archive
from peelian.workspace.backups import digest_and_size, locked_keys, passphrase_of
from peelian.workspace.removal import FOLDER as ERASING
from peelian.workspace.removal import Removal, forget, tidy
from peelian.workspace.state import State
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["STATE", "backup", "snapshot"]

STATE = "state.db"
"""Under which name a backup holds the state, wherever the workspace keeps it."""
_LEFT_OUT = (".lock", "cache", "halting", "keys", ERASING)


def backup(workspace: Workspace, path: Path | str, *, with_keys: bool = False) -> Outcome:
    """Write a backup, with everything but caches: what it holds is of one moment, as nobody can write meanwhile.

    Parameters
    ----------
    path : Path
        A file that doesn't exist yet, outside the workspace. It gets mode 600: it holds the records in the clear.
    with_keys : bool
        Also put in the private keys, encrypted under the passphrase in ``PEELIAN_BACKUP_PASSPHRASE``.

    Raises
    ------
    RefusedError
        The role may not.
    UsageError
        The file is there already or would lie in the workspace, or the passphrase isn't set or too short.
    """
    workspace.require("backup", {"kind": "workspace"})
    target = _free(workspace, Path(path))
    passphrase = passphrase_of() if with_keys else None
    with workspace.writing():
        run = workspace.new_run("backup")
        draft = target.with_name(f".{target.name}.writing")
        destroy(draft)
        # If this dies before it's on record, nobody would know where the records lie: then the file has to go, too.
        note = Removal(run, drafts=[str(draft), str(target)])
        note.stage(workspace.folder)
        header = _header(workspace, keys=with_keys)
        with writing_archive(draft, header) as archive:
            _fill(workspace, archive, passphrase)
        manifest = read_archive(draft)
        draft.rename(target)
        sync_folder(target.parent)
        result: dict[str, Any] = {
            "path": str(target),
            **digest_and_size(target),
            "keys": with_keys,
            "entries": header["size"],
            "root": header["root"],
            "members": len(manifest.members),
            "role": workspace.role,
            "text": (
                f"{target} holds {len(manifest.members):,} files and {header['size']:,} entries of the ledger"
                + (
                    ", with the private keys under the passphrase."
                    if with_keys
                    else ", without private keys."
                )
            ),
        }
        details = {key: result[key] for key in ("sha256", "bytes", "keys", "entries", "root")}
        done = workspace.commit(run, result, details=details)
        forget(workspace.folder / ERASING / run)
        tidy(workspace.folder)
        return done


def _free(workspace: Workspace, path: Path) -> Path:
    target = path.absolute()
    if target.exists() or target.is_symlink():
        msg = f"{path} was given for the backup, and is there already"
        raise UsageError(msg, hint="name a file that doesn't exist yet, by its date for instance")
    if not target.parent.is_dir():
        msg = f"{path} was given for the backup, but there is no folder {target.parent}"
        raise UsageError(msg, hint=f"mkdir -p {target.parent}")
    target = target.parent.resolve() / target.name
    if target.is_relative_to(workspace.folder.resolve()):
        msg = f"{path} was given for the backup, which would lie in the workspace and go with it"
        raise UsageError(msg, hint="name a file on another disk")
    return target


def _header(workspace: Workspace, *, keys: bool) -> dict[str, Any]:
    ledger = Ledger.open(workspace.folder / "ledger")
    head = ledger.checkpoint()
    return {
        "made": workspace.now().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "peelian": __version__,
        "origin": head.origin,
        "vkey": ledger.vkey,
        "size": head.size,
        "root": head.root_hash.hex(),
        "checkpoint": ledger.signed_checkpoint().decode(),
        "keys": keys,
    }


def _fill(workspace: Workspace, archive: Archive, passphrase: str | None) -> None:
    paths = list(_files(workspace))
    for done, path in enumerate(paths):
        workspace.tell("writing the backup", done, len(paths))
        archive.add_file(WORKSPACE + path.relative_to(workspace.folder).as_posix(), path)
    with snapshot(workspace) as copy:
        archive.add_file(WORKSPACE + STATE, copy)
    if passphrase is not None:
        folder = workspace.folder / "keys"
        keys = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        archive.add(KEYS, locked_keys(keys, passphrase))


def _files(workspace: Workspace) -> Iterator[Path]:
    """What belongs in: not the state's own file, of which a copy goes in, nor what can be made again."""
    records = {workspace.folder / "records" / name for name in workspace.record_files()}
    own = None if workspace.state.address.postgresql else Path(workspace.state.where).name
    for top in sorted(workspace.folder.iterdir()):
        if top.name in _LEFT_OUT or (own is not None and top.name.startswith(own)) or top.name == STATE:
            continue
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            hidden = any(part.startswith(".") for part in path.relative_to(workspace.folder).parts)
            if hidden or path.is_symlink() or not path.is_file():
                continue
            if top.name != "records" or path in records:
                yield path


@contextmanager
def snapshot(workspace: Workspace) -> Iterator[Path]:
    """A copy of the state as one SQLite file, through the database's own means; it's overwritten afterwards."""
    with TemporaryDirectory(dir=workspace.folder / ERASING) as folder:
        copy = Path(folder) / STATE
        if workspace.state.address.postgresql:
            other = State(f"sqlite:///{copy}", Path(folder))
            workspace.state.copy_into(other)
            other.close()
            source = sqlite3.connect(copy)
        else:
            source = sqlite3.connect(workspace.state.where)
        target = sqlite3.connect(copy.with_suffix(".copy"))
        try:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        finally:
            source.close()
            target.close()
        try:
            yield copy.with_suffix(".copy")
        finally:
            for path in Path(folder).iterdir():
                destroy(path)
