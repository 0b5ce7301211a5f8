"""Counts on a study area: their places at a grid's nodes, and smoothing that loses nothing over the border."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from peelian.methods.smoothing.nodes import LINEAR_VARIANCE, gaussian_smooth, linear_bin, nodes_of
from peelian.places.counts import Counts, Points
from peelian.places.grid import Grid

__all__ = ["ADDED_VARIANCE", "EdgeCorrected", "binned", "binned_by_period", "narrowed"]

Floats = npt.NDArray[np.float64]

CELL_VARIANCE = 1 / 12
"""Variance in squared cells of a point that lies anywhere in a cell."""

ADDED_VARIANCE = LINEAR_VARIANCE - CELL_VARIANCE
"""What linear binning adds beyond that."""


def binned(counts: Counts, weight: Floats) -> tuple[Floats, float]:
    """Weighted incidents at the nodes, and the variance that binning added beyond a cell's own.

    Parameters
    ----------
    weight : array of float, shape (n_periods,)

    Returns
    -------
    image : array of float, shape (rows, columns)
        By linear binning where exact points are known, otherwise by cell.
    added : float
        In squared cells.
    """
    grid, points = counts.grid, counts.points
    if points is None:
        return grid.image(counts.matrix @ weight, fill=0.0), 0.0
    x, y = _node_units(points, grid)
    # Points are sorted by time: those of a period are a run.
    many = np.diff(np.searchsorted(points.time, counts.periods.edges.astype(points.time.dtype)))
    image = linear_bin(x, y, shape=grid.shape, weight=np.repeat(weight, many), inside=_inside(grid))
    return image, ADDED_VARIANCE


def binned_by_period(counts: Counts) -> tuple[sparse.csc_array, float]:
    """As `binned`, each period by itself: a sparse array of shape (rows * columns, n_periods)."""
    grid, points = counts.grid, counts.points
    shape = (grid.shape[0] * grid.shape[1], len(counts.periods))
    if points is None:
        node = (grid.rows * grid.shape[1] + grid.columns)[counts.matrix.indices]
        values = counts.matrix.data.astype(np.float64)
        return sparse.csc_array((values, node, counts.matrix.indptr), shape=shape), 0.0
    nodes, parts = np.empty((len(points), 4), dtype=np.int32), np.empty((len(points), 4))
    x, y = _node_units(points, grid)
    nodes_of(x, y, _inside(grid), nodes, parts)
    ends = 4 * np.searchsorted(points.time, counts.periods.edges.astype(points.time.dtype))
    return sparse.csc_array((parts.ravel(), nodes.ravel(), ends), shape=shape), ADDED_VARIANCE


def _node_units(points: Points, grid: Grid) -> tuple[Floats, Floats]:
    return points.x / grid.side - (grid.ix0 + 0.5), points.y / grid.side - (grid.iy0 + 0.5)


def _inside(grid: Grid) -> npt.NDArray[np.bool_]:
    return np.asarray(grid.image(np.ones(len(grid)), fill=0.0) > 0)


class EdgeCorrected:
    """Gaussian smoothing of what lies at a grid's nodes such that all that each node gives stays in the study area.

    Parameters
    ----------
    grid : Grid
    sigma : float
        Standard deviation in cells, at least 0.

    References
    ----------
    Jones (1993), "Simple boundary correction for kernel density estimation", Statistics and Computing 3; Diggle
    (2010), "Nonparametric methods", in Gelfand et al. (eds.), Handbook of Spatial Statistics, chapter 18: each
    incident's kernel is divided by its mass within the area.
    """

    def __init__(self, grid: Grid, sigma: float) -> None:
        self.sigma = sigma
        self._node = grid.rows * grid.shape[1] + grid.columns
        self._share = grid.image(grid.area / (grid.cell / 1000.0) ** 2, fill=0.0)
        self._kept = gaussian_smooth(self._share, sigma=sigma)

    def __call__(self, image: Floats) -> Floats:
        """By cell, shape (n_cells,), with the same total as `image`, which is at least 0 everywhere."""
        given = np.divide(image, self._kept, out=np.zeros(image.shape), where=image > 0)
        smooth = given if self.sigma == 0 else gaussian_smooth(given, sigma=self.sigma)
        spread = (self._share * smooth).ravel()[self._node]
        total = spread.sum()
        # Rounding apart, the sums agree already.
        return np.asarray(spread * (image.sum() / total) if total > 0 else spread, dtype=np.float64)


def narrowed(bandwidth: float, *, cell: float, added: float) -> float:
    """Standard deviation in cells that is left to smooth by, of a bandwidth in metres, after what binning added."""
    return float(np.sqrt(max((bandwidth / cell) ** 2 - added, 0.0)))
