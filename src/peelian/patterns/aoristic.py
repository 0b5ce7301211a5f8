"""When reports can have happened: incidents with a from-to time spread over the hours of the week.

A burglary found after a weekend can have happened in any hour of it. Taking its start, its middle or its end puts it in
one hour that may well be wrong; aoristic analysis gives each hour its share of the interval.

Ratcliffe (2000), "Aoristic analysis: the spatial interpretation of unspecific temporal events", International Journal
of Geographical Information Science 14; Ratcliffe (2002), "Aoristic signatures and the spatio-temporal analysis of high
volume crime patterns", Journal of Quantitative Criminology 18.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.patterns.base import Pattern, axes, check_level
from peelian.patterns.hours import (
    HOURS,
    WEEKDAYS,
    Account,
    Coarse,
    hour_name,
    hour_of_week,
    known_times,
    spread,
)
from peelian.patterns.intervals import weighted_interval
from peelian.records.incidents import Incidents

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Aoristic", "aoristic"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Aoristic(Pattern):
    """Weights of the 168 hours of the week, from Monday 00:00.

    Parameters
    ----------
    weights : array of float, shape (168,)
        Reports that fall in each hour, in parts; they add up to the reports used.
    low, high : array of float, shape (168,)
        Interval for each.
    start, middle, end : array of float, shape (168,)
        The same when each report is put where its interval starts, has its middle, or ends.
    account : Account
        What became of the reports that were given.
    longest : float
        Hours: longer intervals are set apart.
    level : float
        Of the intervals.
    zone : str
        Whose clocks the hours are.
    """

    weights: Floats
    low: Floats
    high: Floats
    start: Floats
    middle: Floats
    end: Floats
    account: Account
    longest: float
    level: float
    zone: str

    @cached_property
    def moved(self) -> dict[str, float]:
        """How many reports would stand in another hour of the week by start, middle or end, at the least."""
        others = {"start": self.start, "middle": self.middle, "end": self.end}
        return {name: float(np.abs(other - self.weights).sum() / 2) for name, other in others.items()}

    @property
    def by_hour(self) -> Floats:
        """Weights by hour of the day, shape (24,)."""
        found: Floats = self.weights.reshape(7, 24).sum(axis=0)
        return found

    @property
    def by_weekday(self) -> Floats:
        """Weights by day of the week, from Monday, shape (7,)."""
        found: Floats = self.weights.reshape(7, 24).sum(axis=1)
        return found

    @property
    def frame(self) -> pd.DataFrame:
        """A row an hour of the week: weight, interval, share, and what start, middle and end give; highest first."""
        hours = np.arange(HOURS)
        found = pd.DataFrame(
            {
                "weekday": np.array(WEEKDAYS)[hours // 24],
                "hour": hours % 24,
                "reports": self.weights,
                "low": self.low,
                "high": self.high,
                "share": self.weights / max(self.weights.sum(), 1e-300),
                "by_start": self.start,
                "by_middle": self.middle,
                "by_end": self.end,
            }
        )
        return found.sort_values("reports", ascending=False, kind="stable", ignore_index=True)

    def sentence(self) -> str:
        """What was found and how sure that is."""
        a = self.account
        if not a.used:
            if a.given:
                apart = f"{a.too_long:,} intervals are too long, {a.reversed:,} end before they begin"
                return f"None of {a.given:,} reports has a time to look at: {apart}."
            return "No report was given: there was nothing to look at."
        top = int(np.argmax(self.weights))
        said = (
            f"Of {a.used:,} reported incidents most fall in {hour_name(top)}: {self.weights[top]:,.1f}, "
            f"{self.weights[top] / a.used:.1%} ({self.level:.0%} interval {self.low[top]:,.1f} to "
            f"{self.high[top]:,.1f})"
        )
        if not a.intervals:
            return f"{said}; each has one recorded time."
        apart = f" {a.too_long:,} with more than {self.longest:g} h are set apart." if a.too_long else ""
        return (
            f"{said}; {a.intervals:,} have an interval, and putting them at its start would move "
            f"{self.moved['start']:,.0f} to another hour.{apart}"
        )

    @property
    def limits(self) -> list[str]:
        """What this can't tell."""
        alike = "Each moment of an interval is taken as alike likely, though most things happen when a place is empty."
        return [
            *self.account.limits(self.longest),
            *([alike] if self.account.intervals else []),
            "Intervals take reports as independent of each other: a series of linked ones makes them too narrow.",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Settings, weights by hour of the week, the account, and the limits."""
        arrays = {
            "reports": self.weights,
            "low": self.low,
            "high": self.high,
            "by_start": self.start,
            "by_middle": self.middle,
            "by_end": self.end,
        }
        return {
            "pattern": "aoristic",
            "zone": self.zone,
            "longest_h": self.longest,
            "level": self.level,
            "account": asdict(self.account) | {"used": self.account.used},
            "moved": self.moved,
            "hours": {name: values.tolist() for name, values in arrays.items()},
            "sentence": self.sentence(),
            "limits": self.limits,
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Reports by hour of the day and day of the week."""
        ax = axes(ax)
        shown = ax.imshow(self.weights.reshape(7, 24), aspect="auto", cmap="magma_r", vmin=0)
        ax.set_yticks(range(7), [day[:3] for day in WEEKDAYS])
        ax.set_xticks(range(0, 24, 3))
        ax.set_xlabel("hour of the day")
        ax.set_title("When reported incidents can have happened")
        ax.figure.colorbar(shown, ax=ax, label="reports")
        return ax


def aoristic(
    incidents: Incidents, *, longest: float = 48.0, coarse: Coarse = "refuse", level: float = 0.95
) -> Aoristic:
    """Spread incidents over the hours of the week in which they can have happened.

    Parameters
    ----------
    incidents : Incidents
        With ``occurred_from`` and, where known, ``occurred_to``.
    longest : float
        Hours. Reports with a longer interval say next to nothing of the hour; they are set apart and counted.
    coarse : {"refuse", "leave_out"}
        What to do when the time of day of some is not known: refuse, or leave them out and count them.
    level : float
        Of the interval of each hour, see `peelian.patterns.intervals.weighted_interval`.

    Raises
    ------
    ResolutionError
        Some reports have no time of day, and are not to be left out.
    UsageError
        A setting is off.
    """
    check_level(level)
    known = known_times(incidents, longest=longest, coarse=coarse)
    weights, squares = (values[0] for values in spread(known))
    low, high = weighted_interval(weights, squares, level=level)

    def at(seconds: npt.NDArray[np.int64]) -> Floats:
        return np.bincount(hour_of_week(seconds), minlength=HOURS).astype(np.float64)

    return Aoristic(
        weights=weights,
        low=low,
        high=high,
        start=at(known.start),
        middle=at((known.start + known.end) // 2),
        end=at(known.end),
        account=known.account,
        longest=longest,
        level=level,
        zone=incidents.zone,
    )
