"""Log-linear models of counts that vary more than chance alone makes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["Fit", "fit_quasi_poisson"]

Floats = npt.NDArray[np.float64]

STEPS = 100


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model.

    Parameters
    ----------
    coefficients : array of float, shape (n_columns,)
    covariance : array of float, shape (n_columns, n_columns)
        For a dispersion of 1.
    mean : array of float, shape (n,)
    dispersion : float
        Pearson's, at least 1: counts are never taken to be surer than chance allows.
    deviance : float
    freedom : int
        Residual degrees of freedom.
    """

    coefficients: Floats
    covariance: Floats
    mean: Floats
    dispersion: float
    deviance: float
    freedom: int


def deviance_of(y: Floats, mean: Floats) -> float:
    """Poisson deviance of counts from their means."""
    return float(2 * np.sum(special.xlogy(y, y / mean) - (y - mean)))


def fit_quasi_poisson(design: Floats, y: Floats, exposure: Floats) -> Fit:
    """Fit ``y ~ exposure * exp(design @ b)`` by iterated weighted least squares (Nelder and Wedderburn 1972).

    Parameters
    ----------
    design : array of float, shape (n, n_columns)
    y : array of float, shape (n,)
        Counts.
    exposure : array of float, shape (n,)
        Above 0, such as the days of each month.
    """
    offset = np.log(exposure)
    mean: Floats = y + 0.5 * max(float(y.mean()), 0.1)
    b: Floats = np.zeros(design.shape[1])
    before = np.inf
    for _ in range(STEPS):
        root = np.sqrt(mean)
        working = np.log(mean) - offset + (y - mean) / mean
        b = np.linalg.lstsq(design * root[:, None], working * root, rcond=None)[0].astype(np.float64)
        # No count is that small or large; where all counts of a column are 0 its coefficient has no end.
        mean = np.exp(np.clip(design @ b + offset, -30, 30))
        now = deviance_of(y, mean)
        if abs(before - now) <= 1e-12 * (abs(now) + 1):
            break
        before = now
    rank = int(np.linalg.matrix_rank(design))
    freedom = y.size - rank
    pearson = float(np.sum((y - mean) ** 2 / mean))
    covariance: Floats = np.linalg.pinv(design.T @ (design * mean[:, None])).astype(np.float64)
    dispersion = max(pearson / freedom, 1.0) if freedom > 0 else float("nan")
    return Fit(b, covariance, mean, dispersion, deviance_of(y, mean), freedom)
