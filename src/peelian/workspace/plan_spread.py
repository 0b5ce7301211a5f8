"""How concentrated a plan is, and how long the same places have been chosen by the plans before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from peelian.audits.spread import spread_audit
from peelian.audits.unit_exposure import UnitExposure
from peelian.response import Plan
from peelian.workspace.residents import residents_by_cell
from peelian.workspace.state import Run
from peelian.workspace.thresholds import Held
from peelian.workspace.unit_table import units_of_plan
from peelian.workspace.workspace import Workspace

__all__ = ["MOST_PLANS", "spread_of", "wide_of"]

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


def wide_of(workspace: Workspace, plan: Plan, *, run: str, level: float = 0.95) -> dict[str, Any]:
    """The plan's ratios with the intervals of `peelian.audits.table`, from blocks of several sizes.

    Blocks of one size miss what is alike over more than that size. The same functions audit other agencies' tables, so
    that a plan of ours is held to what they are held to.
    """
    units, reference = units_of_plan(workspace, plan, run=run)
    one = UnitExposure.of(
        units,
        units.parts()[0],
        reference=reference,
        level=level,
        replicates=2000,
        seed=workspace.config.forecast.seed,
    )
    rows, sentences = [], []
    for group in one.groups[1:]:
        made = one.ratio(group)
        ends = {"value": made.value, "low": made.low, "high": made.high, "p": made.p, "blocks": made.blocks}
        rows.append({"group": group, "reference": reference, **ends})
        if made.low is not None and made.high is not None:
            sentences.append(
                f"Drawn in blocks of several sizes, up to a fifth of the city, as any other agency's table would be, "
                f"the {100 * level:g} % interval of {group} to {reference} residents is {made.low:.2f} to "
                f"{made.high:.2f}: what is alike over more than one block makes a city less sure than blocks of one "
                "size say."
            )
    return {"level": level, "ratios": rows, "sentences": sentences}


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
