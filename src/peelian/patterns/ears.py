"""EARS C1, C2 and C3: a period against the mean and the spread of the few before it."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import check_level, monte_carlo_p
from peelian.patterns.bounds import Bounds, check_series

__all__ = ["ears"]

Floats = npt.NDArray[np.float64]
Method = Literal["C1", "C2", "C3"]

LAG = 2
"""Periods between the baseline and the period that is looked at, for C2 and C3."""

SIMULATED = 99_999
"""Normal series by which a C3 statistic is judged."""


def ears(
    series: npt.ArrayLike,
    *,
    method: Method = "C1",
    at: int = -1,
    baseline: int = 7,
    alpha: float | None = None,
    least_spread: float = 0.0,
) -> Bounds:
    """The EARS methods on many series at once.

    C1 holds a period against the mean and the standard deviation of those just before it; C2 leaves two periods
    between, so that a rise that lasts doesn't hide itself; C3 adds up by how much C2 was above 1 in this period and in
    the two before.

    Parameters
    ----------
    series : array of float, shape (n, periods)
        Counts; NaN where a period is not known: nothing is said where one of the baseline is.
    method : {"C1", "C2", "C3"}
    at : int
        Number of the period that is looked at.
    baseline : int
        Periods of the baseline, at least 3.
    alpha : float, optional
        The bound is as many standard deviations as a normal deviate exceeds with it: 3.09 for 0.001 (the default of C1
        and C2), 1.96 for 0.025 (that of C3).
    least_spread : float
        Standard deviations below it count as it, so that a baseline without a change is no bound of its own mean.

    Returns
    -------
    Bounds
        `upper` of C3 is the count that would have reached the bound, given the two periods before. `p` allows for the
        mean and spread being estimates (Student's t for C1 and C2, simulation for C3), as if counts were normal and of
        one mean: counts of a few a period are not, and how often the setting alarms on the data's own past says more.

    Raises
    ------
    NotEnoughDataError
        Fewer periods than the method reads.
    UsageError
        A setting is off.

    References
    ----------
    Hutwagner, Thompson, Seeman and Treadwell (2003), "The bioterrorism preparedness and response Early Aberration
    Reporting System (EARS)", Journal of Urban Health 80. Fricker, Hegler and Dunfee (2008), "Comparing syndromic
    surveillance detection methods: EARS' versus a CUSUM-based methodology", Statistics in Medicine 27.
    """
    held = check_series(series)
    if method not in ("C1", "C2", "C3"):
        msg = f"method={method!r} was given; expected 'C1', 'C2' or 'C3'"
        raise UsageError(msg)
    if baseline < 3 or least_spread < 0:
        msg = (
            f"a baseline of {baseline} periods and a least spread of {least_spread} were given; "
            "expected 3 or more, and 0 or more"
        )
        raise UsageError(msg, hint="baseline=7, least_spread=0.5")
    alpha = (0.025 if method == "C3" else 0.001) if alpha is None else alpha
    check_level(alpha, what="alpha")
    k = range(held.shape[1])[at] if held.shape[1] else -1
    needed = baseline + {"C1": 0, "C2": LAG, "C3": 2 * LAG}[method]
    if k < needed:
        msg = (
            f"{max(k, 0)} periods lie before the one that is looked at; "
            f"{method} with a baseline of {baseline} reads {needed}"
        )
        raise NotEnoughDataError(msg, hint="baseline=7, or method='C1'")
    z = float(stats.norm.isf(alpha))
    lag = 0 if method == "C1" else LAG
    y = held[:, k]
    mean, spread, standard = _standard(held, k, baseline, lag, least_spread)
    with np.errstate(invalid="ignore", divide="ignore"):
        if method == "C3":
            before = [
                np.maximum(_standard(held, k - i, baseline, lag, least_spread)[2] - 1, 0) for i in (1, 2)
            ]
            left = z - before[0] - before[1]
            statistic = np.maximum(standard - 1, 0) + before[0] + before[1]
            alarm = statistic > z
            # Where the two periods before are enough by themselves, no count is too few.
            upper = np.where(left > 0, mean + spread * (1 + left), 0.0)
            p = _p_of_c3(statistic, baseline)
        else:
            upper = mean + z * spread
            alarm = y > upper
            p = np.asarray(stats.t.sf(standard / np.sqrt(1 + 1 / baseline), baseline - 1))
        scatter = np.where(mean > 0, spread**2 / mean, np.nan)
    p = np.where(np.isnan(standard), np.nan, np.maximum(p, 1e-300))
    return Bounds(y.copy(), mean, upper, p, alarm & ~np.isnan(standard), scatter)


def _standard(series: Floats, k: int, baseline: int, lag: int, least: float) -> tuple[Floats, Floats, Floats]:
    """Mean and standard deviation of the baseline, and by how many of the latter period `k` is above the former."""
    past = series[:, k - lag - baseline : k - lag]
    mean = past.mean(axis=1)
    spread = np.maximum(past.std(axis=1, ddof=1), least)
    over = series[:, k] - mean
    with np.errstate(invalid="ignore", divide="ignore"):
        standard = np.where(
            spread > 0, over / spread, np.where(over > 0, np.inf, np.where(over < 0, -np.inf, 0.0))
        )
    return mean, spread, np.where(np.isnan(over), np.nan, standard)


@lru_cache(maxsize=8)
def _null_of_c3(baseline: int) -> Floats:
    """C3 of normal series where nothing changed, sorted."""
    made = np.random.default_rng(0).standard_normal((SIMULATED, baseline + 2 * LAG + 1))
    last = made.shape[1] - 1
    total = np.zeros(SIMULATED)
    for i in range(3):
        total += np.maximum(_standard(made, last - i, baseline, LAG, 0.0)[2] - 1, 0)
    return np.sort(total)


def _p_of_c3(statistic: Floats, baseline: int) -> Floats:
    null = _null_of_c3(baseline)
    return monte_carlo_p(SIMULATED - np.searchsorted(null, statistic, side="left"), SIMULATED)
