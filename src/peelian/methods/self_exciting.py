"""Self-exciting processes: what is there anyway, and what each report adds near by for some time."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from peelian.methods.base import Method, latest
from peelian.methods.smoothing import (
    ADDED_VARIANCE,
    EdgeCorrected,
    chosen_level,
    half_life_days,
    linear_bin,
    narrowed,
    reports_a_day,
)
from peelian.methods.triggering import (
    Area,
    FollowUps,
    Form,
    Reach,
    Reports,
    by_square,
    fit_triggering,
    reports_of,
    stamp,
    template,
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

RECENT = 14.0
"""Days within which a report is called recent in explanations."""


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
        reports = reports_of(past)
        days = reports.days
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
            k: EdgeCorrected(grid, narrowed(float(h), cell=grid.cell, added=ADDED_VARIANCE if known else 0.0))
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
        age = reports.days - reports.t
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
        weight, counted = np.full(n, 1 - kernel.ratio), self._counted(reports)
        for _ in range(ROUNDS):
            base = density * (weight[counted].mean() * n / reports.days)
            weight = base / (base + triggered)
        return weight, np.searchsorted(fit.limits, density * metres.sum())

    def _background(self, past: Counts, reports: Reports, weight: Floats, kind: Ints) -> Floats:
        """Expected background reports per day by cell."""
        fit, grid = self.fit_, past.grid
        age = reports.days - reports.t
        weights = {k: weight * fit.weights[kind, k] for k in self.smoothed_ if fit.weights[:, k].any()}
        smooth = self._smooth(grid, reports, past.points is not None, weights)
        total = float(smooth.sum())
        even = max(fit.even, 1e-3) if total > 0 else 1.0
        share = even * grid.area / grid.area.sum() + (1 - even) * smooth / max(total, 1e-300)
        counted = self._counted(reports)
        level = np.where(counted, np.exp2(-age / half_life_days(self.level_)), 0.0)
        # Of the reports a day, at the latest level, the part that is of the background.
        part = float(np.sum(weight * level) / np.sum(level))
        return np.asarray(share * part * reports_a_day(past, self.level_), dtype=np.float64)

    def _counted(self, reports: Reports) -> npt.NDArray[np.bool_]:
        """The reports after the warm-up, before which it is not known what called them forth."""
        counted = reports.t >= warm_up(reports.days, self.fit_.kernel.reach)
        return counted if counted.any() else np.ones(counted.size, dtype=np.bool_)

    def _mean(self, period: Period) -> Floats:
        return np.asarray(sum(self._terms(period).values()), dtype=np.float64)

    def _terms(self, period: Period) -> dict[str, Floats]:
        ahead = float((period.start - self.trained_on_.end).astype(int))
        follow = FollowUps.of(self.fit_.kernel, ahead, ahead + period.days)
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
