"""``review``: what came of a decision once it is over, and with that it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from peelian.charter import check_reason, transition
from peelian.workspace.attend import dosage
from peelian.workspace.forecast import load_surface
from peelian.workspace.objections import counts_of
from peelian.workspace.standing import Decided, find_decision, moment, written
from peelian.workspace.workspace import Outcome, Workspace

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare", "review"]

LIMITS = (
    (
        "What was reported in these places is told beside what was expected. That doesn't say what attending them "
        "did: for that, places that were attended have to be compared with like places that were not."
    ),
    "Reports still come in after a period has ended.",
)


def review(workspace: Workspace, decision: str | None = None, *, reason: str) -> Outcome:
    """Review a decision that has expired or was withdrawn: what was planned, done and reported; it is closed by that.

    Parameters
    ----------
    decision : str, optional
        Id of a decision or of its plan; the latest decision when not given.
    reason : str
        What the reviewer makes of it, in words; required.

    Returns
    -------
    Outcome
        ``planned`` (places and hours), ``done`` (from what was entered with `peelian.workspace.attend`), ``reports``
        in the chosen places beside the forecast (None while no records of that period are there), ``looked``,
        ``dissents`` and ``objections``.

    Raises
    ------
    RefusedError
        The role may not review, or the decision is not over.
    UsageError
        There is no such decision, or the reason says too little.
    """
    said = check_reason(reason)
    with workspace.writing():
        found = find_decision(workspace, decision)
        before = found.standing(moment(workspace))
        resource = {"kind": "plan", "id": found.id, "author_role": found.plan["role"], "state": before}
        workspace.require("review", resource)
        after = transition(before, "review")
        result: dict[str, Any] = {
            "plan": found.plan["id"],
            "decision": found.id,
            "before": before,
            "state": after,
            "role": workspace.role,
            "reason": said,
            "at": written(moment(workspace)),
            **compare(workspace, found),
            "limits": list(LIMITS),
            "origin": workspace.origin(),
        }
        return workspace.commit(
            workspace.new_run("review"),
            result,
            subject=found.id,
            category=found.plan["category"],
            run_states={found.plan["id"]: after},
            details={"plan": found.plan["id"], "decision": found.id, "state": after},
        )


def compare(workspace: Workspace, found: Decided) -> dict[str, Any]:
    """What was planned, what was done, what was reported, and what else is known of a decision."""
    cells = found.cells(workspace)
    raw = found.result["decision"]
    dissents = [row["id"] for row in workspace.runs("dissent") if row["subject"] == found.id]
    return {
        "planned": {"places": len(cells), "hours": sum(cells.values())},
        "done": _done(dosage(workspace, found.id), cells),
        "reports": _reports(workspace, found, cells),
        "looked": raw.get("looked"),
        "dissents": ([found.id] if raw.get("dissent") else []) + dissents,
        "objections": counts_of(workspace, found.id),
    }


def _done(visits: pd.DataFrame, cells: dict[str, float]) -> dict[str, Any]:
    """Visits added up, for the places of the plan and for others."""
    there = visits[visits["attended"]]
    inside = there[there["planned"]]
    hours = there.groupby("with")["minutes"].sum() / 60
    reached = set(inside["cell"])
    return {
        "entered": len(visits),
        "places": len(reached),
        "hours": round(float(inside["minutes"].sum()) / 60, 2),
        "share_of_hours": round(float(inside["minutes"].sum()) / 60 / sum(cells.values()), 4)
        if cells
        else None,
        "visits": len(inside),
        "places_not_attended": sorted(set(cells) - reached),
        "outside": {
            "places": int(there[~there["planned"]]["cell"].nunique()),
            "hours": round(float(there[~there["planned"]]["minutes"].sum()) / 60, 2),
        },
        "hours_by_means": {str(means): round(float(h), 2) for means, h in hours.items()},
    }


def _reports(workspace: Workspace, found: Decided, cells: dict[str, float]) -> dict[str, Any] | None:
    """What was reported in the chosen places in the forecast's period, beside what was expected there."""
    source = workspace.result(found.plan["id"])["forecast"]
    stored, grid = workspace.result(source), load_surface(workspace, source).grid
    period = stored["period"]
    known_to = _known_to(workspace)
    if known_to is None or known_to < period["start"]:
        return None
    incidents = workspace.incidents(
        category=stored["category"], officer_initiated=False, start=period["start"], end=period["end"]
    )
    index = grid.locate(incidents.frame["x"].to_numpy(), incidents.frame["y"].to_numpy())
    reported = int(np.isin(grid.ids[index[index >= 0]].astype(str), list(cells)).sum())
    covered = (found.result.get("plan") or workspace.result(found.plan["id"]))["covered"]
    return {
        "period": period,
        "expected": covered["expected"],
        "low": covered["low"],
        "high": covered["high"],
        "level": covered.get("level"),
        "reported": _shown(workspace, reported),
        "known_to": known_to,
        # Records of the last day, or of a later one, are there.
        "complete": bool(np.datetime64(known_to) >= np.datetime64(period["end"]) - np.timedelta64(1, "D")),
    }


def _known_to(workspace: Workspace) -> str | None:
    """The last day of which the workspace holds a record of whatever kind; None where it holds none."""
    if not workspace.record_files():
        return None
    workspace.check_records()
    table = workspace.store.table()
    [found] = table.agg(last=table.occurred_from.max()).to_pyarrow().to_pylist()
    return None if found["last"] is None else str(found["last"])[:10]


def _shown(workspace: Workspace, number: int) -> int | str:
    """A number of reports; a small one is for those who may read records."""
    threshold = workspace.config.publish.threshold
    if 0 < number < threshold:
        answer = workspace.policy.ask(workspace.role, "read_records", {"kind": "records"})
        return number if answer.allowed else f"<{threshold}"
    return number
