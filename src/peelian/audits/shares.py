"""When a share of the records moved: one step in a series of parts of a changing whole.

A label that loses a tenth of the records to another doesn't change how many there are in all. So it's the share that is
watched, week by week, and not the count: what makes all records rise or fall is no finding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from peelian.errors import UsageError

__all__ = ["ShareSteps", "share_steps"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHORTEST = 4
"""Weeks on either side of a step, at least; a twentieth of all in long series."""


@dataclass(frozen=True, eq=False)
class ShareSteps:
    """The clearest step in the share of each series.

    Parameters
    ----------
    at : array of int, shape (n,)
        First week of the new share.
    first, last : array of int, shape (n,)
        Between which weeks the step is.
    before, after : array of float, shape (n,)
        Shares.
    low, high : array of float, shape (n,)
        Ends of the interval of their difference.
    p : array of float, shape (n,)
        Chance of a step as clear, anywhere, where there is none.
    dispersion : array of float, shape (n,)
        Of the weeks around the two shares, memory from week to week included.
    """

    at: Ints
    first: Ints
    last: Ints
    before: Floats
    after: Floats
    low: Floats
    high: Floats
    p: Floats
    dispersion: Floats


def share_steps(part: npt.ArrayLike, whole: npt.ArrayLike, *, level: float = 0.95) -> ShareSteps:
    """Find the clearest step in the share of each part.

    Parameters
    ----------
    part : array of int, shape (n, n_weeks)
    whole : array of int, shape (n_weeks,) or (n, n_weeks)
        At least the part.
    level : float
        Of intervals.

    Raises
    ------
    UsageError
        Fewer than 12 weeks, or a part larger than its whole.

    Notes
    -----
    The sum of what is above the mean share, week by week, is a Brownian bridge where the share never moves; its largest
    distance from 0 follows Kolmogorov's distribution (Brown, Durbin and Evans 1975, "Techniques for testing the
    constancy of regression relationships over time", JRSS B 37; Ploberger and Krämer 1992, "The CUSUM test with OLS
    residuals", Econometrica 60). Its scale is the binomial one times the dispersion that is left around the two shares,
    with the memory from one week to the next. Where the step is, the likelihood of two shares tells.
    """
    y, n = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    n = np.broadcast_to(n, y.shape)
    if y.ndim != 2 or y.shape[1] < 3 * SHORTEST or np.any(y > n) or np.any(y < 0):
        msg = f"parts of shape {y.shape} were given; expected at least {3 * SHORTEST} weeks, none over its whole"
        raise UsageError(msg, hint="give the counts of all records as the whole")
    total, held = n.sum(axis=1, keepdims=True), y.sum(axis=1, keepdims=True)
    share = held / np.maximum(total, 1)
    cusum = np.cumsum(y - n * share, axis=1)
    rows = np.arange(len(y))
    ys, ns = np.cumsum(y, axis=1), np.cumsum(n, axis=1)
    shortest = max(SHORTEST, y.shape[1] // 20)
    places = np.arange(shortest, y.shape[1] - shortest + 1)
    gain = _gain(ys, ns, places)
    at = places[np.argmax(gain, axis=1)]
    n_before, n_after = ns[rows, at - 1], total[:, 0] - ns[rows, at - 1]
    before = ys[rows, at - 1] / np.maximum(n_before, 1)
    after = (held[:, 0] - ys[rows, at - 1]) / np.maximum(n_after, 1)
    dispersion = _dispersion(y, n, share[:, 0], before, after, at)
    binomial = np.maximum(total * share * (1 - share), 1e-12)[:, 0]
    largest = np.abs(cusum[:, :-1]).max(axis=1)
    p = special.kolmogorov(largest / np.sqrt(binomial * dispersion))
    z = float(stats.norm.ppf((1 + level) / 2))
    variance = before * (1 - before) / np.maximum(n_before, 1) + after * (1 - after) / np.maximum(n_after, 1)
    half = z * np.sqrt(dispersion * variance)
    near = 2 * (gain.max(axis=1, keepdims=True) - gain) <= dispersion[:, None] * stats.chi2.ppf(level, 1)
    first = places[np.argmax(near, axis=1)]
    last = places[near.shape[1] - 1 - np.argmax(near[:, ::-1], axis=1)]
    return ShareSteps(
        at,
        first,
        last,
        before,
        after,
        after - before - half,
        after - before + half,
        np.where(held[:, 0] > 0, p, 1.0),
        dispersion,
    )


def _dispersion(y: Floats, n: Floats, share: Floats, before: Floats, after: Floats, at: Ints) -> Floats:
    """Variance over the binomial one around both shares, times what memory from week to week adds; at least 1."""
    late = np.arange(y.shape[1]) >= at[:, None]
    mean = n * np.where(late, after[:, None], before[:, None])
    usual = np.sqrt(np.maximum(n * (share * (1 - share))[:, None], 1e-12))
    left = np.where(n > 0, (y - mean) / usual, 0.0)
    square, weeks = np.sum(left**2, axis=1), y.shape[1]

    def memory(lag: int) -> Floats:
        together = np.sum(left[:, lag:] * left[:, :-lag], axis=1)
        alike = np.divide(together, square, out=np.zeros(len(y)), where=square > 0)
        # What is left around a fitted step is less alike from week to week than it was: by about 4 in n.
        return np.asarray(alike + 4 / weeks)

    first = np.clip(memory(1), 0.0, 0.9)
    # Noise over a slow drift hides how alike neighbours are: then what is left of it weeks later tells (Bartlett's
    # weights; Newey and West 1987, Econometrica 55).
    lags = range(1, max(int(1.5 * weeks ** (1 / 3)), 2) + 1)
    weighted = 1 + 2 * sum((1 - k / (len(lags) + 1)) * memory(k) for k in lags)
    spread = np.maximum(square / (weeks - 2), 1.0)
    return np.asarray(spread * np.maximum(np.maximum((1 + first) / (1 - first), weighted), 1.0))


def _gain(ys: Floats, ns: Floats, places: Ints) -> Floats:
    """Log-likelihood of two shares with a step at each place, shape (n, n_places)."""

    def likelihood(y: Floats, n: Floats) -> Floats:
        share = np.clip(y / np.maximum(n, 1), 1e-12, 1 - 1e-12)
        return np.asarray(special.xlogy(y, share) + special.xlogy(n - y, 1 - share))

    y, n = ys[:, places - 1], ns[:, places - 1]
    return np.asarray(likelihood(y, n) + likelihood(ys[:, -1:] - y, ns[:, -1:] - n))
