"""Season and public holidays of the whole area's total."""

from __future__ import annotations

import holidays
import numpy as np
import numpy.typing as npt

from peelian.errors import UsageError
from peelian.places.counts import Counts
from peelian.places.periods import Period

__all__ = ["FEWEST_REPORTS", "angle_of", "calendar_of", "holidays_in", "middle_of", "season_of"]

Floats = npt.NDArray[np.float64]

YEAR = 365.2425

FEWEST_REPORTS = 300
"""With fewer, nothing is told of the season."""

RIDGE = 20.0
"""Penalty on the season's coefficients, in reports."""


def middle_of(period: Period) -> float:
    """Days from the start of 1970 to the middle of the period."""
    return float((period.start - np.datetime64("1970-01-01")).astype(int)) + period.days / 2


def angle_of(day: Floats) -> Floats:
    """Days since the start of 1970 as radians of the year."""
    return np.asarray(2 * np.pi * day / YEAR, dtype=np.float64)


def calendar_of(period: Period, country: str | None) -> Floats:
    """Two harmonics of the year and the share of holidays, shape (5,)."""
    angle = 2 * np.pi * middle_of(period) / YEAR
    return np.array(
        [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle), holidays_in(period, country)]
    )


def holidays_in(period: Period, country: str | None) -> float:
    """Share of the period's days that are public holidays of a country; 0 of none.

    Raises
    ------
    UsageError
        No holidays are known of it.
    """
    if country is None:
        return 0.0
    years = range(int(str(period.start)[:4]), int(str(period.end)[:4]) + 1)
    try:
        known = holidays.country_holidays(country, years=years)
    except NotImplementedError as error:
        msg = f"country={country!r} was given; no public holidays are known of it"
        raise UsageError(msg, hint='country="US", or leave it out') from error
    days = np.arange(period.start, period.end).tolist()
    return sum(day in known for day in days) / len(days)


def season_of(counts: Counts, country: str | None) -> Floats:
    """Coefficients of `calendar_of` by penalised Poisson regression on totals about their moving mean of a year.

    Returns
    -------
    array of float, shape (5,) or (0,)
        Empty where there are not two years to tell a season from.
    """
    periods, totals = counts.periods, counts.by_period.astype(np.float64)
    days = np.diff(periods.edges).astype(np.float64)
    if days.sum() < 2 * YEAR or totals.sum() < FEWEST_REPORTS:
        return np.zeros(0)
    half = max(round(YEAR / 2 / periods.frequency.days), 1)
    low = np.maximum(np.arange(totals.size) - half, 0)
    high = np.minimum(np.arange(totals.size) + half, totals.size)
    so_far, time = (np.append(0.0, np.cumsum(v)) for v in (totals, days))
    usual = np.maximum(so_far[high] - so_far[low], 0.5) / (time[high] - time[low]) * days
    calendar = np.array([calendar_of(periods[i], country) for i in range(totals.size)])
    x = np.column_stack([calendar, np.ones(totals.size)])
    penalty = np.append(np.full(calendar.shape[1], RIDGE), 1e-6)
    b = np.zeros(x.shape[1])
    for _ in range(10):
        mean = usual * np.exp(np.clip(np.einsum("nk,k->n", x, b), -3, 3))
        slope = np.einsum("nk,n->k", x, totals - mean) - penalty * b
        curve = np.einsum("nk,n,nl->kl", x, mean, x) + np.diag(penalty)
        b = b + np.linalg.solve(curve, slope)
    return np.asarray(b[:-1], dtype=np.float64)
