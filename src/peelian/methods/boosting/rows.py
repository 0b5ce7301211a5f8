"""What is learned from: sampled cells of past runs of periods, each with what was known before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from peelian.methods.base import in_window
from peelian.methods.boosting.calendar import middle_of
from peelian.methods.boosting.kernels import Kernels
from peelian.methods.smoothing import half_life_days
from peelian.places.counts import Counts
from peelian.places.periods import Period, Periods

__all__ = ["Rows", "blocks_of", "first_weights", "mixing_weights", "sampled"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

BLOCKS = 78
"""Runs of periods that are learned from, at most: fortnights of three years, or runs of days as long."""

BURN = 182.0
"""Days, or half of the past if that is less, that are only looked back on."""

MEMORY = "104w"
"""Half-life of a run's weight in learning."""

ROWS = 80_000
"""Cells without reports that are sampled for learning, over all runs; the weights make up for it."""

REPORTED_ROWS = 60_000
"""Cells with reports, as many at most."""

MIXED_ROWS = 20_000
"""Of those, as many at most tell the weights of the mixture, which are few."""

PRIOR = 20.0
"""Reports that the mixture's first weights count for."""

ROUNDS = 60
EVEN = 0.1
"""First weight of the even map."""

LEAST_EVEN = 0.002


@dataclass(frozen=True, eq=False)
class Rows:
    """Sampled cells in past runs of periods.

    Parameters
    ----------
    density : array of float32, shape (n, n_densities)
    observed, weight : arrays of float, shape (n,)
    exposure : array of float, shape (n,)
        Reports that the even map would have expected of the run's total.
    cell : array of int, shape (n,)
    day : array of float, shape (n,)
        Middle of the run, in days since 1970.
    """

    density: Singles
    observed: Floats
    weight: Floats
    exposure: Floats
    cell: npt.NDArray[np.int64]
    day: Floats


def blocks_of(periods: Periods, window: str | None) -> list[tuple[int, int]]:
    """Adjacent runs of the latest periods, half-open; what lies before the first is only looked back on."""
    n = len(periods)
    within = int(np.count_nonzero(in_window(periods, window)))
    burn = int(np.searchsorted(periods.edges, periods.start + np.timedelta64(int(BURN), "D")))
    first = max(n - within, min(burn, n // 2), 1)
    step = max(1, -(-(n - first) // BLOCKS))
    return [(end - step, end) for end in range(n, first + step - 1, -step)][::-1]


def sampled(counts: Counts, kernels: Kernels, *, window: str | None, seed: int) -> Rows:
    """Cells of past runs: those with reports, and of the others more where more is expected.

    Notes
    -----
    Weights are the inverses of the probabilities with which cells were sampled, so that weighted sums are on average
    those over all cells: Horvitz and Thompson (1952).
    """
    blocks, periods = blocks_of(counts.periods, window), counts.periods
    found: list[tuple[Any, ...]] = []
    random = np.random.default_rng(seed)
    if blocks:
        reported = counts.matrix.indptr[blocks[-1][1]] - counts.matrix.indptr[blocks[0][0]]
        take = min(1.0, REPORTED_ROWS / max(float(reported), 1.0))
        own = sum(kind != "others" for kind in kernels.kinds)
        for (i, j), density in zip(blocks, kernels.walk(blocks), strict=False):
            seen = np.asarray(counts.matrix[:, i:j].sum(axis=1), dtype=np.float64).ravel()
            total = float(seen.sum())
            if total == 0:
                continue
            likely = np.sqrt(density[:own].mean(axis=0) * kernels.even)
            chance = np.minimum(1.0, likely / likely.sum(dtype=np.float64) * (ROWS / len(blocks)))
            chance[seen > 0] = take
            cell = np.flatnonzero(random.random(seen.size) < chance)
            age = float((periods.end - periods.edges[j]).astype(int))
            weight = 2.0 ** (-age / half_life_days(MEMORY)) / chance[cell]
            day = np.full(cell.size, middle_of(Period(periods.edges[i], periods.edges[j])))
            found.append((density[:, cell].T, seen[cell], weight, total * kernels.even[cell], cell, day))
    if not found:
        none = np.zeros(0)
        return Rows(
            np.zeros((0, len(kernels.names)), np.float32), none, none, none, np.zeros(0, np.int64), none
        )
    return Rows(*(np.concatenate(part) for part in zip(*found, strict=True)))


def first_weights(kinds: Sequence[str]) -> Floats:
    """What is believed before learning: the target's own densities alike, other categories tell nothing."""
    own = np.array([kind != "others" for kind in kinds], dtype=np.float64)
    return np.append((1 - EVEN) * own / own.sum(), EVEN).astype(np.float64)


def mixing_weights(rows: Rows, first: Floats) -> Floats:
    """Weights of the mixture by EM, the first ones counting for a few reports."""
    at = np.flatnonzero(rows.observed)
    at = at[:: max(1, -(-at.size // MIXED_ROWS))]
    if at.size == 0:
        return first
    weights = np.full(first.size, 1 / first.size)
    density = np.column_stack([rows.density[at].astype(np.float64), np.ones(at.size)])
    many = rows.observed[at] * rows.weight[at]
    many *= rows.observed[at].sum() / many.sum()
    for _ in range(ROUNDS):
        # Sums of products and no matrix product, whose digits would depend on the number of threads.
        part = density * weights
        part *= (many / part.sum(axis=1))[:, None]
        weights = part.sum(axis=0) + PRIOR * first
        weights /= weights.sum()
    weights[-1] = max(weights[-1], LEAST_EVEN)
    return np.asarray(weights / weights.sum(), dtype=np.float64)
