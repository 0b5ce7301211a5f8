"""Why a place is in a plan, in words and numbers.

The words are about reports at a place. They say nothing of the people who live or spend time there, and
never call a place by what was reported in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.methods.base import latest
from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.places.periods import Period, Periods

__all__ = ["Past", "kind_of", "number", "past_of", "reason", "span"]

Ints = npt.NDArray[np.int64]

#: How far back a reason looks: as far as the count map.
YEAR = "1y"

#: What of it counts as recent, by the unit of the periods that were counted.
RECENT = {"d": "8w", "w": "8w", "mo": "2mo"}


@dataclass(frozen=True, eq=False)
class Past:
    """Reports of each cell in the past year and in its last part.

    Parameters
    ----------
    year, recent, around : arrays of int, shape (n_cells,)
        Reports in the long window, in its last part, and in the long window in the up to eight cells around.
    year_span, recent_span : str
        The two windows in words, such as ``"52 weeks"``.
    """

    year: Ints
    recent: Ints
    around: Ints
    year_span: str
    recent_span: str


def number(value: float) -> str:
    """A positive number as people read it: three digits at most, never a false zero."""
    if value >= 9.95:
        return f"{value:.0f}"
    if value >= 0.995:
        return f"{value:.1f}".removesuffix(".0")
    if value >= 0.005:
        return f"{value:.2f}"
    return "0" if value == 0 else "less than 0.01"


def span(days: int) -> str:
    """A number of days in words: ``"the week"``, ``"the 4 weeks"``, ``"the 31 days"``."""
    if days == 1:
        return "the day"
    if days % 7:
        return f"the {days} days"
    return "the week" if days == 7 else f"the {days // 7} weeks"


def kind_of(category: str) -> str:
    """A category as it stands in a sentence: ``"theft from vehicle"``."""
    return " ".join(category.replace("_", " ").split()).lower()


def _span_of(periods: Periods) -> str:
    if periods.frequency.unit == "mo":
        months = len(periods) * periods.frequency.n
        return "month" if months == 1 else f"{months} months"
    return span(Period(periods.start, periods.end).days).removeprefix("the ")


def _around(grid: Grid, values: Ints) -> Ints:
    image = np.pad(grid.image(values, fill=0.0), 1)
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    total = sum(image[i : i + rows, j : j + columns] for i in range(3) for j in range(3))
    return np.asarray(total)[grid.rows, grid.columns].astype(np.int64) - values


def past_of(history: Counts | None, period: Period) -> Past | None:
    """What was reported before `period`; None when nothing of it was counted.

    Whatever `history` holds of the period itself or later is left out.
    """
    if history is None:
        return None
    history = history.before(period.start)
    if len(history.periods) == 0:
        return None
    long, short = latest(history, YEAR), latest(history, RECENT[history.periods.frequency.unit])
    year = long.by_cell
    return Past(
        year, short.by_cell, _around(long.grid, year), _span_of(long.periods), _span_of(short.periods)
    )


def reason(
    cell: int,
    *,
    category: str,
    expected: float,
    interval: tuple[int, int],
    average: float,
    days: int,
    past: Past | None,
) -> str:
    """Say why a cell was chosen.

    Parameters
    ----------
    cell : int
        Number of the cell.
    expected : float
        Expected reports in the period.
    interval : (int, int)
        Their predictive interval.
    average : float
        Mean of the expected reports over all cells.
    days : int
        Length of the period.
    past : Past, optional

    Returns
    -------
    str
        Such as ``"14 burglary reports here in the past 52 weeks, 3 of them in the last 8 weeks; 0.31
        expected in the week (0 to 1), 9 times the average place"``.
    """
    text = f"{number(expected)} expected in {span(days)} ({interval[0]} to {interval[1]})"
    if average > 0:
        text += f", {number(expected / average)} times the average place"
    if past is None:
        return f"{kind_of(category)} reports: {text}"
    year, recent, kind = int(past.year[cell]), int(past.recent[cell]), kind_of(category)
    if year == 0:
        around = int(past.around[cell])
        nearby = f", {around} in the places around it" if around else ""
        return f"no {kind} report here in the past {past.year_span}{nearby}; {text}"
    reports = f"{year:,} {kind} report{'' if year == 1 else 's'} here in the past {past.year_span}"
    if past.recent_span != past.year_span:
        all_of_them = "which was" if recent else "not"
        some_of_them = f"{recent:,} of them" if recent else "none of them"
        which = all_of_them if year == 1 else some_of_them
        reports += f", {which} in the last {past.recent_span}"
    return f"{reports}; {text}"
