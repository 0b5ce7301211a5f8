"""What every method is: parameters in ``__init__``, work in ``fit``, a `Surface` from ``predict``."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods.surface import Surface
from peelian.places.counts import Counts, count_incidents
from peelian.places.grid import Grid
from peelian.places.periods import Period, Periods
from peelian.records.incidents import Incidents
from peelian.units import Frequency

__all__ = [
    "Method",
    "days_of",
    "in_window",
    "latest",
    "negative_binomial_size",
    "spread_of",
    "window_of",
    "with_background",
]

Floats = npt.NDArray[np.float64]

CHECKED = 52
"""Latest periods whose forecasts tell how far the whole area's count may be off."""

FEWEST_CHECKED = 4
"""With fewer, nothing is said of it."""


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
        Negative binomial size of each cell beside the common factor; infinite where counts are no wider than
        Poisson.
    common_ : float
        Variance of the factor that all cells of a period have in common; 0 where none is known.
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
        self.common_ = 0.0
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
        return Surface(self.grid_, period, mean, self.size_, self.name, self.origin(), self.common_)

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


def in_window(periods: Periods, window: str | None) -> Floats:
    """Weights of 1 for the whole periods within the last `window`, at least one, and of 0 before, shape (n_periods,).

    Parameters
    ----------
    window : str or None
        Such as ``"52w"`` or ``"1y"``; None is everything. A year is twelve calendar months where the periods are
        months, and 365 days where they are days or weeks: the twelve months, 52 weeks or 365 days before the end.

    Raises
    ------
    UsageError
        It is no such span.
    """
    if window is None:
        return np.ones(len(periods))
    start = _span(window, periods.frequency).add(periods.end, -1)
    start = min(start, periods.edges[max(len(periods) - 1, 0)])
    return np.asarray(periods.edges[:-1] >= start, dtype=np.float64)


def _span(window: str, of: Frequency) -> Frequency:
    years = re.fullmatch(r"\s*([1-9][0-9]?)\s*y\s*", window)
    if years is None:
        return Frequency.parse(window)
    n = int(years[1])
    return Frequency(12 * n, "mo") if of.unit == "mo" else Frequency(365 * n, "d")


def latest(counts: Counts, window: str | None) -> Counts:
    """The whole periods of `counts` within the last `window`, at least one; see `in_window`."""
    return counts.last(int(in_window(counts.periods, window).sum()))


def window_of(counts: Counts, window: str | None) -> Counts:
    """What a method learns from: the `latest` part of `counts`, in which something was reported.

    With less past than the window, all of it is used; rates are per day, so nothing is scaled wrongly.

    Raises
    ------
    NotEnoughDataError
        Nothing was reported in it.
    """
    found = latest(counts, window)
    if found.total == 0:
        msg = (
            f"0 incidents were reported in the last {len(found.periods)} periods, {found.periods.start} "
            f"up to {found.periods.end}; expected at least one to learn from"
        )
        raise NotEnoughDataError(msg, hint="use a longer window, such as 3y, or another category")
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
    counts: Counts, mean: Floats | None = None, *, weight: Floats | None = None
) -> float:
    """Method-of-moments size r of a negative binomial around per-period means, variance = mean + mean^2 / r.

    Parameters
    ----------
    mean : array of float, shape (n_cells,), optional
        Mean per period of each cell; each cell's own average when it is not given.
    weight : array of float, shape (n_periods,), optional
        How much each period's scatter counts; all the same when it is not given.

    Returns
    -------
    float
        At least 0.05; infinite where counts vary no more than Poisson does.

    Notes
    -----
    Breslow (1984), "Extra-Poisson variation in log-linear models", Applied Statistics 33, pooled over cells,
    with the sums taken over a sparse matrix. Around each cell's own average, the scatter is divided by its
    degrees of freedom and the variance of the average is taken off its square, so that neither is biased.
    Around means that are given, the scatter is measured as it is: in sample it is a little too small, and r
    a little too large, where a mean follows few periods closely.
    """
    return _size(_excess(counts.matrix, mean, np.ones(len(counts.periods)) if weight is None else weight))


def _size(excess: float) -> float:
    return 1 / excess if excess > 0 else float(np.inf)


def _excess(matrix: sparse.csc_array, mean: Floats | None, weight: Floats) -> float:
    """Variance beyond Poisson as a share of the squared mean, 1 / r, pooled over rows: 0 to 20."""
    values = matrix.astype(np.float64)
    n = float(weight.sum())
    squares = float(values.power(2).sum(axis=0) @ weight)
    sums = np.asarray(values @ weight)
    if mean is not None:
        square = n * float(np.sum(mean**2))
        above = squares - 2 * float(sums @ mean) + square - n * float(mean.sum())
    else:
        own = sums / n
        # With equal weights this is n - 1 of n.
        freedom = n - float(np.sum(weight**2)) / n
        if freedom < 1e-9 * n:
            return 0.0
        variance = (squares - n * float(np.sum(own**2))) / freedom
        above = variance - float(own.sum())
        square = float(np.sum(own**2)) - variance * (1 - freedom / n)
    if above <= 0:
        return 0.0
    return min(above / square, 20.0) if square > 0 else 20.0


def spread_of(
    counts: Counts, *, weigh: Callable[[Periods], Floats], mean: Floats | None = None
) -> tuple[float, float]:
    """How far counts scatter about what is expected: each cell by itself, and all of a period together.

    Parameters
    ----------
    weigh : callable
        The weights that the method gives the periods that it learns from, at least 0, the last above 0.
    mean : array of float, shape (n_cells,), optional
        Mean per period of each cell; each cell's own weighted average when it is not given.

    Returns
    -------
    size : float
        Negative binomial size of each cell where the common factor is 1, as `negative_binomial_size`, without
        the part of the scatter that the cells' sum shows to be common.
    common : float
        Variance of the common factor, out of sample: from each of the latest up to 52 periods and what the
        weighted mean of those before it expected in all. The earlier half of the past is only learned from.
        0 where fewer than 4 periods can be checked so.

    Notes
    -----
    Counts are Poisson with means m f g, where f is the period's and g the cell's own, both with mean 1. Beyond
    Poisson, the squared relative error is ``(1 + var f) (1 + var g) - 1`` in a cell and ``(1 + var f)
    (1 + c var g) - 1`` in all, where c is the sum of the squared shares of the cells. Both are measured by
    moments, which gives both variances.
    """
    weight = weigh(counts.periods)
    learned = counts.last(len(counts.periods) - int(np.argmax(weight > 0)))
    weight = weight[weight.size - len(learned.periods) :]
    by_cell = np.asarray(learned.matrix @ weight) / weight.sum() if mean is None else mean
    share = by_cell / by_cell.sum()
    concentration = float(np.sum(share**2))
    together = sparse.csc_array(learned.by_period[None, :])
    cell = _excess(learned.matrix, mean, weight)
    whole = _excess(together, None if mean is None else np.array([by_cell.sum()]), weight)
    ratio = (1 + cell) / (1 + whole)
    rest = 1 - concentration * ratio
    own = 0.0 if ratio <= 1 else min((ratio - 1) / rest, cell) if rest > 0 else cell
    size = _size(own)
    ahead = _excess_ahead(counts, weigh)
    return size, max((1 + ahead) / (1 + concentration / size) - 1, 0.0)


def _excess_ahead(counts: Counts, weigh: Callable[[Periods], Floats]) -> float:
    """Squared error of forecasts of the whole area's count beyond Poisson, as a share of the squared mean."""
    n, totals, days = len(counts.periods), counts.by_period, days_of(counts.periods)
    first = max(n - CHECKED, (n + 1) // 2)
    if n - first < FEWEST_CHECKED:
        return 0.0
    expected = np.zeros(n - first)
    for i, t in enumerate(range(first, n)):
        weight = weigh(counts.periods[:t])
        expected[i] = (weight @ totals[:t]) / (weight @ days[:t]) * days[t]
    square = float(np.sum(expected**2))
    above = float(np.sum((totals[first:] - expected) ** 2 - expected))
    return max(above / square, 0.0) if square > 0 else 0.0
