"""What is known of places beside reports: how far each cell is from stations, parks or anything else with a shape."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from peelian.errors import CRSError, DataError
from peelian.places.crs import metres_per_unit
from peelian.places.grid import Grid

__all__ = ["distance_to"]


def distance_to(shapes: gpd.GeoDataFrame, grid: Grid) -> npt.NDArray[np.float64]:
    """Distance from the middle of each cell to the nearest of some shapes.

    Parameters
    ----------
    shapes : geopandas.GeoDataFrame
        Points, lines or polygons, with their CRS. Within a polygon the distance is 0.
    grid : Grid

    Returns
    -------
    array of float, shape (n_cells,)
        In km, for ``Counts.features``.

    Raises
    ------
    DataError
        There is no shape.
    CRSError
        The shapes have no CRS, or can't be expressed in that of the grid.

    Notes
    -----
    Distance to features as a covariate of risk by place: Caplan, Kennedy and Miller (2011), "Risk terrain modeling:
    brokering criminological theory and GIS methods for crime forecasting", Justice Quarterly 28.
    """
    known = shapes.geometry[~(shapes.geometry.isna() | shapes.geometry.is_empty)]
    if known.empty:
        msg = f"a table of {len(shapes)} rows without a shape was given; expected at least one shape"
        raise DataError(msg, hint="check the layer of the file, or leave it out")
    if known.crs is None:
        msg = "shapes without a CRS were given"
        raise CRSError(msg, hint="set it: frame.set_crs('EPSG:4326')")
    moved = known.to_crs(grid.crs)
    if not np.isfinite(moved.total_bounds).all():
        msg = f"shapes in {known.crs.to_string()} can't be expressed in {grid.crs}"
        raise CRSError(msg, hint="check that they are from the place of the grid")
    x, y = grid.centres()
    _, away = shapely.STRtree(moved.to_numpy()).query_nearest(
        shapely.points(x, y), return_distance=True, all_matches=False
    )
    return np.asarray(away, dtype=np.float64) * metres_per_unit(grid.crs) / 1000.0
