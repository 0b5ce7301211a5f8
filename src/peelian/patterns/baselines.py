"""What is expected at each place from its own past: level with shrinkage, season, day of the week."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from peelian.errors import NotEnoughDataError, UsageError

__all__ = ["Baseline", "expect", "rhythm"]

Floats = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]

YEAR = 365.2425
HALF_LIFE = 364.0
"""Days after which a report counts half towards a place's level."""

FEWEST = 8
"""Past periods without which nothing is expected."""

ITERATIONS = 25


@dataclass(frozen=True, eq=False)
class Baseline:
    """Reports expected at each place in the periods after the past.

    Parameters
    ----------
    expected : array of float, shape (n, ahead)
        Above 0 wherever anything was reported anywhere.
    scatter : float
        Variance over mean of single places' past counts around what is expected of them, at least 1.
    shape : float
        Of the gamma distribution that places' levels were shrunk by; infinite where they do not differ.
    """

    expected: Floats
    scatter: float
    shape: float


def expect(
    past: sparse.csc_array,
    edges: Dates,
    *,
    ahead: Dates,
    half_life: float = HALF_LIFE,
    totals: npt.ArrayLike | None = None,
) -> Baseline:
    """What is expected at each place in the periods that follow, from the past alone.

    A place's level is its past counts, each weighted by its age and held against the rhythm of the whole area, and
    shrunk towards the mean of all places by as much as their differences are noise (empirical Bayes, gamma-Poisson:
    Clayton and Kaldor 1987, "Empirical Bayes estimates of age-standardized relative risks for use in disease mapping",
    Biometrics 43).

    Parameters
    ----------
    past : sparse array of int, shape (n, periods)
    edges : array of datetime64[D], shape (periods + 1,)
        Where past periods begin, and where the last one ends.
    ahead : array of datetime64[D], shape (ahead + 1,)
        Edges of the periods that are expected.
    half_life : float
        In days.
    totals : array of float, shape (ahead,), optional
        Reports of the whole area in those periods, to which the expectation is scaled: a place stands out against
        what its share of them would be, and a wave over the whole area is no news of any place. None (the default)
        takes the area's own level and rhythm of the past.

    Raises
    ------
    NotEnoughDataError
        Fewer than 8 past periods.
    """
    periods = past.shape[1]
    if edges.size != periods + 1 or ahead.size < 2:
        msg = f"{edges.size} edges were given for {periods} past periods, and {ahead.size} for those ahead"
        raise UsageError(msg)
    if not half_life > 0:
        msg = f"a half-life of {half_life} days was given; expected above 0"
        raise UsageError(msg)
    if periods < FEWEST:
        msg = f"{periods} periods lie before those that are looked at; an expectation needs {FEWEST}"
        raise NotEnoughDataError(
            msg, hint="import older records, look at fewer weeks, or use method='permutation'"
        )
    both = rhythm(np.asarray(past.sum(axis=0), dtype=np.float64).ravel(), edges, ahead=ahead)
    before, after = both[:periods], both[periods:]
    age = (edges[-1] - edges[:-1]).astype(np.float64)
    weight = 0.5 ** (age / half_life)
    seen = np.asarray(past @ weight, dtype=np.float64).ravel()
    level, shape = _shrunk(seen, float(weight @ before), float((weight**2) @ before))
    expected = np.outer(level, after)
    if totals is not None:
        totals = np.asarray(totals, dtype=np.float64)
        if totals.shape != after.shape:
            msg = f"totals of shape {totals.shape} were given for {after.size} periods"
            raise UsageError(msg)
        # A period without a report anywhere says nothing of any place; it keeps a trace of an expectation.
        expected *= np.maximum(totals, 1e-3) / np.maximum(expected.sum(axis=0), 1e-300)
    return Baseline(expected, _scatter(past, level, before), shape)


def rhythm(total: Floats, edges: Dates, *, ahead: Dates) -> Floats:
    """The whole area's level over the past and ahead, by season and, for days, by day of the week.

    Returns
    -------
    array of float, shape (past periods + periods ahead,)
        Expected reports of the whole area, its last known trend held level ahead.

    Notes
    -----
    A log-linear model of the totals: a yearly wave with its first overtone where the past holds two years, the wave
    alone from a year and a half on, and none before; a straight trend beside them, so that growth is not taken for a
    season.
    """
    start = np.concatenate([edges[:-1], ahead[:-1]])
    days = np.concatenate([np.diff(edges), np.diff(ahead)]).astype(np.float64)
    at = (start - edges[0]).astype(np.float64) + days / 2
    span = float((edges[-1] - edges[0]).astype(np.float64))
    held = total.size
    if total.sum() <= 0:
        return np.asarray(days / days[:held].sum() * 1e-6)
    columns = [np.ones_like(at)]
    waves = 2 if span >= 2 * YEAR else 1 if span >= 1.5 * YEAR else 0
    for wave in range(1, waves + 1):
        columns += [np.sin(2 * np.pi * wave * at / YEAR), np.cos(2 * np.pi * wave * at / YEAR)]
    if np.all(days == 1):
        weekday = (start.astype(np.int64) + 3) % 7
        columns += [(weekday == d).astype(np.float64) for d in range(6)]
    if waves:
        # Ahead, the trend stays where it was at the end of the past.
        columns.append(np.minimum(at, at[held - 1]) / span - 0.5)
    design = np.column_stack(columns)
    eta = design @ _loglinear(design[:held], total, days[:held])
    return np.asarray(days * np.exp(np.clip(eta, -50, 50)))


def _loglinear(design: Floats, y: Floats, exposure: Floats) -> Floats:
    """Coefficients of a Poisson model with a log link, by iteratively reweighted least squares."""
    coefficients = np.zeros(design.shape[1])
    coefficients[0] = np.log(y.sum() / exposure.sum())
    ridge = 1e-8 * np.eye(design.shape[1])
    for _ in range(ITERATIONS):
        mean = exposure * np.exp(np.clip(design @ coefficients, -50, 50))
        gram = design.T @ (design * mean[:, None])
        step = np.linalg.solve(gram + ridge * max(float(np.trace(gram)), 1e-12), design.T @ (y - mean))
        coefficients = coefficients + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return coefficients


def _shrunk(seen: Floats, exposure: float, squared: float) -> tuple[Floats, float]:
    """Levels of places from their weighted counts, and the shape of their distribution, by its moments."""
    mean = float(seen.mean()) / exposure
    if mean <= 0:
        return np.full(seen.size, 1e-12), np.inf
    noise = mean * squared / exposure**2
    spread = float(np.var(seen / exposure)) - noise
    if seen.size < 2 or spread <= 0:
        return np.full(seen.size, mean), np.inf
    shape, rate = mean**2 / spread, mean / spread
    # Weighted counts as if they were whole ones with the same relative noise.
    whole = exposure / squared
    level: Floats = (shape + seen * whole) / (rate + exposure * whole)
    return level * (mean / level.mean()), float(shape)


def _scatter(past: sparse.csc_array, level: Floats, before: Floats) -> float:
    """Squared deviations over what was expected, summed over places and the latest year, counts not laid out.

    The ratio of the sums, and not the sum of ratios as in Pearson's statistic, which places with almost no reports
    would rule.
    """
    recent = slice(max(before.size - 53, 0), before.size)
    counts = past[:, recent]
    mean = before[recent]
    # sum (y - e)^2 = sum y^2 - 2 sum y e + sum e^2, with e = level x rhythm.
    column = np.repeat(np.arange(mean.size), np.diff(counts.indptr))
    y = counts.data.astype(np.float64)
    both = float(np.sum(y * level[counts.indices] * mean[column]))
    squares = float(np.sum(y**2)) - 2 * both + float(np.sum(level**2) * np.sum(mean**2))
    return max(squares / max(float(level.sum() * mean.sum()), 1e-300), 1.0)
