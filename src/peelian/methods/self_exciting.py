"""Self-exciting processes: what is there anyway, and what each report adds near by for some time."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from numba import njit

from peelian.methods.base import Method, latest
from peelian.methods.smoothing import (
    EdgeCorrected,
    chosen_level,
    half_life_days,
    linear_bin,
    narrowed,
    reports_a_day,
)
from peelian.methods.triggering import (
    Area,
    Form,
    Kernel,
    Reach,
    by_square,
    fit_triggering,
    triggered_at,
    warm_up,
)
from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.places.periods import Period
from peelian.units import Frequency, parse_length

__all__ = ["SelfExciting", "SelfExcitingHistogram"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ROUNDS = 8

NARROWEST = 20.0
"""Metres: about how exactly addresses are placed."""

EVENLY = (0.7548776662466927, 0.5698402909980532)
"""Steps whose multiples, less the whole, fill a square evenly (Roberts 2018)."""

RECENT = 14.0
"""Days within which a report is called recent in explanations."""

STEP = 0.25
"""Days: what is still to come within a period is followed in such steps."""

MOST_STEPS = 1500

ADDED = 1 / 6 - 1 / 12
"""Variance in squared cells that linear binning adds beyond a cell's own."""


@dataclass(frozen=True, eq=False)
class Reports:
    """Counted reports in metres from the corner of a grid and days from the start of the periods.

    Parameters
    ----------
    x, y : array of float, shape (n,)
    t : array of float, shape (n,)
        Where the records don't tell the time within a day or a period, its middle.
    cell : array of int, shape (n,)
    resolution : float
        Days within which the records don't tell which was first.
    """

    x: Floats
    y: Floats
    t: Floats
    cell: Ints
    resolution: float


def reports_of(counts: Counts) -> Reports:
    """Exact places and times where they are known, otherwise places anywhere in the cells and the periods' middles."""
    grid, edges = counts.grid, counts.periods.edges
    if counts.points is None:
        part = counts.matrix.tocoo()
        many = part.data.astype(np.int64)
        cell = np.repeat(part.row, many).astype(np.int64)
        period = np.repeat(part.col, many).astype(np.int64)
        order = np.argsort(period, kind="stable")
        cell, period = cell[order], period[order]
        # Anywhere in the cell, evenly: all in one point would be follow-ups of no width.
        at = np.arange(cell.size)
        x = (grid.columns[cell] + (0.5 + at * EVENLY[0]) % 1) * grid.cell
        y = (grid.rows[cell] + (0.5 + at * EVENLY[1]) % 1) * grid.cell
        t, resolution = _middles(counts)[period], counts.periods.frequency.days
        return Reports(_floats(x), _floats(y), t, cell, resolution)
    points = counts.points
    # To the millimetre: the same numbers wherever the grid's own origin is.
    x = _floats(np.round((points.x / grid.side - grid.ix0) * grid.cell, 3))
    y = _floats(np.round((points.y / grid.side - grid.iy0) * grid.cell, 3))
    t = _floats((points.time - edges[0].astype(points.time.dtype)) / np.timedelta64(1, "D"))
    cell = grid.locate(points.x, points.y)
    if np.any(t % 1 != t[0] % 1):
        return Reports(x, y, t, cell, 0.0)
    frequency, period = counts.periods.frequency, counts.periods.locate(points.time)
    if frequency.days > 1 and np.unique(t).size == np.unique(period).size < t.size:
        return Reports(x, y, _middles(counts)[period], cell, frequency.days)
    return Reports(x, y, np.floor(t) + 0.5, cell, 1.0)


def _floats(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _middles(counts: Counts) -> Floats:
    edges = (counts.periods.edges - counts.periods.edges[0]).astype(np.float64)
    return np.asarray((edges[1:] + edges[:-1]) / 2, dtype=np.float64)


def _length(counts: Counts) -> float:
    return float((counts.periods.end - counts.periods.start).astype(int))


class _SelfExciting(Method):
    """What the two forms of the kernel have in common."""

    form: ClassVar[Form]

    reach: float | str
    memory: str
    history: str

    @abstractmethod
    def _floor(self) -> float:
        """The smallest spread of follow-ups in metres."""

    def chosen(self) -> dict[str, Any]:
        """What was estimated: the branching ratio, how late and how far follow-ups are, and the background's widths."""
        kernel, fit = self.fit_.kernel, self.fit_
        share = fit.weights.sum(axis=0) if fit.weights.any() else fit.pilot[:-1]
        return {
            "branching_ratio": round(kernel.ratio, 6),
            "mean_lag_days": round(kernel.mean_lag, 6),
            "spread_m": round(kernel.spread, 6),
            "bandwidths_m": [round(float(h), 1) for h, s in zip(fit.bandwidths, share, strict=True) if s > 0],
            "level": self.level_,
        }

    def _tune(self, counts: Counts) -> None:
        grid, past = counts.grid, latest(counts, self.history)
        if past.total == 0:
            past = counts
        self.level_ = chosen_level(counts)
        reports, days = reports_of(past), _length(past)
        resolution = reports.resolution
        memory = Frequency.parse(self.memory).days
        if resolution > 0:
            # Lags are whole multiples of the resolution: an end half-way between two.
            memory = (max(np.ceil(memory / resolution), 4) + 0.5) * resolution
        reach = Reach(
            float(min(memory, max(days / 2, 4.5 * resolution, 1.0))),
            # Where only the cell is known, shorter distances are not.
            max(parse_length(self.reach), 0.0 if past.points is not None else 2.5 * grid.cell),
        )
        known = past.points is not None
        self.fit_ = fit_triggering(
            reports.x,
            reports.y,
            reports.t,
            area=Area(grid.image(np.ones(len(grid)), fill=0.0) > 0, grid.cell),
            days=days,
            reach=reach,
            form=self.form,
            smallest=60.0 if known else grid.cell / 2,
            floor=self._floor() if known else grid.cell / 4,
            resolution=resolution,
        )
        self.smoothed_ = {
            k: EdgeCorrected(grid, narrowed(float(h), cell=grid.cell, added=ADDED if known else 0.0))
            for k, h in enumerate(self.fit_.bandwidths)
            if self.fit_.pilot[k] > 0 or self.fit_.weights[:, k].any()
        }
        self.template_ = template(self.fit_.kernel, cell=grid.cell)

    def _update(self, counts: Counts) -> None:
        past = latest(counts, self.history)
        if past.total == 0:
            past = counts
        reports, kernel = reports_of(past), self.fit_.kernel
        weight, kind = self._declustered(past, reports)
        age = _length(past) - reports.t
        self.background_ = self._background(past, reports, weight, kind)
        near = age < kernel.reach.days
        grid = counts.grid
        self.recent_ = np.stack([reports.x[near] / grid.cell, reports.y[near] / grid.cell, age[near]])

    def _smooth(self, grid: Grid, reports: Reports, known: bool, weights: dict[int, Floats]) -> Floats:
        """Sum over the bandwidths of each one's weighted and smoothed reports, by cell."""
        total = np.zeros(len(grid))
        inside = np.asarray(grid.image(np.ones(len(grid)), fill=0.0) > 0) if known else None
        x, y = reports.x / grid.cell - 0.5, reports.y / grid.cell - 0.5
        for k, weight in weights.items():
            if known:
                image = linear_bin(x, y, shape=grid.shape, weight=weight, inside=inside)
            else:
                image = grid.image(np.bincount(reports.cell, weight, minlength=len(grid)), fill=0.0)
            total += self.smoothed_[k](image)
        return total

    def _declustered(self, past: Counts, reports: Reports) -> tuple[Floats, Ints]:
        """Each report's probability to be of the background, and its class."""
        fit, kernel, grid = self.fit_, self.fit_.kernel, past.grid
        n, metres = reports.x.size, grid.area * 1e6
        pilot = {k: np.full(n, fit.pilot[k]) for k in self.smoothed_ if fit.pilot[k] > 0}
        smooth = self._smooth(grid, reports, past.points is not None, pilot)
        # Without the report's own part, as when the classes were made.
        wide = np.maximum(2 * np.pi * fit.bandwidths**2, grid.cell**2)
        own = float(np.sum(fit.pilot[:-1] / wide))
        others = np.maximum((smooth / metres)[reports.cell] - own, 0.0) / max(n - 1, 1)
        density = others + fit.pilot[-1] / metres.sum()
        order = by_square(reports.x, reports.y, reports.t, metres=kernel.farthest)
        triggered = np.empty(n)
        triggered[order] = triggered_at(reports.x[order], reports.y[order], reports.t[order], kernel=kernel)
        # How many are of the background is found with the kernel as it is.
        weight, counted = np.full(n, 1 - kernel.ratio), self._counted(past, reports)
        for _ in range(ROUNDS):
            base = density * (weight[counted].mean() * n / _length(past))
            weight = base / (base + triggered)
        return weight, np.searchsorted(fit.limits, density * metres.sum())

    def _background(self, past: Counts, reports: Reports, weight: Floats, kind: Ints) -> Floats:
        """Expected background reports per day by cell."""
        fit, grid, days = self.fit_, past.grid, _length(past)
        age = days - reports.t
        weights = {k: weight * fit.weights[kind, k] for k in self.smoothed_ if fit.weights[:, k].any()}
        smooth = self._smooth(grid, reports, past.points is not None, weights)
        total = float(smooth.sum())
        even = max(fit.even, 1e-3) if total > 0 else 1.0
        share = even * grid.area / grid.area.sum() + (1 - even) * smooth / max(total, 1e-300)
        counted = self._counted(past, reports)
        level = np.where(counted, np.exp2(-age / half_life_days(self.level_)), 0.0)
        # Of the reports a day, at the latest level, the part that is of the background.
        part = float(np.sum(weight * level) / np.sum(level))
        return np.asarray(share * part * reports_a_day(past, self.level_), dtype=np.float64)

    def _counted(self, past: Counts, reports: Reports) -> npt.NDArray[np.bool_]:
        """The reports after the warm-up, before which it is not known what called them forth."""
        counted = reports.t >= warm_up(_length(past), self.fit_.kernel.reach)
        return counted if counted.any() else np.ones(counted.size, dtype=np.bool_)

    def _mean(self, period: Period) -> Floats:
        return np.asarray(sum(self._terms(period).values()), dtype=np.float64)

    def _terms(self, period: Period) -> dict[str, Floats]:
        ahead = float((period.start - self.trained_on_.end).astype(int))
        follow = Ahead.of(self.fit_.kernel, ahead, ahead + period.days)
        x, y, age = self.recent_
        first, all_ = follow.direct(age), follow.in_all(age)
        new = age <= RECENT
        parts = [np.where(new, first, 0.0), np.where(new, 0.0, first), all_ - first]
        soon, before, later = (self._around(x, y, part) for part in parts)
        return {
            "background": self.background_ * period.days,
            "follow-ups of reports of the last two weeks": soon,
            "follow-ups of earlier reports": before,
            "follow-ups of what is still to come": later
            + self.background_ * (follow.background - period.days),
        }

    def _around(self, x: Floats, y: Floats, weight: Floats) -> Floats:
        """Weights spread about the reports by the kernel, by cell; what falls outside the area is gone."""
        image = np.zeros(self.grid_.shape)
        stamp(x, y, weight, self.template_, image)
        return np.asarray(image[self.grid_.rows, self.grid_.columns], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Ahead:
    """How many follow-ups there are of a report of each age in a stretch of time that begins at or after the present.

    A report's own follow-ups have follow-ups too, and so on: those within the stretch, and those before it of which
    nothing is known yet, are added in expectation, by the renewal equation.

    Parameters
    ----------
    kernel : Kernel
    steps : array of float, shape (n_steps + 1,)
        Edges in days from the present.
    within : array of float, shape (n_steps,)
        Share of each step that is in the stretch.
    worth : array of float, shape (n_steps,)
        Expected reports in the stretch for one in each step, itself included.
    """

    kernel: Kernel
    steps: Floats
    within: Floats
    worth: Floats

    @classmethod
    def of(cls, kernel: Kernel, start: float, end: float) -> Ahead:
        """For the stretch from `start` to `end`, in days from the present."""
        n = int(np.ceil(min(end / STEP, MOST_STEPS)))
        edges = np.linspace(0, end, n + 1)
        step = end / n
        within = np.clip((edges[1:] - start) / step, 0, 1)
        # From the middle of a step to another: what is between half a step before its middle and half after.
        own = np.diff(_until(kernel, np.maximum((np.arange(n + 1) - 0.5) * step, 0.0)))
        offspring = np.zeros(n)
        for k in range(n):
            offspring[k] = (own[k] + own[1 : k + 1] @ offspring[:k][::-1]) / (1 - own[0])
        worth = within + np.array([offspring[: n - k] @ within[k:] for k in range(n)])
        return cls(kernel, edges, within, worth)

    def direct(self, age: Floats) -> Floats:
        """Follow-ups in the stretch that a report of this age itself calls forth."""
        return self._of(age, self.within)

    def in_all(self, age: Floats) -> Floats:
        """Those, and the follow-ups of follow-ups."""
        return self._of(age, self.worth)

    @property
    def background(self) -> float:
        """Reports in the stretch for one background report a day from now on, follow-ups included."""
        return float(self.worth @ np.diff(self.steps))

    def _of(self, age: Floats, worth: Floats) -> Floats:
        grid = np.linspace(0, self.kernel.reach.days, 257)
        by_step = np.diff(_until(self.kernel, grid[:, None] + self.steps[None, :]), axis=1)
        # Loops over steps and no matrix product, whose sums would depend on the number of threads.
        table = np.einsum("ij,j->i", by_step, worth)
        return np.asarray(np.interp(age, grid, table), dtype=np.float64)


def _until(kernel: Kernel, lag: Floats) -> Floats:
    """Follow-ups of a report up to a lag in days."""
    edges = np.linspace(0, kernel.reach.days, kernel.after.size + 1)
    return np.asarray(
        np.interp(lag, edges, np.concatenate([[0.0], np.cumsum(kernel.in_time * kernel.reach.step)])),
        dtype=np.float64,
    )


def template(kernel: Kernel, *, cell: float) -> Floats:
    """Mass of the kernel in the cells about a report, by where in its cell that is.

    Parameters
    ----------
    cell : float
        Side of a cell in metres.

    Returns
    -------
    array of float, shape (k, k, 2 m + 1, 2 m + 1)
        By row and column of the part of the cell that the report lies in, then by row and column of the cell from the
        report's own; each template sums to 1.
    """
    k = int(np.clip(round(cell / 15), 1, 32))
    part = cell / k
    fine = max(int(np.ceil(part / max(kernel.reach.metres / 200, 1.0))), 1) | 1
    away = int(np.ceil(kernel.reach.metres / part))
    at = (np.arange((2 * away + 1) * fine) - (fine * (2 * away + 1) - 1) / 2) * (part / fine)
    step = (np.hypot(at[:, None], at[None, :]) * (kernel.around.size / kernel.reach.metres)).astype(np.int64)
    dense = np.where(step < kernel.around.size, kernel.around[np.minimum(step, kernel.around.size - 1)], 0.0)
    n = 2 * away + 1
    mass = dense.reshape(n, fine, n, fine).sum(axis=(1, 3))
    m = -(-away // k)
    found = np.zeros((k, k, 2 * m + 1, 2 * m + 1))
    for a in range(k):
        rows = (np.arange(n) - away + a) // k + m
        down = np.zeros((2 * m + 1, n))
        np.add.at(down, rows, mass)
        for b in range(k):
            columns = (np.arange(n) - away + b) // k + m
            np.add.at(found[a, b].T, columns, down.T)
    return np.asarray(found / found.sum(axis=(2, 3), keepdims=True), dtype=np.float64)


@njit(cache=True, nogil=True)
def stamp(x: Floats, y: Floats, weight: Floats, template: Floats, image: Floats) -> None:
    """Add each weight to the cells around a place, in cells from the corner of the image, by the template."""
    rows, columns = image.shape
    k, m = template.shape[0], template.shape[2] // 2
    for i in range(x.size):
        if weight[i] == 0:
            continue
        c, r = min(max(int(x[i]), 0), columns - 1), min(max(int(y[i]), 0), rows - 1)
        part = template[min(max(int((y[i] - r) * k), 0), k - 1), min(max(int((x[i] - c) * k), 0), k - 1)]
        for p in range(max(r - m, 0), min(r + m + 1, rows)):
            for q in range(max(c - m, 0), min(c + m + 1, columns)):
                image[p, q] += weight[i] * part[p - r + m, q - c + m]


class SelfExciting(_SelfExciting):
    """A background, and follow-ups of each report that fall off exponentially in time and as a Gaussian in space.

    The map of the background doesn't change over the history that is learned from; its total follows the latest level.
    The kernel and the background are estimated together by EM, the background's bandwidths by held-out likelihood; see
    `peelian.methods.triggering.fit_triggering`. A forecast is the background and the follow-ups of each past report,
    integrated over the period's days and over cells, and in expectation the follow-ups of what is still to come.

    Parameters
    ----------
    reach : float or str
        How far away follow-ups are looked for, in metres or as text such as ``"800 ft"``.
    memory : str
        How long after, such as ``"728d"``, and half the history at most.
    history : str
        How much of the past is learned from, such as ``"5y"``.
    floor : float or str
        The smallest spread of follow-ups: where places are snapped to addresses or street corners, a smaller one means
        nothing.

    Attributes
    ----------
    fit_ : Triggering
    level_ : str or None
        Half-life of a report's part in the background's total.
    background_ : array of float, shape (n_cells,)
        Background reports per day.
    recent_ : array of float, shape (3, n)
        Column and row, in cells, and age in days, of reports that may still be followed.

    Notes
    -----
    With a memory of two years, what is called follow-ups is also how hot places come and go, and the branching ratio is
    no measure of near repeats: for that, ask for ``memory="60d"``, which mostly forecasts a little less well.

    Reports of the same instant are no follow-ups of each other. Where the records tell only the day, a report lies at
    noon, and the lags under half a day, which can't be seen, are extrapolated. Where only the period and the cell are
    known, it lies in the middle of the period and somewhere in the cell.

    References
    ----------
    Mohler, Short, Brantingham, Schoenberg and Tita (2011), "Self-exciting point process modeling of crime", JASA 106.
    Veen and Schoenberg (2008), "Estimation of space-time branching process models in seismology using an EM-type
    algorithm", JASA 103. Zhuang, Ogata and Vere-Jones (2002), "Stochastic declustering of space-time earthquake
    occurrences", JASA 97.
    """

    name = "self_exciting"
    title = "Self-exciting process"
    form = "parametric"

    def __init__(
        self,
        *,
        reach: float | str = 250.0,
        memory: str = "728d",
        history: str = "5y",
        floor: float | str = NARROWEST,
    ) -> None:
        self.reach = reach
        self.memory = memory
        self.history = history
        self.floor = floor

    def _floor(self) -> float:
        return parse_length(self.floor)


class SelfExcitingHistogram(_SelfExciting):
    """As `SelfExciting`, with follow-ups that are constant in bins of time and in rings of distance.

    Parameters
    ----------
    reach : float or str
        How far away follow-ups are looked for, in metres or as text such as ``"800 ft"``.
    memory : str
        How long after, such as ``"728d"``, and half the history at most.
    history : str
        How much of the past is learned from, such as ``"5y"``.

    Attributes
    ----------
    fit_, level_, background_, recent_
        As in `SelfExciting`.

    References
    ----------
    Marsan and Lengliné (2008), "Extending earthquakes' reach through cascading", Science 319; in Mohler, Short,
    Brantingham, Schoenberg and Tita (2011), "Self-exciting point process modeling of crime", JASA 106, for reports.
    """

    name = "self_exciting_histogram"
    title = "Self-exciting process, by histogram"
    form = "histogram"

    def __init__(self, *, reach: float | str = 250.0, memory: str = "728d", history: str = "5y") -> None:
        self.reach = reach
        self.memory = memory
        self.history = history

    def _floor(self) -> float:
        return NARROWEST  # rings are wider than that
