"""Hindsight: what counts that knew the future would have expected, to show how much room there is above a method.

This is no forecast, and nothing may be planned by it: to expect a period, it looks at what was reported after it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods.base import days_of
from peelian.places.counts import Counts

__all__ = ["hindsight"]

Floats = npt.NDArray[np.float64]


def hindsight(counts: Counts, i: int, *, window: int | None = None, background: float = 0.0) -> Floats:
    """Reports that all other periods, past and future, make one period expect, by cell.

    Each cell's rate per day over the periods on either side, without the period itself, times its days. It knows how
    reports are spread over places as well as plain counts can, so it tells about how high a map can score that doesn't
    react to what happened lately. It is a line to compare with, not a bound: a method that follows what changes from
    week to week may be above it.

    Parameters
    ----------
    counts : Counts
        With the periods before and after.
    i : int
        The period that is scored; a negative one counts from the end.
    window : int, optional
        Periods taken on either side, as far as there are any; all of them when it is not given.
    background : float
        Share of the expected total that is spread evenly over the area, at least 0 and below 1. Without it the log
        score is minus infinity where a report came to a cell that never had another one.

    Returns
    -------
    array of float, shape (n_cells,)
        Expected reports in the period.

    Raises
    ------
    NotEnoughDataError
        There is no other period within the window, or nothing was reported in them.
    UsageError
        There is no such period, or the window or the background is off.

    References
    ----------
    Stone (1974), "Cross-validatory choice and assessment of statistical predictions", Journal of the Royal Statistical
    Society B 36: leaving out what is scored.
    """
    n = len(counts.periods)
    if not -n <= i < n or (window is not None and window < 1) or not 0 <= background < 1:
        msg = f"period {i} of {n} with a window of {window} and a background of {background} was asked for"
        raise UsageError(msg, hint="window=26, and a background from 0 to below 1")
    at = range(n)[i]
    first, last = (0, n) if window is None else (max(at - window, 0), min(at + window + 1, n))
    around = counts[first:last]
    days = days_of(around.periods)
    own = float(days[at - first])
    others = (around.by_cell - counts.column(at)).astype(np.float64)
    if len(around.periods) < 2 or not others.any():
        msg = (
            f"{others.sum():.0f} incidents were reported in the {len(around.periods) - 1} periods around "
            f"{counts.periods[at]}; expected at least one of each"
        )
        raise NotEnoughDataError(msg, hint="use a wider window, longer periods or another category")
    expected = others / (days.sum() - own) * own
    even = expected.sum() * counts.grid.area / counts.grid.area.sum()
    return np.asarray((1 - background) * expected + background * even, dtype=np.float64)
