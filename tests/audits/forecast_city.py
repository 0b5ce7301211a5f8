"""A simulated city of which the truth is known: areas with residents of two groups, and forecasts of their reports."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.retrospect import Retrospect
from peelian.places.grid import Grid
from peelian.places.periods import Periods
from peelian.trials.splits import Split

Floats = npt.NDArray[np.float64]

SIDE = 40
"""Cells of 250 m along a side: 10 km, 100 blocks of 1 km."""


def a_grid(side: int = SIDE) -> Grid:
    return Grid("EPSG:26915", 250.0, 2960, 17080, (side, side))


def residents(grid: Grid, *, seed: int = 0) -> pd.DataFrame:
    """Two groups; in the west fewest are of the second one, in the east most."""
    share = (grid.columns + 0.5) / grid.shape[1]
    number = np.random.default_rng(seed).uniform(40, 160, len(grid))
    return pd.DataFrame({"first": number * (1 - share), "second": number * share}, index=grid.ids)


def means(grid: Grid, *, periods: int, total: float, seed: int = 0, spread: float = 1.0) -> Floats:
    """Expected reports by period and cell: lognormal about even, shape (periods, n_cells)."""
    rng = np.random.default_rng(seed)
    base = np.exp(rng.normal(0, spread, len(grid)))
    return np.tile(base / base.sum() * total, (periods, 1))


def forecast_of(
    grid: Grid,
    mean: Floats,
    observed: npt.NDArray[np.int64],
    *,
    coverage: float = 0.05,
    method: str = "simulated",
) -> Retrospect:
    periods = Periods.covering("2020-01-06", "2026-01-05", "1w")
    n = len(mean)
    splits = tuple(Split(60 + i, 60 + i, periods[60 + i]) for i in range(n))
    k = max(round(coverage * len(grid)), 1)
    picked = np.zeros(mean.shape, dtype=bool)
    np.put_along_axis(picked, np.argsort(-mean, axis=1, kind="stable")[:, :k], values=True, axis=1)
    return Retrospect(
        method, method.title(), grid, splits, observed, mean, np.full(n, np.inf), picked, coverage
    )


def simulated(
    *, factor: Floats | None = None, periods: int = 26, total: float = 150.0, seed: int = 0, side: int = SIDE
) -> tuple[Retrospect, pd.DataFrame]:
    """A forecast that is right, but for a factor by cell by which more comes than it says; and the residents."""
    grid = a_grid(side)
    mean = means(grid, periods=periods, total=total, seed=seed)
    true = mean if factor is None else mean * factor
    observed = np.random.default_rng(seed + 1).poisson(true).astype(np.int64)
    return forecast_of(grid, mean, observed), residents(grid)
