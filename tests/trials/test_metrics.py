"""Each metric by hand, against brute force and against scipy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import DataError, UsageError
from peelian.trials import metrics


def test_hit_rate_pai_and_pei_by_hand():
    # 10 cells of 1 km2; the 2 chosen hold 6 of 20 incidents, the best 2 would hold 12.
    assert metrics.hit_rate(6, 20) == pytest.approx(0.3)
    assert metrics.pai(6, 20, 0.2) == pytest.approx(1.5)
    assert metrics.pei(6, 12) == pytest.approx(0.5)
    assert metrics.pai(12, 20, 0.2) * metrics.pei(6, 12) == pytest.approx(metrics.pai(6, 20, 0.2))


def test_ratios_of_nothing_are_not_a_number():
    assert np.isnan(metrics.hit_rate(0, 0))
    assert np.isnan(metrics.pei(0, 0))
    assert np.isnan(metrics.log_score(-1.0, 0))
    assert metrics.hit_rate([0, 1], [0, 4])[1] == 0.25


def test_best_hits_by_hand():
    counts, area = np.array([5, 1, 3, 0]), np.ones(4)
    assert [metrics.best_hits(counts, area, k) for k in (0.5, 1, 2, 2.9, 3, 4)] == [0, 5, 8, 8, 9, 9]


def test_best_hits_where_a_cell_is_cut():
    # A full cell with 4, or two halves with 3 and 2: as much area, more incidents.
    counts, area = np.array([4, 3, 2]), np.array([1.0, 0.5, 0.5])
    assert metrics.best_hits(counts, area, 1.0) == 5
    assert metrics.best_hits(counts, area, 1.5) == 7


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from([1.0, 1.0, 0.7, 0.3, 0.05])), min_size=1, max_size=8
    ),
    st.floats(0.0, 6.0),
)
def test_best_hits_is_what_trying_all_gives(cells, limit):
    counts = np.array([n for n, _ in cells])
    area = np.array([a for _, a in cells])
    every = (list(c) for k in range(len(cells) + 1) for c in itertools.combinations(range(len(cells)), k))
    best = max(int(counts[c].sum()) for c in every if area[c].sum() <= limit * (1 + 1e-9))
    assert metrics.best_hits(counts, area, limit) == best


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.floats(1e-6, 20.0)), min_size=1, max_size=20))
def test_log_likelihood_is_scipys(cells):
    counts, mean = np.array([n for n, _ in cells]), np.array([m for _, m in cells])
    assert metrics.log_likelihood(counts, mean) == pytest.approx(
        stats.poisson(mean).logpmf(counts).sum(), rel=1e-9
    )


def test_log_likelihood_of_the_impossible():
    assert metrics.log_likelihood(np.array([1, 0]), np.array([0.0, 1.0])) == -np.inf
    assert metrics.log_likelihood(np.array([0, 0]), np.array([0.0, 1.0])) == -1.0


def test_log_skill_of_the_truth_is_its_divergence_from_uniform():
    # Exactly as many as expected: the gain per incident is the Kullback-Leibler divergence.
    mean, area = np.array([6.0, 2.0]), np.ones(2)
    counts = mean.astype(int)
    even = metrics.uniform_map(mean, area)
    gain = metrics.log_likelihood(counts, mean) - metrics.log_likelihood(counts, even)
    assert metrics.log_score(gain, counts.sum()) == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5))


def test_the_uniform_map_goes_by_area():
    assert metrics.uniform_map(np.array([3.0, 0.0]), np.array([1.0, 0.5])).tolist() == pytest.approx(
        [2.0, 1.0]
    )


SIZES = (np.inf, 0.4, 6.0, 100.0, 500.0, 1e3, 2e4, 1e8)
MEANS = (1e-6, 0.01, 0.7, 3.0, 20.0, 150.0, 300.0, 400.0, 2000.0, 5000.0)


def crps_by_definition(count, mean, size):
    """Sum of the squared distance of the distribution function from the step, over all but 1e-14 of the mass."""
    law = stats.poisson(mean) if np.isinf(size) else stats.nbinom(size, size / (size + mean))
    at = np.arange(int(max(law.isf(1e-14), count)) + 2)
    return ((law.cdf(at) - (at >= count)) ** 2).sum()


@pytest.mark.parametrize("size", SIZES)
def test_crps_against_its_definition(size):
    rng = np.random.default_rng(0)
    mean, counts = rng.gamma(0.5, 2.0, 30), rng.poisson(1.0, 30)
    expected = sum(crps_by_definition(y, m, size) for y, m in zip(counts, mean, strict=True))
    assert metrics.crps(counts, mean, size) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("size", SIZES)
def test_crps_of_any_mean_and_size_against_its_definition(size, mean):
    away = 4 * np.sqrt(mean + mean**2 / size)
    # The oracle's share of no report, p ** size, has as few digits as p where the size is large.
    for count in {0, 1, round(mean), round(mean + away), max(round(mean - away), 0)}:
        found = metrics.crps(np.array([count]), np.array([mean]), size)
        assert found == pytest.approx(crps_by_definition(count, mean, size), rel=1e-6, abs=1e-11)


@pytest.mark.parametrize("mean", [0.02, 5.0, 400.0])
def test_crps_becomes_poissons_as_the_size_grows(mean):
    """By half of mean over size, relatively: what the variance has beyond the mean."""
    poisson = metrics.crps(np.array([round(mean)]), np.array([mean]), np.inf)
    for size in (2e4, 1e6, 1e8):
        found = metrics.crps(np.array([round(mean)]), np.array([mean]), size)
        assert abs(found / poisson - 1) <= 0.6 * max(mean, 1.0) / size + 1e-7


def test_crps_has_one_value_whether_by_the_closed_form_or_the_integral(monkeypatch):
    rng = np.random.default_rng(0)
    mean, counts = rng.gamma(0.5, 2.0, 500), rng.poisson(1.0, 500)
    closed = [metrics.crps(counts, mean, size) for size in (0.05, 1.0, 99.0)]
    monkeypatch.setattr(metrics, "LARGEST_CLOSED", 0.0)
    assert [metrics.crps(counts, mean, size) for size in (0.05, 1.0, 99.0)] == pytest.approx(closed, rel=1e-9)


@pytest.mark.parametrize("size", [np.inf, 2.0, 500.0, 1e6])
def test_crps_without_a_finite_value_is_an_error_and_no_number(size):
    for mean in (np.nan, np.inf):
        with pytest.raises(DataError, match="the CRPS of 1 cells"):
            metrics.crps(np.array([0, 1]), np.array([1.0, mean]), size)


@pytest.mark.parametrize("size", [np.inf, 2.0])
def test_crps_where_nothing_is_expected(size):
    assert metrics.crps(np.array([0, 3]), np.zeros(2), size) == 3.0


@pytest.mark.parametrize(
    "score",
    [
        lambda y, m: metrics.log_likelihood(y, m),
        lambda y, m: metrics.log_likelihood(y, m, size=2.0),
        lambda y, m: metrics.crps(y, m, 1.0),
        lambda y, m: metrics.alarms(y, m > 0),
    ],
)
def test_shapes_must_agree(score):
    with pytest.raises(UsageError, match="expected one a cell of both"):
        score(np.array([1, 2]), np.array([1.0]))


def test_proper_scores_prefer_the_truth():
    rng = np.random.default_rng(4)
    mean = rng.gamma(1.0, 1.0, 3000)
    counts = rng.poisson(mean)
    for other in (mean * 1.3, mean * 0.7, np.full(3000, mean.mean())):
        assert metrics.log_likelihood(counts, mean) > metrics.log_likelihood(counts, other)
        assert metrics.crps(counts, mean, np.inf) < metrics.crps(counts, other, np.inf)


def test_pei_star_is_pai_over_the_best_pai_of_as_much_area():
    """On a grid of equal cells, against every choice of as many cells; PEI without the star is another number."""
    rng = np.random.default_rng(1)
    counts, area = rng.poisson(0.8, 9), np.ones(9)
    chosen = [0, 3, 5]
    every = [list(c) for c in itertools.combinations(range(9), 3)]
    pais = [metrics.pai(counts[c].sum(), counts.sum(), 3 / 9) for c in every]
    found = metrics.pei(counts[chosen].sum(), metrics.best_hits(counts, area, 3.0))
    assert found == pytest.approx(metrics.pai(counts[chosen].sum(), counts.sum(), 3 / 9) / max(pais))
    of_any_area = metrics.pai(counts.max(), counts.sum(), 1 / 9)
    assert metrics.pai(counts[chosen].sum(), counts.sum(), 3 / 9) / of_any_area < found


def test_recapture_rate_by_hand():
    # The cells held 60 of 300 before (20 %), and hold 3 of 20 now (15 %).
    assert metrics.recapture_rate(3, 20, 60, 300) == pytest.approx(0.75)
    # Densities, as Levine has it: the area is the same above and below.
    assert metrics.recapture_rate(3, 20, 60, 300) == pytest.approx((3 / 0.5 / 20) / (60 / 0.5 / 300))
    assert np.isnan(metrics.recapture_rate([3, 3, 0], [20, 0, 20], [0, 60, 60], 300)).tolist() == [
        True,
        True,
        False,
    ]


def test_recapture_falls_below_one_by_luck_alone_where_cells_are_chosen_by_their_counts():
    rng = np.random.default_rng(2)
    rate = rng.gamma(1.0, 0.5, 4000)
    past, now = rng.poisson(rate), rng.poisson(rate)
    by_count, by_rate = np.argsort(-past)[:400], np.argsort(-rate)[:400]
    found = [
        metrics.recapture_rate(now[c].sum(), now.sum(), past[c].sum(), past.sum())
        for c in (by_count, by_rate)
    ]
    assert found[0] < 0.85
    assert found[1] == pytest.approx(1.0, abs=0.1)


def test_alarms_by_hand():
    counts = np.array([0, 3, 0, 1, 0, 2])
    chosen = np.array([True, True, True, False, False, False])
    found = metrics.alarms(counts, chosen)
    assert found == metrics.Alarms(chosen=3, empty=2, reported=3, missed=2, events=6, outside=3)
    assert metrics.false_alarm_ratio(found.empty, found.chosen) == pytest.approx(2 / 3)
    assert metrics.miss_rate(found.missed, found.reported) == pytest.approx(2 / 3)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=30))
def test_alarms_add_up(cells):
    counts, chosen = np.array([n for n, _ in cells]), np.array([c for _, c in cells])
    found = metrics.alarms(counts, chosen)
    hits = counts[chosen].sum()
    assert found.chosen - found.empty == found.reported - found.missed == np.count_nonzero(counts[chosen])
    assert found.events - found.outside == hits
    assert np.isnan(metrics.hit_rate(hits, found.events)) or (
        metrics.hit_rate(hits, found.events) + found.outside / found.events == pytest.approx(1.0)
    )


def test_stability_by_hand():
    area = np.array([1.0, 1.0, 0.5, 0.25])
    before, after = np.array([True, True, False, False]), np.array([False, True, True, False])
    assert metrics.overlap(before, after, area) == (1.0, 2.5)
    assert metrics.jaccard(1.0, 2.5) == pytest.approx(0.4)
    assert metrics.jaccard(*metrics.overlap(before, before, area)) == 1.0
    assert metrics.jaccard(*metrics.overlap(before, ~before, area)) == 0.0


@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.sampled_from([1.0, 0.5, 0.1])), min_size=1, max_size=30
    )
)
def test_stability_is_that_of_sets(cells):
    before, after, area = (np.array(c) for c in zip(*cells, strict=True))
    a, b = set(np.flatnonzero(before)), set(np.flatnonzero(after))
    shared, together = metrics.overlap(before, after, area)
    assert shared == pytest.approx(sum(area[i] for i in a & b))
    assert together == pytest.approx(sum(area[i] for i in a | b))
    assert (shared, together) == metrics.overlap(after, before, area)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(1e-6, 20.0)), min_size=1, max_size=20),
    st.floats(0.05, 50.0),
)
def test_the_full_log_likelihood_is_scipys(cells, size):
    counts, mean = np.array([n for n, _ in cells]), np.array([m for _, m in cells])
    expected = stats.nbinom(size, size / (size + mean)).logpmf(counts).sum()
    assert metrics.log_likelihood(counts, mean, size=size) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_full_log_likelihood_of_a_large_size_is_poissons_and_of_the_impossible_none():
    counts, mean = np.array([0, 2, 5, 0]), np.array([0.0, 1.5, 4.0, 0.2])
    assert metrics.log_likelihood(counts, mean, size=1e8) == pytest.approx(
        metrics.log_likelihood(counts, mean), abs=1e-5
    )
    assert metrics.log_likelihood(np.array([1]), np.array([0.0]), size=2.0) == -np.inf
    assert metrics.log_likelihood(np.array([0]), np.array([0.0]), size=2.0) == 0.0


def test_the_full_log_score_prefers_the_true_scatter():
    rng = np.random.default_rng(5)
    mean = rng.gamma(1.0, 1.0, 4000)
    counts = rng.negative_binomial(0.8, 0.8 / (0.8 + mean))
    found = {size: metrics.log_likelihood(counts, mean, size=size) for size in (0.3, 0.8, 3.0, np.inf)}
    assert max(found, key=found.__getitem__) == 0.8
