"""Counts: where reports were, there they are expected again. Every other method has to beat the best of these."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from peelian.errors import UsageError
from peelian.methods.base import Method, days_of, window_of, with_background
from peelian.methods.smoothing import (
    FEWEST_REPORTS,
    chosen_level,
    decay,
    decayed_shares,
    half_life_days,
    held_out,
    reports_a_day,
)
from peelian.places.counts import Counts
from peelian.places.periods import Period
from peelian.units import Frequency

__all__ = ["CountMap", "DecayedCounts", "SeasonalNaive", "luck_of"]

Floats = npt.NDArray[np.float64]

LEAST = 0.01
MOST = 0.99

HALF_LIVES = ("8w", "13w", "26w", "52w", "104w", "208w", None)
"""Of the pattern of places, among which one is chosen."""

HALF_LIFE = "104w"
"""Where the past is too short to choose."""

YEAR = 365.2425


def luck_of(by_cell: npt.ArrayLike, *, scatter: float = 1.0) -> float:
    """Share of the variance of cells' counts that Poisson scatter alone would give, from 0.01 to 0.99.

    Parameters
    ----------
    by_cell : array, shape (n_cells,)
        Counts over the same time, of cells taken as equal; they may be weighted by age.
    scatter : float
        Variance of a weighted count over its mean: the sum of squared weights over the sum of weights, each over all
        reports. 1 for plain counts.

    Notes
    -----
    With counts that are Poisson about rates of mean m and variance A, counts have variance m + A, and the best linear
    estimate of a rate moves the count towards m by the share m / (m + A) (Robbins 1956; Marshall 1991).
    """
    counts = np.asarray(by_cell, dtype=np.float64)
    variance = float(np.var(counts, ddof=1)) if counts.size > 1 else 0.0
    if variance <= 0:
        return LEAST  # one cell, or all alike: there is nothing to move
    return float(np.clip(scatter * np.mean(counts) / variance, LEAST, MOST))


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

    References
    ----------
    Chainey, Tompson and Uhlig (2008), "The utility of hotspot mapping for predicting spatial patterns of
    crime", Security Journal 21: thematic mapping of grid cells. Clayton and Kaldor (1987), "Empirical Bayes estimates
    of age-standardized relative risks for use in disease mapping", Biometrics 43, and Marshall (1991), "Mapping disease
    and mortality rates using empirical Bayes estimators", Applied Statistics 40: the share by moments.
    """

    name = "count_map"
    title = "Count map"
    counting = True

    def __init__(self, *, window: str | None = "1y", background: float | None = None) -> None:
        self.window = window
        self.background = background

    def _update(self, counts: Counts) -> None:
        past = window_of(counts, self.window)
        days = days_of(past.periods)
        self.background_ = luck_of(past.by_cell) if self.background is None else self.background
        self.rate_ = with_background(past.by_cell / days.sum(), past.grid, self.background_)
        self.window_ = past.periods

    def _mean(self, period: Period) -> Floats:
        return self.rate_ * period.days

    def _terms(self, period: Period) -> dict[str, Floats]:
        return _terms(self._mean(period), self.background_, self.grid_.area, "reports here in the window")


class DecayedCounts(Method):
    """Each cell's reports, the older the less they count, less what of the height is luck.

    Where no half-life is given, two are chosen from the past: one for the pattern of places, which changes slowly, and
    one for the whole area's rate, which may not.

    Parameters
    ----------
    half_life : str or None
        Such as ``"52w"``, for the pattern and for the rate; None (the default) chooses both.
    background : float, optional
        As in `CountMap`. The share of luck is that of weighted counts.

    Attributes
    ----------
    half_life_, level_ : str or None
        Of the pattern and of the rate; None is no decay.
    background_ : float
    rate_ : array of float, shape (n_cells,)
        Expected reports per day.

    References
    ----------
    Brown (1963), "Smoothing, forecasting and prediction of discrete time series", and Hyndman and Athanasopoulos
    (2021), "Forecasting: principles and practice", 3rd edition, chapter 8, for exponential smoothing; Bowers, Johnson
    and Pease (2004), "Prospective hot-spotting", British Journal of Criminology 44, for places. The share of luck as in
    `CountMap`, Marshall (1991).
    """

    name = "decayed_counts"
    title = "Decayed counts"
    counting = True

    def __init__(self, *, half_life: str | None = None, background: float | None = None) -> None:
        self.half_life = half_life
        self.background = background

    def chosen(self) -> dict[str, Any]:
        """The half-lives, None for no decay."""
        return {"half_life": self.half_life_, "level": self.level_}

    def _tune(self, counts: Counts) -> None:
        given = self.half_life
        self.half_life_ = _best_half_life(counts) if given is None else given
        self.level_ = chosen_level(counts) if given is None else given

    def _update(self, counts: Counts) -> None:
        weight = decayed_shares(counts, self.half_life_)
        weighted = np.asarray(counts.matrix @ weight, dtype=np.float64)
        scatter = float(weight**2 @ counts.by_period)
        self.background_ = luck_of(weighted, scatter=scatter) if self.background is None else self.background
        rate = weighted * reports_a_day(counts, self.level_)
        self.rate_ = with_background(rate, counts.grid, self.background_)

    def _mean(self, period: Period) -> Floats:
        return self.rate_ * period.days

    def _terms(self, period: Period) -> dict[str, Floats]:
        return _terms(
            self._mean(period), self.background_, self.grid_.area, "reports here, the latest counting most"
        )


def _terms(mean: Floats, background: float, area: Floats, here: str) -> dict[str, Floats]:
    even = background * mean.sum() * area / area.sum()
    return {here: np.maximum(mean - even, 0.0), "the whole area's average": np.minimum(even, mean)}


def _best_half_life(counts: Counts) -> str | None:
    """The half-life that gives held-out reports the highest likelihood, given how many there were in all."""
    runs = held_out(counts.periods)
    if not runs or counts.by_period[runs[0][0] :].sum() < FEWEST_REPORTS:
        return HALF_LIFE
    matrix = counts.matrix.tocsr()
    active = np.flatnonzero(np.diff(matrix.indptr))
    columns = matrix[active].tocsc()
    cells, even = len(counts.grid), counts.grid.area[active] / counts.grid.area.sum()
    first = runs[0][0]
    lives = np.array([half_life_days(h) for h in HALF_LIVES])
    before = np.array([decay(counts.periods[:first], h) for h in HALF_LIVES])
    state = np.array([columns[:, :first] @ w for w in before])
    squared = before**2 @ counts.by_period[:first]
    score = np.zeros(lives.size)
    for i, j in runs:
        observed = np.asarray(columns[:, i:j].sum(axis=1), dtype=np.float64).ravel()
        seen = np.flatnonzero(observed)
        for k in range(lives.size):
            total = state[k].sum()
            if total > 0:
                luck = _luck(state[k], cells, scatter=squared[k] / total)
                share = (1 - luck) * state[k, seen] / total + luck * even[seen]
                score[k] += np.sum(observed[seen] * np.log(share))
        kept = np.exp2(-int((counts.periods.edges[j] - counts.periods.edges[i]).astype(int)) / lives)
        state = kept[:, None] * state + observed
        squared = kept**2 * squared + observed.sum()
    return HALF_LIVES[int(np.argmax(score))]


def _luck(active: Floats, cells: int, *, scatter: float) -> float:
    """`luck_of` where all other cells have nothing."""
    mean = float(active.sum()) / cells
    variance = (float(np.sum(active**2)) - cells * mean**2) / max(cells - 1, 1)
    return float(np.clip(scatter * mean / variance, LEAST, MOST)) if variance > 0 else LEAST


class SeasonalNaive(Method):
    """What was reported at the same time of the past years.

    Parameters
    ----------
    years : int or None
        How many past years; None (the default) is all that are known.
    margin : str
        How far around the same time of the year, each way, such as ``"4w"``. Periods that are longer than it take their
        own season alone: a month the same months.
    background : float, optional
        As in `CountMap`.

    Notes
    -----
    With less than a year of past, all of it is taken; so it is where nothing was reported in the season.

    References
    ----------
    Hyndman and Athanasopoulos (2021), "Forecasting: principles and practice", 3rd edition, section 5.2: the seasonal
    naive method. The share of luck as in `CountMap`, Marshall (1991).
    """

    name = "seasonal_naive"
    title = "Same season of past years"
    counting = True

    def __init__(
        self, *, years: int | None = None, margin: str = "4w", background: float | None = None
    ) -> None:
        self.years = years
        self.margin = margin
        self.background = background

    def _update(self, counts: Counts) -> None:
        if self.years is not None and self.years < 1:
            msg = f"{self.years} years were given; expected at least 1"
            raise UsageError(msg, hint="years=1")
        self.past_ = counts.matrix
        self.periods_ = counts.periods
        self.grid_ = counts.grid

    def _mean(self, period: Period) -> Floats:
        weight = self._season(period)
        by_cell = np.asarray(self.past_ @ weight, dtype=np.float64)
        background = luck_of(by_cell) if self.background is None else self.background
        rate = by_cell / float(weight @ days_of(self.periods_))
        return with_background(rate, self.grid_, background) * period.days

    def _season(self, period: Period) -> Floats:
        """Weights of 1 for the periods of the season, shape (n_periods,)."""
        edges = self.periods_.edges.astype(np.int64).astype(np.float64)
        middle = (edges[1:] + edges[:-1]) / 2
        margin = Frequency.parse(self.margin).days
        reach = period.days / 2 + (margin if period.days <= margin else 0.0)
        centre = (int(period.start.astype(np.int64)) + int(period.end.astype(np.int64))) / 2
        # A season lies years back, and only what is past can be in it.
        back = (centre - middle) / YEAR
        year = np.round(back)
        within = (np.abs(back - year) * YEAR <= reach) & (year >= 1)
        if self.years is not None:
            within &= year < year[within].min(initial=np.inf) + self.years
        weight = within.astype(np.float64)
        return weight if (self.past_ @ weight).sum() > 0 else np.ones(weight.size)
