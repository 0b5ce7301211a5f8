"""Intervals of ratios of sums over units, from blocks drawn anew, on the scale of logarithms.

A ratio has a long upper tail and its logarithm has not, so that the interval is made there: the logarithm plus and
minus a quantile of Student's t times a standard error. Three things keep it from being too narrow with 15 or 40 units:
blocks of several sizes are drawn and the widest interval counts (`peelian.audits.partitions`); t has one degree of
freedom fewer than there are blocks; and the standard error of the drawn maps is corrected for their number (Hesterberg
2015, What teachers should know about the bootstrap, The American Statistician 69). Percentile intervals, which do
without, were far too narrow: ``bench/exposure_table.py`` measures the coverage of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from peelian.audits.partitions import Partition
from peelian.errors import UsageError

__all__ = ["LogEstimate", "Resampled", "estimate_log", "resample"]

Floats = npt.NDArray[np.float64]

SPARSE = "The group's residents live in so few places that no interval can be given."
NARROW = (
    "Almost all of the group's residents live in one or two large blocks, so that smaller ones alone could be drawn: "
    "the interval is likely too narrow."
)
CHUNK = 4_000_000
"""Most numbers held at once for the weights of drawn blocks: 32 MB."""


@dataclass(frozen=True)
class _Part:
    """Sums over the drawn blocks of one size, shape (replicates, k)."""

    blocks: int
    drawn: Floats


@dataclass(frozen=True)
class Resampled:
    """Totals of columns, and the same of maps drawn anew.

    Parameters
    ----------
    totals : array of float, shape (k,)
    parts : tuple
        One a size of blocks.
    """

    totals: Floats
    parts: tuple[_Part, ...]


@dataclass(frozen=True)
class LogEstimate:
    """A ratio with its interval; None for what is not there, with the reasons.

    Parameters
    ----------
    value, low, high : float or None
    p : float or None
        Of a ratio as far from 1, were it 1; below ``1 - level`` exactly when the interval leaves out 1.
    se : float or None
        Standard error of the logarithm, all in.
    blocks : int
        How many blocks made the widest interval; 0 without one.
    margin_share : float
        Part of the squared error that comes from the margins of the numbers of residents.
    why : tuple of str
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    se: float | None = None
    blocks: int = 0
    margin_share: float = 0.0
    why: tuple[str, ...] = ()


def resample(
    columns: npt.ArrayLike,
    partitions: Sequence[Partition],
    *,
    replicates: int = 2000,
    seed: int = 0,
    salt: int = 0,
) -> Resampled:
    """Draw blocks with replacement, as many as there are, and add the columns up; all columns share the draws.

    Parameters
    ----------
    columns : array of float, shape (n_units, k)
    partitions : sequence of Partition
    replicates : int
        A size of blocks, shared out among its turns.
    seed, salt : int
        The salt keeps the draws of one map apart from another's, whichever others there are.

    Raises
    ------
    UsageError
        No replicate.
    """
    if replicates < 1:
        msg = f"{replicates} bootstrap replicates were given; expected at least 1"
        raise UsageError(msg, hint="use 2000")
    given = np.asarray(columns, dtype=float)
    parts = []
    for partition in partitions:
        each = -(-replicates // len(partition.labels))
        drawn = []
        for turn, label in enumerate(partition.labels):
            sums = np.zeros((partition.blocks, given.shape[1]))
            np.add.at(sums, label, given)
            rng = np.random.default_rng([seed, salt, partition.blocks, turn])
            drawn.append(_drawn(sums, each, rng))
        parts.append(_Part(partition.blocks, np.concatenate(drawn)))
    return Resampled(given.sum(axis=0), tuple(parts))


def _drawn(sums: Floats, replicates: int, rng: np.random.Generator) -> Floats:
    n = len(sums)
    step = max(CHUNK // n, 1)
    return np.concatenate(
        [
            rng.multinomial(n, np.full(n, 1.0 / n), size=min(step, replicates - start)).astype(float) @ sums
            for start in range(0, replicates, step)
        ]
    )


def estimate_log(
    resampled: Resampled,
    logarithm: Callable[[Floats], Floats],
    *,
    level: float,
    margin: float = 0.0,
) -> LogEstimate:
    """A ratio with its interval.

    Parameters
    ----------
    resampled : Resampled
    logarithm : callable
        From sums, shape (m, k), to the ratio's logarithm, shape (m,); not finite where it isn't defined.
    level : float
    margin : float
        Standard error of the logarithm from the numbers of residents themselves, added to that of the blocks. Part
        of it is in the blocks already, as numbers that are off scatter more: the interval is if anything too wide.
    """
    point = float(logarithm(resampled.totals[None, :])[0])
    if not np.isfinite(point):
        return LogEstimate(None)
    value = float(np.exp(point))
    if max((part.blocks for part in resampled.parts), default=0) < 2:
        return LogEstimate(
            value, why=("There is one unit with residents only, so no interval can be given.",)
        )
    found, undefined = [], 0
    for part in resampled.parts:
        error = _error(part, logarithm, level)
        if error is None:
            undefined += 1
        else:
            found.append((np.hypot(error, margin), part.blocks))
    if not found:
        return LogEstimate(value, why=(SPARSE,))
    tail = (1 + level) / 2
    reach, se, blocks = max((stats.t.ppf(tail, g - 1) * se, se, g) for se, g in found)
    p = max(2 * float(stats.t.sf(abs(point) / se, g - 1)) if se else float(point == 0) for se, g in found)
    why = (NARROW,) if undefined else ()
    share = float(margin**2 / se**2) if se else 0.0
    low, high = float(np.exp(point - reach)), float(np.exp(min(point + reach, 700.0)))
    return LogEstimate(value, low, high, p, float(se), int(blocks), share, why)


def _error(part: _Part, logarithm: Callable[[Floats], Floats], level: float) -> float | None:
    """Standard error from one size of blocks; None where too many of the drawn maps have no ratio."""
    drawn = logarithm(part.drawn)
    known = np.isfinite(drawn)
    if known.mean() < level:
        return None
    return float(drawn[known].std() * np.sqrt(part.blocks / (part.blocks - 1)))
