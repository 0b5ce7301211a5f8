"""How far rates differ between groups: the highest to the lowest, and the highest to the geometric mean of all.

Both are in use for error rates of face recognition: ISO/IEC 19795-10:2024 (Quantifying biometric system performance
variation across demographic groups) and NIST's reports, of which NISTIR 8280 (Grother, Ngan and Hanaoka 2019, FRVT part
3: Demographic effects) compares with the lowest, and the later tables divide by the geometric mean, since a lowest rate
of almost nothing makes any ratio to it huge.

The highest of several uncertain rates is too high on average, and the lowest too low: a ratio of the two is above 1
even where all groups are treated alike. The intervals here hold for all groups at once, so that they allow for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.errors import UsageError

__all__ = ["Spread", "by_chance", "for_all", "max_geometric_mean", "max_min"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """A ratio across groups with its interval.

    Parameters
    ----------
    value : float or None
        None where a rate is not known, or the lowest is 0 and the ratio without end.
    low, high : float or None
        `high` is None where the lowest rate may be 0.
    highest, lowest : int
        Which groups.
    """

    value: float | None
    low: float | None
    high: float | None
    highest: int
    lowest: int


def for_all(level: float, groups: int) -> float:
    """The level of each of several intervals that all hold at once at `level`, whatever binds them (Bonferroni)."""
    return 1 - (1 - level) / max(groups, 1)


def max_min(
    rates: npt.ArrayLike, lows: npt.ArrayLike | None = None, highs: npt.ArrayLike | None = None
) -> Spread:
    """The highest rate divided by the lowest, at least 1.

    Parameters
    ----------
    rates : array of float, shape (k,)
        Of two groups or more.
    lows, highs : array of float, shape (k,), optional
        Intervals that hold for all groups at once (`for_all`). The ratio's interval is every ratio that they leave room
        for, which is at least as sure as they are.

    Raises
    ------
    UsageError
        There is one group only, or a rate is negative or missing.
    """
    r, low, high = _checked(rates, lows, highs)
    top, bottom = int(r.argmax()), int(r.argmin())
    value = None if r[bottom] <= 0 else float(r[top] / r[bottom])
    if lows is None:
        return Spread(value, None, None, top, bottom)
    apart = ~np.eye(r.size, dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        least = np.where(high[None, :] > 0, low[:, None] / high[None, :], 1.0)[apart]
        most = np.where(low[None, :] > 0, high[:, None] / low[None, :], np.inf)[apart]
    end = float(most.max())
    return Spread(value, max(1.0, float(least.max())), end if np.isfinite(end) else None, top, bottom)


def max_geometric_mean(
    rates: npt.ArrayLike, lows: npt.ArrayLike | None = None, highs: npt.ArrayLike | None = None
) -> Spread:
    """The highest rate divided by the geometric mean of all, at least 1; parameters and errors as of `max_min`."""
    r, low, high = _checked(rates, lows, highs)
    k, top, bottom = r.size, int(r.argmax()), int(r.argmin())
    with np.errstate(divide="ignore", invalid="ignore"):
        value = None if r[bottom] <= 0 else float(r[top] / np.exp(np.log(r).mean()))
        if lows is None:
            return Spread(value, None, None, top, bottom)
        # log(max) - mean(log): of each group as the highest, with all others as high, or as low, as they may be.
        a, b = np.log(low), np.log(high)
        others_high, others_low = b.sum() - b, a.sum() - a
        least = (1 - 1 / k) * a - others_high / k
        most = (1 - 1 / k) * b - others_low / k
    start = float(np.nanmax(np.where(np.isfinite(least), least, -np.inf)))
    end = float(most.max()) if np.all(low > 0) else np.inf
    return Spread(
        value, max(1.0, float(np.exp(start))), float(np.exp(end)) if np.isfinite(end) else None, top, bottom
    )


def by_chance(cases: npt.ArrayLike, rate: float, *, seed: int = 0, draws: int = 4000) -> tuple[float, float]:
    """Ratio of the highest to the lowest rate that equal groups would show by chance: its median and 95th percentile.

    Parameters
    ----------
    cases : array of float, shape (k,)
        Independent cases that each group is worth.
    rate : float
        The rate of all.
    seed, draws : int

    Returns
    -------
    median, most : float
        Infinite where a group often has no event at all.
    """
    n = np.maximum(np.round(np.asarray(cases, dtype=float)), 1).astype(np.int64)
    drawn = np.random.default_rng(seed).binomial(n, min(max(rate, 0.0), 1.0), size=(draws, n.size)) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(drawn.max(axis=1) > 0, drawn.max(axis=1) / drawn.min(axis=1), 1.0)
    ordered = np.sort(ratio)
    return float(ordered[draws // 2]), float(ordered[int(0.95 * draws)])


def _checked(
    rates: npt.ArrayLike, lows: npt.ArrayLike | None, highs: npt.ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    r = np.asarray(rates, dtype=float)
    low, high = (r if ends is None else np.asarray(ends, dtype=float) for ends in (lows, highs))
    if r.ndim != 1 or r.size < 2 or not np.all(np.isfinite(r)) or np.any(r < 0):
        msg = f"rates of shape {r.shape} were given; expected those of two groups or more, all known and at least 0"
        raise UsageError(msg)
    if (
        (lows is None) != (highs is None)
        or low.shape != r.shape
        or high.shape != r.shape
        or np.any(low > high)
    ):
        msg = "the ends of the intervals don't fit the rates; expected a low and a high end for each"
        raise UsageError(msg)
    return r, low, high
