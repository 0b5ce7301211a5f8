"""The smallest detectable difference: published multiples, the exact power of a t test, and trials that are run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import UsageError
from peelian.trials.bootstrap import Resampler
from peelian.trials.power import detectable_difference, power_text


def test_blooms_multiple():
    """Two-sided at 5 % with 80 % power and many observations: 2.8 standard errors; one-sided (90 % level): 2.49."""
    assert detectable_difference(1.0) == pytest.approx(2.80, abs=0.005)
    assert detectable_difference(1.0, level=0.9) == pytest.approx(2.49, abs=0.005)
    assert detectable_difference(1.0, power=0.9) == pytest.approx(3.24, abs=0.005)


@pytest.mark.parametrize(("freedom", "off"), [(5, 0.1), (10, 0.04), (25, 0.015), (200, 0.005)])
@pytest.mark.parametrize("level", [0.95, 0.995])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_power_at_that_difference_by_the_noncentral_t(freedom, off, level, power):
    away = detectable_difference(1.0, level=level, power=power, freedom=freedom)
    exact = stats.nct.sf(stats.t.ppf((1 + level) / 2, freedom), freedom, away)
    assert exact == pytest.approx(power, abs=off)


@given(st.floats(1e-6, 1e6), st.floats(0.5, 0.999), st.floats(0.5, 0.99), st.floats(1.0, 1e6))
def test_it_grows_with_the_error_the_level_and_the_power(error, level, power, freedom):
    found = detectable_difference(error, level=level, power=power, freedom=freedom)
    assert found > 0
    assert detectable_difference(2 * error, level=level, power=power, freedom=freedom) == pytest.approx(
        2 * found
    )
    assert detectable_difference(error, level=(1 + level) / 2, power=power, freedom=freedom) > found
    assert detectable_difference(error, level=level, power=(1 + power) / 2, freedom=freedom) > found
    assert detectable_difference(error, level=level, power=power, freedom=2 * freedom) <= found


def test_trials_with_a_difference_of_that_size_show_it_four_times_in_five():
    """From start to end: the error that the bootstrap gives, and intervals of trials with the difference it tells."""
    rng = np.random.default_rng(0)
    n, worlds = 52, 300
    resampler = Resampler(n, draws=999)

    def ratio(sums):
        return sums[0] / sums[1]

    def pieces(shift):
        return np.array([shift + rng.normal(0, 2.0, n), np.ones(n)])

    errors = [float(resampler.standard_error(ratio, pieces(0.0))) for _ in range(100)]
    away = detectable_difference(float(np.median(errors)), freedom=resampler.freedom)
    shown = sum(resampler.interval(ratio, pieces(away), level=0.95).low > 0 for _ in range(worlds))
    assert shown / worlds == pytest.approx(0.8, abs=0.08)
    half = sum(resampler.interval(ratio, pieces(away / 2), level=0.95).low > 0 for _ in range(worlds))
    assert half / worlds < 0.5


def test_of_several_intervals_at_once_a_true_difference_has_to_be_larger():
    """Ten challengers: the first has the difference that is told, and is shown to have it four times in five."""
    rng = np.random.default_rng(3)
    n, worlds = 52, 200
    resampler = Resampler(n, draws=999)

    def means(sums):
        return sums[1:] / sums[0]

    def together(shift):
        pieces = np.vstack([np.ones(n), rng.normal(0, 2.0, (10, n))])
        pieces[1] += shift
        return pieces, resampler.simultaneous(means, pieces, level=0.95)[0]

    away = []
    for _ in range(60):
        pieces, first = together(0.0)
        error = float(resampler.standard_error(means, pieces)[0])
        half = (first.high - first.low) / 2
        away.append(detectable_difference(error, freedom=resampler.freedom, half=half))
        assert away[-1] > detectable_difference(error, freedom=resampler.freedom)
    shown = sum(together(float(np.median(away)))[1].low > 0 for _ in range(worlds))
    assert shown / worlds == pytest.approx(0.8, abs=0.09)


def test_in_words():
    assert power_text(0.8963, over="52 weeks", events=1812) == (
        "With 52 weeks and 1,812 reports, a difference in PAI below 0.90 could not have been told from chance with any "
        "certainty: fewer than 80 of 100 such trials would have shown it."
    )
    assert "hit rate below 0.012 " in power_text(0.0123, over="9 months", events=50, metric="hit rate")
    assert power_text(np.nan, over="2 weeks", events=5) == ""


@pytest.mark.parametrize("options", [{"level": 1.0}, {"power": 0.3}, {"power": 1.0}, {"freedom": 0.0}])
def test_refuses(options):
    with pytest.raises(UsageError, match="were given"):
        detectable_difference(1.0, **options)


def test_no_error_no_difference():
    assert np.isnan(detectable_difference(np.nan))
    assert detectable_difference(0.0) == 0.0
