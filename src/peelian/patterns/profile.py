"""The rhythm of the week: which hours or weekdays have more reports than a flat profile would give them.

Reports of one week depend on each other (a series, a storm, a holiday). So weeks are what is compared: intervals take
their spread from week to week, and the chance of an hour this high comes from turning each week's reports round by a
random number of hours, which keeps what hangs together within a week and takes away only the rhythm that weeks share.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import Pattern, axes, check_level, check_replicates, false_discovery
from peelian.patterns.hours import (
    DAY,
    WEEKDAYS,
    Account,
    Coarse,
    hour_name,
    known_times,
    spread,
    stretch_name,
)
from peelian.patterns.intervals import weighted_interval
from peelian.records.incidents import Incidents

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TimeProfile", "time_profile"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
By = Literal["hour_of_week", "hour", "weekday"]

FEWEST = 8
"""Weeks, below which a spread from week to week says nothing."""
WEEK = 7 * DAY
MONDAY = 4 * DAY
"""The first Monday of 1970, in seconds."""
UNITS = {"hour_of_week": "hour of the week", "hour": "hour of the day", "weekday": "weekday"}


@dataclass(frozen=True, eq=False)
class TimeProfile(Pattern):
    """Reports by hour of the week, hour of the day or weekday, beside a flat profile.

    Parameters
    ----------
    by : {"hour_of_week", "hour", "weekday"}
    reports : array of float, shape (n,)
        Of all weeks, reports with an interval spread over it.
    low, high : array of float, shape (n,)
        Interval, as a ratio to the flat profile.
    p, q : array of float, shape (n,)
        One-sided p-value of so many reports under a flat profile, and the false-discovery rate at which they are a
        finding.
    first, weeks : datetime64[D], int
        The whole weeks looked at.
    empty : int
        Of these, weeks without a report.
    outside : int
        Reports in the broken weeks at both ends, which are left out so that each hour was there alike often.
    account : Account
    rate : float
        The false-discovery rate that is accepted.
    level : float
        Of the intervals.
    longest : float
    permutations, seed : int
    zone : str
    """

    by: By
    reports: Floats
    low: Floats
    high: Floats
    p: Floats
    q: Floats
    first: np.datetime64
    weeks: int
    empty: int
    outside: int
    account: Account
    rate: float
    level: float
    longest: float
    permutations: int
    seed: int
    zone: str

    @cached_property
    def ratio(self) -> Floats:
        """Reports over what a flat profile would give, shape (n,)."""
        found: Floats = self.reports / self.reports.mean()
        return found

    @cached_property
    def above(self) -> npt.NDArray[np.bool_]:
        """Which are above the flat profile at the accepted false-discovery rate, shape (n,)."""
        return self.q <= self.rate

    @property
    def names(self) -> list[str]:
        """Of the hours or weekdays, in words."""
        if self.by == "weekday":
            return list(WEEKDAYS)
        if self.by == "hour":
            return [f"{h:02d}:00-{h + 1:02d}:00" for h in range(24)]
        return [hour_name(h) for h in range(self.reports.size)]

    @property
    def stretches(self) -> pd.DataFrame:
        """Hours above the flat profile that follow each other, joined: when, from, to, length, share; largest first."""
        n, above = self.reports.size, self.above
        names = self.names
        rows = []
        starts = (
            np.flatnonzero(above & ~np.roll(above, 1)) if not above.all() else np.zeros(1, dtype=np.int64)
        )
        for s in starts.tolist() if above.any() else []:
            length = n if above.all() else int(np.argmin(np.roll(above, -s)))
            held = self.reports[(s + np.arange(length)) % n].sum()
            first, last = names[s], names[(s + length - 1) % n]
            share = float(held / self.reports.sum())
            rows.append((stretch_name(first, last), first, last, length, share))
        found = pd.DataFrame(rows, columns=["when", "from", "to", "length", "share"])
        return found.sort_values("share", ascending=False, kind="stable", ignore_index=True)

    @property
    def frame(self) -> pd.DataFrame:
        """A row an hour or weekday: reports, per week, ratio to flat with interval, p, q, above; highest first."""
        found = pd.DataFrame(
            {
                "when": self.names,
                "reports": self.reports,
                "per_week": self.reports / self.weeks,
                "ratio": self.ratio,
                "low": self.low,
                "high": self.high,
                "p": self.p,
                "q": self.q,
                "above": self.above,
            }
        )
        return found.sort_values("ratio", ascending=False, kind="stable", ignore_index=True)

    def sentence(self) -> str:
        """What was found and how sure that is."""
        total, n, above = self.reports.sum(), self.reports.size, self.above
        what = "weekdays" if self.by == "weekday" else f"hours of the {'week' if n > 24 else 'day'}"
        over = f"of {total:,.0f} reported incidents in {self.weeks:,} weeks"
        sure = f"at a false-discovery rate of {self.rate:.0%}"
        if not above.any():
            none = f"No {UNITS[self.by]} has more than its even share {over}"
            return f"{none}, {sure}: a rhythm can't be told from chance."
        top = int(np.argmax(np.where(above, self.ratio, -1)))
        one = above.sum() == 1
        have, hold = ("has more than its", "it holds") if one else ("have more than their", "they hold")
        return (
            f"{above.sum():,} of {n} {what} {have} even share {over}, {sure}; {hold} "
            f"{self.reports[above].sum() / total:.0%}. The highest is {self.names[top]} with {self.ratio[top]:.1f} "
            f"times ({self.low[top]:.1f} to {self.high[top]:.1f}) its even share."
        )

    @property
    def limits(self) -> list[str]:
        """What this can't tell."""
        said = self.account.limits(self.longest)
        if self.outside:
            said.append(f"{self.outside:,} reports in the broken weeks at both ends are left out.")
        if self.empty > 0.05 * self.weeks:
            said.append(
                f"{self.empty:,} of {self.weeks:,} weeks have no report: some may be dated before the records begin "
                "or after they end; limit them by their dates."
            )
        said.append(
            "The profile is that of all weeks together: a rhythm that changes with the season is averaged."
        )
        said.append(
            "An hour with many reports may be one in which many are about, or in which many are at a desk."
        )
        return said

    def to_dict(self) -> dict[str, Any]:
        """Settings, the profile in its own order, the account, and the limits."""
        return {
            "pattern": "time profile",
            "by": self.by,
            "zone": self.zone,
            "first_week": str(self.first),
            "weeks": self.weeks,
            "empty_weeks": self.empty,
            "outside": self.outside,
            "account": asdict(self.account) | {"used": self.account.used},
            "false_discovery_rate": self.rate,
            "level": self.level,
            "longest_h": self.longest,
            "permutations": self.permutations,
            "seed": self.seed,
            "names": self.names,
            "reports": self.reports.tolist(),
            "ratio": self.ratio.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "p": self.p.tolist(),
            "q": self.q.tolist(),
            "above": self.above.tolist(),
            "stretches": self.stretches.to_dict("records"),
            "sentence": self.sentence(),
            "limits": self.limits,
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Ratio to the flat profile with its interval; what is above it is marked."""
        ax = axes(ax)
        x = np.arange(self.reports.size)
        ax.fill_between(
            x, self.low, self.high, color="#cccccc", label=f"{self.level:.0%} interval", step="mid"
        )
        ax.step(x, self.ratio, color="black", where="mid")
        ax.plot(
            x[self.above],
            self.ratio[self.above],
            "o",
            color="#b2182b",
            markersize=3,
            label="above even share",
        )
        ax.axhline(1, color="black", linewidth=0.7, linestyle=":")
        if self.by == "hour_of_week":
            ax.set_xticks(range(0, 168, 24), [day[:3] for day in WEEKDAYS])
        elif self.by == "weekday":
            ax.set_xticks(x, [day[:3] for day in WEEKDAYS])
        ax.set_xlabel(UNITS[self.by])
        ax.set_ylabel("times the even share")
        ax.set_title("When reported incidents come")
        ax.legend(fontsize="small")
        return ax


def time_profile(
    incidents: Incidents,
    *,
    by: By = "hour_of_week",
    longest: float = 48.0,
    coarse: Coarse = "refuse",
    rate: float = 0.05,
    level: float = 0.95,
    permutations: int = 999,
    seed: int = 0,
) -> TimeProfile:
    """Which hours of the week, hours of the day or weekdays have more reports than their even share.

    Parameters
    ----------
    incidents : Incidents
    by : {"hour_of_week", "hour", "weekday"}
        For weekdays it is enough that the day is known.
    longest : float
        Hours. Reports with a longer interval are set apart.
    coarse : {"refuse", "leave_out"}
        What to do when the time of some is not known well enough.
    rate : float
        False-discovery rate up to which an hour is a finding.
    level : float
        Of the intervals.
    permutations : int
        Times that the weeks are turned round. p is the rank of an hour among all hours of all replicates, itself among
        them: never 0.
    seed : int

    Raises
    ------
    NotEnoughDataError
        Fewer than 8 whole weeks.
    ResolutionError
        The time of some reports is not known well enough, and they are not to be left out.
    UsageError
        A setting is off.
    """
    if by not in UNITS:
        msg = f"by={by!r} was given; expected one of {', '.join(UNITS)}"
        raise UsageError(msg)
    check_level(rate, what="false-discovery rate")
    check_level(level)
    check_replicates(permutations)
    known = known_times(
        incidents, resolution="day" if by == "weekday" else "minute", longest=longest, coarse=coarse
    )
    first, weeks, week = _weeks(known.start)
    weights, squares = (_folded(values, by) for values in spread(known, row=week, rows=weeks))
    reports = weights.sum(axis=0)
    share, of_week = reports / reports.sum(), weights.sum(axis=1, keepdims=True)
    # From week to week around the share of a week's reports (not their number, which has its ups and downs), and at
    # least what independent reports would vary.
    between = np.square(weights - share * of_week).sum(axis=0) * weeks / (weeks - 1)
    within = squares.sum(axis=0) * (1 - share)
    low, high = weighted_interval(reports, np.maximum(between, within), level=level)
    p = _p_values(weights, permutations, seed)
    return TimeProfile(
        by=by,
        reports=reports,
        low=low / reports.mean(),
        high=high / reports.mean(),
        p=p,
        q=false_discovery(p),
        first=first,
        weeks=weeks,
        empty=int((of_week == 0).sum()),
        outside=int((week < 0).sum()),
        account=known.account,
        rate=rate,
        level=level,
        longest=longest,
        permutations=permutations,
        seed=seed,
        zone=incidents.zone,
    )


def _weeks(start: Ints) -> tuple[np.datetime64, int, Ints]:
    """First Monday, number of whole weeks, and the week of each report, -1 outside."""
    if start.size:
        first = -(-(start.min() // DAY * DAY - MONDAY) // WEEK)
        last = (start.max() // DAY * DAY + DAY - MONDAY) // WEEK
        weeks = int(last - first)
        week = (start - MONDAY) // WEEK - first
        week = np.where((week >= 0) & (week < weeks), week, -1)
        if weeks >= FEWEST and (week >= 0).any():
            monday = np.datetime64(int(first * WEEK + MONDAY), "s").astype("datetime64[D]")
            return monday, weeks, week
    else:
        weeks = 0
    given = f"{start.size:,} reports in {max(weeks, 0)} whole weeks were given"
    msg = f"{given}; expected reports in at least {FEWEST} weeks"
    raise NotEnoughDataError(msg, hint="a longer stretch of time; aoristic() needs no weeks")


def _folded(values: Floats, by: By) -> Floats:
    """Hours of the week, shape (weeks, 168), as they are asked for."""
    days = values.reshape(len(values), 7, 24)
    found: Floats = {"hour_of_week": values, "hour": days.sum(axis=1), "weekday": days.sum(axis=2)}[by]
    return found


def _p_values(weights: Floats, permutations: int, seed: int) -> Floats:
    """Rank of each total among those of all replicates; a turn of all weeks by the same gives the observed ones again.

    Under a flat profile any turn of any week is alike likely, and with them any of the n totals of a replicate: the
    observed n are one more replicate.
    """
    weeks, n = weights.shape
    turns = np.random.default_rng(seed).integers(0, n, (permutations, weeks))
    totals = weights.sum(axis=0)
    drawn = np.sort(np.concatenate([_turned(np.ascontiguousarray(weights), turns).ravel(), totals]))
    at_least = drawn.size - np.searchsorted(drawn, totals * (1 - 1e-12) - 1e-9)
    p: Floats = at_least / drawn.size
    return p


@numba.njit(cache=True)
def _turned(weights: Floats, turns: Ints) -> Floats:  # pragma: no cover - compiled
    weeks, n = weights.shape
    found = np.zeros((len(turns), n))
    for r in range(len(turns)):
        for w in range(weeks):
            t = turns[r, w]
            for h in range(n - t):
                found[r, h] += weights[w, h + t]
            for h in range(n - t, n):
                found[r, h] += weights[w, h + t - n]
    return found
