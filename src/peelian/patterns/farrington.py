"""Farrington flexible: whether the latest week of a series is above what its own past years lead to expect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import check_level
from peelian.patterns.bounds import Bounds, check_series
from peelian.patterns.cylinders import in_threads

__all__ = ["Farrington", "Reference", "farrington", "reference", "years_back"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Dates = npt.NDArray[np.datetime64]
Method = Literal["negative_binomial", "muan", "power"]

ITERATIONS = 50
CLOSE = 1e-12
STEEPEST = 30.0
"""Log ratio over the whole past beyond which a trend is taken to have no estimate."""

MU, ETA_SE, PHI, TREND = range(4)


@dataclass(frozen=True, eq=False)
class Reference:
    """The past periods that a week is held against.

    Parameters
    ----------
    rows : array of int, shape (m,)
        Their numbers.
    group : array of int, shape (m,)
        Level of the season of each, from 0; the last is that of the week itself.
    levels : int
    """

    rows: Ints
    group: Ints
    levels: int


@dataclass(frozen=True, eq=False)
class Farrington(Bounds):
    """Bounds, and whether a trend was kept, shape (n,)."""

    trend: npt.NDArray[np.bool_]


def farrington(
    series: npt.ArrayLike,
    starts: npt.ArrayLike,
    *,
    at: int = -1,
    years: int = 5,
    half_window: int = 3,
    levels: int = 10,
    excluded: int = 26,
    trend: bool = True,
    trend_level: float = 1.0,
    reweight: float | None = 2.58,
    alpha: float = 0.05,
    method: Method = "negative_binomial",
    fewest: tuple[int, int] = (5, 4),
) -> Farrington:
    """The improved Farrington algorithm on many series at once.

    Parameters
    ----------
    series : array of float, shape (n, periods)
        Counts; NaN where a period is not known.
    starts : array of datetime64[D], shape (periods,)
        First days of the periods, which are of one length.
    at : int
        Number of the period that is looked at.
    years, half_window, levels, excluded : int
        Years of the past; periods before and after the same time of each year; levels of the season; latest periods
        that are left out, so that an emerging rise doesn't become its own expectation.
    trend, trend_level
        Whether a log-linear trend is fitted, and its greatest p-value to be kept (1: always). It is kept only with
        three years or more, and where it expects no more than was ever seen.
    reweight : float, optional
        Past periods with a larger standardised Anscombe residual weigh less; None weighs all alike.
    alpha : float
        Share that the bound leaves above it where nothing changed.
    method : {"negative_binomial", "muan", "power"}
        Quantile of a negative binomial with the expectation plugged in, or with its upper limit; or normal bounds of
        counts to the power of 2/3.
    fewest : (int, int)
        No alarm with fewer than the first number of reports over the second number of latest periods.

    Returns
    -------
    Farrington

    Raises
    ------
    NotEnoughDataError
        The past doesn't hold the years.
    UsageError
        A setting is off.

    Notes
    -----
    A quasi-Poisson model, whose dispersion is at least 1, is fitted to each series, refitted with weights, and both
    again without the trend where it is dropped. Its levels have a closed form for a given trend, so that a fit is a
    search in one dimension; it agrees with iteratively reweighted least squares to the last digits. Where the level of
    the week has no report in any year, half a report is taken to have been in it: no estimate is no expectation of 0.

    References
    ----------
    Noufaily, Enki, Farrington, Garthwaite, Andrews and Charlett (2013), "An improved algorithm for outbreak detection
    in multiple surveillance systems", Statistics in Medicine 32. Farrington, Andrews, Beale and Catchpole (1996), "A
    statistical algorithm for the early detection of outbreaks of infectious disease", Journal of the Royal Statistical
    Society A 159. Salmon, Schumacher and Höhle (2016), "Monitoring count time series in R", Journal of Statistical
    Software 70.
    """
    check_level(alpha, what="alpha")
    if method not in ("negative_binomial", "muan", "power"):
        msg = f"method={method!r} was given; expected 'negative_binomial', 'muan' or 'power'"
        raise UsageError(msg)
    held = check_series(series)
    dates = np.asarray(starts, dtype="datetime64[D]")
    if dates.size != held.shape[1]:
        msg = f"{dates.size} dates were given for {held.shape[1]} periods"
        raise UsageError(msg)
    k = range(held.shape[1])[at]
    past = reference(dates, k, years=years, half_window=half_window, levels=levels, excluded=excluded)
    time = (past.rows - k) / max(k - past.rows[0], 1)
    critical = _critical(trend_level, past.rows.size)
    n = len(held)
    found = np.full((n, 4), np.nan)
    step = max(-(-n // 16), 1)

    def part(i: int) -> None:
        rows = held[i * step : (i + 1) * step]
        with_trend = trend and years >= 3
        threshold = math.inf if reweight is None else float(reweight)
        out = found[i * step : (i + 1) * step]
        _fit_all(rows, past.rows, past.group, time, past.levels, with_trend, critical, threshold, out)

    in_threads(part, -(-n // step))
    return _bounds(held[:, : k + 1], found, alpha=alpha, method=method, fewest=fewest)


def years_back(starts: npt.ArrayLike, *, at: int = -1, half_window: int = 3, most: int = 5) -> int:
    """How many years of the past there are to hold a week against, at most `most`; 0 where there is not one."""
    dates = np.asarray(starts, dtype="datetime64[D]")
    k = range(dates.size)[at]
    same = _same_time(dates, k, most)
    return int(np.sum(same[1:] - half_window >= 0))


def reference(
    starts: Dates, k: int, *, years: int, half_window: int, levels: int = 10, excluded: int = 26
) -> Reference:
    """The past periods of period `k`, by level of the season.

    The level of the week itself are the periods around the same time of each year; what lies between is cut into
    `levels` - 1 runs of almost the same length, longer ones first.

    Raises
    ------
    NotEnoughDataError
        The past doesn't hold the years.
    UsageError
        More levels than there are periods between windows.
    """
    if years < 1 or half_window < 0 or levels < 1 or excluded < 0:
        msg = (
            f"{years} years, {half_window} periods around, {levels} levels and {excluded} left out were given"
        )
        raise UsageError(msg, hint="years=5, half_window=3, levels=10, excluded=26")
    same = _same_time(starts, k, years)
    if same[-1] - half_window < 0:
        have = years_back(starts, at=k, half_window=half_window, most=years)
        msg = (
            f"{years} years of the past were asked for; {k} periods lie before {starts[k]}, which hold {have}"
        )
        hint = f"years={have}" if have else "import older records, or watch with method='ears'"
        raise NotEnoughDataError(msg, hint=hint)
    group = np.full(k + 1, -1, dtype=np.int64)
    for year in range(1, years + 1):
        here, later = int(same[year]), int(same[year - 1])
        group[here - half_window : here + half_window + 1] = levels - 1
        if levels == 1:
            continue
        between = later - 2 * half_window - 1 - here
        if between < levels - 1:
            msg = f"{levels} levels of the season were asked for; {between} periods lie between windows"
            raise UsageError(msg, hint="levels=1 looks at the same time of each year alone")
        length, rest = divmod(between, levels - 1)
        sizes = np.full(levels - 1, length)
        sizes[:rest] += 1
        first = here + half_window + 1
        group[first : first + between] = np.repeat(np.arange(levels - 1), sizes)
    group[max(k - excluded, 0) :] = -1
    rows = np.flatnonzero(group >= 0)
    if not np.any(group[rows] == levels - 1):
        msg = f"{excluded} latest periods are left out, and with them the same time of all {years} years"
        raise NotEnoughDataError(msg, hint="excluded=26")
    return Reference(rows, group[rows], levels)


def _same_time(starts: Dates, k: int, years: int) -> Ints:
    """Numbers of the periods that start nearest to the date of period `k`, 0, 1, ... years before; maybe below 0."""
    days = float(np.median(np.diff(starts).astype(np.int64))) if starts.size > 1 else 7.0
    month = starts[k].astype("datetime64[M]")
    within = starts[k] - month.astype("datetime64[D]")
    before = np.array([(month - 12 * year).astype("datetime64[D]") + within for year in range(years + 1)])
    steps = np.round((starts[k] - before).astype(np.int64) / days).astype(np.int64)
    return np.asarray(k - steps)


def _critical(level: float, rows: int) -> Floats:
    """Student's t that a trend must reach for its p-value to be below `level`, by degrees of freedom."""
    if not 0 < level <= 1:
        msg = f"a trend level of {level} was given; expected above 0, up to 1"
        raise UsageError(msg, hint="trend_level=0.05, or 1 to keep every trend")
    freedom = np.maximum(np.arange(rows + 1), 1)
    return np.full(rows + 1, -1.0) if level == 1 else np.asarray(stats.t.isf(level / 2, freedom))


def _bounds(
    series: Floats, found: Floats, *, alpha: float, method: Method, fewest: tuple[int, int]
) -> Farrington:
    y, mean, error, phi = series[:, -1], found[:, MU], found[:, ETA_SE], found[:, PHI]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if method == "power":
            spread = np.sqrt(4 / 9 * np.cbrt(mean) * (phi + mean * error**2))
            upper = (mean ** (2 / 3) + stats.norm.isf(alpha) * spread) ** 1.5
            p = stats.norm.sf(y ** (2 / 3), mean ** (2 / 3), spread)
        else:
            plugged = mean if method == "negative_binomial" else mean * np.exp(stats.norm.isf(alpha) * error)
            size = np.where(phi > 1, plugged / np.maximum(phi - 1, 1e-300), 1.0)
            share = 1 / np.maximum(phi, 1)
            over = phi > 1
            tail = 1 - alpha
            upper = np.where(over, stats.nbinom.ppf(tail, size, share), stats.poisson.ppf(tail, plugged))
            p = np.where(over, stats.nbinom.sf(y - 1, size, share), stats.poisson.sf(y - 1, plugged))
        enough = np.nansum(series[:, -fewest[1] :], axis=1) >= fewest[0]
        alarm = (y > upper) & (y > 0) & enough
    p = np.where(np.isnan(y) | np.isnan(mean), np.nan, np.clip(p, 1e-300, 1.0))
    return Farrington(y.copy(), mean.copy(), upper, p, alarm, phi.copy(), found[:, TREND] > 0)


@njit(cache=True, nogil=True)
def _fit_all(
    series: Floats,
    rows: Ints,
    group: Ints,
    time: Floats,
    levels: int,
    trend: bool,
    critical: Floats,
    threshold: float,
    out: Floats,
) -> None:
    m = rows.size
    y, weight, mean, lean = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    sums = np.empty((levels, 4))
    for i in range(series.shape[0]):
        known = 0
        for j in range(m):
            y[j] = series[i, rows[j]]
            known += not np.isnan(y[j])
            y[j] = 0.0 if np.isnan(y[j]) else y[j]
        if known == 0:
            continue
        for attempt in range(2):
            slope = trend and attempt == 0
            if not trend and attempt == 0:
                continue
            for j in range(m):
                weight[j] = 0.0 if np.isnan(series[i, rows[j]]) else 1.0
            fine, beta, phi, freedom = _fit(y, weight, group, time, slope, known, mean, lean, sums)
            if fine and threshold < np.inf:
                _reweigh(y, mean, lean, weight, phi, threshold, known)
                fine, beta, phi, freedom = _fit(y, weight, group, time, slope, known, mean, lean, sums)
            if not fine:
                continue
            mu, error = _predict(beta, phi, sums)
            if slope:
                inertia = 0.0
                for g in range(levels):
                    inertia += sums[g, 3]
                steep = abs(beta) * math.sqrt(inertia / phi) if inertia > 0 else 0.0
                if steep <= critical[freedom] or mu > y.max():
                    continue
            out[i, 0], out[i, 1], out[i, 2], out[i, 3] = mu, error, phi, 1.0 if slope else 0.0
            break


@njit(cache=True, nogil=True)
def _fit(
    y: Floats,
    weight: Floats,
    group: Ints,
    time: Floats,
    slope: bool,
    known: int,
    mean: Floats,
    lean: Floats,
    sums: Floats,
) -> tuple[bool, float, float, int]:
    """Levels and trend of one series: for a trend, each level is its reports over what the trend alone expects.

    Fills the means, the leverage of each row, and by level: its reports, its weight, its mean time and the inertia of
    time about it, the last three under the fitted means.
    """
    levels = sums.shape[0]
    beta = 0.0
    converged = not slope
    for _ in range(ITERATIONS):
        sums[:] = 0.0
        for j in range(y.size):
            e = weight[j] * math.exp(beta * time[j])
            g = group[j]
            sums[g, 0] += weight[j] * y[j]
            sums[g, 1] += e
            sums[g, 2] += e * time[j]
            sums[g, 3] += e * time[j] * time[j]
        if converged:
            break
        gradient, curvature = 0.0, 0.0
        for j in range(y.size):
            gradient += weight[j] * y[j] * time[j]
        for g in range(levels):
            if sums[g, 1] > 0:
                middle = sums[g, 2] / sums[g, 1]
                gradient -= sums[g, 0] * middle
                curvature += sums[g, 0] * (sums[g, 3] / sums[g, 1] - middle * middle)
        if curvature <= 0:
            return False, 0.0, 1.0, 1
        move = min(max(gradient / curvature, -2.0), 2.0)
        beta += move
        if abs(beta) > STEEPEST:
            return False, 0.0, 1.0, 1
        converged = abs(move) < CLOSE * (1 + abs(beta)) or abs(move) < 1e-10
    if not converged:
        return False, 0.0, 1.0, 1
    present = 0
    inertia = 0.0
    for g in range(levels):
        if sums[g, 1] <= 0:
            continue
        present += 1
        # A level without a report has no estimate: half a report is taken to be in it where it is asked for.
        rate, middle = max(sums[g, 0], 0.5) / sums[g, 1], sums[g, 2] / sums[g, 1]
        spread = rate * (sums[g, 3] - middle * sums[g, 2]) if sums[g, 0] > 0 else 0.0
        # The weight stays in reports, the rate is that over the trend alone.
        sums[g, 1], sums[g, 2], sums[g, 3] = rate, middle, spread
        inertia += spread
    pearson = 0.0
    for j in range(y.size):
        g = group[j]
        mean[j] = sums[g, 1] * math.exp(beta * time[j]) if sums[g, 0] > 0 else 0.0
        lean[j] = 0.0
        if mean[j] > 0:
            pearson += weight[j] * (y[j] - mean[j]) ** 2 / mean[j]
            own = weight[j] * mean[j]
            lean[j] = own / sums[g, 0]
            if slope and inertia > 0:
                lean[j] += own * (time[j] - sums[g, 2]) ** 2 / inertia
    freedom = max(known - present - (1 if slope else 0), 1)
    return True, beta, max(pearson / freedom, 1.0), freedom


@njit(cache=True, nogil=True)
def _reweigh(
    y: Floats, mean: Floats, lean: Floats, weight: Floats, phi: float, threshold: float, known: int
) -> None:
    """Weigh rows with a large Anscombe residual by its inverse square, all weights summing to the rows."""
    total = 0.0
    for j in range(y.size):
        if weight[j] == 0:
            continue
        if mean[j] > 0:
            s = 1.5 * (y[j] ** (2 / 3) * mean[j] ** (-1 / 6) - math.sqrt(mean[j]))
            s /= math.sqrt(phi * max(1 - lean[j], 1e-12))
            if s > threshold:
                weight[j] = 1 / (s * s)
        total += weight[j]
    for j in range(y.size):
        weight[j] *= known / total


@njit(cache=True, nogil=True)
def _predict(beta: float, phi: float, sums: Floats) -> tuple[float, float]:
    """Expectation at time 0, where the week is, and the standard error of its logarithm."""
    last = sums.shape[0] - 1
    inertia = 0.0
    for g in range(sums.shape[0]):
        inertia += sums[g, 3]
    held = max(sums[last, 0], 0.5)
    rate = sums[last, 1]
    variance = 1 / held
    if beta != 0 and inertia > 0:
        variance += sums[last, 2] ** 2 / inertia
    return rate, math.sqrt(phi * variance)
