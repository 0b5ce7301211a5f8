"""Bayes factors and the ridge logistic regression: against hand counts and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from peelian.patterns.bayes_factor import SMOOTHING, bayes_factors, shapes
from peelian.patterns.logistic import logistic_fit


def test_logistic_regression_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3)) * [1, 5, 0.2]
    y = rng.random(400) < 1 / (1 + np.exp(2 - X @ [1.0, -0.3, 2.0]))
    weight = rng.uniform(0.2, 3, 400)
    intercept, coefficients = logistic_fit(X, y, weight=weight, ridge=0.5)
    peer = LogisticRegression(C=2.0, tol=1e-10, max_iter=10_000).fit(X, y, sample_weight=weight)
    assert intercept == pytest.approx(peer.intercept_[0], abs=1e-5)
    np.testing.assert_allclose(coefficients, peer.coef_[0], atol=1e-5)


def test_each_coefficient_may_have_its_own_ridge() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 2))
    y = X[:, 0] + X[:, 1] + rng.normal(size=200) > 0
    _, free = logistic_fit(X, y, weight=np.ones(200), ridge=np.array([0.1, 1e6]))
    assert free[0] > 0.5
    assert abs(free[1]) < 1e-3


@pytest.mark.parametrize("y", [np.ones(20, bool), np.zeros(20, bool), np.arange(20) < 10])
def test_what_parts_perfectly_stays_finite(y: np.ndarray) -> None:
    intercept, coefficients = logistic_fit(np.arange(20.0)[:, None], y, weight=np.ones(20), ridge=1.0)
    assert np.isfinite(intercept)
    assert np.isfinite(coefficients).all()


def forms() -> tuple:
    return shapes(("entry",), (np.array([0.01, 0.5, 0.49]),), ("floors",))


def test_shapes_say_what_bins_are() -> None:
    place, time, hour, weekday, entry, floors = forms()
    assert [f.name for f in forms()] == ["place", "time", "hour", "weekday", "entry", "floors"]
    assert place.values[0] == time.values[0] == 0
    assert place.values[-1] > 100_000, "metres"
    assert time.values[-1] > 10 * 365, "days"
    assert hour.values[:-1].max() == 12
    assert weekday.values[:-1].max() == 3.5
    assert np.isnan(hour.values[hour.missing])
    assert entry.values.size == 5
    assert entry.missing == 4
    assert place.missing == -1
    rare, common = entry.basis()[:2, 0]
    assert rare > common > 0
    assert entry.basis()[3].tolist() == [0, 0], "they differ"
    assert entry.basis()[4].tolist() == [0, 1], "one is missing"
    assert floors.basis()[-1].tolist() == [0, 1]


def test_factors_of_a_coded_field_are_those_of_a_hand_count() -> None:
    entry = forms()[4]
    # 40 linked pairs: 20 share the rare code 0, 10 share code 1, 6 differ, 4 unknown. 400 others.
    linked = np.repeat([True, False], [40, 400])
    bins = np.concatenate(
        [np.repeat([0, 1, 3, 4], [20, 10, 6, 4]), np.repeat([0, 1, 2, 3, 4], [4, 40, 56, 280, 20])]
    )
    found = bayes_factors(entry, bins.astype(np.int16), linked, np.ones(440))
    apart = np.array([4, 0, 0, 0, 96, 280, 20]) + 0.5
    apart /= apart.sum()
    together = np.array([20, 0, 0, 0, 10, 6, 4]) + SMOOTHING * apart
    together /= together.sum()
    np.testing.assert_allclose(found.log, np.log(together / apart))
    assert found.table[0] > 2
    assert found.table[3] < 0
    assert found.table[1] == found.table[2], "codes as common as each other are one bin"


def test_factors_of_distance_fall_where_near_pairs_are_linked() -> None:
    rng = np.random.default_rng(0)
    place = forms()[0]
    linked = np.repeat([True, False], [500, 5000])
    metres = np.where(linked, rng.exponential(300, 5500), rng.uniform(0, 20_000, 5500))
    bins = np.searchsorted(place.values, metres).clip(0, place.values.size - 1)
    found = bayes_factors(place, bins.astype(np.int16), linked, np.ones(5500))
    assert 6 <= found.log.size <= 12
    truth = np.log((np.exp(-1.0) / 300) / (1 / 20_000))
    at = int(np.searchsorted(place.values, 300))
    assert found.table[at] == pytest.approx(truth, abs=0.4)
    assert found.table[-1] < -3
    assert found.linked.sum() == pytest.approx(1)
    assert found.unlinked.sum() == pytest.approx(1)


def test_few_linked_pairs_say_little() -> None:
    entry = forms()[4]
    linked = np.repeat([True, False], [2, 400])
    bins = np.concatenate([[0, 0], np.repeat([0, 3], [4, 396])]).astype(np.int16)
    few = bayes_factors(entry, bins, linked, np.ones(402))
    assert 0 < few.table[0] < np.log(60)
    weighted = bayes_factors(entry, bins, linked, np.where(linked, 1e-3, 1.0))
    np.testing.assert_allclose(weighted.log, few.log, atol=1e-9, err_msg="weights are relative")


def test_unknown_is_a_bin_of_its_own() -> None:
    hour = forms()[2]
    linked = np.repeat([True, False], [50, 500])
    bins = np.concatenate([np.full(50, hour.missing), np.arange(500) % hour.missing]).astype(np.int16)
    found = bayes_factors(hour, bins, linked, np.ones(550))
    assert found.table[hour.missing] > 3
    assert (found.table[: hour.missing] < 0).all()
