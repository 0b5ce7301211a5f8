"""The season: which months of the year have more or fewer reports than the average month.

Reports per day of a month follow a slow trend (a line that may bend once a year) times a factor for the month of the
year, with more spread than chance alone (quasi-Poisson; McCullagh and Nelder 1989, "Generalized linear models"). Only
the month has to be known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.errors import NotEnoughDataError
from peelian.patterns.base import TINIEST, Pattern, axes, check_level, false_discovery
from peelian.patterns.quasi_poisson import Fit, fit_quasi_poisson
from peelian.records.incidents import Incidents

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MONTHS", "Seasonality", "seasonality"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
FEWEST = 24
"""Months, below which a season can't be told from a trend."""
STRAY = 0.25
"""Months at either end with less than this share of a month of the fullest year hold strays, not the records."""


@dataclass(frozen=True, eq=False)
class Seasonality(Pattern):
    """Each month of the year beside the average month.

    Parameters
    ----------
    first : datetime64[M]
        The first whole month looked at.
    counts : array of int, shape (n_months,)
        Reports of each month from `first` on.
    mean : array of float, shape (n_months,)
        As fitted: trend times season.
    ratio, low, high : array of float, shape (12,)
        Reports per day over those of the average month, January first, with interval.
    p, q : array of float, shape (12,)
        Of no difference from the average month, two-sided, and its false-discovery rate.
    overall : float
        p-value of no season at all.
    dispersion : float
        Variance of a month's reports over their mean: 1 is chance alone.
    autocorrelation : float
        Of one month's residual with the next.
    outside : int
        Reports in broken or stray months at both ends, left out.
    rate, level : float
    """

    first: np.datetime64
    counts: Ints
    mean: Floats
    ratio: Floats
    low: Floats
    high: Floats
    p: Floats
    q: Floats
    overall: float
    dispersion: float
    autocorrelation: float
    outside: int
    rate: float
    level: float

    @property
    def months(self) -> npt.NDArray[np.datetime64]:
        """The months looked at, shape (n_months,)."""
        return self.first + np.arange(self.counts.size)

    @property
    def frame(self) -> pd.DataFrame:
        """A row a month of the year: ratio with interval, p, q; highest first."""
        found = pd.DataFrame(
            {
                "month": MONTHS,
                "ratio": self.ratio,
                "low": self.low,
                "high": self.high,
                "p": self.p,
                "q": self.q,
                "differs": self.q <= self.rate,
            }
        )
        return found.sort_values("ratio", ascending=False, kind="stable", ignore_index=True)

    def sentence(self) -> str:
        """What was found and how sure that is."""
        over = f"{self.counts.sum():,} reported incidents in {self.counts.size} months"
        if self.overall > 0.05:
            return f"Of {over} no season can be told from chance (p = {self.overall:.2f})."
        top, bottom = int(np.argmax(self.ratio)), int(np.argmin(self.ratio))
        return (
            f"Of {over} most come in {MONTHS[top]}, {self.ratio[top]:.2f} times ({self.low[top]:.2f} to "
            f"{self.high[top]:.2f}) the average month, and fewest in {MONTHS[bottom]}, {self.ratio[bottom]:.2f} times "
            f"({self.low[bottom]:.2f} to {self.high[bottom]:.2f}), per day."
        )

    @property
    def limits(self) -> list[str]:
        """What this can't tell."""
        years = self.counts.size / 12
        said = [f"{years:.1f} years were looked at: what was odd in one of them counts as season."] * (
            years < 5
        )
        if self.outside:
            said.append(
                f"{self.outside:,} reports in broken or nearly empty months at both ends are left out."
            )
        if self.autocorrelation > 0.3:
            said.append("One month is like the next beyond trend and season, so intervals are too narrow.")
        said.append("The season is taken to be the same each year, apart from its level.")
        said.append("Reports have a season where reporting has one, even if what is reported has none.")
        return said

    def to_dict(self) -> dict[str, Any]:
        """Settings, the twelve months, the series, and the limits."""
        return {
            "pattern": "seasonality",
            "first_month": str(self.first),
            "months": int(self.counts.size),
            "counts": self.counts.tolist(),
            "fitted": self.mean.tolist(),
            "names": list(MONTHS),
            "ratio": self.ratio.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "p": self.p.tolist(),
            "q": self.q.tolist(),
            "overall_p": self.overall,
            "dispersion": self.dispersion,
            "autocorrelation": self.autocorrelation,
            "outside": self.outside,
            "false_discovery_rate": self.rate,
            "level": self.level,
            "sentence": self.sentence(),
            "limits": self.limits,
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Ratio to the average month, with intervals."""
        ax = axes(ax)
        x = np.arange(12)
        ax.errorbar(
            x,
            self.ratio,
            yerr=[self.ratio - self.low, self.high - self.ratio],
            fmt="o",
            color="black",
            capsize=3,
        )
        ax.axhline(1, color="black", linewidth=0.7, linestyle=":")
        ax.set_xticks(x, [name[:3] for name in MONTHS])
        ax.set_ylabel("times the average month, per day")
        ax.set_title("Season of reported incidents")
        return ax


def seasonality(incidents: Incidents, *, rate: float = 0.05, level: float = 0.95) -> Seasonality:
    """Which months of the year have more or fewer reports per day than the average month.

    Parameters
    ----------
    incidents : Incidents
        Only the month of ``occurred_from`` is used. Limit them by date with ``where`` for another span than all whole
        months.
    rate : float
        False-discovery rate up to which a month is called different.
    level : float
        Of the intervals.

    Raises
    ------
    NotEnoughDataError
        Fewer than two years of whole months, or a month of the year without any report.
    """
    check_level(rate, what="false-discovery rate")
    check_level(level)
    first, counts = _whole_months(incidents)
    if counts.size < FEWEST:
        given = f"{counts.size} whole {'month' if counts.size == 1 else 'months'} of reports were given"
        msg = f"{given}; with fewer than {FEWEST} no season can be told from a trend"
        raise NotEnoughDataError(msg, hint="two years or more of records")
    calendar = (first.astype(int) + np.arange(counts.size)) % 12
    empty = [MONTHS[m] for m in range(12) if not counts[calendar == m].any()]
    if empty:
        msg = f"{counts.sum():,} reports were given, none of them in any {' or '.join(empty)}"
        raise NotEnoughDataError(msg, hint="a more frequent category, or a longer stretch of time")
    edges = (first + np.arange(counts.size + 1)).astype("datetime64[D]")
    days = np.diff(edges).astype(np.float64)
    trend, season = _trend(counts.size), _season(calendar)
    y = counts.astype(np.float64)
    fit = fit_quasi_poisson(np.hstack([trend, season]), y, days)
    plain = fit_quasi_poisson(trend, y, days)
    ratio, error = _ratios(fit, trend.shape[1])
    t = stats.t(fit.freedom)
    reach = t.ppf((1 + level) / 2) * error
    p = np.maximum(2 * t.sf(np.abs(np.log(ratio)) / error), TINIEST)
    over = max(plain.deviance - fit.deviance, 0.0) / 11 / fit.dispersion
    residual = (y - fit.mean) / np.sqrt(fit.mean)
    return Seasonality(
        first=first,
        counts=counts,
        mean=fit.mean,
        ratio=ratio,
        low=ratio * np.exp(-reach),
        high=ratio * np.exp(reach),
        p=p,
        q=false_discovery(p),
        overall=max(float(stats.f.sf(over, 11, fit.freedom)), TINIEST),
        dispersion=fit.dispersion,
        autocorrelation=float(np.sum(residual[1:] * residual[:-1]) / max(float(np.sum(residual**2)), 1e-300)),
        outside=len(incidents) - int(counts.sum()),
        rate=rate,
        level=level,
    )


def _whole_months(incidents: Incidents) -> tuple[np.datetime64, Ints]:
    """The first whole month, and the reports of it and those that follow."""
    if not len(incidents):
        return np.datetime64("1970-01"), np.zeros(0, dtype=np.int64)
    month = incidents.time.astype("datetime64[M]")
    first: np.datetime64 = month.min()
    counts = np.bincount((month - first).astype(np.int64))
    # A stray date of long ago would be the start of many months without reports.
    year = min(12, counts.size)
    fullest = np.convolve(counts, np.ones(year), mode="valid").max() / year
    held = np.flatnonzero(counts >= STRAY * fullest)
    low, high = int(held[0]), int(held[-1]) + 1
    if incidents.resolution != "month":
        day = incidents.time.astype("datetime64[D]")
        begins, ends = day[month == first + low].min(), day[month == first + high - 1].max()
        # Three days of grace: not every day has a report.
        low += int(begins >= (first + low).astype("datetime64[D]") + 3)
        high -= int(ends < (first + high).astype("datetime64[D]") - 3)
    return first + low, counts[low : max(high, low)].astype(np.int64)


def _trend(n: int) -> Floats:
    """A line over the months that may bend after each year, shape (n, 1 + years)."""
    t = np.arange(n) / 12
    bends = [k for k in range(1, n // 12 + 1) if n - 12 * k >= 6]
    return np.column_stack([np.ones(n), t, *(np.maximum(t - k, 0) for k in bends)])


def _season(calendar: Ints) -> Floats:
    """Factors of the twelve months whose logarithms add up to 0, shape (n, 11)."""
    season = np.zeros((calendar.size, 11))
    for m in range(11):
        season[:, m] = np.where(calendar == m, 1.0, np.where(calendar == 11, -1.0, 0.0))
    return season


def _ratios(fit: Fit, skip: int) -> tuple[Floats, Floats]:
    """Each month over the mean of the twelve, and the standard error of its logarithm."""
    to_months = np.vstack([np.eye(11), -np.ones(11)])
    log: Floats = to_months @ fit.coefficients[skip:]
    covariance = fit.dispersion * to_months @ fit.covariance[skip:, skip:] @ to_months.T
    factor: Floats = np.exp(log)
    weight: Floats = np.divide(factor, factor.sum())
    gradient = np.eye(12) - weight
    ratio = 12 * weight
    error = np.sqrt(np.einsum("ij,jk,ik->i", gradient, covariance, gradient))
    return ratio, error
