"""What came and what was expected, added up by block of the map, run of periods and part of the city.

Everything that an audit of a forecast tells is made of these sums: they are taken once for each rule, and resampled
together, so that rules and parts of the city are compared within the same resampled cities.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse, stats

from peelian.audits.alternatives import Rule
from peelian.audits.recalibration import HEIGHTS, height_bins
from peelian.audits.retrospect import Retrospect
from peelian.audits.uniformity import PIT_BINS, pit_masses

__all__ = ["COLUMNS", "OF_FORECAST", "by_part", "height_sums", "place_sums"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COLUMNS = ("places", "seen", "expected", "error", "picked", "empty", "hits", "area")
"""Of every rule: place-periods, reports, expected ones, how far apart both are (absolute), place-periods picked, those
of them without a report, reports in picked places, and km2 picked."""

OF_FORECAST = ("weight", "inside", "probability", "held", "chance", *(f"pit{k}" for k in range(PIT_BINS)))
"""Where a distribution was forecast: expected reports; those of places whose count lay in its interval, and those that
should have; place-periods inside and that should have been; and the transform by bin, weighted by expected reports."""


def place_sums(rule: Rule, observed: Ints, area: Floats, run: Ints, *, interval: float) -> Floats:
    """Sums of each place over each run of periods, shape (n_cells, n_runs, k).

    Parameters
    ----------
    rule : Rule
    observed : array of int, shape (n_periods, n_cells)
    area : array of float, shape (n_cells,)
        In km2.
    run : array of int, shape (n_periods,)
        From 0, in order.
    interval : float
        Level of the predictive interval of a place's count.

    Returns
    -------
    array of float
        `COLUMNS`, and `OF_FORECAST` behind them where the rule has a distribution.
    """
    k = len(COLUMNS) + (0 if rule.forecast is None else len(OF_FORECAST))
    made = np.zeros((observed.shape[1], int(run[-1]) + 1, k))
    for i, r in enumerate(run):
        y, m, p = observed[i], rule.mean[i], rule.picked[i]
        columns = [np.ones(m.size), y, m, np.abs(y - m), p, p * (y == 0), p * y, p * area]
        made[:, r, : len(COLUMNS)] += np.stack(columns, axis=1)
        if rule.forecast is not None:
            made[:, r, len(COLUMNS) :] += _of_forecast(rule.forecast, i, interval)
    return made


def _of_forecast(forecast: Retrospect, i: int, level: float) -> Floats:
    """`OF_FORECAST` of one period, shape (n_cells, 15)."""
    y, m, size = forecast.observed[i], forecast.mean[i], float(forecast.size[i])
    # Distributions of scipy check much for a number: each height is looked up once.
    heights, at = np.unique(m, return_inverse=True)
    told = stats.poisson(heights) if np.isinf(size) else stats.nbinom(size, size / (size + heights))
    low = np.maximum(np.asarray(told.ppf((1 - level) / 2), dtype=float), 0.0)
    high = np.maximum(np.asarray(told.ppf((1 + level) / 2), dtype=float), 0.0)
    chance = np.asarray(told.cdf(high) - told.cdf(low - 1), dtype=float)[at]
    inside = (y >= low[at]) & (y <= high[at])
    columns = [m, m * inside, m * chance, inside, chance]
    return np.concatenate([np.stack(columns, axis=1), m[:, None] * pit_masses(y, m, size=size)], axis=1)


def by_part(values: Floats, block: Ints, parts: sparse.csr_array) -> Floats:
    """Sums by block and run of each part of the city, shape (n_blocks, n_runs, n_parts * k).

    Parameters
    ----------
    values : array of float, shape (n_cells, n_runs, k)
    block : array of int, shape (n_cells,)
        From 0 without gaps.
    parts : sparse array, shape (n_parts, n_cells)
        How much each place counts in each part: 1 for those in a decile, the residents of a group for its mean.
    """
    cells, runs, k = values.shape
    blocks, n = int(block.max()) + 1, parts.shape[0]
    given = parts.tocoo()
    part, cell = given.coords
    rows = block[cell] * n + part
    folded = sparse.csr_array((given.data, (rows, cell)), shape=(blocks * n, cells))
    summed = folded @ values.reshape(cells, runs * k)
    return np.ascontiguousarray(
        summed.reshape(blocks, n, runs, k).transpose(0, 2, 1, 3).reshape(blocks, runs, n * k)
    )


def height_sums(
    rule: Rule, observed: Ints, block: Ints, run: Ints, numbers: Sequence[Ints], *, parts: int
) -> tuple[list[Floats], Floats]:
    """Expected and observed reports by height of the forecast, for calibration slopes.

    Parameters
    ----------
    rule : Rule
    observed : array of int, shape (n_periods, n_cells)
    block, run : array of int, shape (n_cells,) and (n_periods,)
    numbers : sequence of array of int, shape (n_cells,)
        For each way to cut the city, the part that each place is in, from 0; -1 in none.
    parts : int
        Of each way.

    Returns
    -------
    sums : list of array of float, shape (n_blocks, n_runs, parts * 2 * HEIGHTS)
        Per way: of each part first what was expected by height, then what came.
    height : array of float, shape (HEIGHTS,)
    """
    bins, height = height_bins(rule.mean.ravel())
    bins = bins.reshape(rule.mean.shape)
    blocks, runs = int(block.max()) + 1, int(run[-1]) + 1
    shape = (blocks, runs, parts, 1, HEIGHTS)
    came = observed.astype(float)
    found = []
    for number in numbers:
        held = (bins >= 0) & (number >= 0)
        key = ((block * runs)[None, :] + run[:, None]) * parts + number
        key = (key * HEIGHTS + bins)[held]
        size = blocks * runs * parts * HEIGHTS
        pair = [np.bincount(key, weights=given[held], minlength=size) for given in (rule.mean, came)]
        both = np.concatenate([one.astype(float).reshape(shape) for one in pair], axis=3)
        found.append(both.reshape(blocks, runs, -1))
    return found, height
