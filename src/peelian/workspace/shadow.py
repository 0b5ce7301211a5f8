"""A workspace as it was before one of its runs, beside the real one: what a replay computes in.

Records and earlier runs are links to the real files, which are never written again once they are there; the state is
built anew in a SQLite file, and the ledger is the real one's beginning, entry for entry.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import insert

from peelian.charter import Ledger, Policy
from peelian.workspace.calls import KEPT
from peelian.workspace.config import FILE, load_config, render_config
from peelian.workspace.guard import Guard
from peelian.workspace.identity import Actor
from peelian.workspace.outcome import Progress
from peelian.workspace.state import DecisionRow, RecordFile, Run, State
from peelian.workspace.workspace import Workspace

__all__ = ["records_before", "shadow"]

URL = "sqlite:///state.db"


class _Past(Guard):
    """Asks nobody: who may replay was asked before, and what is done again was allowed when it was done."""

    def require(self, action: str, resource: Mapping[str, Any], context: Mapping[str, Any] | None) -> None:
        """Let it be computed; nothing of a replay is decided, published or kept as a result."""


class _Shadow(Workspace):
    def __init__(self, folder: Path, *, actor: Actor, progress: Progress, now: datetime) -> None:
        super().__init__(folder, role=actor.role, progress=progress, now=lambda: now)
        self.guard = _Past(self, self.guard.policy, actor)

    def _finish(self) -> None:
        """Nobody died here; and what has become due since is not to happen in the past."""


def records_before(workspace: Workspace, serial: int) -> dict[str, str]:
    """SHA-256 of each record file that was visible before the run of that serial number, by its path."""
    lists = [
        row["id"]
        for row in workspace.runs()
        if row["serial"] < serial and "records.json" in json.loads(row["hashes"])
    ]
    found: dict[str, str] = (
        json.loads(workspace.checked(lists[-1], "records.json").read_bytes()) if lists else {}
    )
    return found


@contextmanager
def shadow(
    workspace: Workspace,
    row: Mapping[str, Any],
    *,
    config: str,
    records: Mapping[str, str],
    at: Mapping[str, str],
    index: int,
) -> Iterator[Workspace]:
    """The workspace as it was before a run.

    Parameters
    ----------
    row : mapping
        The run.
    config : str
        SHA-256 of the configuration of the time; the present one is taken where that was not kept.
    records : mapping of path to SHA-256
        The record files that were visible.
    at : mapping of path to path
        Where each of them lies now.
    index : int
        Of the run's entry in the ledger.
    """
    with TemporaryDirectory(prefix=".replay-", dir=workspace.folder.absolute()) as name:
        folder = Path(name)
        _write_config(workspace, folder, config)
        Policy.write_defaults(folder / "policy")
        for path in records:
            _link(workspace.folder / "records" / at[path], folder / "records" / path)
        (folder / "runs").mkdir()
        earlier = [one for one in workspace.runs() if one["serial"] < row["serial"]]
        for one in earlier:
            (folder / "runs" / one["id"]).symlink_to((workspace.folder / "runs" / one["id"]).absolute())
        _build_ledger(workspace, folder, index)
        _build_state(workspace, folder, earlier, records)
        made_at = datetime.fromisoformat(row["at"])
        actor = Actor(row["role"])
        yield _Shadow(folder, actor=actor, progress=workspace.progress, now=made_at)


def _write_config(workspace: Workspace, folder: Path, digest: str) -> None:
    kept = workspace.folder / KEPT / f"{digest}.toml"
    shutil.copyfile(kept if kept.is_file() else workspace.folder / FILE, folder / FILE)
    config = load_config(folder)
    for name in (config.place.areas, *config.place.features.values(), *config.records.categories.values()):
        if name is not None and (workspace.folder / name).is_file():
            _link(workspace.folder / name, folder / name)
    elsewhere = config.model_copy(update={"state": type(config.state)(url=URL)})
    (folder / FILE).write_text(render_config(elsewhere), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source.absolute())


def _build_ledger(workspace: Workspace, folder: Path, index: int) -> None:
    """The ledger's first entries under its own key, where that is here: so its checkpoint is the one of the time."""
    key = workspace.folder / "keys" / "ledger.key"
    (folder / "keys").mkdir(mode=0o700)
    if key.is_file():
        _link(key, folder / "keys" / "ledger.key")
    real = Ledger.open(workspace.folder / "ledger")
    made = Ledger.create(folder / "ledger", origin=real.origin, key_path=folder / "keys" / "ledger.key")
    if index:
        made.append(real.entries(0, index))


def _build_state(
    workspace: Workspace, folder: Path, earlier: list[dict[str, Any]], records: Mapping[str, str]
) -> None:
    names = {one["id"] for one in earlier}
    decisions = [d for d in workspace.state.rows(DecisionRow, order=DecisionRow.serial) if d["id"] in names]
    states = {d["subject"]: json.loads(d["body"])["state"] for d in decisions}
    ledger = Ledger.open(folder / "ledger")
    head = ledger.checkpoint()
    state = State(URL, folder)
    state.create(new=True)
    with state.begin() as connection:
        for one in earlier:
            undecided = "proposed" if one["verb"] == "plan" else one["state"]
            connection.execute(insert(Run).values(**{**one, "state": states.get(one["id"], undecided)}))
        for path, digest in records.items():
            connection.execute(insert(RecordFile).values(path=path, run=Path(path).stem, sha256=digest))
        for decision in decisions:
            connection.execute(insert(DecisionRow).values(**decision))
        if records:  # the first import settles them
            for key in ("crs", "zone"):
                state.set_fact(connection, key, workspace.state.fact(key))
        told = {"size": head.size, "root": head.root_hash.hex(), "vkey": ledger.vkey}
        state.set_fact(connection, "ledger", told)
    state.close()
