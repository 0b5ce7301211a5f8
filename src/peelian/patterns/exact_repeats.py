"""Exact repeats: places that were reported more than once, and how soon the next report followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.errors import CRSError, UsageError
from peelian.patterns.base import (
    Pattern,
    axes,
    check_level,
    check_replicates,
    false_discovery,
    monte_carlo_p,
)
from peelian.patterns.near_repeat import time_names
from peelian.patterns.point_events import plain, point_events, span_of
from peelian.places.crs import same_crs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from peelian.places.grid import Grid
    from peelian.records.incidents import Incidents

__all__ = ["ExactRepeats", "exact_repeats"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAYS = (7, 14, 30, 60, 90)

LIMITS = (
    "A place is one point of the records: where places are rounded to a block or a corner, neighbours count as one.",
    "How many places had no report is not known here, so that no chance is given for the share of repeats.",
    "Times are shuffled over all places: a place that was busy in one part of the span only has repeats by that alone.",
    "These are reports: some places report more of what happens than others.",
)


@dataclass(frozen=True, eq=False)
class _Gaps:
    """From each report to the next at its place, or to the end of the records (``followed`` is false)."""

    place: Ints
    days: Ints
    followed: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ExactRepeats(Pattern):
    """How often and how soon reports at one place follow each other.

    Parameters
    ----------
    places : pandas.DataFrame
        ``reports`` (1, 2, 3, ...), ``places`` with so many, ``share_of_places``, ``share_of_reports``.
    curve : pandas.DataFrame
        ``days`` since a report, ``share`` of reports that were followed by then (Kaplan-Meier), ``low`` and ``high``,
        and by chance: ``expected``, ``chance_low``, ``chance_high``.
    bands : pandas.DataFrame
        For each band of days after a report: reports that ``followed``, ``at_risk_days``, ``per_1000_days``, what
        chance makes (``expected_per_1000_days``), ``ratio`` with ``ratio_low`` and ``ratio_high``, ``p`` and ``q``.
    repeats : int
        Reports at a place that had been reported before.
    """

    places: pd.DataFrame
    curve: pd.DataFrame
    bands: pd.DataFrame
    incidents: int
    repeats: int
    tied: int
    outside: int
    span: tuple[str, str] | None
    settings: dict[str, Any]

    @property
    def frame(self) -> pd.DataFrame:
        """The bands of days after a report."""
        return self.bands

    def sentence(self) -> str:
        """What was found and how sure that is."""
        if self.incidents == 0:
            return "There are no reported incidents, and nothing to look at."
        n = int(self.places["places"].sum())
        share = self.repeats / self.incidents
        told = (
            f"{self.incidents:,} reported incidents were at {n:,} places; {self.repeats:,} of them ({share:.1%}) at a "
            "place that had been reported before"
        )
        if self.repeats == 0:
            return f"{told}."
        first, at = (
            self.bands.iloc[0],
            self.curve[self.curve["days"] == self.bands.iloc[0]["days_to"]].iloc[0],
        )
        return (
            f"{told}. Within {first['days_to']:.0f} days {at['share']:.1%} of reports were followed by another at the "
            f"same place ({at['low']:.1%} to {at['high']:.1%}), where {at['expected']:.1%} are by chance: "
            f"{first['ratio']:.1f} times the rate (p {first['p']:.2g})." + self._ties()
        )

    def _ties(self) -> str:
        if not self.tied:
            return ""
        return f" {self.tied:,} share both place and day with another; they may be one report written twice."

    def to_dict(self) -> dict[str, Any]:
        """Settings, numbers and limits as plain data."""
        made: dict[str, Any] = plain(
            {
                "settings": self.settings,
                "incidents": self.incidents,
                "repeats": self.repeats,
                "tied": self.tied,
                "outside": self.outside,
                "span": self.span,
                "places": self.places.to_dict("records"),
                "bands": self.bands.to_dict("records"),
                "curve": self.curve.to_dict("records"),
                "sentence": self.sentence(),
                "limits": list(LIMITS),
            }
        )
        return made

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The share of reports that were followed by another at the same place, by days since."""
        ax = axes(ax)
        c = self.curve
        ax.fill_between(
            c["days"], c["chance_low"], c["chance_high"], color="0.85", step="post", label="by chance"
        )
        ax.step(c["days"], c["expected"], color="0.5", where="post")
        ax.fill_between(c["days"], c["low"], c["high"], color="tab:blue", alpha=0.3, step="post")
        ax.step(c["days"], c["share"], color="tab:blue", where="post", label="as reported")
        ax.set_xlabel("days since a report")
        ax.set_ylabel("share followed by another at the place")
        ax.set_ylim(bottom=0)
        ax.legend(loc="upper left")
        return ax


def exact_repeats(
    incidents: Incidents,
    *,
    grid: Grid | None = None,
    days: Sequence[int] = DAYS,
    permutations: int = 999,
    level: float = 0.05,
    seed: int = 0,
) -> ExactRepeats:
    """Places with repeated reports, and the time to the next report against chance.

    Parameters
    ----------
    incidents : Incidents
    grid : Grid, optional
        Places are its cells; without it, a place is a point.
    days : sequence of int
        Ends of the bands of days after a report: ``(7, 14)`` makes 0 to 7 and 8 to 14.
    permutations, seed
        How often times are shuffled among the reports, so that places keep their reports and days theirs.
    level : float
        1 minus the cover of the intervals.

    Raises
    ------
    UsageError
        Bands of days are not whole, increasing numbers from 0 on.
    ResolutionError
        Times are known only to the month.
    CRSError
        Incidents and grid are in different CRS.

    Notes
    -----
    Reports that no other followed before the end of the records are censored, not unfollowed: Kaplan and Meier (1958),
    "Nonparametric estimation from incomplete observations", Journal of the American Statistical Association 53. The
    intervals take reports at one place as one piece of evidence (a sum of influence over each place).
    """
    check_replicates(permutations)
    check_level(level)
    ends = np.asarray(list(days))
    if (
        ends.ndim != 1
        or not ends.size
        or np.any(ends != np.floor(ends))
        or np.any(np.diff(ends, prepend=-1) <= 0)
    ):
        msg = f"days={tuple(days)} was given; expected whole numbers that increase, from 0 on"
        raise UsageError(msg, hint="days=(7, 14, 30)")
    ends = ends.astype(np.int64)
    place, time, outside = _placed(incidents, grid)
    tied = int(pd.DataFrame({"place": place, "time": time}).duplicated(keep=False).sum())
    settings = {
        "place": "point" if grid is None else f"cell of {grid.cell:g} m",
        "days": ends.tolist(),
        "permutations": permutations,
        "level": level,
        "seed": seed,
    }
    horizon = int(ends[-1])
    gaps = _gaps(place, time)
    rng = np.random.default_rng(seed)
    by_chance = [_events_and_risk(_gaps(place, rng.permutation(time)), horizon) for _ in range(permutations)]
    shuffled = np.array(by_chance, dtype=np.int64).reshape(permutations, 2, horizon + 1)
    reports = np.bincount(place) if place.size else np.zeros(0, np.int64)
    return ExactRepeats(
        places=_by_number(reports),
        curve=_curve(gaps, shuffled, horizon, level),
        bands=_bands(gaps, shuffled, ends, level),
        incidents=int(place.size),
        repeats=int(place.size - reports.size),
        tied=tied,
        outside=outside,
        span=span_of(incidents),
        settings=settings,
    )


def _placed(incidents: Incidents, grid: Grid | None) -> tuple[Ints, Ints, int]:
    """Number of each report's place from 0 on, its day, and how many were outside the grid."""
    events = point_events(incidents)
    if grid is None:
        points = np.column_stack([incidents.x, incidents.y])
        place = np.unique(points, axis=0, return_inverse=True)[1].reshape(-1)
        return place.astype(np.int64), events.time, 0
    if not same_crs(incidents.crs, grid.crs):
        msg = f"incidents in {incidents.crs} were given with a grid in {grid.crs}"
        raise CRSError(msg, hint=f"make the grid in {incidents.crs}")
    cell = grid.locate(incidents.x, incidents.y)
    inside = cell >= 0
    place = np.unique(cell[inside], return_inverse=True)[1].reshape(-1)
    return place.astype(np.int64), events.time[inside], int((~inside).sum())


def _by_number(reports: Ints) -> pd.DataFrame:
    number, places = np.unique(reports, return_counts=True)
    return pd.DataFrame(
        {
            "reports": number,
            "places": places,
            "share_of_places": places / max(places.sum(), 1),
            "share_of_reports": number * places / max(reports.sum(), 1),
        }
    )


def _gaps(place: Ints, time: Ints) -> _Gaps:
    span = int(time.max(initial=0)) + 1
    # One number a report, so that one sort orders by place and then by time.
    key = np.sort(place * span + time)
    where, when = key // span, key % span
    followed = np.append(where[1:] == where[:-1], False) if key.size else np.zeros(0, dtype=np.bool_)
    later = np.append(when[1:], span - 1) if key.size else when
    return _Gaps(where, np.where(followed, later, span - 1) - when, followed)


def _events_and_risk(gaps: _Gaps, horizon: int) -> Ints:
    """How many were followed after 0, 1, ... days, and how many could still be, shape (2, horizon + 1)."""
    capped = np.minimum(gaps.days, horizon + 1)
    events = np.bincount(capped[gaps.followed], minlength=horizon + 2)[: horizon + 1]
    risk = np.cumsum(np.bincount(capped, minlength=horizon + 2)[::-1])[::-1][: horizon + 1]
    return np.stack([events, risk])


def _share(events: npt.NDArray[Any], risk: npt.NDArray[Any]) -> Floats:
    """Kaplan and Meier's share of those followed by each day; days on the last axis."""
    hazard = np.divide(events, risk, out=np.zeros(events.shape), where=risk > 0)
    return np.asarray(1 - np.cumprod(1 - hazard, axis=-1), dtype=np.float64)


def _curve(gaps: _Gaps, shuffled: Ints, horizon: int, level: float) -> pd.DataFrame:
    events, risk = _events_and_risk(gaps, horizon)
    share = _share(events, risk)
    chance = _share(shuffled[:, 0], shuffled[:, 1])
    spread = _spread(gaps, events, risk, horizon)
    z = float(stats.norm.ppf(1 - level / 2))
    # On the scale of log(-log), so that the bounds stay between 0 and 1.
    with np.errstate(divide="ignore", invalid="ignore"):
        left = 1 - share
        reach = np.exp(z * spread / np.abs(np.log(left)))
        low, high = 1 - left ** (1 / reach), 1 - left**reach
    inside = (share > 0) & (share < 1)
    return pd.DataFrame(
        {
            "days": np.arange(horizon + 1),
            "share": share,
            "low": np.where(inside, low, share),
            "high": np.where(inside, high, share),
            "expected": chance.mean(axis=0),
            "chance_low": np.quantile(chance, level / 2, axis=0),
            "chance_high": np.quantile(chance, 1 - level / 2, axis=0),
        }
    )


def _spread(gaps: _Gaps, events: Ints, risk: Ints, horizon: int) -> Floats:
    """Standard error of the logarithm of the share left, from what each place adds to it, shape (horizon + 1,)."""
    hazard = np.divide(events, risk, out=np.zeros(horizon + 1), where=risk > 0)
    weight = np.divide(1.0, risk * (1 - hazard), out=np.zeros(horizon + 1), where=(risk > 0) & (hazard < 1))
    paid = np.cumsum(hazard * weight)
    spread = np.zeros(horizon + 1)
    for t in range(horizon + 1):
        upto = np.minimum(gaps.days, t)
        came = gaps.followed & (gaps.days <= t)
        each = np.where(came, weight[upto], 0.0) - paid[upto]
        spread[t] = np.sqrt((np.bincount(gaps.place, each) ** 2).sum()) if each.size else 0.0
    return spread


def _bands(gaps: _Gaps, shuffled: Ints, ends: Ints, level: float) -> pd.DataFrame:
    starts = np.append(0, ends[:-1] + 1)
    events, risk = (np.add.reduceat(a, starts) for a in _events_and_risk(gaps, int(ends[-1])))
    by_chance = np.add.reduceat(shuffled, starts, axis=2)
    rate = np.divide(events, risk, out=np.zeros(ends.size), where=risk > 0)
    drawn = np.divide(
        by_chance[:, 0], by_chance[:, 1], out=np.zeros(by_chance[:, 0].shape), where=by_chance[:, 1] > 0
    )
    expected = drawn.mean(axis=0)
    n = drawn.shape[0]
    p = np.where(
        events + by_chance[:, 0].sum(axis=0) > 0,
        monte_carlo_p((drawn >= rate - 1e-15).sum(axis=0), n),
        np.nan,
    )
    low, high = _rate_interval(gaps, starts, ends, events, rate, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, low, high = (np.where(expected > 0, a / expected, np.nan) for a in (rate, low, high))
    return pd.DataFrame(
        {
            "time": time_names(ends.astype(np.float64)),
            "days_to": ends,
            "followed": events,
            "at_risk_days": risk,
            "per_1000_days": 1000 * rate,
            "expected_per_1000_days": 1000 * expected,
            "ratio": ratio,
            "ratio_low": low,
            "ratio_high": high,
            "p": p,
            "q": false_discovery(p),
        }
    )


def _rate_interval(
    gaps: _Gaps, starts: Ints, ends: Ints, events: Ints, rate: Floats, level: float
) -> tuple[Floats, Floats]:
    """Bounds of the rate in each band, by what each place adds, and never narrower than a Poisson count's."""
    z = float(stats.norm.ppf(1 - level / 2))
    low, high = np.zeros(ends.size), np.full(ends.size, np.nan)
    for k in range(ends.size):
        came = gaps.followed & (gaps.days >= starts[k]) & (gaps.days <= ends[k])
        spent = np.clip(gaps.days - starts[k] + 1, 0, ends[k] - starts[k] + 1)
        total = int(spent.sum())
        if total == 0:
            continue
        high[k] = stats.chi2.ppf(1 - level / 2, 2 * (events[k] + 1)) / 2 / total
        if events[k]:
            low[k] = stats.chi2.ppf(level / 2, 2 * events[k]) / 2 / total
            each = np.bincount(gaps.place, came - rate[k] * spent)
            reach = np.exp(z * np.sqrt((each**2).sum()) / events[k])
            low[k], high[k] = min(low[k], rate[k] / reach), max(high[k], rate[k] * reach)
    return low, high
