"""An elastic net for counts: Poisson regression that leaves features out, along a path of penalties."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["poisson_deviance", "poisson_net", "top_penalty"]

Floats = npt.NDArray[np.float64]

STEPS = 50
CLOSE = 1e-8
WIDEST = 30.0
"""Of the logarithm of a mean, so that none overflows on the way."""


@numba.njit(cache=True, nogil=True)
def _descend(gram: Floats, pull: Floats, penalty: float, mix: float, beta: Floats) -> None:
    """Minimise ``b' gram b / 2 - pull' b`` plus the penalty, one coefficient after the other; the first is free."""
    slope = gram @ beta
    for _ in range(10_000):
        most = 0.0
        for j in range(beta.size):
            if gram[j, j] <= 0:
                continue
            at = pull[j] - slope[j] + gram[j, j] * beta[j]
            if j == 0:
                new = at / gram[j, j]
            else:
                size = max(abs(at) - penalty * mix, 0.0)
                new = np.sign(at) * size / (gram[j, j] + penalty * (1 - mix))
            step = new - beta[j]
            if step != 0:
                slope += step * gram[:, j]
                beta[j] = new
                most = max(most, gram[j, j] * step * step)
        if most < 1e-14:
            break


def top_penalty(x: Floats, y: Floats, offset: Floats, mix: float) -> float:
    """The smallest penalty at which every feature is left out."""
    mean = np.exp(offset) * y.sum() / np.exp(offset).sum()
    return float(np.abs(x.T @ (y - mean)).max(initial=0.0) / y.size / max(mix, 1e-3))


def poisson_net(x: Floats, y: Floats, offset: Floats, penalties: Floats, *, mix: float = 0.5) -> Floats:
    """Coefficients along a path of penalties, largest first, each started at the one before.

    Minimises, over intercept and coefficients, the mean of ``mean - y log(mean)`` plus
    ``penalty * (mix * sum(abs(b)) + (1 - mix) / 2 * sum(b ** 2))``.

    Parameters
    ----------
    x : array of float, shape (n, k)
        Features of a like scale.
    y : array of float, shape (n,)
        Counts.
    offset : array of float, shape (n,)
        Logarithm of what each count is out of.
    penalties : array of float, shape (m,)
    mix : float
        1 is the lasso, 0 is ridge.

    Returns
    -------
    array of float, shape (m, k + 1)
        The intercept first.

    Notes
    -----
    Friedman, Hastie and Tibshirani (2010), "Regularization paths for generalized linear models via coordinate
    descent", Journal of Statistical Software 33: weighted least squares, and coordinate descent within.
    """
    design = np.column_stack([np.ones(y.size), x])
    beta = np.zeros(design.shape[1])
    beta[0] = np.log(max(y.sum(), 0.5) / np.exp(offset).sum())
    path = np.empty((len(penalties), beta.size))
    for m, penalty in enumerate(penalties):
        for _ in range(STEPS):
            before = beta.copy()
            mean = np.exp(np.clip(design @ beta + offset, -WIDEST, WIDEST))
            weight = np.maximum(mean, 1e-9) / y.size
            scaled = design * weight[:, None]
            gram = design.T @ scaled
            pull = gram @ beta + design.T @ (y - mean) / y.size
            _descend(gram, pull, float(penalty), mix, beta)
            if np.abs(beta - before).max() < CLOSE:
                break
        path[m] = beta
    return path


def poisson_deviance(y: Floats, mean: Floats) -> Floats:
    """Deviance of each count from its mean."""
    mean = np.maximum(mean, 1e-12)
    log = np.where(y > 0, np.log(np.where(y > 0, y, 1.0) / mean), 0.0)
    found: Floats = 2 * (y * log - (y - mean))
    return found
