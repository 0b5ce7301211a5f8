"""Other rules at as much area: expected values of random choices, and the same places where the order is the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from peelian.audits.alternatives import (
    BY_POPULATION,
    COUNTING,
    EVEN,
    LAST_YEAR,
    METHOD,
    hours_by_last_year,
    picks,
    rules,
    year_before,
)
from peelian.errors import UsageError
from peelian.places.counts import Counts
from peelian.places.periods import Periods
from peelian.trials.splits import rolling_origins

from .forecast_city import forecast_of, simulated


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(0.1, 1)), min_size=1, max_size=40),
    st.floats(0.01, 1),
)
@settings(max_examples=50)
def test_picks_fill_the_area_from_the_top(cells: list[tuple[int, float]], share: float) -> None:
    ranked, area = np.array([float(r) for r, _ in cells]), np.array([a for _, a in cells])
    limit = share * area.sum()
    picked = picks(ranked, area, limit)
    assert picked @ area == pytest.approx(limit)
    # Alike is picked alike, and nothing is picked while something above it is left.
    for one, other in zip(*np.triu_indices(ranked.size, 1), strict=True):
        if ranked[one] == ranked[other]:
            assert picked[one] == pytest.approx(picked[other])
        elif picked[min(one, other, key=lambda i: ranked[i])] > 1e-9:
            assert picked[max(one, other, key=lambda i: ranked[i])] == pytest.approx(1)


def test_a_random_choice_holds_its_share_of_the_reports_on_average() -> None:
    used, residents = simulated(seed=3)
    every = {rule.name: rule for rule in rules(used, everybody=residents.sum(axis=1).to_numpy())}
    even = every[EVEN].picked
    np.testing.assert_allclose(even, 0.05)
    rng = np.random.default_rng(0)
    drawn = [
        used.observed[0][rng.choice(used.observed.shape[1], 80, replace=False)].sum() for _ in range(4000)
    ]
    assert (even[0] * used.observed[0]).sum() == pytest.approx(np.mean(drawn), rel=0.05)


def test_every_rule_picks_as_much_area_and_expects_as_many_reports() -> None:
    used, residents = simulated(seed=4)
    used = replace(used, coverage=0.0504)  # whole places never fill it: the others pick what was picked
    last_year = np.random.default_rng(5).poisson(used.mean).astype(float)
    last_year[3] = 0  # nothing came in that period a year before
    counting = forecast_of(used.grid, used.mean * 1.2, used.observed)
    every = {
        rule.name: rule
        for rule in rules(
            used, everybody=residents.sum(axis=1).to_numpy(), counting=counting, last_year=last_year
        )
    }
    assert list(every) == [METHOD, COUNTING, LAST_YEAR, BY_POPULATION, EVEN]
    area = used.grid.area
    for name, rule in every.items():
        np.testing.assert_allclose(rule.picked @ area, used.picked @ area)
        if name != COUNTING:
            np.testing.assert_allclose(rule.mean.sum(axis=1), used.mean.sum(axis=1))
    # The same order of places: the same places.
    np.testing.assert_allclose(every[COUNTING].picked, used.picked)
    np.testing.assert_allclose(every[LAST_YEAR].picked[3], 0.05)
    most = residents.sum(axis=1).to_numpy()
    assert every[BY_POPULATION].picked[0] @ most / 80 > np.sort(most)[-81]


def test_counting_of_other_periods_is_refused() -> None:
    used, residents = simulated(seed=4)
    other, _ = simulated(seed=6)
    with pytest.raises(UsageError, match="other periods or places"):
        rules(used, everybody=residents.sum(axis=1).to_numpy(), counting=other)


def test_last_year_is_the_same_week_52_weeks_before() -> None:
    used, _ = simulated(periods=3)
    periods = Periods.covering("2020-01-06", "2021-05-03", "1w")
    matrix = sparse.csc_array(
        np.random.default_rng(0).poisson(0.3, (len(used.grid), len(periods))).astype(np.int64)
    )
    counts = Counts(used.grid, periods, matrix)
    splits = rolling_origins(periods, origins=4)
    found = year_before(counts, splits)
    assert found is not None
    for row, split in zip(found, splits, strict=True):
        np.testing.assert_array_equal(row, counts.column(split.index - 52))
    assert year_before(counts, rolling_origins(periods, origins=40)) is None


def test_hours_by_last_year_take_as_much_area_where_most_was_reported() -> None:
    used, _ = simulated(periods=3)
    periods = Periods.covering("2020-01-06", "2021-05-03", "1w")
    n = len(used.grid)
    matrix = np.zeros((n, len(periods)), dtype=np.int64)
    week = len(periods) - 52  # the plan's own week follows the last one
    matrix[[3, 4, 5, 6], week] = [5, 2, 2, 1]
    hours = np.zeros(n)
    hours[[10, 11]] = [2.0, 6.0]
    found = hours_by_last_year(Counts(used.grid, periods, sparse.csc_array(matrix)), hours)
    assert found is not None
    assert found[[3, 4, 5, 6]] == pytest.approx([4, 2, 2, 0]), "as much area; those that tie share"
    assert found.sum() == pytest.approx(8)
    short = Periods.covering("2020-06-01", "2021-05-03", "1w")
    few = sparse.csc_array(np.ones((n, len(short)), dtype=np.int64))
    assert hours_by_last_year(Counts(used.grid, short, few), hours) is None
    assert hours_by_last_year(Counts(used.grid, periods, sparse.csc_array(matrix)), hours * 0) is None
