from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.errors import DataError, UsageError
from peelian.patterns import cylinders as module
from peelian.patterns.cylinders import LANES, Cylinders, latest_first
from peelian.patterns.draws import scattered, scattered_fill
from peelian.patterns.windows import Windows, grid_windows
from peelian.places import Grid

CRS = "EPSG:26915"


def plain(
    windows: Windows, counts: np.ndarray, expected: np.ndarray, fewest: int = 1, total: float = math.inf
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Score of the best cylinder of each centre by NumPy alone, and its places and periods."""
    best, which = np.zeros(len(windows)), []
    for i in range(len(windows)):
        near = windows.near[i, : windows.length[i]]
        c, b = np.cumsum(counts[near], axis=0), np.cumsum(expected[near], axis=0)
        score = np.zeros_like(b)
        over = (c > b) & (c >= fewest)
        cc, bb = c[over], b[over]
        if total == math.inf:
            score[over] = cc * np.log(cc / bb) + bb - cc
        else:
            rest = total - cc
            with np.errstate(divide="ignore", invalid="ignore"):
                second = np.where(rest > 0, rest * np.log(rest / (total - bb)), 0.0)
            score[over] = cc * np.log(cc / bb) + second
        at = np.unravel_index(int(np.argmax(score)), score.shape)
        best[i] = score[at]
        which.append((int(at[0]) + 1, int(at[1]) + 1) if best[i] > 0 else (0, 0))
    return best, which


def world(seed: int, rows: int, columns: int, weeks: int, mean: float) -> tuple[Windows, np.ndarray]:
    rng = np.random.default_rng(seed)
    windows = grid_windows(Grid(CRS, 100.0, 0, 0, (rows, columns)), nearest=20)
    return windows, rng.gamma(0.7, mean, (rows * columns, 1)) * rng.uniform(0.8, 1.2, weeks) + 1e-6


@settings(max_examples=25)
@given(
    seed=st.integers(0, 1000),
    rows=st.integers(1, 8),
    columns=st.integers(1, 8),
    weeks=st.integers(1, 6),
    mean=st.sampled_from([0.01, 0.3, 2.0, 300.0]),
    fewest=st.sampled_from([1, 3]),
)
def test_the_best_cylinder_is_the_plain_one(
    seed: int, rows: int, columns: int, weeks: int, mean: float, fewest: int
) -> None:
    windows, expected = world(seed, rows, columns, weeks, mean)
    counts = latest_first(np.random.default_rng(seed).poisson(expected))
    cylinders = Cylinders(windows, latest_first(expected), fewest=fewest)
    best = cylinders.best(counts)
    score, which = plain(windows, counts, latest_first(expected), fewest)
    np.testing.assert_allclose(best.score, score, rtol=1e-9, atol=1e-12)
    assert [(int(k), int(d)) for k, d in zip(best.k, best.weeks, strict=True)] == which
    assert cylinders.top(counts) == best.score.max()


@settings(max_examples=20)
@given(
    seed=st.integers(0, 1000),
    rows=st.integers(1, 6),
    columns=st.integers(1, 6),
    mean=st.sampled_from([0.01, 0.5, 40.0]),
    fewest=st.sampled_from([1, 3]),
    replicates=st.sampled_from([1, LANES, LANES + 7]),
)
def test_the_highest_of_replicates_is_the_plain_one(
    seed: int, rows: int, columns: int, mean: float, fewest: int, replicates: int
) -> None:
    windows, expected = world(seed, rows, columns, 4, mean)
    cylinders = Cylinders(windows, latest_first(expected), fewest=fewest)
    found = cylinders.highest(scattered_fill(expected, scatter=1.5, seed=seed), replicates)
    drawn = scattered(expected, scatter=1.5, seed=seed, replicates=replicates)
    for r in range(0, replicates, 9):
        score, _ = plain(windows, latest_first(drawn[r]), latest_first(expected), fewest)
        assert found[r] == pytest.approx(score.max(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("total", [30.0, 400.0])
def test_the_score_given_the_total_is_the_plain_one(total: float) -> None:
    rng = np.random.default_rng(3)
    windows = grid_windows(Grid(CRS, 100.0, 0, 0, (5, 6)), nearest=12)
    events = rng.multinomial(int(total), np.full(30 * 8, 1 / 240)).reshape(30, 8).astype(float)
    margin = latest_first(events[:, -3:].sum(axis=0)[None])[0] / total
    expected = np.outer(events.sum(axis=1), margin)
    counts = latest_first(events[:, -3:])
    cylinders = Cylinders(windows, expected, total=total)
    score, which = plain(windows, counts, expected, total=total)
    best = cylinders.best(counts)
    np.testing.assert_allclose(best.score, score, rtol=1e-9, atol=1e-12)
    assert [(int(k), int(d)) for k, d in zip(best.k, best.weeks, strict=True)] == which

    def fill(block: int, out: np.ndarray) -> None:
        out[:] = counts[..., None].astype(np.int32)

    np.testing.assert_allclose(cylinders.highest(fill, 5), score.max(), rtol=1e-12)


def test_a_threshold_is_the_least_count_that_reaches_its_score() -> None:
    low = np.concatenate([np.geomspace(1e-9, 1e6, 60), [0.5, 1.0, 7.0]])
    tables = np.zeros((module.LEVELS, low.size), dtype=np.int32)
    module._thresholds(low, 1.0, math.inf, module.STEP, tables)

    def score(c: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(c > low, c * np.log(c / low) + low - c, 0.0)

    for level in range(0, module.LEVELS, 7):
        c = tables[level].astype(float)
        assert (c > low).all()
        assert (score(c) >= level * module.STEP * (1 - 1e-12)).all()
        before = score(c - 1)
        assert ((before < level * module.STEP) | (c - 1 <= low)).all()


def test_no_count_reaches_a_score_that_the_total_cannot() -> None:
    tables = np.zeros((module.LEVELS, 1), dtype=np.int32)
    module._thresholds(np.array([5.0]), 1.0, 10.0, module.STEP, tables)
    assert tables[-1, 0] > 10
    assert 5 < tables[4, 0] <= 10


def test_the_number_of_threads_changes_nothing() -> None:
    windows, expected = world(5, 9, 9, 4, 1.0)
    cylinders = Cylinders(windows, latest_first(expected))
    counts = latest_first(np.random.default_rng(0).poisson(expected))
    found = []
    before = numba.get_num_threads()
    for threads in (1, before):
        numba.set_num_threads(threads)
        try:
            found.append(
                (cylinders.highest(scattered_fill(expected, scatter=2, seed=1), 200), cylinders.best(counts))
            )
        finally:
            numba.set_num_threads(before)
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1].k, found[1][1].k)


def test_two_million_reports_in_one_cell() -> None:
    windows = grid_windows(Grid(CRS, 100.0, 0, 0, (1, 1)))
    cylinders = Cylinders(windows, np.array([[1e6, 2e6]]))
    best = cylinders.best([[1_000_500, 2_000_000]])
    assert (best.k[0], best.weeks[0]) == (1, 1)
    assert best.score[0] == pytest.approx(500**2 / 2e6, rel=1e-3)
    found = cylinders.highest(scattered_fill([[1e6, 1e6]], scatter=1, seed=0), 99)
    # Half the square of a normal deviate, where that is above 0, or of its like over both periods.
    assert 0.2 < found.mean() < 0.7


def test_what_cannot_be_is_refused() -> None:
    windows = grid_windows(Grid(CRS, 100.0, 0, 0, (2, 2)))
    with pytest.raises(UsageError, match="4 places"):
        Cylinders(windows, np.ones((3, 2)))
    with pytest.raises(UsageError, match="negative"):
        Cylinders(windows, np.full((4, 2), -1.0))
    with pytest.raises(UsageError, match="beside"):
        Cylinders(windows, np.ones((4, 2))).best(np.ones((4, 3)))
    with pytest.raises(UsageError, match="none are expected"):
        Cylinders(windows, np.zeros((4, 2))).best(np.ones((4, 2)))
    wide = Windows(
        np.zeros((10_000, 5_000), np.int32), np.ones(10_000, np.int32), np.zeros((10_000, 5_000), np.float32)
    )
    with pytest.raises(DataError, match="limit"):
        Cylinders(wide, np.ones((10_000, 13)))


def test_latest_first() -> None:
    np.testing.assert_array_equal(latest_first([[1, 2, 4]]), [[4, 6, 7]])
