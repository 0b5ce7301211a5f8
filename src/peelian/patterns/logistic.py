"""Ridge logistic regression with weights, by Newton's method: small, exact, and the same on every machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

__all__ = ["logistic_fit"]

Floats = npt.NDArray[np.float64]

STEPS = 100
CLOSE = 1e-10


def logistic_fit(
    X: Floats, y: npt.ArrayLike, *, weight: Floats, ridge: float | Floats
) -> tuple[float, Floats]:
    """Intercept and coefficients that minimise the weighted log loss and ``ridge / 2`` times their squares.

    Parameters
    ----------
    X : array of float, shape (n, k)
    y : array of bool, shape (n,)
    weight : array of float, shape (n,)
    ridge : float, or array of float, shape (k,)
        Penalty of each coefficient; the intercept has none.

    Returns
    -------
    (float, array of float, shape (k,))
    """
    X, target = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    wide = np.column_stack([np.ones(len(X)), X])
    penalty = np.concatenate([[0.0], np.broadcast_to(np.asarray(ridge, dtype=np.float64), (X.shape[1],))])
    share = float(np.average(target, weights=weight))
    share = min(max(share, 1e-9), 1 - 1e-9)
    beta = np.zeros(wide.shape[1])
    beta[0] = np.log(share / (1 - share))
    loss = _loss(wide, target, weight, penalty, beta)
    for _ in range(STEPS):
        p = expit(wide @ beta)
        gradient = wide.T @ (weight * (p - target)) + penalty * beta
        curvature = np.maximum(weight * p * (1 - p), 1e-12)
        hessian = (wide * curvature[:, None]).T @ wide + np.diag(penalty + 1e-10)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while True:
            tried = _loss(wide, target, weight, penalty, beta - size * step)
            if tried <= loss or size < 1e-6:
                break
            size /= 2
        beta, change, loss = beta - size * step, loss - tried, tried
        if change <= CLOSE * max(1.0, abs(loss)):
            break
    return float(beta[0]), beta[1:]


def _loss(wide: Floats, y: Floats, weight: Floats, penalty: Floats, beta: Floats) -> float:
    z = wide @ beta
    return float(weight @ (np.logaddexp(0, z) - y * z) + (penalty @ beta**2) / 2)
