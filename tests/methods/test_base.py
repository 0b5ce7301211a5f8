from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods import CountMap
from peelian.methods.base import days_of, negative_binomial_size, window_of, with_background
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
        "parameters": {"background": 0.02, "window": "52w"},
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
