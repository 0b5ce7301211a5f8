"""Taking files away on record: what is to go is written down first, recorded in the ledger, and then carried out.

A process that dies before the record leaves everything as it was; one that dies after it leaves a list, which whoever
next writes in the workspace carries out. What was taken away stands in the run that did it, so that the ledger's check
knows which files are to be gone and what others have become (see `substituted`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peelian.charter.durable import replace_file, sync_folder
from peelian.workspace.files import result_json, sha256_of, sha256_of_file
from peelian.workspace.state import Run

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = [
    "FOLDER",
    "Removal",
    "destroy_folder",
    "forget",
    "pending",
    "settle",
    "take_place",
    "tidy",
    "write_record_files",
]

FOLDER = "erasing"
_TODO, _NEW, _OLD = "todo.json", "files", "old"


@dataclass
class Removal:
    """What a run is to take away.

    Parameters
    ----------
    run : str
        The run that will record it.
    replaced : dict of str to bytes
        What files of the workspace become, by their path in it.
    removed : list of str
        Files of the workspace that go, and whole paths of files elsewhere.
    seals : list of str
        Sealed texts that are erased, by the hash of their ciphertext.
    drafts : list of str
        Files elsewhere, which are to be gone if the run never happens.
    """

    run: str
    replaced: dict[str, bytes] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    seals: list[str] = field(default_factory=list)
    drafts: list[str] = field(default_factory=list)

    def stage(self, folder: Path) -> None:
        """Write down what is to be done in the workspace `folder`, durably."""
        place = folder / FOLDER / self.run
        for name, data in self.replaced.items():
            replace_file(place / _NEW / name, data)
        todo = {
            "replaced": {name: sha256_of(data) for name, data in self.replaced.items()},
            "removed": sorted(self.removed),
            "seals": sorted(self.seals),
            "drafts": sorted(self.drafts),
        }
        replace_file(place / _TODO, result_json(todo).encode())

    def hashes(self, folder: Path) -> dict[str, dict[str, str | None]]:
        """For each path what its hash was, and what it becomes; None where the file goes."""
        new: dict[str, str | None] = {name: sha256_of(data) for name, data in self.replaced.items()}
        new |= dict.fromkeys(name for name in self.removed if not Path(name).is_absolute())
        return {name: {sha256_of_file(folder / name): digest} for name, digest in sorted(new.items())}


def write_record_files(
    folder: Path, changes: Mapping[str, bytes | None], run: str
) -> tuple[list[str], list[str]]:
    """Write record files as they become, under names of their own: the old ones stay until that is on record.

    Parameters
    ----------
    folder : Path
        Of the records.
    changes : mapping of str to bytes or None
        What each file becomes; None where it goes.

    Returns
    -------
    added, removed : list of str
        For `Workspace.commit`.
    """
    added = []
    for number, (old, data) in enumerate(changes.items()):
        if data is not None:
            # The first part of a name says which import the rows came with.
            name = f"{Path(old).stem.split('~')[0]}~{run}-{number}.parquet"
            added.append(Path(old).with_name(name).as_posix())
            replace_file(folder / added[-1], data)
    return added, list(changes)


def pending(folder: Path, name: str) -> Path | None:
    """What a file of the workspace is about to become, where a process died before it was that."""
    return next(iter((folder / FOLDER).glob(f"*/{_NEW}/{name}")), None)


def settle(workspace: Workspace) -> None:
    """Carry out what was recorded and not finished, and forget what was never recorded. Safe to repeat."""
    places = [path for path in (workspace.folder / FOLDER).iterdir() if path.is_dir()]
    known = {row["id"] for row in workspace.state.rows(Run, Run.id.in_([path.name for path in places]))}
    for place in sorted(places):
        todo = _todo(place)
        if todo is not None and place.name in known:
            _carry_out(workspace, place, todo)
        elif todo is not None:
            for name in todo["drafts"]:
                _destroy(Path(name))
        forget(place)
    tidy(workspace.folder)


def forget(place: Path) -> None:
    """Remove what was written down, the list itself last: whoever dies before that can begin again."""
    for path in _files(place):
        if path.name != _TODO:
            _destroy(path)
    (place / _TODO).unlink(missing_ok=True)  # it has names and hashes only, and is whole or gone
    shutil.rmtree(place, ignore_errors=True)


def tidy(folder: Path) -> None:
    """Remove the place for what is to be done in a workspace, where nothing is."""
    with suppress(OSError):
        (folder / FOLDER).rmdir()


def _todo(place: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((place / _TODO).read_bytes())
    except FileNotFoundError:  # it died while it was writing this down
        return None
    return found


def _carry_out(workspace: Workspace, place: Path, todo: dict[str, Any]) -> None:
    for number, name in enumerate(todo["replaced"]):
        new, target, old = place / _NEW / name, workspace.folder / name, place / _OLD / str(number)
        if not new.exists():
            continue
        old.parent.mkdir(exist_ok=True)
        take_place(new, target, old)
    for path in sorted((place / _OLD).glob("*")):
        _destroy(path)
    for name in todo["removed"]:
        _destroy(workspace.folder / name)
    for digest in todo["seals"]:
        workspace.seals.destroy(digest)


def take_place(new: Path, target: Path, old: Path) -> None:
    """Let one file take the place of another, whose bytes keep the name `old` until they are overwritten.

    In between the target is the old file or the new one. Where the file system has no links, the old bytes are
    overwritten at once through the open file.
    """
    handle = None
    try:
        old.hardlink_to(target)
    except (FileExistsError, FileNotFoundError):
        pass
    except OSError:
        handle = os.open(target, os.O_WRONLY)
    new.replace(target)
    sync_folder(target.parent)
    if handle is not None:
        from peelian.records.erasure import overwrite

        overwrite(handle)


def destroy_folder(folder: Path) -> int:
    """Overwrite and remove every file below a folder, and the folder; how many files there were."""
    n = 0
    for path in _files(folder):
        n += _destroy(path)
    shutil.rmtree(folder, ignore_errors=True)
    return n


def _files(folder: Path) -> Iterable[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_symlink() or path.is_file()]


def _destroy(path: Path) -> bool:
    # Every command asks whether anything is to go, and little ever is.
    from peelian.records.erasure import destroy

    return destroy(path)
