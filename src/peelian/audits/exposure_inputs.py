"""What an exposure audit takes, checked: settings, residents of each cell by group, and maps of hours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.finding import Threshold
from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.places.grid import Grid

__all__ = ["FEWEST_RESIDENTS", "PLAN", "check_settings", "hours_by_map", "residents_by_cell"]

Floats = npt.NDArray[np.float64]

PLAN = "plan"
"""What is audited, among the maps."""
FEWEST_RESIDENTS = 100
"""A mean over fewer residents than these says little, and may say it about someone."""


def check_settings(level: float, threshold: Threshold | None) -> None:
    """Raise UsageError unless the level is a share and the threshold can bound a ratio."""
    if not 0 < level < 1:
        msg = f"a level of {level} was given; expected a share between 0 and 1"
        raise UsageError(msg)
    if threshold is not None and threshold.value < 1:
        msg = f"a threshold of {threshold.value:g} was given for a ratio of burdens; expected at least 1"
        raise UsageError(
            msg, hint="1.25 allows a group a quarter more than another, whichever of the two it is"
        )


def residents_by_cell(population: pd.DataFrame, grid: Grid, reference: str) -> Floats:
    """Residents of each cell by group, shape (n_cells, n_groups).

    Raises
    ------
    UsageError
        The reference or a second group is missing, or it is another grid's table.
    DataError
        A number is negative or unknown.
    NotEnoughDataError
        The reference group has fewer than 100 residents.
    """
    groups = [str(c) for c in population.columns]
    if len(set(groups)) < max(len(groups), 2) or reference not in groups:
        msg = (
            f"residents of the groups {', '.join(groups) or 'none'} were given, with {reference!r} as the reference; "
            "expected two groups or more, the reference among them"
        )
        raise UsageError(
            msg, hint="name the population columns of the areas: Areas.read(..., population=[...])"
        )
    if len(population) != len(grid):
        msg = f"residents of {len(population)} cells were given for a grid of {len(grid)}"
        raise UsageError(msg, hint="population_by_cell(areas, grid)")
    people = population.to_numpy(dtype=float)
    if not np.all(np.isfinite(people)) or np.any(people < 0):
        n = int(np.sum(~np.isfinite(people) | (people < 0)))
        msg = f"{n} numbers of residents are negative or unknown; expected at least 0 in every cell"
        raise DataError(msg, hint="an unknown number is not zero: leave those areas out of the study area")
    total = float(people[:, groups.index(reference)].sum())
    if total < FEWEST_RESIDENTS:
        msg = f"the reference group {reference!r} has {total:.0f} residents; expected at least {FEWEST_RESIDENTS}"
        raise NotEnoughDataError(msg, hint="compare with a larger group")
    return people


def hours_by_map(hours: npt.ArrayLike, comparisons: Mapping[str, npt.ArrayLike], n: int) -> dict[str, Floats]:
    """Hours of each map, shape (n,) each, the plan's first; raises UsageError where they are negative or misfit."""
    if PLAN in comparisons:
        msg = f"a comparison was named {PLAN!r}, which is the name of what is audited"
        raise UsageError(msg, hint="name it after the method, such as 'count_map'")
    maps = {name: np.asarray(given, dtype=float) for name, given in {PLAN: hours, **comparisons}.items()}
    for name, given in maps.items():
        if given.shape != (n,) or not np.all(np.isfinite(given)) or np.any(given < 0):
            msg = f"hours of {name!r} of shape {given.shape} were given; expected {n} numbers of at least 0"
            raise UsageError(msg, hint="use plan.hours, on the plan's own grid")
    return maps
