from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from peelian.errors import NotEnoughDataError
from peelian.patterns.scan import clusters, past_tops
from peelian.patterns.scan_permutation import PermutationScan
from peelian.patterns.windows import grid_windows
from peelian.places import Grid

CRS = "EPSG:26915"
EDGES = np.datetime64("2014-01-06") + 7 * np.arange(200)
GRID = Grid(CRS, 500.0, 0, 0, (8, 8))


def counts(seed: int = 0, periods: int = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    season = 1 + 0.5 * np.sin(np.arange(periods) / 9)
    return rng.poisson(np.outer(rng.gamma(1, 0.5, 64), season))


def test_expectation_is_the_product_of_the_margins() -> None:
    made = counts()
    look = PermutationScan(weeks=5, span=40).look(sparse.csc_array(made), EDGES[:61], grid_windows(GRID))
    studied = made[:, -40:]
    total = studied.sum()
    for d in range(5):
        margin = studied[:, -(d + 1) :].sum()
        np.testing.assert_allclose(look.cylinders.expected[:, d], studied.sum(axis=1) * margin / total)
        np.testing.assert_array_equal(look.counts[:, d], studied[:, -(d + 1) :].sum(axis=1))
    assert look.cylinders.total == total


def test_replicates_are_those_of_events_dealt_out_anew() -> None:
    """The distribution of the highest score, against permutations of events by NumPy alone."""
    made = counts(periods=20)
    windows = grid_windows(GRID, nearest=25)
    look = PermutationScan(weeks=4, fewest=1, span=20).look(sparse.csc_array(made), EDGES[:21], windows)
    ours = look.maxima(400, scatter=1.0, seed=0)
    rng = np.random.default_rng(0)
    place, period = (np.repeat(a, made.ravel()) for a in np.indices(made.shape).reshape(2, -1))
    theirs = []
    for _ in range(400):
        dealt = np.zeros_like(made)
        np.add.at(dealt, (place, rng.permutation(period)), 1)
        theirs.append(look.cylinders.top(np.cumsum(dealt[:, ::-1], axis=1)[:, :4]))
    for share in (0.25, 0.5, 0.75, 0.95):
        assert np.quantile(ours, share) == pytest.approx(np.quantile(theirs, share), rel=0.08)


def test_p_values_are_uniform_where_times_are_dealt_at_random() -> None:
    windows = grid_windows(Grid(CRS, 500.0, 0, 0, (5, 5)), nearest=10)
    rng = np.random.default_rng(4)
    p = []
    for i in range(120):
        made = rng.poisson(0.8, (25, 24))
        look = PermutationScan(weeks=4, span=24).look(sparse.csc_array(made), EDGES[:25], windows)
        maxima = look.maxima(99, scatter=1.0, seed=i)
        p.append(((maxima >= look.top()).sum() + 1) / 100)
    for level in (0.1, 0.3, 0.6):
        assert np.mean(np.asarray(p) <= level) == pytest.approx(level, abs=0.12)


def test_a_planted_cluster_is_found() -> None:
    made = counts(seed=2)
    made[[27, 28, 35, 36], -3:] += 4
    look = PermutationScan(weeks=8).look(sparse.csc_array(made), EDGES[:61], grid_windows(GRID, nearest=30))
    first = clusters(look, look.maxima(199, scatter=1.0, seed=0))[0]
    assert {27, 28, 35, 36} <= set(first.members.tolist())
    assert first.weeks == 3
    assert first.p == pytest.approx(1 / 200)


def test_growth_that_is_the_same_everywhere_is_no_cluster() -> None:
    made = counts(seed=3)
    made[:, -4:] *= 3
    look = PermutationScan(weeks=8).look(sparse.csc_array(made), EDGES[:61], grid_windows(GRID, nearest=30))
    high = look.counts[:, 3].sum() / look.cylinders.expected[:, 3].sum()
    assert high == pytest.approx(1.0)


def test_two_events_and_none() -> None:
    made = np.zeros((64, 20), dtype=int)
    made[3, 19] = made[60, 2] = 1
    look = PermutationScan(weeks=4, fewest=1).look(sparse.csc_array(made), EDGES[:21], grid_windows(GRID))
    first = clusters(look, look.maxima(99, scatter=1.0, seed=0))[0]
    assert (first.observed, first.weeks) == (1, 1)
    assert first.p > 0.3
    empty = PermutationScan(weeks=4).look(
        sparse.csc_array((64, 20), dtype=np.int64), EDGES[:21], grid_windows(GRID)
    )
    assert clusters(empty, np.zeros(19)) == []
    assert empty.maxima(19, scatter=1.0, seed=0).max() == 0


def test_past_looks_need_a_whole_span() -> None:
    made = sparse.csc_array(counts(periods=70))
    tops = past_tops(PermutationScan(weeks=4), made, EDGES[:71], grid_windows(GRID), looks=50)
    assert tops.size == 70 - 4 - 52 + 1


def test_fewer_periods_than_are_scanned_are_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="looked at"):
        PermutationScan(weeks=12).look(sparse.csc_array(counts(periods=12)), EDGES[:13], grid_windows(GRID))
