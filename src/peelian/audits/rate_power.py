"""What so many cases can show: what no error at all still allows, and how many cases it takes to see a difference."""

from __future__ import annotations

import math

from scipy import stats

from peelian.errors import UsageError

__all__ = ["cases_to_allow", "cases_to_show", "least_shown", "most_with_none"]


def most_with_none(cases: float, *, level: float = 0.95, sides: int = 2) -> float:
    """The rate that no event in so many independent cases still allows.

    Parameters
    ----------
    cases : float
    level : float
    sides : int
        2: the upper end of Clopper and Pearson's two-sided interval, ``1 - (tail)**(1/n)`` with half of what is left
        over in each tail: 0 in 300 allows 1.22 % at 95 %. 1: all of it in the upper tail, 0.99 %, of which 3 / n is
        the "rule of three" (Hanley and Lippman-Hand 1983, If nothing goes wrong, is everything all right?, JAMA 249).

    Raises
    ------
    UsageError
        There are no cases, or the settings are off.
    """
    if not (cases > 0 and 0 < level < 1 and sides in (1, 2)):
        msg = f"{cases} cases at a level of {level} with {sides} sides were given; expected some, and 1 or 2 sides"
        raise UsageError(msg)
    return -math.expm1(math.log((1 - level) / sides) / cases)


def cases_to_allow(rate: float, *, level: float = 0.95, sides: int = 2) -> int:
    """Cases without an event that it takes before no more than `rate` is allowed."""
    _check(rate, level)
    return math.ceil(math.log((1 - level) / sides) / math.log1p(-rate) - 1e-9)


def cases_to_show(
    rate: float, *, ratio: float = 2.0, power: float = 0.8, level: float = 0.95, effect: float = 1.0
) -> int:
    """Cases in each of two groups that it takes to see one group's rate as so many times the other's.

    Parameters
    ----------
    rate : float
        Of the group that has the lower one.
    ratio : float
        To be seen, over 1.
    power : float
        Chance of seeing it.
    level : float
        1 minus the chance of seeing a ratio that there is not (two-sided).
    effect : float
        Design effect of clusters, by which the number is multiplied.

    Notes
    -----
    The normal approximation of the logarithm of a ratio of two shares (Katz et al. 1978, Obtaining confidence intervals
    for the risk ratio in cohort studies, Biometrics 34).
    """
    _check(rate, level)
    if not (ratio > 1 and 0 < power < 1 and rate * ratio < 1 and effect >= 1):
        msg = f"a ratio of {ratio} at a rate of {rate} with power {power} was given; expected over 1, and shares"
        raise UsageError(msg)
    needed = (stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(power)) / math.log(ratio)
    each = (1 - rate) / rate + (1 - rate * ratio) / (rate * ratio)
    return math.ceil(float(needed) ** 2 * each * effect - 1e-9)


def least_shown(
    rate: float, cases: tuple[float, float], *, power: float = 0.8, level: float = 0.95
) -> float | None:
    """The least ratio of two groups' rates that so many independent cases show; None where none under 1 / rate is.

    Parameters
    ----------
    rate : float
        Of the group with the lower one.
    cases : (float, float)
        Of that group and of the other.
    """
    _check(rate, level)
    wanted = float(stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(power))

    def shown(ratio: float) -> bool:
        error = math.sqrt(
            (1 - rate) / (rate * cases[0]) + max(1 - rate * ratio, 0.0) / (rate * ratio * cases[1])
        )
        return math.log(ratio) >= wanted * error

    low, high = 1.0, 1 / rate
    if min(cases) <= 0 or not shown(high):
        return None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def _check(rate: float, level: float) -> None:
    if not (0 < rate < 1 and 0 < level < 1):
        msg = f"a rate of {rate} at a level of {level} was given; expected shares between 0 and 1"
        raise UsageError(msg)
