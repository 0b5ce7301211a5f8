"""Intervals from the origins themselves, in blocks, because one week resembles the next.

A statistic here is a ratio of sums over origins, such as hits over incidents. Blocks of origins are drawn
with replacement, the sums are taken anew, and methods that are compared share the draw (paired).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from peelian.errors import UsageError

__all__ = ["DRAWS", "Interval", "Resampler", "default_block"]

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

    @property
    def freedom(self) -> float:
        """Degrees of freedom of a standard error: blocks less one."""
        return self.n / self.block - 1

    def drawn(self, statistic: Statistic, pieces: Floats) -> Floats:
        """A statistic of the sums over each draw, shape (..., draws).

        What a statistic gives side by side, such as the differences of several methods, is of the same draws: joint.
        """
        with np.errstate(invalid="ignore"):
            return np.asarray(statistic(self.sums(pieces)), dtype=np.float64)

    def standard_error(self, statistic: Statistic, pieces: Floats) -> Floats:
        """Standard deviation of a statistic over the draws, shape (...), made good for the number of blocks.

        Returns
        -------
        array of float
            Not a number where there are fewer than `FEWEST_BLOCKS` blocks or the statistic has no value.
        """
        return self._standard_error(self.drawn(statistic, pieces))

    def _standard_error(self, drawn: Floats) -> Floats:
        known = ~np.isnan(drawn)
        if self.n / self.block < FEWEST_BLOCKS or known.sum(axis=-1).min() < OUTERMOST:
            return np.full(drawn.shape[:-1], np.nan)
        shrunk = np.nanstd(drawn, axis=-1, ddof=1)
        return np.asarray(shrunk * np.sqrt((self.freedom + 1) / self.freedom))

    def tail(self, level: float) -> float:
        """Share of the draws to leave out at each end for an interval of `level`.

        A percentile interval from m blocks is too short by sqrt((m - 1) / m) and by the normal in place of
        Student's t; both are made good by going further out.

        References
        ----------
        Hesterberg (2015), "What teachers should know about the bootstrap", The American Statistician 69:
        expanded percentile intervals.
        """
        _check_level(level)
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
        drawn = self.drawn(statistic, pieces)
        drawn = np.sort(drawn[~np.isnan(drawn)])
        if self.n / self.block < FEWEST_BLOCKS or np.isnan(value) or drawn.size < OUTERMOST:
            return Interval(value, np.nan, np.nan)
        tail = self.tail(level)
        kth = max(int(tail * (drawn.size + 1)), OUTERMOST)
        # Beyond the outermost draws that can be trusted, an end is moved out as a normal's would be.
        stretch = max(float(stats.norm.ppf(tail) / stats.norm.ppf(kth / (drawn.size + 1))), 1.0)
        low, high = (_stretched(value, float(end), stretch) for end in (drawn[kth - 1], drawn[-kth]))
        return Interval(value, low, high)

    def simultaneous(self, statistic: Statistic, pieces: Floats, *, level: float) -> list[Interval]:
        """Several statistics of sums, with intervals that hold all at once with `level`.

        Each interval reaches c standard errors to either side, where c is the quantile of the largest of all
        statistics' deviations in a draw. Where they go together, as those of similar methods do, c is smaller than what
        Bonferroni would take, and the family is still held.

        Parameters
        ----------
        statistic : callable
            From sums of shape (k, ...) to values of shape (j, ...).
        pieces : array of float, shape (k, n)
        level : float
            That all `j` hold at once.

        Returns
        -------
        list of Interval
            `j` of them. Ends are not a number where there are fewer than `FEWEST_BLOCKS` blocks to draw from.

        References
        ----------
        Romano and Wolf (2005), "Stepwise multiple testing as formalized data snooping", Econometrica 73: the single
        step, studentised by the bootstrap's standard error.
        """
        _check_level(level)
        with np.errstate(invalid="ignore"):
            values = np.asarray(statistic(pieces.sum(axis=1)), dtype=np.float64)
        drawn = self.drawn(statistic, pieces)
        error = self._standard_error(drawn)
        told = np.isfinite(values) & np.isfinite(error)
        moving = told & (error > 0)
        half = np.where(told, 0.0, np.nan)
        if moving.any():
            half[moving] = self._reach(values[moving], drawn[moving], level) * error[moving]
        return [Interval(float(v), float(v - h), float(v + h)) for v, h in zip(values, half, strict=True)]

    def _reach(self, values: Floats, drawn: Floats, level: float) -> float:
        """Standard errors to either side that hold all of `values`, shape (j,), in a share `level` of the draws."""
        away = np.abs(drawn - values[:, None]) / np.nanstd(drawn, axis=1, ddof=1)[:, None]
        largest = np.sort(away[:, ~np.isnan(away).any(axis=0)].max(axis=0))
        kth = min(math.ceil(level * (largest.size + 1)), largest.size - OUTERMOST)
        # Draws scatter as a normal would; with few blocks, a mean over its own standard error does as Student's t.
        within = stats.norm.sf(largest[kth - 1])
        return float(stats.t.isf(within, self.freedom))


def _stretched(value: float, end: float, stretch: float) -> float:
    return end if stretch == 1.0 or not np.isfinite(end) else value + (end - value) * stretch


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        msg = f"a level of {level} was given; expected a share between 0 and 1"
        raise UsageError(msg, hint="level=0.95")
