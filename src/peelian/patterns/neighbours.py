"""Which cells of a grid are neighbours: those that touch, or those within a distance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from peelian.errors import DataError, UsageError
from peelian.places.grid import Grid

__all__ = ["Neighbours", "contiguous", "within_distance"]

Ints = npt.NDArray[np.int64]

MAX_PAIRS = 200_000_000
QUEEN = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
ROOK = ((-1, 0), (0, -1), (0, 1), (1, 0))


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The neighbours of each cell, without the cell itself, in compressed rows.

    Parameters
    ----------
    indptr : array of int, shape (n_cells + 1,)
        The neighbours of cell i are ``indices[indptr[i]:indptr[i + 1]]``.
    indices : array of int, shape (n_pairs,)
        Cell numbers, ascending within a cell.
    kind : str
        How they were found, in words.
    """

    indptr: Ints
    indices: Ints
    kind: str

    def __len__(self) -> int:
        """Number of cells."""
        return int(self.indptr.size) - 1

    @cached_property
    def counts(self) -> Ints:
        """How many neighbours each cell has, shape (n_cells,)."""
        return np.diff(self.indptr)

    @property
    def islands(self) -> Ints:
        """Cells without a neighbour: nothing can be said of their surroundings."""
        return np.flatnonzero(self.counts == 0)

    def of(self, cell: int) -> Ints:
        """The neighbours of one cell."""
        return self.indices[self.indptr[cell] : self.indptr[cell + 1]]

    def matrix(self, *, row_standardised: bool = False) -> sparse.csr_array:
        """Weights as a sparse matrix of shape (n_cells, n_cells).

        Parameters
        ----------
        row_standardised : bool
            Each row sums to 1 in place of ones; the row of an island stays empty.
        """
        data = np.ones(self.indices.size)
        if row_standardised:
            data /= np.repeat(np.maximum(self.counts, 1), self.counts)
        n = len(self)
        return sparse.csr_array((data, self.indices, self.indptr), shape=(n, n))

    def sums(self, values: npt.NDArray[np.int64]) -> Ints:
        """Sum of whole values over the neighbours of each cell, exact, shape (n_cells,)."""
        running = np.concatenate([np.zeros(1, np.int64), np.cumsum(values[self.indices])])
        sums: Ints = running[self.indptr[1:]] - running[self.indptr[:-1]]
        return sums

    def to_dict(self) -> dict[str, object]:
        """What defines them, for a result's settings."""
        return {
            "kind": self.kind,
            "pairs": int(self.indices.size),
            "most": int(self.counts.max(initial=0)),
            "without_any": int(self.islands.size),
        }


def contiguous(grid: Grid, *, kind: Literal["queen", "rook"] = "queen") -> Neighbours:
    """Cells that share an edge or a corner (queen), or an edge only (rook).

    Raises
    ------
    UsageError
        Another kind.
    """
    if kind not in ("queen", "rook"):
        msg = f"neighbours of kind {kind!r} were asked for; expected queen or rook"
        raise UsageError(msg, hint="kind='queen' counts corners, kind='rook' only edges")
    said = "sharing an edge or a corner" if kind == "queen" else "sharing an edge"
    return _shifted(grid, QUEEN if kind == "queen" else ROOK, said)


def within_distance(grid: Grid, *, distance: float) -> Neighbours:
    """Cells whose centres are at most `distance` metres apart.

    Raises
    ------
    UsageError
        The distance is not above 0.
    DataError
        There would be more than 200 million pairs.
    """
    if not 0 < distance < math.inf:
        msg = f"a distance of {distance} m was given; expected a length above 0"
        raise UsageError(msg, hint="give metres, such as distance=500")
    # Held to the rectangle: a longer reach finds no further cell.
    most = max(grid.shape)
    reach = min(int(distance / grid.cell * (1 + 1e-12)), most)
    if min(4 * reach * reach, len(grid)) * len(grid) > MAX_PAIRS:
        msg = f"neighbours within {distance:g} m of {len(grid):,} cells of {grid.cell:g} m are too many pairs to hold"
        raise DataError(msg, hint="use a shorter distance, or larger cells")
    square = (distance / grid.cell) ** 2 * (1 + 1e-12)
    steps = range(-reach, reach + 1)
    shifts = tuple((r, c) for r in steps for c in steps if 0 < r * r + c * c <= square)
    return _shifted(grid, shifts, f"with centres within {distance:g} m")


def _shifted(grid: Grid, shifts: tuple[tuple[int, int], ...], said: str) -> Neighbours:
    """Neighbours at the given steps of rows and columns, which come in ascending order of cell number."""
    n = len(grid)
    ix, iy = grid.ix0 + grid.columns, grid.iy0 + grid.rows
    counts = np.zeros(n, dtype=np.int64)
    for r, c in shifts:
        counts += grid.locate_index(ix + c, iy + r) >= 0
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    indices = np.empty(indptr[-1], dtype=np.int64)
    at = indptr[:-1].copy()
    # A second look in place of keeping the first: with many shifts that would hold several times the result.
    for r, c in shifts:
        found = grid.locate_index(ix + c, iy + r)
        held = found >= 0
        indices[at[held]] = found[held]
        at += held
    return Neighbours(indptr, indices, said)
