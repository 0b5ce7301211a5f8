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

__all__ = ["FEWEST_FOLDS", "Calibration", "tally"]

Floats = npt.NDArray[np.float64]

FEWEST_FOLDS = 4
"""With fewer past periods nothing is recalibrated, and nothing is said of what all cells have in common."""

WIDTH = 0.25
"""Width of a bin of the forecast's height, in nats: a factor of 1.28."""

LOWEST = -21.0
HIGHEST = 7.0
BINS = round((HIGHEST - LOWEST) / WIDTH)

PRIOR = 20.0
"""Expected reports that each bin is given beforehand at the ratio of the whole: few reports move little."""

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
        Logarithms of raw and recalibrated means, both strictly increasing; between them the map is linear, beyond
        them the ratio stays. None (k = 0) changes nothing.
    size : float
        Negative binomial size of a cell's count where the common factor is 1; infinite is Poisson.
    common : float
        Variance of the factor that all cells of a period have in common.

    Notes
    -----
    Isotonic regression (Barlow, Bartholomew, Bremner and Brunk 1972) of what was reported on what was expected, by
    bins of the expected, as for probabilities in Zadrozny and Elkan (2002), "Transforming classifier scores into
    accurate multiclass probability estimates", KDD. It is interpolated, so that no two cells tie that did not: the
    map changes how high a cell is, not which is higher. The scatter is by moments about the recalibrated means, as
    Breslow (1984), "Extra-Poisson variation in log-linear models", Applied Statistics 33; counts are Poisson with means
    m f g, where f is the period's and g the cell's own, both with mean 1. Beyond Poisson, the squared relative error is
    ``(1 + var f) (1 + var g) - 1`` in a cell and ``(1 + var f) (1 + c var g) - 1`` in all, where c is the sum of the
    squared shares of the cells; both are measured, which gives both variances.
    """

    x: Floats
    y: Floats
    size: float = np.inf
    common: float = 0.0

    @classmethod
    def none(cls, *, size: float = np.inf) -> Calibration:
        """The one that changes nothing."""
        return cls(np.zeros(0), np.zeros(0), size)

    @classmethod
    def fit(cls, tallies: Floats) -> Calibration:
        """Learn from past periods.

        Parameters
        ----------
        tallies : array of float, shape (n_periods, 6, 112)
            As `tally` gives them, of forecasts that were made before what they are about.
        """
        x, y = _isotonic(tallies.sum(axis=0))
        found = cls(x, y)
        return cls(x, y, *_scatter(tallies, found._ratio(tallies.sum(axis=0))))

    def apply(self, mean: Floats, *, periods: float = 1.0) -> Floats:
        """Recalibrated means, shape (n_cells,); 0 stays 0.

        Parameters
        ----------
        mean : array of float, shape (n_cells,)
        periods : float
            How many times as long as those that were learned from the period is.
        """
        if self.x.size == 0:
            return mean
        held = mean > 0
        height = np.log(mean / periods, out=np.zeros(mean.shape), where=held)
        return np.where(held, mean * np.exp(self._shift(height)), 0.0)

    def _shift(self, height: Floats) -> Floats:
        return np.asarray(np.interp(height, self.x, self.y - self.x), dtype=np.float64)

    def _ratio(self, sums: Floats) -> Floats:
        """Recalibrated over raw mean by bin, shape (112,)."""
        if self.x.size == 0:
            return np.ones(sums.shape[1])
        held = sums[1] > 0
        height = np.log(np.divide(sums[1], sums[0], out=np.ones(sums.shape[1]), where=held))
        return np.exp(self._shift(height))


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
    x, y = np.log(centre), np.log(level)
    # Interpolated between the blocks it sums to a little else than it should.
    expected = np.sum(mean * np.exp(np.interp(np.log(mean / cells), x, y - x)))
    return x, y + np.log((seen.sum() + PRIOR) / (mean.sum() + PRIOR) * mean.sum() / expected)


def _scatter(tallies: Floats, ratio: Floats) -> tuple[float, float]:
    _, mean, _, mean2, product, seen2 = tallies.sum(axis=0)
    square = float(np.sum(ratio**2 * mean2))
    reported = tallies[:, 2].sum(axis=1)
    whole = _levelled(tallies[:, 1] @ ratio, tallies[:, 1].sum(axis=1), reported)
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


def _levelled(whole: Floats, expected: Floats, reported: Floats) -> Floats:
    """Totals of past forecasts, each brought to the level of those before it alone: as wrong as the next one may be.

    Brought to the level of all of them, they would be right on average, which the next one is not where the level
    drifts.
    """
    shaped = whole * (expected.sum() + PRIOR) / (reported.sum() + PRIOR)
    seen = np.concatenate([[0.0], np.cumsum(reported)[:-1]]) + PRIOR
    told = np.concatenate([[0.0], np.cumsum(shaped)[:-1]]) + PRIOR
    return np.asarray(shaped * seen / told, dtype=np.float64)
