from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.cylinders import Cylinders, Fill, latest_first
from peelian.patterns.draws import scattered_fill
from peelian.patterns.scan import ExpectationScan, Look, clusters, matched_scatter, past_tops
from peelian.patterns.windows import grid_windows
from peelian.places import Grid

CRS = "EPSG:26915"
MONDAY = np.datetime64("2014-01-06")


def weeks(n: int) -> np.ndarray:
    return MONDAY + 7 * np.arange(n + 1)


def city(seed: int = 0, side: int = 16, periods: int = 120, scatter: float = 1.0) -> tuple[Grid, np.ndarray]:
    rng = np.random.default_rng(seed)
    mean = np.repeat(rng.gamma(1, 0.4, (side * side, 1)) + 0.02, periods, axis=1)
    counts = rng.poisson(mean) if scatter == 1 else rng.negative_binomial(mean / (scatter - 1), 1 / scatter)
    return Grid(CRS, 500.0, 0, 0, (side, side)), counts


def planted(counts: np.ndarray, side: int, cells: list[tuple[int, int]], last: int, more: int) -> np.ndarray:
    counts = counts.copy()
    for row, column in cells:
        counts[row * side + column, -last:] += more
    return counts


def known(expected: np.ndarray, counts: np.ndarray, side: int) -> Look:
    windows = grid_windows(Grid(CRS, 500.0, 0, 0, (side, side)), nearest=30)

    def chance(scatter: float, seed: int) -> Fill:
        return scattered_fill(expected, scatter=scatter, seed=seed)

    return Look(Cylinders(windows, latest_first(expected)), latest_first(counts), 1.0, chance)


def test_a_planted_cluster_is_found_with_its_places_and_weeks() -> None:
    grid, counts = city()
    block = [(r, c) for r in (5, 6, 7) for c in (8, 9, 10)]
    counts = planted(counts, 16, block, 3, 3)
    look = ExpectationScan(weeks=8).look(sparse.csc_array(counts), weeks(120), grid_windows(grid, nearest=40))
    found = clusters(look, look.maxima(199, scatter=1.0, seed=0))
    first = found[0]
    truth = {r * 16 + c for r, c in block}
    assert first.p == pytest.approx(1 / 200)
    assert first.weeks == 3
    assert len(truth & set(first.members.tolist())) >= 8
    assert len(first.members) <= 13
    assert first.observed == counts[first.members, -3:].sum()
    assert first.expected < first.observed / 2


def test_two_clusters_share_no_place_and_come_highest_first() -> None:
    grid, counts = city(seed=1)
    counts = planted(counts, 16, [(2, 2), (2, 3), (3, 2)], 4, 5)
    counts = planted(counts, 16, [(12, 12), (12, 13)], 2, 4)
    look = ExpectationScan(weeks=6).look(sparse.csc_array(counts), weeks(120), grid_windows(grid, nearest=40))
    found = clusters(look, look.maxima(199, scatter=1.0, seed=0))
    assert len({2 * 16 + 2, 2 * 16 + 3, 3 * 16 + 2} & set(found[0].members.tolist())) >= 2
    assert 12 * 16 + 12 in np.concatenate([f.members for f in found[1:3]])
    places = np.concatenate([f.members for f in found])
    assert np.unique(places).size == places.size
    scores = [f.score for f in found]
    assert scores == sorted(scores, reverse=True)
    assert len(clusters(look, look.maxima(199, scatter=1.0, seed=0), most=1)) == 1


def test_p_values_are_uniform_where_nothing_emerges() -> None:
    """Under the null a p-value of at most 0.2 comes up in about a fifth of cases."""
    expected = np.full((36, 4), 0.6)
    rng = np.random.default_rng(0)
    maxima = known(expected, expected, 6).maxima(999, scatter=1.0, seed=0)
    p = np.array(
        [((maxima >= known(expected, rng.poisson(expected), 6).top()).sum() + 1) / 1000 for _ in range(250)]
    )
    for level in (0.1, 0.2, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=0.08)


def test_scatter_that_poisson_does_not_know_makes_false_alarms() -> None:
    expected = np.full((64, 6), 1.5)
    rng = np.random.default_rng(1)
    tops = np.array(
        [known(expected, rng.negative_binomial(expected / 1.0, 1 / 2.0), 8).top() for _ in range(60)]
    )
    look = known(expected, expected, 8)
    poisson = np.quantile(look.maxima(199, scatter=1.0, seed=0), 0.95)
    allowed = np.quantile(look.maxima(199, scatter=2.0, seed=0), 0.95)
    assert (tops >= poisson).mean() > 0.6
    assert (tops >= allowed).mean() < 0.15
    assert matched_scatter(look, tops, seed=0) == pytest.approx(2.0, rel=0.2)


def test_a_past_calmer_than_poisson_keeps_poisson() -> None:
    expected = np.full((16, 3), 2.0)
    assert matched_scatter(known(expected, expected, 4), np.zeros(30), seed=0) == 1.0


def test_past_looks_read_only_what_was_past() -> None:
    grid, counts = city(side=8, periods=80)
    scan, windows = ExpectationScan(weeks=4), grid_windows(grid, nearest=20)
    tops = past_tops(scan, sparse.csc_array(counts), weeks(80), windows, looks=6)
    assert tops.size == 6
    changed = counts.copy()
    changed[:, -4:] += 9
    again = past_tops(scan, sparse.csc_array(changed), weeks(80), windows, looks=6)
    np.testing.assert_array_equal(tops, again)
    by_hand = scan.look(sparse.csc_array(counts[:, :76]), weeks(76), windows).top()
    assert tops[0] == by_hand
    assert past_tops(scan, sparse.csc_array(counts[:, :33]), weeks(33), windows, looks=6).size == 0


def test_the_expectation_never_sees_the_window() -> None:
    grid, counts = city(side=8, periods=80)
    windows = grid_windows(grid, nearest=20)
    scan = ExpectationScan(weeks=4, totals=False)
    one = scan.look(sparse.csc_array(counts), weeks(80), windows)
    counts[:, -4:] += 7
    other = scan.look(sparse.csc_array(counts), weeks(80), windows)
    np.testing.assert_array_equal(one.cylinders.expected, other.cylinders.expected)


def test_a_wave_over_the_whole_area_is_no_cluster() -> None:
    grid, counts = city(seed=2)
    counts[:, -2:] *= 2
    windows = grid_windows(grid, nearest=40)
    found = {}
    for totals in (True, False):
        look = ExpectationScan(weeks=6, totals=totals).look(sparse.csc_array(counts), weeks(120), windows)
        found[totals] = clusters(look, look.maxima(99, scatter=1.5, seed=0))[0]
    assert found[False].p == 0.01
    assert found[True].score < found[False].score / 2


def test_nothing_above_expectation_is_nothing_found() -> None:
    expected = np.full((4, 2), 5.0)
    assert clusters(known(expected, np.ones((4, 2)), 2), np.ones(19)) == []


def test_what_cannot_be_is_refused() -> None:
    grid, counts = city(side=4, periods=12)
    windows = grid_windows(grid)
    with pytest.raises(NotEnoughDataError, match="looked at"):
        ExpectationScan(weeks=12).look(sparse.csc_array(counts), weeks(12), windows)
    with pytest.raises(NotEnoughDataError, match="4 periods"):
        ExpectationScan(weeks=8).look(sparse.csc_array(counts), weeks(12), windows)
    with pytest.raises(UsageError, match="0 clusters"):
        clusters(known(np.ones((4, 2)), np.ones((4, 2)), 2), np.ones(19), most=0)
