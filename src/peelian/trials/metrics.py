"""Scores of a forecast against what was then reported, each a pure function of arrays.

Ratios are pooled: hits, incidents and areas are summed over periods first, so that a quiet week weighs less
than a busy one and a week without incidents harms nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scoringrules
from scipy.special import gammaln

from peelian.errors import UsageError

__all__ = [
    "HIGHER_IS_BETTER",
    "best_hits",
    "crps",
    "hit_rate",
    "log_likelihood",
    "log_score",
    "pai",
    "pei",
    "uniform_map",
]

Floats = npt.NDArray[np.float64]

HIGHER_IS_BETTER = {
    "hit_rate": True,
    "pai": True,
    "pei": True,
    "log_score": True,
    "log_skill": True,
    "crps": False,
}
"""Every metric, and whether more of it is better."""


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
    """Predictive efficiency index: PAI over the highest that as much area could have had, 0 to 1.

    The area is the same above and below, so the ratio is that of hits to `best_hits`.

    References
    ----------
    Hunt (2016), "Do crime hot spots move? Exploring the effects of the modifiable areal unit problem and
    modifiable temporal unit problem on crime hot spot stability", American University (dissertation).
    """
    return _ratio(hits, best)


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


def log_likelihood(counts: npt.NDArray[np.int64], mean: Floats) -> float:
    """Poisson log-likelihood of one period's counts, summed over cells, in nats.

    Minus infinity where something was reported that the map called impossible. Poisson whatever the map's own
    distribution, so that maps are compared by their means.

    References
    ----------
    Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", JASA 102: the
    logarithmic score.
    """
    if counts.shape != mean.shape:
        msg = f"{counts.shape} counts were given with {mean.shape} means; expected one a cell of both"
        raise UsageError(msg)
    hit = np.flatnonzero(counts)
    with np.errstate(divide="ignore"):
        gained = counts[hit] * np.log(mean[hit]) - gammaln(counts[hit] + 1.0)
    return float(gained.sum() - mean.sum())


def uniform_map(mean: Floats, area: Floats) -> Floats:
    """The map that expects the same total, evenly over the area, shape (n_cells,)."""
    return np.asarray(mean.sum() * area / area.sum(), dtype=np.float64)


def log_score(log_likelihoods: npt.ArrayLike, events: npt.ArrayLike) -> Floats:
    """Poisson log score: mean `log_likelihood` in nats per incident; a skill where a reference's were taken off.

    It scores the means alone. How far counts scatter about them, which the negative binomial's size tells, enters
    `crps` and not this.

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

    References
    ----------
    Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", JASA 102. Closed
    forms: Wei and Held (2014), "Calibration tests for count data", TEST 23.
    """
    if counts.shape != mean.shape:
        msg = f"{counts.shape} counts were given with {mean.shape} means; expected one a cell of both"
        raise UsageError(msg)
    # A mean of 0 is a point mass at 0, whose score is the count itself; the closed forms divide by it.
    some = mean > 0
    observed = counts.astype(np.float64)
    if np.isinf(size):
        scores = scoringrules.crps_poisson(observed[some], mean[some])
    else:
        scores = scoringrules.crps_negbinom(observed[some], size, mu=mean[some])
    return float(np.sum(scores) + observed[~some].sum())
