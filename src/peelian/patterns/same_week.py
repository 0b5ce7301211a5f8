"""What changed: a week's reports beside the same week of past years, with what chance alone does.

Two comparisons, because one of them misleads. Beside the mean of past years, everything looks low in a city whose
reports have been falling for years. So a week is also held against what the season and the last half-year lead to
expect: how large the same week was in past years relative to the half-year before it, times the half-year before now.
Whether a change stands out is told by the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import TINIEST, Pattern, axes, check_level, false_discovery

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["WeekChanges", "same_week"]

Floats = npt.NDArray[np.float64]

YEAR = 365.2425 / 7
"""Weeks of a year."""
CHECKED = 52
"""Past weeks on which the comparison is tried, to see how far off it is."""
LOCAL = 5
"""Weeks over which the scatter of a week around its neighbours is measured."""
FEW = 5.0
"""Reports of the same weeks of past years with which a series' own season counts as much as that of all series."""
ALIKE = 10.0
"""How many values of its own it takes for a series' scatter to count as much as that of all series together."""


@dataclass(frozen=True, eq=False)
class WeekChanges(Pattern):
    """A week beside the same week of past years, for several series.

    Parameters
    ----------
    labels : sequence of str
        What each series counts.
    start, end : str
        First day of the week, and the day after the last.
    reported : array of int, shape (n,)
        In the week.
    past : array of int, shape (n, years)
        In the same week of each past year, the latest first.
    mean : array of float, shape (n,)
        Over past years, of the week and `window` weeks either way.
    past_ratio, past_low, past_high : array of float, shape (n,)
        Reported to that mean, with its interval. NaN where the mean is 0.
    expected, low, high : array of float, shape (n,)
        What the season and the last half-year lead to expect, and the interval in which the week's number lies with
        probability `level` where nothing has changed.
    p, q : array of float, shape (n,)
        Two-sided p-value against that, and its false-discovery rate over the series.
    level : float
    years, window, recent : int
        How many past years, weeks either way, and weeks of the half-year before.
    checked : int
        Past weeks on which the comparison was tried, and from which it is known how far off it is.
    dispersion : array of float, shape (n,)
        Variance of a week's number around its neighbours, as a multiple of the Poisson variance.
    """

    labels: Sequence[str]
    start: str
    end: str
    reported: npt.NDArray[np.int64]
    past: npt.NDArray[np.int64]
    mean: Floats
    past_ratio: Floats
    past_low: Floats
    past_high: Floats
    expected: Floats
    low: Floats
    high: Floats
    p: Floats
    q: Floats
    level: float
    years: int
    window: int
    recent: int
    checked: int
    dispersion: Floats

    @property
    def frame(self) -> pd.DataFrame:
        """One row a series, the clearest change first."""
        made = pd.DataFrame(
            {
                "what": list(self.labels),
                "reported": self.reported,
                "expected": self.expected,
                "low": self.low,
                "high": self.high,
                "p": self.p,
                "q": self.q,
                "past_mean": self.mean,
                "past_ratio": self.past_ratio,
                "past_low": self.past_low,
                "past_high": self.past_high,
                "past": [", ".join(map(str, row)) for row in self.past.tolist()],
                "dispersion": self.dispersion,
            }
        )
        return made.sort_values(["p", "what"], kind="stable", ignore_index=True)

    def sentence(self) -> str:
        """How many series changed more than chance makes likely."""
        n = len(self.labels)
        if n == 0:
            return "There is nothing to compare."
        found = self.frame[self.frame["q"] <= 1 - self.level]
        if found.empty:
            return (
                f"None of {n} numbers of the week from {self.start} differs from what the season and the last "
                f"{self.recent} weeks lead to expect by more than chance does."
            )
        told = [
            f"{row.what} ({row.reported} reported, {row.expected:.1f} expected, {row.low:.0f} to {row.high:.0f})"
            for row in found.head(3).itertuples()
        ]
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return (
            f"{len(found)} of {n} numbers of the week from {self.start} stand out: {'; '.join(told)}{more}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Settings, a row for each series, and what it can't tell."""
        rows = self.frame.astype(object).where(self.frame.notna(), None).to_dict(orient="records")
        return {
            "week": {"start": self.start, "end": self.end},
            "years": self.years,
            "window": self.window,
            "recent": self.recent,
            "checked": self.checked,
            "level": self.level,
            "rows": rows,
            "limits": self.limits,
        }

    @property
    def limits(self) -> list[str]:
        """What it can't tell."""
        few = (
            "The records are too short to try the comparison on past weeks: its intervals may be too narrow."
        )
        return [
            *([few] if self.checked < CHECKED // 2 else []),
            "A change in how reports are taken or coded looks the same as a change in what happened.",
            f"Past years compared with: {self.years}. A holiday that moves is not allowed for.",
            f"Among the numbers that stand out, about {1 - self.level:.0%} can be expected to be chance.",
        ]

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Each series' number beside the interval that was expected."""
        drawn, frame = axes(ax), self.frame.iloc[::-1]
        y = np.arange(len(frame))
        drawn.hlines(y, frame["low"], frame["high"], color="0.6", linewidth=4)
        drawn.plot(frame["reported"], y, "o", color="tab:red")
        drawn.set_yticks(y, frame["what"])
        drawn.set_xlabel(f"reports in the week from {self.start}; grey: what was expected")
        return drawn


def same_week(
    counts: npt.ArrayLike,
    *,
    labels: Sequence[str],
    end: str | np.datetime64,
    years: int = 5,
    window: int = 1,
    recent: int = 26,
    level: float = 0.9,
) -> WeekChanges:
    """Compare the last week with the same week of past years.

    Parameters
    ----------
    counts : array of int, shape (n_series, n_weeks)
        Whole weeks up to the week in question, which is the last.
    labels : sequence of str
    end : date
        The day after the last.
    years : int
        At most so many past years.
    window : int
        Weeks either way that count as the same season.
    recent : int
        Weeks before a week from which its level is taken.
    level : float
        Of intervals; 1 less this is the false-discovery rate at which a change is called one.

    Returns
    -------
    WeekChanges

    Notes
    -----
    With ``s`` the share of a week in the level before it, averaged over past years, and ``L`` the level now, the week
    is expected to be ``m = s L``. Its variance is ``f m (1 + c) + t m^2``: the scatter of weeks (``f``, from weeks
    around the mean of their neighbours over the whole past, moved towards that of all series), what it costs that `s`
    and `L` are measured (``c``), and by how much the same comparison was off beyond that in the weeks of the last year
    (``t``, over all series together). The number is taken as negative binomial with this mean and variance. Comparing
    with the same weeks of past years is the reasoning of Stroup et al. (1989) and Farrington et al. (1996).

    Raises
    ------
    UsageError
        Settings or shapes that don't fit.
    NotEnoughDataError
        The weeks don't reach back to the same week of one past year and the half-year before that.
    """
    matrix = _checked(counts, labels, years=years, window=window, recent=recent)
    check_level(level)
    now = matrix.shape[1] - 1
    back = _back(now, years=years, window=window, recent=recent)
    if not back:
        need = round(YEAR) + window + recent + 1
        msg = f"{now + 1} weeks were given; to compare with the same week of a past year takes {need}"
        raise NotEnoughDataError(msg, hint="import the records of the year before")
    past = np.stack([matrix[:, now - b] for b in back], axis=1)
    mean = np.mean([matrix[:, now - b - window : now - b + window + 1].mean(axis=1) for b in back], axis=0)
    f = _dispersion(matrix[:, :now])
    expected, measured = _expected(matrix, now, back, window=window, recent=recent)
    t, checked = _missed(matrix, now, f, years=years, window=window, recent=recent)
    variance = f * expected * (1 + measured) + t * expected**2
    reported = matrix[:, now]
    low, high = _interval(expected, variance, level)
    p = _two_sided(reported, expected, variance)
    ratio, ratio_low, ratio_high = _ratio(reported, mean, f, weeks=len(back) * (2 * window + 1), level=level)
    stop: np.datetime64 = np.datetime64(end).astype("datetime64[D]")
    return WeekChanges(
        labels=tuple(labels), start=str(stop - 7), end=str(stop), reported=reported.astype(np.int64),
        past=past.astype(np.int64), mean=mean, past_ratio=ratio, past_low=ratio_low, past_high=ratio_high,
        expected=expected, low=low, high=high, p=p, q=false_discovery(p), level=level, years=len(back),
        window=window, recent=recent, checked=checked, dispersion=f,
    )  # fmt: skip


def _checked(counts: npt.ArrayLike, labels: Sequence[str], *, years: int, window: int, recent: int) -> Floats:
    matrix = np.asarray(counts, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != len(labels):
        msg = f"counts of shape {matrix.shape} were given for {len(labels)} series; expected (series, weeks)"
        raise UsageError(msg)
    if years < 1 or window < 0 or recent < 4:
        msg = f"years={years}, window={window} and recent={recent} were given; expected at least 1, 0 and 4"
        raise UsageError(msg)
    if matrix.size and not (np.isfinite(matrix).all() and (matrix >= 0).all()):
        msg = "counts below 0, or without a number, were given"
        raise UsageError(msg)
    return matrix


def _dispersion(matrix: Floats) -> Floats:
    """Variance of a week around the mean of its neighbours, to that mean; at least that of Poisson.

    A series' own value is moved towards that of all series, the more the fewer reports it has: a week of a place with a
    report a month tells next to nothing about scatter.
    """
    n, weeks = matrix.shape
    used = weeks // LOCAL * LOCAL
    if n == 0 or used == 0:
        return np.ones(n)
    blocks = matrix[:, weeks - used :].reshape(n, -1, LOCAL)
    squares = ((blocks - blocks.mean(axis=2, keepdims=True)) ** 2).sum(axis=(1, 2)) / (1 - 1 / LOCAL)
    total = blocks.sum(axis=(1, 2))
    whole = squares.sum() / max(total.sum(), 1.0)
    own = np.divide(squares, total, out=np.full(n, whole), where=total > 0)
    # What a mean of Poisson squares of `total` reports in `used` weeks is worth, in values of its own.
    worth = used * np.minimum(total / used, 1.0)
    f: Floats = (worth * own + ALIKE * whole) / (worth + ALIKE)
    return np.maximum(f, 1.0)


def _back(now: int, *, years: int, window: int, recent: int) -> list[int]:
    """How many weeks ago the same week of past years was, as far as the counts reach."""
    weeks = [round(YEAR * k) for k in range(1, years + 1)]
    return [b for b in weeks if now - b - window - recent >= 0]


def _expected(
    matrix: Floats, now: int, back: Sequence[int], *, window: int, recent: int
) -> tuple[Floats, float]:
    """What the season and the half-year before lead to expect of a week, shape (n,), and what measuring that costs.

    The second is the variance of the expectation, as a multiple of the mean and the dispersion.
    """
    around = np.sum([matrix[:, now - b - window : now - b + window + 1].mean(axis=1) for b in back], axis=0)
    before = np.sum(
        [matrix[:, now - b - window - recent : now - b - window].mean(axis=1) for b in back], axis=0
    )
    # The share of the season is moved towards that of all series, the more the fewer reports it rests on.
    whole = float(around.sum() / before.sum()) if before.sum() > 0 else 1.0
    weeks = 2 * window + 1
    share = (
        whole * (around * weeks + FEW) / (whole * before * weeks + FEW) if whole > 0 else np.ones(len(matrix))
    )
    # Half a report more: where there was none in half a year, one may come all the same (Jeffreys' prior).
    level = (matrix[:, now - recent : now].sum(axis=1) + 0.5) / recent
    measured = 1 / (len(back) * (2 * window + 1)) + (1 + 1 / len(back)) / recent
    return np.maximum(share * level, 0.5 / recent), measured


def _missed(
    matrix: Floats, now: int, f: Floats, *, years: int, window: int, recent: int
) -> tuple[float, int]:
    """By how much the same comparison was off in the past year beyond scatter: a variance relative to the square.

    Over all series and the `CHECKED` weeks before, as far as the counts reach; the second number says how many.
    """
    excess = squares = 0.0
    checked = 0
    for week in range(max(now - CHECKED, 0), now):
        back = _back(week, years=years, window=window, recent=recent)
        if back:
            expected, measured = _expected(matrix, week, back, window=window, recent=recent)
            excess += float(((matrix[:, week] - expected) ** 2 - f * expected * (1 + measured)).sum())
            squares += float((expected**2).sum())
            checked += 1
    return (max(excess / squares, 0.0) if squares > 0 else 0.0), checked


def _negative_binomial(mean: Floats, variance: Floats) -> Any:
    """Negative binomial of a mean and a variance; nearly Poisson where these are the same."""
    size = np.maximum(mean, 1e-12) ** 2 / np.maximum(variance - mean, 1e-9 * np.maximum(mean, 1e-12))
    return stats.nbinom(size, size / (size + np.maximum(mean, 1e-12)))


def _interval(mean: Floats, variance: Floats, level: float) -> tuple[Floats, Floats]:
    low, high = _negative_binomial(mean, variance).interval(level)
    return np.maximum(np.asarray(low, dtype=np.float64), 0.0), np.asarray(high, dtype=np.float64)


def _two_sided(reported: Floats, mean: Floats, variance: Floats) -> Floats:
    """Twice the smaller tail, at most 1; each tail with the number itself. Never 0, however far out."""
    d = _negative_binomial(mean, variance)
    p: Floats = np.clip(2 * np.minimum(d.cdf(reported), d.sf(reported - 1)), TINIEST, 1.0)
    return p


def _ratio(
    reported: Floats, mean: Floats, f: Floats, *, weeks: int, level: float
) -> tuple[Floats, Floats, Floats]:
    """Reported to the past mean, with the interval of a ratio of two overdispersed counts.

    The exact conditional interval of two Poisson counts (Przyborowski and Wilenski, 1940), with both counts divided by
    the dispersion, as for quasi-Poisson.
    """
    known = mean > 0
    ratio = np.divide(reported, mean, out=np.full(len(mean), np.nan), where=known)
    a, b, alpha = reported / f, mean * weeks / f, (1 - level) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(a > 0, stats.beta.ppf(alpha, a, b + 1), 0.0)
        high = stats.beta.ppf(1 - alpha, a + 1, np.maximum(b, 1e-12))
        low, high = weeks * low / (1 - low), weeks * high / (1 - high)
    return ratio, np.where(known, low, np.nan), np.where(known, high, np.nan)
