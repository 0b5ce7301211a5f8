"""Spatial blocks, and the bootstrap over them.

Neighbouring cells are alike: in their residents and in what is planned there. Resampling cells one by one
would take them for independent and give intervals that are too narrow. Whole squares of the map are
resampled instead.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from peelian.errors import UsageError
from peelian.places.crs import metres_per_unit
from peelian.places.grid import Grid

__all__ = ["quantile_interval", "resampled_sums", "spatial_blocks"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Most numbers held at once for the weights of resampled blocks: 32 MB.
CHUNK = 4_000_000


def spatial_blocks(grid: Grid, *, block_km: float) -> Ints:
    """The square that each cell's centre falls in.

    Parameters
    ----------
    grid : Grid
    block_km : float
        Side of a square in km, counted from the CRS's origin, so that the same place is in the same block
        whatever the grid's extent.

    Returns
    -------
    array of int, shape (n_cells,)
        Numbers from 0, without gaps.

    Raises
    ------
    UsageError
        A block is no larger than nothing, or smaller than a cell.
    """
    if not (np.isfinite(block_km) and block_km * 1000 >= grid.cell):
        msg = f"blocks of {block_km} km were given for cells of {grid.cell:g} m; expected at least a cell's side"
        raise UsageError(msg, hint=f"use blocks of several cells, such as block_km={grid.cell * 4 / 1000:g}")
    side = block_km * 1000.0 / metres_per_unit(grid.crs)
    x, y = grid.centres()
    squares = np.stack([np.floor(x / side), np.floor(y / side)], axis=1)
    return np.unique(squares, axis=0, return_inverse=True)[1].astype(np.int64).ravel()


def resampled_sums(sums: Floats, *, replicates: int, seed: int) -> Floats:
    """Totals over blocks drawn with replacement, as many as there are.

    Parameters
    ----------
    sums : array of float, shape (n_blocks, k)
        Sums within each block. All k columns share the draws, so that statistics made from them are paired.
    replicates : int
    seed : int

    Returns
    -------
    array of float, shape (replicates, k)

    Notes
    -----
    Künsch (1989), The jackknife and the bootstrap for general stationary observations, Annals of
    Statistics 17; for space Hall (1985), Resampling a coverage pattern, Stochastic Processes and their
    Applications 20.
    """
    if replicates < 1:
        msg = f"{replicates} bootstrap replicates were given; expected at least 1"
        raise UsageError(msg, hint="use 2000")
    n = sums.shape[0]
    rng = np.random.default_rng(seed)
    step = max(CHUNK // n, 1)
    drawn = [
        rng.multinomial(n, np.full(n, 1.0 / n), size=min(step, replicates - start)).astype(float) @ sums
        for start in range(0, replicates, step)
    ]
    return np.concatenate(drawn)


def quantile_interval(draws: Floats, *, level: float) -> tuple[float, float]:
    """Percentile interval of bootstrap draws, which may hold infinity but no NaN.

    Parameters
    ----------
    draws : array of float, shape (n,)
        At least one.
    level : float

    Returns
    -------
    low, high : float
        Values that were drawn; the ends are rounded outwards.
    """
    ordered = np.sort(draws)
    tail = (1.0 - level) / 2.0
    last = ordered.size - 1
    low = int(np.floor(tail * last + 1e-9))  # 0.05 of 100 is 5, whatever binary fractions say
    return float(ordered[low]), float(ordered[last - low])
