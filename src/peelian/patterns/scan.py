"""The prospective space-time scan against an expectation: which places hold more than they should, of late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import monte_carlo_p
from peelian.patterns.baselines import HALF_LIFE, expect
from peelian.patterns.cylinders import Cylinders, Fill, latest_first
from peelian.patterns.draws import scattered_fill
from peelian.patterns.windows import Windows

__all__ = [
    "FEWEST_TOPS",
    "ExpectationScan",
    "Found",
    "Look",
    "Scan",
    "SetUp",
    "clusters",
    "matched_scatter",
    "past_tops",
    "set_up",
]

FEWEST_TOPS = 20
"""Past looks without which nothing is said of false alarms, and the scatter is that of single places."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Dates = npt.NDArray[np.datetime64]

TRIED = 128
"""Replicates by which a scatter is tried."""

WIDEST = 30.0
"""Greatest scatter that is tried."""

STEPS = 4
CLOSE = 0.02
"""Trials of a scatter at most, and the relative change by which it is found."""


@dataclass(frozen=True, eq=False)
class Look:
    """A scan at one moment: what was counted, what was expected, and how chance would have scattered it.

    Parameters
    ----------
    cylinders : Cylinders
    counts : array of float, shape (n, durations)
        Cumulated from the latest period back.
    scatter : float
        Variance over mean of single places' counts in the past; 1 where the method needs none.
    chance : callable
        Gives the replicates' `Fill` for a scatter and a seed.
    """

    cylinders: Cylinders
    counts: Floats
    scatter: float
    chance: Callable[[float, int], Fill]

    def top(self) -> float:
        """The highest score."""
        return self.cylinders.top(self.counts)

    def maxima(self, replicates: int, *, scatter: float, seed: int) -> Floats:
        """The highest scores of replicates, shape (replicates,)."""
        return self.cylinders.highest(self.chance(scatter, seed), replicates)


class Scan(Protocol):
    """A way to scan: settings that make a `Look` at any past moment."""

    @property
    def weeks(self) -> int:
        """Most periods in a cylinder."""

    @property
    def needs(self) -> int:
        """Fewest periods before and in a look."""

    def look(self, matrix: sparse.csc_array, edges: Dates, windows: Windows) -> Look:
        """Look at the end of the counts given."""


@dataclass(frozen=True)
class ExpectationScan:
    """The expectation-based scan: what is expected comes from the past before the window, never from within it.

    Parameters
    ----------
    weeks : int
        Most periods in a cylinder.
    fewest : int
        Reports that a cylinder must hold.
    half_life : float
        In days, of a place's level.
    totals : bool
        Whether expectations are scaled to what was reported in the whole area in each period, so that a place is
        held against its share. False takes the area's own level from the past as well.

    References
    ----------
    Kulldorff (2001), "Prospective time periodic geographical disease surveillance using a scan statistic", Journal of
    the Royal Statistical Society A 164. Neill (2009), "Expectation-based scan statistics for monitoring spatial time
    series data", International Journal of Forecasting 25.
    """

    weeks: int = 12
    fewest: int = 3
    half_life: float = HALF_LIFE
    totals: bool = True

    @property
    def needs(self) -> int:
        """Fewest periods before and in a look."""
        return self.weeks + 26

    def look(self, matrix: sparse.csc_array, edges: Dates, windows: Windows) -> Look:
        """Look at the end of the counts given.

        Raises
        ------
        NotEnoughDataError
            Fewer than 8 periods before the window.
        """
        split = matrix.shape[1] - self.weeks
        if split < 1:
            msg = f"{matrix.shape[1]} periods were given, and the latest {self.weeks} of them are looked at"
            raise NotEnoughDataError(
                msg, hint="look at fewer weeks, import older records, or use method='permutation'"
            )
        recent = np.asarray(matrix[:, split:].todense(), dtype=np.float64)
        past, ahead = matrix[:, :split], edges[split:]
        given = recent.sum(axis=0) if self.totals else None
        base = expect(past, edges[: split + 1], ahead=ahead, half_life=self.half_life, totals=given)
        cylinders = Cylinders(windows, latest_first(base.expected), fewest=self.fewest)

        def chance(scatter: float, seed: int) -> Fill:
            return scattered_fill(base.expected, scatter=scatter, seed=seed)

        return Look(cylinders, latest_first(recent), base.scatter, chance)


@dataclass(frozen=True, eq=False)
class Found:
    """A cylinder that stands out.

    Parameters
    ----------
    place : int
        Its centre.
    members : array of int, shape (k,)
        Its places, nearest first.
    weeks : int
        Its latest periods.
    observed : int
    expected : float
    score : float
    p : float
        Share of replicates whose highest score anywhere is at least as high.
    """

    place: int
    members: Ints
    weeks: int
    observed: int
    expected: float
    score: float
    p: float


def clusters(look: Look, maxima: Floats, *, most: int = 10, worst: float = 0.5) -> list[Found]:
    """The highest cylinders that share no place, highest first.

    Parameters
    ----------
    look : Look
    maxima : array of float, shape (replicates,)
        Highest scores of replicates, against which each cluster is held: for all but the first that is cautious.
    most : int
    worst : float
        Clusters with a p-value above it are left out, but for the first.

    Notes
    -----
    After each cluster its places are taken, windows end before them, and the best of what is left is the next: a
    second cluster near the first is found, which the best cylinder of each centre alone would hide.
    """
    if most < 1:
        msg = f"{most} clusters were asked for; expected at least 1"
        raise UsageError(msg)
    windows, found = look.cylinders.windows, list[Found]()
    taken = np.zeros(len(windows), dtype=np.bool_)
    while len(found) < most:
        best = look.cylinders.best(look.counts, windows=windows)
        i = int(np.argmax(best.score))
        if best.score[i] <= 0:
            break
        p = float(monte_carlo_p(int((maxima >= best.score[i] * (1 - 1e-12)).sum()), maxima.size))
        if found and p > worst:
            break
        members = windows.members(i, int(best.k[i]))
        d = int(best.weeks[i]) - 1
        observed, expected = look.counts[members, d].sum(), look.cylinders.expected[members, d].sum()
        found.append(Found(i, members, d + 1, int(observed), float(expected), float(best.score[i]), p))
        taken[members] = True
        windows = windows.without(taken)
    return found


def past_tops(scan: Scan, matrix: sparse.csc_array, edges: Dates, windows: Windows, *, looks: int) -> Floats:
    """The highest scores of the same scan at past moments, latest first: what it would have shown on those days.

    Parameters
    ----------
    looks : int
        Most moments, one a period; fewer where the past is too short. The first is the latest whose window shares no
        period with that of the latest look.

    Returns
    -------
    array of float, shape (at most looks,)
    """
    last = matrix.shape[1] - scan.weeks
    ends = [end for end in range(last, last - looks, -1) if end >= scan.needs]
    return np.array([scan.look(matrix[:, :end], edges[: end + 1], windows).top() for end in ends])


def matched_scatter(look: Look, tops: Floats, *, seed: int) -> float:
    """The scatter with which replicates' highest scores have the median of those of the past.

    Counts scatter more than Poisson's law says, by more than one place's counts show: weather, a fair, records that
    come late strike many places at once. The data's own past knows all of it. The median, and not the upper tail, so
    that what was real in the past does little to hide what is real now.
    """
    wanted = float(np.median(tops))

    def reached(scatter: float) -> float:
        return float(np.median(look.maxima(TRIED, scatter=scatter, seed=seed + 1)))

    scatter, height = 1.0, reached(1.0)
    if wanted <= height or height <= 0:
        return 1.0
    # The highest score grows about as the scatter does: from there, a straight line of logarithms.
    power = 1.0
    for _ in range(STEPS):
        before, lower = scatter, height
        scatter = float(np.clip(before * (wanted / lower) ** (1 / power), 1.0, WIDEST))
        if abs(scatter / before - 1) < CLOSE:
            break
        height = reached(scatter)
        power = float(np.clip(np.log(height / lower) / np.log(scatter / before), 0.5, 2.0))
    return scatter


@dataclass(frozen=True)
class SetUp:
    """A scan that is ready for its latest look.

    Parameters
    ----------
    look : Look
        At the latest periods.
    windows : Windows
        Those that hold no more than the given share of all that is expected.
    tops : array of float
        The highest score of each past look.
    scatter : float
        Of chance.
    unmatched : bool
        The past is too short to match chance to it.
    """

    look: Look
    windows: Windows
    tops: Floats
    scatter: float
    unmatched: bool


def set_up(
    scan: Scan,
    matrix: sparse.csc_array,
    edges: Dates,
    windows: Windows,
    *,
    share: float,
    looks: int,
    tops: Floats | None = None,
    scatter: float | None = None,
    seed: int,
) -> SetUp:
    """Look at the latest periods through windows of at most a share, and match chance to the past looks.

    Parameters
    ----------
    share : float
        Of all that is expected, in a window, at most.
    looks : int
        Past looks, one a period.
    tops : array of float, optional
        Of the past looks; looked for when not given.
    scatter : float, optional
        Of chance; matched to the past when not given and the scan's chance can scatter.
    """
    windows = windows.within_share(scan.look(matrix, edges, windows).cylinders.expected[:, -1], share)
    look = scan.look(matrix, edges, windows)
    if tops is None:
        tops = past_tops(scan, matrix, edges, windows, looks=looks)
    unmatched = False
    if scatter is None:
        scatter = look.scatter
        if isinstance(scan, ExpectationScan):
            unmatched = tops.size < FEWEST_TOPS
            scatter = scatter if unmatched else matched_scatter(look, tops, seed=seed)
    return SetUp(look, windows, tops, scatter, unmatched)
