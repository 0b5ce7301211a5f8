"""How sure a ratio of observed to expected pairs is, although pairs that share an incident are no separate evidence."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
from scipy import stats

from peelian.patterns.knox_counts import NearPairs, time_pairs

__all__ = ["blocks_of", "ratio_interval"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PER_BLOCK = 10
FEWEST, MOST = 8, 64
"""Blocks: with fewer, nothing is known of how much they differ."""


def blocks_of(x: Floats, y: Floats, *, most: int = MOST, each: int = PER_BLOCK) -> Ints:
    """Number of the spatial block of each event, from 0 on: halves of halves with about as many events each.

    Events at one point are in one block. At most `most` blocks (a power of 2), of about `each` events or more.
    """
    n = x.size
    block = np.zeros(n, dtype=np.int64)
    depth = int(np.clip(np.log2(max(n, 1) / each), 0, np.log2(most)))
    for _ in range(depth):
        halves = 2 * block
        for b in np.unique(block):
            at = np.flatnonzero(block == b)
            along = x[at] if np.ptp(x[at]) >= np.ptp(y[at]) else y[at]
            halves[at] += along > np.median(along)
        block = halves
    return np.unique(block, return_inverse=True)[1].astype(np.int64) if n else block


@numba.njit(cache=True, nogil=True)
def _touched(
    time: Ints,
    block: Ints,
    start: Ints,
    other: npt.NDArray[np.int32],
    edges: Ints,
    near: Ints,
    both: Ints,
) -> None:
    """Count the pairs that each block has a part in, near in space (``near[b]``) and in time too (``both[b, k]``)."""
    for i in range(time.size):
        for s in range(start[i], start[i + 1]):
            j = other[s]
            gap = abs(time[i] - time[j])
            k = 0
            while k < edges.size and gap > edges[k]:
                k += 1
            for side in range(2):
                g = block[i] if side == 0 else block[j]
                if side == 1 and g == block[i]:
                    continue
                near[g] += 1
                if k < edges.size:
                    both[g, k] += 1


def ratio_interval(
    pairs: NearPairs,
    x: Floats,
    y: Floats,
    time: Ints,
    edges: Ints,
    observed: Ints,
    expected: Floats,
    *,
    level: float = 0.05,
) -> tuple[Floats, Floats]:
    """Bounds of observed / expected in each band, each of shape (distances, times).

    The ratio is worked out again without each of up to 64 blocks of the area, and the spread of these tells how sure
    it is (delete-a-group jackknife, on its logarithm). The interval is never narrower than that of a Poisson count,
    which alone is used where there are fewer than 8 blocks. NaN where nothing was expected.

    Notes
    -----
    Künsch (1989), "The jackknife and the bootstrap for general stationary observations", Annals of Statistics 17.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(observed > 0, stats.chi2.ppf(level / 2, 2 * observed), 0.0) / 2 / expected
        high = stats.chi2.ppf(1 - level / 2, 2 * (observed + 1)) / 2 / expected
        ratio = observed / expected
    low[expected == 0] = high[expected == 0] = np.nan
    block = blocks_of(x, y)
    groups = int(block.max(initial=0)) + 1
    if groups < FEWEST:
        return low, high
    left = _left_out(pairs, time, block, groups, edges, observed)
    spread = np.sqrt((groups - 1) / groups * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    reach = np.exp(stats.t.ppf(1 - level / 2, groups - 1) * spread)
    return np.fmin(low, ratio / reach), np.fmax(high, ratio * reach)


def _left_out(pairs: NearPairs, time: Ints, block: Ints, groups: int, edges: Ints, observed: Ints) -> Floats:
    """Logarithm of the ratio without each block, shape (groups, distances, times)."""
    bands, n = pairs.start.shape[0], time.size
    sorted_time, sorted_block = time[pairs.order], block[pairs.order]
    near = np.zeros((bands, groups), dtype=np.int64)
    both = np.zeros((bands, groups, edges.size), dtype=np.int64)
    for b in range(bands):
        _touched(
            sorted_time,
            sorted_block,
            pairs.start[b],
            pairs.other,
            np.asarray(edges, np.int64),
            near[b],
            both[b],
        )
    rest = n - np.bincount(block, minlength=groups)
    late = np.stack([time_pairs(time[block != g], edges) for g in range(groups)])
    # Half a pair is added throughout: a block may hold all that there are.
    log = (
        np.log(observed[None] - both.transpose(1, 0, 2) + 0.5)
        - np.log(pairs.by_band[None] - near.T + 0.5)[:, :, None]
        - np.log(late + 0.5)[:, None, :]
        + np.log(np.maximum(rest * (rest - 1) / 2, 0.5))[:, None, None]
    )
    return np.asarray(log, dtype=np.float64)
