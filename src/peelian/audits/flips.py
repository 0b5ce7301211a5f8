"""At which gap in reporting a ratio would cross 1, and how far any reporting could move it.

A unit's incidents are its reports divided by the share of incidents that is reported there. Where a group reports q
times as often as all others, that share is ``r (1 - s + q s)`` for the group's share s of the residents: q is the gap
in reporting, and the common level r drops out of every ratio.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.audits.blocks import quantile_interval

__all__ = ["Flip", "crossings", "extreme_ratios", "flip", "gaps", "undo"]

Floats = npt.NDArray[np.float64]

STEPS = 121
"""Gaps at which a curve is drawn: between two of them it is all but straight on logarithmic axes."""


@dataclass(frozen=True)
class Flip:
    """Where a curve of a ratio by the gap in reporting crosses 1.

    Parameters
    ----------
    gap : float or None
        The crossing that is nearest to no gap, as one rate over the other; None where there is none within reach.
    low, high : float or None
        Ends of its interval; None for an end beyond reach.
    margin : float or None
        The smallest factor between both rates, in whichever direction, at which the interval of the ratio holds 1:
        1 where it does without any gap. None beyond reach, or without an interval.
    """

    gap: float | None
    low: float | None = None
    high: float | None = None
    margin: float | None = None


def gaps(widest: float) -> Floats:
    """Gaps from 1/widest to widest, evenly spaced on a logarithmic axis, 1 in the middle, shape (121,)."""
    made = np.exp(np.linspace(-np.log(widest), np.log(widest), STEPS))
    made[STEPS // 2] = 1.0
    return np.asarray(made)


def undo(share: Floats, gap: Floats) -> Floats:
    """By what reports are multiplied to undo a gap in reporting, shape (n_units, n_gaps)."""
    return np.asarray(1.0 / (1.0 + share[:, None] * (gap[None, :] - 1.0)))


def crossings(curve: Floats, gap: Floats, *, falls: bool) -> Floats:
    """The gap nearest to 1 at which each curve crosses 1.

    Parameters
    ----------
    curve : array of float, shape (k, n_gaps)
        Ratios, at least 0; infinite where only the reference has none, NaN where neither has any.
    gap : array of float, shape (n_gaps,)
    falls : bool
        Whether the ratio falls as the gap rises.

    Returns
    -------
    array of float, shape (k,)
        0 or infinity where the curve stays on one side: beyond the end to which it would have to go. NaN where it is
        not defined.
    """
    with np.errstate(divide="ignore"):
        y = np.clip(np.log(curve), -700, 700)
    x = np.log(gap)
    left, right = y[:, :-1], y[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x[:-1] + (x[1:] - x[:-1]) * np.where(left == right, 0.0, left / (left - right))
    at = np.where(left * right <= 0, at, np.inf)
    nearest = np.take_along_axis(at, np.argmin(np.abs(at), axis=1)[:, None], axis=1)[:, 0]
    beyond = np.where((y[:, 0] > 0) == falls, np.inf, -np.inf)
    found = np.exp(np.where(np.isinf(nearest), beyond, nearest))
    return np.where(np.isnan(y).any(axis=1), np.nan, found)


def flip(point: Floats, draws: Floats, gap: Floats, *, falls: bool, level: float, interval: bool) -> Flip:
    """Where a curve crosses 1, with an interval from the crossings of resampled curves.

    Parameters
    ----------
    point : array of float, shape (n_gaps,)
    draws : array of float, shape (replicates, n_gaps)
    gap : array of float, shape (n_gaps,)
    falls : bool
        As for `crossings`.
    level : float
    interval : bool
        Whether blocks suffice for one.

    Notes
    -----
    Where each curve rises or falls throughout, as many of them lie beyond 1 at a gap as cross before it: the gap at
    which the interval of the ratio first holds 1 is an end of the interval of the crossing.
    """
    [middle] = crossings(point[None, :], gap, falls=falls)
    at = float(middle) if 0 < middle < np.inf else None
    found = crossings(draws, gap, falls=falls)
    known = found[~np.isnan(found)]
    if not interval or known.size < level * found.size:
        return Flip(at)
    low, high = quantile_interval(known, level=level)
    margin = 1.0 if low <= 1 <= high else low if low > 1 else 1 / high if high > 0 else np.inf
    first, last = (v if 0 < v < np.inf else None for v in (low, high))
    return Flip(at, first, last, margin=margin if np.isfinite(margin) else None)


def extreme_ratios(top: Floats, bottom: Floats, *, span: float) -> tuple[Floats, Floats]:
    """Weights from 1 to `span`, one a unit, for which ``sum(w top) / sum(w bottom)`` is smallest and largest.

    Parameters
    ----------
    top, bottom : array of float, shape (n_units,)
        At least 0.
    span : float
        At least 1.

    Returns
    -------
    least, most : array of float, shape (n_units,)
        The weights. All units whose own ratio is over some value have one end, all others the other: a ratio of linear
        functions over a box is extreme in a corner, and in that one (Charnes and Cooper 1962, Programming with linear
        fractional functionals, Naval Research Logistics Quarterly 9).
    """
    order = np.argsort(-np.arctan2(top, bottom), kind="stable")

    def corner(order: npt.NDArray[np.int64], sign: float) -> Floats:
        up, down = (np.concatenate([[0.0], np.cumsum(v[order])]) * (span - 1) for v in (top, bottom))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nan_to_num((up + top.sum()) / (down + bottom.sum()), nan=0.0)
        heavy = order[: int(np.argmax(sign * ratio))]
        weight = np.ones(top.size)
        weight[heavy] = span
        return weight

    return corner(order[::-1], -1.0), corner(order, 1.0)
