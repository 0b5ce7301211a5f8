"""Logistic regression against scikit-learn, and its errors against draws with a known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from sklearn.linear_model import LogisticRegression

from peelian.audits.logistic import logistic, natural_spline
from peelian.errors import NotEnoughDataError, UsageError


def cases(n: int = 800, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [np.ones(n), rng.random(n) < 0.4, rng.normal(size=n) * 300, rng.normal(size=n)]
    ).astype(float)
    eta = -0.5 + 0.8 * X[:, 1] + 0.002 * X[:, 2] - 0.3 * X[:, 3]
    return X, rng.random(n) < 1 / (1 + np.exp(-eta))


def test_coefficients_are_those_of_scikit_learn() -> None:
    X, y = cases()
    ours = logistic(X, y, clusters=np.arange(len(y)))
    theirs = LogisticRegression(
        C=np.inf, fit_intercept=False, tol=1e-10, max_iter=10_000, solver="newton-cholesky"
    ).fit(X, y)
    assert ours.coefficients == pytest.approx(theirs.coef_[0], rel=1e-5)


def test_with_a_cluster_a_row_the_error_is_nearly_the_plain_one() -> None:
    X, y = cases(4000)
    fit = logistic(X, y, clusters=np.arange(len(y)))
    p = 1 / (1 + np.exp(-X @ fit.coefficients))
    plain = np.linalg.inv((X * (p * (1 - p))[:, None]).T @ X)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(np.sqrt(np.diag(plain)), rel=0.06)


def test_copies_of_rows_add_no_evidence_when_they_are_one_cluster() -> None:
    X, y = cases(300)
    once = logistic(X, y, clusters=np.arange(300))
    often = logistic(np.repeat(X, 5, axis=0), np.repeat(y, 5), clusters=np.repeat(np.arange(300), 5))
    assert often.covariance == pytest.approx(once.covariance, rel=1e-6)
    naive = logistic(np.repeat(X, 5, axis=0), np.repeat(y, 5), clusters=np.arange(1500))
    assert naive.error(1) == pytest.approx(once.error(1) / np.sqrt(5), rel=0.01)


def test_with_few_clusters_the_error_is_that_of_the_sandwich_by_hand() -> None:
    X, y = cases(300)
    cluster = np.arange(300) % 6
    fit = logistic(X, y, clusters=cluster)
    p = 1 / (1 + np.exp(-X @ fit.coefficients))
    bread = np.linalg.inv((X * (p * (1 - p))[:, None]).T @ X)
    scores = np.stack([(X * (y - p)[:, None])[cluster == k].sum(axis=0) for k in range(6)])
    assert fit.covariance == pytest.approx(bread @ (scores.T @ scores * 6 / 5) @ bread, rel=1e-6)


def test_clustered_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        day = np.repeat(np.arange(60), 10)
        dark = (rng.random(60) < 0.5)[day].astype(float)
        eta = 0.4 * dark + rng.normal(0, 0.5, 60)[day]
        y = rng.random(600) < 1 / (1 + np.exp(-eta))
        fit = logistic(np.column_stack([np.ones(600), dark]), y, clusters=day)
        held += abs(fit.coefficients[1] - 0.38) < 2.0 * fit.error(
            1
        )  # 0.38: 0.4 less what the days' spread takes away
    assert held >= 180


@pytest.mark.parametrize("degree", [2, 3, 6])
def test_the_basis_spans_natural_cubic_splines(degree: int) -> None:
    x = np.random.default_rng(0).uniform(1000, 1300, 500)
    basis = np.column_stack([np.ones(500), natural_spline(x, degree=degree)])
    knots = np.quantile(x, np.linspace(0, 1, degree + 1))
    curve = CubicSpline(knots, np.random.default_rng(1).normal(size=degree + 1), bc_type="natural")(x)
    fitted = basis @ np.linalg.lstsq(basis, curve, rcond=None)[0]
    assert fitted == pytest.approx(curve, abs=1e-7)
    assert np.linalg.matrix_rank(basis) == degree + 1


def test_degree_one_is_a_straight_line() -> None:
    basis = natural_spline([10.0, 20.0, 40.0], degree=1)
    assert basis[:, 0] == pytest.approx([0.0, 1 / 3, 1.0])
    with pytest.raises(UsageError, match="degree 0"):
        natural_spline([1.0, 2.0], degree=0)


def test_what_has_no_estimate_is_refused() -> None:
    X = np.column_stack([np.ones(100), np.repeat([0.0, 1.0], 50)])
    with pytest.raises(NotEnoughDataError, match=r"without error|settle|the same"):
        logistic(X, np.repeat([False, True], 50), clusters=np.arange(100))
    with pytest.raises(NotEnoughDataError, match="say the same"):
        logistic(np.ones((100, 2)), np.arange(100) % 2 == 0, clusters=np.arange(100))
    with pytest.raises(NotEnoughDataError, match="one cluster"):
        logistic(X, np.arange(100) % 2 == 0, clusters=np.zeros(100))
