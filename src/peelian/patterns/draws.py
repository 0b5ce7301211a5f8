"""Random counts around an expectation, and times that are dealt out anew: the replicates of a scan."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import stats

from peelian.errors import UsageError
from peelian.patterns.cylinders import LANES, Fill

__all__ = ["Law", "dealt_anew", "law_of", "quantile", "scattered", "scattered_fill"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Law:
    """A count's law by its mode: ``p(k + 1) / p(k) = (a + q k) / (k + 1)`` (Panjer's class), shape (n,) each."""

    mode: Floats
    below: Floats
    at: Floats
    a: Floats
    q: Floats


def law_of(mean: Floats, scatter: float) -> Law:
    """Poisson for a scatter of 1, else negative binomial with a variance of `scatter` times the mean."""
    if not (scatter >= 1 and math.isfinite(scatter)):
        msg = f"a scatter of {scatter} was given; expected the variance over the mean, at least 1"
        raise UsageError(msg, hint="scatter=1 for Poisson counts")
    mean = np.maximum(mean, 1e-300)
    if scatter < 1 + 1e-9:
        mode, a, q = np.floor(mean), mean, np.zeros_like(mean)
        below, at = stats.poisson.cdf(mode, mean), stats.poisson.pmf(mode, mean)
    else:
        size = mean / (scatter - 1)
        mode = np.where(size > 1, np.floor((size - 1) * (scatter - 1)), 0.0)
        q = np.full_like(mean, (scatter - 1) / scatter)
        a = size * q
        below, at = stats.nbinom.cdf(mode, size, 1 / scatter), stats.nbinom.pmf(mode, size, 1 / scatter)
    return Law(mode, np.asarray(below), np.asarray(at), a, q)


def scattered(mean: npt.ArrayLike, *, scatter: float, seed: int, replicates: int) -> npt.NDArray[np.int64]:
    """Random counts around `mean`, shape (n, periods), in each of several replicates.

    Returns
    -------
    array of int, shape (replicates, n, periods)
        The same, whatever number of replicates is drawn beside it.
    """
    mean = np.asarray(mean, dtype=np.float64)
    out = np.zeros((replicates, *mean.shape), dtype=np.int64)
    fill = scattered_fill(mean, scatter=scatter, seed=seed)
    for block in range(-(-replicates // LANES)):
        counts = np.zeros((*mean.shape, LANES), dtype=np.int32)
        fill(block, counts)
        lanes = min(LANES, replicates - block * LANES)
        # Cumulated from the latest on: back to single periods, in their order.
        single = np.diff(counts[..., :lanes], axis=1, prepend=0)[:, ::-1]
        out[block * LANES : block * LANES + lanes] = np.moveaxis(single, -1, 0)
    return out


def scattered_fill(mean: npt.ArrayLike, *, scatter: float, seed: int) -> Fill:
    """Blocks of replicates of independent counts around `mean`, shape (n, periods), in the periods' order.

    Parameters
    ----------
    mean : array of float, shape (n, periods)
    scatter : float
        Variance over mean, at least 1: 1 is Poisson, more is negative binomial, which keeps the same scatter when
        places and periods are summed.
    seed : int
    """
    mean = np.ascontiguousarray(np.asarray(mean, dtype=np.float64)[:, ::-1])
    law = law_of(mean, scatter)

    def fill(block: int, out: Small) -> None:
        _scatter(_starts(seed, block), law.mode, law.below, law.at, law.a, law.q, out)

    return fill


def dealt_anew(cell: Ints, age: Ints, *, durations: int, places: int, seed: int) -> Fill:
    """Blocks of replicates in which the reports' times are dealt out anew among their places.

    Places keep their number of reports and so do periods: the margins of the space-time permutation.

    Parameters
    ----------
    cell, age : array of int, shape (m,)
        Place of each report, and how many periods before the latest it was.
    durations : int
        How many of the latest periods are counted.
    places : int
    seed : int
    """
    places_of = np.ascontiguousarray(cell, dtype=np.int32)
    # Only who gets one of the latest times matters.
    recent = np.sort(age[age < durations]).astype(np.int32)

    def fill(block: int, out: Small) -> None:
        _deal(_starts(seed, block), places_of.copy(), recent, out)

    if recent.size > places_of.size or (places_of.size and int(places_of.max()) >= places):
        msg = f"reports at place {int(places_of.max())} were given for {places} places"
        raise UsageError(msg)
    return fill


def _starts(seed: int, block: int) -> npt.NDArray[np.uint64]:
    """A stream of random numbers for each replicate, by its number: no thread's work depends on another's."""
    replicate = np.arange(block * LANES, (block + 1) * LANES)
    return np.array(
        [np.random.SeedSequence([seed, int(r)]).generate_state(1, np.uint64)[0] for r in replicate]
    )


@njit(cache=True, nogil=True, inline="always")
def _mix(state: np.uint64) -> np.uint64:
    """SplitMix64 (Steele, Lea and Flood 2014): a counter, stirred."""
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def quantile(u: float, mode: float, below: float, at: float, a: float, q: float) -> float:
    """The least count whose distribution function reaches `u`, searched from the mode up or down."""
    x, total, p = mode, below, at
    if u <= total:
        while x > 0 and total - p >= u:
            total -= p
            p *= x / (a + q * (x - 1))
            x -= 1
        return x
    while total < u and p > 1e-18:
        p *= (a + q * x) / (x + 1)
        x += 1
        total += p
    return x


@njit(cache=True, nogil=True)
def _scatter(
    state: npt.NDArray[np.uint64], mode: Floats, below: Floats, at: Floats, a: Floats, q: Floats, out: Small
) -> None:
    for i in range(out.shape[0]):
        for d in range(out.shape[1]):
            for r in range(out.shape[2]):
                state[r] += np.uint64(0x9E3779B97F4A7C15)
                u = (float(_mix(state[r]) >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)
                drawn = quantile(u, mode[i, d], below[i, d], at[i, d], a[i, d], q[i, d])
                out[i, d, r] = np.int32(drawn) + (out[i, d - 1, r] if d > 0 else 0)


@njit(cache=True, nogil=True)
def _deal(state: npt.NDArray[np.uint64], cell: Small, recent: Small, out: Small) -> None:
    m = cell.size
    for r in range(out.shape[2]):
        for j in range(recent.size):
            state[r] += np.uint64(0x9E3779B97F4A7C15)
            left = m - j
            pick = j + int(float(_mix(state[r]) >> np.uint64(11)) * (1.0 / 9007199254740992.0) * left)
            cell[j], cell[pick] = cell[pick], cell[j]
            out[cell[j], recent[j], r] += 1
        # Swapped, the places are still the same reports': the next replicate deals from them as they lie.
    for i in range(out.shape[0]):
        for d in range(1, out.shape[1]):
            for r in range(out.shape[2]):
                out[i, d, r] += out[i, d - 1, r]
