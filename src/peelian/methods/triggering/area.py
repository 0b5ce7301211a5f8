"""A study area as a rectangle of pixels, in metres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Area:
    """The study area as a rectangle of square pixels, with a corner at 0, 0.

    Parameters
    ----------
    inside : array of bool, shape (rows, columns)
        South first.
    side : float
        Side of a pixel in metres.
    """

    inside: Bools
    side: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in metres."""
        rows, columns = self.inside.shape
        return columns * self.side, rows * self.side

    @cached_property
    def square_metres(self) -> float:
        """Area of the pixels inside."""
        return float(self.inside.sum()) * self.side**2

    def holds(self, x: Floats, y: Floats) -> Bools:
        """Whether each place, in metres, lies in a pixel that is inside."""
        rows, columns = self.inside.shape
        c, r = np.floor(x / self.side).astype(np.int64), np.floor(y / self.side).astype(np.int64)
        within = (c >= 0) & (c < columns) & (r >= 0) & (r < rows)
        return np.asarray(
            within & self.inside[np.clip(r, 0, rows - 1), np.clip(c, 0, columns - 1)], dtype=np.bool_
        )

    def share_of(self, step: float) -> Floats:
        """Share that is inside, of each square of side `step` metres, taken at 16 places in it."""
        width, height = self.size
        columns, rows = max(round(width / step + 0.499), 1), max(round(height / step + 0.499), 1)
        at = (np.arange(4) + 0.5) / 4
        u = (np.arange(columns)[:, None] + at).ravel() * step
        v = (np.arange(rows)[:, None] + at).ravel() * step
        r, c = (v / self.side).astype(np.int64), (u / self.side).astype(np.int64)
        last_row, last_column = self.inside.shape
        known = self.inside[np.minimum(r, last_row - 1)][:, np.minimum(c, last_column - 1)]
        known &= (r < last_row)[:, None] & (c < last_column)[None, :]
        return np.asarray(known.reshape(rows, 4, columns, 4).mean(axis=(1, 3)), dtype=np.float64)
