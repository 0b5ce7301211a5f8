"""The grid of a workspace: inside its areas, or where there are none around its points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from peelian.errors import NotEnoughDataError, UsageError
from peelian.places.areas import Areas
from peelian.places.crs import check_points
from peelian.places.grid import Grid

__all__ = ["study_grid"]


def study_grid(
    *,
    crs: str,
    cell: float,
    areas: Areas | None = None,
    x: npt.ArrayLike | None = None,
    y: npt.ArrayLike | None = None,
) -> Grid:
    """The cells to count in: those that share area with `areas`, else all that cover the points.

    Parameters
    ----------
    crs : str
        A projected CRS, of the grid and of `x` and `y`.
    cell : float
        Side of a cell in metres.
    areas : Areas, optional
        The study area, in any CRS.
    x, y : array of float, shape (n,), optional
        Places of accepted incidents in CRS units. Beside areas they serve as a check: most must be near them.

    Raises
    ------
    UsageError
        Neither areas nor points, or `x` and `y` of different lengths.
    NotEnoughDataError
        Not one point has a place.
    CRSError
        The CRS is not projected, or most points can't be in it, or are not near the areas: the message says
        whether they look like degrees, like feet given as metres, or as if x and y were swapped.
    DataError
        More than 20 million cells: one point far off is enough, which a quarantine should have caught.
    """
    if areas is None and (x is None or y is None):
        msg = "a grid was asked for without areas and without points"
        raise UsageError(msg, hint="import records first, or give areas")
    px = np.asarray([] if x is None else x, dtype=float)
    py = np.asarray([] if y is None else y, dtype=float)
    if px.shape != py.shape:
        msg = f"x of shape {px.shape} and y of shape {py.shape} were given; expected one of each a point"
        raise UsageError(msg)
    if areas is not None:
        moved = areas.to_crs(crs)
        union = moved.union()
        grid = Grid.inside(union, crs=crs, cell=cell)
        check_points(px, py, crs, bounds=union.bounds)
        return grid
    known = np.isfinite(px) & np.isfinite(py)
    if not known.any():
        msg = f"{px.size} points were given, of which none has a place"
        raise NotEnoughDataError(msg, hint="import records with places, or give areas")
    check_points(px, py, crs)
    px, py = px[known], py[known]
    return Grid.covering((px.min(), py.min(), px.max(), py.max()), crs=crs, cell=cell)
