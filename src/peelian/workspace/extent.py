"""Where incidents lie: the study area of a workspace that was given no area file."""

from __future__ import annotations

from peelian.places import Grid
from peelian.records import IncidentStore

__all__ = ["extent_of", "footprint"]

Bounds = tuple[float, float, float, float]


def extent_of(store: IncidentStore) -> Bounds | None:
    """``(xmin, ymin, xmax, ymax)`` of the stored incidents in CRS units; None when there are none."""
    table = store.table()
    ends = table.aggregate(
        x0=table.x.min(), y0=table.y.min(), x1=table.x.max(), y1=table.y.max()
    ).to_pyarrow()
    x0, y0, x1, y1 = (ends[name][0].as_py() for name in ("x0", "y0", "x1", "y1"))
    return None if x0 is None else (float(x0), float(y0), float(x1), float(y1))


def footprint(store: IncidentStore, bounds: Bounds, *, crs: str, cell: float) -> Grid:
    """The cells with an incident of any category and those around them.

    A rectangle around all incidents would be mostly empty land or water, and every method would look good on it.
    """
    import numpy as np
    from scipy.ndimage import binary_dilation

    x0, y0, x1, y1 = bounds
    side = Grid.covering(bounds, crs=crs, cell=cell).side
    whole = Grid.covering((x0 - side, y0 - side, x1 + side, y1 + side), crs=crs, cell=cell)
    table = store.table()
    places = table.select("x", "y").distinct().to_pyarrow()
    found = whole.locate(places["x"].to_numpy(), places["y"].to_numpy())
    share = np.zeros(len(whole))
    share[found] = 1.0
    near = binary_dilation(share.reshape(whole.shape) > 0, structure=np.ones((3, 3), dtype=bool))
    return Grid(whole.crs, whole.cell, whole.ix0, whole.iy0, whole.shape, near.ravel().astype(float))
