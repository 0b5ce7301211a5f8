"""Intervals of weighted sums: exact for counts, like a Poisson bootstrap where there is much, wider where little."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from peelian.patterns.intervals import weighted_interval


def test_for_counts_it_is_the_exact_poisson_interval():
    counts = np.array([0, 1, 2, 5, 10, 100])
    low, high = weighted_interval(counts, counts)
    assert np.allclose(low, np.where(counts > 0, stats.chi2.ppf(0.025, 2 * counts) / 2, 0), equal_nan=True)
    assert np.allclose(high, stats.chi2.ppf(0.975, 2 * (counts + 1)) / 2)
    # Published: 0 to 3.69 for no event, 1.62 to 11.67 for five (Ulm 1990).
    assert (low[0], high[0]) == (0, pytest.approx(3.689, abs=1e-3))
    assert (low[3], high[3]) == (pytest.approx(1.623, abs=1e-3), pytest.approx(11.668, abs=1e-3))


def test_with_many_reports_it_is_that_of_a_poisson_bootstrap():
    rng = np.random.default_rng(0)
    weights = rng.random(400)
    drawn = rng.poisson(1, (20_000, 400)) @ weights
    low, high = weighted_interval(weights.sum(), (weights**2).sum())
    assert np.allclose([low, high], np.quantile(drawn, [0.025, 0.975]), rtol=0.02)


@pytest.mark.parametrize("mean", [0.5, 3.0, 20.0])
def test_it_holds_the_truth_as_often_as_it_says_where_a_bootstrap_does_not(mean):
    rng = np.random.default_rng(1)
    truth = mean * 0.5
    held = boot = 0
    n = 400
    for _ in range(n):
        weights = rng.random(rng.poisson(mean))
        low, high = weighted_interval(weights.sum(), (weights**2).sum())
        held += low <= truth <= high
        drawn = rng.poisson(1, (200, weights.size)) @ weights
        boot += np.quantile(drawn, 0.025) <= truth <= np.quantile(drawn, 0.975)
    assert held / n >= 0.94
    if mean < 1:
        assert boot / n < 0.8


def test_more_variance_is_a_wider_interval_and_levels_nest():
    narrow, wide = weighted_interval(50, 50), weighted_interval(50, 200)
    assert wide[0] < narrow[0] < 50 < narrow[1] < wide[1]
    half = weighted_interval(50, 50, level=0.5)
    assert narrow[0] < half[0] < half[1] < narrow[1]
