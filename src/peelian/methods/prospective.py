"""Prospective hot spots: reports count the less the farther and the longer ago they were, and soon not at all."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from peelian.errors import UsageError
from peelian.methods.base import Method, with_background
from peelian.methods.smoothing import FEWEST_REPORTS, chosen_level, held_out, reports_a_day
from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.places.periods import Period
from peelian.units import Frequency, parse_length

__all__ = ["ProspectiveHotSpots", "risk_intensity"]

Floats = npt.NDArray[np.float64]

BACKGROUND = 0.2
"""Share of area where the past is too short to choose one."""

TRIED = np.round(np.geomspace(0.01, 0.99, 40), 4)
"""Shares of area that are tried."""

SECONDS_A_WEEK = 7 * 86400.0


class ProspectiveHotSpots(Method):
    """Prospective hot-spotting: recent reports nearby, weighted by the inverse of distance and of age.

    Each report within the bandwidth and the span of time adds ``1 / (1 + c) * 1 / (1 + t)`` to a cell, where c is the
    distance from the report to the cell's centre in half cells, and t its age in weeks at the end of what was learned
    from. The sums rank places; to be a forecast they are scaled to the number of reports that is expected in all, and a
    share is spread by area, for there are reports where none were of late.

    Parameters
    ----------
    bandwidth : float or str
        Farthest distance in metres, or text such as ``"0.25 mi"``. A report counts in its own cell at any bandwidth.
    span : str
        Greatest age, such as ``"2mo"``.
    background : float, optional
        Share of the expected total that is spread by area. None (the default) chooses the one that would have given the
        latest year's reports, each week's from those before it, the highest likelihood.

    Attributes
    ----------
    background_ : float
    level_ : str or None
        Half-life of the whole area's rate.
    intensity_ : array of float, shape (n_cells,)
        The sums, which have no unit.
    rate_ : array of float, shape (n_cells,)
        Expected reports per day.

    Notes
    -----
    Where only the cells of reports are known, they are taken to their centres, and to the middles of their periods.
    Distance and age are not rounded to whole half cells and weeks, so that no place's number jumps with them.

    References
    ----------
    Bowers, Johnson and Pease (2004), "Prospective hot-spotting: the future of crime mapping?", British Journal of
    Criminology 44: the sum, a bandwidth of 400 m and a span of two months. Johnson, Birks, McLaughlin, Bowers and Pease
    (2007), "Prospective crime mapping in operational context", Home Office online report 19/07.
    """

    name = "prospective_hot_spots"
    title = "Prospective hot spots"

    def __init__(
        self, *, bandwidth: float | str = 400.0, span: str = "2mo", background: float | None = None
    ) -> None:
        self.bandwidth = bandwidth
        self.span = span
        self.background = background

    def chosen(self) -> dict[str, Any]:
        """The share spread by area, and the half-life of the rate, None for no decay."""
        return {"background": self.background_, "level": self.level_}

    def _tune(self, counts: Counts) -> None:
        self.level_ = chosen_level(counts)
        self.background_ = self._best(counts) if self.background is None else self.background

    def _best(self, counts: Counts) -> float:
        runs = held_out(counts.periods)
        if not runs or counts.by_period[runs[0][0] :].sum() < FEWEST_REPORTS:
            return BACKGROUND
        even = counts.grid.area / counts.grid.area.sum()
        score = np.zeros(TRIED.size)
        for i, j in runs:
            intensity = self._intensity(counts[:i])
            observed = counts[i:j].by_cell
            seen = np.flatnonzero(observed)
            share = intensity[seen] / max(intensity.sum(), 1e-300)
            mixed = np.outer(1 - TRIED, share) + np.outer(TRIED, even[seen])
            score += np.sum(observed[seen] * np.log(mixed), axis=1)
        return float(TRIED[int(np.argmax(score))])

    def _intensity(self, counts: Counts) -> Floats:
        days = Frequency.parse(self.span).days
        edges = counts.periods.edges.astype(np.int64)
        first = int(np.searchsorted(edges, edges[-1] - days, side="right")) - 1
        recent = counts[max(first, 0) :]
        x, y, weeks, number = _reports(recent)
        kept = weeks * 7 <= days
        return risk_intensity(
            x[kept],
            y[kept],
            weeks[kept],
            number[kept],
            grid=counts.grid,
            bandwidth=parse_length(self.bandwidth),
        )

    def _update(self, counts: Counts) -> None:
        self.intensity_ = self._intensity(counts)
        total = float(self.intensity_.sum())
        area = counts.grid.area / counts.grid.area.sum()
        # With nothing of late, nothing is known but how much there may be in all.
        share = self.intensity_ / total if total > 0 else area
        rate = reports_a_day(counts, self.level_)
        self.rate_ = with_background(rate * share, counts.grid, self.background_)

    def _mean(self, period: Period) -> Floats:
        return self.rate_ * period.days

    def _terms(self, period: Period) -> dict[str, Floats]:
        mean = self._mean(period)
        area = self.grid_.area / self.grid_.area.sum()
        even = np.minimum(self.background_ * mean.sum() * area, mean)
        near = f"reports within {parse_length(self.bandwidth):.0f} m in the last {self.span}"
        return {near: mean - even, "the whole area's average": even}


def _reports(counts: Counts) -> tuple[Floats, Floats, Floats, Floats]:
    """x and y in cells from the grid's corner, age in weeks at the end, and number."""
    grid, points = counts.grid, counts.points
    if points is None:
        edges = counts.periods.edges.astype(np.int64).astype(np.float64)
        middle = np.repeat((edges[1:] + edges[:-1]) / 2, np.diff(counts.matrix.indptr))
        cell = counts.matrix.indices
        x, y = (at[cell].astype(np.float64) + 0.5 for at in (grid.columns, grid.rows))
        weeks = np.asarray((edges[-1] - middle) / 7, dtype=np.float64)
        return x, y, weeks, counts.matrix.data.astype(np.float64)
    end = counts.periods.end.astype("datetime64[s]")
    age = (end - points.time.astype("datetime64[s]")).astype(np.float64)
    x, y = points.x / grid.side - grid.ix0, points.y / grid.side - grid.iy0
    return x, y, age / SECONDS_A_WEEK, np.ones(len(points))


def risk_intensity(
    x: Floats, y: Floats, weeks: Floats, number: Floats, *, grid: Grid, bandwidth: float
) -> Floats:
    """Sum over reports of ``number / (1 + c) / (1 + t)`` at each cell's centre.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        In cells from the south-western corner of the grid.
    weeks : array of float, shape (n,)
        Age t, at least 0.
    number : array of float, shape (n,)
        How many reports each stands for.
    grid : Grid
    bandwidth : float
        In metres, above 0. Beyond it a report adds nothing, but to its own cell.

    Returns
    -------
    array of float, shape (n_cells,)
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        msg = (
            f"{int(np.sum(~np.isfinite(x + y)))} reports without a place were given; expected finite x and y"
        )
        raise UsageError(msg)
    image = np.zeros(grid.shape)
    _add(x, y, number / (1 + weeks), bandwidth / grid.cell, image)
    return np.asarray(image[grid.rows, grid.columns], dtype=np.float64)


@numba.njit(cache=True)
def _add(x: Floats, y: Floats, weight: Floats, reach: float, image: Floats) -> None:
    rows, columns = image.shape
    for i in range(x.size):
        at_column, at_row = int(np.floor(x[i])), int(np.floor(y[i]))
        west, east = (
            max(int(np.ceil(x[i] - 0.5 - reach)), 0),
            min(int(np.floor(x[i] - 0.5 + reach)), columns - 1),
        )
        south, north = (
            max(int(np.ceil(y[i] - 0.5 - reach)), 0),
            min(int(np.floor(y[i] - 0.5 + reach)), rows - 1),
        )
        own = False
        for r in range(south, north + 1):
            up = (r + 0.5 - y[i]) ** 2
            for c in range(west, east + 1):
                square = (c + 0.5 - x[i]) ** 2 + up
                if square <= reach * reach:
                    image[r, c] += weight[i] / (1 + 2 * np.sqrt(square))
                    own |= r == at_row and c == at_column
        if not own and 0 <= at_row < rows and 0 <= at_column < columns:
            square = (at_column + 0.5 - x[i]) ** 2 + (at_row + 0.5 - y[i]) ** 2
            image[at_row, at_column] += weight[i] / (1 + 2 * np.sqrt(square))
