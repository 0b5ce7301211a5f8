"""Places whose records are more regular than anything that happens: the same interval, the same minute, the same count.

What happens by itself scatters. Records that somebody makes up, or that a machine repeats, often don't: they come every
seven days, always at 09:15, or to the same number each week. Three looks, each against what chance and the source's own
habits would give:

* *Intervals*: days between the dates of one exact point. Dates that fall anywhere have gaps of all lengths; one length
  that comes back, without its neighbours doing so, is a clock.
* *Clock*: the share of a point's dates that carry the same minute of the day, against how common that minute is among
  all records of the same categories (so that 00:00 or 12:00 as a sign of "unknown" is the source's habit and no
  finding).
* *Counts*: the variance of weekly counts against that of records that fall at random into weeks (index of dispersion,
  Fano factor below 1), and how often a week repeats the one before to the digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage, special, stats

from peelian.audits.parts import Part
from peelian.audits.recordset import Recordset
from peelian.errors import UsageError
from peelian.patterns.base import check_level, false_discovery
from peelian.patterns.probability import proportion_interval

__all__ = ["Points", "evenness", "interval_p", "points_of", "regularity", "repeats_p"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST = 6
"""Dates that a point must have to be looked at."""

MINUTES = 1440
LONGEST = 366
"""Days of the longest interval that is looked for."""

HALF_YEAR = 27

DENSE = 1.0
"""Records a week from which on a cell's weekly counts can be too even."""


@dataclass(frozen=True, eq=False)
class Points:
    """Exact points with several dates, and how regular each is.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        CRS units.
    dates : array of int, shape (n,)
        Different dates of each point.
    gap, gaps : array of int, shape (n,)
        The interval in days that comes back most surprisingly, and how often.
    minute, at_minute : array of int, shape (n,)
        The minute of the day that is most surprising, and on how many dates.
    p_gap, p_minute : array of float, shape (n,)
        Corrected for all intervals and all minutes; 1 where nothing repeats.
    rate : float
    habit : array of float, shape (n_categories, 1440)
        Share of each minute of the day in a category.
    """

    x: Floats
    y: Floats
    dates: Ints
    gap: Ints
    gaps: Ints
    minute: Ints
    at_minute: Ints
    p_gap: Floats
    p_minute: Floats
    rate: float
    habit: Floats

    @cached_property
    def q_gap(self) -> Floats:
        """False-discovery rate of the intervals, shape (n,)."""
        return false_discovery(self.p_gap)

    @cached_property
    def q_minute(self) -> Floats:
        """False-discovery rate of the minutes, shape (n,)."""
        return false_discovery(self.p_minute)

    def again(self, stamps: Ints, categories: Ints) -> tuple[float, float]:
        """The p of interval and minute that a point would have with these minutes since the epoch, and categories."""
        if np.unique(stamps // MINUTES).size < FEWEST:
            return 1.0, 1.0
        none = np.zeros(stamps.size, dtype=np.int64)
        p_minute, _, _ = _minutes(none, stamps, categories, 1, self.habit)
        return interval_p(stamps // MINUTES)[0], float(p_minute[0])

    def finds(self, stamps: Ints, categories: Ints, *, among: int | None = None) -> bool:
        """Whether a point with these records would stand out, in place of point `among` or beside all others."""
        for p, own in zip(self.again(stamps, categories), (self.p_gap, self.p_minute), strict=True):
            others = own if among is None else np.delete(own, among)
            before = 1.0 if among is None else own[among]
            if p < before and false_discovery(np.append(others, p))[-1] <= self.rate:
                return True
        return False

    def frame(self) -> pd.DataFrame:
        """Points that stand out, the clearest first: ``x, y, dates, kind, which, times, p, q``."""
        parts = []
        for kind, which, n, p, q in (
            ("interval", self.gap, self.gaps, self.p_gap, self.q_gap),
            ("clock", self.minute, self.at_minute, self.p_minute, self.q_minute),
        ):
            at = np.flatnonzero(q <= self.rate)
            named = [f"{g} days" if kind == "interval" else f"{g // 60:02d}:{g % 60:02d}" for g in which[at]]
            columns = {"x": self.x[at], "y": self.y[at], "dates": self.dates[at], "kind": kind}
            parts.append(pd.DataFrame({**columns, "which": named, "times": n[at], "p": p[at], "q": q[at]}))
        return pd.concat(parts).sort_values(["p", "x", "y"], kind="stable", ignore_index=True)


def interval_p(days: npt.ArrayLike) -> tuple[float, int, int]:
    """How surprising the interval is that comes back most among the dates of one point.

    Parameters
    ----------
    days : array of int, shape (n,)
        Day numbers; repeats of a day are taken once.

    Returns
    -------
    p, gap, times : float, int, int
        `p` is corrected for all intervals from 2 days to a year; 1 with fewer than 6 dates.
    """
    day = np.unique(np.asarray(days, dtype=np.int64))
    if day.size < FEWEST:
        return 1.0, 0, 0
    p, gap, times = _intervals(np.zeros(day.size, dtype=np.int64), day, 1)
    return float(p[0]), int(gap[0]), int(times[0])


def _intervals(point: Ints, day: Ints, n: int) -> tuple[Floats, Ints, Ints]:
    """p, interval and how often, of each of `n` points; `point` and `day` sorted, each pair once."""
    dates = np.bincount(point, minlength=n)
    same = point[1:] == point[:-1]
    gap = np.diff(day)[same]
    of = point[1:][same]
    span = np.bincount(of, weights=gap, minlength=n)
    width = LONGEST + 3
    short = gap <= LONGEST + 2
    keys, counts = np.unique(of[short] * width + gap[short], return_counts=True)
    at, length = keys // width, keys % width
    table = dict(zip(keys.tolist(), counts.tolist(), strict=True))
    looked = np.flatnonzero((length >= 2) & (length <= LONGEST) & (counts >= 4))
    p, which, times = np.ones(n), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    if not looked.size:
        return p, which, times
    i, g, c = at[looked], length[looked], counts[looked]
    m = dates[i] - 1
    # Spacings of n - 2 dates between the first and the last: each is Beta(1, n - 2) of the span.
    free, whole = np.maximum(dates[i] - 2, 1), np.maximum(span[i], 1.0)
    theory = (1 - (g - 0.5) / whole).clip(0) ** free - (1 - (g + 0.5) / whole).clip(0) ** free
    # A clock is a spike: where the neighbouring lengths are as common, something else is at work.
    beside = np.array([[table.get(int(k) + d, 0) for d in (-2, -1, 1, 2)] for k in keys[looked]])
    beside[:, 0] = np.where(g >= 4, beside[:, 0], 0)
    share = np.maximum(theory, beside.mean(axis=1) / m).clip(1e-12, 1 - 1e-12)
    found = np.minimum(stats.binom.sf(c - 1, m, share) * (LONGEST - 1), 1.0)
    order = np.lexsort((g, found))[::-1]  # the least p is written last
    p[i[order]], which[i[order]], times[i[order]] = found[order], g[order], c[order]
    return p, which, times


def points_of(records: Recordset, *, rate: float = 0.05) -> Points:
    """Look at each exact point with at least 6 dates for an interval or a minute of the day that comes back.

    Parameters
    ----------
    records : Recordset
    rate : float
        False-discovery rate, of intervals and of minutes.

    Notes
    -----
    A minute's share is held against the mean, over the point's records, of its share in their category (binomial,
    times the 1440 minutes). Spacings: Pyke (1965), "Spacings", Journal of the Royal Statistical Society B 27.
    Records of one date and minute count once, as one event can make several.
    """
    check_level(rate, what="false-discovery rate")
    frame = records.frame
    fine = (frame["resolution"] != "month").to_numpy()
    place = pd.DataFrame({"x": frame["x"], "y": frame["y"], "day": records.days.astype(np.int64)})[fine]
    code = place.groupby(["x", "y"], sort=True).ngroup().to_numpy(dtype=np.int64)
    once = np.unique(np.stack([code, place["day"].to_numpy()], axis=1), axis=0)
    dates = np.bincount(once[:, 0], minlength=int(code.max()) + 1 if code.size else 0)
    kept = np.flatnonzero(dates >= FEWEST)
    number = np.full(dates.size, -1, dtype=np.int64)
    number[kept] = np.arange(kept.size)
    mine = number[once[:, 0]] >= 0
    p_gap, gap, gaps = _intervals(number[once[mine, 0]], once[mine, 1], kept.size)
    exact = (frame["resolution"] == "minute").to_numpy()[fine]
    stamp = frame["occurred_from"].to_numpy(dtype="datetime64[m]")[fine].astype(np.int64)
    category, names = records.category[0][fine], records.category[1]
    habit = _habit(stamp[exact] % MINUTES, category[exact], len(names))
    of = np.where(exact, number[code], -1)
    p_minute, minute, at = _minutes(of[of >= 0], stamp[of >= 0], category[of >= 0], kept.size, habit)
    first = np.unique(code, return_index=True)[1][kept]
    xy = place[["x", "y"]].to_numpy()[first]
    return Points(xy[:, 0], xy[:, 1], dates[kept], gap, gaps, minute, at, p_gap, p_minute, rate, habit)


def _habit(minute: Ints, category: Ints, n: int) -> Floats:
    """Share of each minute of the day in each category, none impossible."""
    counts = np.bincount(category * MINUTES + minute, minlength=n * MINUTES).reshape(n, MINUTES)
    return np.asarray((counts + 1 / MINUTES) / (counts.sum(axis=1, keepdims=True) + 1))


def _minutes(point: Ints, stamp: Ints, category: Ints, n: int, habit: Floats) -> tuple[Floats, Ints, Ints]:
    """p, minute of the day and on how many dates, of each of `n` points."""
    p, which, times = np.ones(n), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    # One row a point, date and minute.
    rows = pd.DataFrame({"point": point, "stamp": stamp, "category": category})
    rows = rows.drop_duplicates(["point", "stamp"])
    mix = np.zeros((n, len(habit)))
    np.add.at(mix, (rows["point"].to_numpy(), rows["category"].to_numpy()), 1.0)
    held = mix.sum(axis=1)
    key = rows["point"].to_numpy() * MINUTES + rows["stamp"].to_numpy() % MINUTES
    keys, counts = np.unique(key, return_counts=True)
    keys, counts = keys[counts >= 3], counts[counts >= 3]
    i, m = keys // MINUTES, keys % MINUTES
    share = np.einsum("ij,ji->i", mix[i], habit[:, m]) / np.maximum(held[i], 1)
    found = np.minimum(stats.binom.sf(counts - 1, held[i], share) * MINUTES, 1.0)
    order = np.lexsort((m, found))[::-1]
    p[i[order]], which[i[order]], times[i[order]] = found[order], m[order], counts[order]
    return p, which, times


def evenness(counts: npt.ArrayLike, expected: npt.ArrayLike | None = None) -> tuple[Floats, Floats]:
    """Whether counts scatter less than records that fall at random: index of dispersion and its lower tail.

    Parameters
    ----------
    counts : array of int, shape (n, n_weeks)
    expected : array of float, shape (n, n_weeks), optional
        In proportion to what is expected; even when not given.

    Returns
    -------
    fano : array of float, shape (n,)
        Variance over mean, 1 by chance; NaN without a record.
    p : array of float, shape (n,)
        Chance of a value as low.

    Notes
    -----
    Given their total, counts that fall at random are multinomial and X2 = sum((y - e)^2 / e) has the mean k - 1 and the
    variance 2 (k - 1) (n - 1) / n + (sum(1 / q) - k^2) / n (Haldane 1937, "The exact value of the moments of the
    distribution of chi-squared, used as a test of goodness of fit, when expectations are small", Biometrika 29). The
    tail is that of the gamma distribution with these moments. Fisher, Thornton and Mackenzie (1922) for the index.
    """
    y = np.asarray(counts, dtype=np.float64)
    share = np.ones_like(y) if expected is None else np.asarray(expected, dtype=np.float64)
    if share.shape != y.shape or np.any(share <= 0) or y.ndim != 2 or y.shape[1] < 2:
        msg = f"counts of shape {y.shape} with expectations of {share.shape} were given; expected one above 0 each"
        raise UsageError(msg)
    share = share / share.sum(axis=1, keepdims=True)
    n, k = y.sum(axis=1), y.shape[1]
    e = n[:, None] * share
    with np.errstate(divide="ignore", invalid="ignore"):
        x2 = np.sum((y - e) ** 2 / e, axis=1)
        variance = 2 * (k - 1) * (n - 1) / n + (np.sum(1 / share, axis=1) - k**2) / n
        shape, scale = (k - 1) ** 2 / variance, variance / (k - 1)
        p = special.gammainc(shape, x2 / scale)
    return np.where(n > 0, x2 / (k - 1), np.nan), np.where((n > 1) & (variance > 0), p, 1.0)


def repeats_p(counts: npt.ArrayLike, expected: npt.ArrayLike) -> tuple[Ints, Floats, Floats]:
    """How often a week's count is that of the week before, to the digit.

    Parameters
    ----------
    counts, expected : array, shape (n, n_weeks)

    Returns
    -------
    times : array of int, shape (n,)
    by_chance : array of float, shape (n,)
    p : array of float, shape (n,)
        Chance of as many; for counts that scatter more than Poisson it is too high, never too low.

    Notes
    -----
    Two Poisson counts with means a and b are equal with probability exp(-a - b) I0(2 sqrt(ab)) (Skellam 1946, "The
    frequency distribution of the difference between two Poisson variates", JRSS 109). Two empty weeks are no repeat.
    The sum over weeks is taken as binomial with the mean probability.
    """
    y, e = np.asarray(counts), np.asarray(expected, dtype=np.float64)
    a, b = e[:, 1:], e[:, :-1]
    equal = np.exp(-((np.sqrt(a) - np.sqrt(b)) ** 2)) * special.ive(0, 2 * np.sqrt(a * b)) - np.exp(-a - b)
    equal = np.clip(equal, 0.0, 1.0)
    times = np.sum((y[:, 1:] == y[:, :-1]) & (y[:, 1:] > 0), axis=1).astype(np.int64)
    pairs = y.shape[1] - 1
    return times, equal.sum(axis=1), stats.binom.sf(times - 1, pairs, equal.mean(axis=1))


def _even(records: Recordset, rate: float) -> tuple[pd.DataFrame, int]:
    """Cells and areas whose weekly counts are too even or repeat too often, and how many were looked at."""
    city = records.table(np.zeros(len(records), dtype=np.int64), 1)[0].astype(np.float64)
    parts, looked = [], 0
    for kind, rows, names in (
        ("cell", records.cell, records.grid.ids),
        ("area", records.area, np.array(records.names)),
    ):
        y = records.table(rows, len(names))
        at = np.flatnonzero(y.sum(axis=1) >= DENSE * y.shape[1])
        looked += at.size
        if not at.size:
            continue
        rest = np.maximum(city - y[at], 0.5)
        fano, p_even = evenness(y[at], rest)
        n = y[at].sum(axis=1, keepdims=True)
        # The level of the half year around: a place that fell silent for good repeats its few, and is no clock.
        level = ndimage.uniform_filter1d(y[at].astype(np.float64), HALF_YEAR, axis=1, mode="nearest")
        times, by_chance, p_same = repeats_p(y[at], level)
        p = np.minimum(2 * np.minimum(p_even, p_same), 1.0)
        columns = {"kind": kind, "where": names[at], "records": n[:, 0], "fano": fano, "repeats": times}
        parts.append(
            pd.DataFrame({**columns, "repeats_by_chance": by_chance, "p": p, "q": false_discovery(p)})
        )
    header = ["kind", "where", "records", "fano", "repeats", "repeats_by_chance", "p", "q"]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=header)
    return table[table["q"] <= rate].sort_values(["p", "where"], kind="stable", ignore_index=True), looked


def regularity(
    records: Recordset, *, rate: float = 0.05, level: float = 0.95, points: Points | None = None
) -> Part:
    """Look for places with impossible regularity.

    Parameters
    ----------
    records : Recordset
    rate : float
        False-discovery rate of each look.
    level : float
        Of intervals.
    points : Points, optional
        As of `points_of`, where they are at hand.
    """
    seen = points_of(records, rate=rate) if points is None else points
    clock, (even, looked) = seen.frame(), _even(records, rate)
    n = seen.dates.size
    by_interval, by_clock = int((clock["kind"] == "interval").sum()), int((clock["kind"] == "clock").sum())
    stacked, share = _stacked(records)
    low, high = proportion_interval(int(stacked["records"].sum()), max(len(records), 1), level=level)
    said = [
        _headline(by_interval, by_clock, len(even), n, looked),
        (
            f"The 10 points with the most records hold {100 * share:.1f} % of all ({100 * low:.1f} to "
            f"{100 * high:.1f} %). A busy place, a rounded one and a default for unknown places look alike in this."
        ),
    ]
    limits = (
        "A weekly closing time, a street-sweeping round or a shop's stock-taking also make records regular.",
        (
            f"Points with fewer than {FEWEST} dates, and cells with less than a record a {records.step}, "
            "are too few to tell."
        ),
    )
    return Part(
        "regularity",
        tuple(said),
        untold=limits,
        tables={"points": clock, "even": even, "stacked": stacked},
        standing=len(clock) + len(even),
        looked=n + looked,
        numbers={"points": n, "series": looked, "by_interval": by_interval, "by_clock": by_clock},
    )


def _headline(by_interval: int, by_clock: int, even: int, points: int, series: int) -> str:
    if not by_interval + by_clock + even:
        return (
            f"No place is more regular than chance and the source's habits make it, of {points:,} points and "
            f"{series:,} series of counts."
        )
    return (
        f"Of {points:,} points {by_interval:,} come back at one interval and {by_clock:,} at one minute of the day "
        f"more often than chance and habit make them; {even:,} of {series:,} series of weekly counts are too even."
    )


def _stacked(records: Recordset) -> tuple[pd.DataFrame, float]:
    """The 10 points with the most records, with how many labels each has, and their share of all."""
    sizes = records.frame.groupby(["x", "y"], sort=True).size().rename("records").reset_index()
    top = sizes.sort_values("records", ascending=False, kind="stable").head(10).reset_index(drop=True)
    held = records.frame.merge(top[["x", "y"]], on=["x", "y"])
    kinds = held.groupby(["x", "y"])["label"].agg(labels="nunique", commonest=lambda s: str(s.mode().iat[0]))
    table = top.merge(kinds.reset_index(), on=["x", "y"], how="left")
    return table, float(table["records"].sum() / max(len(records), 1))
