"""The count map: where reports were, there they are expected again. Every other method has to beat it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from peelian.methods.base import Method, days_of, in_window, spread_of, window_of, with_background
from peelian.places.counts import Counts
from peelian.places.periods import Period

__all__ = ["CountMap", "luck_of"]

LEAST = 0.01
MOST = 0.99


def luck_of(by_cell: npt.NDArray[np.int64]) -> float:
    """Share of the variance of cells' counts that Poisson scatter alone would give, from 0.01 to 0.99.

    Parameters
    ----------
    by_cell : array of int, shape (n_cells,)
        Counts over the same time, of cells taken as equal.

    Notes
    -----
    With counts that are Poisson about rates of mean m and variance A, counts have variance m + A, and the best linear
    estimate of a rate moves the count towards m by the share m / (m + A) (Robbins 1956; Marshall 1991).
    """
    variance = float(np.var(by_cell, ddof=1)) if by_cell.size > 1 else 0.0
    if variance <= 0:
        return LEAST  # one cell, or all alike: there is nothing to move
    return float(np.clip(np.mean(by_cell) / variance, LEAST, MOST))


class CountMap(Method):
    """Each cell's average over the past year, less what of its height is luck.

    The cell with the highest count of thousands had the most reports, and also the most luck: next year it has fewer.
    So each average is moved towards the area's, by the share of the cells' variance that Poisson scatter alone would
    give. Cells of equal area keep the order of their counts, and the total is kept.

    Parameters
    ----------
    window : str or None
        How far back, such as ``"1y"`` or ``"26w"``; None is all of the past.
    background : float, optional
        Share of the expected total that is spread evenly over the area, at least 0.01 when it is estimated (the
        default), so that no place is called impossible. 0 gives the plain average.

    Attributes
    ----------
    background_ : float
        The share that was used.
    rate_ : array of float, shape (n_cells,)
        Expected reports per day.
    window_ : Periods
        The periods that the average is over.
    size_ : float
        Negative binomial size by moments over the window.
    common_ : float
        Variance of what all cells have in common, out of sample.

    References
    ----------
    Chainey, Tompson and Uhlig (2008), "The utility of hotspot mapping for predicting spatial patterns of
    crime", Security Journal 21: thematic mapping of grid cells. Clayton and Kaldor (1987), "Empirical Bayes estimates
    of age-standardized relative risks for use in disease mapping", Biometrics 43, and Marshall (1991), "Mapping disease
    and mortality rates using empirical Bayes estimators", Applied Statistics 40: the share by moments.
    """

    name = "count_map"
    title = "Count map"

    def __init__(self, *, window: str | None = "1y", background: float | None = None) -> None:
        self.window = window
        self.background = background

    def _fit(self, counts: Counts) -> None:
        past = window_of(counts, self.window)
        days = days_of(past.periods)
        self.background_ = luck_of(past.by_cell) if self.background is None else self.background
        self.rate_ = with_background(past.by_cell / days.sum(), past.grid, self.background_)
        self.window_ = past.periods
        self.size_, self.common_ = spread_of(counts, weigh=lambda periods: in_window(periods, self.window))

    def _mean(self, period: Period) -> npt.NDArray[np.float64]:
        return self.rate_ * period.days
