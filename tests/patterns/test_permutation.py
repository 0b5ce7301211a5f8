"""Chances of sums over neighbours: by counting arrangements, by drawing them, and by going through all of them."""

from __future__ import annotations

from itertools import combinations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.neighbours import contiguous, within_distance
from peelian.patterns.permutation import exact_tails, sampled_tails, tails, whole
from peelian.places import Grid

CRS = "EPSG:26915"
MASK = (1 << 64) - 1


def by_hand(values, near):
    """Every choice of k of the other cells, one by one."""
    high, low = [], []
    for i, k in enumerate(near.counts):
        others = np.delete(values, i)
        sums = np.array([sum(c) for c in combinations(others.tolist(), int(k))])
        seen = values[near.of(i)].sum()
        high.append(np.mean(sums >= seen))
        low.append(np.mean(sums <= seen))
    return np.array(high), np.array(low)


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 4), st.integers(1, 40))
def test_exact_shares_are_those_of_all_arrangements(seed, rows, columns, top):
    grid = Grid(CRS, 250.0, 0, 0, (rows, columns))
    near = contiguous(grid)
    values = np.random.default_rng(seed).integers(0, top, len(grid))
    for found, expected in zip(exact_tails(values, near), by_hand(values, near), strict=True):
        assert np.allclose(found, expected, atol=1e-11)


def test_drawn_shares_are_the_exact_ones_within_monte_carlo_error():
    rng = np.random.default_rng(1)
    grid = Grid(CRS, 250.0, 0, 0, (25, 30))
    near = contiguous(grid)
    values = rng.poisson(rng.gamma(0.4, 8, len(grid)))
    n = 1999
    for drawn, exact in zip(
        sampled_tails(values, near, permutations=n), exact_tails(values, near), strict=True
    ):
        sure = (exact > 0.01) & (exact < 0.99)
        z = (drawn[sure] / n - exact[sure]) / np.sqrt(exact[sure] * (1 - exact[sure]) / n)
        assert abs(z.mean()) < 0.2
        assert 0.9 < z.std() < 1.1
        assert np.abs(z).max() < 5


def reference(values, near, permutations, seed):
    """What the compiled loop does, replicate by replicate."""
    n, k = values.size, near.counts
    observed = near.sums(values)
    at_least, at_most = np.zeros(n, int), np.zeros(n, int)
    for state in np.random.SeedSequence(seed).generate_state(permutations, np.uint64).tolist():
        order = list(range(n))
        for i in range(n - 1, 0, -1):
            state = (state + 0x9E3779B97F4A7C15) & MASK
            z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
            z ^= z >> 31
            j = ((z >> 32) * (i + 1)) >> 32
            order[i], order[j] = order[j], order[i]
        ring = np.array(order)
        for t, i in enumerate(order):
            drawn = values[ring[(t + 1 + np.arange(k[i])) % n]].sum()
            assert i not in ring[(t + 1 + np.arange(k[i])) % n]
            at_least[i] += drawn >= observed[i]
            at_most[i] += drawn <= observed[i]
    return at_least, at_most


@pytest.mark.parametrize("distance", [250.0, 400.0, 9000.0])
def test_the_compiled_loop_counts_what_the_plain_one_does(distance):
    grid = Grid(CRS, 250.0, 0, 0, (5, 6))
    near = within_distance(grid, distance=distance)
    values = np.random.default_rng(4).integers(0, 9, len(grid))
    for found, expected in zip(
        sampled_tails(values, near, permutations=60, seed=7), reference(values, near, 60, 7), strict=True
    ):
        assert np.array_equal(found, expected)


def test_neither_threads_nor_runs_change_the_counts():
    grid = Grid(CRS, 250.0, 0, 0, (20, 20))
    near, values = contiguous(grid), np.random.default_rng(0).poisson(2, 400)
    before = numba.get_num_threads()
    found = []
    try:
        for threads in (1, min(2, before), 1):
            numba.set_num_threads(threads)
            found.append(np.array(sampled_tails(values, near, permutations=99, seed=3)))
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], np.array(sampled_tails(values, near, permutations=99, seed=4)))


def test_the_shuffle_favours_no_order():
    """Each of the 24 orders of four distinct values is drawn alike often, as seen in what follows the first cell."""
    grid = Grid(CRS, 250.0, 0, 0, (1, 4))
    values = np.array([0, 1, 10, 100])
    near = contiguous(grid)
    n = 24_000
    drawn, _ = sampled_tails(values, near, permutations=n, seed=11)
    exact, _ = exact_tails(values, near)
    # 1 of 3, 2 of 3 neighbours: chances in thirds.
    assert np.allclose(exact * 3, np.round(exact * 3))
    for r, p in zip(drawn, exact, strict=True):
        assert p == 1 or stats.binomtest(int(r), n, p).pvalue > 1e-4


def test_two_million_reports_in_one_cell_are_summed_exactly():
    grid = Grid(CRS, 250.0, 0, 0, (6, 6))
    values = np.zeros(36, dtype=np.int64)
    values[14] = 2_000_000
    near = contiguous(grid)
    high, low = tails(values, near, permutations=199, seed=0)
    assert np.all(high[values == 0][near.sums(values)[values == 0] == 0] == 1)
    assert low[14] == 1.0
    exact, _ = exact_tails(values, near)
    beside = near.of(14)
    # The one full cell is among k of the other 35.
    assert np.allclose(exact[beside], near.counts[beside] / 35)
    assert np.all(np.abs(high[beside] - exact[beside]) < 5 * np.sqrt(0.25 / 199))


def test_cells_without_neighbours_have_no_p_value():
    grid = Grid(CRS, 250.0, 0, 0, (1, 4), np.array([1.0, 0.0, 1.0, 1.0]))
    for permutations in (99, None):
        high, low = tails(np.array([3, 1, 2]), contiguous(grid), permutations=permutations, seed=0)
        assert np.isnan(high).tolist() == np.isnan(low).tolist() == [True, False, False]


def test_rates_keep_their_ties():
    third = np.array([1 / 3, 0.1 + 0.2, 0.3, 0.0])
    made = whole(third)
    assert made[1] == made[2]
    assert made[0] > made[1] > made[3] == 0
    grid = Grid(CRS, 250.0, 0, 0, (1, 4))
    rates = np.array([0.1, 0.2, 0.3, 0.4])
    for found, expected in zip(
        exact_tails(whole(rates * 10), contiguous(grid)),
        by_hand(whole(rates), contiguous(grid)),
        strict=True,
    ):
        assert np.allclose(found, expected)


def test_what_is_no_number_a_cell_is_told():
    with pytest.raises(NotEnoughDataError, match="no cell"):
        whole([])
    for bad in ([np.nan, 1.0], [np.inf], [[1, 2], [3, 4]]):
        with pytest.raises(UsageError, match="one finite number a cell"):
            whole(bad)
    with pytest.raises(UsageError, match="at most"):
        whole([1e300, 1.0])
    assert whole([0, 0]).tolist() == [0, 0]


def test_too_many_arrangements_are_refused_with_what_to_do():
    grid = Grid(CRS, 250.0, 0, 0, (6, 6))
    values = np.arange(36) * 100_000
    with pytest.raises(UsageError, match="too long") as told:
        exact_tails(values, contiguous(grid))
    assert "permutations=999" in str(told.value)
    with pytest.raises(UsageError, match="below 0"):
        exact_tails(-values, contiguous(grid))
    with pytest.raises(UsageError, match="replicates"):
        tails(values, contiguous(grid), permutations=3, seed=0)
    with pytest.raises(UsageError, match="36 cells"):
        tails(values[:4], contiguous(grid), permutations=99, seed=0)
