"""How many later reports fell in the raised zones of past days, against as many cells chosen by counting the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import Pattern, axes
from peelian.patterns.elevated import near_cells
from peelian.patterns.near_repeat import DAYS, DISTANCES, near_repeat
from peelian.patterns.point_events import plain
from peelian.patterns.zone_profile import Profile, profile_of
from peelian.places.crs import same_crs
from peelian.places.periods import Day, as_day

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from peelian.places.grid import Grid
    from peelian.records.incidents import Incidents

__all__ = ["ZoneTest", "backtest"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WEEKS = 8
"""Fewer say nothing of how much weeks differ."""

LIMITS = (
    "Records are taken as if each had been known the next day; what is reported late was not.",
    "A hit is a report within a raised cell on its day, not one that was prevented, and not one that a visit would be.",
    "Counting is by all reports before the day, on as many cells as the zones had; ties share the last places.",
)


@dataclass(frozen=True, eq=False)
class ZoneTest(Pattern):
    """Hits of the zones of past days, and of as many cells by counting.

    Parameters
    ----------
    weeks : pandas.DataFrame
        ``week`` (first day), ``reports``, ``zones`` and ``counting`` (hits), ``cell_days`` (raised).
    cells : int
        Of the grid.
    difference, low, high : float
        Share of reports hit by the zones, less that by counting, and its interval; NaN without reports or weeks.
    """

    weeks: pd.DataFrame
    cells: int
    days: int
    difference: float
    low: float
    high: float
    fitted: int
    without: int
    settings: dict[str, Any]

    @property
    def frame(self) -> pd.DataFrame:
        """One row a way to choose cells: zones, counting, and as many cells by lot."""
        total = int(self.weeks["reports"].sum())
        area = float(self.weeks["cell_days"].sum()) / max(self.cells * self.days, 1)
        hits = [float(self.weeks["zones"].sum()), float(self.weeks["counting"].sum()), total * area]
        share = np.array(hits) / total if total else np.full(3, np.nan)
        return pd.DataFrame(
            {
                "chosen_by": ["near repeats", "counting the past", "lot"],
                "hits": hits,
                "reports": total,
                "share_of_reports": share,
                "share_of_area": area,
                "hits_per_area": share / area if area > 0 else np.full(3, np.nan),
            }
        )

    def sentence(self) -> str:
        """What was found and how sure that is."""
        rows = self.frame.set_index("chosen_by")
        span = f"From {self.settings['start']} to {self.settings['end']}"
        area = rows["share_of_area"].iloc[0]
        if not rows["reports"].iloc[0]:
            return f"{span} there was no report in the area, and nothing to hit."
        if area == 0:
            return f"{span} no zone was raised on any day: the tables before had no band that stands out."
        zones, counting = rows["share_of_reports"].iloc[:2]
        n = rows["reports"].iloc[0]
        told = f"{span}, {zones:.1%} of {n:,} reports fell in raised zones of {area:.1%} of the area"
        more = f"{told}; as many cells chosen by counting the past held {counting:.1%}"
        if np.isnan(self.low):
            return f"{more}. Too few weeks to say how sure that is."
        if self.low > 0:
            verdict = "The zones did better"
        elif self.high < 0:
            verdict = "Counting did better: use it"
        else:
            verdict = "Neither is clearly better, so that counting is enough"
        return f"{more}. {verdict} (difference {self.low:+.1%} to {self.high:+.1%})."

    def to_dict(self) -> dict[str, Any]:
        """Settings, numbers and limits as plain data."""
        made: dict[str, Any] = plain(
            {
                "settings": self.settings,
                "chosen_by": self.frame.to_dict("records"),
                "weeks": self.weeks.to_dict("records"),
                "difference": self.difference,
                "low": self.low,
                "high": self.high,
                "tables": self.fitted,
                "tables_without_a_band": self.without,
                "sentence": self.sentence(),
                "limits": list(LIMITS),
            }
        )
        return made

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The share of each week's reports that was hit."""
        ax = axes(ax)
        reports = self.weeks["reports"].where(self.weeks["reports"] > 0)
        week = pd.to_datetime(self.weeks["week"])
        for name, label in (("zones", "near repeats"), ("counting", "counting the past")):
            ax.plot(week, self.weeks[name] / reports, marker=".", label=label)
        ax.set_ylim(bottom=0)
        ax.set_ylabel("share of the week's reports")
        ax.tick_params(axis="x", rotation=45)
        ax.legend()
        return ax


def backtest(
    incidents: Incidents,
    *,
    grid: Grid,
    start: Day,
    end: Day | None = None,
    distances: Sequence[float] = DISTANCES,
    days: Sequence[float] = DAYS,
    parts: int = 1,
    least_ratio: float = 1.0,
    refit: int = 28,
    permutations: int = 999,
    level: float = 0.05,
    seed: int = 0,
) -> ZoneTest:
    """Raise zones as of each past day from what had happened before it, and count the day's reports in them.

    Parameters
    ----------
    incidents : Incidents
    grid : Grid
        Cells are raised, and chosen by counting.
    start, end : date
        Days from `start` up to and without `end`, or to the last day.
    distances, days, parts, least_ratio, permutations, level, seed
        As for :func:`near_repeat` and :func:`elevated`.
    refit : int
        The table is made anew after so many days, always from all before.

    Raises
    ------
    NotEnoughDataError
        There are no incidents before `start`, or no day from then on.
    UsageError
        `refit` is below 1, or the grid is in another CRS.
    ResolutionError
        Times are known only to the month.
    """
    incidents.require("day")
    if refit < 1 or not same_crs(incidents.crs, grid.crs):
        msg = f"refit={refit} and a grid in {grid.crs} were given for incidents in {incidents.crs}"
        raise UsageError(msg, hint="refit of at least 1 day, and a grid in the CRS of the incidents")
    day = incidents.time.astype("datetime64[D]")
    first = as_day(start)
    last = as_day(end) if end is not None else (day.max() + 1 if day.size else first)
    if last <= first or not np.any(day < first):
        before, ahead = int(np.sum(day < first)), max(int((last - first).astype(int)), 0)
        msg = f"{before:,} incidents are before {first}, and {ahead} days from then on; both are needed"
        hint = "an earlier start that leaves a year or more before it"
        raise NotEnoughDataError(msg, hint=hint)
    order = np.argsort(day, kind="stable")
    walk = _Walk(
        incidents.x[order], incidents.y[order], (day[order] - first).astype(np.int64), grid, distances
    )
    n_days = int((last - first).astype(int))
    rows = np.zeros((n_days, 4))
    fitted = without = 0
    profile: Profile | None = None
    for d in range(n_days):
        if d % refit == 0:
            past = incidents.where(end=str(first + d))
            table = near_repeat(
                past,
                distances=distances,
                days=days,
                parts=parts,
                permutations=permutations,
                level=level,
                seed=seed,
            )
            profile = profile_of(table, least_ratio=least_ratio)
            fitted += 1
            without += not profile.raised.any()
        assert profile is not None
        rows[d] = walk.day(d, profile)
    weeks = _weekly(rows, first)
    difference, low, high = _difference(weeks, level)
    settings = {
        "start": str(first),
        "end": str(last - 1),
        "distances_m": list(distances),
        "days": list(days),
        "parts": parts,
        "least_ratio": least_ratio,
        "refit": refit,
        "permutations": permutations,
        "level": level,
        "seed": seed,
        "grid": grid.to_dict(),
    }
    return ZoneTest(weeks, len(grid), n_days, difference, low, high, fitted, without, settings)


class _Walk:
    """Reports in order of days, the cells around each, and the counts of cells so far."""

    def __init__(self, x: Floats, y: Floats, day: Ints, grid: Grid, distances: Sequence[float]) -> None:
        self.day_of, self.cell_of = day, grid.locate(x, y)
        point, cell, band = near_cells(x, y, grid, np.asarray(distances, dtype=np.float64))
        by_point = np.argsort(point, kind="stable")
        self.cell, self.band, self.point = cell[by_point], band[by_point], point[by_point]
        self.side = grid.cell
        self.counts = np.zeros(len(grid), dtype=np.int64)
        self.counted = 0

    def day(self, d: int, profile: Profile) -> tuple[float, float, float, float]:
        """Reports of a day, hits of the zones and of counting, and how many cells were raised."""
        begin, now, then = np.searchsorted(self.day_of, [d - profile.days_after, d, d + 1])
        new = self.cell_of[self.counted : now]
        np.add.at(self.counts, new[new >= 0], 1)
        self.counted = int(now)
        at = slice(*np.searchsorted(self.point, [begin, now]))
        age = d - self.day_of[self.point[at]]
        raised = np.zeros(self.counts.size, dtype=np.bool_)
        raised[self.cell[at][profile.ratios(self.side)[self.band[at], profile.band(age)] > 1]] = True
        today = self.cell_of[now:then]
        today = today[today >= 0]
        area = int(raised.sum())
        return float(today.size), float(raised[today].sum()), self._by_counting(today, area), float(area)

    def _by_counting(self, today: Ints, area: int) -> float:
        """Hits of the `area` cells with most reports so far; those tied for the last places share them."""
        if area == 0:
            return 0.0
        least = np.partition(self.counts, self.counts.size - area)[self.counts.size - area]
        above = self.counts > least
        share = (area - above.sum()) / (self.counts == least).sum()
        return float(above[today].sum() + share * (self.counts[today] == least).sum())


def _weekly(rows: Floats, first: np.datetime64) -> pd.DataFrame:
    sums = np.add.reduceat(rows, np.arange(0, len(rows), 7), axis=0)
    week = first + 7 * np.arange(len(sums))
    return pd.DataFrame(
        {
            "week": week.astype(str),
            "reports": sums[:, 0].astype(np.int64),
            "zones": sums[:, 1].astype(np.int64),
            "counting": sums[:, 2],
            "cell_days": sums[:, 3].astype(np.int64),
        }
    )


def _difference(weeks: pd.DataFrame, level: float) -> tuple[float, float, float]:
    """Difference of both shares and its interval, from how much it differs from week to week."""
    total = int(weeks["reports"].sum())
    if not total:
        return np.nan, np.nan, np.nan
    found = float((weeks["zones"] - weeks["counting"]).sum() / total)
    n = len(weeks)
    if n < WEEKS:
        return found, np.nan, np.nan
    each = (weeks["zones"] - weeks["counting"] - found * weeks["reports"]).to_numpy()
    error = np.sqrt(n / (n - 1) * (each**2).sum()) / total
    reach = float(stats.t.ppf(1 - level / 2, n - 1) * error)
    return found, found - reach, found + reach
