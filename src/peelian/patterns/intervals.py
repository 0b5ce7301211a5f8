"""Intervals for sums of weights that arrive by chance: exact for counts, and honest where there are none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["weighted_interval"]

Floats = npt.NDArray[np.float64]


def weighted_interval(
    total: npt.ArrayLike, variance: npt.ArrayLike, *, largest: float = 1.0, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Interval for the expectation of a weighted sum of Poisson counts.

    Parameters
    ----------
    total : array of float
        The sums: none below 0.
    variance : array of float, same shape
        Of the sums: of independent reports, the sum of their squared weights.
    largest : float
        Largest weight that one report can have: what may have been missed where nothing was seen.
    level : float

    Returns
    -------
    low, high : array of float

    Notes
    -----
    Fay and Feuer (1997), "Confidence intervals for directly standardized rates: a method based on the gamma
    distribution", Statistics in Medicine 16. For whole counts it is the exact interval of a Poisson count. It has the
    mean and variance of a Poisson bootstrap of the reports, without draws, and unlike that it has an upper end where
    no report was seen.
    """
    t, v = np.broadcast_arrays(np.asarray(total, dtype=np.float64), np.asarray(variance, dtype=np.float64))
    tail = (1 - level) / 2
    seen = (t > 0) & (v > 0)
    low = np.zeros(t.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        low[seen] = stats.gamma.ppf(tail, t[seen] ** 2 / v[seen], scale=v[seen] / t[seen])
        up, wide = t + largest, v + largest**2
        high: Floats = np.asarray(stats.gamma.isf(tail, up**2 / wide, scale=wide / up), dtype=np.float64)
    return low, high
