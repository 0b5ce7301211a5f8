"""Looking for what was erased: in every file of the workspace, in its state, in sealed texts and in its backups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peelian.errors import CheckError, DataError
from peelian.workspace.archive import WORKSPACE, members
from peelian.workspace.canaries import Canary, Found, look_in_bytes, look_in_rows
from peelian.workspace.state import Base

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["Searched", "search"]


@dataclass
class Searched:
    """What a search looked at, and what it found.

    Parameters
    ----------
    files, bytes, rows, sealed, backups : int
        How many files and bytes of them, texts of the state, sealed texts and backups were looked at.
    found : list of Found
    """

    files: int = 0
    bytes: int = 0
    rows: int = 0
    sealed: int = 0
    backups: int = 0
    found: list[Found] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        counts = {key: getattr(self, key) for key in ("files", "bytes", "rows", "sealed", "backups")}
        return {**counts, "found": [found.to_dict() for found in self.found]}


def search(workspace: Workspace, canaries: Sequence[Canary], *, backups: Sequence[Path] = ()) -> Searched:
    """Look for canaries everywhere that the workspace reaches.

    Parameters
    ----------
    backups : sequence of Path
        Files that `peelian backup` made; each is looked through with what is in it.
    """
    seen = Searched()
    paths = [path for path in sorted(workspace.folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    for done, path in enumerate(paths):
        workspace.tell("searching every file", done, len(paths))
        try:
            data = path.read_bytes()
        except FileNotFoundError:  # SQLite's log comes and goes
            continue
        seen.files += 1
        seen.bytes += len(data)
        seen.found += look_in_bytes(path.relative_to(workspace.folder).as_posix(), data, canaries)
    seen.found += look_in_rows("state", _counted(_rows(workspace), seen), canaries)
    _look_in_sealed(workspace, canaries, seen)
    for path in backups:
        workspace.tell("searching the backups", seen.backups, len(backups))
        seen.backups += 1
        seen.found += _in_backup(path, canaries)
    return seen


def _counted(values: Iterator[str], seen: Searched) -> Iterator[str]:
    for value in values:
        seen.rows += 1
        yield value


def _rows(workspace: Workspace) -> Iterator[str]:
    """Every text of every table of the state, wherever it's kept."""
    for mapper in Base.registry.mappers:
        for row in workspace.state.rows(mapper.class_):
            yield from (str(value) for value in row.values() if value is not None)


def _look_in_sealed(workspace: Workspace, canaries: Sequence[Canary], seen: Searched) -> None:
    """What residents and colleagues wrote lies encrypted: it's opened for this, as far as it hasn't been erased."""
    folder = workspace.folder / "sealed"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if workspace.seals.state(path.name) != "sealed":
            continue
        seen.sealed += 1
        text = workspace.seals.open(path.name)
        name = f"sealed/{path.name} (its text)"
        seen.found += look_in_rows(name, [text], canaries)


def _in_backup(path: Path, canaries: Sequence[Canary]) -> list[Found]:
    found: list[Found] = []
    try:
        found += look_in_bytes(str(path), path.read_bytes(), canaries)
        for member in members(path):
            inner = member.name.removeprefix(WORKSPACE)
            found += look_in_bytes(f"{path}: {inner}", member.read(), canaries)
    except (CheckError, DataError, OSError):
        found.append(Found(str(path), "any", "unreadable", "", 1))
    return found
