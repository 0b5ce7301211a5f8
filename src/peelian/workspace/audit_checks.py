"""The checks beside a plan's exposure: whether it stands other reporting, labels and grids, and a closer look.

They belong to ``peelian audit plan`` alone: whoever looks at a plan or amends it waits for the exposure only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits import spatial_blocks
from peelian.audits.base import Audit
from peelian.audits.benefit import STAGES, benefit_audit
from peelian.audits.chance import MOVED
from peelian.audits.comparisons import comparison_audit, p_of_draws
from peelian.audits.finding import Finding
from peelian.audits.labels import FEWEST_UNITS, shifts
from peelian.audits.placebo import placebo_audit
from peelian.audits.power import power_audit
from peelian.audits.reporting import reporting_audit
from peelian.audits.resampled import Resampled
from peelian.audits.sensitivity import sensitivity_audit
from peelian.audits.subgroups import subgroup_audit
from peelian.errors import NotEnoughDataError
from peelian.methods import method_by_name
from peelian.patterns.windows import grid_windows
from peelian.places import Counts
from peelian.places.crs import metres_per_unit
from peelian.response import Plan
from peelian.workspace.attend import dosage
from peelian.workspace.residents import residents_by_cell
from peelian.workspace.standing import decisions
from peelian.workspace.thresholds import Held
from peelian.workspace.workspace import Workspace

__all__ = ["checks"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

YEAR = np.timedelta64(365, "D")
"""How far back reports are held against hours."""

FEWEST_REPORTS = 50
"""With fewer a ratio of reports says little, and may say it about someone."""

RECENT = 8
"""Latest periods in which reports are held against what was forecast."""

LEAST = 0.02
"""Least that the scan expects of a place, as a share of the mean: counting expects nothing where nothing was."""

NEAREST = 80
"""Most places in a circle of the scan."""

OFFERED = "options offered"
"""Name of what the catalogue offers beside patrol: every planned place gets those that fit its category."""

REPLICATES = 1000


@dataclass(frozen=True, eq=False)
class _Given:
    """A plan's places as arrays."""

    workspace: Workspace
    plan: Plan
    run: str
    history: Counts
    residents: pd.DataFrame
    reference: str
    block: Ints
    x: Floats
    y: Floats
    held: Held
    level: float
    seed: int

    @property
    def city(self) -> dict[str, Any]:
        """What all checks by group take."""
        return {
            "residents": self.residents,
            "reference": self.reference,
            "level": self.level,
            "seed": self.seed,
        }

    @cached_property
    def moved(self) -> Ints | None:
        """The groups' map moved over the city, as for the audit's own intervals; None in a city of too few places."""
        inhabited = self.residents.to_numpy(dtype=float).sum(axis=1) > 0
        if inhabited.sum() < FEWEST_UNITS:
            return None
        return shifts(self.x, self.y, inhabited=inhabited, replicates=MOVED, seed=self.seed)

    @property
    def block_side(self) -> float:
        return self.workspace.config.audit.block_km * 1000.0


def checks(
    workspace: Workspace, plan: Plan, *, run: str, exposure: Mapping[str, Any], held: Held
) -> dict[str, Any]:
    """Check a plan's exposure in every way that could prove it wrong.

    Parameters
    ----------
    plan : Plan
    run : str
        Its run: decisions on it, and what was done of it, are told.
    exposure : mapping
        What `peelian.workspace.audit.audit_plan` found.
    held : Held
        Thresholds that were set before the plan was made.

    Returns
    -------
    dict
        For each of ``reporting``, ``benefit``, ``placebo``, ``power``, ``sensitivity``, ``subgroups``, ``hours`` (the
        same scan over planned places) and ``comparisons`` what the audit of that name found, or ``measured`` false and
        ``why_not``; and over all of them ``sentences``, one of each, and ``passes``. Empty where the exposure itself
        could not be measured.
    """
    if exposure.get("measured") is False:
        return {}
    given = _given(workspace, plan, run, exposure, held)
    made = {name: _tried(part, given) for name, part in _PARTS.items()}
    found: dict[str, Any] = {name: _plain(one) for name, one in made.items()}
    p_values = _p_values(given, made)
    found["comparisons"] = _plain(comparison_audit(p_values, level=given.level)) if p_values else {}
    passed = [part["passes"] for part in found.values() if part.get("passes") is not None]
    sentences = [part["sentences"][0] for part in found.values() if part.get("sentences")]
    return {"parts": found, "sentences": sentences, "passes": all(passed) if passed else None}


def _given(workspace: Workspace, plan: Plan, run: str, exposure: Mapping[str, Any], held: Held) -> _Given:
    residents, _ = residents_by_cell(workspace, plan.grid)
    metres = metres_per_unit(plan.grid.crs)
    x, y = (np.asarray(v, dtype=float) * metres for v in plan.grid.centres())
    assert plan.history is not None  # a plan of a workspace has the counts that it was made from
    return _Given(
        workspace=workspace,
        plan=plan,
        run=run,
        history=plan.history,
        residents=residents,
        reference=str(exposure["reference"]),
        block=spatial_blocks(plan.grid, block_km=workspace.config.audit.block_km),
        x=x,
        y=y,
        held=held,
        level=float(exposure["level"]),
        seed=workspace.config.forecast.seed,
    )


def _tried(part: Callable[[_Given], Audit], given: _Given) -> Audit | str:
    """A check's audit, or why there is not enough to make it from."""
    try:
        return part(given)
    except NotEnoughDataError as error:
        return error.message


def _plain(made: Audit | str) -> dict[str, Any]:
    """As plain values; what holds for all of its findings is told once."""
    if isinstance(made, str):
        return {"measured": False, "why_not": made, "findings": []}
    plain = made.to_dict()
    for one in plain["findings"]:
        one["limits"] = [limit for limit in one["limits"] if limit not in plain["limits"]]
    return {"measured": True, **plain}


def _reporting(given: _Given) -> Audit:
    start, end = _year(given.history)
    reports = given.history.last(_periods_since(given.history, start)).by_cell
    if reports.sum() < FEWEST_REPORTS:
        msg = f"fewer than {FEWEST_REPORTS} reports are known of the year before the plan"
        raise NotEnoughDataError(msg, hint="import older records")
    own = given.workspace.incidents(officer_initiated=True, start=start, end=end)
    cell = given.plan.grid.locate(own.x, own.y)
    beside = np.bincount(cell[cell >= 0], minlength=len(given.plan.grid)).astype(float)
    return reporting_audit(
        given.plan.hours,
        reports=reports.astype(float),
        officer_initiated=beside if beside.sum() >= FEWEST_REPORTS else None,
        areas=_areas(given.plan),
        block=given.block,
        moved=given.moved,
        replicates=REPLICATES,
        thresholds=given.held.thresholds,
        **given.city,
    )


def _areas(plan: Plan) -> npt.NDArray[np.object_] | None:
    """Name of each cell's area, with its id where two have the same name; empty outside of all, None without areas."""
    rules = plan.rules
    if not rules.area_ids:
        return None
    shared = {name for name in rules.area_names if rules.area_names.count(name) > 1}
    both = zip(rules.area_names, rules.area_ids, strict=True)
    # The last label is that of -1, no area.
    labels = [*(f"{name} ({id_})" if name in shared or not name else name for name, id_ in both), ""]
    return np.array(labels, dtype=object)[rules.area]


def _year(history: Counts) -> tuple[str, str]:
    """First day of the latest year of the counts, where a period begins, and the day after the last."""
    edges = history.periods.edges
    since = edges[:-1][edges[:-1] >= edges[-1] - YEAR]
    return str((since if since.size else edges[-2:-1])[0]), str(edges[-1])


def _periods_since(history: Counts, start: str) -> int:
    return int((history.periods.edges[:-1] >= np.datetime64(start)).sum())


def _benefit(given: _Given) -> Audit:
    approved, attended, other = _done(given)
    return benefit_audit(
        planned=given.plan.hours,
        approved=approved,
        attended=attended,
        other_work={OFFERED: (given.plan.hours > 0).astype(float), **other},
        expected=given.plan.surface.mean,
        block=given.block,
        moved=given.moved,
        replicates=REPLICATES,
        thresholds=given.held.thresholds,
        **given.city,
    )


def _done(given: _Given) -> tuple[Floats | None, Floats | None, dict[str, Floats]]:
    """Hours approved and attended by cell, None where nobody said; other work by its kind."""
    taken = [one for one in decisions(given.workspace) if one.plan["id"] == given.run]
    if not taken:
        return None, None, {}
    number = {str(cell): i for i, cell in enumerate(given.plan.grid.ids)}

    def spread(cells: Sequence[str], hours: Sequence[float]) -> Floats:
        made = np.zeros(len(given.plan.grid))
        np.add.at(made, [number[cell] for cell in cells], np.asarray(hours, dtype=float))
        return made

    decision = taken[-1]
    cells = {} if decision.decision.action == "refuse" else decision.cells(given.workspace)
    approved = spread(list(cells), list(cells.values()))
    visits = dosage(given.workspace, decision.id)
    if visits.empty:
        return approved, None, {}
    there = visits[visits["attended"]]
    kinds = {
        str(means): spread(list(rows["cell"]), list(rows["minutes"] / 60))
        for means, rows in there.groupby("with")
    }
    patrol = [hours for means, hours in kinds.items() if "patrol" in means]
    other = {means: hours for means, hours in kinds.items() if "patrol" not in means}
    return approved, np.sum([np.zeros(len(given.plan.grid)), *patrol], axis=0), other


def _placebo(given: _Given) -> Audit:
    return placebo_audit(
        given.plan.hours,
        block=given.block,
        x=given.x,
        y=given.y,
        placebos=MOVED,
        moved=given.moved,
        replicates=REPLICATES,
        thresholds=given.held.thresholds,
        **given.city,
    )


def _power(given: _Given) -> Audit:
    return power_audit(
        given.plan.hours,
        block=given.block,
        moved=given.moved,
        replicates=REPLICATES,
        thresholds=given.held.thresholds,
        **given.city,
    )


def _sensitivity(given: _Given) -> Audit:
    cell = given.plan.grid.cell
    sides = [given.block_side * factor for factor in (0.5, 1, 2, 4)]
    return sensitivity_audit(
        given.plan.hours,
        x=given.x,
        y=given.y,
        sides=[2 * cell, 4 * cell, 8 * cell],
        block_side=given.block_side,
        block_sides=[side for side in sides if side >= cell],
        zones={"areas of the plan": np.asarray(given.plan.rules.area)},
        moved=given.moved,
        replicates=REPLICATES // 2,
        thresholds=given.held.thresholds,
        **given.city,
    )


def _attributes(given: _Given) -> dict[str, Floats]:
    """What a place is known by here: who lives there by group, how many, and where it lies."""
    counted = given.residents.to_numpy(dtype=float)
    total = counted.sum(axis=1)
    share = np.divide(counted, total[:, None], where=total[:, None] > 0, out=np.zeros_like(counted))
    groups = [str(name) for name in given.residents.columns]
    shares = {
        f"share of {name} residents": share[:, i] for i, name in enumerate(groups) if name != given.reference
    }
    middle = np.hypot(given.x - given.x.mean(), given.y - given.y.mean())
    return {
        **shares,
        "number of residents": total,
        "distance to the middle of the city": middle,
        "position from west to east": given.x,
        "position from south to north": given.y,
    }


def _subgroups(given: _Given) -> Audit:
    """Reports of the latest periods against what the plan's method expects from those before."""
    history, split = given.history, len(given.history.periods) - RECENT
    if split < 2 * RECENT:
        msg = f"{len(history.periods)} periods are known; the scan needs {3 * RECENT}"
        raise NotEnoughDataError(msg, hint="import older records")
    before = history[:split]
    surface = method_by_name(given.plan.surface.method)().fit(before).predict(before.periods.following()[0])
    return subgroup_audit(
        np.asarray(history[split:].dense()),
        expected=np.repeat(_floored(surface.mean)[:, None], RECENT, axis=1),
        attributes=_attributes(given),
        x=given.x,
        y=given.y,
        windows=grid_windows(given.plan.grid, nearest=NEAREST),
        block=given.block,
        what="reports",
        level=given.level,
        seed=given.seed,
        fewest_told=given.workspace.config.publish.threshold,
    )


def _hours(given: _Given) -> Audit:
    """Planned places against as many in proportion to what is expected."""
    return subgroup_audit(
        (given.plan.hours > 0).astype(np.int64),
        expected=_floored(given.plan.surface.mean),
        attributes=_attributes(given),
        x=given.x,
        y=given.y,
        what="planned places",
        name="planned_places",
        block=given.block,
        level=given.level,
        seed=given.seed,
    )


def _floored(mean: Floats) -> Floats:
    return np.asarray(np.maximum(mean, LEAST * mean.mean()), dtype=float)


def _p_values(given: _Given, made: Mapping[str, Audit | str]) -> dict[str, float]:
    """Every p-value that the page tells, by its finding."""
    city = Resampled.of(
        given.residents,
        reference=given.reference,
        block=given.block,
        level=given.level,
        replicates=REPLICATES,
        seed=given.seed,
        moved=given.moved,
    )
    found = {
        f"exposure_ratio/plan/{city.groups[g]}": p_of_draws(city.ratio_draws(given.plan.hours[:, None], g))
        for g in city.others
        if not city.small(g)
    }
    for name, part in made.items():
        for one in () if isinstance(part, str) else _counted(name, part):
            p = one.value if one.id.startswith("placebo_p/") else one.details.get("p")
            if p is not None:
                found[one.id] = float(p)
    return found


def _counted(name: str, part: Audit) -> list[Finding]:
    """The findings of a check whose p-values count: those of the benefit at the latest stage, and no number twice."""
    if name != "benefit":
        return list(part.findings)
    measured = {one.details["what"] for one in part.findings if one.value is not None}
    latest = next((stage for stage in reversed(STAGES) if stage in measured), "")
    same = (f"other_work_ratio/{OFFERED}/", *(() if latest == "attended" else ("burden_ratio/",)))
    earlier = [stage for stage in STAGES if stage != latest]
    return [
        one for one in part.findings if not one.id.startswith(same) and one.details["what"] not in earlier
    ]


_PARTS: dict[str, Callable[[_Given], Audit]] = {
    "reporting": _reporting,
    "benefit": _benefit,
    "placebo": _placebo,
    "power": _power,
    "sensitivity": _sensitivity,
    "subgroups": _subgroups,
    "hours": _hours,
}
