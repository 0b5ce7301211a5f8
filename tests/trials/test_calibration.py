"""Calibration by hand, against brute force and scipy, and on worlds whose truth is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import UsageError
from peelian.methods.surface import Surface
from peelian.places import Grid, Period
from peelian.trials import calibration as cal

CRS = "EPSG:26915"
WEEK = Period(np.datetime64("2016-01-04"), np.datetime64("2016-01-11"))


def law_of(mean, size):
    return stats.poisson(mean) if np.isinf(size) else stats.nbinom(size, size / (size + mean))


def drawn(rng, mean, size=np.inf, common=0.0):
    """One period by the model of a surface: Poisson, times a gamma factor a cell, times one for all of them."""
    rate = mean * (rng.gamma(1 / common, common) if common else 1.0)
    return rng.poisson(rate * (rng.gamma(size, 1 / size, mean.size) if np.isfinite(size) else 1.0))


def test_pit_by_hand():
    # Poisson with mean log 2: half of the probability is on 0, and log(2) / 2 on 1.
    mean = np.array([np.log(2.0)])
    assert cal.tally_pit(np.array([0]), mean, bins=4).tolist() == pytest.approx([0.5, 0.5, 0, 0])
    width = np.log(2) / 2
    assert cal.tally_pit(np.array([1]), mean, bins=4).tolist() == pytest.approx(
        [0, 0, 0.25 / width, 1 - 0.25 / width]
    )


@given(
    st.lists(st.tuples(st.integers(0, 6), st.floats(1e-3, 8.0), st.floats(0.0, 3.0)), min_size=1, max_size=8),
    st.sampled_from([np.inf, 0.3, 4.0]),
    st.integers(1, 12),
)
def test_pit_is_the_mean_of_the_papers_conditional_distributions(cells, size, bins):
    counts, mean, weight = (np.array(c) for c in zip(*cells, strict=True))
    found = cal.tally_pit(counts, mean, size=size, weight=weight, bins=bins)
    expected = np.zeros(bins)
    for x, m, w in cells:
        low, high = law_of(m, size).cdf(x - 1), law_of(m, size).cdf(x)
        at = [
            1.0 if u >= high else 0.0 if u <= low else (u - low) / (high - low)
            for u in np.arange(bins + 1) / bins
        ]
        expected += w * np.diff(at)
    assert found == pytest.approx(expected, abs=1e-9)
    assert found.sum() == pytest.approx(weight.sum())


def test_randomised_pit_has_the_same_mean():
    """The paper's other histogram: a uniform number in each range, drawn many times."""
    rng = np.random.default_rng(0)
    mean = rng.gamma(2.0, 1.0, 40)
    counts = drawn(rng, mean, 1.0)
    law = law_of(mean, 1.0)
    u = law.cdf(counts - 1) + rng.random((4000, 40)) * law.pmf(counts)
    by_chance = np.histogram(u, bins=10, range=(0, 1))[0] / 4000
    assert cal.tally_pit(counts, mean, size=1.0) == pytest.approx(by_chance, abs=0.1)


@pytest.mark.parametrize("size", [np.inf, 2.0])
def test_pit_of_what_was_called_impossible_is_all_in_the_last_bin(size):
    assert cal.tally_pit(np.array([2]), np.array([0.0]), size=size).tolist() == [0] * 9 + [1]
    assert cal.tally_pit(np.array([0]), np.array([0.0]), size=size).tolist() == pytest.approx([0.1] * 10)
    assert cal.tally_pit(np.array([900]), np.array([1.0]), size=size).tolist() == [0] * 9 + [1]


@pytest.mark.parametrize(("size", "mean"), [(np.inf, 800.0), (np.inf, 5000.0), (400.0, 40000.0)])
def test_pit_of_what_is_impossibly_low_is_all_in_the_first_bin(size, mean):
    """The probability of so few is below the smallest number that there is."""
    low, high = np.array([0, 2]), np.array([0, 900_000])
    assert law_of(mean, size).cdf(0) < 1e-300
    assert cal.tally_pit(low, np.full(2, mean), size=size).tolist() == [2] + [0] * 9
    assert cal.tally_pit(high, np.full(2, mean), size=size, weight=np.array([2.0, 3.0])).tolist() == [
        2,
        *[0] * 8,
        3,
    ]
    assert cal.tally_pit(low, np.full(2, mean), size=size, bins=1).tolist() == [2]


def worlds(n, *, size, told_size, factor=1.0, weight=False):
    rng = np.random.default_rng(7)
    mean = rng.gamma(0.3, 2.0, 400)
    tallies = [
        cal.tally_pit(drawn(rng, mean, size), mean * factor, size=told_size, weight=mean if weight else None)
        for _ in range(n)
    ]
    return cal.pit_histogram(np.sum(tallies, axis=0))


@pytest.mark.parametrize("weight", [False, True])
def test_a_right_forecast_is_flat_and_a_wrong_one_is_not(weight):
    right = worlds(60, size=1.5, told_size=1.5, weight=weight)
    assert right == pytest.approx(np.full(10, 0.1), abs=0.012)
    narrow = worlds(60, size=1.5, told_size=np.inf, weight=weight)
    wide = worlds(60, size=np.inf, told_size=0.5, weight=weight)
    low = worlds(60, size=1.5, told_size=1.5, factor=0.7, weight=weight)
    # Too narrow: full ends. Too wide: a full middle. Too low: full on the right.
    assert narrow[[0, -1]].min() > 0.11 > 0.095 > narrow[4:6].mean()
    assert wide[[0, -1]].mean() < 0.09
    assert low[-1] > 0.12 > low[0]


def test_weights_by_what_is_expected_show_what_empty_cells_hide():
    """A tenth of the cells has all but a little of the reports: only with weights is the histogram about them."""
    rng = np.random.default_rng(3)
    mean = np.where(np.arange(1000) < 100, 1.0, 0.001)
    plain, weighted = np.zeros(10), np.zeros(10)
    for _ in range(40):
        counts = drawn(rng, mean, 0.5)
        plain += cal.tally_pit(counts, mean)
        weighted += cal.tally_pit(counts, mean, weight=mean)
    assert np.ptp(cal.pit_histogram(plain)) < 0.03 < 0.1 < np.ptp(cal.pit_histogram(weighted))


def test_deciles_by_hand():
    # Expected in all 4: with two parts, the cut is at 2, in the middle of the second group.
    mean, counts = np.array([3.0, 0.5, 0.5]), np.array([6, 1, 0])
    assert cal.tally_deciles(counts, mean, parts=2) == pytest.approx(np.array([[1 + 2, 4.0], [2.0, 2.0]]))
    assert cal.observed_over_expected(cal.tally_deciles(counts, mean, parts=2)).tolist() == pytest.approx(
        [1.5, 2.0]
    )


cells_of = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.01, 0.2, 0.2, 1.0, 7.0])), min_size=1, max_size=40
)


@given(cells_of, st.integers(1, 10), st.randoms(use_true_random=False))
def test_deciles_hold_everything_in_equal_parts_whatever_the_order(cells, parts, random):
    counts, mean = np.array([n for n, _ in cells]), np.array([m for _, m in cells])
    found = cal.tally_deciles(counts, mean, parts=parts)
    assert found.shape == (2, parts)
    assert found[0].sum() == pytest.approx(counts.sum(), abs=1e-9)
    assert found[1] == pytest.approx(np.full(parts, mean.sum() / parts), abs=1e-9)
    order = list(range(len(cells)))
    random.shuffle(order)
    assert cal.tally_deciles(counts[order], mean[order], parts=parts) == pytest.approx(found, abs=1e-9)


def test_deciles_against_unit_steps():
    """Means that are whole hundredths, each laid out in unit steps that are cut into tens."""
    rng = np.random.default_rng(0)
    units = np.sort(rng.permutation(60)[:20] + 1)
    units[-1] += -units.sum() % 10
    counts = rng.poisson(units / 10)
    steps = np.repeat(counts / units, units).reshape(10, -1)
    found = cal.tally_deciles(counts, units / 100)
    assert found[0] == pytest.approx(steps.sum(axis=1))


def test_observed_over_expected_of_a_right_and_of_too_steep_a_forecast():
    rng = np.random.default_rng(2)
    mean = rng.gamma(0.4, 2.0, 3000)
    steep = mean**1.5 * mean.sum() / (mean**1.5).sum()
    right = np.sum([cal.tally_deciles(drawn(rng, mean), mean) for _ in range(30)], axis=0)
    wrong = np.sum([cal.tally_deciles(drawn(rng, mean), steep) for _ in range(30)], axis=0)
    assert cal.observed_over_expected(right) == pytest.approx(np.ones(10), abs=0.04)
    ratio = cal.observed_over_expected(wrong)
    assert ratio[0] > 1.3
    assert ratio[-1] < 0.8
    assert np.all(np.diff(ratio) < 0.05)


@pytest.mark.parametrize("size", [np.inf, 0.7])
def test_coverage_against_the_sum_of_probabilities(size):
    mean, counts = np.array([0.0, 0.01, 0.7, 4.0, 30.0]), np.array([0, 1, 0, 4, 60])
    at = np.arange(2000)
    for level, row in zip(cal.LEVELS, cal.tally_coverage(counts, mean, size=size), strict=True):
        held, nominal = 0, 0.0
        for m, x in zip(mean, counts, strict=True):
            pmf = law_of(m, size).pmf(at) if m else (at == 0).astype(float)
            cdf = np.cumsum(pmf)
            low, high = (
                int(np.searchsorted(cdf, q * (1 - 1e-12))) for q in ((1 - level) / 2, (1 + level) / 2)
            )
            held += low <= x <= high
            nominal += pmf[low : high + 1].sum()
        assert row.tolist() == pytest.approx([held, nominal, 5])


def test_coverage_is_as_expected_and_not_as_the_level_where_counts_are_small():
    rng = np.random.default_rng(1)
    mean = rng.gamma(0.3, 0.5, 800)
    tally = np.sum([cal.tally_coverage(drawn(rng, mean, 1.0), mean, size=1.0) for _ in range(40)], axis=0)
    for found in cal.coverage(tally):
        assert found.observed == pytest.approx(found.expected, abs=0.01)
        assert found.n == 32_000
    assert cal.coverage(tally)[0].expected > 0.85


def test_weighted_coverage_is_about_the_cells_with_weight():
    mean, counts = np.array([5.0, 0.01]), np.array([50, 0])
    inside, expected, n = cal.tally_coverage(counts, mean, weight=np.array([1.0, 0.0]), levels=[0.8])[0]
    assert (inside, n) == (0, 1)
    assert expected == pytest.approx(np.diff(stats.poisson(5).cdf([stats.poisson(5).ppf(0.1) - 1, 8]))[0])


@given(
    st.lists(st.floats(0.0, 20.0), min_size=1, max_size=12),
    st.sampled_from([np.inf, 0.5, 40.0]),
    st.sampled_from([0.0, 0.05, 1.0]),
)
def test_totals_have_the_intervals_of_a_surface(means, size, common):
    mean = np.array(means)
    made = Surface(Grid(CRS, 500.0, 0, 0, (1, mean.size)), WEEK, mean, size, "m", common=common)
    cells = np.arange(mean.size) % 2 == 0
    for chosen in (None, cells):
        for level in cal.LEVELS:
            low, high = made.total_interval(level, cells=chosen)
            for total in {low - 1, low, high, high + 1} - {-1}:
                counts = np.zeros(mean.size, dtype=np.int64)
                counts[0] = total
                inside = cal.tally_total_coverage(
                    counts, mean, size=size, common=common, cells=chosen, levels=[level]
                )[0, 0]
                assert inside == (low <= total <= high)


def test_totals_tell_of_what_cells_have_in_common():
    """Cells with a shared season, called independent: the cells look right, their total doesn't."""
    rng = np.random.default_rng(9)
    mean = rng.gamma(0.5, 0.2, 2000)
    by_cell, total, known = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3))
    for _ in range(120):
        counts = drawn(rng, mean, np.inf, 0.04)
        by_cell += cal.tally_coverage(counts, mean)
        total += cal.tally_total_coverage(counts, mean)
        known += cal.tally_total_coverage(counts, mean, common=0.04)
    assert cal.coverage(by_cell)[2].observed == pytest.approx(cal.coverage(by_cell)[2].expected, abs=0.01)
    assert cal.coverage(total)[2].observed < 0.65 < 0.94 < cal.coverage(total)[2].expected
    for found in cal.coverage(known):
        assert found.observed == pytest.approx(found.expected, abs=0.1)


def test_tallies_add_up():
    rng = np.random.default_rng(0)
    mean = rng.gamma(0.5, 1.0, 50)
    first, second = drawn(rng, mean), drawn(rng, mean)
    both, twice = np.concatenate([first, second]), np.tile(mean, 2)
    for tally in (cal.tally_pit, cal.tally_coverage):
        assert tally(first, mean) + tally(second, mean) == pytest.approx(tally(both, twice))


def test_nothing_gives_not_a_number():
    assert np.isnan(cal.pit_histogram(np.zeros(10))).all()
    assert np.isnan(cal.observed_over_expected(np.zeros((2, 10)))).all()
    assert np.isnan(cal.coverage(np.zeros((3, 3)))[0].observed)
    assert cal.tally_deciles(np.array([2, 0]), np.zeros(2)).tolist() == [[0.2] * 10, [0.0] * 10]
    assert cal.size_of_sum(np.zeros(3), size=1.0) == np.inf


def test_shapes_and_levels_must_fit():
    counts, mean = np.array([1, 2]), np.array([1.0])
    for tally, weight in itertools.product((cal.tally_pit, cal.tally_coverage), (None, np.ones(2))):
        with pytest.raises(UsageError, match="expected one each"):
            tally(counts, mean, weight=weight)
    with pytest.raises(UsageError, match="expected one each"):
        cal.tally_deciles(counts, mean)
    with pytest.raises(UsageError, match="expected one each"):
        cal.tally_total_coverage(counts, mean)
    with pytest.raises(UsageError, match=r"level of 1\.0"):
        cal.tally_coverage(counts, np.ones(2), levels=[1.0])
    with pytest.raises(UsageError, match="for 3 levels"):
        cal.coverage(np.zeros((4, 3, 3)))
