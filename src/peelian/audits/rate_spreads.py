"""Ratios and differences between the groups of an audit, with what is not known and what groups share carried along.

The intervals are of every pair of groups at once (`peelian.audits.rate_ratios.for_all`). Groups that were seen in the
same deployments are compared within them. A group with few events, or none, has no such approximation, and there the
exact intervals of both are divided by each other, which is wider.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from peelian.audits.bounded_rates import GroupRate, Scenarios
from peelian.audits.clustered import contrast
from peelian.audits.rate_ratios import Spread, for_all, max_geometric_mean, max_min

__all__ = ["compared", "gap", "highest_to_lowest", "highest_to_mean"]

Ends = tuple[float, float]


def compared(groups: Sequence[GroupRate]) -> list[GroupRate]:
    """Those that have a number."""
    return [one for one in groups if one.made.value is not None]


def highest_to_lowest(groups: Sequence[GroupRate], *, level: float = 0.95) -> Spread | None:
    """The highest rate divided by the lowest; None where fewer than two groups have one."""
    held = compared(groups)
    if len(held) < 2:
        return None
    box = _boxed(held, max_min)
    pairs = list(itertools.permutations(held, 2))
    sure = for_all(level, len(pairs) // 2)
    ends = [_pair(a, b, logarithm=True, level=sure) for a, b in pairs]
    low, high = max(1.0, *(e[0] for e in ends)), max(e[1] for e in ends)
    return Spread(box.value, low, high if math.isfinite(high) else None, box.highest, box.lowest)


def highest_to_mean(groups: Sequence[GroupRate], *, level: float = 0.95) -> Spread | None:
    """The highest rate divided by the geometric mean of all; None where fewer than two groups have one."""
    held = compared(groups)
    if len(held) < 2:
        return None
    box = _boxed(held, max_geometric_mean)
    if any(_scenarios(one).few for one in held):
        return box
    k, sure = len(held), for_all(level, len(held))
    lows, highs = [], []
    for g in range(k):
        weights = [(1.0 if h == g else 0.0) - 1 / k for h in range(k)]
        most = [_scenarios(one).against if h == g else _scenarios(one).favour for h, one in enumerate(held)]
        least = [_scenarios(one).favour if h == g else _scenarios(one).against for h, one in enumerate(held)]
        lows.append(contrast(least, weights, logarithm=True, level=sure)[0])
        highs.append(contrast(most, weights, logarithm=True, level=sure)[1])
    return Spread(box.value, max(1.0, math.exp(max(lows))), math.exp(max(highs)), box.highest, box.lowest)


def gap(groups: Sequence[GroupRate], *, level: float = 0.95) -> Spread | None:
    """The highest rate less the lowest, at least 0; None where fewer than two groups have one."""
    held = compared(groups)
    if len(held) < 2:
        return None
    rates = np.array([one.made.value for one in held], dtype=float)
    top, bottom = int(rates.argmax()), int(rates.argmin())
    pairs = list(itertools.permutations(held, 2))
    sure = for_all(level, len(pairs) // 2)
    ends = [_pair(a, b, logarithm=False, level=sure) for a, b in pairs]
    low, high = max(0.0, *(e[0] for e in ends)), max(e[1] for e in ends)
    return Spread(float(rates[top] - rates[bottom]), low, high, top, bottom)


def _pair(a: GroupRate, b: GroupRate, *, logarithm: bool, level: float) -> Ends:
    """One group's rate to (or less) another's: the least that it may be, and the most."""
    one, other = _scenarios(a), _scenarios(b)
    if one.few or other.few:
        return _apart(a, b, logarithm=logarithm)
    low = contrast([one.favour, other.against], [1.0, -1.0], logarithm=logarithm, level=level)[0]
    high = contrast([one.against, other.favour], [1.0, -1.0], logarithm=logarithm, level=level)[1]
    return (math.exp(low), math.exp(high)) if logarithm else (low, high)


def _apart(a: GroupRate, b: GroupRate, *, logarithm: bool) -> Ends:
    """The same from intervals that hold for all groups at once."""
    low, high = (_end(v) for v in (a.made.wide_low, a.made.wide_high))
    least, most = (_end(v) for v in (b.made.wide_low, b.made.wide_high))
    if logarithm:
        return low / most, high / least if least > 0 else math.inf
    return low - most, high - least


def _boxed(held: Sequence[GroupRate], ratio: Callable[..., Spread]) -> Spread:
    made = [one.made for one in held]
    return ratio([m.value for m in made], [_end(m.wide_low) for m in made], [_end(m.wide_high) for m in made])


def _end(value: float | None) -> float:
    assert value is not None  # a rate with a value has ends
    return value


def _scenarios(one: GroupRate) -> Scenarios:
    assert one.scenarios is not None  # a rate with a value was made from them
    return one.scenarios
