"""What every method is: parameters in ``__init__``, work in ``fit``, a `Surface` from ``predict``."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods.calibration import FEWEST_FOLDS, HALF_LIFE, WIDEST, Calibration, tally
from peelian.methods.surface import Surface
from peelian.places.counts import Counts, count_incidents
from peelian.places.grid import Grid
from peelian.places.periods import Period, Periods
from peelian.records.incidents import Incidents
from peelian.units import Frequency

__all__ = [
    "Method",
    "anchor",
    "calibration_of",
    "days_of",
    "first_fold",
    "in_window",
    "latest",
    "negative_binomial_size",
    "rolled",
    "tuned_on",
    "window_of",
    "with_background",
]

Floats = npt.NDArray[np.float64]

FOLDS = 52
"""Latest periods whose forecasts tell how high the next should be, and how far it may be off."""

TUNED_EVERY = 182.625
"""Days after which what is costly to choose is chosen anew: half a year."""


class Method(BaseEstimator, ABC):  # type: ignore[misc]
    """Base of all forecasting methods.

    A subclass stores its parameters in ``__init__`` and nothing else, implements `_update` and `_mean`, and states its
    source in its docstring; what is costly to choose it chooses in `_tune`. Fitted attributes end in ``_``.

    Attributes
    ----------
    grid_ : Grid
    trained_on_ : Periods
        The periods that it has seen; it can forecast any period after them.
    gap_ : int
        Periods between those and the one that its errors were measured for.
    calibration_ : Calibration
        From its own forecasts of past periods, each made from what was known before.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    counting: ClassVar[bool] = False
    """Whether it only counts: one of those that every other method is measured by."""

    def fit(
        self,
        data: Counts | Incidents,
        *,
        grid: Grid | None = None,
        periods: Periods | None = None,
        gap: int = 0,
    ) -> Self:
        """Learn from the past.

        Parameters
        ----------
        data : Counts or Incidents
            Incidents are counted first, which takes `grid` and `periods`.
        gap : int
            Periods that will lie between what is learned from and what is forecast, because reports arrive late: past
            forecasts, which tell of the next one's errors, are made with the same gap.

        Raises
        ------
        NotEnoughDataError
            There is not one period or not one incident to learn from.
        UsageError
            A gap below 0: it would be learned from what is to be forecast.
        """
        _check_gap(gap)
        counts = _counted(data, grid, periods)
        self.grid_ = counts.grid
        self.trained_on_ = counts.periods
        self.gap_ = gap
        self.calibration_ = self._learn(counts, gap)
        return self

    def from_other(self, counts: Counts) -> Self:
        """The same method after other records of the same cells and periods, in a small part of a whole fit's time.

        What was tuned stays as it is, and so does what past forecasts told: this is for asking what a few records more
        or fewer would do, and not for a forecast.

        Parameters
        ----------
        counts : Counts
            Of the grid and the periods that were learned from.

        Raises
        ------
        UsageError
            Of another grid or other periods.
        """
        if counts.periods != self.trained_on_ or counts.grid != self.grid_:
            msg = f"counts of other cells or periods were given than {self.name} was fitted on"
            raise UsageError(msg, hint="fit it on these")
        other = deepcopy(self, {id(self.grid_): self.grid_})
        other._update(counts)
        return other

    def predict(self, period: Period) -> Surface:
        """Expected reports by cell in a period after those that were learned from.

        Raises
        ------
        UsageError
            The period begins before the end of what was learned from: that would be no forecast.
        """
        self._check_ahead(period)
        return self.calibrated(self._mean(period), period, self.calibration_)

    def calibrated(self, mean: Floats, period: Period, calibration: Calibration) -> Surface:
        """The surface of a raw mean, shape (n_cells,), after what past forecasts tell."""
        return Surface(
            self.grid_,
            period,
            calibration.apply(mean, periods=period.days / self.trained_on_.frequency.days),
            calibration.size,
            self.name,
            self.origin(),
            calibration.common,
        )

    def explain(self, period: Period) -> pd.DataFrame:
        """What made each cell's number: one column a term, one row a cell, in expected reports.

        The rows sum to the means of ``predict(period)``. What past forecasts tell, the recalibration, raises or lowers
        all terms of a cell alike.
        """
        self._check_ahead(period)
        terms = pd.DataFrame(self._terms(period))
        raw = self._mean(period)
        told = self.calibrated(raw, period, self.calibration_).mean
        ratio = np.divide(told, raw, out=np.ones(raw.shape), where=raw > 0)
        return terms.mul(ratio, axis=0)

    def origin(self) -> dict[str, Any]:
        """Method, parameters and the span learned from: what it takes to make the result again."""
        check_is_fitted(self, "grid_")
        return {
            "method": self.name,
            "parameters": self.parameters(),
            "chosen": self.chosen(),
            "trained_from": str(self.trained_on_.start),
            "trained_to": str(self.trained_on_.end),
            "frequency": str(self.trained_on_.frequency),
        }

    def parameters(self) -> dict[str, Any]:
        """What it was made with, as JSON has it."""
        return {name: _plain(value) for name, value in self.get_params(deep=False).items()}

    def chosen(self) -> dict[str, Any]:
        """What was chosen from the past where a parameter left it open, as JSON has it."""
        return {}

    def _check_ahead(self, period: Period) -> None:
        check_is_fitted(self, "grid_")
        if period.start < self.trained_on_.end:
            msg = f"a forecast of {period} was asked of records up to {self.trained_on_.end}"
            raise UsageError(msg, hint="fit on counts.before(period.start)")

    def _learn(self, counts: Counts, gap: int) -> Calibration:
        """Take in the past, and what forecasts of it would have been."""
        n = len(counts.periods)
        tuned: dict[int, Method] = {}
        past = rolled(self, counts, first=first_fold(n, gap), last=n, gap=gap, tuned=tuned)
        tallies = [tally(mean, counts.column(i)) for i, mean in past]
        part = tuned_on(counts)
        if (done := tuned.get(part)) is not None:
            for name, value in vars(done).items():
                if name.endswith("_") and name != "trained_on_":
                    setattr(self, name, value)
        else:
            self._tune(counts[:part])
        self._update(counts)
        return calibration_of(tallies, counts, gap)

    def _tune(self, counts: Counts) -> None:
        """Choose what is costly to choose; of few reports, something that makes sense. By default there is nothing."""

    @abstractmethod
    def _update(self, counts: Counts) -> None:
        """Take in the past, with what was tuned kept as it is. It runs once a past period: it is to be cheap."""

    @abstractmethod
    def _mean(self, period: Period) -> Floats:
        """Expected reports in each cell before recalibration, shape (n_cells,)."""

    def _terms(self, period: Period) -> dict[str, Floats]:
        """`_mean` taken apart, in plain words; all of one where there is nothing to take apart."""
        return {"reports so far": self._mean(period)}


def _plain(value: Any) -> Any:
    if isinstance(value, Method):
        return {"method": value.name, "parameters": value.parameters()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def _counted(data: Counts | Incidents, grid: Grid | None, periods: Periods | None) -> Counts:
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
    return data


def anchor(periods: Periods) -> int:
    """How many of the first periods are tuned on: whole half-years of them, so that many origins share a tuning.

    Of less than half a year, the largest power of two.
    """
    n = len(periods)
    step = max(1, round(TUNED_EVERY / periods.frequency.days))
    return n // step * step if n >= step else 1 << max(n.bit_length() - 1, 0)


def tuned_on(counts: Counts, n: int | None = None) -> int:
    """How many of the first periods are tuned on when `n` are known, all of them where those hold no report."""
    n = len(counts.periods) if n is None else n
    part = anchor(counts.periods[:n])
    return part if counts.matrix.indptr[part] > 0 else n


def first_fold(n: int, gap: int) -> int:
    """The first of the latest periods that is forecast from those before it: the earlier half is only learned from."""
    return max(n - FOLDS, (n + gap + 1) // 2)


def rolled(
    method: Method,
    counts: Counts,
    *,
    first: int,
    last: int,
    gap: int = 0,
    tuned: dict[int, Method] | None = None,
) -> Iterator[tuple[int, Floats]]:
    """Raw means of past periods, each from what was known before it: ``fit`` as it would have been then.

    Parameters
    ----------
    method : Method
        Is not changed.
    counts : Counts
    first, last : int
        Periods ``[first, last)`` of `counts` are forecast.
    gap : int
        Periods before each that were not known yet.
    tuned : dict, optional
        Takes what was tuned, by how many of the first periods it was tuned on.

    Yields
    ------
    int, array of float, shape (n_cells,)
        Index of the period, and its means. A period before which there was nothing to learn from is left out.

    Raises
    ------
    UsageError
        A gap below 0.
    """
    _check_gap(gap)
    known = {} if tuned is None else tuned
    for i in range(max(first, gap + 1), last):
        past = counts[: i - gap]
        if past.total == 0:
            continue
        n = tuned_on(past)
        worker = known.get(n)
        if worker is None:
            part = counts[:n]
            worker = known[n] = clone(method)
            worker.grid_, worker.gap_ = counts.grid, gap
            worker.trained_on_ = part.periods
            worker._tune(part)
        worker.trained_on_ = past.periods
        try:
            worker._update(past)
        except NotEnoughDataError:
            continue  # nothing within the method's window
        yield i, worker._mean(counts.periods[i])


def _check_gap(gap: int) -> None:
    if gap < 0:
        msg = f"a gap of {gap} periods was given; expected at least 0"
        raise UsageError(msg, hint="gap=0 where every report is in by the end of its period")


def calibration_of(tallies: Sequence[Floats], counts: Counts, gap: int) -> Calibration:
    """What past forecasts tell; of too few of them, only how far each cell's counts scatter about their average."""
    if len(tallies) < FEWEST_FOLDS:
        return Calibration.none(size=negative_binomial_size(counts))
    # Weeks and days alike change within weeks; of months it takes a few.
    half_life = max(HALF_LIFE, HALF_LIFE * 7 / counts.periods.frequency.days)
    return Calibration.fit(np.array(tallies), gap=gap, half_life=half_life)


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
        raise NotEnoughDataError(msg, hint="choose another category, or import later records of this one")
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


def negative_binomial_size(counts: Counts) -> float:
    """Method-of-moments size r of a negative binomial around each cell's average, variance = mean + mean^2 / r.

    Returns
    -------
    float
        At least 0.05; infinite where counts vary no more than Poisson does.

    Notes
    -----
    Breslow (1984), "Extra-Poisson variation in log-linear models", Applied Statistics 33, pooled over cells, with the
    sums taken over a sparse matrix. The scatter is divided by its degrees of freedom and the variance of the average is
    taken off its square, so that neither is biased.
    """
    values = counts.matrix.astype(np.float64)
    n = len(counts.periods)
    if n < 2:
        return float(np.inf)
    own = np.asarray(values.sum(axis=1)).ravel() / n
    variance = (float(values.power(2).sum()) - n * float(np.sum(own**2))) / (n - 1)
    above = variance - float(own.sum())
    square = float(np.sum(own**2)) - variance / n
    if above <= 0:
        return float(np.inf)
    return max(square / above, 1 / WIDEST)
