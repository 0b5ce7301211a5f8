"""A mixture of decayed kernels: how much each distance and each memory tells is learned from past forecasts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from peelian.methods.base import Method
from peelian.methods.smoothing import (
    FEWEST_REPORTS,
    Ahead,
    EdgeCorrected,
    binned,
    chosen_level,
    decayed_shares,
    narrowed,
    one_step_ahead,
    reports_a_day,
)
from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.places.periods import Period

__all__ = ["KernelMixture", "mixture_weights"]

Floats = npt.NDArray[np.float64]

HALF_LIVES = ("2w", "8w", "26w", "104w", None)

AGES = {
    "2w": "in the last weeks and months",
    "8w": "in the last weeks and months",
    "26w": "in the last years",
    "104w": "in the last years",
    None: "on record",
}
"""What a half-life is called: half of the weight is younger than it."""

NEAR = 250.0
"""Metres: scales up to it are told together as near, wider ones as the neighbourhood."""

NARROWEST = 75.0
"""Metres, or half a cell if that is more. The next scale is always twice as wide; the first is the cell itself."""

WIDEST = 1500.0
"""Metres, or three cells if those are more."""

NEGLIGIBLE = 1e-3
"""Weights below are taken as 0, which saves their convolutions."""

LEAST = 0.005
"""Weight that the even map always has, so that no place is called impossible."""

LARGEST = 2_000_000
"""Nodes: on larger grids nothing is learned, which would take minutes."""

ROUNDS = 100
MOST_ROUNDS = 2000
CLOSE = 3e-7
"""Nats per report that a round of EM gains when it is taken as done."""

CHECKED = 10
"""Rounds between two looks at the likelihood."""

LOST = 1e-5
"""Components below after some rounds are left out of the next, which makes those faster."""


def scales_for(grid: Grid) -> list[float]:
    """Standard deviations in metres, the first 0: the cell's own count."""
    first, last = max(NARROWEST, grid.cell / 2), max(WIDEST, 3 * grid.cell)
    return [0.0, *(round(first * 2.0**i, 1) for i in range(int(np.log2(last / first)) + 1))]


class KernelMixture(Method):
    """Reports at every distance and of every age, each weighted by what it has told of past reports.

    The components are kernel densities of a few bandwidths and half-lives, the decayed counts of the cells themselves,
    and an even map. Their weights are those that give the latest year's reports, each week's from those before it, the
    highest likelihood. The whole area's expected number is a decayed rate of its own.

    Parameters
    ----------
    background : float
        Least weight of the even map.

    Attributes
    ----------
    scales_ : list of float
        Standard deviations in metres.
    weights_ : array of float, shape (n_scales, n_half_lives)
    even_ : float
        Weight of the even map; with `weights_` it sums to 1.
    level_ : str or None
        Half-life of the whole area's rate.
    rate_ : float
        Reports per day in all.

    References
    ----------
    Dempster, Laird and Rubin (1977), "Maximum likelihood from incomplete data via the EM algorithm", JRSS B 39. Vardi
    and Lee (1993), "From image deblurring to optimal investments", JRSS B 55, for mixing weights alone: the likelihood
    is concave in them, so that EM finds the one maximum. Smyth and Wolpert (1999), "Linearly combining density
    estimators via stacking", Machine Learning 36: weights from data that the components have not seen.
    """

    name = "kernel_mixture"
    title = "Mixture of kernels"

    def __init__(self, *, background: float = LEAST) -> None:
        self.background = background

    def chosen(self) -> dict[str, Any]:
        """The weights by bandwidth in metres and half-life, and the half-life of the rate."""
        weights = {
            f"{scale:g} m, {half_life or 'all'}": round(float(self.weights_[s, h]), 6)
            for s, scale in enumerate(self.scales_)
            for h, half_life in enumerate(HALF_LIVES)
            if self.weights_[s, h] > 0
        }
        return {"weights": {**weights, "even": round(self.even_, 6)}, "level": self.level_}

    def _tune(self, counts: Counts) -> None:
        self.scales_ = scales_for(counts.grid)
        self.level_ = chosen_level(counts)
        kinds = (len(self.scales_), len(HALF_LIVES))
        nodes = counts.grid.shape[0] * counts.grid.shape[1]
        ahead = None
        if nodes <= LARGEST:
            ahead = one_step_ahead(counts, bandwidths=self.scales_, half_lives=HALF_LIVES)
        if ahead is None or ahead.observed.sum() < FEWEST_REPORTS:
            # A little of everything that remembers for long.
            weights = np.zeros(kinds)
            weights[1:, -2:] = 1.0
            self.weights_, self.even_ = 0.9 * weights / weights.sum(), 0.1
            return
        found = _sparse_weights(ahead, least=self.background)
        self.weights_, self.even_ = found[:-1].reshape(kinds), float(found[-1])

    def _update(self, counts: Counts) -> None:
        self.rate_ = reports_a_day(counts, self.level_)
        self.nodes_, self.cells_ = {}, {}
        self.added_ = 0.0
        for h, half_life in enumerate(HALF_LIVES):
            weight = decayed_shares(counts, half_life)
            if self.weights_[0, h] > 0:
                self.cells_[h] = np.asarray(counts.matrix @ weight, dtype=np.float64)
            if np.any(self.weights_[1:, h] > 0):
                self.nodes_[h], self.added_ = binned(counts, weight)
        everything = range(len(HALF_LIVES))
        parts = [self._part(counts.grid, s, everything) for s in range(len(self.scales_))]
        self.share_: Floats = sum(parts, self.even_ * counts.grid.area / counts.grid.area.sum())

    def _part(self, grid: Grid, s: int, half_lives: Iterable[int]) -> Floats:
        """What one scale gives each cell as a share of all expected reports: smoothing is linear, so it takes one."""
        used = [h for h in half_lives if self.weights_[s, h] > 0]
        source = self.nodes_ if self.scales_[s] > 0 else self.cells_
        whole: Floats = sum((self.weights_[s, h] * source[h] for h in used), np.zeros(()))
        if not used:
            return np.zeros(len(grid))
        if self.scales_[s] == 0:
            return whole
        return EdgeCorrected(grid, narrowed(self.scales_[s], cell=grid.cell, added=self.added_))(whole)

    def _mean(self, period: Period) -> Floats:
        return self.rate_ * period.days * self.share_

    def _terms(self, period: Period) -> dict[str, Floats]:
        """By how far and how long ago: here, near and in the neighbourhood; of late, in the last years and ever."""
        grid, expected = self.grid_, self.rate_ * period.days
        terms: dict[str, Floats] = {}
        for low, high in ((0.0, 0.0), (1e-9, NEAR), (NEAR + 1e-9, np.inf)):
            scales = [s for s, scale in enumerate(self.scales_) if low <= scale <= high]
            if not scales:
                continue
            where = "here" if high == 0 else f"within about {2 * self.scales_[scales[-1]]:.0f} m"
            for age in dict.fromkeys(AGES.values()):
                half_lives = [h for h, half_life in enumerate(HALF_LIVES) if AGES[half_life] == age]
                if np.any(self.weights_[np.ix_(scales, half_lives)] > 0):
                    parts = [self._part(grid, s, half_lives) for s in scales]
                    terms[f"reports {where} {age}"] = expected * sum(parts, np.zeros(len(grid)))
        terms["the whole area's average"] = expected * self.even_ * grid.area / grid.area.sum()
        return terms


def _sparse_weights(ahead: Ahead, *, least: float) -> Floats:
    """Weights of all components and, last, of the even map; those that tell next to nothing are 0."""
    density = np.column_stack([ahead.density.reshape(ahead.observed.size, -1), ahead.even])
    weights = mixture_weights(density, ahead.observed)
    kept = weights >= NEGLIGIBLE
    kept[-1] = True
    found = np.zeros(weights.size)
    found[kept] = mixture_weights(density[:, kept], ahead.observed)
    if found[-1] < least:
        found[:-1] *= (1 - least) / found[:-1].sum()
        found[-1] = least
    return found


def mixture_weights(density: Floats, observed: Floats) -> Floats:
    """Mixing weights of the highest likelihood, by EM.

    Parameters
    ----------
    density : array of float, shape (n, k)
        What each component gives each outcome, at least 0; the last gives none 0.
    observed : array of float, shape (n,)
        How often each outcome was seen, in all at least once.

    Returns
    -------
    array of float, shape (k,)
        They sum to 1.
    """
    weights = np.full(density.shape[1], 1 / density.shape[1])
    kept = np.ones(weights.size, dtype=bool)
    for _ in range(MOST_ROUNDS // ROUNDS):
        part, done = _em(np.ascontiguousarray(density[:, kept].T), observed, weights[kept], ROUNDS, CLOSE)
        weights[kept] = part
        kept &= weights > LOST
        kept[-1] = True
        weights = np.where(kept, weights, 0.0)
        weights /= weights.sum()
        if done:
            break
    return weights


@numba.njit(cache=True)
def _em(density: Floats, observed: Floats, weights: Floats, rounds: int, close: float) -> tuple[Floats, bool]:
    """Weights after so many rounds of EM, and whether a round gained next to nothing; `density` is (k, n).

    Loops and no matrix product: its sums would depend on the number of threads.
    """
    k, n = density.shape
    weights = weights / weights.sum()
    total = observed.sum()
    before = -np.inf
    for at in range(rounds):
        mixed = np.zeros(n)
        for j in range(k):
            for i in range(n):
                mixed[i] += weights[j] * density[j, i]
        if at % CHECKED == 0:
            likelihood = 0.0
            for i in range(n):
                likelihood += observed[i] * np.log(mixed[i])
            if likelihood - before < CHECKED * close * total:
                return weights, True
            before = likelihood
        scale = observed / mixed
        for j in range(k):
            weights[j] *= _product(scale, density[j]) / total
        weights /= weights.sum()
    return weights, False


@numba.njit(cache=True)
def _product(a: Floats, b: Floats) -> float:
    """Sum of products, four at a time: always in the same order."""
    whole = a.size // 4 * 4
    first = second = third = fourth = 0.0
    for i in range(0, whole, 4):
        first += a[i] * b[i]
        second += a[i + 1] * b[i + 1]
        third += a[i + 2] * b[i + 2]
        fourth += a[i + 3] * b[i + 3]
    for i in range(whole, a.size):
        first += a[i] * b[i]
    return first + second + third + fourth
