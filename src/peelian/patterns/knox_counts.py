"""Counting pairs of events by how near they are in space and time, as they are and with their times shuffled.

The pairs that are near in space don't change when times are shuffled: they are found once and stored. Times are small
integers, and `LANES` permutations of them stand side by side, so that one pair costs a few vector instructions for all
of them. Nothing here depends on how many threads there are.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from peelian.errors import DataError

__all__ = [
    "LANES",
    "MAX_PAIRS",
    "NearPairs",
    "count_pairs",
    "near_pairs",
    "parts_of",
    "seeds_of",
    "shuffled",
    "threads_used",
    "time_pairs",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LANES = 64
"""Permutations at a time: 64 int16 are two vectors of AVX-512, or four of AVX2."""

MAX_PAIRS = 100_000_000
"""Pairs that are stored, 4 bytes each."""

MAX_LOOKS = 20 * MAX_PAIRS
"""Distances that are measured before the pairs are known: above it there are too many pairs beyond doubt."""

TOLERANCE = 1e-6
"""Metres by which a distance may pass an edge: what rounding in the last digits of coordinates makes."""


@dataclass(frozen=True, eq=False)
class NearPairs:
    """Pairs of events that are near in space, by band of distance.

    Parameters
    ----------
    order : array of int, shape (n,)
        The events, sorted so that those near each other are near in memory; pairs number them in this order.
    start : array of int, shape (bands, n + 1)
        ``other[start[b, i] : start[b, i + 1]]`` are the partners of event i in band b; each pair stands once.
    other : array of int32, shape (pairs,)
    """

    order: Ints
    start: Ints
    other: npt.NDArray[np.int32]

    @property
    def by_band(self) -> Ints:
        """Pairs in each band, shape (bands,)."""
        return self.start[:, -1] - self.start[:, 0]


@numba.njit(cache=True, nogil=True)
def _walk(
    x: Floats,
    y: Floats,
    cell: Ints,
    same: Ints,
    above: Ints,
    squares: Floats,
    manhattan: bool,
    start: Ints,
    other: npt.NDArray[np.int32],
    fill: bool,
) -> None:
    """Count the pairs of each band and event into ``start[b, i + 1]``, or write the partners from ``start`` on."""
    for i in range(x.size):
        c = cell[i]
        for part in range(2):
            first = i + 1 if part == 0 else above[c, 0]
            last = same[c] if part == 0 else above[c, 1]
            for j in range(first, last):
                dx, dy = x[j] - x[i], y[j] - y[i]
                d = (abs(dx) + abs(dy)) ** 2 if manhattan else dx * dx + dy * dy
                if d > squares[-1]:
                    continue
                b = 0
                while d > squares[b]:
                    b += 1
                if fill:
                    other[start[b, i]] = j
                    start[b, i] += 1
                else:
                    start[b, i + 1] += 1


def near_pairs(x: Floats, y: Floats, edges: Floats, *, manhattan: bool = False) -> NearPairs:
    """All pairs of points whose distance is at most the last of `edges`, by band.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Metres.
    edges : array of float, shape (bands,)
        Upper ends of the bands in metres, increasing; a pair belongs to the first band whose end it does not pass (by
        more than a micrometre).

    Raises
    ------
    DataError
        There are more than 100 million such pairs.
    """
    n = x.size
    squares = (np.asarray(edges, dtype=np.float64) + TOLERANCE) ** 2
    reach = float(edges[-1]) + 2 * TOLERANCE
    extent = float(max(np.ptp(x), np.ptp(y))) if n else 0.0
    # Cells of the width of the reach, but not so many that their numbers outgrow an integer.
    side = max(reach, extent * 1e-6)
    column = np.floor((x - x.min()) / side).astype(np.int64) + 1 if n else np.zeros(0, np.int64)
    row = np.floor((y - y.min()) / side).astype(np.int64) if n else column
    wide = int(column.max()) + 2 if n else 1
    key = row * wide + column
    order = np.argsort(key, kind="stable")
    cells, cell = np.unique(key[order], return_inverse=True)
    same = np.searchsorted(key[order], cells + 1, side="right")
    above = np.searchsorted(key[order], np.stack([cells + wide - 1, cells + wide + 2], axis=1), side="left")
    looks = int((same[cell] - np.arange(n) - 1).sum() + (above[:, 1] - above[:, 0])[cell].sum())
    if looks > MAX_LOOKS:
        raise _too_many(looks, x, y, edges, exactly=False)
    start = np.zeros((squares.size, n + 1), dtype=np.int64)
    px, py, cell = np.ascontiguousarray(x[order]), np.ascontiguousarray(y[order]), cell.astype(np.int64)
    _walk(px, py, cell, same, above, squares, manhattan, start, np.zeros(0, np.int32), False)
    total = int(start.sum())
    if total > MAX_PAIRS:
        raise _too_many(total, x, y, edges)
    np.cumsum(start, axis=1, out=start)
    start += np.concatenate([[0], np.cumsum(start[:-1, -1])])[:, None]
    other = np.empty(total, dtype=np.int32)
    _walk(px, py, cell, same, above, squares, manhattan, start[:, :-1].copy(), other, True)
    return NearPairs(order, start, other)


def _too_many(pairs: int, x: Floats, y: Floats, edges: Floats, *, exactly: bool = True) -> DataError:
    _, held = np.unique(x + 1j * y, return_counts=True)
    shown = f"{pairs:,}" if exactly else f"up to {pairs:,}"
    msg = (
        f"{x.size:,} incidents make {shown} pairs within {edges[-1]:g} m of each other "
        f"({int(held.max()):,} are at one point); at most {MAX_PAIRS:,} are held in memory"
    )
    hint = "shorter distances, fewer years, one category or one district; peelian patterns duplicates"
    return DataError(msg, hint=hint)


@numba.njit(cache=True, nogil=True)
def shuffled(
    time: npt.NDArray[Any], seeds: npt.NDArray[np.uint64], lanes: npt.NDArray[Any], slot: Ints, ends: Ints
) -> None:
    """Fill column p of `lanes` with the times in an order that only ``seeds[p]`` decides; seed 0 leaves them as are.

    Times are exchanged only within runs of `slot`, which end before each of `ends`: see :func:`parts_of`.
    """
    held = np.empty_like(time)
    for p in range(seeds.size):
        held[:] = time
        state = seeds[p]
        first = 0
        for end in ends:
            for i in range(end - 1, first, -1):
                if state == np.uint64(0):
                    break
                # SplitMix64 (Steele, Lea and Flood 2014); its upper half, scaled, is a place from `first` to i.
                state += np.uint64(0x9E3779B97F4A7C15)
                z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                z = (z ^ (z >> np.uint64(31))) >> np.uint64(32)
                j = first + np.int64((z * np.uint64(i - first + 1)) >> np.uint64(32))
                held[slot[i]], held[slot[j]] = held[slot[j]], held[slot[i]]
            first = end
        for i in range(time.size):
            lanes[i, p] = held[i]


def parts_of(part: Ints) -> tuple[Ints, Ints]:
    """The events in order of the part they are in, and where each part ends, for :func:`shuffled`."""
    return np.argsort(part, kind="stable"), np.cumsum(np.bincount(part)).astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _count(
    lanes: npt.NDArray[np.int16],
    start: Ints,
    other: npt.NDArray[np.int32],
    edges: npt.NDArray[np.int16],
    found: Ints,
) -> None:
    """Add to ``found[k, p]`` the pairs whose times in lane p are at most ``edges[k]`` apart."""
    # 16 bits a count let a vector hold most lanes; they are emptied before they can overflow.
    held = np.zeros((edges.size, LANES), np.int16)
    mine = np.empty(LANES, lanes.dtype)
    gap = np.empty(LANES, lanes.dtype)
    filled = 0
    for i in range(start.size - 1):
        for p in range(LANES):
            mine[p] = lanes[i, p]
        for s in range(start[i], start[i + 1]):
            j = other[s]
            for p in range(LANES):
                gap[p] = max(mine[p], lanes[j, p]) - min(mine[p], lanes[j, p])
            for k in range(edges.size):
                edge = edges[k]
                for p in range(LANES):
                    held[k, p] = np.int16(held[k, p] + np.int16(gap[p] <= edge))
            filled += 1
            if filled == 32767:
                for k in range(edges.size):
                    for p in range(LANES):
                        found[k, p] += held[k, p]
                        held[k, p] = 0
                filled = 0
    for k in range(edges.size):
        for p in range(LANES):
            found[k, p] += held[k, p]


def seeds_of(permutations: int, seed: int, lanes: int) -> npt.NDArray[np.uint64]:
    """A seed for each permutation after a 0 for the data as they are, filled up with 0 to whole runs of `lanes`."""
    seeds = np.zeros(-(-(permutations + 1) // lanes) * lanes, dtype=np.uint64)
    drawn = np.random.SeedSequence(seed).generate_state(permutations, np.uint64)
    # A seed of 0, which would shuffle nothing, becomes 1.
    seeds[1 : permutations + 1] = np.maximum(drawn, np.uint64(1))
    return seeds


def threads_used(threads: int | None = None) -> int:
    """How many threads to use: as many as given, or as Numba would (``NUMBA_NUM_THREADS``)."""
    return max(1, int(numba.get_num_threads() if threads is None else threads))


def count_pairs(
    pairs: NearPairs,
    time: Ints,
    edges: Ints,
    *,
    permutations: int,
    part: Ints | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> tuple[Ints, Ints]:
    """Pairs in each band of distance and time: as they are, and with the times shuffled among the events.

    Parameters
    ----------
    pairs : NearPairs
    time : array of int, shape (n,)
        Whole units from 0.
    edges : array of int, shape (times,)
        Upper ends of the bands of time in the same units, increasing; a pair belongs to the first that it does not
        pass.
    permutations : int
    part : array of int, shape (n,), optional
        Parts of the area, numbered from 0, within which alone times are shuffled.
    seed : int
        The result depends on it, and not on the number of threads.

    Returns
    -------
    observed : array of int, shape (distances, times)
    permuted : array of int, shape (permutations, distances, times)
    """
    kind: Any = np.int16 if int(time.max(initial=0)) < 2**15 - 1 else np.int32
    limit = np.iinfo(kind).max
    small = np.ascontiguousarray(time[pairs.order].astype(kind))
    ends = np.minimum(np.asarray(edges), limit).astype(kind)
    seeds = seeds_of(permutations, seed, LANES)
    slot, ends_of = parts_of(np.zeros(time.size, np.int64) if part is None else part[pairs.order])
    bands = pairs.start.shape[0]
    whole = np.zeros((bands, ends.size, seeds.size), dtype=np.int64)

    def block(first: int) -> None:
        lanes = np.empty((small.size, LANES), dtype=kind)
        shuffled(small, seeds[first : first + LANES], lanes, slot, ends_of)
        for b in range(bands):
            found = np.zeros((ends.size, LANES), dtype=np.int64)
            _count(lanes, pairs.start[b], pairs.other, ends, found)
            whole[b, :, first : first + LANES] = found

    with ThreadPoolExecutor(threads_used(threads)) as pool:
        list(pool.map(block, range(0, seeds.size, LANES)))
    table = np.diff(whole[:, :, : permutations + 1], axis=1, prepend=0).transpose(2, 0, 1)
    return table[0].copy(), np.ascontiguousarray(table[1:])


def time_pairs(time: Ints, edges: Ints) -> Ints:
    """How many pairs of events are in each band of time, wherever they are; shape (times,)."""
    value, n = np.unique(time, return_counts=True)
    upto = np.concatenate([[0], np.cumsum(n)])
    here = np.arange(value.size)
    # Of each value with itself, and with those later within reach.
    itself = int((n * (n - 1) // 2).sum())
    cumulative = np.empty(len(edges), dtype=np.int64)
    for k, edge in enumerate(edges):
        last = np.searchsorted(value, value + edge, side="right")
        cumulative[k] = itself + int((n * (upto[last] - upto[here + 1])).sum())
    return np.diff(cumulative, prepend=0)
