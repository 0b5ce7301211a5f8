"""Cylinders of places and weeks, and the highest score among millions of them, quickly and exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
import numpy.typing as npt
from numba import njit

from peelian.errors import DataError, UsageError
from peelian.patterns.windows import Windows

__all__ = ["LANES", "Best", "Cylinders", "Fill", "in_threads", "latest_first"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]

LANES = 64
"""Replicates that are counted side by side: their sums are one run of memory, which a processor adds many at a time."""

STEP = 0.25
LEVELS = 160
"""Scores 0, 0.25, ... 39.75, for each of which the fewest reports that reach it are known by heart."""

BIN = 17
"""Bits cut from a 32-bit float to sort what is expected into bins of 1/64 of an octave."""

WARM = 300
"""Centres far apart that are looked at first, so that low scores are passed over from early on."""

MOST = 600_000_000

Fill = Callable[[int, Small], None]
"""Fills an array of shape (places, durations, LANES) with the counts of a block of replicates, given its number."""


@dataclass(frozen=True, eq=False)
class Best:
    """The best cylinder around each centre, shape (n,) each.

    Parameters
    ----------
    score : array of float
        0 where no cylinder holds more than was expected.
    k, weeks : array of int
        Places and latest periods in it; 0 where the score is 0.
    """

    score: Floats
    k: Ints
    weeks: Ints


@dataclass(frozen=True, eq=False)
class Cylinders:
    """All cylinders that end now: the first k places of each window over the latest 1, 2, ... periods.

    Parameters
    ----------
    windows : Windows
    expected : array of float, shape (n, durations)
        Reports expected at each place in the latest 1, 2, ... periods together: cumulated, at least 0.
    fewest : int
        Reports that a cylinder must hold to have a score.
    total : float
        Reports in all where the expectation was made from the margins; infinite (the default) where it was made from
        the past.

    Notes
    -----
    The score of c reports where b were expected is the log likelihood ratio ``c log(c/b) + b - c`` for ``c > b``
    (Neill 2009, "Expectation-based scan statistics for monitoring spatial time series data", International Journal of
    Forecasting 25), or ``c log(c/b) + (N - c) log((N - c) / (N - b))`` given the total N (Kulldorff et al. 2005).
    """

    windows: Windows
    expected: Floats
    fewest: int = 1
    total: float = math.inf

    def __post_init__(self) -> None:
        expected = np.ascontiguousarray(self.expected, dtype=np.float64)
        n = len(self.windows)
        if expected.ndim != 2 or expected.shape[0] != n or expected.shape[1] < 1:
            msg = f"expected reports of shape {expected.shape} were given for {n} places; expected (places, durations)"
            raise UsageError(msg)
        if not (np.isfinite(expected).all() and (expected >= 0).all()):
            msg = "expected reports that are negative or not finite were given"
            raise UsageError(msg, hint="estimate them from past periods with expect()")
        if self.windows.near.size * expected.shape[1] > MOST:
            msg = f"{self.windows.near.size * expected.shape[1]:,} cylinders were asked for; the limit is {MOST:,}"
            raise DataError(msg, hint="use larger cells, smaller windows or fewer weeks")
        object.__setattr__(self, "expected", expected)

    def top(self, counts: npt.ArrayLike) -> float:
        """The highest score of all cylinders, quicker than `best`: what can't be the highest is passed over."""
        return float(self._search(counts, self.windows, carry=True).score.max())

    def best(self, counts: npt.ArrayLike, *, windows: Windows | None = None) -> Best:
        """The best cylinder around each centre.

        Parameters
        ----------
        counts : array of int, shape (n, durations)
            Reports at each place in the latest 1, 2, ... periods together: cumulated.
        windows : Windows, optional
            Windows that were cut, in place of the whole ones.
        """
        return self._search(counts, self.windows if windows is None else windows, carry=False)

    def _search(self, counts: npt.ArrayLike, windows: Windows, *, carry: bool) -> Best:
        held = self._check(counts)
        n = len(windows)
        score, k, weeks = np.zeros(n), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        step = max(-(-n // 16), 1)

        def part(i: int) -> None:
            first, last = i * step, min((i + 1) * step, n)
            fewest, total = float(self.fewest), self.total
            near, length, expected = windows.near, windows.length, self.expected
            _best(first, last, held, expected, near, length, fewest, total, carry, score, k, weeks)

        in_threads(part, -(-n // step))
        return Best(score, k, weeks)

    def highest(self, fill: Fill, replicates: int) -> Floats:
        """The highest score over all cylinders in each of several replicates, shape (replicates,).

        The same for any number of threads, as long as `fill` is.
        """
        n, durations = self.expected.shape
        found = np.zeros(replicates)
        blocks = -(-replicates // LANES)
        order = _order(n)

        def one(block: int) -> None:
            counts = np.zeros((n, durations, LANES), dtype=np.int32)
            fill(block, counts)
            lanes = min(LANES, replicates - block * LANES)
            best = np.zeros(LANES)
            shape = (n, durations * LANES)
            windows, (bins, tables) = self.windows, self._tables
            _highest(
                counts.reshape(shape), self.expected, windows.near, windows.length, bins, tables, order,
                float(self.fewest), self.total, lanes, best,
            )  # fmt: skip
            found[block * LANES : block * LANES + lanes] = best[:lanes]

        _ = self._tables
        in_threads(one, blocks)
        return found

    def _check(self, counts: npt.ArrayLike) -> Floats:
        held = np.ascontiguousarray(counts, dtype=np.float64)
        if held.shape != self.expected.shape:
            msg = (
                f"counts of shape {held.shape} were given beside expected ones of shape {self.expected.shape}"
            )
            raise UsageError(msg)
        if bool(np.any((self.expected <= 0) & (held > 0))):
            msg = "reports were given at a place and time where none are expected at all"
            raise UsageError(msg, hint="every place needs an expectation above 0: expect() gives it one")
        return held

    @cached_property
    def _tables(self) -> tuple[npt.NDArray[np.uint16], Small]:
        """The bin of each cylinder's expectation, and for each level and bin the fewest reports that reach it."""
        windows = self.windows
        shape = (*windows.near.shape, self.expected.shape[1])
        bins = np.zeros(shape, dtype=np.uint16)
        largest = np.array([max(float(self.expected[:, -1].sum()), 1e-30)], dtype=np.float32)
        last = int(largest.view(np.int32)[0] >> BIN) + 1
        first = max(last - 4096, 0)

        def part(i: int) -> None:
            low, high = (len(windows) * j // 16 for j in (i, i + 1))
            _bin(low, high, self.expected, windows.near, windows.length, first, bins)

        in_threads(part, 16)
        edges = (np.arange(first, last + 1, dtype=np.int64) << BIN).astype(np.int32).view(np.float32)
        # A float64 may be rounded up to its bin's edge: a little lower, the bin's fewest is never too many.
        low = np.maximum(edges.astype(np.float64) * (1 - 1e-6), 1e-300)
        tables = np.zeros((LEVELS, low.size), dtype=np.int32)
        _thresholds(low, float(self.fewest), self.total, STEP, tables)
        return bins, tables


def latest_first(counts: npt.ArrayLike) -> Floats:
    """Counts of periods in their order, shape (n, periods), as those of the latest 1, 2, ... together."""
    summed: Floats = np.cumsum(np.asarray(counts, dtype=np.float64)[:, ::-1], axis=1)
    return summed


def in_threads(work: Callable[[int], None], parts: int) -> None:
    """Do `work` for parts 0 to `parts` - 1 in as many threads as numba may use."""
    workers = min(numba.get_num_threads(), parts)
    if workers <= 1:
        for i in range(parts):
            work(i)
        return
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(parts)))


def _order(n: int) -> Ints:
    warm = np.unique(np.linspace(0, n - 1, min(n, WARM)).astype(np.int64))
    return np.concatenate([warm, np.setdiff1d(np.arange(n, dtype=np.int64), warm)])


@njit(cache=True, nogil=True, inline="always")
def _score(c: float, b: float, total: float) -> float:
    if total == np.inf:
        return c * math.log(c / b) + b - c
    rest = total - c
    return c * math.log(c / b) + (rest * math.log(rest / (total - b)) if rest > 0 else 0.0)


@njit(cache=True, nogil=True)
def _best(
    first: int,
    last: int,
    counts: Floats,
    expected: Floats,
    near: Small,
    length: Small,
    fewest: float,
    total: float,
    carry: bool,
    score: Floats,
    most: Ints,
    weeks: Ints,
) -> None:
    """The best cylinder around centres `first` to `last`; of equals the one with fewer places, then fewer weeks."""
    durations = counts.shape[1]
    c, b = np.empty(durations), np.empty(durations)
    for i in range(first, last):
        c[:], b[:] = 0.0, 0.0
        if carry and i > first:
            score[i] = score[i - 1]
        for k in range(length[i]):
            n = near[i, k]
            for d in range(durations):
                c[d] += counts[n, d]
                b[d] += expected[n, d]
                if c[d] <= b[d] or c[d] < fewest:
                    continue
                # An upper bound without a logarithm (chi-squared divergence) spares most of them.
                over = c[d] - b[d]
                if over * over <= score[i] * b[d] * (1 - b[d] / total):
                    continue
                found = _score(c[d], b[d], total)
                if found > score[i]:
                    score[i], most[i], weeks[i] = found, k + 1, d + 1


@njit(cache=True, nogil=True)
def _bin(
    first: int,
    last: int,
    expected: Floats,
    near: Small,
    length: Small,
    lowest: int,
    bins: npt.NDArray[np.uint16],
) -> None:
    durations = expected.shape[1]
    b = np.empty(durations)
    short = np.empty(durations, dtype=np.float32)
    bits = short.view(np.int32)
    for i in range(first, last):
        b[:] = 0.0
        for k in range(length[i]):
            for d in range(durations):
                b[d] += expected[near[i, k], d]
                short[d] = b[d]
            for d in range(durations):
                bins[i, k, d] = max((bits[d] >> BIN) - lowest, 0)


@njit(cache=True, nogil=True)
def _thresholds(low: Floats, fewest: float, total: float, step: float, tables: Small) -> None:
    """For each level of score and each expectation the fewest reports that reach it: the score grows with them."""
    never = 2147483647
    for j in range(low.size):
        b = low[j]
        c = max(math.floor(b) + 1.0, fewest)
        for level in range(tables.shape[0]):
            wanted = level * step
            if c > total:
                tables[level, j] = never
                continue
            if _score(c, b, total) < wanted:
                jump = 1.0
                while c + jump <= total and _score(c + jump, b, total) < wanted:
                    jump *= 2
                high = min(c + jump, total + 1 if total < np.inf else np.inf)
                while high - c > 1:
                    middle = math.floor((c + high) / 2)
                    if _score(middle, b, total) < wanted:
                        c = middle
                    else:
                        high = middle
                c = high
            tables[level, j] = min(c, float(never))


@njit(cache=True, nogil=True)
def _highest(
    counts: Small,
    expected: Floats,
    near: Small,
    length: Small,
    bins: npt.NDArray[np.uint16],
    tables: Small,
    order: Ints,
    fewest: float,
    total: float,
    lanes: int,
    best: Floats,
) -> None:
    """The highest score of each lane: counts are added and compared with whole numbers, logarithms are the exception.

    No lane's score can rise where its count is below the fewest that reach the lowest of all lanes' best scores.
    """
    durations = expected.shape[1]
    wide = durations * LANES
    c = np.zeros(wide, dtype=np.int32)
    b = np.empty(durations)
    level = 0
    for i in order:
        c[:], b[:] = 0, 0.0
        row = tables[level]
        for k in range(length[i]):
            n = near[i, k]
            more = counts[n]
            for q in range(wide):
                c[q] += more[q]
            hit = False
            for d in range(durations):
                b[d] += expected[n, d]
                least = row[bins[i, k, d]]
                lane = c[d * LANES : (d + 1) * LANES]
                reached = np.int32(0)
                for r in range(LANES):
                    reached |= np.int32(lane[r] >= least)
                hit |= reached != 0
            if hit:
                _raise(c, b, row, bins[i, k], fewest, total, lanes, best)
        lowest = best[0]
        for r in range(1, lanes):
            lowest = min(lowest, best[r])
        level = min(int(lowest / STEP), tables.shape[0] - 1)


@njit(cache=True, nogil=True)
def _raise(
    c: Small,
    b: Floats,
    row: Small,
    bins: npt.NDArray[np.uint16],
    fewest: float,
    total: float,
    lanes: int,
    best: Floats,
) -> None:
    for d in range(b.size):
        least = row[bins[d]]
        for r in range(lanes):
            held = c[d * LANES + r]
            if held >= least and held > b[d] and held >= fewest:
                best[r] = max(best[r], _score(float(held), b[d], total))
