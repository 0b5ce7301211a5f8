"""The count map: where reports were, there they are expected again. Every other method has to beat it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from peelian.methods.base import Method, days_of, in_window, spread_of, window_of, with_background
from peelian.places.counts import Counts
from peelian.places.periods import Period

__all__ = ["CountMap"]


class CountMap(Method):
    """Each cell's average over the past year.

    Parameters
    ----------
    window : str or None
        How far back, such as ``"1y"`` or ``"26w"``; None is all of the past.
    background : float
        Share of the expected total that is spread evenly over the area, so that no place is called
        impossible.

    Attributes
    ----------
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
    crime", Security Journal 21: thematic mapping of grid cells.
    """

    name = "count_map"
    title = "Count map"

    def __init__(self, *, window: str | None = "1y", background: float = 0.01) -> None:
        self.window = window
        self.background = background

    def _fit(self, counts: Counts) -> None:
        past = window_of(counts, self.window)
        days = days_of(past.periods)
        self.rate_ = with_background(past.by_cell / days.sum(), past.grid, self.background)
        self.window_ = past.periods
        self.size_, self.common_ = spread_of(counts, weigh=lambda periods: in_window(periods, self.window))

    def _mean(self, period: Period) -> npt.NDArray[np.float64]:
        return self.rate_ * period.days
