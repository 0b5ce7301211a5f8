from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods import CountMap
from peelian.methods.base import (
    days_of,
    in_window,
    latest,
    negative_binomial_size,
    spread_of,
    window_of,
    with_background,
)
from peelian.methods.checks import example_counts
from peelian.places import Counts, Grid, Periods, count_incidents
from peelian.records import Incidents
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


@pytest.mark.parametrize("size", [0.5, 2.0, 20.0])
def test_size_is_recovered(size):
    rng = np.random.default_rng(1)
    mean = rng.gamma(2.0, 1.0, 400)
    dense = stats.nbinom(size, size / (size + mean[:, None])).rvs((400, 200), random_state=rng)
    assert negative_binomial_size(counts_of(dense), mean) == pytest.approx(size, rel=0.15)


def test_size_is_infinite_for_poisson_or_less():
    dense = np.ones((4, 50))
    assert negative_binomial_size(counts_of(dense), np.ones(4)) == np.inf


def test_size_is_never_tiny():
    dense = np.zeros((1, 1000))
    dense[0, 0] = 5000
    assert negative_binomial_size(counts_of(dense), np.array([5.0])) == 0.05


def test_size_against_plain_sums_and_with_weights():
    rng = np.random.default_rng(2)
    dense = rng.negative_binomial(1, 0.3, (20, 30))
    mean, weight = dense.mean(axis=1), rng.random(30)
    above = (weight * ((dense - mean[:, None]) ** 2 - mean[:, None])).sum()
    below = weight.sum() * (mean**2).sum()
    assert negative_binomial_size(counts_of(dense), mean, weight=weight) == pytest.approx(below / above)
    assert negative_binomial_size(counts_of(dense), mean, weight=np.full(30, 0.1)) == pytest.approx(
        negative_binomial_size(counts_of(dense), mean)
    )


def sparse_means(cells=600):
    """Means per week as a city has them: from none in years to one a week."""
    return np.random.default_rng(11).gamma(0.4, 0.3, cells)


def scattered(mean, periods, *, size, common=0.0, season=0.0, seed=0):
    """Counts with a gamma factor for each cell and week, one for each week, and a season of a year."""
    rng = np.random.default_rng(seed)
    level = np.exp(season * np.sin(2 * np.pi * np.arange(periods) / 52))
    if common > 0:
        level = level * rng.gamma(1 / common, common, periods)
    expected = mean[:, None] * level
    if np.isfinite(size):
        expected = expected * rng.gamma(size, 1 / size, expected.shape)
    return rng.poisson(expected)


@pytest.mark.parametrize("size", [0.5, 1.0, 2.0, 5.0])
def test_size_around_own_averages_is_not_biased(size):
    mean = sparse_means()
    drawn = [scattered(mean, 52, size=size, seed=seed) for seed in range(40)]
    found = np.array([1 / negative_binomial_size(counts_of(dense)) for dense in drawn])
    error = found.std(ddof=1) / np.sqrt(found.size)
    assert abs(found.mean() - 1 / size) <= 3 * error
    assert error < 0.05
    in_sample = [1 / negative_binomial_size(counts_of(d), d.mean(axis=1)) for d in drawn]
    # Averages that follow the counts hide some of the scatter.
    assert np.mean(in_sample) < 1 / size - 5 * error


def test_size_around_own_averages_with_weights_is_not_biased():
    mean, weight = sparse_means(), np.exp2(-np.arange(80)[::-1] / 20)
    found = np.array(
        [
            1 / negative_binomial_size(counts_of(scattered(mean, 80, size=1.0, seed=seed)), weight=weight)
            for seed in range(40)
        ]
    )
    assert abs(found.mean() - 1) <= 3 * found.std(ddof=1) / np.sqrt(found.size)


def test_size_of_one_period_is_unknown():
    assert negative_binomial_size(counts_of([[3], [0]])) == np.inf


def every(periods):
    return np.ones(len(periods))


@pytest.mark.parametrize(("size", "common"), [(1.0, 0.04), (3.0, 0.1), (np.inf, 0.04), (1.0, 0.0)])
def test_the_two_parts_of_the_scatter_are_told_apart(size, common):
    mean = sparse_means()
    drawn = [counts_of(scattered(mean, 104, size=size, common=common, seed=seed)) for seed in range(40)]
    found = np.array([spread_of(counts, weigh=every) for counts in drawn])
    own = 1 / found[:, 0]
    assert abs(own.mean() - 1 / size) <= 3 * own.std(ddof=1) / np.sqrt(len(own)) + 0.02
    assert found[:, 1].mean() == pytest.approx(common, abs=0.004 + 0.1 * common)


def test_in_few_large_cells_nothing_is_counted_twice():
    mean = np.array([20.0, 10.0, 5.0, 5.0])
    drawn = [counts_of(scattered(mean, 104, size=10.0, common=0.05, seed=seed)) for seed in range(60)]
    found = np.array([spread_of(counts, weigh=every) for counts in drawn])
    assert (1 / found[:, 0]).mean() == pytest.approx(0.1, abs=0.015)
    assert found[:, 1].mean() == pytest.approx(0.05, abs=0.01)


def test_the_common_factor_against_plain_sums():
    totals = np.array([4, 9, 7, 3, 12, 8, 5, 30, 2, 11])
    expected = np.array([totals[:t].mean() for t in range(5, 10)])
    plain = np.sum((totals[5:] - expected) ** 2 - expected) / np.sum(expected**2)
    # All in one cell: its scatter is the whole's.
    size, common = spread_of(counts_of([totals]), weigh=every)
    assert size == np.inf
    assert common == pytest.approx(plain)


def test_the_common_factor_is_of_the_methods_own_window():
    """After a fall, a method that looks back four weeks is soon right again; one that looks back a year isn't."""
    dense = np.concatenate([np.full((5, 60), 20), np.full((5, 20), 10)], axis=1)
    counts = counts_of(dense)
    short, long = (spread_of(counts, weigh=lambda p, w=w: in_window(p, w))[1] for w in ("4w", "52w"))
    assert 0 < short < long / 3


def test_too_little_past_to_check_says_nothing_of_the_common_factor():
    totals = [[4, 30, 2, 40, 1, 50, 3]]
    assert spread_of(counts_of(totals), weigh=every)[1] == 0
    assert spread_of(counts_of([[*totals[0], 60]]), weigh=every)[1] > 0


@pytest.mark.parametrize("season", [0.0, 0.25])
def test_the_interval_of_the_total_covers_what_it_says(season):
    """Known truth: 600 sparse cells, with what all have in common, over three years; the last 40 weeks each time."""
    mean, held, alone = sparse_means(), [], []
    for seed in range(15):
        counts = counts_of(scattered(mean, 156, size=1.0, common=0.02, season=season, seed=seed))
        for t in range(104, 156, 2):
            surface = CountMap().fit(counts[:t]).predict(counts.periods[t])
            total = counts.column(t).sum()
            for kept, made in ((held, surface), (alone, replace(surface, common=0.0))):
                low, high = made.total_interval()
                kept.append(low <= total <= high)
    assert 0.86 <= np.mean(held) <= 0.94
    assert np.mean(alone) < 0.8


def incidents():
    counts = example_counts()
    p = counts.points
    return counts, Incidents.of(p.x, p.y, p.time, crs=CRS, zone="America/Chicago")


def test_fit_on_incidents_is_fit_on_their_counts():
    counts, records = incidents()
    period = counts.periods.following()[0]
    a = CountMap().fit(records, grid=counts.grid, periods=counts.periods).predict(period)
    b = CountMap().fit(count_incidents(records, counts.grid, counts.periods)).predict(period)
    assert np.array_equal(a.mean, b.mean)


def test_fit_says_what_is_missing():
    counts, records = incidents()
    with pytest.raises(UsageError, match="without a grid and periods"):
        CountMap().fit(records)
    with pytest.raises(UsageError, match="counts bring their own grid"):
        CountMap().fit(counts, grid=counts.grid)
    with pytest.raises(NotEnoughDataError, match="0 incidents in 60 periods"):
        CountMap().fit(counts_of(np.zeros((2, 60))))


def test_origin_is_what_it_takes_to_make_it_again():
    surface = (
        CountMap(background=np.float64(0.02))
        .fit(example_counts())
        .predict(example_counts().periods.following()[0])
    )
    assert surface.origin == {
        "method": "count_map",
        "parameters": {"background": 0.02, "window": "1y"},
        "trained_from": "2015-01-05",
        "trained_to": "2016-02-29",
        "frequency": "1w",
    }
    assert type(surface.origin["parameters"]["background"]) is float


def test_a_gap_is_allowed_and_the_past_is_not():
    counts = example_counts()
    method = CountMap().fit(counts)
    later = counts.periods.following(5)[4]
    assert method.predict(later).period == later
    with pytest.raises(UsageError, match="was asked of records up to 2016-02-29"):
        method.predict(counts.periods[-1])
