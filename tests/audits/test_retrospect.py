"""Forecasts of past periods, place by place: what a forecast made then would have said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from peelian.audits.retrospect import Retrospect, look_back
from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods.counts import CountMap, DecayedCounts
from peelian.places.counts import Counts
from peelian.places.periods import Periods
from peelian.trials.running import forecast_at, run_trial

from .forecast_city import a_grid, forecast_of, means


def _counts(*, weeks: int = 60, total: float = 30.0) -> Counts:
    grid = a_grid(12)
    start = np.datetime64("2020-01-06")
    periods = Periods.covering(start, start + np.timedelta64(7 * weeks), "1w")
    mean = means(grid, periods=weeks, total=total)
    matrix = np.random.default_rng(0).poisson(mean).T.astype(np.int64)
    return Counts(grid, periods, sparse.csc_array(matrix))


def test_each_period_is_what_a_forecast_made_then_says() -> None:
    counts = _counts()
    found = look_back(counts, [DecayedCounts(), CountMap()], origins=5, coverage=0.05, gap=1)
    assert [one.method for one in found] == ["decayed_counts", "count_map"]
    for one, method in zip(found, (DecayedCounts(), CountMap()), strict=True):
        for i in (0, 4):
            surface = forecast_at(method, counts, one.splits[i], gap=1)
            np.testing.assert_allclose(one.mean[i], surface.mean, rtol=1e-9)
            assert one.size[i] == pytest.approx(surface.cell_size)
            np.testing.assert_array_equal(one.picked[i], surface.top(fraction=0.05))
            np.testing.assert_array_equal(one.observed[i], counts.column(one.splits[i].index))


def test_hits_are_those_of_a_trial() -> None:
    counts = _counts()
    one = look_back(counts, [CountMap()], origins=8, coverage=0.05)[0]
    trial = run_trial(counts, [CountMap()], origins=8, fractions=(0.05,))
    rows = trial.frame[trial.frame["method"] == "count_map"]
    assert (one.picked * one.observed).sum(axis=1).tolist() == rows["hits"].tolist()
    assert one.observed.sum(axis=1).tolist() == rows["events"].tolist()


def test_what_cannot_be_looked_back_on_is_refused() -> None:
    counts = _counts()
    with pytest.raises(UsageError, match="a coverage of 1.5"):
        look_back(counts, [CountMap()], coverage=1.5)
    with pytest.raises(NotEnoughDataError, match="origins were asked for"):
        look_back(counts, [CountMap()], origins=60)
    nothing = Counts(counts.grid, counts.periods, sparse.csc_array(np.zeros(counts.matrix.shape, np.int64)))
    with pytest.raises(NotEnoughDataError, match="at least one of each"):
        look_back(nothing, [CountMap()], origins=5)


def test_arrays_that_do_not_fit_are_refused() -> None:
    grid = a_grid(4)
    mean = means(grid, periods=3, total=5)
    one = forecast_of(grid, mean, np.ones(mean.shape, np.int64))
    with pytest.raises(UsageError, match="expected|were given for 3 periods"):
        Retrospect("m", "M", grid, one.splits, one.observed[:2], mean, one.size, one.picked, 0.05)
