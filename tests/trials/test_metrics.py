"""Each metric by hand, against brute force and against scipy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import UsageError
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


@pytest.mark.parametrize("size", [np.inf, 0.4, 6.0])
def test_crps_against_its_definition(size):
    rng = np.random.default_rng(0)
    mean, counts = rng.gamma(0.5, 2.0, 30), rng.poisson(1.0, 30)
    found = metrics.crps(counts, mean, size)
    law = stats.poisson(mean) if np.isinf(size) else stats.nbinom(size, size / (size + mean))
    at = np.arange(600)[:, None]
    assert found == pytest.approx(((law.cdf(at) - (at >= counts)) ** 2).sum(), rel=1e-6)


@pytest.mark.parametrize("size", [np.inf, 2.0])
def test_crps_where_nothing_is_expected(size):
    assert metrics.crps(np.array([0, 3]), np.zeros(2), size) == 3.0


@pytest.mark.parametrize(
    "score", [lambda y, m: metrics.log_likelihood(y, m), lambda y, m: metrics.crps(y, m, 1.0)]
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


def test_every_metric_says_which_way_is_better():
    assert set(metrics.HIGHER_IS_BETTER) == {"hit_rate", "pai", "pei", "log_score", "log_skill", "crps"}
    assert [m for m, higher in metrics.HIGHER_IS_BETTER.items() if not higher] == ["crps"]
