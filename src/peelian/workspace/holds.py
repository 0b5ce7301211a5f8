"""What is held: read from the runs themselves. A hold keeps records, and what was made from them, from being deleted.

Litigation, an audit or an open complaint needs what retention would take away. A hold says what it covers and why;
`retain` leaves that and says so, and `erase` is refused by a hard rule of the charter, until somebody else releases it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peelian.workspace.state import Run
from peelian.workspace.workspace import Workspace

if TYPE_CHECKING:
    from peelian.records.selection import Selection

__all__ = ["holds", "holds_on_run", "selection_of"]


def holds(workspace: Workspace) -> list[dict[str, Any]]:
    """Every hold that stands, the oldest first.

    Returns
    -------
    list of dict
        ``run``, by which it is released; ``source``, ``category``, ``from`` and ``to``, None where that doesn't narrow
        it; ``covers``, the same in words; ``reason``, ``role`` and ``at``.
    """
    standing: dict[str, dict[str, Any]] = {}
    for row in workspace.state.rows(Run, Run.verb.in_(("hold", "release")), order=Run.serial):
        if row["verb"] == "release":
            standing.pop(row["subject"], None)
            continue
        result = workspace.result(row["id"])
        told = {key: result[key] for key in ("source", "category", "from", "to", "covers", "reason")}
        standing[row["id"]] = {"run": row["id"], **told, "role": row["role"], "at": row["at"]}
    return list(standing.values())


def selection_of(hold: dict[str, Any]) -> Selection:
    """The records that a hold covers."""
    from peelian.records.selection import Selection  # most commands ask for holds, and few read records

    return Selection.from_dict(hold)


def holds_on_run(standing: list[dict[str, Any]], category: str) -> list[str]:
    """Those holds, by their runs, which cover a result about a category; an empty one is about all of them.

    A result rests on records of every source and of a long time, so that a hold's source and days don't narrow this.
    """
    return [hold["run"] for hold in standing if selection_of(hold).of_category(category)]
