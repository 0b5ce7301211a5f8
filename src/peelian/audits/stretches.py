"""Stretches of weeks in which a place holds more or fewer records than its own past and the others' weeks explain.

Whoever adds records to a place, or takes them away for some weeks, leaves a stretch that is unlike the place's other
weeks. Given how many records the place has in all, the number in a stretch is held against the share of that stretch in
everybody else's records: so trends and seasons of the whole are no finding. Places vary more than chance alone makes
them, so the test allows for as much spread as all other places show (beta-binomial).

Both the share and the spread are learnt from the *other* series. So what is planted in one can't hide itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from peelian.errors import UsageError
from peelian.patterns.base import check_level, false_discovery

__all__ = ["Stretch", "Stretches", "beta_binomial_tail", "spread_of", "stretch_frame", "stretches"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Tails = Literal["more", "fewer", "both"]

LEAST_SPREAD = 1e-7
"""Correlation between records of one series that is taken where none is seen."""

CHUNK = 1_000_000
"""Terms of tails that are held at once."""


def beta_binomial_tail(y: Ints, n: Ints, q: Floats, rho: Floats, *, upper: bool) -> Floats:
    """Chance that a beta-binomial count is at least (or at most) `y`.

    Parameters
    ----------
    y, n : array of int, shape (k,)
    q : array of float, shape (k,)
        Mean share, between 0 and 1.
    rho : array of float, shape (k,)
        Correlation between two of the n, above 0.
    upper : bool
        At least `y`; else at most.

    Returns
    -------
    array of float, shape (k,)

    Notes
    -----
    Skellam (1948), "A probability distribution derived from the binomial distribution by regarding the probability of
    success as variable between the sets of trials", Journal of the Royal Statistical Society B 10. Terms are summed
    from `y` outwards by their ratio, until they no longer matter; against the mode's side there are few of them.
    """
    q = np.clip(q, 1e-12, 1 - 1e-12)
    total = (1 - rho) / rho
    a, b = q * total, (1 - q) * total
    # The shorter way round: from y away from the mean, or the complement where the mean lies beyond y.
    outwards = (y >= n * q) if upper else (y <= n * q)
    at = np.where(outwards, y, y - 1 if upper else y + 1)
    up = outwards if upper else ~outwards
    summed = _summed(at.astype(np.float64), n.astype(np.float64), a, b, up)
    return np.clip(np.where(outwards, summed, 1 - summed), 0.0, 1.0)


def _summed(at: Floats, n: Floats, a: Floats, b: Floats, up: npt.NDArray[np.bool_]) -> Floats:
    """Sum of the probabilities of `at` and all beyond it, upwards or downwards."""
    inside = (at >= 0) & (at <= n)
    k = np.clip(at, 0, n)
    log = (
        special.gammaln(n + 1)
        - special.gammaln(k + 1)
        - special.gammaln(n - k + 1)
        + special.betaln(k + a, n - k + b)
        - special.betaln(a, b)
    )
    term = np.where(inside, np.exp(log), 0.0)
    total = term.copy()
    live = np.flatnonzero(inside)
    # Blocks of terms at once: many for a few sums, few for many.
    block = int(np.clip(CHUNK // max(live.size, 1), 16, 512))
    ahead = np.arange(block, dtype=np.float64)
    while live.size:
        sign = np.where(up[live], 1.0, -1.0)[:, None]
        j = k[live, None] + sign * ahead
        m, aa, bb = n[live, None], a[live, None], b[live, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            rise = (m - j) * (j + aa) / ((j + 1) * (m - j - 1 + bb))
            fall = j * (m - j + bb) / ((m - j + 1) * (j - 1 + aa))
        ratio = np.where(sign > 0, np.where(j < m, rise, 0.0), np.where(j > 0, fall, 0.0))
        # Past the end the count is out of range, and all that follows is nothing.
        terms = term[live, None] * np.cumprod(np.maximum(ratio, 0.0), axis=1)
        total[live] += terms.sum(axis=1)
        term[live] = terms[:, -1]
        k[live] += sign[:, 0] * block
        live = live[term[live] > 1e-12 * total[live]]
    return total


@dataclass(frozen=True)
class Stretch:
    """A stretch from week `start` up to and without week `end`, with its p and whether it holds more or fewer."""

    p: float
    start: int
    end: int
    more: bool


@dataclass(frozen=True, eq=False)
class Stretches:
    """The most surprising stretch of each series, and which of them stand out.

    Parameters
    ----------
    counts : array of int, shape (n, n_weeks)
    group : array of int, shape (n,)
        Series are held against the others of their group.
    lengths : tuple of int
        Weeks of a stretch.
    tails : {"more", "fewer", "both"}
    rate : float
        False-discovery rate.
    start, length : array of int, shape (n,)
        The most surprising stretch.
    more : array of bool, shape (n,)
    observed : array of int, shape (n,)
    expected : array of float, shape (n,)
    p : array of float, shape (n,)
        Corrected for all stretches of the series.
    spread : array of float, shape (n_lengths, n)
        Correlation between records of a series in a stretch, as the others show it.
    """

    counts: Ints
    group: Ints
    lengths: tuple[int, ...]
    tails: Tails
    rate: float
    start: Ints
    length: Ints
    more: npt.NDArray[np.bool_]
    observed: Ints
    expected: Floats
    p: Floats
    spread: Floats

    @cached_property
    def q(self) -> Floats:
        """Smallest false-discovery rate at which each series would stand out, shape (n,)."""
        return false_discovery(self.p)

    @property
    def standing(self) -> Ints:
        """Series that stand out, the clearest first."""
        at = np.flatnonzero(self.q <= self.rate)
        return at[np.argsort(self.p[at], kind="stable")]

    @cached_property
    def _sums(self) -> Ints:
        """Counts of each group by week, shape (n_groups, n_weeks)."""
        return _by_group(self.counts, self.group)

    def again(self, at: int, counts: npt.ArrayLike) -> Stretch:
        """The most surprising stretch that series `at` would have with other counts, the others staying as they are.

        A whole new look gives the same but for what the change does to the spread that the others show.

        Parameters
        ----------
        counts : array of int, shape (n_weeks,)
        """
        row = np.asarray(counts, dtype=np.int64)[None, :]
        others = (self._sums[self.group[at]] - self.counts[at])[None, :]
        p, start, length, more, _, _ = _search(row, others, self.lengths, self.tails, self.spread[:, [at]])
        return Stretch(float(p[0]), int(start[0]), int(start[0] + length[0]), bool(more[0]))

    def finds(self, at: int, p: float) -> bool:
        """Whether series `at` would stand out with `p`, all others staying as they are."""
        # Benjamini and Hochberg: at the rate if for some k of the p values no more than rate * k / n are k of them.
        changed = self.p.copy()
        changed[at] = p
        return bool(false_discovery(changed)[at] <= self.rate)


def stretches(
    counts: npt.ArrayLike,
    *,
    group: npt.ArrayLike | None = None,
    lengths: Sequence[int] = (1, 2, 4, 8, 16, 26),
    tails: Tails = "both",
    rate: float = 0.05,
) -> Stretches:
    """Find the stretch of each series that its other weeks and the other series explain least.

    Parameters
    ----------
    counts : array of int, shape (n, n_weeks)
    group : array of int, shape (n,), optional
        Such as the category that a series is of; all are one group when not given.
    lengths : sequence of int
        Weeks that a stretch may have; longer ones than half of the time are left out.
    tails : {"more", "fewer", "both"}
    rate : float
        False-discovery rate among the series.

    Raises
    ------
    UsageError
        Counts are not whole numbers from 0 on in two dimensions, or a setting is off.

    Notes
    -----
    A stretch of w weeks holds Y of a series' N records; of all other records of its group the stretch holds the share
    q. Given N, Y is beta-binomial with mean N q and variance N q (1 - q) (1 + (N - 1) rho); rho is found by moments
    from the other series (Kleinman 1973, "Proportions with extraneous variance", JASA 68). The least p of all
    stretches, times their number (Bonferroni), is the p of the series; over series, Benjamini and Hochberg (1995).
    """
    y = np.asarray(counts)
    if y.ndim != 2 or not y.size or np.any(y < 0) or np.any(y != np.floor(y)):
        msg = f"counts of shape {y.shape} were given; expected whole numbers from 0 on, one row a series"
        raise UsageError(msg)
    check_level(rate, what="false-discovery rate")
    kept = tuple(sorted({int(w) for w in lengths if 1 <= w <= y.shape[1] // 2}))
    if not kept or tails not in ("more", "fewer", "both"):
        msg = f"stretches of {list(lengths)} weeks, {tails!r} were given for {y.shape[1]} weeks"
        raise UsageError(msg, hint="lengths=(1, 2, 4, 8, 16, 26), tails='both'")
    y = y.astype(np.int64)
    groups = np.zeros(len(y), dtype=np.int64) if group is None else np.asarray(group, dtype=np.int64)
    others = _by_group(y, groups)[groups] - y
    spread = np.array([spread_of(y, others, w) for w in kept])
    p, start, length, more, observed, expected = _search(y, others, kept, tails, spread)
    return Stretches(y, groups, kept, tails, rate, start, length, more, observed, expected, p, spread)


def _by_group(y: Ints, group: Ints) -> Ints:
    sums = np.zeros((int(group.max()) + 1, y.shape[1]), dtype=np.int64)
    np.add.at(sums, group, y)
    return sums


def _windows(y: Ints, w: int) -> tuple[Ints, Ints]:
    """Sums of stretches of `w` weeks, and where they start; longer ones overlap by three quarters."""
    total = np.concatenate([np.zeros((len(y), 1), dtype=np.int64), np.cumsum(y, axis=1)], axis=1)
    starts = np.arange(0, y.shape[1] - w + 1, max(w // 4, 1))
    if starts[-1] != y.shape[1] - w:  # the latest weeks are what a forecast is made from
        starts = np.append(starts, y.shape[1] - w)
    return total[:, starts + w] - total[:, starts], starts


def _shares(others: Ints, w: int) -> Floats:
    """Share of each stretch in the others' records; of the time, where there are none."""
    held, _ = _windows(others, w)
    total = others.sum(axis=1, keepdims=True)
    even = w / others.shape[1]
    # Half a record's worth of an even spread: a stretch without any record of others is not impossible.
    return np.asarray((held + 0.5 * even) / (total + 0.5))


def spread_of(y: Ints, others: Ints, w: int) -> Floats:
    """Correlation between the records of one series in a stretch of `w` weeks, from all series but its own.

    Parameters
    ----------
    y, others : array of int, shape (n, n_weeks)
        Counts of each series, and of the others of its group.

    Returns
    -------
    array of float, shape (n,)
    """
    held, _ = _windows(y, w)
    q = _shares(others, w)
    n = y.sum(axis=1, keepdims=True).astype(np.float64)
    binomial = n * q * (1 - q)
    more = np.sum((held - n * q) ** 2 - binomial, axis=1)
    could = np.sum(np.maximum(n - 1, 0) * binomial, axis=1)
    rest = could.sum() - could
    rho = np.divide(more.sum() - more, rest, out=np.zeros(len(y)), where=rest > 0)
    return np.asarray(np.clip(rho, LEAST_SPREAD, 0.9))


def _search(
    y: Ints, others: Ints, lengths: tuple[int, ...], tails: Tails, spread: Floats
) -> tuple[Floats, Ints, Ints, npt.NDArray[np.bool_], Ints, Floats]:
    """The least p of each series with its stretch: p, start, length, whether more, observed, expected."""
    sides = {"more": (True,), "fewer": (False,), "both": (True, False)}[tails]
    n = y.sum(axis=1)
    rows = np.arange(len(y))
    best = np.full(len(y), np.inf)
    start, length, observed = (np.zeros(len(y), dtype=np.int64) for _ in range(3))
    expected, more = np.zeros(len(y)), np.zeros(len(y), dtype=np.bool_)
    tried = 0
    for k, w in enumerate(lengths):
        held, starts = _windows(y, w)
        q = _shares(others, w)
        mean = n[:, None] * q
        scale = np.sqrt(np.maximum(mean * (1 - q) * (1 + np.maximum(n - 1, 0) * spread[k])[:, None], 1e-12))
        z = (held - mean) / scale
        tried += len(sides) * starts.size
        for upper in sides:
            at = np.argmax(z, axis=1) if upper else np.argmin(z, axis=1)
            p = beta_binomial_tail(held[rows, at], n, q[rows, at], spread[k], upper=upper)
            better = p < best
            best = np.where(better, p, best)
            start, length = np.where(better, starts[at], start), np.where(better, w, length)
            observed, expected = (
                np.where(better, held[rows, at], observed),
                np.where(better, mean[rows, at], expected),
            )
            more = np.where(better, upper, more)
    return np.minimum(best * tried, 1.0), start, length, more, observed, expected


def stretch_frame(found: Stretches, names: Sequence[str], starts: npt.NDArray[np.datetime64]) -> pd.DataFrame:
    """The series that stand out as a table: ``what, from, to, more, records, expected, p, q``.

    Parameters
    ----------
    names : sequence of str
        Of the series.
    starts : array of datetime64[D], shape (n_weeks + 1,)
        Edges of the weeks.
    """
    at = found.standing
    return pd.DataFrame(
        {
            "what": [names[i] for i in at],
            "from": starts[found.start[at]].astype(str),
            "to": starts[found.start[at] + found.length[at]].astype(str),
            "more": found.more[at],
            "records": found.observed[at],
            "expected": found.expected[at],
            "p": found.p[at],
            "q": found.q[at],
        }
    )
