"""Many comparisons at once: some are far from 1 by chance alone, and the more one looks the more of them there are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["holm"]

Floats = npt.NDArray[np.float64]


def holm(p: npt.ArrayLike) -> Floats:
    """p-values corrected so that the chance of calling any of them by mistake keeps below the level; NaN stays.

    However they depend on each other: Holm (1979), A simple sequentially rejective multiple test procedure,
    Scandinavian Journal of Statistics 6.
    """
    given = np.asarray(p, dtype=float)
    found = np.full(given.shape, np.nan)
    known = np.flatnonzero(~np.isnan(given))
    ordered = known[np.argsort(given[known], kind="stable")]
    steps = given[ordered] * (known.size - np.arange(known.size))
    found[ordered] = np.minimum(np.maximum.accumulate(steps), 1.0) if known.size else steps
    return found
