"""The log-linear model against scikit-learn's, and what it says of its own certainty."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor

from peelian.patterns.quasi_poisson import deviance_of, fit_quasi_poisson


def made(seed: int, dispersion: float = 1.0, n: int = 200):
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    exposure = rng.uniform(1, 3, n)
    mean = exposure * np.exp(design @ [1.0, 0.4, -0.3])
    y = (
        rng.poisson(mean)
        if dispersion == 1
        else rng.negative_binomial(mean / (dispersion - 1), 1 / dispersion)
    )
    return design, y.astype(float), exposure


def test_coefficients_are_those_of_scikit_learn():
    design, y, exposure = made(0)
    ours = fit_quasi_poisson(design, y, exposure)
    theirs = PoissonRegressor(alpha=0, tol=1e-10, max_iter=1000, fit_intercept=False)
    theirs.fit(design, y / exposure, sample_weight=exposure)
    assert ours.coefficients == pytest.approx(theirs.coef_, abs=1e-6)
    assert ours.mean.sum() == pytest.approx(y.sum())
    assert ours.deviance == pytest.approx(deviance_of(y, ours.mean))
    assert ours.freedom == 197


@pytest.mark.parametrize("dispersion", [1.0, 3.0])
def test_standard_errors_hold_the_truth(dispersion):
    z = []
    for seed in range(80):
        fit = fit_quasi_poisson(*made(seed, dispersion))
        error = np.sqrt(fit.dispersion * np.diag(fit.covariance))
        z.append((fit.coefficients - [1.0, 0.4, -0.3]) / error)
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.04)


def test_nothing_but_zeros_and_no_freedom_left():
    fit = fit_quasi_poisson(np.ones((4, 1)), np.zeros(4), np.ones(4))
    assert fit.mean == pytest.approx(np.zeros(4), abs=1e-6)
    full = fit_quasi_poisson(np.eye(3), np.array([1.0, 2, 3]), np.ones(3))
    assert full.mean == pytest.approx([1, 2, 3])
    assert np.isnan(full.dispersion)
