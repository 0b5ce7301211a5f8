"""Logistic regression with errors that know that cases come in clusters, and natural splines, in NumPy.

Small on purpose: a handful of columns, and the error of one of them matters. Newton's steps (iteratively reweighted
least squares, McCullagh and Nelder 1989) with a halving when one overshoots; the covariance is the sandwich over
clusters (Liang and Zeger 1986, Longitudinal data analysis using generalized linear models, Biometrika 73).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.errors import NotEnoughDataError, UsageError

__all__ = ["Fit", "logistic", "natural_spline"]

Floats = npt.NDArray[np.float64]

STEPS, TOLERANCE = 50, 1e-9
EXTREME = 25.0
"""A linear predictor beyond this says that a column tells the outcome apart without error."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted logistic regression.

    Parameters
    ----------
    coefficients : array of float, shape (n_columns,)
    covariance : array of float, shape (n_columns, n_columns)
        Over clusters.
    clusters, rows : int
    likelihood : float
        Logarithm.
    """

    coefficients: Floats
    covariance: Floats
    clusters: int
    rows: int
    likelihood: float

    def error(self, k: int) -> float:
        """Standard error of a coefficient."""
        return float(np.sqrt(max(self.covariance[k, k], 0.0)))


def natural_spline(x: npt.ArrayLike, *, degree: int) -> Floats:
    """Basis of natural cubic splines: cubic between knots, straight beyond the first and the last.

    Parameters
    ----------
    x : array of float, shape (n,)
    degree : int
        Columns, 1 to 10: 1 is a straight line. Knots are the ends and ``degree - 1`` quantiles between them, as in R's
        ``splines::ns(x, df)``, of which this spans the same functions.

    Returns
    -------
    array of float, shape (n, degree)
        Without the constant.

    Notes
    -----
    Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, 2nd ed., eq. 5.4 and 5.5.
    """
    if not 1 <= degree <= 10:
        msg = f"a spline of degree {degree} was given; expected 1 to 10"
        raise UsageError(msg, hint="use 1 to 6")
    values = np.asarray(x, dtype=float)
    low, high = float(values.min()), float(values.max())
    t = (values - low) / (high - low) if high > low else np.zeros_like(values)
    knots = np.quantile(t, np.linspace(0, 1, degree + 1))
    knots[0], knots[-1] = 0.0, 1.0
    knots = np.unique(knots)
    if degree == 1 or len(knots) < 3:
        return t[:, None]

    def part(k: int) -> Floats:
        cube = np.maximum(t - knots[k], 0.0) ** 3 - np.maximum(t - knots[-1], 0.0) ** 3
        return np.asarray(cube / (knots[-1] - knots[k]))

    last = part(len(knots) - 2)
    return np.stack([t, *(part(k) - last for k in range(len(knots) - 2))], axis=1)


def logistic(X: Floats, y: npt.ArrayLike, *, clusters: npt.ArrayLike) -> Fit:
    """Fit a logistic regression by maximum likelihood.

    Parameters
    ----------
    X : array of float, shape (n, k)
        With a column of ones where a constant is wanted.
    y : array of bool, shape (n,)
    clusters : array of int, shape (n,)
        Which cluster each row is in; at least two.

    Raises
    ------
    NotEnoughDataError
        A column tells the outcome apart without error, columns say the same, or the steps don't settle: then there is
        no estimate.
    """
    y = np.asarray(y, dtype=float)
    number = np.unique(np.asarray(clusters), return_inverse=True)[1]
    held = int(number.max()) + 1
    if held < 2:
        msg = "all rows are in one cluster; expected at least two, as an error can't be told from one"
        raise NotEnoughDataError(msg)
    beta = np.zeros(X.shape[1])
    best = _likelihood(X @ beta, y)
    for _ in range(STEPS):
        p = _expit(X @ beta)
        information = (X * (p * (1 - p))[:, None]).T @ X
        step = _solved(information, X.T @ (y - p))
        scale = 1.0
        while (tried := _likelihood(X @ (beta + scale * step), y)) < best - 1e-9 and scale > 1e-4:
            scale /= 2
        beta, moved, best = beta + scale * step, float(np.max(np.abs(X @ step))), tried
        if moved < TOLERANCE * (1 + float(np.max(np.abs(X @ beta)))):
            break
    else:
        msg = f"a logistic regression of {len(y):,} rows on {X.shape[1]} columns did not settle in {STEPS} steps"
        raise NotEnoughDataError(msg, hint="use a spline of a lower degree, or larger areas")
    if float(np.max(np.abs(X @ beta))) > EXTREME:
        msg = f"in {len(y):,} rows a column tells the outcome apart without error, so that its effect has no estimate"
        raise NotEnoughDataError(msg, hint="use a spline of a lower degree, or larger areas")
    p = _expit(X @ beta)
    bread = _solved((X * (p * (1 - p))[:, None]).T @ X, np.eye(X.shape[1]))
    scores = np.zeros((held, X.shape[1]))
    np.add.at(scores, number, X * (y - p)[:, None])
    # The correction for few clusters that Stata and R's sandwich use.
    meat = scores.T @ scores * held / (held - 1)
    return Fit(beta, bread @ meat @ bread, held, len(y), best)


def _solved(a: Floats, b: Floats) -> Floats:
    # Scaled first, so that whether columns say the same doesn't depend on their units.
    scale = np.sqrt(np.maximum(np.diag(a), 1e-300))
    scaled = a / np.outer(scale, scale)
    if np.linalg.cond(scaled) > 1e12:
        msg = "columns of a regression say the same, or one of them is constant"
        raise NotEnoughDataError(msg, hint="use a spline of a lower degree, or larger areas")
    right = b / (scale[:, None] if b.ndim == 2 else scale)
    solved = np.linalg.solve(scaled, right)
    return np.asarray(solved / (scale[:, None] if b.ndim == 2 else scale))


def _expit(eta: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(eta / 2)))


def _likelihood(eta: Floats, y: Floats) -> float:
    return float((y * eta - np.logaddexp(0.0, eta)).sum())
