from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods import CountMap
from peelian.methods.checks import example_counts
from peelian.methods.counts import luck_of
from peelian.places import Counts, Grid, Periods
from peelian.units import Frequency


def counts_of(dense, *, frequency="1w", start="2015-01-05", share=None):
    dense = np.asarray(dense, dtype=np.int64)
    grid = Grid("EPSG:26915", 250.0, 0, 0, (1, dense.shape[0]), share)
    span = Frequency.parse(frequency)
    return Counts(
        grid, Periods(span.edges(np.datetime64(start), dense.shape[1]), span), sparse.csc_array(dense)
    )


def test_the_average_by_hand():
    counts = counts_of([[1, 2, 3, 4], [0, 0, 0, 2]])
    method = CountMap(window="2w", background=0.0).fit(counts)
    assert method.predict(counts.periods.following()[0]).mean.tolist() == pytest.approx([3.5, 1.0])
    assert len(method.window_) == 2


def test_the_background_by_hand():
    counts = counts_of([[4, 4], [0, 0]], share=np.array([1.0, 0.25]))
    mean = CountMap(background=0.1).fit(counts).predict(counts.periods.following()[0]).mean
    assert mean.tolist() == pytest.approx([3.6 + 0.4 * 0.8, 0.4 * 0.2])


def test_the_default_window_is_a_year():
    dense = np.ones((1, 156), dtype=int)
    dense[0, :104] = 50
    counts = counts_of(dense)
    assert CountMap().fit(counts).predict(counts.periods.following()[0]).mean.tolist() == pytest.approx([1.0])


def test_months_are_scaled_by_their_days():
    counts = counts_of(np.full((1, 12), 10), frequency="1mo", start="2015-01-01")
    method = CountMap(window="12mo").fit(counts)
    january, february = (
        method.predict(p).mean[0] for p in map(counts.periods.following(2).__getitem__, (0, 1))
    )
    assert january == pytest.approx(120 / 365 * 31)
    assert february == pytest.approx(120 / 365 * 29)


def test_the_distribution_is_wider_where_counts_are():
    rng = np.random.default_rng(0)
    calm = counts_of(np.tile(rng.poisson(3.0, (50, 1)), (1, 52)))
    wild = counts_of(rng.negative_binomial(0.5, 0.5 / (0.5 + 3.0), (50, 52)))
    assert CountMap(background=0.0).fit(calm).size_ == np.inf
    assert CountMap().fit(wild).size_ == pytest.approx(0.5, rel=0.2)


def test_no_reports_in_the_window():
    with pytest.raises(NotEnoughDataError, match="0 incidents were reported in the last 2 periods"):
        CountMap(window="2w").fit(counts_of([[5, 0, 0]]))


def test_a_bad_window_says_how_to_write_it():
    with pytest.raises(UsageError, match="'a year' was given as a time span"):
        CountMap(window="a year").fit(counts_of([[5, 0, 0]]))


def test_the_share_of_luck_by_hand():
    # Means of 2 and a variance of 4: half of it is what Poisson scatter of mean 2 would give.
    assert luck_of(np.array([0, 2, 4, 2, 0, 4, 2, 2])) == pytest.approx(
        2 / np.var([0, 2, 4, 2, 0, 4, 2, 2], ddof=1)
    )
    assert luck_of(np.array([3, 3, 3])) == 0.01
    assert luck_of(np.array([5])) == 0.01
    assert luck_of(np.array([0, 0, 0, 1])) == pytest.approx(0.99)


def test_the_highest_places_are_not_expected_to_stay_as_high():
    """Rates that are gamma and counts that are Poisson: the posterior mean is known, and the plain average too high."""
    rng = np.random.default_rng(11)
    shape, periods = 0.5, 52
    rates = rng.gamma(shape, 0.02 / shape, 4000)
    past, future = rng.poisson(rates[:, None], (4000, periods)), rng.poisson(rates[:, None], (4000, 400))
    counts = counts_of(past)
    top = np.argsort(-past.sum(axis=1))[:40]
    observed = future[top].sum() / 400
    period = counts.periods.following()[0]
    shrunk = CountMap(window=None).fit(counts).predict(period).mean[top].sum()
    plain = CountMap(window=None, background=0.0).fit(counts).predict(period).mean[top].sum()
    exact = ((past.sum(axis=1) + shape) / (periods + shape / 0.02))[top].sum()
    assert plain > 1.2 * observed
    assert shrunk == pytest.approx(exact, rel=0.05)
    assert shrunk == pytest.approx(observed, rel=0.12)


def test_the_order_of_counts_and_the_total_are_kept():
    counts = example_counts(events=300, seed=4)
    period = counts.periods.following()[0]
    shrunk, plain = (CountMap(background=b).fit(counts).predict(period) for b in (None, 0.0))
    assert shrunk.mean.sum() == pytest.approx(plain.mean.sum())
    assert np.array_equal(shrunk.order(), plain.order())
