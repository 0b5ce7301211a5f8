"""``restore``: a workspace from a backup, in an empty folder; nothing is written before the backup was read whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from peelian.errors import CheckError, LedgerError, UsageError
from peelian.records.erasure import destroy
from peelian.workspace.archive import HEADER, KEYS, WORKSPACE, Manifest, members, read_archive
from peelian.workspace.backup import STATE
from peelian.workspace.backups import PASSPHRASE, passphrase_of, unlocked_keys
from peelian.workspace.config import FILE, load_config
from peelian.workspace.files import sha256_of_file
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.outcome import Outcome, Progress, silent
from peelian.workspace.state import State
from peelian.workspace.workspace import Workspace

__all__ = ["restore"]

_FOLDERS = ("records", "runs", "public", "policy", "keys")


def restore(
    path: Path | str,
    folder: Path | str,
    *,
    state_url: str | None = None,
    with_keys: bool = True,
    progress: Progress | None = None,
) -> Outcome:
    """Make a workspace of a backup, and verify its ledger with every file that it speaks of.

    Parameters
    ----------
    path : Path
        What `backup` wrote.
    folder : Path
        Doesn't exist yet, or is empty.
    state_url : str, optional
        Where the restored workspace keeps its state, in place of what its configuration says.
    with_keys : bool
        Restore the private keys too, where the backup has them and their passphrase is set.

    Returns
    -------
    Outcome
        Of no run: a workspace without its keys can't sign an entry.

    Raises
    ------
    UsageError
        The folder is in use, or another workspace keeps its state where this one would.
    CheckError
        The backup is cut, was changed, is of another version or none; or its ledger doesn't verify. Nothing is left.
    """
    path, folder = Path(path), Path(folder)
    tell = progress or silent
    _refuse_used(folder)
    if not path.is_file():
        msg = f"{path} was given as a backup, but there is no such file"
        raise UsageError(msg, hint="peelian backup --list --workspace FOLDER names those that were made")
    tell("reading the backup", 0, 0)
    manifest = read_archive(path)
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    draft = Path(mkdtemp(prefix=f".{folder.absolute().name}.", dir=folder.absolute().parent))
    opened: State | None = None
    try:
        keys = _unpack(path, draft, manifest, tell, with_keys=with_keys)
        if state_url is not None:
            _keep_state_in(draft / FILE, state_url)
        state = _place_state(draft)
        opened = state if state.address.postgresql or not _within(state, draft) else None
        tell("verifying the ledger", 0, 0)
        found = _verified(draft)
        state.close()
        draft.chmod(0o755)
        draft.rename(folder)
    except BaseException:
        if opened is not None:
            opened.drop()
        shutil.rmtree(draft, ignore_errors=True)
        raise
    head = manifest.header
    result: dict[str, Any] = {
        "folder": str(folder),
        "made": head["made"],
        "origin": head["origin"],
        "entries": found["entries"],
        "root": head["root"],
        "files_checked": found["files_checked"],
        "record_files_checked": found["record_files_checked"],
        "erased_since": head.get("erased", []),
        "keys": keys,
        "text": _said(folder, head, keys),
    }
    return Outcome("", result)


def _refuse_used(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        msg = f"{folder} was given for the restored workspace, but it isn't an empty folder"
        raise UsageError(msg, hint="name a folder that doesn't exist yet")


def _unpack(path: Path, draft: Path, manifest: Manifest, tell: Progress, *, with_keys: bool) -> str:
    """Write out what was checked, and hold it against the list once more; whether the keys came with it."""
    for name in _FOLDERS:
        (draft / name).mkdir()
    (draft / "keys").chmod(0o700)
    keys = "not in it"
    for done, member in enumerate(members(path)):
        tell("restoring", done, len(manifest.members) + 1)
        if member.name == KEYS:
            keys = _restore_keys(member.read(), draft / "keys") if with_keys else "locked"
        elif member.name.startswith(WORKSPACE):
            target = draft / member.name.removeprefix(WORKSPACE)
            target.parent.mkdir(parents=True, exist_ok=True)
            member.copy_to(target)
            if sha256_of_file(target) != manifest.members[member.name]["sha256"]:
                msg = f"{path} was changed while it was read"
                raise CheckError(msg, hint="copy it to a place where nobody writes, and restore that")
        elif member.name == HEADER:
            member.drain()
    return keys


def _restore_keys(data: bytes, folder: Path) -> str:
    if not os.environ.get(PASSPHRASE):
        return "locked"
    for name, key in unlocked_keys(data, passphrase_of()).items():
        target = (folder / name).resolve()
        if not target.is_relative_to(folder.resolve()):
            msg = f"the backup holds a key called {name!r}"
            raise CheckError(msg, hint="it wasn't made by Peelian")
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(key)
    return "restored"


def _keep_state_in(path: Path, url: str) -> None:
    """Let the configuration say where the state is; the rest of the file stays as it was."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next((i for i, line in enumerate(lines) if line.split("#")[0].strip() == "[state]"), None)
    quoted = '"' + url.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if at is None:
        lines += ["\n[state]\n", f"url = {quoted}\n"]
    else:
        end = next((i for i in range(at + 1, len(lines)) if lines[i].startswith("[")), len(lines))
        kept = [line for line in lines[at + 1 : end] if line.split("=")[0].strip() != "url"]
        lines[at + 1 : end] = [f"url = {quoted}\n", *kept]
    path.write_text("".join(lines), encoding="utf-8")


def _within(state: State, folder: Path) -> bool:
    return Path(state.where).is_relative_to(folder.absolute())


def _place_state(draft: Path) -> State:
    """Put the state where the configuration says; it has to be empty there."""
    copy = draft / STATE
    own = State(f"sqlite:///{STATE}", draft)
    wanted = State(load_config(draft).state.url, draft)
    if wanted.where == own.where:
        own.close()
        return wanted
    try:
        own.copy_into(wanted)
    finally:
        own.close()
    for part in sorted(draft.glob(f"{copy.name}*")):
        destroy(part)
    return wanted


def _verified(draft: Path) -> dict[str, Any]:
    workspace = Workspace(draft, token="")  # none: who is known now may not have been known then
    try:
        return verify_ledger(workspace)
    except LedgerError:
        raise
    except CheckError:
        # A backup may be of a moment when too few witnesses had seen the ledger: that is no fault of the file.
        ledger = workspace.config.ledger
        if ledger.quorum == 0:
            raise
        workspace.config = workspace.config.model_copy(
            update={"ledger": ledger.model_copy(update={"quorum": 0})}
        )
        return verify_ledger(workspace)
    finally:
        workspace.state.close()


def _said(folder: Path, head: dict[str, Any], keys: str) -> str:
    said = f"{folder} is as it was on {str(head['made'])[:16].replace('T', ' at ')} UTC, and its ledger verifies."
    if keys == "restored":
        return said + " Its private keys came with it."
    why = f"they are encrypted, and {PASSPHRASE} is not set" if keys == "locked" else "the backup holds none"
    return f"{said} It has no private keys ({why}): put those that you keep into {folder / 'keys'} before you go on."
