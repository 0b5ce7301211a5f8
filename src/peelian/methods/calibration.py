"""What past forecasts tell about the next: how high they should have been, and how far counts scatter about them.

A forecast of a past period and what was then reported are kept as a *tally*: sums over the cells whose forecasts were
about as high. Tallies are small, they add up over periods, and everything here is made from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import isotonic_regression

from peelian.errors import DataError

__all__ = ["FEWEST_FOLDS", "HALF_LIFE", "Calibration", "tally"]

Floats = npt.NDArray[np.float64]

FEWEST_FOLDS = 4
"""With fewer past periods nothing is recalibrated, and nothing is said of what all cells have in common."""

WIDTH = 0.25
"""Width of a bin of the forecast's height, in nats: a factor of 1.28."""

LOWEST = -21.0
HIGHEST = 7.0
BINS = round((HIGHEST - LOWEST) / WIDTH)

PRIOR = 20.0
"""Expected reports that each bin is given beforehand at the ratio of the whole, and the whole at that of 1."""

HALF_LIFE = 6.0
"""Past periods after which one counts half for the level. Of Chicago and Portland, four to eight did best."""

WIDEST = 20.0
"""Most that the squared scatter beyond Poisson may be of the squared mean."""


def tally(mean: Floats, observed: npt.NDArray[np.int64]) -> Floats:
    """Sums over cells by height of the forecast.

    Parameters
    ----------
    mean : array of float, shape (n_cells,)
        Expected reports.
    observed : array of int, shape (n_cells,)
        What was reported.

    Returns
    -------
    array of float, shape (6, 112)
        Of 1, mean, observed, mean squared, mean times observed, and observed squared.

    Raises
    ------
    DataError
        A mean is no finite number of at least 0.
    """
    bad = int(np.count_nonzero(~(np.isfinite(mean) & (mean >= 0))))
    if bad:
        msg = f"{bad} of {mean.size} cells were expected to have no finite number of at least 0 in a past period"
        raise DataError(msg, hint="fit it on more incidents, or use CountMap")
    with np.errstate(divide="ignore"):
        height = np.log(mean)
    bins = np.clip((height - LOWEST) / WIDTH, 0, BINS - 1).astype(np.int64)
    seen = np.flatnonzero(observed)
    at, m, o = bins[seen], mean[seen], observed[seen].astype(np.float64)
    return np.array(
        [
            np.bincount(bins, minlength=BINS).astype(np.float64),
            np.bincount(bins, weights=mean, minlength=BINS),
            np.bincount(at, weights=o, minlength=BINS),
            np.bincount(bins, weights=mean**2, minlength=BINS),
            np.bincount(at, weights=m * o, minlength=BINS),
            np.bincount(at, weights=o**2, minlength=BINS),
        ]
    )


@dataclass(frozen=True, eq=False)
class Calibration:
    """A monotone map from a method's raw mean to a recalibrated one, and the scatter about it.

    Parameters
    ----------
    x, y : arrays of float, shape (k,)
        Logarithms of levelled and of recalibrated means, both strictly increasing; between them the map is linear,
        beyond them the ratio stays. None (k = 0) changes nothing.
    size : float
        Negative binomial size of a cell's count where the common factor is 1; infinite is Poisson.
    common : float
        Variance of the factor that all cells of a period have in common.
    level : float
        What the total is multiplied by.

    Notes
    -----
    How high the whole is and how that is shared out are told apart. The level is what was lately reported over what was
    lately expected, with weights that halve every `HALF_LIFE` periods: a method whose memory is long lags when reports
    become more or fewer, and what it lagged a year ago says nothing about now. For the shape, each past forecast is
    first brought to the level around it.

    The shape is an isotonic regression (Barlow, Bartholomew, Bremner and Brunk 1972) of what was reported on what was
    expected, by bins of the expected, as for probabilities in Zadrozny and Elkan (2002), "Transforming classifier
    scores into accurate multiclass probability estimates", KDD. It is interpolated, so that no two cells tie that did
    not: the map changes how high a cell is, not which is higher. The scatter is by moments about the recalibrated
    means, as Breslow (1984), "Extra-Poisson variation in log-linear models", Applied Statistics 33; counts are Poisson
    with means m f g, where f is the period's and g the cell's own, both with mean 1. Beyond Poisson, the squared
    relative error is ``(1 + var f) (1 + var g) - 1`` in a cell and ``(1 + var f) (1 + c var g) - 1`` in all, where c is
    the sum of the squared shares of the cells; both are measured, which gives both variances.
    """

    x: Floats
    y: Floats
    size: float = np.inf
    common: float = 0.0
    level: float = 1.0

    @classmethod
    def none(cls, *, size: float = np.inf) -> Calibration:
        """The one that changes nothing."""
        return cls(np.zeros(0), np.zeros(0), size)

    @classmethod
    def fit(cls, tallies: Floats, *, gap: int = 0, half_life: float = HALF_LIFE) -> Calibration:
        """Learn from past periods.

        Parameters
        ----------
        tallies : array of float, shape (n_periods, 6, 112)
            As `tally` gives them, of forecasts that were made before what they are about, the latest last.
        gap : int
            Periods before each forecast of which nothing was known: the error of the level is measured so.
        half_life : float
            Of the level, in periods.
        """
        # Cells that were called impossible stay so: what was reported there is left out throughout.
        tallies = np.where(tallies[:, 1:2] > 0, tallies, 0.0)
        expected, reported = tallies[:, 1].sum(axis=1), tallies[:, 2].sum(axis=1)
        shape = cls(*_isotonic(_by_height(_at_level(tallies, _around(expected, reported, half_life)))))
        before = _before(expected, reported, half_life)
        # As they would have been told: at the level of all of them they would be right on average, which the next
        # one is not where the level drifts.
        told = _at_level(tallies, np.concatenate([np.ones(gap), before])[: expected.size])
        return cls(shape.x, shape.y, *_scatter(told, shape._ratios(told)), float(before[-1]))

    def apply(self, mean: Floats, *, periods: float = 1.0) -> Floats:
        """Recalibrated means, shape (n_cells,); 0 stays 0.

        Parameters
        ----------
        mean : array of float, shape (n_cells,)
        periods : float
            How many times as long as those that were learned from the period is.
        """
        held = mean > 0
        if self.x.size == 0 or not held.any():
            return mean
        height = np.log(mean * (self.level / periods), out=np.zeros(mean.shape), where=held)
        shaped = np.where(held, mean * np.exp(self._shift(height)), 0.0)
        return np.asarray(shaped * (self.level * mean.sum() / shaped.sum()), dtype=np.float64)

    def _shift(self, height: Floats) -> Floats:
        return np.asarray(np.interp(height, self.x, self.y - self.x), dtype=np.float64)

    def _ratios(self, tallies: Floats) -> Floats:
        """Recalibrated over levelled mean by period and bin, shape (n_periods, 112): no period's total changes."""
        cells, mean = tallies[:, 0], tallies[:, 1]
        if self.x.size == 0:
            return np.ones(mean.shape)
        height = np.log(np.divide(mean, cells, out=np.ones(mean.shape), where=mean > 0))
        ratio = np.exp(self._shift(height))
        total, shaped = mean.sum(axis=1), np.sum(ratio * mean, axis=1)
        scale = np.divide(total, shaped, out=np.ones(total.shape), where=shaped > 0)
        return np.asarray(ratio * scale[:, None], dtype=np.float64)


def _before(expected: Floats, reported: Floats, half_life: float) -> Floats:
    """Level before each period and after the last, of those before it alone, shape (n_periods + 1,)."""
    kept = 0.5 ** (1 / half_life)
    levels, came, due = [1.0], 0.0, 0.0
    for r, e in zip(reported.tolist(), expected.tolist(), strict=True):
        came, due = came * kept + r, due * kept + e
        levels.append((came + PRIOR) / (due + PRIOR))
    return np.array(levels)


def _around(expected: Floats, reported: Floats, half_life: float) -> Floats:
    """Level around each period, of those before and after it and its own, shape (n_periods,)."""
    i = np.arange(expected.size)
    weight = 0.5 ** (np.abs(i[:, None] - i) / half_life)
    return np.asarray((weight @ reported + PRIOR) / (weight @ expected + PRIOR), dtype=np.float64)


def _at_level(tallies: Floats, level: Floats) -> Floats:
    """The same with all means multiplied by the period's level."""
    one = np.ones(level.size)
    return tallies * np.stack([one, level, one, level**2, level, one], axis=1)[:, :, None]


def _by_height(tallies: Floats) -> Floats:
    """Sums over all periods by height, shape (6, 112); cells of one bin in each period stay together."""
    cells, mean = tallies[:, 0].ravel(), tallies[:, 1].ravel()
    height = np.log(np.divide(mean, cells, out=np.full(mean.shape, np.exp(LOWEST)), where=mean > 0))
    bins = np.clip((height - LOWEST) / WIDTH, 0, BINS - 1).astype(np.int64)
    parts = [
        np.bincount(bins, weights=tallies[:, k].ravel(), minlength=BINS) for k in range(tallies.shape[1])
    ]
    return np.array(parts)


def _isotonic(sums: Floats) -> tuple[Floats, Floats]:
    cells, mean, seen = sums[:3]
    held = mean > 0
    if not held.any():
        return np.zeros(0), np.zeros(0)
    cells, mean, seen = cells[held], mean[held], seen[held]
    whole = (seen.sum() + PRIOR) / (mean.sum() + PRIOR)
    wanted = mean / cells * (seen + PRIOR * whole) / (mean + PRIOR)
    fitted = isotonic_regression(wanted, sample_weight=cells)
    block = np.concatenate([[0], np.cumsum(np.diff(fitted) > 0)])
    centre = np.bincount(block, weights=mean) / np.bincount(block, weights=cells)
    level = fitted[np.concatenate([[True], np.diff(block) > 0])]
    return np.log(centre), np.log(level)


def _scatter(tallies: Floats, ratio: Floats) -> tuple[float, float]:
    """Negative binomial size of a cell, and variance of what all have in common.

    Parameters
    ----------
    tallies : array of float, shape (n_periods, 6, 112)
        At the level of the periods before each alone.
    ratio : array of float, shape (n_periods, 112)
        Recalibrated over levelled mean.
    """
    mean, mean2, product, seen2 = (tallies[:, k] for k in (1, 3, 4, 5))
    square = float(np.sum(ratio**2 * mean2))
    reported, whole = tallies[:, 2].sum(axis=1), np.sum(ratio * mean, axis=1)
    squares = float(np.sum(whole**2))
    if square <= 0 or squares <= 0:
        return float(np.inf), 0.0
    beyond = float(np.sum(seen2 - 2 * ratio * product - ratio * mean)) + square
    cell = min(max(beyond / square, 0.0), WIDEST)
    together = max(float(np.sum((reported - whole) ** 2 - whole)) / squares, 0.0)
    concentration = square / squares
    over = (1 + cell) / (1 + together)
    rest = 1 - concentration * over
    own = 0.0 if over <= 1 else min((over - 1) / rest, cell) if rest > 0 else cell
    common = max((1 + together) / (1 + concentration * own) - 1, 0.0)
    return (1 / own if own > 0 else float(np.inf)), common
