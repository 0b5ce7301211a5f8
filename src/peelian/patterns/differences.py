"""How far apart two times are when each is known from-to only: expected, least, round the clock and round the week.

An incident found on Monday morning may have happened at any moment since Friday evening. Two such incidents have no
time between them, but an *expected* one: each is taken as spread evenly over its interval, and the absolute difference
is averaged. On a circle (the hour of the day, the day of the week) the shorter way round counts. Both are in closed
form here, from the second antiderivative of the absolute difference.

References
----------
Porter (2016), "A statistical approach to crime linkage", The American Statistician 70; its R package approximates
the circular difference by a convolution on 2,000 steps.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["circular_table", "expected_circular", "expected_difference", "least_difference"]

TINY = 1e-6
"""An interval shorter than this share of the other, or of a circle, is a moment: its own length cancels out."""


@njit(cache=True, inline="always")
def _mean(g2_span: float, g1_span: float, g0: float, long_one: float, long_two: float) -> float:
    # Which of the three integrals applies; the others were given as 0.
    if long_one > 0.0 and long_two > 0.0:
        return g2_span / (long_one * long_two)
    if long_one > 0.0:
        return g1_span / long_one
    if long_two > 0.0:
        return g1_span / long_two
    return g0


@njit(cache=True)
def _cube(d: float) -> float:
    return abs(d) ** 3 / 6.0


@njit(cache=True)
def _square(d: float) -> float:
    return d * abs(d) / 2.0


@njit(cache=True)
def expected_difference(a1: float, b1: float, a2: float, b2: float) -> float:
    """Mean of ``|X - Y|`` for X even over ``[a1, b1]`` and Y even over ``[a2, b2]``, in the unit given.

    Intervals that don't overlap are as far apart as their middles.
    """
    if b1 <= a2 or b2 <= a1:
        return abs((a1 + b1) - (a2 + b2)) / 2.0
    if a2 < a1 or (a2 == a1 and b2 < b1):
        # To the last bit the same whichever comes first.
        a1, b1, a2, b2 = a2, b2, a1, b1
    long_one, long_two = b1 - a1, b2 - a2
    # They overlap: no difference exceeds the sum of the lengths, and nothing cancels but for a tiny interval.
    if long_one <= TINY * long_two:
        m = (a1 + b1) / 2.0
        return _mean(0.0, _square(b2 - m) - _square(a2 - m), abs(m - a2), 0.0, long_two)
    if long_two <= TINY * long_one:
        m = (a2 + b2) / 2.0
        return _mean(0.0, _square(b1 - m) - _square(a1 - m), abs(m - a1), long_one, 0.0)
    g2 = _cube(b1 - a2) - _cube(a1 - a2) - _cube(b1 - b2) + _cube(a1 - b2)
    return _mean(g2, 0.0, 0.0, long_one, long_two)


@njit(cache=True)
def least_difference(a1: float, b1: float, a2: float, b2: float) -> float:
    """The least that ``|X - Y|`` can be: 0 where the intervals touch or overlap."""
    return max(0.0, a1 - b2, a2 - b1)


@njit(cache=True)
def _wrapped0(d: float, period: float) -> float:
    r = d - period * math.floor(d / period)
    return min(r, period - r)


@njit(cache=True)
def _wrapped1(d: float, period: float) -> float:
    # Antiderivative of the circular difference, 0 at 0.
    turns = math.floor(d / period)
    r, half = d - period * turns, period / 2.0
    part = r * r / 2.0 if r <= half else period * period / 4.0 - (period - r) ** 2 / 2.0
    return turns * period * period / 4.0 + part


@njit(cache=True)
def _wrapped2(d: float, period: float) -> float:
    # Second antiderivative, 0 with slope 0 at 0.
    turns = math.floor(d / period)
    r, half, whole = d - period * turns, period / 2.0, period * period / 4.0
    part = r**3 / 6.0
    if r > half:
        part = half**3 / 6.0 + whole * (r - half) - (half**3 - (period - r) ** 3) / 6.0
    a_turn = half**3 / 6.0 + whole * half - half**3 / 6.0
    return turns * a_turn + whole * period * turns * (turns - 1.0) / 2.0 + whole * turns * r + part


@njit(cache=True)
def expected_circular(a1: float, b1: float, a2: float, b2: float, period: float) -> float:
    """Mean of the shorter way round between X even over ``[a1, b1]`` and Y even over ``[a2, b2]``.

    Parameters
    ----------
    a1, b1, a2, b2 : float
        Ends of the intervals, on a line; only where they fall on the circle matters. ``a <= b``.
    period : float
        Length of the circle, such as 24 (hours) or 7 (days).

    Notes
    -----
    An interval of a whole period or more says nothing of where on the circle it was: a quarter of the period.
    """
    long_one, long_two = b1 - a1, b2 - a2
    if long_one >= period or long_two >= period:
        return period / 4.0
    # The same place on the circle, near 0, where differences of cubes are exact.
    a1 -= period * math.floor(a1 / period)
    a2 -= period * math.floor(a2 / period)
    b1, b2 = a1 + long_one, a2 + long_two
    small = TINY * period
    if long_one <= small and long_two <= small:
        return _wrapped0(a1 - a2, period)
    if long_one <= small:
        return (_wrapped1(b2 - a1, period) - _wrapped1(a2 - a1, period)) / long_two
    if long_two <= small:
        return (_wrapped1(b1 - a2, period) - _wrapped1(a1 - a2, period)) / long_one
    spread = (
        _wrapped2(b1 - a2, period)
        - _wrapped2(a1 - a2, period)
        - _wrapped2(b1 - b2, period)
        + _wrapped2(a1 - b2, period)
    )
    return spread / (long_one * long_two)


@njit(cache=True)
def circular_table(slots: int, unknown: int) -> npt.NDArray[np.int16]:
    """Expected circular differences, in whole slots, between intervals that start on a slot and are whole slots long.

    Parameters
    ----------
    slots : int
        Slots of the circle.
    unknown : int
        Code of pairs of which one covers the whole circle or isn't known.

    Returns
    -------
    array of int16, shape (slots + 1, slots + 1, slots)
        By length of the one, length of the other (`slots` is unknown), and slots from the start of the one to that
        of the other.
    """
    table = np.full((slots + 1, slots + 1, slots), unknown, np.int16)
    for one in range(slots):
        for two in range(slots):
            for apart in range(slots):
                value = expected_circular(0.0, float(one), float(apart), float(apart + two), float(slots))
                table[one, two, apart] = math.floor(value + 0.5 + 1e-9)
    return table
