"""A certificate that a loop drifts by no more than so much, or why there is none.

A bound is of simulated courses: at least so many of a hundred stay under it. What so many courses can show about that
is known exactly, whatever the distribution: between two of the ordered values lies the quantile with a given
confidence, and with too few courses no upper end can be given. Over a range of assumptions the worst setting counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from peelian.audits.finding import Finding
from peelian.errors import UsageError

__all__ = ["Bound", "Certificate", "certify", "fewest_courses", "percent", "quantile_bound"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bound:
    """A quantile of simulated courses and its ends; None where there are too few courses for that end."""

    value: float
    low: float | None
    high: float | None


def quantile_bound(values: npt.ArrayLike, *, quantile: float = 0.95, level: float = 0.95) -> Bound:
    """A quantile with an interval that holds for any distribution.

    Parameters
    ----------
    values : array of float, shape (n,)
        One number a course, at least one; independent and alike.
    quantile : float
    level : float
        Of the interval, which leaves ``(1 - level) / 2`` at each end.

    Raises
    ------
    UsageError
        There is no value, one is not a number, or a share is off.

    Notes
    -----
    How many of n values lie under the quantile is binomial; the ends are ordered values chosen by it (Wilks 1941,
    Determination of sample sizes for setting tolerance limits, Annals of Mathematical Statistics 12). For the 0.95
    quantile at a level of 0.95 an upper end takes 72 courses.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64).ravel())
    n = ordered.size
    if n == 0 or np.isnan(ordered).any() or not (0 < quantile < 1 and 0 < level < 1):
        msg = f"the {quantile} quantile of {n} values at a level of {level} was asked for; expected numbers and shares"
        raise UsageError(msg)
    tail = (1 - level) / 2
    # The k-th smallest value is at or over the quantile with the chance that fewer than k values lie under it.
    over = binom.cdf(np.arange(n), n, quantile)
    uppers, lowers = np.flatnonzero(over >= 1 - tail), np.flatnonzero(over <= tail)
    middle = float(ordered[min(int(np.ceil(quantile * n - 1e-9)), n) - 1])
    return Bound(
        middle,
        float(ordered[lowers[-1]]) if lowers.size else None,
        float(ordered[uppers[0]]) if uppers.size else None,
    )


def fewest_courses(*, quantile: float = 0.95, level: float = 0.95) -> int:
    """How many courses it takes for a quantile to have an upper end (Wilks 1941): 72 for the 0.95 one at 0.95."""
    return math.ceil(math.log((1 - level) / 2) / math.log(quantile) - 1e-9)


@dataclass(frozen=True)
class Certificate:
    """How far a loop drifts at most, given certain assumptions; or a refusal.

    Parameters
    ----------
    learner : str
        Of which way of learning.
    what : str
        The same in words.
    years : int
    drift, overstatement : float or None
        The most that the chosen places drift from the true ones, and that the records overstate their share of all
        incidents; None if that can't be told.
    assumptions : tuple of str
        Under which it holds, in sentences.
    refused : tuple of str
        Why there is none, in sentences; empty if it is given.
    courses : int
        Simulated courses of each setting.
    settings : int
        Settings within the assumptions.
    """

    learner: str
    what: str
    years: int
    drift: float | None
    overstatement: float | None
    assumptions: tuple[str, ...]
    refused: tuple[str, ...]
    courses: int
    settings: int

    @property
    def given(self) -> bool:
        """Whether it is given."""
        return not self.refused

    def sentence(self) -> str:
        """What is certified, or that nothing is and why."""
        if not self.given:
            return f"No certificate for {self.what}: {_joined(self.refused)}"
        return (
            f"Certificate for {self.what}: over {_years(self.years)}, attending by the forecast draws at most "
            f"{percent(self.drift)} of the chosen places away from the true ones, and overstates their share of all "
            f"incidents by at most {percent(self.overstatement)} of the total, each in 95 of 100 simulated courses, "
            "under the assumptions listed."
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **vars(self),
            "assumptions": list(self.assumptions),
            "refused": list(self.refused),
            "given": self.given,
            "sentence": self.sentence(),
        }


def certify(
    drift: Finding,
    overstatement: Finding,
    *,
    learner: str,
    what: str,
    years: int,
    assumptions: Sequence[str],
    unknown: Sequence[str],
    courses: int,
    settings: int,
) -> Certificate:
    """Give a certificate, or refuse it: for what is not known, for too few courses, or for a threshold that is passed.

    Parameters
    ----------
    drift, overstatement : Finding
        Whose upper ends are certified.
    assumptions : sequence of str
    unknown : sequence of str
        Assumptions that nobody has stated, in sentences.
    """
    refused = list(unknown)
    if drift.high is None or overstatement.high is None:
        fewest = fewest_courses(level=drift.level)
        refused.append(
            f"{courses} simulated courses are too few for an upper end; {fewest} or more are needed."
        )
    for one, said in (
        (drift, "Attending by the forecast can draw {} of the chosen places away from the true ones"),
        (
            overstatement,
            "The records can overstate the chosen places' share of all incidents by {} of the total",
        ),
    ):
        if one.passes is False and one.threshold is not None:
            limit = one.threshold
            allowed = f"beyond the {percent(limit.value)} that {limit.set_by} set on {limit.set_at}"
            refused.append(f"{said.format(percent(one.high))}, {allowed}.")
    return Certificate(
        learner=learner,
        what=what,
        years=years,
        drift=None if drift.high is None else max(drift.high, 0.0),
        overstatement=None if overstatement.high is None else max(overstatement.high, 0.0),
        assumptions=tuple(assumptions),
        refused=tuple(refused),
        courses=courses,
        settings=settings,
    )


def percent(share: float | None) -> str:
    """A share as a percentage, with a decimal where it is small."""
    if share is None:
        return "an unknown share"
    value = 100 * share
    said = f"{value:.0f}" if abs(value) >= 20 else f"{value:.1f}".removesuffix(".0")
    return f"{'0' if said == '-0' else said} %"


def _years(n: int) -> str:
    return "1 year" if n == 1 else f"{n} years"


def _joined(sentences: Sequence[str]) -> str:
    first, *others = sentences
    return " ".join([first[:1].lower() + first[1:], *others])
