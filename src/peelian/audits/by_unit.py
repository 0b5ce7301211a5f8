"""Numbers and places given by unit, checked before anything is worked out from them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from peelian.errors import DataError, UsageError

__all__ = ["by_unit", "coordinates"]

Floats = npt.NDArray[np.float64]


def by_unit(name: str, given: npt.ArrayLike, n: int) -> Floats:
    """One finite number of at least 0 for each unit, shape (n,).

    Raises
    ------
    UsageError
        There are not as many.
    DataError
        Some are negative or unknown: each is counted in the message, none is taken for 0.
    """
    values = np.asarray(given, dtype=float)
    if values.shape != (n,):
        msg = f"{name} of shape {values.shape} were given for {n} units; expected one number a unit"
        raise UsageError(msg)
    wrong = ~np.isfinite(values) | (values < 0)
    if wrong.any():
        msg = f"{name} of {int(wrong.sum())} of {n} units are negative or unknown; expected at least 0"
        raise DataError(msg, hint="an unknown number is not zero: leave those units out, and say so")
    return values


def coordinates(x: npt.ArrayLike, y: npt.ArrayLike, n: int) -> Floats:
    """Middles of units, shape (n, 2).

    Raises
    ------
    UsageError
        There are not as many, or some are not finite.
    """
    pair = [np.asarray(v, dtype=float) for v in (x, y)]
    if any(v.shape != (n,) or not np.isfinite(v).all() for v in pair):
        shapes = " and ".join(str(v.shape) for v in pair)
        msg = f"coordinates of shape {shapes} were given for {n} units; expected a finite pair for each"
        raise UsageError(msg, hint="x, y = grid.centres(); leave units without a place out, and say so")
    return np.column_stack(pair)
