"""A rate of rare events with an interval that knows that events come in clusters.

Alerts are not independent. One list entry that many passers-by resemble sets off alert after alert, and a deployment in
poor light has more of them than one in good light. A plain binomial interval takes each for a new piece of evidence and
is too narrow. Here the variance is that of two-way clusters (Cameron, Gelbach and Miller 2011, Robust inference with
multiway clustering, Journal of Business & Economic Statistics 29), and the interval is the exact one of Clopper and
Pearson (1934) at the number of independent cases which that variance is worth (Korn and Graubard 1998, Confidence
intervals for proportions with small expected number of positive counts, Survey Methodology 24). So it stays an interval
where there are no events at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from peelian.errors import DataError, UsageError

__all__ = [
    "Rate",
    "Tally",
    "clustered_rate",
    "contrast",
    "design_effect",
    "exact_interval",
    "two_way_variance",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tally:
    """Cases and which of them are events, with the two clusters that each is in.

    Parameters
    ----------
    event : array of bool, shape (m,)
        Of the cases that are known one by one.
    deployment, token : array of int, shape (m,)
        Clusters of each; a token under 0 is a cluster of its own.
    others, other_events : array of float, shape (n_deployments,)
        Cases known only as a count by deployment (faces seen without an alert), each a token of its own, and the events
        among them.
    other_deployments : array of int, shape (n_deployments,)
        Which deployments these are.
    """

    event: npt.NDArray[np.bool_]
    deployment: Ints
    token: Ints
    others: Floats
    other_events: Floats
    other_deployments: Ints

    @classmethod
    def of(
        cls,
        event: npt.ArrayLike,
        deployment: npt.ArrayLike,
        token: npt.ArrayLike | None = None,
        *,
        others: npt.ArrayLike = (),
        other_events: npt.ArrayLike | None = None,
        other_deployments: npt.ArrayLike | None = None,
    ) -> Tally:
        """From anything that can be an array; counts are of deployments 0, 1, 2... when it is not said of which."""
        happened = np.asarray(event, dtype=bool)
        counts = np.asarray(others, dtype=float)
        return cls(
            happened,
            np.asarray(deployment, dtype=np.int64),
            np.full(happened.size, -1, dtype=np.int64)
            if token is None
            else np.asarray(token, dtype=np.int64),
            counts,
            np.zeros(counts.size) if other_events is None else np.asarray(other_events, dtype=float),
            np.arange(counts.size) if other_deployments is None else np.asarray(other_deployments, np.int64),
        )

    @property
    def cases(self) -> float:
        """How many cases there are."""
        return float(self.event.size + self.others.sum())

    @property
    def events(self) -> float:
        """How many events there are."""
        return float(self.event.sum() + self.other_events.sum())


@dataclass(frozen=True)
class Rate:
    """Events to cases, with an interval.

    Parameters
    ----------
    value, low, high : float or None
        None where there are no cases.
    events, cases : float
    effect : float
        Design effect: how many times the variance is what it were without clusters; at least 1.
    deployments, tokens : int
        Clusters with cases; tokens are counted among the cases that have one.
    """

    value: float | None
    low: float | None
    high: float | None
    events: float
    cases: float
    effect: float
    deployments: int
    tokens: int


def exact_interval(events: float, cases: float, *, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share; of numbers that need not be whole.

    Raises
    ------
    UsageError
        There are no cases, fewer than events, or the level is no share.
    """
    if not (0 < level < 1 and 0 <= events <= cases * (1 + 1e-12) and cases > 0):
        msg = f"{events:g} events in {cases:g} cases at a level of {level} were given; expected events among cases"
        raise UsageError(msg)
    tail = (1 - level) / 2
    low = 0.0 if events <= 0 else float(special.betaincinv(events, cases - events + 1, tail))
    high = 1.0 if events >= cases else float(special.betaincinv(events + 1, cases - events, 1 - tail))
    return low, high


def clustered_rate(tally: Tally, *, level: float = 0.95, effect: float = 1.0) -> Rate:
    """The rate of a tally with its interval.

    Parameters
    ----------
    tally : Tally
    level : float
    effect : float
        The least design effect to reckon with: that of all groups together for a group with too few events to tell its
        own.

    Raises
    ------
    DataError
        More events than cases somewhere.
    """
    n, x = tally.cases, tally.events
    deployments, tokens = _clusters(tally)
    if n <= 0:
        return Rate(None, None, None, x, n, 1.0, deployments, tokens)
    if np.any(tally.other_events > tally.others):
        msg = f"{x:g} events were given for {n:g} cases; a deployment has more events than cases"
        raise DataError(msg)
    own = design_effect(tally, level=level)
    worth = n / max(own, effect, 1.0)
    low, high = exact_interval(x / n * worth, worth, level=level)
    return Rate(x / n, low, high, x, n, max(own, effect, 1.0), deployments, tokens)


def design_effect(tally: Tally, *, level: float = 0.95) -> float:
    """How many times as large as without clusters the variance is, at least 1.

    What goes beyond 1 is estimated from few clusters, and is stretched by the square of Student's quantile over the
    normal one, with as many degrees of freedom as there are clusters that carry weight.
    """
    if not 0 < tally.events < tally.cases:
        return 1.0
    return _variance([tally], [1.0], level)[1]


def contrast(
    tallies: Sequence[Tally], weights: Sequence[float], *, logarithm: bool, level: float = 0.95
) -> tuple[float, float]:
    """Interval of a weighted sum of the rates of several groups, or of their logarithms.

    Groups share deployments, and may share tokens: what makes a deployment worse for all of them makes none of them
    worse than another. So the interval of a ratio is narrower than the groups' own intervals would have it.

    Parameters
    ----------
    tallies : sequence of Tally
        With at least one event each where `logarithm`.
    weights : sequence of float
        1 and -1 for a difference; of logarithms, for a ratio.
    logarithm : bool
    level : float

    Returns
    -------
    low, high : float
        Of the sum; take the exponential of it for a ratio.
    """
    if any(t.cases <= 0 or (logarithm and t.events <= 0) for t in tallies):
        msg = "a group without cases or, of logarithms, without events was given; expected some in each"
        raise UsageError(msg)
    rates = [t.events / t.cases for t in tallies]
    middle = sum(w * (math.log(r) if logarithm else r) for w, r in zip(weights, rates, strict=True))
    each = [w / (t.events if logarithm else t.cases) for w, t in zip(weights, tallies, strict=True)]
    plain, effect = _variance(tallies, each, level)
    reach = float(special.ndtri((1 + level) / 2)) * math.sqrt(plain * effect)
    return middle - reach, middle + reach


def _variance(tallies: Sequence[Tally], weights: Sequence[float], level: float) -> tuple[float, float]:
    """Of a weighted sum of what groups have more events than their share: without clusters, and the design effect."""
    shares = [t.events / t.cases for t in tallies]
    plain = sum(w * w * t.cases * p * (1 - p) for t, w, p in zip(tallies, weights, shares, strict=True))
    if plain <= 0:
        return 0.0, 1.0
    parts = list(zip(tallies, weights, shares, strict=True))
    single = sum(
        w * w * float((t.other_events * (1 - p) ** 2 + (t.others - t.other_events) * p * p).sum())
        for t, w, p in parts
    )
    residual = np.concatenate([w * (t.event - p) for t, w, p in parts])
    deployment = np.concatenate([t.deployment for t in tallies])
    token = _own(np.concatenate([t.token for t in tallies]))
    rest = [w * (t.other_events - p * t.others) for t, w, p in parts]
    where = np.concatenate([deployment, *[t.other_deployments for t in tallies]])
    by_token = _grouped(residual, token)
    variances = [(float(np.square(by_token).sum()) + single, _degrees(by_token))]
    by_deployment = _grouped(np.concatenate([residual, *rest]), where)
    held = by_deployment.size
    if held > 1:
        total = float(np.square(by_deployment).sum()) * held / (held - 1)
        variances.append((total, min(_degrees(by_deployment), held - 1.0)))
        both = float(np.square(_grouped(residual, _pairs(deployment, token))).sum()) + single
        variances.append((variances[0][0] + total - both, min(df for _, df in variances)))
    return plain, max(1.0, *(_stretched(v / plain, df, level) for v, df in variances))


def _stretched(effect: float, degrees: float, level: float) -> float:
    if effect <= 1:
        return 1.0
    tail = (1 + level) / 2
    wider = float(special.stdtrit(max(degrees, 1.0), tail) / special.ndtri(tail)) ** 2
    return 1 + (effect - 1) * wider


def _degrees(sums: Floats) -> float:
    """Clusters that carry weight: (sum of squares)^2 / sum of fourth powers, as in Satterthwaite (1946)."""
    squares = np.square(sums)
    fourth = float(np.square(squares).sum())
    return float(squares.sum()) ** 2 / fourth if fourth > 0 else 1.0


def _own(token: Ints) -> Ints:
    """Tokens, with a number of its own for each case that has none."""
    none = token < 0
    return np.where(none, -1 - np.arange(token.size), token)


def _pairs(deployment: Ints, token: Ints) -> Ints:
    one, two = (np.unique(key, return_inverse=True)[1].astype(np.int64) for key in (deployment, token))
    return np.asarray(one * (int(two.max(initial=0)) + 1) + two, dtype=np.int64)


def _clusters(tally: Tally) -> tuple[int, int]:
    held = np.union1d(tally.deployment, tally.other_deployments[tally.others > 0])
    return int(held.size), int(np.unique(tally.token[tally.token >= 0]).size)


def two_way_variance(influence: Floats, deployment: Ints, token: Ints) -> tuple[float, float]:
    """Variance of a sum of influences that are clustered two ways, and the degrees of freedom it rests on.

    Parameters
    ----------
    influence : array of float, shape (m,)
        What each case adds to an estimate, around 0.
    deployment, token : array of int, shape (m,)
        A token under 0 is a cluster of its own.

    Notes
    -----
    Never less than that of either way alone, nor than without clusters: the difference of the three sums can come out
    too small or below 0 with few clusters.
    """
    alone = _own(token)
    sums = [_grouped(influence, key) for key in (deployment, alone, _pairs(deployment, alone))]
    one, two, both = (float(np.square(part).sum()) for part in sums)
    plain = float(np.square(influence).sum())
    held = sums[0].size
    one *= held / (held - 1) if held > 1 else 0.0
    together = one + two - both if held > 1 else two
    degrees = min(_degrees(part) for part in sums[: 2 if held > 1 else 0] or [sums[1]])
    return max(together, one, two, plain), max(degrees, 1.0)


def _grouped(values: Floats, key: Ints) -> Floats:
    names, number = np.unique(key, return_inverse=True)
    return np.bincount(number, weights=values, minlength=names.size).astype(float)
