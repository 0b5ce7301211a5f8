"""What every method is: parameters in ``__init__``, work in ``fit``, a `Surface` from ``predict``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods.surface import Surface
from peelian.places.counts import Counts, count_incidents
from peelian.places.grid import Grid
from peelian.places.periods import Period, Periods
from peelian.records.incidents import Incidents
from peelian.units import Frequency

__all__ = ["Method", "days_of", "negative_binomial_size", "window_of", "with_background"]


class Method(BaseEstimator, ABC):  # type: ignore[misc]
    """Base of all forecasting methods.

    A subclass stores its parameters in ``__init__`` and nothing else, implements `_fit` and `_mean`, and
    states its source in its docstring. Fitted attributes end in ``_``.

    Attributes
    ----------
    grid_ : Grid
    trained_on_ : Periods
        The periods that it has seen; it can forecast any period after them.
    size_ : float
        Negative binomial size of the predictive distribution; infinite where counts are no wider than
        Poisson.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    def fit(
        self, data: Counts | Incidents, *, grid: Grid | None = None, periods: Periods | None = None
    ) -> Self:
        """Learn from the past.

        Parameters
        ----------
        data : Counts or Incidents
            Incidents are counted first, which takes `grid` and `periods`.

        Raises
        ------
        NotEnoughDataError
            There is not one period or not one incident to learn from.
        """
        if isinstance(data, Incidents):
            if grid is None or periods is None:
                msg = "incidents were given without a grid and periods to count them in"
                raise UsageError(msg, hint="method.fit(incidents, grid=grid, periods=periods)")
            data = count_incidents(data, grid, periods)
        elif grid is not None or periods is not None:
            msg = "counts bring their own grid and periods, but others were given beside them"
            raise UsageError(msg, hint="method.fit(counts)")
        if len(data.periods) == 0 or data.total == 0:
            msg = (
                f"{data.total} incidents in {len(data.periods)} periods were given to learn from; "
                "expected at least one of each"
            )
            raise NotEnoughDataError(msg, hint="choose another category, or import more records")
        self.grid_ = data.grid
        self.trained_on_ = data.periods
        self.size_ = np.inf
        self._fit(data)
        return self

    def predict(self, period: Period) -> Surface:
        """Expected reports by cell in a period after those that were learned from.

        Raises
        ------
        UsageError
            The period begins before the end of what was learned from: that would be no forecast.
        """
        check_is_fitted(self, "grid_")
        if period.start < self.trained_on_.end:
            msg = f"a forecast of {period} was asked of records up to {self.trained_on_.end}"
            raise UsageError(msg, hint="fit on counts.before(period.start)")
        mean = self._mean(period)
        return Surface(self.grid_, period, mean, self.size_, self.name, self.origin())

    def origin(self) -> dict[str, Any]:
        """Method, parameters and the span learned from: what it takes to make the result again."""
        check_is_fitted(self, "grid_")
        parameters = {k: v.item() if isinstance(v, np.generic) else v for k, v in self.get_params().items()}
        return {
            "method": self.name,
            "parameters": parameters,
            "trained_from": str(self.trained_on_.start),
            "trained_to": str(self.trained_on_.end),
            "frequency": str(self.trained_on_.frequency),
        }

    @abstractmethod
    def _fit(self, counts: Counts) -> None:
        """Set the fitted attributes."""

    @abstractmethod
    def _mean(self, period: Period) -> npt.NDArray[np.float64]:
        """Expected reports in each cell, shape (n_cells,)."""


def window_of(counts: Counts, window: str | None) -> Counts:
    """The latest part of `counts` that spans `window`, such as ``"52w"``; everything when it is None.

    With less past than the window, all of it is used; rates are per day, so nothing is scaled wrongly.

    Raises
    ------
    NotEnoughDataError
        Nothing was reported in it.
    """
    found = counts
    if window is not None:
        start = Frequency.parse(window).add(counts.periods.end, -1)
        found = counts.last(max(int(np.sum(counts.periods.edges[:-1] >= start)), 1))
    if found.total == 0:
        msg = (
            f"0 incidents were reported in the last {len(found.periods)} periods, {found.periods.start} "
            f"up to {found.periods.end}; expected at least one to learn from"
        )
        raise NotEnoughDataError(msg, hint="use a longer window, such as 156w, or another category")
    return found


def days_of(periods: Periods) -> npt.NDArray[np.float64]:
    """Length of each period in days, shape (n_periods,)."""
    return np.diff(periods.edges).astype(np.float64)


def with_background(mean: npt.NDArray[np.float64], grid: Grid, background: float) -> npt.NDArray[np.float64]:
    """Spread a small share of the expected total evenly over the area, so that no place is called impossible.

    Parameters
    ----------
    mean : array of float, shape (n_cells,)
        Expected reports by cell.
    background : float
        Share of the total that is spread by area, at least 0 and below 1.

    Returns
    -------
    array of float, shape (n_cells,)
        The same total. Cells of one size keep their order.

    Raises
    ------
    UsageError
        `background` is no such share.
    """
    if not 0 <= background < 1:
        msg = f"a background of {background} was given; expected a share of at least 0 and below 1"
        raise UsageError(msg, hint="background=0.01")
    even = mean.sum() * grid.area / grid.area.sum()
    return np.asarray((1 - background) * mean + background * even, dtype=np.float64)


def negative_binomial_size(
    counts: Counts, mean: npt.NDArray[np.float64], *, weight: npt.NDArray[np.float64] | None = None
) -> float:
    """Method-of-moments size r of a negative binomial around per-period means, variance = mean + mean^2 / r.

    Parameters
    ----------
    mean : array of float, shape (n_cells,)
        Mean per period of each cell.
    weight : array of float, shape (n_periods,), optional
        How much each period's scatter counts; all the same when it is not given.

    Returns
    -------
    float
        At least 0.05; infinite where counts vary no more than Poisson does.

    Notes
    -----
    Breslow (1984), "Extra-Poisson variation in log-linear models", Applied Statistics 33, pooled over cells,
    with the sums taken over a sparse matrix. The scatter is measured in sample, around means that were
    learned from the same periods: it is a little too small, and r a little too large, where a mean follows
    few periods closely.
    """
    w = np.ones(len(counts.periods)) if weight is None else weight
    matrix = counts.matrix.astype(np.float64)
    n = float(w.sum())
    squares = float(matrix.power(2).sum(axis=0) @ w)
    cross = float((matrix @ w) @ mean)
    square = n * float(np.sum(mean**2))
    excess = squares - 2 * cross + square - n * float(mean.sum())
    if excess <= 0:
        return float(np.inf)
    return max(square / excess, 0.05)
