from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods import CountMap, DecayedCounts, KernelDensity
from peelian.methods.base import (
    anchor,
    days_of,
    in_window,
    latest,
    negative_binomial_size,
    rolled,
    window_of,
    with_background,
)
from peelian.methods.checks import example_counts
from peelian.places import Counts, Grid, Period, Periods
from peelian.units import Frequency

CRS = "EPSG:26915"


def counts_of(dense, *, frequency="1w", start="2015-01-05", grid=None):
    dense = np.asarray(dense, dtype=np.int64)
    grid = grid or Grid(CRS, 250.0, 2900, 17100, (1, dense.shape[0]))
    span = Frequency.parse(frequency)
    return Counts(
        grid, Periods(span.edges(np.datetime64(start), dense.shape[1]), span), sparse.csc_array(dense)
    )


def test_window_is_the_latest_part():
    counts = counts_of(np.ones((3, 60)))
    assert len(window_of(counts, "52w").periods) == 52
    assert window_of(counts, "52w").periods.end == counts.periods.end
    assert len(window_of(counts, "100w").periods) == 60
    assert len(window_of(counts, None).periods) == 60
    assert len(window_of(counts, "1d").periods) == 1


def test_weights_of_a_window_are_its_periods():
    counts = counts_of(np.ones((1, 60)))
    assert in_window(counts.periods, "8w").tolist() == [0.0] * 52 + [1.0] * 8
    assert in_window(counts.periods, "1d").sum() == 1
    assert in_window(counts.periods, None).all()


@pytest.mark.parametrize(
    ("frequency", "n", "start"),
    [
        ("1d", 365, "2016-03-01"),
        ("1w", 52, "2016-03-02"),
        ("4w", 13, "2016-03-02"),
        ("1mo", 12, "2016-03-01"),
        ("3mo", 4, "2016-03-01"),
    ],
)
def test_a_year_is_a_year_whatever_the_periods(frequency, n, start):
    periods = Periods.covering("2014-01-01", "2017-03-01", frequency)
    counts = Counts(
        Grid(CRS, 250.0, 0, 0, (1, 1)), periods, sparse.csc_array(np.ones((1, len(periods)), dtype=np.int64))
    )
    found = window_of(counts, "1y").periods
    assert (len(found), str(found.start)) == (n, start)
    assert len(window_of(counts, "2y").periods) == 2 * n
    assert np.array_equal(found.edges, latest(counts, "1y").periods.edges)
    assert len(CountMap().fit(counts).window_) == n


def test_every_month_of_the_year_counts_once():
    """In the window are twelve months, none of them left out, wherever the year begins."""
    for month in range(1, 13):
        periods = Periods.covering("2012-01-01", f"2016-{month:02d}-01", "1mo")
        starts = periods.edges[:-1][in_window(periods, "1y") > 0]
        assert sorted(starts.astype("datetime64[M]").astype(int) % 12) == list(range(12))


@pytest.mark.parametrize("window", ["0y", "y", "1.5y", "a year"])
def test_windows_that_are_none(window):
    with pytest.raises(UsageError, match="was given as a time span"):
        in_window(counts_of(np.ones((1, 5))).periods, window)


def test_the_latest_part_may_be_empty():
    dense = np.zeros((2, 60), dtype=int)
    assert latest(counts_of(dense), "8w").by_cell.tolist() == [0, 0]


def test_window_of_months():
    counts = counts_of(np.ones((2, 30)), frequency="1mo", start="2015-01-01")
    assert window_of(counts, "12mo").periods.start == np.datetime64("2016-07-01")


def test_an_empty_window_says_so():
    dense = np.zeros((2, 60), dtype=int)
    dense[0, 0] = 3
    with pytest.raises(
        NotEnoughDataError, match="0 incidents were reported in the last 52 periods, 2015-03-02 up to"
    ):
        window_of(counts_of(dense), "52w")


def test_days_of_months():
    counts = counts_of(np.ones((1, 3)), frequency="1mo", start="2015-01-01")
    assert days_of(counts.periods).tolist() == [31, 28, 31]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1e3), min_size=2, max_size=30).filter(lambda v: sum(v) > 0),
    st.floats(0, 0.99),
)
def test_background_keeps_total_and_order(values, background):
    mean = np.array(values)
    grid = Grid(CRS, 250.0, 0, 0, (1, mean.size))
    spread = with_background(mean, grid, background)
    assert spread.sum() == pytest.approx(mean.sum())
    higher = mean[:, None] > mean[None, :] * (1 + 1e-9)
    assert np.all((spread[:, None] >= spread[None, :])[higher])
    if background > 0:
        assert spread.min() > 0


def test_background_goes_by_area():
    grid = Grid(CRS, 250.0, 0, 0, (1, 2), np.array([1.0, 0.25]))
    assert with_background(np.array([10.0, 0.0]), grid, 0.5).tolist() == pytest.approx([9.0, 1.0])


@pytest.mark.parametrize("background", [-0.1, 1.0, float("nan")])
def test_background_is_a_share(background):
    with pytest.raises(UsageError, match="expected a share"):
        CountMap(background=background).fit(example_counts())


def scattered(mean, periods, *, size, seed=0):
    """Counts with a gamma factor for each cell and week."""
    rng = np.random.default_rng(seed)
    expected = np.repeat(mean[:, None], periods, axis=1)
    if np.isfinite(size):
        expected = expected * rng.gamma(size, 1 / size, expected.shape)
    return rng.poisson(expected)


@pytest.mark.parametrize("size", [0.5, 1.0, 2.0, 5.0])
def test_size_around_own_averages_is_not_biased(size):
    mean = np.random.default_rng(11).gamma(
        0.4, 0.3, 600
    )  # as a city has them: from none in years to one a week
    drawn = [scattered(mean, 52, size=size, seed=seed) for seed in range(40)]
    found = np.array([1 / negative_binomial_size(counts_of(dense)) for dense in drawn])
    error = found.std(ddof=1) / np.sqrt(found.size)
    assert abs(found.mean() - 1 / size) <= 3 * error
    assert error < 0.05


def test_size_is_infinite_for_poisson_or_less():
    assert negative_binomial_size(counts_of(np.ones((4, 50)))) == np.inf


def test_size_is_never_tiny():
    dense = np.zeros((1, 1000))
    dense[0, 0] = 5000
    assert negative_binomial_size(counts_of(dense)) == 0.05


def test_size_of_one_period_is_unknown():
    assert negative_binomial_size(counts_of([[3], [0]])) == np.inf


@pytest.mark.parametrize(
    ("periods", "frequency", "expected"),
    [
        (1, "1w", 1),
        (5, "1w", 4),
        (25, "1w", 16),
        (26, "1w", 26),
        (51, "1w", 26),
        (52, "1w", 52),
        (7, "1mo", 6),
    ],
)
def test_methods_are_tuned_on_whole_half_years(periods, frequency, expected):
    assert (
        anchor(
            Periods(
                Frequency.parse(frequency).edges(np.datetime64("2015-01-01"), periods),
                Frequency.parse(frequency),
            )
        )
        == expected
    )


def test_past_forecasts_are_those_that_a_fit_would_have_made():
    counts = example_counts()
    for gap in (0, 3):
        found = dict(rolled(KernelDensity(), counts, first=40, last=60, gap=gap))
        assert sorted(found) == list(range(40, 60))
        for i in (40, 51, 52, 59):
            alone = KernelDensity().fit(counts[: i - gap], gap=gap)
            assert np.array_equal(alone._mean(counts.periods[i]), found[i])


def test_past_forecasts_begin_where_there_is_something_to_learn_from():
    counts = example_counts(periods=10, events=1)
    seen = int(np.flatnonzero(counts.by_period)[0])
    found = dict(rolled(CountMap(), counts, first=0, last=10))
    assert sorted(found) == list(range(seen + 1, 10))


def test_a_method_is_not_tuned_twice_on_the_same_past():
    tuned = []

    class Counted(CountMap):
        """References\n"""

        def _tune(self, counts):
            tuned.append(len(counts.periods))

    Counted().fit(example_counts(periods=60))
    assert tuned == [26, 52]


def test_a_forecast_of_two_periods_is_twice_that_of_one():
    counts = example_counts()
    method = KernelDensity().fit(counts)
    ahead = counts.periods.following(2)
    both = method.predict(Period(ahead.start, ahead.end)).mean
    assert both == pytest.approx(2 * method.predict(ahead[0]).mean)


def test_explanations_sum_to_the_recalibrated_mean():
    counts = example_counts()
    method = CountMap().fit(counts)
    period = counts.periods.following()[0]
    told = method.explain(period)
    assert told.shape[0] == len(counts.grid)
    assert told.sum(axis=1).to_numpy() == pytest.approx(method.predict(period).mean)


@pytest.mark.parametrize("gap", [-1, -3])
def test_a_gap_below_none_is_refused(gap):
    """It would be learned from what is to be forecast."""
    counts = example_counts()
    with pytest.raises(UsageError, match=f"a gap of {gap} periods was given; expected at least 0") as caught:
        CountMap().fit(counts, gap=gap)
    assert "gap=0" in caught.value.hint
    with pytest.raises(UsageError, match=f"a gap of {gap} periods"):
        list(rolled(CountMap(), counts, first=50, last=60, gap=gap))


@pytest.mark.parametrize("kind", [CountMap, DecayedCounts, KernelDensity])
def test_other_records_give_what_a_fit_of_them_gives_but_for_the_calibration(kind):
    counts = example_counts()
    method = kind().fit(counts)
    period = counts.periods.following()[0]
    assert method.from_other(counts).predict(period).mean == pytest.approx(method.predict(period).mean)
    more = sparse.csc_array(
        counts.matrix + sparse.csc_array(([9], ([3], [len(counts.periods) - 2])), counts.matrix.shape)
    )
    other = Counts(counts.grid, counts.periods, more)
    changed = method.from_other(other)
    assert changed.predict(period).mean[3] > method.predict(period).mean[3]
    assert changed._mean(period) == pytest.approx(kind().fit(other)._mean(period))
    # What it was asked of is as it was.
    assert method.predict(period).mean == pytest.approx(kind().fit(counts).predict(period).mean)


def test_other_records_are_of_the_same_cells_and_periods():
    counts = example_counts()
    method = CountMap().fit(counts)
    with pytest.raises(UsageError, match="other cells or periods"):
        method.from_other(counts[:-1])
