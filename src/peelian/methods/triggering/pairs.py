"""The earlier reports within reach of each, and what they add to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from peelian.methods.triggering.kernel import STEPS, Kernel, Reach

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint16]
Bools = npt.NDArray[np.bool_]

COUNT, FILL, SUM = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Pairs:
    """The earlier reports that are within reach of each.

    Parameters
    ----------
    first : array of int, shape (n + 1,)
        The pairs of report i are those from ``first[i]`` up to ``first[i + 1]``.
    late, far : array of uint16, shape (n_pairs,)
        Steps of lag and of distance.
    """

    first: Ints
    late: Codes
    far: Codes


@njit(cache=True, nogil=True)
def _walk(
    x: Floats,
    y: Floats,
    t: Floats,
    start: Ints,
    shape: tuple[int, int],
    reach: tuple[float, float, float],
    what: int,
    first: Ints,
    late: Codes,
    far: Codes,
    in_time: Floats,
    around: Floats,
    total: Floats,
) -> None:
    """Count the pairs of each report, fill them in, or sum what they add to each report's intensity.

    Reports are sorted by square, of side `farthest` or more, and in it by time, so that the earlier ones within reach
    of successive reports of a square are windows that move forward in each of the nine squares around.
    """
    low = np.empty(9, dtype=np.int64)
    stop = np.empty(9, dtype=np.int64)
    rows, columns = shape
    days, metres, farthest = reach
    far_steps, late_steps, farthest = STEPS / metres, STEPS / days, farthest * farthest
    for square in range(rows * columns):
        if start[square] == start[square + 1]:
            continue
        row, column = square // columns, square % columns
        k = 0
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            for c in range(max(column - 1, 0), min(column + 2, columns)):
                low[k], stop[k] = start[r * columns + c], start[r * columns + c + 1]
                k += 1
        for i in range(start[square], start[square + 1]):
            n = first[i] if what == FILL else 0
            added = 0.0
            for m in range(k):
                while low[m] < stop[m] and t[i] - t[low[m]] >= days:
                    low[m] += 1
                for j in range(low[m], stop[m]):
                    # Reports of the same instant don't call each other forth: nobody knows which came first.
                    if t[j] >= t[i]:
                        break
                    apart = (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2
                    if apart >= farthest:
                        continue
                    if what != COUNT:
                        lag = min(int((t[i] - t[j]) * late_steps), STEPS - 1)
                        away = min(int(np.sqrt(apart) * far_steps), STEPS - 1)
                        if what == FILL:
                            late[n] = lag
                            far[n] = away
                        else:
                            added += in_time[lag] * around[away]
                    n += 1
            if what == COUNT:
                first[i + 1] = n
            elif what == SUM:
                total[i] = added


@njit(cache=True, nogil=True)
def expect(
    first: Ints,
    late: Codes,
    far: Codes,
    base: Floats,
    counted: Bools,
    in_time: Floats,
    around: Floats,
    background: Floats,
    by_lag: Floats,
    by_distance: Floats,
) -> float:
    """Share each report out among the background and its pairs.

    Returns the sum of the logs of the intensities at those that are counted, which alone are also found by lag and by
    distance.
    """
    total = 0.0
    for i in range(base.size):
        rate = base[i]
        for k in range(first[i], first[i + 1]):
            rate += in_time[late[k]] * around[far[k]]
        background[i] = base[i] / rate
        if not counted[i]:
            continue
        total += np.log(rate)
        for k in range(first[i], first[i + 1]):
            share = in_time[late[k]] * around[far[k]] / rate
            by_lag[late[k]] += share
            by_distance[far[k]] += share
    return total


def _squares(x: Floats, y: Floats, metres: float) -> tuple[Ints, tuple[int, int]]:
    # No more than about a thousand squares each way, however small the reach.
    side = max(metres, float(max(np.ptp(x), np.ptp(y))) / 1000)
    c = ((x - x.min()) / side).astype(np.int64)
    r = ((y - y.min()) / side).astype(np.int64)
    rows, columns = int(r.max()) + 1, int(c.max()) + 1
    return r * columns + c, (rows, columns)


def by_square(x: Floats, y: Floats, t: Floats, *, metres: float) -> Ints:
    """An order of reports by square and, in it, by time, as `find_pairs` and `triggered_at` want it, shape (n,).

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Metres, n at least 1.
    t : array of float, shape (n,)
        Days.
    metres : float
        Reach in distance.
    """
    square, _ = _squares(x, y, metres)
    if np.all(t[1:] >= t[:-1]):
        return np.argsort(square, kind="stable")
    return np.asarray(np.lexsort((t, square)), dtype=np.int64)


def find_pairs(x: Floats, y: Floats, t: Floats, *, reach: Reach) -> Pairs:
    """For each report the earlier ones within reach; ties in time are none.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Metres, in the order of `by_square`, n at least 1.
    t : array of float, shape (n,)
        Days.

    Notes
    -----
    Time is linear in the number of reports and of those in the nine squares around within the reach of time.
    """
    first = np.zeros(x.size + 1, dtype=np.int64)
    none, unused = np.zeros(0, dtype=np.uint16), np.zeros(0)
    square, shape = _squares(x, y, reach.metres)
    start = np.searchsorted(square, np.arange(shape[0] * shape[1] + 1))
    metres = float(reach.metres)
    given = x, y, t, start, shape, (float(reach.days), metres, metres)
    _walk(*given, COUNT, first, none, none, unused, unused, unused)
    np.cumsum(first, out=first)
    late, far = np.empty(int(first[-1]), dtype=np.uint16), np.empty(int(first[-1]), dtype=np.uint16)
    _walk(*given, FILL, first, late, far, unused, unused, unused)
    return Pairs(first, late, far)


def triggered_at(x: Floats, y: Floats, t: Floats, *, kernel: Kernel) -> Floats:
    """Intensity that the earlier reports add at each, per day and square metre, shape (n,).

    Parameters
    ----------
    x, y, t : array of float, shape (n,)
        As in `find_pairs`, but in the order of `by_square` for `Kernel.farthest`.
    """
    none, unused = np.zeros(0, dtype=np.uint16), np.zeros(0, dtype=np.int64)
    reach, total = kernel.reach, np.zeros(x.size)
    square, shape = _squares(x, y, kernel.farthest)
    start = np.searchsorted(square, np.arange(shape[0] * shape[1] + 1))
    given = x, y, t, start, shape, (float(reach.days), float(reach.metres), kernel.farthest)
    _walk(*given, SUM, unused, none, none, kernel.in_time, kernel.around, total)
    return total
