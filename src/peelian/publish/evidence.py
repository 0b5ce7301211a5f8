"""Everything that a page is made of: stored results, and nothing that a page would compute anew.

Two pages made from equal evidence are equal to the byte. A part that is not there is None; a page then says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from peelian.errors import UsageError
from peelian.methods import Surface
from peelian.places import Grid, Period

if TYPE_CHECKING:
    from peelian.places import Areas
    from peelian.records import Incidents

__all__ = ["Evidence", "reported_by_area"]

Result = Mapping[str, Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """What is known about one plan, from the import of its records to the decision on it.

    Parameters
    ----------
    agency : str
        Who keeps the workspace.
    zone : str
        Time zone of the agency, such as ``"America/Chicago"``.
    category : str
        What the reports are of.
    period : Period, mapping or str
        What the forecast is about; a mapping has ``start`` and ``end``, the day after the last.
    grid : Grid
    surface : Surface, optional
        Expected reports by cell.
    areas : Areas, optional
    contact : str
        Where a person can object; empty when it is not configured.
    attribution : str
        What the records' terms ask to be shown.
    demonstration : bool
        No agency took part: a banner says so on every page.
    imports : sequence of mapping
        `ImportReport.to_dict()` of each file.
    forecast : mapping, optional
        The stored forecast behind the plan: ``method``, ``expected``, ``low``, ``high``, ``level`` and ``verdict``, the
        one that it was made under (None where there was no trial).
    suspension : mapping, optional
        What suspends the methods of the category now: ``run``, ``at``, ``role``, ``by_hand``. What did when the
        forecast was made is in the forecast, under the same name.
    quality, trial, plan, decision : mapping, optional
        ``to_dict()`` of the result of that name.
    audit : mapping, optional
        `ExposureAudit.to_dict()`, with ``measured`` (false with a ``why_not`` where it could not be measured).
    ledger : mapping, optional
        ``origin``, ``size``, ``root_hash``, ``vkey``, ``checkpoint`` (its text), ``verified_at``.
    origin : mapping
        Versions, data hash, run ids and seed.
    reported : DataFrame, optional
        Reported incidents of the category by area: ``area_id``, ``name``, ``reported`` (see `reported_by_area`).
    reported_period : Period, mapping or str
        What `reported` counts.
    weekly : DataFrame, optional
        Reports by period, oldest first: ``start`` (date), ``reported``.
    threshold : int
        Public numbers of incidents from 1 to one under it are not shown.
    """

    agency: str
    zone: str
    category: str
    period: Period | Result | str
    grid: Grid
    surface: Surface | None = None
    areas: Areas | None = None
    contact: str = ""
    attribution: str = ""
    demonstration: bool = False
    imports: Sequence[Result] = ()
    quality: Result | None = None
    forecast: Result | None = None
    suspension: Result | None = None
    trial: Result | None = None
    plan: Result | None = None
    audit: Result | None = None
    decision: Result | None = None
    ledger: Result | None = None
    origin: Result = field(default_factory=dict)
    reported: pd.DataFrame | None = None
    reported_period: Period | Result | str = ""
    weekly: pd.DataFrame | None = None
    threshold: int = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "period", as_period(self.period))
        object.__setattr__(self, "reported_period", as_period(self.reported_period))
        if self.threshold < 3:
            msg = f"a threshold of {self.threshold} was given; expected at least 3"
            raise UsageError(msg, hint="5 is usual: smaller counts can point at a single case")
        if self.surface is not None and self.surface.grid != self.grid:
            msg = "a surface on another grid than the evidence's was given"
            raise UsageError(msg)
        methods = [str(r["method"]) for r in (self.forecast, self.plan) if r is not None and r.get("method")]
        if len(set(methods)) > 1:
            msg = f"a forecast by {methods[0]} was given beside a plan by {methods[1]}"
            raise UsageError(msg, hint="give the forecast that the plan was made from")
        self._check_same_plan()
        needed = {"area_id", "name", "reported"}
        if self.reported is not None and not needed <= set(self.reported.columns):
            msg = f"reports by area with columns {list(self.reported.columns)} were given; expected {sorted(needed)}"
            raise UsageError(msg, hint="make it with reported_by_area(incidents, areas)")

    def _check_same_plan(self) -> None:
        """The plan must be the one that was decided on and audited: after an amendment, the amended one."""
        if self.plan is None:
            return
        places = {str(place["cell"]) for place in self.plan["places"]}
        decision = self.decision or {}
        if _cells(decision, "removed") & places or _cells(decision, "added") - places:
            msg = "a decision that amends the plan was given beside the plan as it was before"
            raise UsageError(msg, hint="give the amended plan and its own audit")
        audited = ((self.audit or {}).get("hours") or {}).get("plan")
        used = self.plan.get("hours_used")
        if audited is not None and used is not None and abs(float(audited) - float(used)) > 1e-6:
            msg = f"an audit of {audited:g} hours was given beside a plan of {used:g}"
            raise UsageError(msg, hint="give the plan's own audit; an amended plan has another one")


def _cells(result: Result, key: str) -> set[str]:
    return {str(cell) for cell in result.get(key) or ()}


def as_period(value: Period | Result | str) -> Period | str:
    """A period from its stored form; text stays text."""
    if isinstance(value, Mapping):
        return Period(value["start"], value["end"])
    return value


def reported_by_area(incidents: Incidents, areas: Areas) -> pd.DataFrame:
    """Count incidents by the area that holds their place.

    Returns
    -------
    DataFrame
        ``area_id``, ``name``, ``reported``, one row an area in the areas' order. Incidents in no area are not in it.
    """
    areas = areas.to_crs(incidents.crs)
    found = np.asarray(areas.locate(incidents.x, incidents.y))
    counted = np.bincount(found[found >= 0], minlength=len(areas.frame))
    names = {c: [str(v) for v in areas.frame[c]] for c in ("area_id", "name")}
    return pd.DataFrame({**names, "reported": counted.astype(np.int64)})
