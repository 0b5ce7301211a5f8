"""Scores of a forecast against what was then reported, each a pure function of arrays.

Ratios are pooled: hits, incidents and areas are summed over periods first, so that a quiet week weighs less
than a busy one and a week without incidents harms nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincc, betaln, gammaincc, gammaln, hyp2f1, i0e, i1e, xlogy

from peelian.errors import DataError, UsageError

__all__ = [
    "Alarms",
    "alarms",
    "best_hits",
    "crps",
    "false_alarm_ratio",
    "hit_rate",
    "jaccard",
    "log_likelihood",
    "log_score",
    "miss_rate",
    "overlap",
    "pai",
    "pei",
    "recapture_rate",
    "uniform_map",
]

Floats = npt.NDArray[np.float64]

LARGEST_CLOSED = 100.0
"""Negative binomial size up to which the closed form of CRPS is quick and, but for means of thousands, has a value."""

NODES = np.linspace(0.0, 13.0, 79)
"""Of the integral that stands for it elsewhere; beyond them nothing is left."""


def hit_rate(hits: npt.ArrayLike, events: npt.ArrayLike) -> Floats:
    """Share of the incidents that were in the chosen cells, 0 to 1; not a number where there were none.

    References
    ----------
    Chainey, Tompson and Uhlig (2008), "The utility of hotspot mapping for predicting spatial patterns of
    crime", Security Journal 21.
    """
    return _ratio(hits, events)


def pai(hits: npt.ArrayLike, events: npt.ArrayLike, area_share: npt.ArrayLike) -> Floats:
    """Predictive accuracy index: hit rate over the share of the area that was chosen; 1 is what chance gives.

    References
    ----------
    Chainey, Tompson and Uhlig (2008), "The utility of hotspot mapping for predicting spatial patterns of
    crime", Security Journal 21.
    """
    return _ratio(hit_rate(hits, events), area_share)


def pei(hits: npt.ArrayLike, best: npt.ArrayLike) -> Floats:
    """PEI*: hits over the most that as much area could have had, 0 to 1.

    Numerator and denominator are of the same area and the same period, so this is at the same time PAI over the highest
    PAI that as much area could have had. The star tells it from the older predictive efficiency index (PEI), which
    divides by the highest PAI of all, whatever area it takes: commonly that of a single cell, which says nothing of
    what could have been reached with the area that was chosen.

    Parameters
    ----------
    hits : array of float
        Incidents in the chosen cells.
    best : array of float
        `best_hits` of as much area.

    References
    ----------
    White, Hunt and Green (2023), "A discussion of current crime forecasting indices and an improvement to the
    prediction efficiency index for applications", Security Journal 36: PEI*, by which the National Institute of
    Justice's Real-Time Crime Forecasting Challenge of 2017 was judged. Hunt (2016), "Do crime hot spots move?",
    American University (dissertation): PEI. Mohler and Porter (2018), "Rotational grid, PAI-maximizing crime
    forecasts", Statistical Analysis and Data Mining 11, who won parts of it. The penalised index of Joshi, Curtis-Ham,
    D'Ath and Searle (2021), ISPRS International Journal of Geo-Information 10(9):597, is another one (PPAI).
    """
    return _ratio(hits, best)


def recapture_rate(
    hits: npt.ArrayLike, events: npt.ArrayLike, past_hits: npt.ArrayLike, past_events: npt.ArrayLike
) -> Floats:
    """Recapture rate index: hit rate in the period over that of the same cells in what was learned from.

    1 where the chosen cells hold as large a share of the reports as they held before. Below 1 is the rule: cells that
    are chosen because they had many reports also had luck. How long the past was does not matter, as shares are
    compared.

    Parameters
    ----------
    hits, events : array of float
        Incidents in the chosen cells, and in all, in the periods that were forecast.
    past_hits, past_events : array of float
        The same in the periods that were learned from.

    Returns
    -------
    array of float
        Not a number where the cells held nothing before, or nothing was reported.

    References
    ----------
    Levine (2008), "The 'hottest' part of a hotspot: comments on 'The utility of hotspot mapping for predicting spatial
    patterns of crime'", Security Journal 21.
    """
    return _ratio(hit_rate(hits, events), hit_rate(past_hits, past_events))


@dataclass(frozen=True)
class Alarms:
    """What chosen cells held, what they did not, and what was elsewhere: sums that may be added over periods.

    Parameters
    ----------
    chosen : int
        Cells that were chosen.
    empty : int
        Of these, cells without a report in the period: false alarms.
    reported : int
        Cells with a report, chosen or not.
    missed : int
        Of these, cells that were not chosen: misses.
    events : int
        Reports.
    outside : int
        Of these, reports that were not in a chosen cell.
    """

    chosen: int
    empty: int
    reported: int
    missed: int
    events: int
    outside: int


def alarms(counts: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_]) -> Alarms:
    """False alarms and misses of one period.

    Few reports can't fill many cells: where fewer cells had a report than were chosen, most alarms are false whatever
    the method, so compare methods by them at one area and never one city or category with another.

    Parameters
    ----------
    counts : array of int, shape (n_cells,)
        What was reported.
    chosen : array of bool, shape (n_cells,)

    References
    ----------
    Wilks (2011), "Statistical methods in the atmospheric sciences", section 8.2: the contingency table of forecasts.
    """
    _check_shapes(counts, chosen, "choices")
    held = counts > 0
    return Alarms(
        chosen=int(chosen.sum()),
        empty=int((chosen & ~held).sum()),
        reported=int(held.sum()),
        missed=int((held & ~chosen).sum()),
        events=int(counts.sum()),
        outside=int(counts[~chosen].sum()),
    )


def false_alarm_ratio(empty: npt.ArrayLike, chosen: npt.ArrayLike) -> Floats:
    """Share of the chosen cells without a report, 0 to 1; of `Alarms`, or of their sums over periods."""
    return _ratio(empty, chosen)


def miss_rate(missed: npt.ArrayLike, reported: npt.ArrayLike) -> Floats:
    """Share of the cells with a report that were not chosen, 0 to 1; of `Alarms`, or of their sums over periods.

    Of reports instead of cells, it is 1 less `hit_rate`.
    """
    return _ratio(missed, reported)


def overlap(before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_], area: Floats) -> tuple[float, float]:
    """Area that two choices of cells share, and the area of both together, in the unit of `area`.

    Parameters
    ----------
    before, after : array of bool, shape (n_cells,)
        Cells chosen at one origin and at the next.
    area : array of float, shape (n_cells,)

    Returns
    -------
    shared, together : float
        Both may be added over pairs of origins.
    """
    _check_shapes(before, after, "choices")
    return float(area[before & after].sum()), float(area[before | after].sum())


def jaccard(shared: npt.ArrayLike, together: npt.ArrayLike) -> Floats:
    """Stability of the chosen places: the area that two choices share over that of both, 0 (none) to 1 (the same).

    References
    ----------
    Jaccard (1912), "The distribution of the flora in the alpine zone", New Phytologist 11; by area, not by cells, so
    that cells which the border cuts count for what they are.
    """
    return _ratio(shared, together)


def _ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Floats:
    a, b = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    return np.asarray(np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0))


def best_hits(counts: npt.NDArray[np.int64], area: Floats, limit: float) -> int:
    """Most incidents that any choice of cells within a limit of area holds.

    Parameters
    ----------
    counts : array of int, shape (n_cells,)
        What was reported in the period.
    area : array of float, shape (n_cells,)
        Above 0, in any unit.
    limit : float
        In the same unit.

    Notes
    -----
    Cells of full size are taken from the top. Those that the border cuts smaller make it a knapsack problem,
    which is solved exactly: by the least area that gives each number of incidents (Kellerer, Pferschy and
    Pisinger, 2004, "Knapsack problems", section 2.3).
    """
    limit = limit * (1 + 1e-9)
    held = counts > 0
    whole = held & np.isclose(area, area.max(), rtol=1e-9)
    cut = held & ~whole
    least = np.concatenate([[0.0], np.full(int(counts[cut].sum()), np.inf)])
    for n, size in zip(counts[cut], area[cut], strict=True):
        least[n:] = np.minimum(least[n:], least[:-n] + size)
    gained = np.concatenate([[0], np.cumsum(np.sort(counts[whole])[::-1])])
    small = np.flatnonzero(least <= limit)
    room = np.floor((limit - least[small]) / float(area.max())).astype(np.int64)
    return int(np.max(small + gained[np.minimum(room, gained.size - 1)]))


def log_likelihood(counts: npt.NDArray[np.int64], mean: Floats, *, size: float = np.inf) -> float:
    """Log-likelihood of one period's counts, summed over cells, in nats.

    Minus infinity where something was reported that the map called impossible.

    Parameters
    ----------
    counts : array of int, shape (n_cells,)
    mean : array of float, shape (n_cells,)
    size : float, optional
        Negative binomial size of a cell, a surface's ``cell_size``. Infinite (the default) is Poisson, by which maps
        are compared by their means alone.

    References
    ----------
    Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", JASA 102: the
    logarithmic score.
    """
    _check_shapes(counts, mean, "means")
    hit = np.flatnonzero(counts)
    y, m = counts[hit], mean[hit]
    with np.errstate(divide="ignore"):
        gained = y * np.log(m) - gammaln(y + 1.0)
    if np.isinf(size):
        return float(gained.sum() - mean.sum())
    # What a negative binomial has beside it: where nothing was reported, only the last term, over all cells.
    gained += gammaln(y) - betaln(size, y) - y * (np.log(size) + np.log1p(m / size))
    return float(gained.sum() - size * np.log1p(mean / size).sum())


def uniform_map(mean: Floats, area: Floats) -> Floats:
    """The map that expects the same total, evenly over the area, shape (n_cells,)."""
    return np.asarray(mean.sum() * area / area.sum(), dtype=np.float64)


def log_score(log_likelihoods: npt.ArrayLike, events: npt.ArrayLike) -> Floats:
    """Log score: mean `log_likelihood` in nats per incident; a skill where a reference's were taken off.

    Of Poisson likelihoods it scores the means alone (``log_score``); of negative binomial ones the full predictive
    distribution of each cell, with how far counts scatter about their means (``full_log_score`` and
    ``full_log_skill``).

    References
    ----------
    Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", JASA 102.
    """
    return _ratio(log_likelihoods, events)


def crps(counts: npt.NDArray[np.int64], mean: Floats, size: float) -> float:
    """Continuous ranked probability score of one period, summed over cells, in reports; 0 is perfect.

    Parameters
    ----------
    counts : array of int, shape (n_cells,)
    mean : array of float, shape (n_cells,)
    size : float
        Negative binomial size; infinite is Poisson.

    Raises
    ------
    DataError
        It has no finite value: a mean is no finite number, or so large that the arithmetic breaks down.

    References
    ----------
    Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", JASA 102. Closed
    forms: Wei and Held (2014), "Calibration tests for count data", TEST 23.
    """
    _check_shapes(counts, mean, "means")
    # A mean of 0 is a point mass at 0, whose score is the count itself; the closed forms divide by it.
    some = ~(mean <= 0)  # what is no number at all is not let through as a 0
    observed = counts.astype(np.float64)
    y, m = observed[some], mean[some]
    with np.errstate(all="ignore"):  # what comes of it is looked at
        scores = _crps_poisson(y, m) if np.isinf(size) else _crps_negative_binomial(y, m, size)
    total = float(np.sum(scores) + observed[~some].sum())
    if not np.isfinite(total):
        broken = int(np.count_nonzero(~np.isfinite(scores)))
        msg = f"the CRPS of {broken} cells with means up to {mean.max():g} and a size of {size:g} is no finite number"
        raise DataError(msg, hint="score finite means")
    return total


def _crps_poisson(y: Floats, m: Floats) -> Floats:
    """By cell. With Bessel functions that carry their exponential, so that no mean is too large."""
    below = gammaincc(y + 1, m)
    at = np.exp(xlogy(y, m) - m - gammaln(y + 1))
    return np.asarray(
        (y - m) * (2 * below - 1) + 2 * m * at - m * (i0e(2 * m) + i1e(2 * m)), dtype=np.float64
    )


def _crps_negative_binomial(y: Floats, m: Floats, size: float) -> Floats:
    """By cell; by an integral where the hypergeometric function of the closed form is slow or has no value."""
    scores = np.full(y.shape, np.nan)
    if size <= LARGEST_CLOSED:
        p = size / (size + m)
        below = betainc(size, y + 1, p)
        less = np.where(y > 0, betainc(size + 1, np.maximum(y, 1.0), p), 0.0)
        spread = hyp2f1(size + 1, 0.5, 2, -4 * (1 - p) / p**2)
        scores = y * (2 * below - 1) - size * (1 - p) * (p * (2 * less - 1) + spread) / p**2
    rest = np.flatnonzero(~np.isfinite(scores))
    if rest.size:
        y, m = y[rest], m[rest]
        # The share beyond a count, not the share up to it: of a large size, one less its argument has few digits left.
        odds = m / (size + m)
        below = betaincc(y + 1, size, odds)
        less = np.where(y > 0, betaincc(np.maximum(y, 1.0), size + 1, odds), 0.0)
        scores[rest] = y * (2 * below - 1) - m * (2 * less - 1) - m * (1 + m / size) * _spread(m, size)
    return scores


def _spread(m: Floats, size: float) -> Floats:
    """``2F1(size + 1, 1/2; 2; -z)`` with z = 4 m (size + m) / size^2, shape (n_cells,).

    Notes
    -----
    Euler's integral, ``2 / pi`` times that of ``t^(-1/2) (1 - t)^(1/2) (1 + z t)^(-size - 1)`` from 0 to 1, with
    ``t = x^2 / (1 + x^2)`` and ``x`` a multiple of the hyperbolic sine of an even grid: the trapezoidal rule then
    converges exponentially (Trefethen and Weideman 2014, "The exponentially convergent trapezoidal rule", SIAM Review
    56), and no mean or size needs more nodes than another.
    """
    z = 4 * m * (size + m) / size**2
    width = 1 / np.sqrt(1 + z * (size + 1))
    total = np.zeros(m.shape)
    for k, u in enumerate(NODES.tolist()):
        square = (width * np.sinh(u)) ** 2
        falls = np.exp(-(size + 1) * np.log1p(z * square / (1 + square))) / (1 + square) ** 2
        total += (0.5 if k == 0 else 1.0) * np.cosh(u) * falls
    return np.asarray(4 / np.pi * (NODES[1] - NODES[0]) * width * total, dtype=np.float64)


def _check_shapes(counts: npt.NDArray[np.generic], others: npt.NDArray[np.generic], what: str) -> None:
    if counts.shape != others.shape:
        msg = f"{counts.shape} counts were given with {others.shape} {what}; expected one a cell of both"
        raise UsageError(msg)
