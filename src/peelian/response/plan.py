"""A plan: which places to attend in a period, for how long, why, and what else could be done there.

A plan is a proposal. It states what it covers and what it leaves out, and it can be amended; whether
anyone acts on it is for a person to decide.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import UsageError
from peelian.methods.surface import Surface
from peelian.places.counts import Counts
from peelian.places.crs import transform
from peelian.places.grid import Grid
from peelian.response.options import options_for
from peelian.response.place import Covered, LeftOut, Place
from peelian.response.reasons import past_of, reason
from peelian.response.rules import Rules
from peelian.response.select import SLACK, choose

if TYPE_CHECKING:
    from peelian.places.areas import Areas

__all__ = ["Plan", "make_plan"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ADVICE = "This plan is advice. It takes effect only when a named role approves it with a reason."
ABOUT_REPORTS = (
    "A place is here because of what was reported there and may be reported again. "
    "That says nothing about the people who live or spend time there."
)


@dataclass(frozen=True, eq=False)
class Plan:
    """Places to attend in a period. Made by `make_plan`.

    Parameters
    ----------
    surface : Surface
        The forecast of reports that it was made from.
    category : str
    rules : Rules
    attended : array of bool, shape (n_cells,)
        The chosen cells.
    left_out : LeftOut
    level : float
        Level of every interval.
    history : Counts, optional
        Reports before the period, which the reasons tell of.
    baseline : Plan, optional
        What the baseline surface would choose under the same rules.
    removed, added : tuple of str
        Cells that amendments took out or put in.
    seed : int
        Of the shuffle that orders cells with equal expected reports.
    """

    surface: Surface
    category: str
    rules: Rules
    attended: Bools
    left_out: LeftOut
    level: float = 0.9
    history: Counts | None = None
    baseline: Plan | None = None
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        attended = np.array(self.attended, dtype=bool)
        attended.setflags(write=False)
        object.__setattr__(self, "attended", attended)

    @property
    def grid(self) -> Grid:
        """The grid of the surface."""
        return self.surface.grid

    @cached_property
    def hours(self) -> Floats:
        """Unit-hours planned in each cell, shape (n_cells,)."""
        return np.where(self.attended, self.rules.hours_per_place, 0.0)

    @property
    def hours_used(self) -> float:
        """Unit-hours planned in all."""
        return float(self.hours.sum())

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The chosen places, from the most expected reports to the least."""
        cells = [int(c) for c in self.surface.order(seed=self.seed) if self.attended[c]]
        x, y = (v[cells] for v in self.grid.centres())
        lon, lat = transform(x, y, source=self.grid.crs, target="EPSG:4326")
        low, high = self.surface.interval(self.level)
        average = float(self.surface.mean.mean())
        past = past_of(self.history, self.surface.period)
        options = tuple(options_for(self.category))
        ids = self.grid.ids
        found = []
        for i, c in enumerate(cells):
            expected, ends = float(self.surface.mean[c]), (int(low[c]), int(high[c]))
            added = str(ids[c]) in self.added
            why = reason(
                c,
                category=self.category,
                expected=expected,
                interval=ends,
                average=average,
                days=self.surface.period.days,
                past=past,
            )
            why = f"added by an amendment; {why}" if added else why
            point = (float(x[i]), float(y[i]), float(lon[i]), float(lat[i]))
            here = (i + 1, str(ids[c]), *point, *self.rules.named(int(self.rules.area[c])))
            found.append(Place(*here, expected, *ends, float(self.hours[c]), why, options, added))
        return tuple(found)

    @cached_property
    def covered(self) -> Covered:
        """How much of the expected reports falls in the chosen places."""
        chosen, total = self.surface.mean[self.attended], float(self.surface.mean.sum())
        low, high = self.surface.total_interval(self.level, cells=self.attended)
        area, whole = float(self.grid.area[self.attended].sum()), float(self.grid.area.sum())
        expected = float(chosen.sum())
        share = expected / total if total > 0 else 0.0
        return Covered(expected, low, high, self.level, share, area / whole, area)

    @property
    def frame(self) -> pd.DataFrame:
        """One row a place, with the titles of its options as text."""
        columns = [field.name for field in fields(Place) if field.name != "added"]
        rows = [
            {**vars(place), "options": "; ".join(o.title for o in place.options)} for place in self.places
        ]
        return pd.DataFrame(rows, columns=columns)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know, in sentences."""
        notes = [ADVICE, ABOUT_REPORTS]
        if self.baseline is not None:
            same = int(np.sum(self.attended & self.baseline.attended))
            notes.append(
                f"{self.baseline.surface.method or 'The baseline'} under the same rules chooses "
                f"{int(self.baseline.attended.sum())} places, {same} of them the same."
            )
        if self.left_out.capped:
            n = len(self.left_out.capped)
            notes.append(
                f"The cap of {self.rules.cap_per_area} places per area kept places out of {n} "
                f"area{'' if n == 1 else 's'}: {self.left_out.cost_of_cap:.2f} fewer reports are expected "
                "in the chosen places than without it."
            )
        if self.left_out.hours > SLACK:
            notes.append(f"{self.left_out.hours:g} unit-hours are not used: {self.left_out.why}.")
        if self.removed or self.added:
            taken, put = ", ".join(self.removed) or "none", ", ".join(self.added) or "none"
            notes.append(f"Amended. Places taken out: {taken}. Places put in: {put}.")
        return tuple(notes)

    def amend(self, *, remove: Iterable[str] = (), add: Iterable[str] = ()) -> Plan:
        """A new plan with places taken out and put in, as a commander may wish.

        Parameters
        ----------
        remove, add : cell ids

        Raises
        ------
        UsageError
            A cell is unknown, is not in the plan (to remove) or is in it already (to add), is named twice,
            or the amended plan would need more hours than the budget or more places in an area than the cap.
        """
        out, new = self._numbers(remove), self._numbers(add)
        both = [*out, *new]
        if len(set(both)) < len(both):
            msg = "the same place was given twice"
            raise UsageError(msg, hint="name each place once, in remove or in add")
        ids = self.grid.ids
        wrong = [str(ids[c]) for c in out if not self.attended[c]]
        if wrong:
            msg = f"{', '.join(wrong)} can't be removed: not in the plan"
            raise UsageError(msg, hint="look at plan.frame for the places that are in it")
        wrong = [str(ids[c]) for c in new if self.attended[c]]
        if wrong:
            msg = f"{', '.join(wrong)} can't be added: in the plan already"
            raise UsageError(msg, hint="look at plan.frame for the places that are in it")
        attended = self.attended.copy()
        attended[out], attended[new] = False, True
        self.rules.check(attended)
        removed, added = {str(ids[c]) for c in out}, {str(ids[c]) for c in new}
        left = self.rules.unit_hours - float(self.rules.hours_per_place[attended].sum())
        why = self.left_out.why if not out else "an amendment took places out"
        return replace(
            self,
            attended=attended,
            left_out=replace(self.left_out, hours=max(left, 0.0), why=why if left > SLACK else ""),
            removed=tuple(sorted((set(self.removed) - added) | (removed - set(self.added)))),
            added=tuple(sorted((set(self.added) - removed) | (added - set(self.removed)))),
        )

    def _numbers(self, cells: Iterable[str]) -> list[int]:
        cells = [cells] if isinstance(cells, str) else list(cells)
        known = {str(name): i for i, name in enumerate(self.grid.ids)}
        unknown = [str(c) for c in cells if c not in known]
        if unknown:
            msg = f"{', '.join(unknown)} was given as a place; the grid has no such cell"
            raise UsageError(msg, hint=f"write a cell's id, such as {next(iter(known))}")
        return [known[c] for c in cells]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for a result's record."""
        hours = self.rules.hours_per_place
        return {
            "category": self.category,
            "period": str(self.surface.period),
            "method": self.surface.method,
            "origin": self.surface.origin,
            "level": self.level,
            "unit_hours": self.rules.unit_hours,
            "hours_used": self.hours_used,
            "hours_per_place": float(hours[0]) if np.all(hours == hours[0]) else None,
            "cap_per_area": self.rules.cap_per_area,
            "places": [place.to_dict() for place in self.places],
            "covered": asdict(self.covered),
            "left_out": {**asdict(self.left_out), "capped": [dict(c) for c in self.left_out.capped]},
            "amended": {"removed": list(self.removed), "added": list(self.added)},
            "notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        c = self.covered
        head = (
            f"<p><b>Plan</b> for {html.escape(self.category)}, {html.escape(str(self.surface.period))}: "
            f"{len(self.places)} places, {self.hours_used:g} of {self.rules.unit_hours:g} unit-hours; "
            f"{c.expected:.1f} reports expected in them ({c.low} to {c.high}, {c.level:.0%}), "
            f"{c.share_of_expected:.1%} of the expected on {c.share_of_area:.1%} of the area</p>"
        )
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        return f"{head}{self.frame.to_html(index=False, float_format=lambda v: f'{v:.2f}')}<ul>{notes}</ul>"


def make_plan(
    surface: Surface,
    *,
    category: str,
    unit_hours: float,
    hours_per_place: float | npt.ArrayLike = 1.0,
    cap_per_area: int | None = None,
    areas: Areas | None = None,
    history: Counts | None = None,
    baseline: Surface | None = None,
    level: float = 0.9,
    seed: int = 0,
) -> Plan:
    """Choose the places with the most expected reports under a budget of hours and a cap per area.

    Parameters
    ----------
    surface : Surface
        Expected reports by cell.
    category : str
        What the reports are of; options that are not patrol are chosen for it.
    unit_hours : float
        Hours of presence that there are in the period, of all units together.
    hours_per_place : float or array of float, shape (n_cells,)
        Hours that attending a place takes in the period. A place gets all of its hours or none.
    cap_per_area : int, optional
        Most places in one area. Cells in no area are held to it together.
    areas : Areas, optional
        To name the places' areas, and for the cap.
    history : Counts, optional
        Reports by cell and period on the same grid, for the reasons; what is not before the period is left
        out.
    baseline : Surface, optional
        Another forecast of the same period, usually the count map's: its plan under the same rules is kept
        beside.
    level : float
        Level of the intervals.
    seed : int
        Of the shuffle that orders cells with equal expected reports.

    Returns
    -------
    Plan

    Raises
    ------
    UsageError
        A number is out of range, the budget is too small for any place, a cap is given without areas, or
        the grids or periods differ.

    See Also
    --------
    peelian.response.select.choose : why the choice is the best one.
    """
    if not 0 < level < 1:
        msg = f"a level of {level} was given; expected a share between 0 and 1"
        raise UsageError(msg)
    _check_same(surface, history, baseline)
    rules = Rules.of(
        surface.grid,
        unit_hours=unit_hours,
        hours_per_place=hours_per_place,
        cap_per_area=cap_per_area,
        areas=areas,
    )
    plan = _plan(surface, category, rules, history, level, seed)
    if baseline is not None:
        plan = replace(plan, baseline=_plan(baseline, category, rules, history, level, seed))
    return plan


def _plan(
    surface: Surface, category: str, rules: Rules, history: Counts | None, level: float, seed: int
) -> Plan:
    options_for(category)
    order = surface.order(seed=seed)
    budget, cost = rules.unit_hours, rules.hours_per_place
    free = choose(surface.mean, cost=cost, budget=budget, order=order)
    chosen = free
    capped: list[dict[str, Any]] = []
    if rules.cap_per_area is not None:
        cap = rules.cap_per_area
        chosen = choose(surface.mean, cost=cost, budget=budget, order=order, area=rules.area, cap=cap)
        for area in np.unique(rules.area[free]):
            kept_out = int(np.sum(free & (rules.area == area))) - cap
            if kept_out > 0:
                area_id, name = rules.named(int(area))
                places = int(np.sum(chosen & (rules.area == area)))
                capped.append({"area_id": area_id, "area_name": name, "places": places, "kept_out": kept_out})
    lost = max(float(surface.mean[free].sum() - surface.mean[chosen].sum()), 0.0)
    unused = max(budget - float(cost[chosen].sum()), 0.0)
    why = _why_unused(surface.mean, chosen, unused, rules) if unused > SLACK * budget else ""
    left_out = LeftOut(unused if why else 0.0, why, tuple(capped), lost if capped else 0.0)
    return Plan(surface, category, rules, chosen, left_out, level, history, seed=seed)


def _why_unused(mean: Floats, chosen: Bools, unused: float, rules: Rules) -> str:
    rest = ~chosen & (mean > 0)
    if not rest.any():
        return "every place with an expected report is in the plan"
    if not np.any(rules.hours_per_place[rest] <= unused * (1 + SLACK)):
        return f"they are less than a further place takes ({float(rules.hours_per_place[rest].min()):g})"
    return "every area with a further place is at its cap"


def _check_same(surface: Surface, history: Counts | None, baseline: Surface | None) -> None:
    if history is not None and history.grid != surface.grid:
        msg = "the history is counted on another grid than the surface's"
        raise UsageError(msg, hint="count it with count_incidents(incidents, surface.grid, periods)")
    if baseline is None:
        return
    if baseline.grid != surface.grid or baseline.period != surface.period:
        msg = f"a baseline for {baseline.period} on its grid was given beside a surface for {surface.period}"
        raise UsageError(msg, hint="predict both for the same period on the same grid")
