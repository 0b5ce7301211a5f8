"""Simulated worlds of which the truth is known; the walk through the past against sums that are made one by one."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, sparse
from sklearn.base import clone

from peelian.errors import UsageError
from peelian.methods import boosted
from peelian.methods.boosted import BoostedCounts
from peelian.methods.boosting.calendar import angle_of, holidays_in, middle_of
from peelian.methods.checks import check_method, example_counts
from peelian.places import Counts, Grid, Period, Periods
from peelian.units import Frequency

SMALL = {"half_lives": ("8w", "52w", None), "scales": (0.0, 1.0, 3.0), "trees": 60}


def learned(method, counts):
    """The method before past forecasts change its means."""
    made = clone(method)
    made.grid_ = counts.grid
    made._tune(counts)
    made._update(counts)
    return made


def weekly(values, *, companions=None, features=None, side=None, frequency="1w", start="2012-01-02"):
    """Counts of an array of shape (n_cells, n_periods) on a square grid."""
    side = side or round(len(values) ** 0.5)
    grid = Grid("EPSG:26915", 250.0, 2900, 17100, (side, len(values) // side))
    every = Frequency.parse(frequency)
    periods = Periods(every.edges(np.datetime64(start), values.shape[1]), every)
    others = {name: sparse.csc_array(other) for name, other in (companions or {}).items()}
    return Counts(grid, periods, sparse.csc_array(values), companions=others, features=features or {})


def smooth_field(rng, side, sigma):
    field = ndimage.gaussian_filter(rng.normal(size=(side, side)), sigma, mode="wrap")
    return (field / field.std()).ravel()


def world(seed=0, *, side=24, weeks=160, reports=60.0, gamma=1.2):
    """Counts about rates that last: a smooth field times each cell's own factor; the rates are the truth."""
    rng = np.random.default_rng(seed)
    rate = np.exp(0.9 * smooth_field(rng, side, 3.0)) * rng.gamma(gamma, 1 / gamma, side * side)
    rate *= reports / rate.sum()
    return rate, rng.poisson(rate[:, None], (rate.size, weeks)), rng


def skill(mean, observed):
    """Nats per report above the even map."""
    share = mean / mean.sum()
    return float(observed @ np.log(share * share.size) / observed.sum())


def test_holds_to_what_every_method_holds_to():
    check_method(BoostedCounts)


@pytest.mark.parametrize(("reports", "near"), [(30.0, 0.92), (120.0, 0.97)])
def test_where_rates_last_it_comes_near_the_truth_and_beats_counting(reports, near):
    rate, values, rng = world(reports=reports)
    counts = weekly(values)
    method = learned(BoostedCounts(**SMALL), counts)
    mean = method._mean(counts.periods.following()[0])
    later = rng.poisson(rate[:, None], (rate.size, 200)).sum(axis=1)
    true, ours = skill(rate, later), skill(mean, later)
    year = skill(counts.last(52).by_cell + 0.1, later)
    ever = skill(counts.by_cell + 0.1, later)
    assert method.booster_ is not None
    assert true > 0.5
    assert ours > year
    # Where reports are many, the count of all of the past is all that there is to know.
    assert ours > ever if reports < 100 else ours > ever - 0.005
    assert ours > near * true
    assert mean.sum() == pytest.approx(reports, rel=0.1)


def test_trees_find_what_a_mixture_cannot_say():
    """Where another category is frequent this one is rare, which no sum of densities can say."""
    rng = np.random.default_rng(5)
    shops = rng.random(900) < 0.5
    other = rng.poisson(np.where(shops, 1.0, 0.0)[:, None], (900, 150))
    rate = np.where(shops, 0.003, 0.015)
    counts = weekly(rng.poisson(rate[:, None], (900, 150)), companions={"shop theft": other})
    later = rng.poisson(rate[:, None], (900, 500)).sum(axis=1)
    found = {}
    for trees in (0, 100):
        method = learned(BoostedCounts(**{**SMALL, "trees": trees}), counts)
        found[trees] = skill(method._mean(counts.periods.following()[0]), later)
    true = skill(rate, later)
    assert found[100] > found[0] + 0.3 * true
    assert found[100] > 0.7 * true


def test_other_categories_help_where_they_go_before_and_not_where_they_do_not():
    rate, other, rng = world(3, reports=200.0, gamma=0.5)
    target = rng.poisson(rate[:, None] / 20, other.shape)  # few of its own, at the same places
    unrelated = rng.poisson(rng.permutation(rate)[:, None], other.shape)
    later = rng.poisson(rate[:, None], (rate.size, 50)).sum(axis=1)
    found = {}
    for name, companions in {"none": {}, "other": {"other": other}, "unrelated": {"x": unrelated}}.items():
        counts = weekly(target, companions=companions)
        method = learned(BoostedCounts(**SMALL), counts)
        found[name] = skill(method._mean(counts.periods.following()[0]), later)
    assert found["other"] > found["none"] + 0.1
    assert found["unrelated"] > found["none"] - 0.05


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_logarithmic_mean(a, b):
    mean = float(boosted._logarithmic_mean(np.array([a]), np.array([b]))[0])
    assert min(a, b) * (1 - 1e-6) <= mean <= max(a, b) * (1 + 1e-6)
    assert mean * np.log(a / b) == pytest.approx(a - b, rel=1e-6, abs=1e-6 * a)


def test_terms_are_in_plain_words_and_sum_to_the_mean():
    _, values, _ = world(4, weeks=120, reports=80.0)
    place = {"distance to stations": np.linspace(0, 1, len(values))}
    counts = weekly(values, companions={"other": values[::-1].copy()}, features=place)
    method = learned(BoostedCounts(**SMALL), counts)
    period = counts.periods.following()[0]
    terms = method._terms(period)
    np.testing.assert_allclose(np.sum(list(terms.values()), axis=0), method._mean(period), rtol=1e-9)
    assert set(terms) == set(boosted.LABELS.values())
    totals = {label: term.sum() for label, term in terms.items()}
    assert totals["reports here before"] > totals["reports of other categories"]
    plain = learned(BoostedCounts(**{**SMALL, "trees": 0}), counts)
    parts = plain._terms(period)
    assert all(part.min() >= 0 for label, part in parts.items() if label != "season and holidays")
    np.testing.assert_allclose(np.sum(list(parts.values()), axis=0), plain._mean(period), rtol=1e-9)
    here = parts["reports here before"] / plain._mean(period)
    assert np.argmax(here) != np.argmin(counts.by_cell)


def test_one_more_report_in_a_cell_never_lowers_it():
    _, values, _ = world(8, weeks=120, reports=80.0)
    counts = weekly(values)
    method = learned(BoostedCounts(**{**SMALL, "scales": (0.0,)}), counts)
    period = counts.periods.following()[0]
    mixed = method._mixture()
    before = method.booster_.predict(method._matrix(period, mixed), raw_score=True)
    method.density_ = method.density_.copy()
    own = [k for k, kind in enumerate(method.kinds_) if kind == "here"]
    method.density_[own] *= 1.5
    after = method.booster_.predict(method._matrix(period, method._mixture()), raw_score=True)
    assert np.all(after >= before - 1e-12)


def test_the_future_of_other_categories_does_not_matter_either():
    _, values, rng = world(6, weeks=80)
    other = values[::-1].copy()
    poisoned = other.copy()
    poisoned[:, 60:] = rng.integers(0, 50, poisoned[:, 60:].shape)
    means = []
    for companion in (other, poisoned):
        past = weekly(values, companions={"other": companion})[:60]
        means.append(learned(BoostedCounts(**SMALL), past)._mean(past.periods.following()[0]))
    assert np.array_equal(*means)


def test_the_total_follows_the_season_where_two_years_are_known():
    rng = np.random.default_rng(2)
    weeks = 4 * 52
    period = Periods(Frequency.parse("1w").edges(np.datetime64("2012-01-02"), weeks), Frequency.parse("1w"))
    angle = np.array([angle_of(np.array([middle_of(period[i])]))[0] for i in range(weeks)])
    values = rng.poisson(np.exp(0.5 * np.sin(angle))[None, :] * 1.0, (100, weeks))
    counts = weekly(values)
    method = learned(BoostedCounts(**SMALL), counts)
    assert method.season_[0] == pytest.approx(0.5, abs=0.05)
    assert np.abs(method.season_[1:]).max() < 0.08
    ahead = counts.periods.following(30)
    for i in range(0, 30, 6):
        truth = 100 * np.exp(0.5 * np.sin(angle_of(np.array([middle_of(ahead[i])]))[0]))
        assert method._mean(ahead[i]).sum() == pytest.approx(truth, rel=0.12)
    assert learned(BoostedCounts(**SMALL), counts[:60]).season_.size == 0


def test_holidays_change_the_total_of_a_country():
    rng = np.random.default_rng(3)
    every = Frequency.parse("1d")
    days = Periods(every.edges(np.datetime64("2012-01-01"), 1200), every)
    off = np.array([holidays_in(days[i], "US") for i in range(1200)])
    assert holidays_in(Period("2015-07-04", "2015-07-05"), "US") == 1
    assert holidays_in(Period("2015-07-01", "2015-07-05"), None) == 0
    values = rng.poisson(np.where(off > 0, 0.5, 2.0)[None, :], (64, 1200))
    counts = weekly(values, frequency="1d", start="2012-01-01")
    method = learned(BoostedCounts(**{**SMALL, "trees": 5}, country="US"), counts)
    assert np.exp(method.season_[4]) == pytest.approx(0.25, rel=0.15)
    term = method._terms(Period("2015-12-25", "2015-12-26"))["season and holidays"]
    assert term.sum() < 0
    with pytest.raises(UsageError, match="no public holidays"):
        holidays_in(Period("2015-07-04", "2015-07-05"), "Atlantis")


@pytest.mark.parametrize(("frequency", "n"), [("1d", 400), ("1mo", 40), ("4w", 30)])
def test_other_periods(frequency, n):
    _, values, _ = world(9, side=12, weeks=n)
    counts = weekly(values, frequency=frequency, start="2012-01-01")
    method = learned(BoostedCounts(**SMALL), counts)
    mean = method._mean(counts.periods.following()[0])
    assert mean.sum() == pytest.approx(60, rel=0.2)
    assert np.all(np.isfinite(mean) & (mean > 0))


def test_of_few_reports_the_mixture_is_what_is_believed_beforehand():
    values = np.zeros((100, 30), dtype=np.int64)
    values[37, 4] = 1
    counts = weekly(values)
    method = learned(BoostedCounts(), counts)
    mean = method._mean(counts.periods.following()[0])
    assert method.booster_ is None
    assert int(np.argmax(mean)) == 37
    assert mean.min() > 0
    assert method.chosen()["trees"] == 0
    assert sum(method.chosen()["weights"].values()) == pytest.approx(1, abs=0.05)


def test_bytes_are_the_same_again_and_after_pickling():
    _, values, _ = world(10, weeks=100, reports=80.0)
    counts = weekly(values)
    period = counts.periods.following()[0]
    first = learned(BoostedCounts(**SMALL), counts)
    assert first.booster_ is not None
    mean = first._mean(period)
    assert np.array_equal(mean, learned(BoostedCounts(**SMALL), counts)._mean(period))
    assert np.array_equal(mean, pickle.loads(pickle.dumps(first))._mean(period))
    assert not np.array_equal(mean, learned(BoostedCounts(**SMALL, random_state=1), counts)._mean(period))


def test_scales_without_the_cell_itself_are_refused():
    with pytest.raises(UsageError, match="the cell itself"):
        learned(BoostedCounts(scales=(1.0, 2.0)), example_counts())
