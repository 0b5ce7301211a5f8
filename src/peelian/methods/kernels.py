"""Kernel densities: reports spread a little around where they were, by a Gaussian of some bandwidth."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from peelian.methods.base import Method, days_of, in_window, window_of, with_background
from peelian.methods.smoothing import (
    FEWEST_REPORTS,
    EdgeCorrected,
    binned,
    chosen_level,
    decayed_shares,
    held_out,
    narrowed,
    one_step_ahead,
    reports_a_day,
)
from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.places.periods import Period
from peelian.units import parse_length

__all__ = ["AdaptiveKernelDensity", "DecayedKernelDensity", "KernelDensity"]

Floats = npt.NDArray[np.float64]
Smooth = Callable[[Floats], Floats]

BANDWIDTH = 150.0
"""Metres, where the past is too short to choose."""

WIDEST = 1500.0
"""Metres: the widest that is tried, or six cells if those are more."""

HALF_LIVES = ("8w", "26w", "52w", "104w", None)
HALF_LIFE = "26w"

LARGEST = 2_000_000
"""Nodes: on larger grids nothing is chosen, which would take minutes."""

RUNS = 13
"""Into which the latest year is cut to choose the bandwidth of a window, whose map hardly changes from week to week."""

LEAST = 0.01
"""Share of area by which bandwidths are compared, so that no report is impossible."""

STEPS = np.sqrt(2.0) ** np.arange(-4, 5)
"""Bandwidths of the adaptive kernel as multiples of its middle one."""


def bandwidths_for(grid: Grid) -> list[float]:
    """Bandwidths in metres among which one is chosen: from half a cell, each the square root of 2 wider."""
    first, last = grid.cell / 2, max(WIDEST, 6 * grid.cell)
    return [round(first * 2.0 ** (i / 2), 1) for i in range(int(2 * np.log2(last / first)) + 1)]


def _can_choose(counts: Counts, runs: Sequence[tuple[int, int]]) -> bool:
    if not runs or counts.grid.shape[0] * counts.grid.shape[1] > LARGEST:
        return False
    return int(counts.by_period[runs[0][0] :].sum()) >= FEWEST_REPORTS


class _Windowed(Method):
    """What the fixed and the adaptive kernel have in common: equal weights in a window, a bandwidth from the past."""

    bandwidth: float | str | None
    window: str | None
    background: float

    def chosen(self) -> dict[str, Any]:
        """The bandwidth in metres."""
        return {"bandwidth": self.bandwidth_}

    def _tune(self, counts: Counts) -> None:
        self.bandwidth_ = self._best(counts) if self.bandwidth is None else parse_length(self.bandwidth)

    def _best(self, counts: Counts) -> float:
        """The bandwidth that gives held-out reports the highest likelihood, given how many there were in all."""
        runs = held_out(counts.periods, most=RUNS)
        if not _can_choose(counts, runs):
            return max(BANDWIDTH, counts.grid.cell / 2)
        even = counts.grid.area / counts.grid.area.sum()
        folds = []
        for i, j in runs:
            image, added = binned(counts[:i], in_window(counts.periods[:i], self.window))
            observed = counts[i:j].by_cell
            seen = np.flatnonzero(observed)
            if image.sum() > 0:
                folds.append((image, added, seen, observed[seen]))
        tried = bandwidths_for(counts.grid)
        smooth: dict[float, Smooth] = {}

        def score(k: int) -> float:
            gained = 0.0
            for image, added, seen, observed in folds:
                share = self._spread(image, added, counts.grid, tried[k], smooth)[seen] / image.sum()
                gained += float(np.sum(observed * np.log((1 - LEAST) * share + LEAST * even[seen])))
            return gained

        # Every other one, and then the neighbours of the best: the likelihood changes little from one to the next.
        scores = {k: score(k) for k in range(0, len(tried), 2)}
        best = max(scores, key=lambda k: scores[k])
        scores |= {k: score(k) for k in (best - 1, best + 1) if 0 <= k < len(tried)}
        return tried[max(scores, key=lambda k: scores[k])]

    def _update(self, counts: Counts) -> None:
        past = window_of(counts, self.window)
        image, added = binned(past, np.ones(len(past.periods)))
        by_cell = self._spread(image, added, counts.grid, self.bandwidth_, {})
        self.rate_ = with_background(by_cell / days_of(past.periods).sum(), counts.grid, self.background)

    @abstractmethod
    def _spread(
        self, image: Floats, added: float, grid: Grid, bandwidth: float, smooth: dict[float, Smooth]
    ) -> Floats:
        """By cell, from nodes; `smooth` keeps what is needed again for the same grid."""

    def _mean(self, period: Period) -> Floats:
        return self.rate_ * period.days

    def _terms(self, period: Period) -> dict[str, Floats]:
        return _terms(self._mean(period), self.background, self.grid_, self.bandwidth_, "in the window")


def _smoother(grid: Grid, bandwidth: float, added: float, kept: dict[float, Smooth]) -> Smooth:
    key = round(bandwidth, 1)
    if key not in kept:
        kept[key] = EdgeCorrected(grid, narrowed(bandwidth, cell=grid.cell, added=added))
    return kept[key]


def _terms(mean: Floats, background: float, grid: Grid, bandwidth: float, when: str) -> dict[str, Floats]:
    even = np.minimum(background * mean.sum() * grid.area / grid.area.sum(), mean)
    return {
        f"reports within about {2 * bandwidth:.0f} m {when}": mean - even,
        "the whole area's average": even,
    }


class KernelDensity(_Windowed):
    """Gaussian kernel density of the past year's reports.

    Where exact points are known they are used, otherwise the cells. Each report's kernel is renormalised to a
    mass of 1 inside the study area (Jones 1993; Diggle 2010), so none is lost over the border.

    Parameters
    ----------
    bandwidth : float, str or None
        Standard deviation of the Gaussian in metres, or text such as ``"500 ft"``; None (the default) chooses the one
        that would have given the reports of the latest year (of half the past where that is shorter, of 52 periods
        where those are longer) the highest likelihood: they are cut into at most 13 runs of whole periods, four weeks
        or four months each, and each run is told from what was before it.
    window : str or None
        How far back, such as ``"1y"`` or ``"26w"``; None is all of the past.
    background : float
        Share of the expected total that is spread evenly over the area, so that no place is called
        impossible.

    Attributes
    ----------
    bandwidth_ : float
        In metres.
    rate_ : array of float, shape (n_cells,)
        Expected reports per day.

    References
    ----------
    Chainey, Tompson and Uhlig (2008), "The utility of hotspot mapping for predicting spatial patterns of
    crime", Security Journal 21. Jones (1993), "Simple boundary correction for kernel density estimation",
    Statistics and Computing 3. Diggle (2010), "Nonparametric methods", in Gelfand et al. (eds.), Handbook of
    Spatial Statistics, chapter 18. Habbema, Hermans and van den Broek (1974) and Duin (1976), IEEE Transactions on
    Computers 25, for the choice by likelihood of what was left out.
    """

    name = "kernel_density"
    title = "Kernel density"

    def __init__(
        self, *, bandwidth: float | str | None = None, window: str | None = "1y", background: float = 0.01
    ) -> None:
        self.bandwidth = bandwidth
        self.window = window
        self.background = background

    def _spread(
        self, image: Floats, added: float, grid: Grid, bandwidth: float, smooth: dict[float, Smooth]
    ) -> Floats:
        return _smoother(grid, bandwidth, added, smooth)(image)


class AdaptiveKernelDensity(_Windowed):
    """Kernel density with a bandwidth that is narrow where reports are dense and wide where they are sparse.

    The bandwidth at a place is the middle one, times the square root of the geometric mean density over the density
    there, as a fixed kernel of the middle bandwidth tells it; from a quarter to four times.

    Parameters
    ----------
    bandwidth : float, str or None
        The middle one; as in `KernelDensity`, chosen by the adaptive kernel's own likelihood.
    window, background
        As in `KernelDensity`.

    Attributes
    ----------
    bandwidth_ : float
        In metres.
    rate_ : array of float, shape (n_cells,)
        Expected reports per day.

    Notes
    -----
    Nine Gaussians stand for all bandwidths: what lies at a node is shared between the next narrower and the next wider
    one such that the variance is exact, and each Gaussian then takes one convolution.

    References
    ----------
    Abramson (1982), "On bandwidth variation in kernel estimates: a square root law", Annals of Statistics 10. Silverman
    (1986), "Density estimation for statistics and data analysis", section 5.3. Davies and Baddeley (2018), "Fast
    computation of spatially adaptive kernel estimates", Statistics and Computing 28, for the classes of bandwidths.
    """

    name = "adaptive_kernel_density"
    title = "Adaptive kernel density"

    def __init__(
        self, *, bandwidth: float | str | None = None, window: str | None = "1y", background: float = 0.01
    ) -> None:
        self.bandwidth = bandwidth
        self.window = window
        self.background = background

    def _spread(
        self, image: Floats, added: float, grid: Grid, bandwidth: float, smooth: dict[float, Smooth]
    ) -> Floats:
        pilot = _smoother(grid, bandwidth, added, smooth)(image) / grid.area
        at = image[grid.rows, grid.columns]
        held = np.flatnonzero(at > 0)
        log = np.log(pilot[held])
        # Abramson's square root law, about the geometric mean over reports.
        factor = np.exp(0.5 * (float(np.sum(at[held] * log)) / float(at[held].sum()) - log))
        variance = np.clip(factor, STEPS[0], STEPS[-1]) ** 2
        wider = np.clip(np.searchsorted(STEPS**2, variance), 1, STEPS.size - 1)
        low, high = STEPS[wider - 1] ** 2, STEPS[wider] ** 2
        part = (variance - low) / (high - low)
        spread = np.zeros(len(grid))
        for k, step in enumerate(STEPS):
            mass = at[held] * (np.where(wider == k, part, 0.0) + np.where(wider - 1 == k, 1 - part, 0.0))
            if mass.any():
                by_node = np.zeros(grid.shape)
                by_node[grid.rows[held], grid.columns[held]] = mass
                spread += _smoother(grid, bandwidth * step, added, smooth)(by_node)
        return spread


class DecayedKernelDensity(Method):
    """Gaussian kernel density in which a report counts half as much after each half-life.

    Where no half-life is given, two are chosen from the past: one for the pattern of places, together with the
    bandwidth, and one for the whole area's rate.

    Parameters
    ----------
    bandwidth : float, str or None
        Standard deviation of the Gaussian in metres, or text such as ``"500 ft"``; None (the default) chooses one.
    half_life : str or None
        Such as ``"13w"``, for the pattern and for the rate; None (the default) chooses both. A period's weight is by
        its age at the end of what was learned from.
    background : float
        Share of the expected total that is spread evenly over the area, so that no place is called
        impossible.

    Attributes
    ----------
    bandwidth_ : float
        In metres.
    half_life_, level_ : str or None
        Of the pattern and of the rate; None is no decay.
    rate_ : array of float, shape (n_cells,)
        Expected reports per day.

    References
    ----------
    Bowers, Johnson and Pease (2004), "Prospective hot-spotting: the future of crime mapping?", British
    Journal of Criminology 44, for weights that fall with age; the exponential form as in Mohler et al.
    (2011), "Self-exciting point process modeling of crime", JASA 106. Edge correction and choice by likelihood as in
    `KernelDensity`.
    """

    name = "decayed_kernel_density"
    title = "Decayed kernel density"

    def __init__(
        self,
        *,
        bandwidth: float | str | None = None,
        half_life: str | None = None,
        background: float = 0.01,
    ) -> None:
        self.bandwidth = bandwidth
        self.half_life = half_life
        self.background = background

    def chosen(self) -> dict[str, Any]:
        """The bandwidth in metres and the half-lives, None for no decay."""
        return {"bandwidth": self.bandwidth_, "half_life": self.half_life_, "level": self.level_}

    def _tune(self, counts: Counts) -> None:
        given, lives = self.bandwidth, self.half_life
        bandwidths = bandwidths_for(counts.grid) if given is None else [parse_length(given)]
        half_lives: tuple[str | None, ...] = HALF_LIVES if lives is None else (lives,)
        self.bandwidth_ = max(BANDWIDTH, counts.grid.cell / 2) if given is None else bandwidths[0]
        self.half_life_: str | None = HALF_LIFE if lives is None else lives
        self.level_ = chosen_level(counts) if lives is None else lives
        many = len(bandwidths) * len(half_lives)
        if many > 1 and _can_choose(counts, held_out(counts.periods)):
            ahead = one_step_ahead(counts, bandwidths=bandwidths, half_lives=half_lives)
            share = (1 - LEAST) * ahead.density + LEAST * ahead.even[:, None, None]
            score = np.sum(ahead.observed[:, None, None] * np.log(share), axis=0)
            best = np.unravel_index(np.argmax(score), score.shape)
            self.bandwidth_, self.half_life_ = bandwidths[best[0]], half_lives[best[1]]

    def _update(self, counts: Counts) -> None:
        image, added = binned(counts, decayed_shares(counts, self.half_life_))
        by_cell = _smoother(counts.grid, self.bandwidth_, added, {})(image)
        rate = by_cell * (reports_a_day(counts, self.level_) / by_cell.sum())
        self.rate_ = with_background(rate, counts.grid, self.background)

    def _mean(self, period: Period) -> Floats:
        return self.rate_ * period.days

    def _terms(self, period: Period) -> dict[str, Floats]:
        when = "the latest counting most"
        return _terms(self._mean(period), self.background, self.grid_, self.bandwidth_, f", {when}")
