"""CUSUM charts of counts: small rises that last add up until they can't be chance."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import stats

from peelian.errors import UsageError
from peelian.patterns.bounds import Bounds, check_series
from peelian.patterns.cylinders import in_threads
from peelian.patterns.draws import Law, law_of

__all__ = ["average_run_length", "cusum", "decision_interval", "reference_share"]

Floats = npt.NDArray[np.float64]

MESH = 10
"""Steps of a report in which charts of small means are followed."""

STATES = 250
"""About how many steps a chart is followed in where means are large."""

FINE = 8.0
"""Mean below which a chart is followed in tenths of a report; above it in whole ones."""

APART = 1.25
"""Ratio of the means that decision intervals are worked out for."""


def reference_share(ratio: float, *, scatter: float = 1.0) -> float:
    """What is taken off each count, as a multiple of its expectation.

    Parameters
    ----------
    ratio : float
        Rise that is to be seen: counts of `ratio` times what is expected.
    scatter : float
        Variance over mean; 1 is Poisson.

    Notes
    -----
    The log likelihood ratio of a count under the raised and the usual mean is a straight line in the count; the chart
    adds up where it is above zero. For Poisson counts it is ``(ratio - 1) / log(ratio)`` (Lucas 1985).
    """
    if not (ratio > 1 and math.isfinite(ratio)):
        msg = f"a ratio of {ratio} was given; expected above 1"
        raise UsageError(msg, hint="ratio=2")
    if not (scatter >= 1 and math.isfinite(scatter)):
        msg = f"a scatter of {scatter} was given; expected the variance over the mean, at least 1"
        raise UsageError(msg, hint="scatter=1 for Poisson counts")
    over = scatter - 1
    if over < 1e-9:
        return (ratio - 1) / math.log(ratio)
    rho = scatter / (1 + ratio * over)
    return -math.log(rho) / (over * math.log(ratio * rho))


def average_run_length(
    mean: float, *, reference: float, interval: float, scatter: float = 1.0, start: float = 0.0
) -> float:
    """Mean number of periods until a chart reaches its interval: ``S = max(0, S + count - reference)``, S >= interval.

    Parameters
    ----------
    mean : float
        Of the counts.
    reference, interval : float
        In reports; both are rounded to a tenth, or where the interval is large to coarser steps.
    scatter : float
        Variance over mean of the counts.
    start : float
        Where the chart starts; half of the interval is the fast initial response of Lucas and Crosier (1982).

    References
    ----------
    Brook and Evans (1972), "An approach to the probability distribution of CUSUM run length", Biometrika 59. Lucas
    (1985), "Counted data CUSUM's", Technometrics 27. Hawkins (1992), "Evaluation of average run lengths of cumulative
    sum charts for an arbitrary data distribution", Communications in Statistics: Simulation and Computation 21.
    """
    mesh = _mesh(interval)
    states = max(round(interval * mesh), 1)
    move = round(reference * mesh)
    # From state i a count of y leads to i + y * mesh - move; below 0 is 0, and from `states` on the chart has ended.
    most = (states + move) // mesh + 1
    pmf = _pmf(np.arange(most + 1), mean, scatter)
    at = np.arange(states)
    up = at[None, :] - at[:, None] + move
    matrix = np.where((up >= 0) & (up % mesh == 0), pmf[np.clip(up // mesh, 0, most)], 0.0)
    to_zero = (move - at) // mesh
    matrix[:, 0] = np.where(to_zero >= 0, np.cumsum(pmf)[np.clip(to_zero, 0, most)], 0.0)
    lengths = np.linalg.solve(np.eye(states) - matrix, np.ones(states))
    first = min(round(start * mesh), states - 1)
    return float(lengths[first])


def decision_interval(mean: float, *, reference: float, run_length: float, scatter: float = 1.0) -> float:
    """The least interval of a chart that runs at least so many periods on average where nothing changed.

    Parameters
    ----------
    mean, reference, scatter : float
        As for `average_run_length`.
    run_length : float
        Periods between false alarms, on average.
    """
    if not run_length > 1:
        msg = f"a false alarm every {run_length} periods was asked for; expected above 1"
        raise UsageError(msg, hint="run_length=260 is one in five years of weeks")

    def enough(tenths: int) -> bool:
        length = average_run_length(mean, reference=reference, interval=tenths / MESH, scatter=scatter)
        # A chart that hardly ever ends has a system of equations without digits: that is long enough.
        return length >= run_length or length < 0

    low, high = 0, 8
    while not enough(high):
        low, high = high, 2 * high
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high / MESH


def cusum(
    series: npt.ArrayLike,
    expected: npt.ArrayLike,
    *,
    ratio: float = 1.5,
    scatter: float = 1.0,
    run_length: float = 260.0,
) -> Bounds:
    """Charts of many series against what was expected of them, as they stand in their last period.

    Parameters
    ----------
    series : array of float, shape (n, periods)
        Counts of the periods that are watched; a chart starts at 0 before the first. NaN adds nothing.
    expected : array of float, shape (n, periods)
        Above 0; it may change from period to period.
    ratio : float
        Rise that is to be seen soonest.
    scatter : float
        Variance over mean.
    run_length : float
        Periods between false alarms of a series, on average.

    Returns
    -------
    Bounds
        `upper` is what the last count may be without an alarm. `p` is how likely a chart stands as high in the last
        period by chance, followed exactly from period to period.

    References
    ----------
    Höhle and Paul (2008), "Count data regression charts for the monitoring of surveillance time series", Computational
    Statistics and Data Analysis 52: the chart for an expectation that changes. Lucas (1985): for one that does not.
    """
    held, mean = check_series(series), check_series(expected)
    if held.shape != mean.shape or held.shape[1] < 1 or bool(np.any(~(mean > 0))):
        msg = f"counts of shape {held.shape} and expected ones of shape {mean.shape} were given"
        raise UsageError(msg + "; expected the same, of a period or more, and all expected ones above 0")
    means = mean.mean(axis=1)
    mesh = np.where(means < FINE, MESH, 1)
    # What is taken off is whole steps, and what is cut off one period's is taken off the next's.
    whole = np.round(np.cumsum(mean * reference_share(ratio, scatter=scatter), axis=1) * mesh[:, None])
    moves = np.diff(whole, axis=1, prepend=0).astype(np.int64)
    steps = np.where(np.isnan(held), 0, held * mesh[:, None] - moves).astype(np.int64)
    before = height = np.zeros(len(held), dtype=np.int64)
    for t in range(steps.shape[1]):
        before, height = height, np.maximum(height + steps[:, t], 0)
    intervals = np.ceil(_intervals(means, ratio=ratio, scatter=scatter, run_length=run_length) * mesh - 1e-9)
    upper = np.ceil((intervals - before + moves[:, -1]) / mesh) - 1
    law, p = law_of(mean, scatter), np.ones(len(held))
    known = ~np.isnan(held)
    width = max(-(-len(held) // 16), 1)

    def part(i: int) -> None:
        some = slice(i * width, (i + 1) * width)
        _tails(_rows(law, some), moves[some], known[some], mesh[some], height[some], p[some])

    in_threads(part, -(-len(held) // width))
    y = held[:, -1]
    alarm = (height >= intervals) & (height > 0) & known[:, -1]
    p = np.where(known[:, -1], np.clip(p, 1e-300, 1.0), np.nan)
    return Bounds(y.copy(), mean[:, -1].copy(), upper, p, alarm, np.full(len(y), scatter))


def _rows(law: Law, some: slice) -> Floats:
    """The parts of a law for some series, shape (rows, periods, 4), side by side."""
    return np.stack([a[some] for a in (law.mode, law.at, law.a, law.q)], axis=-1)


def _intervals(means: Floats, *, ratio: float, scatter: float, run_length: float) -> Floats:
    """Decision intervals by mean: worked out for means a fixed ratio apart, between them by a line of logarithms."""
    if not means.size:
        return np.zeros(0)
    at = np.log(means) / math.log(APART)
    nodes = np.arange(math.floor(at.min()), math.ceil(at.max()) + 1)
    # The scatter is cut to a twentieth, so that the next week's chart finds what was worked out for this one's.
    cut = round(scatter * 20) / 20
    found = [_interval(int(node), ratio, max(cut, 1.0), run_length) for node in nodes]
    return np.asarray(np.exp(np.interp(at, nodes, np.log(found))))


@lru_cache(maxsize=1024)
def _interval(node: int, ratio: float, scatter: float, run_length: float) -> float:
    mean = APART**node
    share = reference_share(ratio, scatter=scatter)
    return decision_interval(mean, reference=mean * share, run_length=run_length, scatter=scatter)


def _mesh(interval: float) -> int:
    return max(min(MESH, int(STATES / max(interval, 1e-9))), 1)


def _pmf(y: npt.NDArray[np.int64], mean: float, scatter: float) -> Floats:
    if scatter < 1 + 1e-9:
        return np.asarray(stats.poisson.pmf(y, mean))
    return np.asarray(stats.nbinom.pmf(y, mean / (scatter - 1), 1 / scatter))


@njit(cache=True, nogil=True)
def _tails(
    law: Floats,
    moves: npt.NDArray[np.int64],
    known: npt.NDArray[np.bool_],
    mesh: npt.NDArray[np.int64],
    height: npt.NDArray[np.int64],
    p: Floats,
) -> None:
    """How likely each chart stands at its height or above: its distribution, period by period."""
    for i in range(height.size):
        if height[i] <= 0:
            continue
        # What rises twice as high, and ten standard deviations, is taken to stay: that can only raise p.
        spread = 0.0
        for t in range(moves.shape[1]):
            spread = max(spread, (law[i, t, 0] + 1) * (1 + law[i, t, 3] / (1 - law[i, t, 3])))
        top = 2 * height[i] + int(10 * math.sqrt(spread) * mesh[i]) + 1
        now, then = np.zeros(top + 1), np.zeros(top + 1)
        now[0] = 1.0
        for t in range(moves.shape[1]):
            if not known[i, t]:
                continue
            then[:] = 0.0
            then[top] = now[top]
            mode, at, a, q = law[i, t, 0], law[i, t, 1], law[i, t, 2], law[i, t, 3]
            for way in (1, -1):
                y, share = mode, at
                if way < 0:
                    share *= y / (a + q * (y - 1)) if y > 0 else 0.0
                    y -= 1
                while y >= 0 and share > 1e-13:
                    _spread(now, then, int(y) * mesh[i] - moves[i, t], share)
                    if way > 0:
                        share *= (a + q * y) / (y + 1)
                        y += 1
                    else:
                        share *= y / (a + q * (y - 1)) if y > 0 else 0.0
                        y -= 1
            now, then = then, now
        p[i] = now[height[i] :].sum()


@njit(cache=True, nogil=True)
def _spread(now: Floats, then: Floats, by: int, share: float) -> None:
    """Move a share of a chart's distribution, but for its end, by some steps; below 0 is 0."""
    top = now.size - 1
    low, high = min(max(-by, 0), top), min(max(top - by, 0), top)
    for s in range(low):
        then[0] += share * now[s]
    for s in range(low, high):
        then[s + by] += share * now[s]
    for s in range(max(high, low), top):
        then[top] += share * now[s]
