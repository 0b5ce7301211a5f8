"""How concentrated a plan is, and how long the same places have been chosen by the plans before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from peelian.audits.spread import spread_audit
from peelian.response import Plan
from peelian.workspace.residents import residents_by_cell
from peelian.workspace.state import Run
from peelian.workspace.thresholds import Held
from peelian.workspace.workspace import Workspace

__all__ = ["MOST_PLANS", "spread_of"]

MOST_PLANS = 52
"""Plans that are looked back on: a year of weekly ones."""

Bools = npt.NDArray[np.bool_]


def spread_of(workspace: Workspace, plan: Plan, *, run: str, held: Held) -> dict[str, Any]:
    """The spread of a plan as plain values, with what it rests on in ``notes``.

    Parameters
    ----------
    run : str
        The plan's run: plans of its category that were made before it, one a period (the last), are looked back on.
    """
    residents, _ = residents_by_cell(workspace, plan.grid)
    before, others = _before(workspace, plan, run)
    x, y = plan.grid.centres()
    found = spread_audit(
        plan.hours,
        residents,
        x,
        y,
        before=before,
        thresholds=held.thresholds,
        seed=workspace.config.forecast.seed,
    )
    notes = []
    if others:
        notes.append(
            f"{others} earlier plans are on another grid, or name a cell outside of it, and are left out."
        )
    return {**found.to_dict(), "notes": notes}


def _before(workspace: Workspace, plan: Plan, run: str) -> tuple[list[Bools], int]:
    """Cells that earlier plans chose, in the order of their periods, and how many plans can't be told on this grid."""
    serial = workspace.state.rows(Run, Run.id == run)[0]["serial"]
    period = workspace.result(run)["period"]
    rows = [row for row in workspace.runs("plan", category=plan.category) if row["serial"] < serial]
    last: dict[str, list[str]] = {}
    for row in rows:
        stored = workspace.result(row["id"])
        if stored["period"] < period and not stored.get("draft"):
            last[stored["period"]] = [str(place["cell"]) for place in stored["places"]]
    number = {name: i for i, name in enumerate(plan.grid.ids)}
    found, others = [], 0
    for when in sorted(last)[-(MOST_PLANS - 1) :]:
        if all(name in number for name in last[when]):
            chosen = np.zeros(len(plan.grid), dtype=bool)
            chosen[[number[name] for name in last[when]]] = True
            found.append(chosen)
        else:
            others += 1
    return found, others
