"""Intervals: what they are by hand, and that they cover as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import UsageError
from peelian.trials.bootstrap import Interval, Resampler, default_block, interval


def ratio(sums):
    return sums[0] / sums[1]


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
