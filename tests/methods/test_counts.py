from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods.base import days_of
from peelian.methods.checks import example_counts
from peelian.methods.counts import CountMap, DecayedCounts, SeasonalNaive, luck_of
from peelian.places import Counts, Grid, Periods
from peelian.units import Frequency


def counts_of(dense, *, frequency="1w", start="2015-01-05", share=None):
    dense = np.asarray(dense, dtype=np.int64)
    grid = Grid("EPSG:26915", 250.0, 0, 0, (1, dense.shape[0]), share)
    span = Frequency.parse(frequency)
    return Counts(
        grid, Periods(span.edges(np.datetime64(start), dense.shape[1]), span), sparse.csc_array(dense)
    )


def learned(method, counts):
    """The method as it forecasts before past forecasts change its means."""
    made = clone(method)
    made._tune(counts)
    made._update(counts)
    return made


def forecast(method, counts):
    return learned(method, counts)._mean(counts.periods.following()[0])


def test_the_average_by_hand():
    counts = counts_of([[1, 2, 3, 4], [0, 0, 0, 2]])
    method = CountMap(window="2w", background=0.0)
    assert forecast(method, counts).tolist() == pytest.approx([3.5, 1.0])
    assert len(learned(method, counts).window_) == 2


def test_the_background_by_hand():
    counts = counts_of([[4, 4], [0, 0]], share=np.array([1.0, 0.25]))
    mean = forecast(CountMap(background=0.1), counts)
    assert mean.tolist() == pytest.approx([3.6 + 0.4 * 0.8, 0.4 * 0.2])


def test_the_default_window_is_a_year():
    dense = np.ones((1, 156), dtype=int)
    dense[0, :104] = 50
    counts = counts_of(dense)
    assert forecast(CountMap(), counts).tolist() == pytest.approx([1.0])


def test_months_are_scaled_by_their_days():
    counts = counts_of(np.full((1, 12), 10), frequency="1mo", start="2015-01-01")
    method = learned(CountMap(window="12mo"), counts)
    january, february = (method._mean(p)[0] for p in map(counts.periods.following(2).__getitem__, (0, 1)))
    assert january == pytest.approx(120 / 365 * 31)
    assert february == pytest.approx(120 / 365 * 29)


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
    shrunk = forecast(CountMap(window=None), counts)[top].sum()
    plain = forecast(CountMap(window=None, background=0.0), counts)[top].sum()
    exact = ((past.sum(axis=1) + shape) / (periods + shape / 0.02))[top].sum()
    assert plain > 1.2 * observed
    assert shrunk == pytest.approx(exact, rel=0.05)
    assert shrunk == pytest.approx(observed, rel=0.12)


def test_the_order_of_counts_and_the_total_are_kept():
    counts = example_counts(events=300, seed=4)
    shrunk, plain = (forecast(CountMap(background=b), counts) for b in (None, 0.0))
    assert shrunk.sum() == pytest.approx(plain.sum())
    assert np.array_equal(np.argsort(shrunk, kind="stable"), np.argsort(plain, kind="stable"))


def drifting(*, swap, n=208, cells=60, seed=5):
    """Counts of cells that are drawn anew every `swap` weeks."""
    rng = np.random.default_rng(seed)
    blocks = [rng.gamma(0.4, 1.0, cells) for _ in range(-(-n // swap))]
    rate = np.repeat(np.array(blocks), swap, axis=0)[:n].T
    return counts_of(rng.poisson(rate))


def test_decay_by_hand():
    counts = counts_of([[4, 0, 0], [0, 0, 3]])
    mean = forecast(DecayedCounts(half_life="1w", background=0.0), counts)
    assert mean.tolist() == pytest.approx([1.0 / 1.75, 3.0 / 1.75])


def test_luck_of_weighted_counts_is_a_share_of_their_variance():
    """Poisson counts of equal cells, weighted: all that differs between the cells is luck."""
    rng = np.random.default_rng(0)
    counts = counts_of(rng.poisson(0.3, (3000, 40)))
    weight = 0.5 ** (np.arange(40)[::-1] / 8)
    scatter = (weight**2 @ counts.by_period) / (weight @ counts.by_period)
    assert luck_of(counts.matrix @ weight, scatter=scatter) == pytest.approx(0.99, abs=0.05)
    assert luck_of(counts.matrix @ weight) == pytest.approx(0.99)
    method = DecayedCounts(half_life="8w")
    assert learned(method, counts).background_ == pytest.approx(
        luck_of(counts.matrix @ weight, scatter=scatter)
    )


def test_shrinkage_of_weighted_counts_is_about_the_posterior_mean():
    """Gamma rates and Poisson counts of one period: with weights of 1 the posterior mean is known."""
    rng = np.random.default_rng(7)
    rates = rng.gamma(0.5, 2.0, 5000)
    counts = counts_of(rng.poisson(rates)[:, None])
    exact = (counts.by_cell + 0.5) / (1 + 0.5)
    assert forecast(DecayedCounts(half_life="1w"), counts) == pytest.approx(exact, rel=0.15, abs=0.15)


def test_the_half_life_is_chosen_from_the_past():
    still, moving = (learned(DecayedCounts(), drifting(swap=swap)) for swap in (208, 13))
    assert still.half_life_ in ("208w", None)
    assert moving.half_life_ in ("8w", "13w")
    assert still.chosen() == {"half_life": still.half_life_, "level": still.level_}


def test_the_chosen_half_life_is_the_most_likely_when_written_out():
    counts = drifting(swap=60)
    scores = {}
    for half_life in ("8w", "13w", "26w", "52w", "104w", "208w", None):
        method = DecayedCounts(half_life="9999w" if half_life is None else half_life)
        score = 0.0
        for t in range(156, 208):
            share = learned(method, counts[:t]).rate_
            score += counts.column(t) @ np.log(share / share.sum())
        scores[half_life] = score
    assert learned(DecayedCounts(), counts).half_life_ == max(scores, key=scores.get)


def test_pattern_and_rate_have_half_lives_of_their_own():
    """Places that stay, in a whole that jumps."""
    rng = np.random.default_rng(1)
    level = np.repeat([1.0, 4.0, 0.8, 3.0], 52)
    counts = counts_of(rng.poisson(rng.gamma(0.4, 1.0, (60, 1)) * level))
    method = learned(DecayedCounts(), counts)
    assert (method.half_life_ in ("104w", "208w", None), method.level_) == (True, "8w")
    assert 7 * method.rate_.sum() == pytest.approx(counts.by_period[-26:].mean(), rel=0.1)


def test_too_little_to_choose_by_keeps_the_defaults():
    few = learned(DecayedCounts(), counts_of([[1, 0, 2]]))
    assert (few.half_life_, few.level_) == ("104w", "26w")
    rare = learned(DecayedCounts(), counts_of(np.eye(80, dtype=int)[:2]))
    assert rare.half_life_ == "104w"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 30))
def test_decayed_counts_are_finite_keep_the_rate_and_the_order(seed, cells, weeks):
    rng = np.random.default_rng(seed)
    dense = rng.poisson(rng.gamma(0.5, 1.0, (cells, 1)), (cells, weeks))
    dense[0, 0] += 1
    counts = counts_of(dense)
    shrunk, plain = (learned(DecayedCounts(half_life="5w", background=b), counts).rate_ for b in (None, 0.0))
    assert np.all(np.isfinite(shrunk) & (shrunk > 0))
    assert shrunk.sum() == pytest.approx(plain.sum())
    assert np.all(np.diff(shrunk[np.argsort(plain, kind="stable")]) >= -1e-12)


@pytest.mark.parametrize("method", [CountMap(), DecayedCounts()])
def test_terms_sum_to_the_mean(method):
    counts = example_counts()
    period = counts.periods.following()[0]
    made = clone(method).fit(counts)
    terms = made._terms(period)
    assert list(terms)[1] == "the whole area's average"
    assert sum(terms.values()) == pytest.approx(made._mean(period))
    assert min(term.min() for term in terms.values()) >= 0


def test_decayed_counts_scale_with_cells_that_have_something():
    """A row of a million cells with few reports takes no time."""
    dense = sparse.csc_array(
        (np.ones(400, dtype=np.int64), (np.arange(400) * 2000, np.arange(400) % 100)), shape=(1_000_000, 100)
    )
    small = counts_of(np.ones((1, 100)))
    grid = Grid("EPSG:26915", 250.0, 0, 0, (1000, 1000))
    start = time.perf_counter()
    learned(DecayedCounts(), Counts(grid, small.periods, dense))
    assert time.perf_counter() - start < 5


def test_the_same_season_by_hand():
    weeks = np.arange(157)
    counts = counts_of([np.where(weeks % 52 < 26, 5, 1), np.where(weeks % 52 < 26, 0, 2)])
    summer, winter = counts[:110], counts[:140]
    for past, expected in ((summer, [5.0, 0.0]), (winter, [1.0, 2.0])):
        method = SeasonalNaive(margin="2w", background=0.0)
        assert forecast(method, past).tolist() == pytest.approx(expected)


def test_months_take_the_same_months():
    january_2016 = np.arange(37) % 12
    counts = counts_of([january_2016 * 31, 372 - january_2016 * 31], frequency="1mo", start="2013-01-01")
    for months in (26, 30, 35, 36):
        past = counts[:months]
        method = learned(SeasonalNaive(background=0.0), past)
        period = past.periods.following()[0]
        season = np.flatnonzero(method._season(period))
        assert season.tolist() == list(range(months % 12, months, 12))
        rate = np.array(
            [counts.matrix[i, season].sum() / days_of(counts.periods)[season].sum() for i in (0, 1)]
        )
        assert method._mean(period) == pytest.approx(rate * period.days)


def test_the_years_back_can_be_limited():
    counts = counts_of(np.repeat([9, 3, 1, 7], [52, 52, 52, 26])[None, :])
    for years, expected in ((None, 13 / 3), (1, 1.0), (2, 2.0), (5, 13 / 3)):
        method = SeasonalNaive(years=years, background=0.0)
        assert forecast(method, counts).tolist() == pytest.approx([expected])


def test_a_season_is_never_of_the_present_year():
    counts = example_counts(periods=120)
    method = learned(SeasonalNaive(), counts)
    for period in (counts.periods.following(5)[i] for i in range(5)):
        last = np.flatnonzero(method._season(period)).max()
        assert (period.start - counts.periods.edges[last]).astype(int) > 365 - 7 * 5 - 4


def test_without_a_year_of_past_or_reports_in_the_season_all_is_taken():
    short = counts_of([[2, 4, 3], [0, 0, 3]])
    assert forecast(SeasonalNaive(background=0.0), short).tolist() == pytest.approx([3.0, 1.0])
    empty = np.zeros((1, 104), dtype=int)
    empty[0, 80] = 52
    assert forecast(SeasonalNaive(background=0.0), counts_of(empty)).tolist() == pytest.approx([0.5])


def test_bad_years_and_margins_are_refused():
    with pytest.raises(UsageError, match="0 years were given"):
        SeasonalNaive(years=0).fit(example_counts())
    with pytest.raises(UsageError, match="'often' was given as a time span"):
        SeasonalNaive(margin="often").fit(example_counts())


@pytest.mark.parametrize("frequency", ["1d", "1w", "1mo"])
@pytest.mark.parametrize("method", [CountMap(), DecayedCounts(), SeasonalNaive()])
def test_days_weeks_and_months(method, frequency):
    rng = np.random.default_rng(2)
    counts = counts_of(rng.poisson(rng.gamma(0.5, 4.0, (30, 1)), (30, 150)), frequency=frequency)
    period = counts.periods.following()[0]
    mean = clone(method).fit(counts).predict(period).mean
    rate = counts.total / days_of(counts.periods).sum()
    assert mean.sum() == pytest.approx(rate * period.days, rel=0.2)


def test_a_short_half_life_after_many_years_of_nothing():
    """All weights are too small for a number; the pattern is that of the latest reports all the same."""
    dense = np.zeros((4, 700), dtype=int)
    dense[0, :190], dense[1, 190:200], dense[2, 199] = 1, 3, 9
    counts = counts_of(dense)
    surface = DecayedCounts(half_life="2d").fit(counts).predict(counts.periods.following()[0])
    assert np.isfinite(surface.mean).all()
    assert 0 < surface.mean.sum() < 1e-6
    rate = learned(DecayedCounts(half_life="2d", background=0.0), counts).rate_
    # A week earlier, and a report counts 2 ** -3.5 as much.
    earlier = 3 / (1 - 2**-3.5)
    assert rate[1:3] / rate.sum() == pytest.approx(np.array([earlier, 9]) / (earlier + 9), rel=1e-6)
    assert rate[0] < 1e-9 * rate[1]
