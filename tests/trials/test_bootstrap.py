"""Intervals: what they are by hand, and that they cover as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import UsageError
from peelian.trials.bootstrap import Interval, Resampler, default_block


def ratio(sums):
    return sums[0] / sums[1]


def interval(statistic, pieces, *, level=0.95, **made):
    """Of a single statistic, with draws of its own."""
    return Resampler(pieces.shape[1], **made).interval(statistic, pieces, level=level)


@pytest.mark.parametrize(("n", "block"), [(1, 1), (8, 1), (16, 2), (32, 4), (52, 6), (104, 9), (1000, 20)])
def test_default_block(n, block):
    assert default_block(n) == block


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40))
def test_a_draw_is_made_of_blocks_that_go_round(n, block):
    block = min(block, n)
    resampler = Resampler(n, block=block, draws=100, seed=1)
    index = resampler._index
    assert index.shape == (100, n)
    steps = (np.diff(index, axis=1)) % n
    inside = np.arange(1, n) % block != 0
    assert np.all(steps[:, inside] == 1 % n)


def test_sums_are_those_of_the_draw():
    resampler = Resampler(5, block=2, draws=100)
    pieces = np.array([[1.0, 2, 3, 4, 5], [1, 1, 1, 1, 1]])
    sums = resampler.sums(pieces)
    assert sums[0].tolist() == [pieces[0, row].sum() for row in resampler._index]
    assert np.all(sums[1] == 5)


def test_nothing_varies_nothing_is_uncertain():
    found = interval(ratio, np.array([[2.0] * 40, [4.0] * 40]))
    assert found == Interval(0.5, 0.5, 0.5)


def test_value_is_pooled_not_the_mean_of_ratios():
    pieces = np.tile(np.array([[1.0, 0.0], [1.0, 99.0]]), 20)
    assert interval(ratio, pieces).value == pytest.approx(0.01)


def test_same_seed_same_interval_other_seed_another():
    pieces = np.random.default_rng(0).random((2, 52))
    assert interval(ratio, pieces, seed=3) == interval(ratio, pieces, seed=3)
    assert interval(ratio, pieces, seed=3) != interval(ratio, pieces, seed=4)


def test_a_higher_level_is_wider():
    pieces = np.random.default_rng(0).random((2, 52))
    found = [interval(ratio, pieces, level=level) for level in (0.8, 0.95, 0.99, 0.999, 0.99999)]
    lengths = [f.high - f.low for f in found]
    assert lengths == sorted(set(lengths))
    assert all(f.low < f.value < f.high for f in found)


def test_far_ends_go_on_as_students():
    """Where the draws end, the interval of a mean is close to the one that Student's t gives with as many blocks."""
    values = np.random.default_rng(0).normal(size=400)
    pieces = np.array([values, np.ones(400)])
    for level in (0.9, 0.999, 0.999999):
        found = interval(ratio, pieces, level=level, block=1)
        half = stats.t.ppf(0.5 + level / 2, 399) * values.std(ddof=1) / 20
        assert found.high - found.value == pytest.approx(half, rel=0.06)
        assert found.value - found.low == pytest.approx(half, rel=0.06)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_too_few_origins_say_nothing(n):
    found = interval(ratio, np.random.default_rng(0).random((2, n)))
    assert np.isfinite(found.value)
    assert np.isnan([found.low, found.high]).all()


def test_draws_without_an_incident_are_left_out():
    pieces = np.zeros((2, 24))
    pieces[:, 3:6] = 1.0
    with np.errstate(invalid="ignore"):
        found = interval(ratio, pieces)
    assert found == Interval(1.0, 1.0, 1.0)


def test_not_a_number_stays_so():
    with np.errstate(invalid="ignore"):
        found = interval(ratio, np.zeros((2, 24)))
    assert np.isnan([found.value, found.low, found.high]).all()
    assert found.to_dict("difference") == {"difference": None, "low": None, "high": None}


@pytest.mark.parametrize("options", [{"block": 0}, {"block": 11}, {"draws": 5}])
def test_refuses(options):
    with pytest.raises(UsageError, match="were asked for"):
        Resampler(10, **options)


def test_refuses_other_lengths_and_levels():
    with pytest.raises(UsageError, match="for 10 origins"):
        Resampler(10).sums(np.ones((2, 9)))
    with pytest.raises(UsageError, match=r"level of 1\.0"):
        interval(ratio, np.ones((2, 24)), level=1.0)


def series(rng, n, rho):
    """A stationary first-order autoregression with variance 1."""
    noise = rng.normal(size=n + 50) * np.sqrt(1 - rho**2)
    for i in range(1, noise.size):
        noise[i] += rho * noise[i - 1]
    return noise[50:]


@pytest.mark.parametrize(("n", "rho"), [(52, 0.0), (52, 0.3), (104, 0.4), (24, 0.2)])
def test_coverage_is_what_it_says(n, rho):
    """Means of series whose mean is known: 95 % intervals hold it in 91 to 99 % of 400 worlds."""
    rng = np.random.default_rng(n)
    resampler = Resampler(n, draws=999)
    held = 0
    for _ in range(400):
        pieces = np.array([series(rng, n, rho), np.ones(n)])
        found = resampler.interval(ratio, pieces, level=0.95)
        held += found.low <= 0 <= found.high
    assert 0.91 <= held / 400 <= 0.99


def test_pairing_narrows_a_difference():
    rng = np.random.default_rng(0)
    weather = rng.normal(0, 5, 52)
    a, b = weather + rng.normal(1, 0.3, 52), weather + rng.normal(0, 0.3, 52)
    one = np.ones(52)
    paired = interval(lambda s: s[0] / s[1] - s[2] / s[3], np.array([a, one, b, one]))
    single = interval(ratio, np.array([a, one]))
    assert paired.low > 0
    assert (paired.high - paired.low) < 0.3 * (single.high - single.low)


def test_draws_are_joint():
    resampler = Resampler(12, block=2, draws=200)
    pieces = np.random.default_rng(0).random((3, 12))
    both = resampler.drawn(lambda s: s[1:] / s[0], pieces)
    assert both.shape == (2, 200)
    for j in range(2):
        assert both[j].tolist() == resampler.drawn(lambda s, j=j: s[1 + j] / s[0], pieces).tolist()


def test_standard_error_of_a_mean_is_the_textbooks():
    values = np.random.default_rng(0).normal(size=400)
    found = Resampler(400, block=1).standard_error(ratio, np.array([values, np.ones(400)]))
    assert found == pytest.approx(values.std(ddof=1) / 20, rel=0.03)


def test_standard_error_with_few_blocks_is_right_on_average():
    rng = np.random.default_rng(1)
    resampler = Resampler(24, draws=499)
    found = [
        resampler.standard_error(ratio, np.array([rng.normal(size=24), np.ones(24)])) ** 2 for _ in range(300)
    ]
    assert np.mean(found) == pytest.approx(1 / 24, rel=0.08)
    assert resampler.freedom == 7


def test_standard_error_of_too_little_is_not_a_number():
    assert np.isnan(Resampler(4, block=1).standard_error(ratio, np.ones((2, 4))))
    found = Resampler(24).standard_error(lambda s: s[1:] / s[0], np.zeros((3, 24)))
    assert np.isnan(found).tolist() == [True, True]


def differences(sums):
    """Of each challenger's hits over events, less the baseline's."""
    return (sums[2:] - sums[1]) / sums[0]


def test_one_interval_at_once_is_about_the_one_by_itself():
    values = np.random.default_rng(0).normal(size=104)
    pieces = np.array([np.ones(104), np.zeros(104), values])
    resampler = Resampler(104)
    (joint,) = resampler.simultaneous(differences, pieces, level=0.95)
    single = resampler.interval(lambda s: differences(s)[0], pieces, level=0.95)
    assert joint.value == single.value
    assert joint.low == pytest.approx(single.low, abs=0.02)
    assert joint.high == pytest.approx(single.high, abs=0.02)


def test_intervals_at_once_of_independent_means_are_sidaks():
    """With many origins and nothing in common, c is the normal quantile of the level's k-th root."""
    rng = np.random.default_rng(0)
    n, k = 2000, 8
    pieces = np.vstack([np.ones(n), np.zeros(n), rng.normal(size=(k, n))])
    found = Resampler(n, block=1, draws=1999).simultaneous(differences, pieces, level=0.9)
    c = [
        (f.high - f.low) / 2 / (row.std(ddof=1) / np.sqrt(n))
        for f, row in zip(found, pieces[2:], strict=True)
    ]
    assert c == pytest.approx(np.full(k, stats.norm.ppf((1 + 0.9 ** (1 / k)) / 2)), rel=0.05)


def test_the_same_difference_many_times_costs_nothing():
    values = np.random.default_rng(0).normal(size=104)
    once = np.array([np.ones(104), np.zeros(104), values])
    often = np.vstack([once[:2], np.tile(values, (10, 1))])
    resampler = Resampler(104)
    (alone,) = resampler.simultaneous(differences, once, level=0.95)
    assert resampler.simultaneous(differences, often, level=0.95) == pytest.approx([alone] * 10)


def test_what_never_differs_has_no_width_and_takes_nothing_from_the_others():
    rng = np.random.default_rng(0)
    base = rng.poisson(3.0, 52).astype(float)
    other = base + rng.integers(-1, 2, 52)
    resampler = Resampler(52)
    with_same = resampler.simultaneous(
        differences, np.array([np.full(52, 9.0), base, base, other]), level=0.95
    )
    without = resampler.simultaneous(differences, np.array([np.full(52, 9.0), base, other]), level=0.95)
    assert with_same[0] == Interval(0.0, 0.0, 0.0)
    assert with_same[1] == without[0]


@pytest.mark.parametrize("pieces", [np.zeros((4, 24)), np.ones((4, 3))])
def test_too_little_says_nothing_at_once(pieces):
    found = Resampler(pieces.shape[1], block=1).simultaneous(differences, pieces, level=0.95)
    assert len(found) == 2
    assert all(np.isnan([f.low, f.high]).all() for f in found)


def test_draws_without_an_incident_are_left_out_at_once():
    pieces = np.zeros((4, 24))
    pieces[:, 3:9] = np.array([[4.0], [1.0], [2.0], [1.5]])
    found = Resampler(24).simultaneous(differences, pieces, level=0.95)
    assert [f.value for f in found] == pytest.approx([0.25, 0.125])
    assert found[0].low == pytest.approx(0.25)


def swapped(rng, k, alike, n=52):
    """Hits of a baseline and of k challengers as good: each swaps some reports for others, in part the same ones."""
    events = rng.poisson(15, n)
    base = rng.binomial(events, 0.15)
    out, into = 0.1, 0.1 * 0.15 / 0.85  # as many are lost as are won, on average
    lost, won = rng.binomial(base, out), rng.binomial(events - base, into)
    rows = [events, base]
    for _ in range(k):
        own_lost = rng.binomial(lost, alike) + rng.binomial(base - lost, (1 - alike) * out / (1 - out))
        own_won = rng.binomial(won, alike) + rng.binomial(
            events - base - won, (1 - alike) * into / (1 - into)
        )
        rows.append(base - own_lost + own_won)
    return np.array(rows, dtype=np.float64)


def together(rng, k, alike, n=52):
    """Differences in blocks: weeks resemble the last with 0.2, and the challengers each other."""
    shared = series(rng, n, 0.2)
    own = np.array([series(rng, n, 0.2) for _ in range(k)])
    return np.vstack([np.ones(n), np.zeros(n), np.sqrt(alike) * shared + np.sqrt(1 - alike) * own])


@pytest.mark.parametrize("made", [swapped, together])
@pytest.mark.parametrize("alike", [0.0, 0.9])
def test_ten_challengers_as_good_as_the_baseline_rarely_show_a_difference(made, alike):
    """Familywise: any interval of ten without zero, in at most 5 % of 250 worlds and two and a half standard errors."""
    rng = np.random.default_rng(11)
    resampler = Resampler(52, draws=999)
    wrong = 0
    for _ in range(250):
        found = resampler.simultaneous(differences, made(rng, 10, alike), level=0.95)
        wrong += any(f.low > 0 or f.high < 0 for f in found)
    assert wrong / 250 <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 250)


def test_going_together_narrows_what_bonferroni_would_take():
    rng = np.random.default_rng(12)
    resampler = Resampler(52)
    for alike, narrower in ((0.0, 1.02), (0.9, 0.85)):
        pieces = together(rng, 10, alike)
        joint = resampler.simultaneous(differences, pieces, level=0.95)
        each = [resampler.interval(lambda s, j=j: differences(s)[j], pieces, level=0.995) for j in range(10)]
        width = [np.mean([f.high - f.low for f in found]) for found in (joint, each)]
        assert width[0] < narrower * width[1]
