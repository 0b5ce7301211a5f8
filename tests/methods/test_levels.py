"""Worlds whose level or places have changed: totals are those of the latest weeks, not of a year of catching up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from peelian.methods import CountMap, DecayedCounts, KernelDensity, KernelMixture, Method, SeasonalNaive
from peelian.places import Counts, Grid, Periods

METHODS = [CountMap(), DecayedCounts(), KernelDensity(), KernelMixture(), SeasonalNaive()]
SIDE = 20


def counts(matrix: np.ndarray) -> Counts:
    grid = Grid.covering((740_000, 4_280_000, 744_999, 4_284_999), crs="EPSG:26915", cell=250.0)
    start = np.datetime64("2016-01-04")
    periods = Periods.covering(start, start + 7 * matrix.shape[1], "1w")
    return Counts(grid, periods, sparse.csc_array(matrix))


def rates(rng: np.random.Generator) -> np.ndarray:
    rate = rng.gamma(0.4, 1.0, SIDE**2)
    return rate / rate.sum()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_category_that_starts_half_way_is_forecast_as_it_came_lately(method: Method) -> None:
    rng = np.random.default_rng(0)
    matrix = np.zeros((SIDE**2, 104), dtype=np.int64)
    matrix[:, 52:] = rng.poisson(14 * rates(rng)[:, None], (SIDE**2, 52))
    past = counts(matrix)
    found = method.fit(past).predict(past.periods.following()[0])
    lately = matrix[:, -26:].sum() / 26
    assert 0.75 * lately < found.mean.sum() < 1.4 * lately
    low, high = found.total_interval(0.9)
    assert low <= lately <= high


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_reports_that_moved_to_other_places_are_not_counted_twice(method: Method) -> None:
    rng = np.random.default_rng(1)
    matrix = rng.poisson(38 * rates(rng)[:, None], (SIDE**2, 124))
    matrix[:, 104:] = 0
    matrix[rng.choice(SIDE**2, 8, replace=False), 104:] = rng.poisson(46 / 8, (8, 20))
    past = counts(matrix)
    found = method.fit(past).predict(past.periods.following()[0])
    lately = matrix[:, -20:].sum() / 20
    assert 0.75 * lately < found.mean.sum() < 1.3 * lately


def test_a_level_that_doubled_is_caught_up_with_in_weeks() -> None:
    """The count map's year lags; what it lacked lately is made up for, and a little too much while it catches up."""
    rng = np.random.default_rng(2)
    week = np.where(np.arange(120) < 100, 30, 60)
    matrix = rng.poisson(rates(rng)[:, None] * week)
    past = counts(matrix)
    method = CountMap().fit(past)
    following = past.periods.following()[0]
    assert method._mean(following).sum() < 45
    assert method.predict(following).mean.sum() == pytest.approx(60, rel=0.15)
