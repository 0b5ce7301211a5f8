"""Calibration in the large and calibration slope of a forecast of counts.

If the forecast is right, the logarithm of what comes is the logarithm of what was expected: intercept 0, slope 1. A
slope below 1 says that the forecast tells places apart more than they were: too much where much was expected, too
little where little was. Above 1 it tells them apart too little.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST_REPORTS", "HEIGHTS", "height_bins", "recalibrated"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST_REPORTS = 10
"""With fewer reports there is no slope."""

HEIGHTS = 32
"""Bins of the height of the forecast; each is narrow enough that its middle stands for it."""

STEPS = 40


def height_bins(mean: Floats) -> tuple[Ints, Floats]:
    """The bin of each expected number by its logarithm, and the height of each bin.

    Parameters
    ----------
    mean : array of float, shape (n,)
        Expected reports; those of 0 are in bin -1, as no slope speaks of what was called impossible.

    Returns
    -------
    bins : array of int, shape (n,)
    height : array of float, shape (HEIGHTS,)
        Mean of the logarithm, each expected report counting the same; 0 for a bin that holds nothing.

    Notes
    -----
    Bins hold about the same number of expected reports each, so that they are narrow where those are.
    """
    found = np.full(mean.size, -1, dtype=np.int64)
    some = mean > 0
    if not some.any():
        return found, np.zeros(HEIGHTS)
    given = mean[some]
    order = np.argsort(given, kind="stable")
    reached = np.cumsum(given[order])
    bins = np.empty(given.size, dtype=np.int64)
    bins[order] = np.minimum((reached - given[order] / 2) / reached[-1] * HEIGHTS, HEIGHTS - 1).astype(
        np.int64
    )
    found[some] = bins
    held = np.bincount(bins, weights=given, minlength=HEIGHTS)
    height = np.bincount(bins, weights=given * np.log(given), minlength=HEIGHTS)
    return found, np.divide(height, held, out=np.zeros(HEIGHTS), where=held > 0)


def recalibrated(expected: Floats, observed: Floats, height: Floats) -> tuple[Floats, Floats]:
    """Intercept and slope of the logarithm of observed on that of expected counts.

    Parameters
    ----------
    expected, observed : array of float, shape (..., bins)
        Sums of what was expected and of what came, by bin of the expected number.
    height : array of float, shape (bins,)
        Logarithm of the expected number that stands for each bin.

    Returns
    -------
    intercept, slope : array of float, shape (...)
        NaN where they are not defined: nothing came, or all was expected at one height, or all came at the ends.

    Notes
    -----
    Cox (1958), Two further applications of a model for binary regression, Biometrika 45, and Miller, Hui and Tierney
    (1991), Validation techniques for logistic regression models, Statistics in Medicine 10, for slope and intercept.
    Estimated by Poisson pseudo maximum likelihood, which needs the mean alone to be right and not how counts scatter
    about it (Gourieroux, Monfort and Trognon 1984, Pseudo maximum likelihood methods: applications to Poisson models,
    Econometrica 52): so it is the same for negative binomial counts, and the bootstrap tells how they scatter.

    With ``log mu = a + b h`` the intercept is known for each slope. What is left is one equation: the mean height of
    what came is the mean height of what was expected, tilted by ``exp((b - 1) h)``. It rises in b, so Newton's method
    with halving finds its only root.
    """
    with np.errstate(all="ignore"):
        wanted = np.sum(observed * height, axis=-1) / np.sum(observed, axis=-1)
        held = expected > 0
        lowest = np.where(held, height, np.inf).min(axis=-1)
        highest = np.where(held, height, -np.inf).max(axis=-1)
        defined = (wanted > lowest) & (wanted < highest)
        low, high = np.full(wanted.shape, -20.0), np.full(wanted.shape, 20.0)
        tilt = np.zeros(wanted.shape)
        for _ in range(STEPS):
            gap, slope = _tilted(expected, height, tilt, wanted)
            low, high = np.where(gap < 0, tilt, low), np.where(gap > 0, tilt, high)
            step = tilt - gap / slope
            tilt = np.where((step > low) & (step < high), step, (low + high) / 2)
            if not np.any(np.abs(gap[defined]) > 1e-10):
                break
        middle = np.where(np.isfinite(wanted), wanted, 0.0)
        tilted = np.sum(expected * np.exp(tilt[..., None] * (height - middle[..., None])), axis=-1)
        intercept = np.log(np.sum(observed, axis=-1)) - np.log(tilted) - tilt * middle
    defined &= np.abs(tilt) < 19.9
    return np.where(defined, intercept, np.nan), np.where(defined, 1 + tilt, np.nan)


def _tilted(expected: Floats, height: Floats, tilt: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """Mean height under a tilt less the one that is wanted, and how fast that changes: the variance of the height."""
    power = tilt[..., None] * height
    weight = expected * np.exp(power - power.max(axis=-1, keepdims=True))
    weight = weight / weight.sum(axis=-1, keepdims=True)
    mean = np.sum(weight * height, axis=-1)
    variance = np.sum(weight * (height - mean[..., None]) ** 2, axis=-1)
    return mean - wanted, np.maximum(variance, 1e-12)
