"""A value, its bootstrap interval, and the reasons why one of them is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.audits.blocks import quantile_interval

__all__ = ["Estimate", "divide", "estimate"]

Floats = npt.NDArray[np.float64]


def divide(a: Floats, b: Floats) -> Floats:
    """a / b, infinite where only b is 0 and NaN where both are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(a / b)


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; None for what is not there, with the reasons."""

    value: float | None
    low: float | None = None
    high: float | None = None
    why: tuple[str, ...] = ()


def estimate(point: float, draws: Floats, *, level: float, blocks: int) -> Estimate:
    """A value with the percentile interval of its bootstrap draws.

    Parameters
    ----------
    point : float
        The value in the city as it is; infinite or NaN when it is not defined there.
    draws : array of float, shape (replicates,)
        The value in each resampled city; NaN where it is not defined.
    level : float
    blocks : int
        How many blocks were resampled.
    """
    if not np.isfinite(point):
        return Estimate(None)
    if blocks < 2:
        return Estimate(point, why=("There is one block of residents only, so no interval can be given.",))
    known = draws[~np.isnan(draws)]
    if known.size < level * draws.size:
        n = draws.size - known.size
        why = (
            f"The number is not defined in {n} of {draws.size} resampled cities, so no interval can be given."
        )
        return Estimate(point, why=(why,))
    low, high = quantile_interval(known, level=level)
    ends = (low if np.isfinite(low) else None, high if np.isfinite(high) else None)
    why = "In many resampled cities the group compared with has no presence at all, so an end of the interval is open."
    return Estimate(point, *ends, why=(why,) if None in ends else ())
