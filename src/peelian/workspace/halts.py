"""What the overseer has halted: read from the runs, and from the requests that are on their way to become runs.

A halt works from the moment at which its request lies in the folder ``halting``, though whoever is at work holds the
workspace: work under way looks there whenever it tells how far it is, and stops. The run and its ledger entry follow as
soon as the workspace is free, written by whoever comes next.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from peelian.charter import ROLES, Verifier
from peelian.charter.note import open_note
from peelian.errors import PeelianError, RefusedError
from peelian.workspace.state import Run

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["FOLDER", "KINDS", "HaltedError", "Kind", "Scope", "halted", "halts", "requests", "said"]

FOLDER = "halting"
Kind = Literal["system", "category", "source", "method"]
KINDS: tuple[Kind, ...] = ("system", "category", "source", "method")


class HaltedError(RefusedError):
    """Work was stopped, or not begun, because the overseer halted what it is about."""


@dataclass(frozen=True)
class Scope:
    """What a piece of work is about; whatever is left empty it does not touch, or does not know yet."""

    category: str = ""
    sources: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()

    def touched_by(self, halt: dict[str, Any]) -> bool:
        """Whether a halt is about this work."""
        named = {
            "category": (self.category,),
            "source": self.sources,
            "method": self.methods,
        }
        if halt["kind"] == "system":
            return True
        return _plain(halt["label"]) in {_plain(label) for label in named[halt["kind"]]}


def _plain(label: str) -> str:
    return label.strip().casefold()


def requests(folder: Path, *, vkey: str | None = None) -> list[dict[str, Any]]:
    """The halts that were asked for and are not in the ledger yet, the oldest first.

    A file that can't be read halts the system all the same: it's better to stop for nothing than to go on by mistake.

    Parameters
    ----------
    folder : Path
        The workspace.
    vkey : str, optional
        The ledger's public key. What was signed with it is ``proven``: whoever wrote it had the key of the workspace,
        and was asked who they were. Anybody who can write to the folder can write the rest.
    """
    found = []
    for path in sorted((folder / FOLDER).glob("[!.]*")):
        try:
            data, at = path.read_bytes(), path.stat().st_mtime
        except FileNotFoundError:  # it has become a run just now
            continue
        found.append({**(_read(data, vkey) or _unreadable(path, at)), "file": path.name})
    return sorted(found, key=lambda one: str(one["at"]))


def _read(data: bytes, vkey: str | None) -> dict[str, Any] | None:
    proven = False
    text = data.decode("utf-8", "replace")
    if vkey is not None:
        with suppress(PeelianError):
            text, proven = open_note(data, [Verifier.from_vkey(vkey)]).text, True
    try:
        request = json.loads(text.partition("\n\n")[0])
        told = {key: request[key] for key in ("asked", "kind", "label", "reason", "role", "person", "at")}
        datetime.fromisoformat(told["at"])
    except (ValueError, TypeError, KeyError):
        return None
    texts = all(isinstance(told[key], str) for key in told if key != "person")
    return {**told, "proven": proven} if texts and told["kind"] in KINDS and told["role"] in ROLES else None


def _unreadable(path: Path, at: float) -> dict[str, Any]:
    return {
        "asked": path.name,
        "kind": "system",
        "label": "",
        "reason": f"a request that can't be read lies in {FOLDER}/{path.name}",
        "role": "overseer",
        "person": None,
        "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "proven": False,
    }


def halts(workspace: Workspace) -> list[dict[str, Any]]:
    """Every halt that stands, the oldest first.

    Returns
    -------
    list of dict
        ``run`` (None while it is a request), ``kind``, ``label`` (empty for the system), ``reason``, ``role``, ``at``,
        and ``resumed_by``, the runs in which somebody agreed to end it.
    """
    standing: dict[str, dict[str, Any]] = {}
    for row in workspace.state.rows(Run, Run.verb.in_(("halt", "resume")), order=Run.serial):
        if row["verb"] == "halt":
            result = workspace.result(row["id"])
            told = {key: result[key] for key in ("kind", "label", "reason", "asked", "proven")}
            standing[row["id"]] = {
                "run": row["id"],
                **told,
                "role": result["role"],
                "at": row["at"],
                "resumed_by": [],
            }
        elif row["subject"] in standing:
            standing[row["subject"]]["resumed_by"].append(row["id"])
            if workspace.result(row["id"])["ended"]:
                del standing[row["subject"]]
    found = list(standing.values())
    known = {one["asked"] for one in found}
    waiting = [
        {
            "run": None,
            **{key: one[key] for key in ("kind", "label", "reason", "role", "at", "asked", "proven")},
            "resumed_by": [],
        }
        for one in requests(workspace.folder, vkey=(workspace.state.fact("ledger") or {}).get("vkey"))
        if one["asked"] not in known
    ]
    return found + waiting


def halted(workspace: Workspace, scope: Scope) -> dict[str, Any] | None:
    """The first halt that is about some work; None where it may go on."""
    return next((halt for halt in halts(workspace) if scope.touched_by(halt)), None)


def said(halt: dict[str, Any]) -> str:
    """What is halted, in words."""
    what = "the whole system" if halt["kind"] == "system" else f"the {halt['kind']} {halt['label']}"
    at = str(halt["at"])[:16].replace("T", " at ")
    who = f"the {halt['role']}" if halt["proven"] else f"somebody who did not prove to be the {halt['role']}"
    return f"{what} was halted on {at} UTC by {who}: {halt['reason'].rstrip('.')}"
