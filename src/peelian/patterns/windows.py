"""The nearest cells of each cell, in order of distance: the bases of the cylinders that a scan looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial import cKDTree

from peelian.errors import DataError, UsageError
from peelian.places.crs import metres_per_unit
from peelian.places.grid import Grid

__all__ = ["Windows", "grid_windows", "point_windows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]

NEAREST = 150
LARGEST = 5_000
"""Most cells in one window: every prefix of a window is looked at."""

ENTRIES = 200_000_000
"""Most entries of all windows together, about 0.8 GB of cell numbers."""

MICROMETRE = 1e-6


@dataclass(frozen=True, eq=False)
class Windows:
    """For each place the places nearest to it, itself first.

    Parameters
    ----------
    near : array of int32, shape (n, k)
        Numbers of places, nearest first; equally near ones from the south-west on (on a grid) or by number (points).
        What stands behind `length` has no meaning.
    length : array of int32, shape (n,)
        How many of them count, at least 1.
    distance : array of float32, shape (n, k)
        Metres from the place.
    """

    near: Small
    length: Small
    distance: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return int(self.length.size)

    def members(self, place: int, k: int) -> Ints:
        """The first `k` places of a window."""
        return self.near[place, :k].astype(np.int64)

    def radius(self, place: int, k: int) -> float:
        """Metres from a place to the farthest of the first `k`."""
        return float(self.distance[place, k - 1])

    def within_share(self, weight: npt.ArrayLike, share: float) -> Windows:
        """Windows cut before they hold more than a share of a weight, such as of what is expected.

        Parameters
        ----------
        weight : array of float, shape (n,)
        share : float
            Above 0, up to 1. A window keeps its own place, whatever that weighs.
        """
        if not 0 < share <= 1:
            msg = f"a share of {share} was given; expected above 0, up to 1"
            raise UsageError(msg, hint="share=0.5")
        weight = np.asarray(weight, dtype=np.float64)
        if weight.shape != (len(self),):
            msg = f"weights of shape {weight.shape} were given for {len(self)} places"
            raise UsageError(msg)
        length = _cut(self.near, self.length, weight, share * weight.sum() * (1 + 1e-12))
        return replace(self, length=length)

    def without(self, taken: npt.NDArray[np.bool_]) -> Windows:
        """Windows cut before the first place that is taken; those of taken places have length 0."""
        return replace(self, length=_cut_taken(self.near, self.length, taken))


def grid_windows(grid: Grid, *, nearest: int = NEAREST, radius: float | None = None) -> Windows:
    """The nearest cells of each cell of a grid, by the distance of their centres.

    Parameters
    ----------
    grid : Grid
    nearest : int
        Most cells in a window, with the cell itself.
    radius : float, optional
        Most metres from the cell's centre.

    Notes
    -----
    On a grid all cells have the same neighbours but for the edge of the study area: the offsets are sorted once.
    """
    k = _check(len(grid), nearest, radius)
    rows, columns = (int(n) for n in grid.shape)
    compact = np.full(rows * columns, -1, dtype=np.int32)
    compact[grid.rows * columns + grid.columns] = np.arange(len(grid), dtype=np.int32)
    near = np.zeros((len(grid), k), dtype=np.int32)
    distance = np.zeros((len(grid), k), dtype=np.float32)
    length = np.zeros(len(grid), dtype=np.int32)
    farthest = math.inf if radius is None else radius / grid.cell
    whole = math.hypot(rows, columns)
    reach = min(math.sqrt(4 * k / math.pi) + 2, farthest, whole)
    todo = np.arange(len(grid), dtype=np.int64)
    while todo.size:
        squared, dr, dc = _offsets(reach, rows, columns)
        _fill(
            todo,
            grid.rows,
            grid.columns,
            dr,
            dc,
            squared,
            compact.reshape(rows, columns),
            near,
            length,
            distance,
        )
        if reach >= min(farthest, whole):
            break
        todo = todo[length[todo] < k]
        reach = min(2 * reach, farthest, whole)
    distance *= np.float32(grid.cell)
    return Windows(near, length, distance)


def point_windows(
    x: npt.ArrayLike, y: npt.ArrayLike, *, crs: str, nearest: int = NEAREST, radius: float | None = None
) -> Windows:
    """The nearest points of each point, such as of the middles of areas.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        CRS units.
    crs : str
    nearest, radius
        As for `grid_windows`.
    """
    places = np.column_stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)])
    places = places * metres_per_unit(crs)
    n = len(places)
    k = _check(n, nearest, radius)
    if not np.isfinite(places).all():
        msg = "places that are not finite were given; every window needs a place"
        raise DataError(msg, hint="leave places without coordinates out, and count them")
    found, at = _nearest(places, k)
    order = np.lexsort((at, found))
    own = at == np.arange(n)[:, None]
    # A place comes first in its own window even where another lies at the same point.
    order = np.lexsort((at, found, ~own))
    near = np.take_along_axis(at, order, axis=1)[:, :k]
    distance = np.take_along_axis(found, order, axis=1)[:, :k]
    length = np.full(n, k) if radius is None else np.maximum((distance <= radius).sum(axis=1), 1)
    return Windows(near.astype(np.int32), length.astype(np.int32), distance.astype(np.float32))


def _nearest(places: Floats, k: int) -> tuple[Floats, Ints]:
    """Distances and numbers of at least the `k` nearest, with all that are as near as the last of them."""
    n = len(places)
    tree = cKDTree(places)
    asked = min(n, k + 8)
    while True:
        away, which = tree.query(places, k=asked)
        found = np.round(np.reshape(away, (n, asked)) / MICROMETRE) * MICROMETRE
        at = np.reshape(which, (n, asked)).astype(np.int64)
        if asked == n or bool(np.all(found[:, -1] > found[:, k - 1])):
            return found, at
        asked = min(n, 2 * asked)


def _check(n: int, nearest: int, radius: float | None) -> int:
    if n == 0:
        msg = "no place was given to look around"
        raise DataError(msg)
    if not 1 <= nearest <= LARGEST:
        msg = f"windows of {nearest} places were asked for; expected from 1 to {LARGEST:,}"
        raise UsageError(msg, hint=f"nearest={NEAREST}")
    if radius is not None and not radius > 0:
        msg = f"a radius of {radius} m was given; expected a length above 0"
        raise UsageError(msg, hint="radius=1000")
    k = min(n, nearest)
    if n * k > ENTRIES:
        msg = f"windows of {k:,} places around {n:,} places were asked for, {n * k:,} in all; the limit is {ENTRIES:,}"
        raise DataError(msg, hint="use larger cells, or fewer places in a window")
    return k


def _offsets(reach: float, rows: int, columns: int) -> tuple[Floats, Ints, Ints]:
    """Squared distances, rows and columns of all offsets within `reach` cells, nearest first."""
    r, c = min(math.floor(reach), rows - 1), min(math.floor(reach), columns - 1)
    dr, dc = (a.ravel() for a in np.mgrid[-r : r + 1, -c : c + 1])
    squared = dr**2 + dc**2
    kept = squared <= reach**2 * (1 + 1e-12)
    order = np.argsort(squared[kept], kind="stable")
    return squared[kept][order].astype(np.float64), dr[kept][order], dc[kept][order]


@njit(cache=True, nogil=True)
def _fill(
    todo: Ints,
    row: Ints,
    column: Ints,
    dr: Ints,
    dc: Ints,
    squared: Floats,
    compact: Small,
    near: Small,
    length: Small,
    distance: npt.NDArray[np.float32],
) -> None:
    rows, columns = compact.shape
    k = near.shape[1]
    for i in todo:
        held = 0
        for j in range(dr.size):
            r, c = row[i] + dr[j], column[i] + dc[j]
            if 0 <= r < rows and 0 <= c < columns and compact[r, c] >= 0:
                near[i, held] = compact[r, c]
                distance[i, held] = math.sqrt(squared[j])
                held += 1
                if held == k:
                    break
        length[i] = held


@njit(cache=True, nogil=True)
def _cut(near: Small, length: Small, weight: Floats, most: float) -> Small:
    cut = np.ones_like(length)
    for i in range(length.size):
        held = 0.0
        for k in range(length[i]):
            held += weight[near[i, k]]
            if held > most and k > 0:
                break
            cut[i] = k + 1
    return cut


@njit(cache=True, nogil=True)
def _cut_taken(near: Small, length: Small, taken: npt.NDArray[np.bool_]) -> Small:
    cut = np.zeros_like(length)
    for i in range(length.size):
        for k in range(length[i]):
            if taken[near[i, k]]:
                break
            cut[i] = k + 1
    return cut
