"""All that times tell: the hours of the week, the weekdays, the season, and when the level changed.

What can't be told from these reports is said with its reason: hours of records that know the month alone, a season of
less than two years.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from peelian.errors import NotEnoughDataError, ResolutionError
from peelian.patterns.aoristic import Aoristic, aoristic
from peelian.patterns.base import Pattern
from peelian.patterns.changes import ChangePoints, change_points
from peelian.patterns.hours import WEEKDAYS, Coarse, hour_name
from peelian.patterns.profile import TimeProfile, time_profile
from peelian.patterns.seasonality import MONTHS, Seasonality, seasonality
from peelian.places.periods import Day, Periods
from peelian.records.incidents import Incidents
from peelian.units import Frequency

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Times", "times"]

ROUNDED = 0.1
"""Share of times at a full hour from which on people are said to round: by chance it is one in sixty."""
SEASON = 0.05
"""p-value above which a season is not called one."""
SINGLE = {
    "spread": ("hours",),
    "hour_of_week": ("names", "reports", "ratio", "low", "high", "p", "q", "above"),
    "season": ("counts", "fitted"),
    "changes": ("counts", "mean", "season"),
}
"""Single hours and periods, which tables hold."""

P = TypeVar("P")


@dataclass(frozen=True, eq=False)
class Times(Pattern):
    """What the times of some reports tell.

    Parameters
    ----------
    incidents : int
    spread : Aoristic or None
        Reports over the hours of the week; None where hours were not asked for.
    hour_of_week, hour, weekday : TimeProfile or None
        Which of them stand out.
    season : Seasonality or None
    changes : ChangePoints or None
    untold : dict of str to str
        ``"hours"``, ``"weekdays"``, ``"season"`` or ``"changes"``: why it can't be told.
    rounded : float
        Share of the times, of those to the minute, that are at a full hour.
    month_only : int
        Reports that know no more than the month.
    """

    incidents: int
    spread: Aoristic | None
    hour_of_week: TimeProfile | None
    hour: TimeProfile | None
    weekday: TimeProfile | None
    season: Seasonality | None
    changes: ChangePoints | None
    untold: dict[str, str]
    rounded: float
    month_only: int

    @cached_property
    def parts(self) -> dict[str, Pattern]:
        """What was found, by name."""
        named: dict[str, Pattern | None] = {
            "spread": self.spread,
            "hour_of_week": self.hour_of_week,
            "hour": self.hour,
            "weekday": self.weekday,
            "season": self.season,
            "changes": self.changes,
        }
        return {name: part for name, part in named.items() if part is not None}

    @property
    def frame(self) -> pd.DataFrame:
        """The finest profile that there is: hours of the week, else weekdays, months of the year or changes."""
        for name in ("hour_of_week", "weekday", "season", "changes"):
            if name in self.parts:
                return self.parts[name].frame
        return pd.DataFrame()

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """A table for each part, hours and periods in their own order."""
        found = {
            name: self.parts[named].frame
            for name, named in {
                "hours_of_day": "hour",
                "weekdays": "weekday",
                "months_of_year": "season",
                "changes": "changes",
            }.items()
            if named in self.parts
        }
        if self.spread is not None:
            found["hours"] = _hours(self.spread, self.hour_of_week)
        if self.season is not None:
            s = self.season
            found["months"] = pd.DataFrame(
                {"month": s.months.astype(str), "reports": s.counts, "fitted": s.mean}
            )
        if self.changes is not None:
            c = self.changes
            edges = c.periods.edges.astype(str)
            counted = {"from": edges[:-1], "to": edges[1:], "reports": c.counts}
            found["periods"] = pd.DataFrame({**counted, "fitted": c.mean, "season": c.season})
        return found

    @property
    def sentences(self) -> list[str]:
        """Of the week, the year and the level: what stands out first, what can't be told last."""
        if not self.incidents:
            return ["There is no report: there was nothing to look at."]
        week = self.hour_of_week or self.weekday
        said = [
            (_rank(week or self.spread, week is None or bool(week.above.any())), self._in_the_week()),
            (
                _rank(self.season, self.season is not None and self.season.overall <= SEASON),
                self._in_the_year(),
            ),
            (_rank(self.changes, self.changes is not None and bool(self.changes.changes)), self._level()),
        ]
        return [sentence for _, sentence in sorted(said, key=lambda one: one[0])]

    def sentence(self) -> str:
        """What was found and how sure that is, in a sentence for each question."""
        return " ".join(self.sentences)

    def _in_the_week(self) -> str:
        if self.hour_of_week is not None:
            return _standing_out(self.hour_of_week, "hour of the week", "hours of the week")
        if self.spread is not None:
            return f"{self.spread.sentence()} Which hours stand out can't be told: {self.untold['hours']}."
        if self.weekday is not None:
            return _standing_out(self.weekday, "weekday", "weekdays")
        return f"When in the week they come can't be told: {self.untold['weekdays']}."

    def _in_the_year(self) -> str:
        s = self.season
        if s is None:
            return f"A season can't be told: {self.untold['season']}."
        if s.overall > SEASON:
            return f"No season can be told from chance (p = {s.overall:.2f})."
        top, bottom = int(np.argmax(s.ratio)), int(np.argmin(s.ratio))
        return (
            f"By season most come in {MONTHS[top]}, {s.ratio[top]:.2f} times ({s.low[top]:.2f} to {s.high[top]:.2f}) "
            f"the average month, and fewest in {MONTHS[bottom]}, {s.ratio[bottom]:.2f} times ({s.low[bottom]:.2f} to "
            f"{s.high[bottom]:.2f})."
        )

    def _level(self) -> str:
        c = self.changes
        if c is None:
            return f"Whether the level changed can't be told: {self.untold['changes']}."
        if not c.changes:
            chance = "" if np.isnan(c.p) else f" (p = {c.p:.2f})"
            return f"No change of level can be told from chance{chance}."
        last, n = c.changes[-1], len(c.changes)
        many = "one change, at" if n == 1 else f"{n} changes, the latest at"
        size = "from none"
        if last.ratio is not None:
            size = (
                f"to {last.ratio:.2f} times ({last.ratio_low:.2f} to {last.ratio_high:.2f}) the level before"
            )
        return f"The level shows {many} {last.date} (between {last.low} and {last.high}), {size}."

    @property
    def notes(self) -> list[str]:
        """What to know before reading on."""
        said = []
        if self.spread is not None and self.rounded > ROUNDED:
            said.append(
                f"{self.rounded:.0%} of the times are at a full hour, where chance makes 2%: people round, so an hour "
                "also holds part of the one before, and noon or midnight may stand for a time that nobody knew."
            )
        if self.month_only:
            some = (
                "The" if self.month_only == self.incidents else f"{self.month_only:,} of {self.incidents:,}"
            )
            said.append(f"{some} reports know only the month, so changes are looked for in months.")
        return said

    @property
    def limits(self) -> list[str]:
        """What this can't tell, each sentence once."""
        said: list[str] = []
        for part in (self.spread, self.hour_of_week, self.weekday):
            said += [] if part is None else part.limits
        said += [] if self.season is None else [f"Season: {limit}" for limit in self.season.limits]
        said += [] if self.changes is None else [f"Changes: {limit}" for limit in self.changes.limits]
        return list(dict.fromkeys(said))

    def to_dict(self) -> dict[str, Any]:
        """Each part as plain data without its single hours and periods, which `tables` has, and what can't be told."""
        told: dict[str, Any] = {"pattern": "times", "reports": self.incidents}
        for name, part in self.parts.items():
            left = (*SINGLE.get(name, ()), "limits")
            told[name] = {key: value for key, value in part.to_dict().items() if key not in left}
        return {
            **told,
            "untold": self.untold,
            "rounded": self.rounded,
            "month_only": self.month_only,
            "notes": self.notes,
            "sentence": self.sentence(),
            "limits": self.limits,
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Reports by hour of the week, else the season, else the changes."""
        for part in (self.spread, self.season, self.changes, self.weekday):
            if part is not None:
                return part.plot(ax=ax)
        msg = "nothing could be told from these times, so there is nothing to draw"
        raise NotEnoughDataError(msg, hint="more reports, or a longer stretch of time")


def _rank(part: Pattern | None, found: bool) -> int:
    return 2 if part is None else 0 if found else 1


def times(
    incidents: Incidents,
    *,
    start: Day,
    end: Day,
    hours: bool = True,
    longest: float = 48.0,
    coarse: Coarse = "refuse",
    period: str | None = None,
    rate: float = 0.05,
    level: float = 0.95,
    replicates: int = 999,
    seed: int = 0,
) -> Times:
    """Look at when reports come, as far as they tell it.

    Parameters
    ----------
    incidents : Incidents
        Of the time from `start` up to and without `end`.
    start, end : date
        The time in which reports are complete.
    hours : bool
        Look at hours; without them, reports that know only the day or the month tell weekdays, season and changes.
    longest : float
        Hours. Reports with a longer interval are set apart from the hours.
    coarse : {"refuse", "leave_out"}
        What to do when some reports have no time of day: refuse, or leave them out of the hours and count them.
    period : str, optional
        In which changes are looked for, such as ``"1w"``; months where some reports know no more, else weeks.
    rate : float
        False-discovery rate of hours, weekdays and months, and chance of a false change.
    level : float
        Of the intervals.
    replicates : int
        How often chance is simulated.
    seed : int

    Raises
    ------
    ResolutionError
        Hours were asked for, or changes in periods, and some reports don't tell them.
    UsageError
        A setting is off.
    """
    frequency = Frequency.parse(period or ("1mo" if incidents.resolution == "month" else "1w"))
    incidents.require(frequency.resolution)
    untold: dict[str, str] = {}
    sure: dict[str, Any] = {"rate": rate, "level": level}
    turned = {**sure, "longest": longest, "coarse": coarse, "permutations": replicates, "seed": seed}

    def tried(name: str, look: Callable[[], P]) -> P | None:
        try:
            return look()
        except (NotEnoughDataError, ResolutionError) as error:
            untold[name] = error.message
            return None

    spread = week = hour = None
    if hours:
        spread = aoristic(incidents, longest=longest, coarse=coarse, level=level)
        week = tried("hours", lambda: time_profile(incidents, by="hour_of_week", **turned))
        hour = tried("hours", lambda: time_profile(incidents, by="hour", **turned))
    return Times(
        incidents=len(incidents),
        spread=spread,
        hour_of_week=week,
        hour=hour,
        weekday=tried("weekdays", lambda: time_profile(incidents, by="weekday", **turned)),
        season=tried("season", lambda: seasonality(incidents, **sure)),
        changes=tried(
            "changes",
            lambda: _changes(
                incidents, start, end, frequency, {**sure, "replicates": replicates, "seed": seed}
            ),
        ),
        untold=untold,
        rounded=_rounded(incidents),
        month_only=int((incidents.frame["resolution"] == "month").sum()),
    )


def _changes(
    incidents: Incidents, start: Day, end: Day, frequency: Frequency, settings: dict[str, Any]
) -> ChangePoints:
    periods = Periods.covering(start, end, frequency)
    at = periods.locate(incidents.time)
    return change_points(np.bincount(at[at >= 0], minlength=len(periods)), periods, **settings)


def _rounded(incidents: Incidents) -> float:
    fine = (incidents.frame["resolution"] == "minute").to_numpy(dtype=np.bool_)
    seconds = incidents.time[fine].astype(np.int64)
    return float(np.mean(seconds % 3600 == 0)) if seconds.size else 0.0


def _standing_out(found: TimeProfile, one: str, many: str) -> str:
    above = found.above
    if not above.any():
        return f"No {one} stands out from an even spread."
    top = int(np.argmax(np.where(above, found.ratio, -1)))
    held = f"{found.reports[above].sum() / found.reports.sum():.0%} of the reports"
    stand = "stands out and holds" if above.sum() == 1 else "stand out and hold"
    digits = 1 if found.reports.size > 7 else 2
    ratio, low, high = (f"{float(v[top]):.{digits}f}" for v in (found.ratio, found.low, found.high))
    return (
        f"{above.sum()} of {above.size} {many} {stand} {held}, most of all {found.names[top]} with {ratio} times "
        f"({low} to {high}) its even share."
    )


def _hours(spread: Aoristic, week: TimeProfile | None) -> pd.DataFrame:
    """The hours of the week from Monday 00:00."""
    at = np.arange(spread.weights.size)
    found = pd.DataFrame(
        {
            "when": [hour_name(h) for h in at.tolist()],
            "weekday": np.array(WEEKDAYS)[at // 24],
            "hour": at % 24,
            "reports": spread.weights,
            "low": spread.low,
            "high": spread.high,
            "by_start": spread.start,
            "by_middle": spread.middle,
            "by_end": spread.end,
        }
    )
    if week is None:
        return found
    tested = {"ratio": week.ratio, "ratio_low": week.low, "ratio_high": week.high, "p": week.p, "q": week.q}
    return found.assign(**tested, stands_out=week.above)
