"""The chance of a sum over neighbours if the values of the other cells were dealt out at random.

A cell keeps its value; its k neighbours get k values of the others, each arrangement alike likely (conditional
permutation, Anselin 1995). In one replicate the values of all cells are laid in a ring in random order, and a cell's
neighbours are the k that follow it: for each cell that is a draw of k of the others without replacement, new in each
replicate, and one shuffle serves all cells.

Where the values are small whole numbers, all arrangements can be counted, which needs no draw at all.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import check_replicates, monte_carlo_p
from peelian.patterns.neighbours import Neighbours

__all__ = ["exact_tails", "sampled_tails", "tails", "whole"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CHUNKS = 16
"""Replicates are split into so many runs, whatever the number of threads: the counts are the same."""
EXACT_LIMIT = 2_000_000_000
"""Steps that an exact count may take: about two seconds."""
FINE = 1 << 36


def whole(values: npt.ArrayLike) -> Ints:
    """Values as whole numbers whose sums are exact, so that ties stay ties.

    Counts stay as they are; other numbers are rounded to 2**-36 of the largest.

    Raises
    ------
    NotEnoughDataError
        No cell.
    UsageError
        Not one number a cell, or a value that is no finite number or too large to be summed exactly.
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or not np.all(np.isfinite(given)):
        msg = f"values of shape {given.shape} were given; expected one finite number a cell"
        raise UsageError(msg, hint="counts.by_cell of peelian.places.Counts")
    if given.size == 0:
        msg = "no cell was given; expected at least one"
        raise NotEnoughDataError(msg, hint="check the study area")
    if np.all(given == np.round(given)):
        if np.abs(given).sum() > 2**53:
            msg = f"values that add up to {np.abs(given).sum():.2g} were given; expected at most 2**53"
            raise UsageError(msg)
        return given.astype(np.int64)
    fine = FINE // max(1, given.size // 2**17)
    rounded: Ints = np.round(given / np.abs(given).max() * fine).astype(np.int64)
    return rounded


def tails(
    values: Ints, neighbours: Neighbours, *, permutations: int | None, seed: int
) -> tuple[Floats, Floats]:
    """One-sided p-values of the sums over neighbours: high, and low; NaN for cells without neighbours.

    Parameters
    ----------
    values : array of int, shape (n_cells,)
        From `whole`.
    permutations : int or None
        Replicates, or None to count all arrangements.
    seed : int

    Raises
    ------
    UsageError
        Not enough replicates, not one value a cell of the neighbours, or more arrangements than can be counted.
    """
    if values.size != len(neighbours):
        msg = f"{values.size} values were given with the neighbours of {len(neighbours)} cells"
        raise UsageError(msg, hint="make the neighbours from the same grid")
    if permutations is None:
        high, low = exact_tails(values, neighbours)
    else:
        check_replicates(permutations)
        drawn = sampled_tails(values, neighbours, permutations=permutations, seed=seed)
        high, low = (monte_carlo_p(r, permutations) for r in drawn)
    alone = neighbours.counts == 0
    return np.where(alone, np.nan, high), np.where(alone, np.nan, low)


def sampled_tails(
    values: Ints, neighbours: Neighbours, *, permutations: int, seed: int = 0
) -> tuple[Ints, Ints]:
    """In how many replicates the sum over neighbours was at least, and at most, the one observed.

    Parameters
    ----------
    values : array of int, shape (n_cells,)
        From `whole`.
    permutations : int
        Replicates.
    seed : int
        The same seed gives the same counts with any number of threads.

    Returns
    -------
    at_least, at_most : array of int, shape (n_cells,)
    """
    observed, k = neighbours.sums(values), neighbours.counts
    seeds = np.random.SeedSequence(seed).generate_state(permutations, np.uint64).astype(np.uint64)
    at_least, at_most = _ring(values, k, observed, seeds, CHUNKS)
    return at_least.sum(axis=0), at_most.sum(axis=0)


@numba.njit(cache=True, parallel=True)
def _ring(
    values: Ints, k: Ints, observed: Ints, seeds: npt.NDArray[np.uint64], chunks: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:  # pragma: no cover - compiled
    n = values.size
    most = 0
    for i in range(n):
        most = max(most, k[i])
    at_least = np.zeros((chunks, n), dtype=np.int32)
    at_most = np.zeros((chunks, n), dtype=np.int32)
    for chunk in numba.prange(chunks):
        order = np.empty(n, dtype=np.int32)
        running = np.empty(n + most + 2, dtype=np.int64)
        for r in range(chunk, seeds.size, chunks):
            state = seeds[r]
            for i in range(n):
                order[i] = i
            for i in range(n - 1, 0, -1):
                # splitmix64 (Steele, Lea and Flood 2014); its high half times i + 1 favours no place by over n / 2**32.
                state += np.uint64(0x9E3779B97F4A7C15)
                z = state
                z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                z ^= z >> np.uint64(31)
                j = np.int64(((z >> np.uint64(32)) * np.uint64(i + 1)) >> np.uint64(32))
                order[i], order[j] = order[j], order[i]
            running[0] = 0
            for t in range(n):
                running[t + 1] = running[t] + values[order[t]]
            for t in range(most + 1):
                running[n + t + 1] = running[n + t] + values[order[t % n]]
            for t in range(n):
                i = order[t]
                drawn = running[t + 1 + k[i]] - running[t + 1]
                at_least[chunk, i] += drawn >= observed[i]
                at_most[chunk, i] += drawn <= observed[i]
    return at_least, at_most


def exact_tails(values: Ints, neighbours: Neighbours) -> tuple[Floats, Floats]:
    """Share of all arrangements in which the sum over neighbours is at least, and at most, the one observed.

    Parameters
    ----------
    values : array of int, shape (n_cells,)
        None below 0.

    Returns
    -------
    at_least, at_most : array of float, shape (n_cells,)
        To about 1e-13. Never 0: what was observed is one of the arrangements, so shares below 1e-12 are given as that.

    Raises
    ------
    UsageError
        Values below 0, or so large or so many neighbours that counting would take too long.
    """
    if values.min() < 0:
        msg = "values below 0 were given; all arrangements are counted only for counts"
        raise UsageError(msg, hint="permutations=999")
    observed, k = neighbours.sums(values), neighbours.counts
    most, top = int(k.max()), int(observed.max()) + 1
    distinct, at, times = np.unique(values, return_inverse=True, return_counts=True)
    if distinct.size * (top + 1) * (most + 1) ** 2 > EXACT_LIMIT:
        msg = (
            f"{most} neighbours and sums of up to {top - 1:,} were given; "
            "to count all arrangements of these would take too long"
        )
        raise UsageError(msg, hint="permutations=999")
    ways = _ways(distinct, times, values.size, most, top)
    return _tails(ways, distinct, at, k, observed, values.size)


@numba.njit(cache=True)
def _ways(distinct: Ints, times: Ints, n: int, most: int, top: int) -> Floats:  # pragma: no cover - compiled
    """``ways[j, s]``: in how many ways j of all n values sum to s, over n**j; all sums from `top` on stand at `top`.

    The coefficients of the product of (1 + x**v t)**m over the distinct values v, each m times.
    """
    ways = np.zeros((most + 1, top + 1))
    ways[0, 0] = 1.0
    for d in range(distinct.size):
        v, m = distinct[d], times[d]
        new = np.zeros_like(ways)
        for j in range(most + 1):
            coefficient = 1.0  # C(m, a) / n**a
            for a in range(min(m, most - j) + 1):
                if a > 0:
                    coefficient *= (m - a + 1) / a / n
                for s in range(top + 1):
                    if ways[j, s] != 0.0:
                        new[j + a, min(s + a * v, top)] += coefficient * ways[j, s]
        ways = new
    return ways


@numba.njit(cache=True)
def _tails(
    ways: Floats, distinct: Ints, at: Ints, k: Ints, observed: Ints, n: int
) -> tuple[Floats, Floats]:  # pragma: no cover - compiled
    most, top = ways.shape[0] - 1, ways.shape[1] - 1
    # Ways to draw j of the other n - 1, in the same units as `ways`: C(n - 1, j) / n**j.
    scale = np.ones(most + 1)
    for j in range(1, most + 1):
        scale[j] = scale[j - 1] * (n - j) / j / n
    at_least, at_most = np.ones(k.size), np.ones(k.size)
    first = np.zeros(distinct.size + 1, dtype=np.int64)
    for i in range(at.size):
        first[at[i] + 1] += 1
    for d in range(distinct.size):
        first[d + 1] += first[d]
    place = first[:-1].copy()
    cells = np.empty(at.size, dtype=np.int64)
    for i in range(at.size):
        cells[place[at[i]]] = i
        place[at[i]] += 1
    for d in range(distinct.size):
        v = distinct[d]
        # Take one value v out again: ways = others + (v and j - 1 of the others).
        others = ways.copy()
        for j in range(1, most + 1):
            for s in range(top + 1):
                if others[j - 1, s] != 0.0:
                    others[j, min(s + v, top)] -= others[j - 1, s] / n
        below = np.zeros((most + 1, top + 2))
        above = np.zeros((most + 1, top + 2))
        for j in range(most + 1):
            for s in range(top + 1):
                others[j, s] = max(others[j, s], 0.0)
                below[j, s + 1] = below[j, s] + others[j, s]
            for s in range(top, -1, -1):
                above[j, s] = above[j, s + 1] + others[j, s]
        for c in range(first[d], first[d + 1]):
            i = cells[c]
            at_least[i] = min(max(above[k[i], observed[i]] / scale[k[i]], 1e-12), 1.0)
            at_most[i] = min(max(below[k[i], observed[i] + 1] / scale[k[i]], 1e-12), 1.0)
    return at_least, at_most
