"""What the past tells of how to smooth it: decay with age, and what kernels would have said of reports held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from peelian.methods.smoothing.study import EdgeCorrected, binned_by_period, narrowed
from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.places.periods import Periods
from peelian.units import Frequency

__all__ = [
    "FEWEST_REPORTS",
    "Ahead",
    "chosen_level",
    "decay",
    "decayed_shares",
    "half_life_days",
    "held_out",
    "one_step_ahead",
    "reports_a_day",
]

Floats = npt.NDArray[np.float64]

FEWEST_HELD_OUT = 4
"""Periods: with fewer, nothing is chosen."""

FEWEST_REPORTS = 30
"""In what is held out: with fewer, nothing is chosen."""

LEAST_A_DAY = 1e-9
"""Reports a day where decades without one leave nothing of a decayed mean: next to none, but not impossible."""

TINY = 1e-300
"""What a sum of no reports is divided by."""

LEVEL = "26w"
"""Half-life of the whole area's rate where nothing can be chosen."""

LEVELS = ("8w", "13w", "26w", "52w", "104w", None)
"""Half-lives of the whole area's rate that are tried."""


def decay(periods: Periods, half_life: str | None) -> Floats:
    """Weights that halve with each half-life of age at the end of the periods, shape (n_periods,).

    Parameters
    ----------
    half_life : str or None
        Such as ``"26w"``; None is no decay.

    Raises
    ------
    UsageError
        It is no such span.
    """
    age = (periods.end - periods.edges[1:]).astype(np.float64)
    return np.asarray(np.exp2(-age / half_life_days(half_life)), dtype=np.float64)


def decayed_shares(counts: Counts, half_life: str | None) -> Floats:
    """As `decay`, such that the weights of all reports, of which there is one, sum to 1; shape (n_periods,).

    They are taken by the age of the latest report: its own weight may be too small for a number after decades of none.
    """
    reports, edges = counts.by_period, counts.periods.edges
    latest = edges[1:][reports > 0].max()
    since = np.maximum((latest - edges[1:]).astype(np.float64), 0.0)
    weight = np.exp2(-since / half_life_days(half_life))
    return np.asarray(weight / (weight @ reports), dtype=np.float64)


def half_life_days(half_life: str | None) -> float:
    """Length of a half-life in days; infinite for None."""
    return float("inf") if half_life is None else Frequency.parse(half_life).days


def reports_a_day(counts: Counts, half_life: str | None) -> float:
    """Mean number of reports a day in the whole area, the latest counting most; at least a billionth."""
    weight = decay(counts.periods, half_life)
    days = np.diff(counts.periods.edges).astype(np.float64)
    return max(float(weight @ counts.by_period / (weight @ days)), LEAST_A_DAY)


def chosen_level(counts: Counts) -> str | None:
    """The half-life with which `reports_a_day` would have forecast the later half of the past best.

    By the Poisson log-likelihood of each period's total, one step ahead, among `LEVELS`.
    """
    n, totals = len(counts.periods), counts.by_period.astype(np.float64)
    days = np.diff(counts.periods.edges).astype(np.float64)
    first = n // 2
    if n - first < FEWEST_HELD_OUT or totals[first:].sum() < FEWEST_REPORTS:
        return LEVEL
    score = []
    for half_life in LEVELS:
        kept = np.exp2(-days / half_life_days(half_life))
        reports = time = gained = 0.0
        for i in range(n):
            if i >= first:
                expected = max(reports, 0.5) / time * days[i]
                gained += totals[i] * np.log(expected) - expected
            reports, time = kept[i] * reports + totals[i], kept[i] * time + days[i]
        score.append(gained)
    return LEVELS[int(np.argmax(score))]


def held_out(periods: Periods, *, most: int = 52) -> list[tuple[int, int]]:
    """Runs of the latest periods, each to be forecast from those before it when something is chosen.

    Parameters
    ----------
    most : int
        How many runs at most.

    Returns
    -------
    list of (int, int)
        Half-open. They are of the latest year, or of 52 periods if those are more, and of half of the past at most;
        none where that is too little to choose by.
    """
    n = len(periods)
    many = min(n // 2, max(52, round(364 / periods.frequency.days)))
    if many < FEWEST_HELD_OUT:
        return []
    step = -(-many // most)
    return [(max(end - step, n - many), end) for end in range(n, n - many, -step)][::-1]


@dataclass(frozen=True, eq=False)
class Ahead:
    """What kernels of some scales and half-lives would have said of cells in which something was then reported.

    Parameters
    ----------
    density : array of float, shape (n, n_scales, n_half_lives)
        Share of the whole area's expected reports that was given to the cell.
    even : array of float, shape (n,)
        The share that the cell's area has.
    observed : array of float, shape (n,)
        Reports in the cell.
    """

    density: Floats
    even: Floats
    observed: Floats


def one_step_ahead(
    counts: Counts,
    *,
    bandwidths: Sequence[float],
    half_lives: Sequence[str | None],
    most: int = 52,
) -> Ahead:
    """Densities of held-out reports, each run of periods by what was known before it.

    Parameters
    ----------
    bandwidths : sequence of float
        Standard deviations in metres; 0 leaves the counts of cells as they are.
    half_lives : sequence of str or None
    most : int
        Runs that are held out, at most.

    Notes
    -----
    Smoothing is linear: each run is smoothed once for a bandwidth, and the decayed sums of what was smoothed are then
    those of all half-lives, which takes ``n_scales * (n_runs + n_half_lives)`` convolutions. Within a run nothing
    decays. Only cells with held-out reports are kept.
    """
    grid, periods, runs = counts.grid, counts.periods, held_out(counts.periods, most=most)
    seen = [_reported(counts, *run) for run in runs]
    kinds = (len(bandwidths), len(half_lives))
    if not seen:
        return Ahead(np.zeros((0, *kinds)), np.zeros(0), np.zeros(0))
    cells = np.unique(np.concatenate([cell for cell, _ in seen]))
    at = [np.searchsorted(cells, cell) for cell, _ in seen]
    before = periods[: runs[0][0]]
    start = np.array([np.append(decay(before, h), np.zeros(len(periods) - len(before))) for h in half_lives])
    days = np.array([int((periods.edges[j] - periods.edges[i]).astype(int)) for i, j in runs])
    kept = np.exp2(-days[:, None] / np.array([half_life_days(h) for h in half_lives]))
    by_node, added = binned_by_period(counts)
    density = np.zeros((sum(a.size for a in at), *kinds))
    for s, bandwidth in enumerate(bandwidths):
        source = counts.matrix if bandwidth == 0 else by_node
        spread = _spread(grid, bandwidth, added)
        state = np.array([spread(source @ w)[cells] for w in start])
        mass = start @ counts.by_period
        row = 0
        for b, (i, j) in enumerate(runs):
            density[row : row + at[b].size, s] = (state[:, at[b]] / np.maximum(mass, TINY)[:, None]).T
            row += at[b].size
            if b + 1 < len(runs):
                state = kept[b][:, None] * state + spread(_summed(source, i, j))[cells]
                mass = kept[b] * mass + counts.by_period[i:j].sum()
    even = grid.area / grid.area.sum()
    return Ahead(
        density,
        np.concatenate([even[cell] for cell, _ in seen]),
        np.concatenate([n for _, n in seen]),
    )


def _spread(grid: Grid, bandwidth: float, added: float) -> Callable[[Floats], Floats]:
    """From what lies at the nodes, row by row, to cells; of a bandwidth of 0 from cells to cells."""
    if bandwidth == 0:
        return lambda by_cell: by_cell
    corrected = EdgeCorrected(grid, narrowed(bandwidth, cell=grid.cell, added=added))
    return lambda by_node: corrected(by_node.reshape(grid.shape))


def _summed(matrix: sparse.csc_array, first: int, last: int) -> Floats:
    """Sum over a run of columns, shape (n_rows,), at the cost of what is in them."""
    part = slice(matrix.indptr[first], matrix.indptr[last])
    made = np.bincount(matrix.indices[part], weights=matrix.data[part], minlength=matrix.shape[0])
    return np.asarray(made, dtype=np.float64)


def _reported(counts: Counts, first: int, last: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Cells with reports in a run of periods, ascending, and how many."""
    n = _summed(counts.matrix, first, last)
    cells = np.flatnonzero(n)
    return cells, n[cells]
