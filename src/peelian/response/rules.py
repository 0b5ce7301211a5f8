"""What bounds a plan: the hours there are, the hours a place takes, and a cap on places per area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from peelian.errors import UsageError
from peelian.places.grid import Grid
from peelian.response.select import SLACK

if TYPE_CHECKING:
    from peelian.places.areas import Areas

__all__ = ["Rules"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rules:
    """What bounds a plan: hours, hours a place, and the cap per area, with the area of every cell."""

    unit_hours: float
    hours_per_place: Floats
    cap_per_area: int | None
    area: Ints
    area_ids: tuple[str, ...]
    area_names: tuple[str, ...]

    def named(self, area: int) -> tuple[str | None, str | None]:
        """Id and name of an area; None for -1, no area."""
        return (None, None) if area < 0 else (self.area_ids[area], self.area_names[area])

    @classmethod
    def of(
        cls,
        grid: Grid,
        *,
        unit_hours: float,
        hours_per_place: float | npt.ArrayLike,
        cap_per_area: int | None,
        areas: Areas | None,
    ) -> Rules:
        """Check what was given and find each cell's area.

        Raises
        ------
        UsageError
            A number is out of range, the hours are too few for any place, or a cap is given without areas.
        """
        cost = _hours(hours_per_place, len(grid))
        _check_budget(unit_hours, cost)
        _check_cap(cap_per_area, areas)
        area = np.full(len(grid), -1, dtype=np.int64)
        ids: tuple[str, ...] = ()
        names: tuple[str, ...] = ()
        if areas is not None:
            area = np.asarray(areas.of_cells(grid), dtype=np.int64)
            ids, names = (tuple(str(v) for v in areas.frame[c]) for c in ("area_id", "name"))
        return cls(float(unit_hours), cost, cap_per_area, area, ids, names)

    def check(self, attended: Bools) -> None:
        """Raise a `UsageError` if the attended cells, shape (n_cells,), take too much or break the cap."""
        needed = float(self.hours_per_place[attended].sum())
        if needed > self.unit_hours * (1 + SLACK):
            msg = f"the amended plan needs {needed:g} unit-hours; the budget is {self.unit_hours:g}"
            raise UsageError(msg, hint="take out as many places as you put in, or plan with more unit-hours")
        if self.cap_per_area is None:
            return
        for area, n in zip(*np.unique(self.area[attended], return_counts=True), strict=True):
            if n > self.cap_per_area:
                name = self.named(int(area))[1] or "no area"
                msg = f"the amended plan has {n} places in {name}; the cap is {self.cap_per_area} per area"
                raise UsageError(msg, hint=f"take a place in {name} out, or make a plan with another cap")


def _hours(hours_per_place: float | npt.ArrayLike, n: int) -> Floats:
    cost = np.asarray(hours_per_place, dtype=float)
    if cost.shape not in ((), (n,)):
        msg = f"hours per place of shape {cost.shape} were given; expected one number, or one for each of {n}"
        raise UsageError(msg)
    if not np.all(np.isfinite(cost) & (cost > 0)):
        msg = f"hours per place from {np.min(cost):g} to {np.max(cost):g} were given; expected more than 0"
        raise UsageError(msg, hint="give the hours that attending one place takes, such as hours_per_place=2")
    return np.broadcast_to(cost, (n,)).astype(float)


def _check_budget(unit_hours: float, cost: Floats) -> None:
    if not (np.isfinite(unit_hours) and unit_hours > 0):
        msg = f"{unit_hours} unit-hours were given; expected more than 0"
        raise UsageError(msg, hint="give the hours of all units together, such as unit_hours=40")
    if not np.any(cost <= unit_hours * (1 + SLACK)):
        msg = f"{unit_hours:g} unit-hours were given, but one place takes {cost.min():g}"
        raise UsageError(msg, hint="give more unit-hours, or fewer hours per place")


def _check_cap(cap_per_area: int | None, areas: Areas | None) -> None:
    if cap_per_area is None:
        return
    if cap_per_area < 1 or cap_per_area != int(cap_per_area):
        msg = f"a cap of {cap_per_area} places per area was given; expected a whole number of at least 1"
        raise UsageError(msg, hint="leave the cap out to have none")
    if areas is None:
        msg = f"a cap of {cap_per_area} places per area was given without areas"
        raise UsageError(msg, hint="give areas=Areas.read(...), or leave the cap out")
