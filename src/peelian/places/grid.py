"""Square grids in metres on a projected CRS.

Cells are numbered from the CRS's own origin: a cell's id depends on the CRS, the cell size and the place,
never on the data, so that two agencies, two years or two engines name the same square the same way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from peelian.errors import DataError, UsageError
from peelian.places.crs import metres_per_unit, same_crs

__all__ = ["Grid"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MAX_CELLS = 20_000_000
AT_ONCE = 200_000


def side_in_units(crs: str, cell: float) -> float:
    """Side of a cell of `cell` metres in units of a projected CRS."""
    if not 0 < cell < math.inf:
        msg = f"cells of {cell} m were given; expected a length above 0"
        raise UsageError(msg, hint="give the cell's side in metres, such as --cell 250")
    return cell / metres_per_unit(crs)


def _index(x: Floats, side: float) -> Floats:
    """Column (row) of each coordinate, as whole floats.

    Division alone may round a point on an edge to the cell before it when the side has no short binary
    fraction (feet): the edge itself, ``i * side``, decides.
    """
    i: Floats = np.floor(x / side)
    return i + ((i + 1) * side <= x) - (i * side > x)


@dataclass(frozen=True, eq=False)
class Grid:
    """A rectangle of square cells, of which those that touch the study area count.

    Parameters
    ----------
    crs : str
        A projected CRS, such as ``"EPSG:26915"``.
    cell : float
        Side of a cell in metres.
    ix0, iy0 : int
        Column and row of the lower left cell, counted from the CRS's origin.
    shape : (int, int)
        Rows and columns.
    share : array of float, shape (rows * columns,), optional
        Share of each cell's area that lies in the study area, 0 to 1; row by row from the south-west. All
        ones when it is not given. Cells with a share of 0 are no part of the grid.

    Raises
    ------
    CRSError
        The CRS is unknown or not projected.
    UsageError
        No cell, no size, or shares that don't fit.
    DataError
        More than 20 million cells, or not one of them in the study area.
    """

    crs: str
    cell: float
    ix0: int
    iy0: int
    shape: tuple[int, int]
    share: Floats | None = None

    def __post_init__(self) -> None:
        side_in_units(self.crs, self.cell)
        rows, columns = self.shape
        if rows < 1 or columns < 1:
            msg = f"a grid of {rows} x {columns} cells was given; expected at least one cell"
            raise UsageError(msg)
        if rows * columns > MAX_CELLS:
            msg = (
                f"a grid of {rows:,} x {columns:,} cells of {self.cell:g} m was asked for; "
                f"the limit is {MAX_CELLS:,} cells"
            )
            raise DataError(msg, hint="use larger cells, or check that the points and the CRS fit together")
        share = np.ones(rows * columns) if self.share is None else np.asarray(self.share, dtype=float)
        if share.shape != (rows * columns,) or not np.all((share >= 0) & (share <= 1 + 1e-9)):
            msg = (
                f"shares of shape {share.shape} were given for {rows * columns} cells; "
                "expected one a cell, from 0 to 1"
            )
            raise UsageError(msg)
        if not np.any(share > 0):
            msg = "the study area holds not one cell of the grid"
            raise DataError(msg, hint="check the CRS of the areas, or use smaller cells")
        share = np.minimum(share, 1.0)
        share.setflags(write=False)
        object.__setattr__(self, "share", share)

    @classmethod
    def covering(cls, bounds: tuple[float, float, float, float], *, crs: str, cell: float) -> Grid:
        """The smallest grid that covers ``(xmin, ymin, xmax, ymax)`` in CRS units."""
        xmin, ymin, xmax, ymax = (float(b) for b in bounds)
        if not (np.all(np.isfinite(bounds)) and xmin <= xmax and ymin <= ymax):
            msg = f"bounds of {bounds} were given; expected finite (xmin, ymin, xmax, ymax)"
            raise UsageError(msg)
        side = side_in_units(crs, cell)
        (ix0, ix1), (iy0, iy1) = (
            tuple(int(i) for i in _index(np.array(ends), side)) for ends in ((xmin, xmax), (ymin, ymax))
        )
        return cls(crs, float(cell), ix0, iy0, (iy1 - iy0 + 1, ix1 - ix0 + 1))

    @classmethod
    def inside(cls, area: BaseGeometry, *, crs: str, cell: float) -> Grid:
        """The cells that share area with `area`, a valid polygon in CRS units.

        Raises
        ------
        DataError
            The study area is empty, or takes more than 20 million cells.
        """
        if area.is_empty or not area.area > 0:
            msg = "the study area is empty"
            raise DataError(msg, hint="give polygons, not points or lines, as the areas")
        grid = cls.covering(area.bounds, crs=crs, cell=cell)
        cells, share = grid.overlap(area)
        whole = np.zeros(len(grid))
        whole[cells] = share
        return cls(grid.crs, grid.cell, grid.ix0, grid.iy0, grid.shape, whole)

    def overlap(self, area: BaseGeometry) -> tuple[Ints, Floats]:
        """The cells that share area with a polygon, and which share of the whole square it takes.

        Parameters
        ----------
        area : shapely polygon or multipolygon
            Valid, in CRS units.

        Returns
        -------
        cells : array of int, shape (k,)
            Cell numbers, ascending.
        share : array of float, shape (k,)
            From above 0 to 1.
        """
        shapely.prepare(area)
        found, shares = [], []
        for flat in self._near(area.bounds):
            boxes = self._boxes(flat)
            share = np.zeros(flat.size)
            whole = shapely.contains_properly(area, boxes)
            share[whole] = 1.0
            partly = np.flatnonzero(~whole & shapely.intersects(area, boxes))
            cut = shapely.area(shapely.intersection(boxes[partly], area))
            share[partly] = np.minimum(cut / shapely.area(boxes[partly]), 1.0)
            # A sliver narrower than the digits of the coordinates is a touch, not an overlap.
            held = np.flatnonzero(share >= 1e-9)
            found.append(self._compact[flat[held]])
            shares.append(share[held])
        return np.concatenate([np.zeros(0, np.int64), *found]), np.concatenate([np.zeros(0), *shares])

    def _near(self, bounds: tuple[float, float, float, float]) -> Iterator[Ints]:
        """Flat numbers of this grid's cells that touch `bounds`, in runs small enough to hold as shapes."""
        low = _index(np.array(bounds[:2]), self.side) - (self.ix0, self.iy0)
        high = _index(np.array(bounds[2:]), self.side) - (self.ix0, self.iy0)
        # Clipped before it becomes an integer: a polygon may be anywhere.
        c0, r0 = (int(i) for i in np.clip(low - 1, 0, self.shape[::-1]))
        c1, r1 = (int(i) for i in np.clip(high + 2, 0, self.shape[::-1]))
        step = max(AT_ONCE // max(c1 - c0, 1), 1)
        for r in range(r0, r1, step):
            rows = np.arange(r, min(r + step, r1))
            flat = (rows[:, None] * self.shape[1] + np.arange(c0, c1)[None, :]).ravel()
            flat = flat[self._compact[flat] >= 0]
            if flat.size:
                yield flat

    def __len__(self) -> int:
        """Number of cells in the study area."""
        return int(self._flat.size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Grid):
            return NotImplemented
        mine = (self.cell, self.ix0, self.iy0, self.shape)
        theirs = (other.cell, other.ix0, other.iy0, other.shape)
        same = mine == theirs and same_crs(self.crs, other.crs)
        return same and np.array_equal(self._share, other._share)

    __hash__ = None  # type: ignore[assignment]

    @property
    def _share(self) -> Floats:
        assert self.share is not None  # set in __post_init__
        return self.share

    @cached_property
    def _flat(self) -> Ints:
        return np.flatnonzero(self._share > 0)

    @cached_property
    def _compact(self) -> Ints:
        compact = np.full(self._share.size, -1, dtype=np.int64)
        compact[self._flat] = np.arange(self._flat.size)
        return compact

    @property
    def side(self) -> float:
        """Side of a cell in CRS units."""
        return side_in_units(self.crs, self.cell)

    @property
    def area(self) -> Floats:
        """Area of each cell that lies in the study area, in km2, shape (n_cells,)."""
        return self._share[self._flat] * (self.cell / 1000.0) ** 2

    @property
    def rows(self) -> Ints:
        """Row of each cell in the rectangle, from the south, shape (n_cells,)."""
        return self._flat // self.shape[1]

    @property
    def columns(self) -> Ints:
        """Column of each cell in the rectangle, from the west, shape (n_cells,)."""
        return self._flat % self.shape[1]

    @property
    def ids(self) -> npt.NDArray[np.str_]:
        """Stable names of the cells, such as ``"E2954N17112"``, shape (n_cells,)."""
        ix, iy = self.ix0 + self.columns, self.iy0 + self.rows
        return np.array([f"E{i}N{j}" for i, j in zip(ix, iy, strict=True)], dtype=np.str_)

    def centres(self) -> tuple[Floats, Floats]:
        """x and y of the cells' centres in CRS units, each of shape (n_cells,)."""
        side = np.float64(self.side)
        return (self.ix0 + self.columns + 0.5) * side, (self.iy0 + self.rows + 0.5) * side

    def _boxes(self, flat: Ints) -> npt.NDArray[np.object_]:
        ix, iy = self.ix0 + flat % self.shape[1], self.iy0 + flat // self.shape[1]
        # (i + 1) * side, not i * side + side: neighbours share their edge to the last bit.
        boxes: npt.NDArray[np.object_] = shapely.box(
            ix * self.side, iy * self.side, (ix + 1) * self.side, (iy + 1) * self.side
        )
        return boxes

    def polygons(self) -> npt.NDArray[np.object_]:
        """The cells as shapely boxes in CRS units, shape (n_cells,)."""
        return self._boxes(self._flat)

    def bounds(self) -> tuple[float, float, float, float]:
        """(xmin, ymin, xmax, ymax) of the rectangle in CRS units."""
        rows, columns = self.shape
        xmin, ymin = self.ix0 * self.side, self.iy0 * self.side
        return xmin, ymin, (self.ix0 + columns) * self.side, (self.iy0 + rows) * self.side

    def locate_index(self, ix: npt.ArrayLike, iy: npt.ArrayLike) -> Ints:
        """Cell number of absolute column and row indices; -1 outside."""
        c = np.asarray(ix, dtype=np.int64) - self.ix0
        r = np.asarray(iy, dtype=np.int64) - self.iy0
        within = (c >= 0) & (c < self.shape[1]) & (r >= 0) & (r < self.shape[0])
        found = np.full(c.shape, -1, dtype=np.int64)
        found[within] = self._compact[r[within] * self.shape[1] + c[within]]
        return found

    def locate(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Ints:
        """Cell number of each point, -1 outside the study area's cells.

        Parameters
        ----------
        x, y : array of float, shape (n,)
            CRS units. A point on an edge belongs to the cell east and north of it.
        """
        c = _index(np.asarray(x, dtype=float), self.side) - self.ix0
        r = _index(np.asarray(y, dtype=float), self.side) - self.iy0
        # Still floats: a comparison with NaN is false, and far points don't overflow an integer.
        within = (c >= 0) & (c < self.shape[1]) & (r >= 0) & (r < self.shape[0])
        found = np.full(c.shape, -1, dtype=np.int64)
        found[within] = self._compact[(r[within] * self.shape[1] + c[within]).astype(np.int64)]
        return found

    def image(self, values: npt.ArrayLike, *, fill: float = np.nan) -> Floats:
        """Values of the cells as an array of shape (rows, columns), south first.

        Parameters
        ----------
        values : array of float, shape (n_cells,)
        fill : float
            Stands where the study area has no cell.
        """
        values = np.asarray(values, dtype=float)
        if values.shape != (len(self),):
            msg = f"values of shape {values.shape} were given for {len(self)} cells"
            raise UsageError(msg)
        image = np.full(self._share.size, fill)
        image[self._flat] = values
        return image.reshape(self.shape)

    def to_dict(self) -> dict[str, object]:
        """What defines the grid, for a result's origin."""
        return {
            "crs": self.crs,
            "cell_m": self.cell,
            "ix0": self.ix0,
            "iy0": self.iy0,
            "rows": self.shape[0],
            "columns": self.shape[1],
            "cells": len(self),
            "area_km2": round(float(self.area.sum()), 6),
        }
