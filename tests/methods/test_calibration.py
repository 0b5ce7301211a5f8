"""What past forecasts tell: the height is put right without changing who is higher, and the scatter is measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from peelian.errors import DataError
from peelian.methods.calibration import BINS, Calibration, tally

CELLS = 600


def rates(seed=11):
    """Means per week as a city has them: from none in years to one a week."""
    return np.random.default_rng(seed).gamma(0.4, 0.3, CELLS) + 1e-6


def world(mean, periods, *, size=np.inf, common=0.0, seed=0):
    """Counts about known means, with a gamma factor for each cell and week and one for each week."""
    rng = np.random.default_rng(seed)
    expected = np.repeat(mean[None, :], periods, axis=0)
    if common > 0:
        expected = expected * rng.gamma(1 / common, common, (periods, 1))
    if np.isfinite(size):
        expected = expected * rng.gamma(size, 1 / size, expected.shape)
    return rng.poisson(expected)


def learned(forecast, seen):
    return Calibration.fit(np.array([tally(forecast, week) for week in seen]))


def test_a_tally_holds_the_plain_sums():
    mean, seen = rates(), world(rates(), 1)[0]
    sums = tally(mean, seen).sum(axis=1)
    plain = [CELLS, mean.sum(), seen.sum(), (mean**2).sum(), (mean * seen).sum(), (seen**2).sum()]
    assert sums == pytest.approx(plain)


def test_a_tally_has_the_same_cells_in_the_same_bin():
    found = tally(np.array([0.0, 1e-12, 0.5, 0.5, 1e9]), np.array([0, 0, 1, 2, 5]))
    assert found.shape == (6, BINS)
    assert found[0][0] == 2
    assert found[0][-1] == 1
    assert found[2].max() == 5
    assert 3 in found[2]


def test_a_good_forecast_is_left_alone():
    mean = rates()
    found = learned(mean, world(mean, 52))
    assert found.apply(mean).sum() == pytest.approx(mean.sum(), rel=0.05)
    high = mean > 0.3
    assert found.apply(mean)[high] == pytest.approx(mean[high], rel=0.25)


def test_a_forecast_that_exaggerates_is_put_right():
    truth = rates()
    raw = 3 * truth**1.7
    found = learned(raw, world(truth, 52))
    before = np.mean(np.abs(np.log(raw / truth)) * truth)
    after = np.mean(np.abs(np.log(found.apply(raw) / truth)) * truth)
    assert after < before / 3
    assert found.apply(raw).sum() == pytest.approx(truth.sum(), rel=0.05)


@given(
    mean=arrays(np.float64, 30, elements=st.floats(1e-7, 50)),
    forecast=arrays(np.float64, 30, elements=st.floats(1e-7, 50)),
    seed=st.integers(0, 100),
)
def test_the_order_of_the_places_is_kept(mean, forecast, seed):
    found = learned(forecast, world(mean, 6, seed=seed))
    told = found.apply(forecast)
    assert np.all(np.isfinite(told))
    assert np.all(told > 0)
    higher = forecast[:, None] > forecast[None, :] * (1 + 1e-9)
    assert np.all((told[:, None] > told[None, :])[higher])
    assert np.all(np.diff(found.x) > 0)
    assert np.all(np.diff(found.y) > 0)


def test_what_was_called_impossible_stays_so():
    mean = np.array([0.0, 1.0, 2.0])
    found = learned(mean, np.tile([0, 1, 3], (8, 1)))
    assert found.apply(mean)[0] == 0


def test_longer_periods_are_read_at_the_height_of_those_that_were_learned():
    raw = 3 * rates() ** 1.7
    found = learned(raw, world(rates(), 52))
    assert found.apply(4 * raw, periods=4.0) == pytest.approx(4 * found.apply(raw))


def test_one_that_learned_nothing_changes_nothing():
    mean = rates()
    assert Calibration.none().apply(mean) is mean
    assert np.array_equal(learned(np.zeros(5), np.zeros((6, 5), dtype=int)).apply(np.zeros(5)), np.zeros(5))


@pytest.mark.parametrize(("size", "common"), [(1.0, 0.04), (3.0, 0.1), (np.inf, 0.04), (1.0, 0.0)])
def test_the_two_parts_of_the_scatter_are_told_apart(size, common):
    mean = rates()
    found = [learned(mean, world(mean, 52, size=size, common=common, seed=seed)) for seed in range(40)]
    own = np.array([1 / one.size for one in found])
    assert abs(own.mean() - 1 / size) <= 3 * own.std(ddof=1) / np.sqrt(len(own)) + 0.05 / min(size, 20) + 0.02
    assert np.mean([one.common for one in found]) == pytest.approx(common, abs=0.004 + 0.1 * common)


def test_in_few_large_cells_nothing_is_counted_twice():
    mean = np.array([20.0, 10.0, 5.0, 5.0])
    found = [learned(mean, world(mean, 104, size=10.0, common=0.05, seed=seed)) for seed in range(60)]
    assert np.mean([1 / one.size for one in found]) == pytest.approx(0.1, abs=0.02)
    assert np.mean([one.common for one in found]) == pytest.approx(0.05, abs=0.01)


def test_where_counts_are_no_wider_than_poisson_there_is_no_scatter():
    found = learned(np.full(10, 2.0), np.full((20, 10), 2))
    assert found.size == np.inf
    assert found.common == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_a_mean_that_is_no_number_is_refused(bad):
    with pytest.raises(DataError, match="1 of 3 cells were expected to have no finite number of at least 0"):
        tally(np.array([0.0, bad, 1.0]), np.array([0, 0, 1]))
