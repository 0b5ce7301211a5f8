"""What one report adds near by and soon after, and how that is learned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import optimize

from peelian.methods.triggering.area import Area

Floats = npt.NDArray[np.float64]

Form = Literal["parametric", "histogram"]

STEPS = 512
"""Steps into which lag and distance are divided up to the reach."""

AFTER = np.array([0, 1 / 512, 1 / 256, 1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1])

AROUND = np.array([0, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1])
"""Edges of the histogram's bins and rings, as shares of the reach."""

SHORTEST = 0.9
"""Days: there is no shorter bin."""

PRIOR = (1.0, 10.0)
"""Triggered reports and reports that could have triggered, as if seen before: next to nothing where there are many."""

HIGHEST_RATIO = 0.99


@dataclass(frozen=True)
class Reach:
    """How long after and how far away a report is looked for that another may have called forth.

    Parameters
    ----------
    days, metres : float
        Both above 0.
    """

    days: float
    metres: float

    @cached_property
    def lags(self) -> Floats:
        """Middles of the steps in days, shape (STEPS,)."""
        return np.asarray((np.arange(STEPS) + 0.5) * (self.days / STEPS), dtype=np.float64)

    @cached_property
    def distances(self) -> Floats:
        """Middles of the steps in metres, shape (STEPS,)."""
        return np.asarray((np.arange(STEPS) + 0.5) * (self.metres / STEPS), dtype=np.float64)

    @property
    def step(self) -> float:
        """Length of a step of lag in days."""
        return self.days / STEPS

    @cached_property
    def rings(self) -> Floats:
        """Areas of the steps of distance in square metres, shape (STEPS,)."""
        return np.asarray(2 * np.pi * self.distances * (self.metres / STEPS), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Kernel:
    """What one report adds, in steps of lag and of distance up to a reach.

    Parameters
    ----------
    reach : Reach
    ratio : float
        Reports that one report directly calls forth on average (the branching ratio), below 1.
    after : array of float, shape (STEPS,)
        Density of the lag per day; integrates to 1.
    around : array of float, shape (STEPS,)
        Density of the place per square metre by distance; integrates to 1 over the disc.
    """

    reach: Reach
    ratio: float
    after: Floats
    around: Floats

    @property
    def mean_lag(self) -> float:
        """Mean lag in days."""
        return float(self.after @ self.reach.lags) * self.reach.step

    @property
    def spread(self) -> float:
        """Standard deviation of the place each way, in metres."""
        return float(np.sqrt(self.around * self.reach.rings @ self.reach.distances**2 / 2))

    @property
    def farthest(self) -> float:
        """Metres within which all but a billionth of the follow-ups lie."""
        beyond = np.cumsum((self.around * self.reach.rings)[::-1])[::-1]
        return float(self.reach.metres * np.count_nonzero(beyond > 1e-9) / STEPS)

    @property
    def in_time(self) -> Floats:
        """`after` times `ratio`: expected further reports per day by lag."""
        return self.ratio * self.after


def warm_up(days: float, reach: Reach) -> float:
    """Days at the start of a sample that only show what may have called forth the later reports: up to a third of it.

    What called forth the first reports came before them, and was not recorded.
    """
    return min(reach.days, days / 3)


def _time_seen(t: Floats, start: float, days: float, reach: Reach, resolution: float) -> Floats:
    """Share of the reports after which each step of lag is after the warm-up and before the end, shape (STEPS,).

    Records that know only the day show no order within it, so that no lag under half a day can be seen.
    """
    ordered = np.sort(t)
    before = np.searchsorted(ordered, days - reach.lags) - np.searchsorted(ordered, start - reach.lags)
    return np.asarray(np.where(reach.lags < resolution / 2, 0.0, before / t.size), dtype=np.float64)


def _rings_seen(x: Floats, y: Floats, area: Area, reach: Reach) -> Floats:
    """Share of the circle about the reports, at each step of distance, that lies in the area, shape (STEPS,)."""
    some = slice(None, None, max(x.size // 4000, 1))
    angle = 2 * np.pi * (np.arange(16) + 0.5) / 16
    radius = np.linspace(0, reach.metres, 25)
    seen = [
        area.holds(x[some, None] + r * np.cos(angle), y[some, None] + r * np.sin(angle)).mean()
        for r in radius
    ]
    return np.asarray(np.interp(reach.distances, radius, seen), dtype=np.float64)


def _exponential(values: Floats, seen: Floats, mean: float, low: float, high: float) -> Floats:
    """The exponential over steps whose mean, where it could be seen, is `mean`: the likeliest.

    Parameters
    ----------
    values : array of float, shape (STEPS,)
    seen : array of float, shape (STEPS,)
        Size of each step times the share of it that could be seen.
    low, high : float
        Bounds of the scale.
    """

    def density(log_scale: float) -> Floats:
        return np.asarray(np.exp(-values / np.exp(log_scale)), dtype=np.float64)

    def above(log_scale: float) -> float:
        weight = density(log_scale) * seen
        return float(weight @ values / max(weight.sum(), 1e-300)) - mean

    a, b = float(np.log(low)), float(np.log(high))
    if above(a) >= 0:
        return density(a)
    if above(b) <= 0:
        return density(b)
    return density(float(optimize.brentq(above, a, b, xtol=1e-6)))


def _edges(reach: Reach, resolution: float) -> Floats:
    """Edges of the histogram's bins of time, as shares of the reach.

    Where lags are whole multiples of a resolution, they are moved half-way between such multiples: each bin then holds
    as many of them as its length says.
    """
    edges = AFTER * reach.days
    edges = edges[edges >= SHORTEST]
    if resolution > 0:
        edges = (np.maximum(np.round(edges / resolution - 0.5), 0) + 0.5) * resolution
    edges = np.unique(np.concatenate([[0.0], edges[edges < reach.days], [reach.days]]))
    return np.asarray(edges / reach.days, dtype=np.float64)


def _bars(found: Floats, size: Floats, seen: Floats, edges: Floats) -> Floats:
    """Found over seen in each bin, by step; a bin that was hardly seen is as high as the nearest that was."""
    bin_ = np.searchsorted(edges * STEPS, np.arange(STEPS) + 0.5) - 1
    n = edges.size - 1
    exposure = np.bincount(bin_, size * seen, minlength=n)
    height = np.bincount(bin_, found, minlength=n) / np.maximum(exposure, 1e-300)
    known = np.flatnonzero(exposure >= 0.1 * np.bincount(bin_, size, minlength=n))
    if known.size:
        nearest = known[np.argmin(np.abs(np.arange(n)[:, None] - known), axis=1)]
        height = height[nearest]
    return np.asarray(height[bin_], dtype=np.float64)


class Learner:
    """The maximisation: from the triggered reports by lag and distance to the kernel."""

    def __init__(
        self,
        x: Floats,
        y: Floats,
        t: Floats,
        *,
        area: Area,
        start: float,
        days: float,
        reach: Reach,
        form: Form,
        floor: float,
        resolution: float,
    ) -> None:
        self.n, self.reach, self.form, self.floor = x.size, reach, form, floor
        self.edges = _edges(reach, resolution)
        self.seen = _time_seen(t, start, days, reach, resolution) * reach.step
        self.ringed = _rings_seen(x, y, area, reach) * reach.rings

    def kernel(self, ratio: float, after: Floats, around: Floats) -> Kernel:
        """The kernel of these forms, whatever they sum to."""
        return Kernel(
            self.reach, ratio, after / (after.sum() * self.reach.step), around / (around @ self.reach.rings)
        )

    def start(self) -> Kernel:
        """Where a fit begins."""
        reach = self.reach
        after = np.exp(-reach.lags / (reach.days / 6))
        around = np.exp(-((reach.distances / max(reach.metres / 4, self.floor)) ** 2) / 2)
        return self.kernel(0.2, after, around)

    def foreseen(self, kernel: Kernel) -> Floats:
        """Triggered reports that the kernel expects in the area and before the end, by lag and by distance."""
        late, far = kernel.after * self.seen, kernel.around * self.ringed
        return np.asarray(
            self.n * kernel.ratio * np.stack([late * far.sum(), far * late.sum()]), dtype=np.float64
        )

    def expected(self, kernel: Kernel) -> float:
        """All of them."""
        return float(self.foreseen(kernel)[0].sum())

    def learn(self, by_lag: Floats, by_distance: Floats, before: Kernel) -> Kernel:
        """The likeliest kernel for triggered reports by lag and distance; where there are none, as before."""
        found = float(by_lag.sum())
        if found < 1e-9 or self.seen.sum() <= 0:
            after, around = before.after, before.around
        elif self.form == "histogram":
            after = _bars(by_lag, np.full(STEPS, self.reach.step), self.seen / self.reach.step, self.edges)
            around = _bars(by_distance, self.reach.rings, self.ringed / self.reach.rings, AROUND)
        else:
            reach = self.reach
            square = reach.distances**2 / 2
            after = _exponential(
                reach.lags, self.seen, float(by_lag @ reach.lags) / found, reach.step, reach.days
            )
            around = _exponential(
                square, self.ringed, float(by_distance @ square) / found, self.floor**2, reach.metres**2
            )
        if not (after.sum() > 0 and around.sum() > 0):
            after, around = before.after, before.around
        made = self.kernel(1.0, after, around)
        ratio = (found + PRIOR[0]) / (self.expected(made) + PRIOR[1])
        return self.kernel(min(ratio, HIGHEST_RATIO), made.after, made.around)
