"""What a detector says of the latest period of each of many series: expected, bound, p-value, alarm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.errors import DataError

__all__ = ["Bounds", "check_series"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bounds:
    """One period of several series, shape (n,) each; NaN where nothing can be said.

    Parameters
    ----------
    observed, expected : array of float
    upper : array of float
        An alarm is more than it.
    p : array of float
        How likely as many reports or more are, where nothing changed.
    alarm : array of bool
    scatter : array of float
        Variance over mean.
    """

    observed: Floats
    expected: Floats
    upper: Floats
    p: Floats
    alarm: npt.NDArray[np.bool_]
    scatter: Floats

    def __len__(self) -> int:
        return int(self.observed.size)


def check_series(series: npt.ArrayLike) -> Floats:
    """Series as an array of float, shape (n, periods); NaN is a period that is not known.

    Raises
    ------
    DataError
        Not two-dimensional, or counts below 0 or infinite.
    """
    held = np.ascontiguousarray(series, dtype=np.float64)
    if held.ndim != 2:
        msg = f"series of shape {held.shape} were given; expected (series, periods)"
        raise DataError(msg, hint="one series is counts[None, :]")
    if bool(np.any(held < 0)) or bool(np.any(np.isinf(held))):
        msg = "series with counts below 0, or infinite, were given"
        raise DataError(msg, hint="leave unknown periods as NaN")
    return held
