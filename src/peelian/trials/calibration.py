"""Calibration: whether counts fall where the forecast said they would, as sums that add up over origins.

Each ``tally_*`` takes what was reported in one period and the distribution that was forecast, and gives sums. Sums of
several origins are added, by block bootstrap too, and then made into shares: `pit_histogram`, `observed_over_expected`,
`coverage`.

Most cells of a fine grid expect a hundredth of a report a week. Nearly all of them have none, whatever the method, so
that a histogram over cells looks flat and an interval over cells holds nearly all of them. Two things help: weights
(the cells' means, fixed before the period began, let each expected report count the same), and totals, such as that of
the chosen cells, whose distribution `size_of_sum` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from peelian.errors import UsageError
from peelian.methods.surface import size_of_sum

__all__ = [
    "BINS",
    "LEVELS",
    "Coverage",
    "coverage",
    "observed_over_expected",
    "pit_histogram",
    "size_of_sum",
    "tally_coverage",
    "tally_deciles",
    "tally_pit",
    "tally_total_coverage",
]

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

BINS = 10
"""Bins of the histogram, and parts of the expected reports."""

LEVELS = (0.5, 0.8, 0.95)
"""Levels of the central intervals that are looked at where nothing else is asked for."""


def tally_pit(
    counts: Counts, mean: Floats, *, size: float = np.inf, weight: Floats | None = None, bins: int = BINS
) -> Floats:
    """Probability integral transform of one period's counts, spread over bins; shape (bins,).

    A count of x says that the uniform number behind it was between the probability of fewer than x and that of at most
    x. Its weight is spread evenly over that range: not randomised, so that the same forecast gives the same histogram.

    Parameters
    ----------
    counts : array of int, shape (k,)
        What was reported, such as in each cell, or in all of them (k = 1).
    mean : array of float, shape (k,)
    size : float
        Negative binomial size, a surface's ``cell_size`` or `size_of_sum`; infinite is Poisson.
    weight : array of float, shape (k,), optional
        At least 0, known before the period; all 1 when it is not given.

    References
    ----------
    Czado, Gneiting and Held (2009), "Predictive model assessment for count data", Biometrics 65, section 2.1.
    """
    weights = _weights(counts, mean, weight)
    below, upto = _cdf(counts - 1, mean, size), _cdf(counts, mean, size)
    width = upto - below
    # A count so far out that both are alike (or one that a mean of 0 called impossible) belongs in the last bin where
    # they are 1, and in the first where they are 0.
    low = (width <= 0) & (counts < mean)
    some = width > 0
    below, width, within = below[some], width[some], weights[some]
    upto_edge = [within @ np.clip((i / bins - below) / width, 0.0, 1.0) for i in range(bins)]
    upto_edge[1:] = [inside + weights[low].sum() for inside in upto_edge[1:]]
    return np.diff([*upto_edge, weights.sum()])


def pit_histogram(tallies: Floats) -> Floats:
    """Share of each bin, of tallies of shape (..., bins) summed over origins; all alike if the forecast is calibrated.

    Too much at both ends: the forecast is too narrow. Too much in the middle: too wide. Too much on the right: more was
    reported than expected.
    """
    total = tallies.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(tallies, total, out=np.full(tallies.shape, np.nan), where=total > 0))


def tally_deciles(counts: Counts, mean: Floats, *, parts: int = BINS) -> Floats:
    """Reports that came and that were expected, from the lowest cells to the highest; shape (2, parts).

    Cells are sorted by mean and cut so that each part holds a tenth of the expected reports: the first has most of the
    cells, the last a handful. What lies across a cut is shared out, and cells with one mean are taken together, so that
    the result doesn't hang on the order of cells.

    Parameters
    ----------
    counts : array of int, shape (n_cells,)
    mean : array of float, shape (n_cells,)
    """
    _weights(counts, mean, None)
    means, group = np.unique(mean, return_inverse=True)
    expected = means * np.bincount(group)
    observed = np.bincount(group, weights=counts)
    total = float(expected.sum())
    if total <= 0:
        return np.array([np.full(parts, counts.sum() / parts), np.zeros(parts)])
    end = np.cumsum(expected) / total
    start = np.concatenate([[0.0], end[:-1]])
    # Rounding must leave no cell beyond the last cut.
    cuts = np.arange(parts + 1) / parts * end[-1]
    inside = np.minimum(end, cuts[1:, None]) - np.maximum(start, cuts[:-1, None])
    width = end - start
    # What expects nothing has no width: it goes to the part that it begins.
    share = np.where(width > 0, np.clip(inside, 0.0, None) / np.where(width > 0, width, 1.0), 0.0)
    share[0, width == 0] = 1.0
    return np.array([share @ observed, np.diff(cuts) * total])


def observed_over_expected(tallies: Floats) -> Floats:
    """Observed over expected by part, of tallies of shape (..., 2, parts) summed over origins; 1 is calibrated."""
    observed, expected = tallies[..., 0, :], tallies[..., 1, :]
    return np.asarray(np.divide(observed, expected, out=np.full(observed.shape, np.nan), where=expected > 0))


def tally_coverage(
    counts: Counts,
    mean: Floats,
    *,
    size: float = np.inf,
    levels: Sequence[float] = LEVELS,
    weight: Floats | None = None,
) -> Floats:
    """How many counts lay in their central intervals, and how many should have; shape (len(levels), 3).

    Counts are whole numbers, so an interval can't hold exactly half of the probability. What it does hold is the
    second column, and that, not the level, is what the first has to be measured by.

    Parameters
    ----------
    counts : array of int, shape (k,)
    mean : array of float, shape (k,)
    size : float
        Negative binomial size, a surface's ``cell_size`` or `size_of_sum`; infinite is Poisson.
    levels : sequence of float
    weight : array of float, shape (k,), optional
        At least 0, known before the period; all 1 when it is not given.

    Returns
    -------
    array of float
        Columns: weight of the counts inside, the expected weight of those, weight of all.
    """
    weights = _weights(counts, mean, weight)
    for level in levels:
        if not 0 < level < 1:
            msg = f"a level of {level} was given; expected a share between 0 and 1"
            raise UsageError(msg, hint="write 90 % as 0.9")
    # All ends at once: scipy takes longer to check one call than to find the ends of a hundred cells.
    shares = np.array([[(1 - level) / 2, (1 + level) / 2] for level in levels]).reshape(-1, 2, 1)
    ends = _ppf(shares, mean, size)
    rows = []
    for end in ends:
        low, high = np.maximum(end[0], 0), end[1]  # scipy gives -1 as the lower end where the mean is 0
        inside = (counts >= low) & (counts <= high)
        probability = _cdf(high, mean, size) - _cdf(low - 1, mean, size)
        rows.append([weights[inside].sum(), weights @ probability, weights.sum()])
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def tally_total_coverage(
    counts: Counts,
    mean: Floats,
    *,
    size: float = np.inf,
    common: float = 0.0,
    cells: npt.NDArray[np.bool_] | None = None,
    levels: Sequence[float] = LEVELS,
) -> Floats:
    """`tally_coverage` of one number: the reports of several cells together, such as the chosen ones.

    Parameters
    ----------
    counts, mean : arrays, shape (n_cells,)
    size, common : float
        A surface's ``size`` and ``common``: together they give how far the sum scatters.
    cells : array of bool, shape (n_cells,), optional
        Which cells; all of them when it is not given.
    """
    _weights(counts, mean, None)
    kept = np.ones(counts.size, dtype=bool) if cells is None else cells
    total = np.array([counts[kept].sum()], dtype=np.int64)
    expected = np.array([mean[kept].sum()])
    return tally_coverage(
        total, expected, size=size_of_sum(mean[kept], size=size, common=common), levels=levels
    )


@dataclass(frozen=True)
class Coverage:
    """How often counts lay in the central intervals of one level.

    Parameters
    ----------
    level : float
        That was asked for.
    observed : float
        Share of the counts that lay in their interval.
    expected : float
        The share that a right forecast would have there: at least the level, as counts are whole numbers.
    n : float
        Counts, or their weight.
    """

    level: float
    observed: float
    expected: float
    n: float


def coverage(tallies: Floats, *, levels: Sequence[float] = LEVELS) -> tuple[Coverage, ...]:
    """Coverage by level, of tallies of shape (len(levels), 3) summed over origins."""
    if tallies.shape != (len(levels), 3):
        msg = f"tallies of shape {tallies.shape} were given for {len(levels)} levels; expected ({len(levels)}, 3)"
        raise UsageError(msg, hint="sum them over origins first, and give the levels that they were taken at")
    found = []
    for level, (inside, expected, n) in zip(levels, tallies.tolist(), strict=True):
        some = n > 0
        found.append(
            Coverage(float(level), inside / n if some else np.nan, expected / n if some else np.nan, n)
        )
    return tuple(found)


def _cdf(k: npt.NDArray[Any], mean: Floats, size: float) -> Floats:
    """Probability of at most k. scipy's distributions would check more and take ten times as long for a number."""
    if np.isinf(size):
        found = special.gammaincc(np.maximum(k, 0) + 1.0, mean)
    else:
        found = special.betainc(size, np.maximum(k, 0) + 1.0, size / (size + mean))
    return np.where(k < 0, 0.0, found)


def _ppf(probability: Floats, mean: Floats, size: float) -> Floats:
    if np.isinf(size):
        return np.asarray(stats.poisson.ppf(probability, mean))
    return np.asarray(stats.nbinom.ppf(probability, size, size / (size + mean)))


def _weights(counts: Counts, mean: Floats, weight: Floats | None) -> Floats:
    weights = np.ones(counts.shape) if weight is None else weight
    if counts.ndim != 1 or not counts.shape == mean.shape == weights.shape:
        msg = f"{counts.shape} counts were given with {mean.shape} means and {weights.shape} weights; expected one each"
        raise UsageError(msg)
    return weights
