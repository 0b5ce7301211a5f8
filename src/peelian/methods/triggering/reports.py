"""Counted reports as a process of points: places in metres and times in days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.places.counts import Counts

__all__ = ["Reports", "reports_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EVENLY = (0.7548776662466927, 0.5698402909980532)
"""Steps whose multiples, less the whole, fill a square evenly (Roberts 2018)."""


@dataclass(frozen=True, eq=False)
class Reports:
    """Counted reports in metres from the corner of a grid and days from the start of the periods.

    Parameters
    ----------
    x, y : array of float, shape (n,)
    t : array of float, shape (n,)
        Where the records don't tell the time within a day or a period, its middle.
    cell : array of int, shape (n,)
    resolution : float
        Days within which the records don't tell which was first.
    days : float
        Length of the periods together.
    """

    x: Floats
    y: Floats
    t: Floats
    cell: Ints
    resolution: float
    days: float


def reports_of(counts: Counts) -> Reports:
    """Exact places and times where they are known, otherwise places anywhere in the cells and the periods' middles."""
    grid, edges = counts.grid, counts.periods.edges
    days = float((edges[-1] - edges[0]).astype(int))
    if counts.points is None:
        part = counts.matrix.tocoo()
        many = part.data.astype(np.int64)
        cell = np.repeat(part.row, many).astype(np.int64)
        period = np.repeat(part.col, many).astype(np.int64)
        order = np.argsort(period, kind="stable")
        cell, period = cell[order], period[order]
        # Anywhere in the cell, evenly: all in one point would be follow-ups of no width.
        at = np.arange(cell.size)
        x = (grid.columns[cell] + (0.5 + at * EVENLY[0]) % 1) * grid.cell
        y = (grid.rows[cell] + (0.5 + at * EVENLY[1]) % 1) * grid.cell
        t, resolution = _middles(counts)[period], counts.periods.frequency.days
        return Reports(_floats(x), _floats(y), t, cell, resolution, days)
    points = counts.points
    # To the millimetre: the same numbers wherever the grid's own origin is.
    x = _floats(np.round((points.x / grid.side - grid.ix0) * grid.cell, 3))
    y = _floats(np.round((points.y / grid.side - grid.iy0) * grid.cell, 3))
    t = _floats((points.time - edges[0].astype(points.time.dtype)) / np.timedelta64(1, "D"))
    cell = grid.locate(points.x, points.y)
    if np.any(t % 1 != t[0] % 1):
        return Reports(x, y, t, cell, 0.0, days)
    frequency, period = counts.periods.frequency, counts.periods.locate(points.time)
    if frequency.days > 1 and np.unique(t).size == np.unique(period).size < t.size:
        return Reports(x, y, _middles(counts)[period], cell, frequency.days, days)
    return Reports(x, y, np.floor(t) + 0.5, cell, 1.0, days)


def _floats(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _middles(counts: Counts) -> Floats:
    edges = (counts.periods.edges - counts.periods.edges[0]).astype(np.float64)
    return np.asarray((edges[1:] + edges[:-1]) / 2, dtype=np.float64)
