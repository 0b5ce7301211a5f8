"""The calibration slope, held to another implementation and to forecasts that are off by a known slope."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from sklearn.linear_model import PoissonRegressor

from peelian.audits.recalibration import HEIGHTS, height_bins, recalibrated

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def _binned(mean: Floats, counts: Ints) -> tuple[Floats, Floats, Floats]:
    bins, height = height_bins(mean)
    held = bins >= 0
    return (
        np.bincount(bins[held], weights=mean[held], minlength=HEIGHTS),
        np.bincount(bins[held], weights=counts[held], minlength=HEIGHTS),
        height,
    )


def _counts(mean: Floats, *, intercept: float, slope: float, seed: int) -> Ints:
    return np.random.default_rng(seed).poisson(np.exp(intercept + slope * np.log(mean))).astype(np.int64)


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 1.0), (-0.3, 0.7), (0.2, 1.3)])
def test_it_is_that_of_a_poisson_regression(intercept: float, slope: float) -> None:
    mean = np.random.default_rng(0).lognormal(-3, 1.2, 20_000)
    counts = _counts(mean, intercept=intercept, slope=slope, seed=1)
    ours = recalibrated(*_binned(mean, counts))
    peer = PoissonRegressor(alpha=0, tol=1e-10, max_iter=1000).fit(np.log(mean)[:, None], counts)
    # What is left between the two is that heights are binned.
    assert float(ours[1]) == pytest.approx(float(peer.coef_[0]), abs=0.01)
    assert float(ours[0]) == pytest.approx(float(peer.intercept_), abs=0.03)
    assert float(ours[1]) == pytest.approx(slope, abs=0.05)


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_on_its_own_sums_it_is_the_highest_likelihood(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height = np.sort(rng.normal(-3, 1, 6))
    expected, observed = rng.uniform(5, 50, 6), rng.poisson(20, 6).astype(float)

    def unlikely(ab: Floats) -> float:
        mu = expected * np.exp(ab[0] + (ab[1] - 1) * height)
        return float(np.sum(mu - observed * np.log(mu)))

    best = optimize.minimize(unlikely, [0.0, 1.0], method="BFGS", options={"gtol": 1e-9})
    intercept, slope = recalibrated(expected, observed, height)
    assert unlikely(np.array([intercept, slope])) <= float(best.fun) + 1e-6
    assert float(slope) == pytest.approx(best.x[1], abs=1e-3)


def test_two_heights_have_a_closed_form() -> None:
    height = np.log(np.array([0.1, 0.4]))
    expected, observed = np.array([10.0, 20.0]), np.array([8.0, 30.0])
    intercept, slope = recalibrated(expected, observed, height)
    # As many free numbers as heights: it fits both, so slope - 1 = log of (1.5 / 0.8) over log of (0.4 / 0.1).
    assert float(slope) == pytest.approx(1 + np.log(1.5 / 0.8) / np.log(4))
    assert float(intercept) == pytest.approx(np.log(0.8) - (float(slope) - 1) * height[0])


def test_negative_binomial_counts_have_the_same_slope() -> None:
    mean = np.random.default_rng(2).lognormal(-2, 1, 40_000)
    true = np.exp(0.1 + 0.8 * np.log(mean))
    counts = np.random.default_rng(3).negative_binomial(0.5, 0.5 / (0.5 + true)).astype(np.int64)
    assert float(recalibrated(*_binned(mean, counts))[1]) == pytest.approx(0.8, abs=0.05)


def test_many_at_once_are_as_one_by_one() -> None:
    rng = np.random.default_rng(4)
    height = np.sort(rng.normal(-3, 1, 8))
    expected, observed = rng.uniform(1, 20, (5, 3, 8)), rng.poisson(5, (5, 3, 8)).astype(float)
    together = recalibrated(expected, observed, height)
    for i, j in np.ndindex(5, 3):
        alone = recalibrated(expected[i, j], observed[i, j], height)
        assert float(together[1][i, j]) == pytest.approx(float(alone[1]), abs=1e-6)


def test_without_reports_or_with_one_height_there_is_none() -> None:
    height = np.array([-2.0, -1.0])
    for expected, observed in (([1.0, 2.0], [0.0, 0.0]), ([3.0, 0.0], [2.0, 0.0]), ([1.0, 2.0], [0.0, 5.0])):
        intercept, slope = recalibrated(np.array(expected), np.array(observed), height)
        assert np.isnan(intercept)
        assert np.isnan(slope)


def test_what_was_called_impossible_is_in_no_bin() -> None:
    bins, height = height_bins(np.array([0.0, 0.5, 0.5, 2.0]))
    assert bins[0] == -1
    assert (bins[1:] >= 0).all()
    assert np.isfinite(height).all()
    assert (height_bins(np.zeros(3))[0] == -1).all()
