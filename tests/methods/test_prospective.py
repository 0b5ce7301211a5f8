"""Against the sum over reports and cells, written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from sklearn.base import clone

from peelian.errors import UsageError
from peelian.methods.checks import example_counts
from peelian.methods.prospective import ProspectiveHotSpots, risk_intensity
from peelian.places import Counts, Grid, Periods
from peelian.units import Frequency


def by_hand(x, y, weeks, number, *, grid, bandwidth):
    """Every report against every cell."""
    total = np.zeros(len(grid))
    reach = bandwidth / grid.cell
    for k in range(len(grid)):
        column, row = grid.columns[k], grid.rows[k]
        for i in range(len(x)):
            distance = np.hypot(column + 0.5 - x[i], row + 0.5 - y[i])
            own = np.floor(x[i]) == column and np.floor(y[i]) == row
            if distance <= reach or own:
                total[k] += number[i] / (1 + 2 * distance) / (1 + weeks[i])
    return total


def learned(method, counts):
    """The method before past forecasts change its means."""
    made = clone(method)
    made._tune(counts)
    made._update(counts)
    return made


def test_one_report_by_hand():
    grid = Grid("EPSG:26915", 50.0, 0, 0, (20, 20))
    found = risk_intensity(
        np.array([10.5]), np.array([10.5]), np.array([3.0]), np.ones(1), grid=grid, bandwidth=400
    )
    image = grid.image(found)
    # In its own cell 1 / (1 + 3 weeks); two cells away are four half cells.
    assert image[10, 10] == pytest.approx(1 / 4)
    assert image[10, 12] == pytest.approx(1 / 4 / 5)
    assert image[13, 14] == pytest.approx(1 / 4 / 11)
    # 8 cells are 400 m, 9 are beyond.
    assert image[10, 18] == pytest.approx(1 / 4 / 17)
    assert image[10, 19] == image[17, 17] == 0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 8),
    st.integers(1, 8),
    st.integers(0, 25),
    st.floats(0.05, 6.0),
    st.integers(0, 10_000),
)
def test_against_the_double_loop(rows, columns, n, reach, seed):
    rng = np.random.default_rng(seed)
    share = np.where(rng.random(rows * columns) < 0.8, 1.0, 0.0)
    share[0] = 1.0
    grid = Grid("EPSG:26915", 100.0, 7, -3, (rows, columns), share)
    x, y = rng.uniform(-1, columns + 1, n), rng.uniform(-1, rows + 1, n)
    weeks, number = rng.uniform(0, 9, n), rng.integers(1, 4, n).astype(float)
    ours = risk_intensity(x, y, weeks, number, grid=grid, bandwidth=100 * reach)
    assert ours == pytest.approx(by_hand(x, y, weeks, number, grid=grid, bandwidth=100 * reach))


def test_reports_without_a_place_are_refused():
    grid = Grid("EPSG:26915", 100.0, 0, 0, (2, 2))
    with pytest.raises(UsageError, match="1 reports without a place"):
        risk_intensity(np.array([np.nan]), np.zeros(1), np.zeros(1), np.ones(1), grid=grid, bandwidth=400)


@pytest.mark.parametrize("points", [True, False])
def test_from_counts_by_hand(points):
    counts = example_counts(periods=20, points=points)
    grid, edges = counts.grid, counts.periods.edges.astype(int)
    if points:
        given = counts.points
        weeks = (counts.periods.end.astype("datetime64[s]") - given.time).astype(float) / (7 * 86400)
        x, y, number = given.x / 250 - grid.ix0, given.y / 250 - grid.iy0, np.ones(len(given))
    else:
        cell, period = counts.dense().nonzero()
        weeks = (edges[-1] - (edges[period] + edges[period + 1]) / 2) / 7
        x, y, number = grid.columns[cell] + 0.5, grid.rows[cell] + 0.5, counts.dense()[cell, period]
    kept = weeks * 7 <= 2 * 365.2425 / 12
    expected = by_hand(x[kept], y[kept], weeks[kept], number[kept], grid=grid, bandwidth=400)
    assert learned(ProspectiveHotSpots(), counts).intensity_ == pytest.approx(expected)


def test_the_forecast_is_the_intensity_scaled_to_the_rate():
    counts = example_counts()
    method = learned(ProspectiveHotSpots(background=0.1), counts)
    mean = method._mean(counts.periods.following()[0])
    assert mean.sum() == pytest.approx(20, rel=0.2)
    share = method.intensity_ / method.intensity_.sum()
    assert mean / mean.sum() == pytest.approx(0.9 * share + 0.1 / 120)


def test_old_reports_and_far_ones_count_for_nothing():
    counts = example_counts(periods=60)
    near = learned(ProspectiveHotSpots(span="2w"), counts).intensity_
    assert near == pytest.approx(learned(ProspectiveHotSpots(span="2w"), counts.last(2)).intensity_)
    own = learned(ProspectiveHotSpots(bandwidth=1, span="2w"), replace(counts, points=None))
    by_cell = counts.matrix[:, -2:] @ np.array([1 / 2.5, 1 / 1.5])
    assert own.intensity_ == pytest.approx(by_cell)


def test_the_background_is_the_likeliest_of_the_past():
    counts = example_counts(periods=60, points=False)
    found = learned(ProspectiveHotSpots(), counts).background_

    def lost(background):
        total = 0.0
        for t in range(30, 60):
            mean = learned(ProspectiveHotSpots(background=background), counts[:t]).intensity_
            share = (1 - background) * mean / mean.sum() + background / 120
            total -= counts.column(t) @ np.log(share)
        return total

    best = optimize.minimize_scalar(lost, bounds=(0.001, 0.999), method="bounded").x
    assert found == pytest.approx(best, rel=0.15)


def test_nothing_of_late_is_an_even_map_with_the_rate_that_is_left():
    counts = example_counts(periods=40)
    dense = counts.dense()
    dense[:, 20:] = 0
    quiet = Counts(counts.grid, counts.periods, type(counts.matrix)(dense))
    method = learned(ProspectiveHotSpots(), quiet)
    mean = method._mean(counts.periods.following()[0])
    assert mean.sum() > 0
    assert mean == pytest.approx(np.full(120, mean.mean()))


def test_terms_sum_to_the_mean():
    counts = example_counts()
    method = ProspectiveHotSpots(bandwidth="0.25 mi").fit(counts)
    period = counts.periods.following()[0]
    terms = method._terms(period)
    assert list(terms) == ["reports within 402 m in the last 2mo", "the whole area's average"]
    assert sum(terms.values()) == pytest.approx(method._mean(period))


@pytest.mark.parametrize("frequency", ["1d", "1w", "1mo"])
def test_days_weeks_and_months(frequency):
    rng = np.random.default_rng(2)
    dense = rng.poisson(rng.gamma(0.5, 1.0, (30, 1)), (30, 100))
    span = Frequency.parse(frequency)
    periods = Periods(span.edges(np.datetime64("2015-01-01"), 100), span)
    counts = Counts(Grid("EPSG:26915", 250.0, 0, 0, (5, 6)), periods, type(example_counts().matrix)(dense))
    mean = ProspectiveHotSpots().fit(counts).predict(periods.following()[0]).mean
    assert np.all(np.isfinite(mean) & (mean > 0))
    assert mean.sum() == pytest.approx(dense.sum() / 100, rel=0.25)


def test_bad_parameters_are_refused():
    for method, says in (
        (ProspectiveHotSpots(bandwidth=-1), "'-1' was given as a length"),
        (ProspectiveHotSpots(span="lately"), "'lately' was given as a time span"),
        (ProspectiveHotSpots(background=1.0), "background of 1.0"),
    ):
        with pytest.raises(UsageError, match=says):
            method.fit(example_counts())
