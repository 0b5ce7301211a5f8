"""Intervals from the origins themselves, in blocks, because one week resembles the next.

A statistic here is a ratio of sums over origins, such as hits over incidents. Blocks of origins are drawn
with replacement, the sums are taken anew, and methods that are compared share the draw (paired).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from peelian.errors import UsageError

__all__ = ["DRAWS", "Interval", "Resampler", "default_block", "interval"]

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], npt.ArrayLike]

DRAWS = 4999
"""Bootstrap draws where nothing else is asked for."""

OUTERMOST = 10
"""How many draws lie beyond an end before it is read off; fewer would be noise."""

FEWEST_BLOCKS = 5
"""With fewer blocks there is no interval."""


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval; not a number where there is nothing to say."""

    value: float
    low: float
    high: float

    def to_dict(self, name: str = "value") -> dict[str, float | None]:
        """As JSON has it: what is no finite number is None."""
        ends = {name: self.value, "low": self.low, "high": self.high}
        return {key: float(end) if np.isfinite(end) else None for key, end in ends.items()}


def default_block(n: int) -> int:
    """Length of a block for `n` origins: twice the cube root of `n`, but at most an eighth of the origins.

    Too short a block misses what one week has from the last; too long a one leaves few blocks. For means of 52 values
    with a correlation of 0, 0.2 and 0.4 from one to the next, 95 % intervals held the truth in 95, 94 and 92 % of
    1,500 worlds; ``tests/trials/test_bootstrap.py`` does this again.

    References
    ----------
    Hall, Horowitz and Jing (1995), "On blocking rules for the bootstrap with dependent data", Biometrika 82: the
    length that is best for a variance grows with the cube root.
    """
    return int(max(1, min(round(2 * n ** (1 / 3)), n // 8)))


class Resampler:
    """One fixed set of circular block draws over `n` origins, shared by every statistic.

    Parameters
    ----------
    n : int
        Number of origins.
    block : int, optional
        Origins in a block; `default_block` when it is not given.
    draws : int
    seed : int

    References
    ----------
    Politis and Romano (1992), "A circular block-resampling procedure for stationary data", in LePage and
    Billard (eds.), Exploring the Limits of Bootstrap.
    """

    def __init__(self, n: int, *, block: int | None = None, draws: int = DRAWS, seed: int = 0) -> None:
        self.n = n
        self.block = default_block(n) if block is None else block
        if n < 1 or not 1 <= self.block <= n or draws < 100:
            msg = f"blocks of {self.block} out of {n} origins, drawn {draws} times, were asked for"
            raise UsageError(msg, hint="a block has from 1 origin to all of them; draw at least 100 times")
        blocks = -(-n // self.block)
        starts = np.random.default_rng(seed).integers(0, n, size=(draws, blocks))
        index = (starts[:, :, None] + np.arange(self.block)) % n
        self._index = index.reshape(draws, -1)[:, :n]

    def sums(self, pieces: Floats) -> Floats:
        """Sums over each draw.

        Parameters
        ----------
        pieces : array of float, shape (k, n)

        Returns
        -------
        array of float, shape (k, draws)
        """
        if pieces.ndim != 2 or pieces.shape[1] != self.n:
            msg = f"pieces of shape {pieces.shape} were given for {self.n} origins; expected (k, {self.n})"
            raise UsageError(msg)
        # Taken row by row and without BLAS: the same bytes whatever the number of threads.
        return np.array([row[self._index].sum(axis=1) for row in pieces])

    def tail(self, level: float) -> float:
        """Share of the draws to leave out at each end for an interval of `level`.

        A percentile interval from m blocks is too short by sqrt((m - 1) / m) and by the normal in place of
        Student's t; both are made good by going further out.

        References
        ----------
        Hesterberg (2015), "What teachers should know about the bootstrap", The American Statistician 69:
        expanded percentile intervals.
        """
        if not 0 < level < 1:
            msg = f"a level of {level} was given; expected a share between 0 and 1"
            raise UsageError(msg, hint="level=0.95")
        m = self.n / self.block
        if m <= 1:
            msg = f"{m:.1f} blocks were given for an interval; expected more than one"
            raise UsageError(msg, hint="use shorter blocks or more origins")
        t = stats.t.ppf((1 - level) / 2, m - 1)
        return float(stats.norm.cdf(np.sqrt(m / (m - 1)) * t))

    def interval(self, statistic: Statistic, pieces: Floats, *, level: float) -> Interval:
        """A statistic of sums, with its interval.

        Parameters
        ----------
        statistic : callable
            From sums of shape (k, ...) to values of shape (...).
        pieces : array of float, shape (k, n)
            What is summed, one column an origin.
        level : float
            Between 0 and 1.

        Returns
        -------
        Interval
            Its ends are not a number where there are fewer than `FEWEST_BLOCKS` blocks to draw from.
        """
        value = float(np.asarray(statistic(pieces.sum(axis=1))))
        with np.errstate(invalid="ignore"):
            drawn = np.asarray(statistic(self.sums(pieces)), dtype=np.float64)
        drawn = np.sort(drawn[~np.isnan(drawn)])
        if self.n / self.block < FEWEST_BLOCKS or np.isnan(value) or drawn.size < OUTERMOST:
            return Interval(value, np.nan, np.nan)
        tail = self.tail(level)
        kth = max(int(tail * (drawn.size + 1)), OUTERMOST)
        # Beyond the outermost draws that can be trusted, an end is moved out as a normal's would be.
        stretch = max(float(stats.norm.ppf(tail) / stats.norm.ppf(kth / (drawn.size + 1))), 1.0)
        low, high = (_stretched(value, float(end), stretch) for end in (drawn[kth - 1], drawn[-kth]))
        return Interval(value, low, high)


def _stretched(value: float, end: float, stretch: float) -> float:
    return end if stretch == 1.0 or not np.isfinite(end) else value + (end - value) * stretch


def interval(
    statistic: Statistic,
    pieces: Floats,
    *,
    level: float = 0.95,
    block: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Block-bootstrap interval of a statistic of sums over origins, as `Resampler.interval` for a single one."""
    resampler = Resampler(pieces.shape[1], block=block, draws=draws, seed=seed)
    return resampler.interval(statistic, pieces, level=level)
