"""Negative-binomial regression of counts, with errors that allow for what neighbouring places share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from peelian.errors import NotEnoughDataError

__all__ = ["NegativeBinomial", "fit_negative_binomial"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEPS = 100
WIDEST = 30.0
LOW, HIGH = -12.0, 4.0
"""Of the logarithm of the dispersion: below it is Poisson, above it is nothing that counts look like."""


@dataclass(frozen=True, eq=False)
class NegativeBinomial:
    """Counts with mean ``exp(offset + x b)`` and variance ``mean + dispersion * mean ** 2``.

    Parameters
    ----------
    coefficients : array of float, shape (k + 1,)
        The intercept first.
    covariance : array of float, shape (k + 1, k + 1)
        From sums over blocks: reports in a block are one piece of evidence.
    dispersion : float
        0 is Poisson.
    log_likelihood : float
    groups : int
        Blocks.
    """

    coefficients: Floats
    covariance: Floats
    dispersion: float
    log_likelihood: float
    groups: int

    def mean(self, x: Floats, offset: Floats) -> Floats:
        """What is to be expected for features of shape (n, k)."""
        return _mean(np.column_stack([np.ones(offset.size), x]), self.coefficients, offset)

    def interval(self, *, level: float = 0.05) -> tuple[Floats, Floats]:
        """Bounds of the coefficients, by Student's t over the blocks."""
        reach = stats.t.ppf(1 - level / 2, self.groups - 1) * np.sqrt(np.diag(self.covariance))
        return self.coefficients - reach, self.coefficients + reach

    def p(self) -> Floats:
        """p of each coefficient, two-sided."""
        error = np.sqrt(np.diag(self.covariance))
        t = np.divide(self.coefficients, error, out=np.full(error.shape, np.nan), where=error > 0)
        return np.asarray(2 * stats.t.sf(np.abs(t), self.groups - 1), dtype=np.float64)


def _mean(design: Floats, beta: Floats, offset: Floats) -> Floats:
    found: Floats = np.exp(np.clip(design @ beta + offset, -WIDEST, WIDEST))
    return found


def _log_likelihood(y: Floats, mean: Floats, dispersion: float) -> float:
    if dispersion < np.exp(LOW + 0.1):
        return float((y * np.log(mean) - mean - special.gammaln(y + 1)).sum())
    size = 1 / dispersion
    each = (
        special.gammaln(y + size)
        - special.gammaln(size)
        - special.gammaln(y + 1)
        + y * np.log(mean / (mean + size))
        - size * np.log1p(mean / size)
    )
    return float(each.sum())


def fit_negative_binomial(x: Floats, y: Floats, offset: Floats, block: Ints) -> NegativeBinomial:
    """Fit by maximum likelihood: weighted least squares for the coefficients, and a search for the dispersion, in turn.

    Parameters
    ----------
    x : array of float, shape (n, k)
        Of full rank together with a constant; k may be 0.
    y : array of float, shape (n,)
    offset : array of float, shape (n,)
    block : array of int, shape (n,)
        Which cells vary together.

    Raises
    ------
    NotEnoughDataError
        Features can't be told apart, or there are fewer than two blocks.

    Notes
    -----
    Hilbe (2011), "Negative Binomial Regression"; errors by Liang and Zeger (1986), "Longitudinal data analysis using
    generalized linear models", Biometrika 73.
    """
    design = np.column_stack([np.ones(y.size), x])
    groups = np.unique(block).size
    if np.linalg.matrix_rank(design) < design.shape[1] or groups < 2:
        msg = f"{design.shape[1] - 1} features over {y.size:,} cells in {groups} blocks can't be told apart"
        raise NotEnoughDataError(
            msg, hint="leave out a feature that follows from the others, or use smaller cells"
        )
    beta = np.zeros(design.shape[1])
    beta[0] = np.log(max(y.sum(), 0.5) / np.exp(offset).sum())
    dispersion, last = 0.0, -np.inf
    for _ in range(STEPS):
        beta = _solve(design, y, offset, beta, dispersion)
        mean = _mean(design, beta, offset)
        dispersion = _dispersion(y, mean)
        found = _log_likelihood(y, mean, dispersion)
        if abs(found - last) < 1e-10 * (1 + abs(found)):
            break
        last = found
    mean = _mean(design, beta, offset)
    return NegativeBinomial(
        beta,
        _sandwich(design, y, mean, dispersion, block),
        dispersion,
        _log_likelihood(y, mean, dispersion),
        groups,
    )


def _solve(design: Floats, y: Floats, offset: Floats, beta: Floats, dispersion: float) -> Floats:
    value = _log_likelihood(y, _mean(design, beta, offset), dispersion)
    for _ in range(STEPS):
        mean = _mean(design, beta, offset)
        weight = mean / (1 + dispersion * mean)
        score = design.T @ ((y - mean) / (1 + dispersion * mean))
        step = np.linalg.lstsq(design.T @ (design * weight[:, None]), score, rcond=None)[0]
        new = _log_likelihood(y, _mean(design, beta + step, offset), dispersion)
        # A step that makes it worse is halved.
        while new < value - 1e-9 and np.abs(step).max() > 1e-10:
            step /= 2
            new = _log_likelihood(y, _mean(design, beta + step, offset), dispersion)
        beta, value = beta + step, new
        if np.abs(step).max() < 1e-10:
            break
    return beta


def _dispersion(y: Floats, mean: Floats) -> float:
    found = optimize.minimize_scalar(
        lambda log: -_log_likelihood(y, mean, float(np.exp(log))),
        bounds=(LOW, HIGH),
        method="bounded",
        options={"xatol": 1e-8},
    )
    # At the lower end counts vary no more than Poisson's.
    return float(np.exp(found.x)) if found.x > LOW + 0.1 else 0.0


def _sandwich(design: Floats, y: Floats, mean: Floats, dispersion: float, block: Ints) -> Floats:
    weight = mean / (1 + dispersion * mean)
    bread = np.linalg.inv(design.T @ (design * weight[:, None]))
    each = design * ((y - mean) / (1 + dispersion * mean))[:, None]
    number = np.unique(block, return_inverse=True)[1]
    sums = np.stack([np.bincount(number, column) for column in each.T], axis=1)
    groups = sums.shape[0]
    found: Floats = groups / (groups - 1) * bread @ (sums.T @ sums) @ bread
    return found
