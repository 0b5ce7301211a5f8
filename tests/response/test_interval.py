from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.response.interval import sum_interval


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(1e-4, 30), min_size=1, max_size=20),
    st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]),
)
def test_poisson_sums_are_poisson(means: list[float], level: float) -> None:
    low, high = sum_interval(np.array(means), np.inf, level)
    exact = stats.poisson(sum(means))
    assert exact.cdf(high) - exact.cdf(low - 1) >= level - 1e-9
    expected = exact.ppf([(1 - level) / 2, 1 - (1 - level) / 2])
    assert abs(low - expected[0]) <= 1
    assert abs(high - expected[1]) <= 1


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 20), st.integers(1, 15), st.floats(0.05, 50), st.sampled_from([0.8, 0.95]))
def test_equal_negative_binomials_add_their_sizes(mean: float, n: int, size: float, level: float) -> None:
    low, high = sum_interval(np.full(n, mean), size, level)
    exact = stats.nbinom(n * size, size / (size + mean))
    expected = exact.ppf([(1 - level) / 2, 1 - (1 - level) / 2])
    assert abs(low - expected[0]) <= 1
    assert abs(high - expected[1]) <= 1
    assert exact.cdf(high) - exact.cdf(low - 1) >= level - 1e-6


def test_unequal_negative_binomials_against_simulation() -> None:
    rng = np.random.default_rng(1)
    means, size = rng.gamma(1, 0.4, 40), 0.7
    drawn = rng.negative_binomial(size, size / (size + means), size=(200_000, 40)).sum(axis=1)
    low, high = sum_interval(means, size, 0.9)
    assert abs(low - np.quantile(drawn, 0.05)) <= 1
    assert abs(high - np.quantile(drawn, 0.95)) <= 1


def test_nothing_expected_is_nothing() -> None:
    assert sum_interval(np.zeros(4), 2.0, 0.9) == (0, 0)
    assert sum_interval(np.zeros(0), np.inf, 0.9) == (0, 0)


@pytest.mark.parametrize("size", [0.05, np.inf])
def test_the_interval_holds_the_middle(size: float) -> None:
    low, high = sum_interval(np.array([3.0, 4.0]), size, 0.5)
    assert 0 <= low <= high
