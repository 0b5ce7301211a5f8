"""Intervals of ratios of sums over units, from blocks drawn anew, on the scale of logarithms.

A ratio has a long upper tail, so that the interval is made on the logarithm, each side by itself: as far as the
quantile of the drawn maps on that side is away, times a factor for few blocks (the expanded percentile interval of
Hesterberg 2015, What teachers should know about the bootstrap, The American Statistician 69). Two things keep it from
being too narrow with 15 or 40 units: the factor is by Student's t with one degree of freedom fewer than there are
blocks, and blocks of several sizes are drawn, of which the ends that lie furthest out count
(`peelian.audits.partitions`). Percentile intervals over single units were far too narrow: ``bench/exposure_table.py``
measures the coverage of both.
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
        errors = _errors(part, point, logarithm, level)
        if errors is None:
            undefined += 1
        else:
            low, high = (float(np.hypot(one, margin)) for one in errors)
            found.append((low, high, part.blocks, float(stats.t.ppf((1 + level) / 2, part.blocks - 1))))
    if not found:
        return LogEstimate(value, why=(SPARSE,))
    below, above = max(low * t for low, _, _, t in found), max(high * t for _, high, _, t in found)
    # The side on which 1 lies decides.
    p = max(_p(point, low if point > 0 else high, g) for low, high, g, _ in found)
    low, high, blocks, _ = max(found, key=lambda one: ((one[0] + one[1]) * one[3], one[2]))
    se = (low + high) / 2
    return LogEstimate(
        value,
        float(np.exp(point - below)),
        float(np.exp(min(point + above, 700.0))),
        p=p,
        se=se,
        blocks=blocks,
        margin_share=float(margin**2 / se**2) if se else 0.0,
        why=(NARROW,) if undefined else (),
    )


def _p(point: float, se: float, blocks: int) -> float:
    if not se:
        return float(point == 0)
    return min(2 * float(stats.t.sf(abs(point) / se, blocks - 1)), 1.0)


def _errors(
    part: _Part, point: float, logarithm: Callable[[Floats], Floats], level: float
) -> tuple[float, float] | None:
    """Standard error of each side, below and above, from one size of blocks; None where too many maps have no ratio."""
    drawn = logarithm(part.drawn)
    known = np.isfinite(drawn)
    if known.mean() < level:
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(drawn[known], [tail, 1 - tail])
    few = np.sqrt(part.blocks / (part.blocks - 1)) / stats.norm.ppf(1 - tail)
    return float(max(point - low, 0.0) * few), float(max(high - point, 0.0) * few)
