"""Jacquez' test: whether the nearest neighbours in space are the nearest in time too, wherever reports are dense."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from peelian.errors import DataError, UsageError
from peelian.patterns.base import Pattern, axes, check_replicates, monte_carlo_p
from peelian.patterns.knox_counts import LANES, parts_of, seeds_of, shuffled, threads_used
from peelian.patterns.point_events import plain, point_events, span_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from peelian.records.incidents import Incidents

__all__ = ["Jacquez", "jacquez"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_NEAREST = 20_000_000
CLOSE = 1e-6
"""Metres within which two distances are the same."""

LIMITS = (
    "Nearest is as near as reports are dense: within a block where there are many, kilometres where there are few.",
    "Where several are equally near each counts in part: times to the day make many ties, and a weaker test.",
    "These are reports: what is reported late, twice or not at all changes it.",
)


@dataclass(frozen=True, eq=False)
class Jacquez(Pattern):
    """How many of the k nearest in space are among the k nearest in time, and what chance makes of it.

    Parameters
    ----------
    k : int
    count : float
        Jacquez' J; a whole number where nothing is tied.
    permuted : array of float, shape (permutations,)
    p : float
        Monte Carlo p of so many or more.
    """

    k: int
    count: float
    permuted: Floats
    p: float
    incidents: int
    tied_share: float
    span: tuple[str, str] | None
    seed: int

    @property
    def frame(self) -> pd.DataFrame:
        """One row."""
        expected = float(self.permuted.mean())
        return pd.DataFrame(
            {
                "k": [self.k],
                "incidents": [self.incidents],
                "count": [self.count],
                "expected": [expected],
                "ratio": [self.count / expected if expected > 0 else math.nan],
                "p": [self.p],
                "permutations": [self.permuted.size],
                "tied_share": [self.tied_share],
            }
        )

    def sentence(self) -> str:
        """What was found and how sure that is."""
        if math.isnan(self.p):
            return f"{self.incidents} reported incidents have no {self.k} nearest each: nothing to look at."
        row = self.frame.iloc[0]
        return (
            f"Among {self.incidents:,} reported incidents, {self.count:,.0f} of the {self.k} nearest each in space are "
            f"among the {self.k} nearest in time, where chance makes {row['expected']:,.1f} (p {self.p:.2g})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Settings, numbers and limits as plain data."""
        made: dict[str, Any] = plain(
            {
                "settings": {"k": self.k, "permutations": self.permuted.size, "seed": self.seed},
                **self.frame.iloc[0].to_dict(),
                "span": self.span,
                "sentence": self.sentence(),
                "limits": list(LIMITS),
            }
        )
        return made

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """What chance makes, and the count itself."""
        ax = axes(ax)
        ax.hist(self.permuted, bins=30, color="0.75", label="times shuffled")
        ax.axvline(self.count, color="black", label="as reported")
        ax.set_xlabel(f"nearest {self.k} in both space and time")
        ax.legend()
        return ax


def jacquez(
    incidents: Incidents, *, k: int = 3, permutations: int = 999, seed: int = 0, threads: int | None = None
) -> Jacquez:
    """Jacquez' test of k nearest neighbours.

    Parameters
    ----------
    incidents : Incidents
    k : int
        How many nearest neighbours each has, at least 1.
    permutations, seed
        How often times are shuffled, and by what.
    threads : int, optional
        As many as Numba uses. The result doesn't depend on it.

    Raises
    ------
    UsageError
        k is below 1.
    DataError
        So many are equally near that there are more than 20 million nearest neighbours.
    ResolutionError
        Times are known only to the month.

    Notes
    -----
    Jacquez (1996), "A k nearest neighbour test for space-time interaction", Statistics in Medicine 15. Of those that
    are tied for the last places each counts with the share that a draw among them would give it, in space and in time:
    the count is what breaking ties at random makes on average.
    """
    check_replicates(permutations)
    if k < 1:
        msg = f"k={k} was given; expected at least 1 nearest neighbour"
        raise UsageError(msg)
    events = point_events(incidents, minutes=incidents.resolution == "minute")
    n = len(events)
    if n <= k:
        nothing = np.zeros(permutations)
        return Jacquez(k, 0.0, nothing, math.nan, n, 0.0, span_of(incidents), seed)
    first, other, weight = _nearest_places(events.x, events.y, k)
    value, rank = np.unique(events.time, return_inverse=True)
    reach, share = _nearest_times(value, np.bincount(rank), k)
    seeds = seeds_of(permutations, seed, LANES)
    whole = parts_of(np.zeros(len(events), np.int64))
    counts = np.zeros(seeds.size)
    small = rank.astype(np.int32)

    def block(begin: int) -> None:
        lanes = np.empty((n, LANES), dtype=np.int32)
        shuffled(small, seeds[begin : begin + LANES], lanes, *whole)
        out = counts[begin : begin + LANES]
        _common(np.ascontiguousarray(lanes.T), first, other, weight, value, reach, share, out)

    with ThreadPoolExecutor(threads_used(threads)) as pool:
        list(pool.map(block, range(0, seeds.size, LANES)))
    permuted = counts[1 : permutations + 1]
    p = float(monte_carlo_p((permuted >= counts[0] - 1e-9).sum(), permutations))
    tied = float(np.mean((share < 1)[rank]))
    return Jacquez(k, float(counts[0]), permuted, p, n, tied, span_of(incidents), seed)


@numba.njit(cache=True, nogil=True)
def _common(
    ranks: npt.NDArray[np.int32],
    first: Ints,
    other: npt.NDArray[np.int32],
    weight: npt.NDArray[np.float32],
    value: Ints,
    reach: Ints,
    share: Floats,
    out: Floats,
) -> None:
    """Sum over all nearest in space of their weight times that in time, for each row of `ranks`."""
    for p in range(ranks.shape[0]):
        total = 0.0
        for i in range(first.size - 1):
            mine = ranks[p, i]
            for s in range(first[i], first[i + 1]):
                gap = abs(value[mine] - value[ranks[p, other[s]]])
                if gap < reach[mine]:
                    total += weight[s]
                elif gap == reach[mine]:
                    total += weight[s] * share[mine]
        out[p] = total


def _nearest_places(
    x: Floats, y: Floats, k: int
) -> tuple[Ints, npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Of each event those no farther than its k-th nearest, and how much each counts."""
    places = np.c_[x, y]
    tree = cKDTree(places)
    # The first is the event itself, or one at the same point: either way the last of k + 1 is the k-th other.
    far = np.asarray(tree.query(places, k=[k + 1])[0])[:, 0]
    held = tree.query_ball_point(places, far + CLOSE, return_length=True)
    if (total := int(held.sum())) > MAX_NEAREST:
        msg = f"{total:,} neighbours are tied for the {k} nearest of {x.size:,} incidents; at most {MAX_NEAREST:,}"
        raise DataError(
            msg, hint="many incidents at one point: see peelian patterns duplicates, or near_repeat"
        )
    near = tree.query_ball_point(places, far + CLOSE, return_sorted=True)
    i = np.repeat(np.arange(x.size), held)
    j = np.concatenate([np.asarray(found, dtype=np.int64) for found in near])
    i, j = i[i != j], j[i != j]
    tied = np.hypot(x[i] - x[j], y[i] - y[j]) > far[i] - CLOSE
    n_tied = np.bincount(i, weights=tied, minlength=x.size)
    left = k - np.bincount(i, weights=~tied, minlength=x.size)
    weight = np.where(tied, (left / n_tied)[i], 1.0).astype(np.float32)
    first = np.concatenate([[0], np.cumsum(np.bincount(i, minlength=x.size))])
    return first, j.astype(np.int32), weight


def _nearest_times(value: Ints, n: Ints, k: int) -> tuple[Ints, Floats]:
    """For each time, how far off its k-th nearest other is, and how much each of those so far off counts."""
    upto = np.concatenate([[0], np.cumsum(n)])

    def within(gap: Ints) -> Ints:
        last = np.searchsorted(value, value + gap, side="right")
        return np.asarray(upto[last] - upto[np.searchsorted(value, value - gap)] - 1, dtype=np.int64)

    low, high = np.full(value.size, -1), np.full(value.size, int(value[-1] - value[0]))
    while np.any(high - low > 1):
        middle = (low + high) // 2
        enough = within(middle) >= k
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    before = np.where(high > 0, within(high - 1), 0)
    return high, (k - before) / (within(high) - before)
