"""Distributions of the chance that a search finds something, whose tails need no integral.

Some share of those stopped carry what is searched for, and each gives a signal: normal around 0 for those who don't,
around a *separation* for those who do, with the same spread. Whoever sees the signal knows a chance, 0 to 1, that a
search finds something; over all stops that chance has a *discriminant distribution*. A search is made where the chance
is above a threshold. How many searches that makes, and how many find something, are sums of two normal tails. With beta
distributions, which have much the same shapes, both would be integrals.

Pierson, Corbett-Davies and Goel (2018), "Fast threshold tests for detecting discrimination", AISTATS, section 3.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["Floats", "draw_counts", "signal_at", "stop_outcomes"]

Floats = npt.NDArray[np.float64]


def signal_at(chance: npt.ArrayLike, *, carrying: npt.ArrayLike, separation: npt.ArrayLike) -> Floats:
    """The signal at which a search has that chance to find something.

    Parameters
    ----------
    chance, carrying : array of float
        The chance, and the share of those stopped who carry what is searched for; both between 0 and 1.
    separation : array of float
        Between the two normal signals, in standard deviations; more than 0.

    Returns
    -------
    array of float
        In standard deviations from the mean signal of those who carry nothing.
    """
    at, share, apart = (np.asarray(given, dtype=np.float64) for given in (chance, carrying, separation))
    # By Bayes' rule the log-odds rise in a straight line with the signal: that is what equal spreads are for.
    return np.asarray((special.logit(at) - special.logit(share)) / apart + apart / 2)


def stop_outcomes(
    threshold: npt.ArrayLike, *, carrying: npt.ArrayLike, separation: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """Shares of all stops that are searched, and of the searches that find something.

    Parameters
    ----------
    threshold : array of float
        Chance above which a search is made, between 0 and 1.
    carrying, separation : array of float
        As for `signal_at`.

    Returns
    -------
    search_rate, hit_rate : array of float
    """
    signal = signal_at(threshold, carrying=carrying, separation=separation)
    share = np.asarray(carrying, dtype=np.float64)
    found = share * special.ndtr(np.asarray(separation) - signal)
    searched = found + (1 - share) * special.ndtr(-signal)
    return searched, found / searched


def draw_counts(
    rng: np.random.Generator,
    *,
    stops: npt.NDArray[np.int64],
    threshold: npt.ArrayLike,
    carrying: npt.ArrayLike,
    separation: npt.ArrayLike,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Searches and hits among so many stops, to try a test on what is known.

    Parameters
    ----------
    rng : numpy.random.Generator
    stops : array of int
    threshold, carrying, separation : array of float
        As for `stop_outcomes`; shapes broadcast with `stops`.

    Returns
    -------
    searches, hits : array of int, shape of `stops`
    """
    search_rate, hit_rate = stop_outcomes(threshold, carrying=carrying, separation=separation)
    searches = rng.binomial(stops, search_rate)
    return searches, rng.binomial(searches, hit_rate)
