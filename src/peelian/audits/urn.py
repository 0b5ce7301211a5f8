"""The urn of two areas: what becomes of learning from what was found only because somebody was there.

Two areas, one visit a step. Which area is visited is drawn like a ball from an urn: an area's chance is its share of
all incidents recorded so far. In the area that is visited an incident is found with that area's true rate; in the other
nothing can be. Whoever counts what was found as it is (``naive``) adds a ball for it. Then the area with the higher
rate takes over almost all visits, far beyond its true share; and of two areas with equal rates, chance alone decides
which is visited more, for good. Whoever knows that the chance to find anything was the chance to be there can take it
out again (``corrected``): a find is added only with the chance that the *other* area would have been visited, so that
both areas' finds are added equally often for equal rates. Then shares settle at the true ones.

This is the case of the closed loop (`peelian.audits.loop`) for which the answer is known, and against which that is
tested.

References
----------
Ensign, Friedler, Neville, Scheidegger and Venkatasubramanian (2018), Runaway Feedback Loops in Predictive Policing,
Proceedings of Machine Learning Research 81 (FAT*): the urn, and the correction by rejection. Lum and Isaac (2016), To
predict and serve?, Significance 13(5). Pólya (1930), Sur quelques points de la théorie des probabilités: from one ball
each and at equal rates the share ends uniform on 0 to 1, so that its standard deviation is the root of 1/12, 0.289.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from peelian.errors import UsageError

__all__ = ["Urn", "two_area_urn"]

Floats = npt.NDArray[np.float64]
Learning = Literal["naive", "corrected"]


@dataclass(frozen=True, eq=False)
class Urn:
    """Where the shares ended.

    Parameters
    ----------
    shares : array of float, shape (runs,)
        The first area's share of the urn after the last step, which is its chance to be visited.
    true_share : float
        Its share of the two rates.
    learning : str
    steps : int
    """

    shares: Floats
    true_share: float
    learning: Learning
    steps: int

    @property
    def mean(self) -> float:
        """The mean share over the runs."""
        return float(self.shares.mean())

    @property
    def sd(self) -> float:
        """How far runs scatter: the standard deviation of the share."""
        return float(self.shares.std(ddof=1)) if self.shares.size > 1 else 0.0

    def above(self, share: float) -> float:
        """The share of runs that ended above `share`."""
        return float(np.mean(self.shares > share))

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "learning": self.learning,
            "true_share": self.true_share,
            "steps": self.steps,
            "runs": int(self.shares.size),
            "mean": self.mean,
            "sd": self.sd,
            "above_0.9": self.above(0.9),
        }


def two_area_urn(
    rates: tuple[float, float] = (0.6, 0.4),
    *,
    learning: Learning = "naive",
    start: tuple[float, float] = (1.0, 1.0),
    steps: int = 10_000,
    runs: int = 2000,
    seed: int = 0,
) -> Urn:
    """Visit two areas by the urn.

    Parameters
    ----------
    rates : (float, float)
        The chance to find an incident on a visit to each area, 0 to 1.
    learning : {'naive', 'corrected'}
        Add every find; or a find in an area that had the chance p of the visit only with the chance 1 - p.
    start : (float, float)
        Balls at the start, more than none of each.
    steps : int
        Visits.
    runs : int
        Urns.
    seed : int

    Returns
    -------
    Urn

    Raises
    ------
    UsageError
        A setting is off.

    Notes
    -----
    One uniform number u a step and urn decides on all: with the chance p the first area is visited and with the chance
    r an incident is found there, so that a ball is added where u < p r; for the second area from the other end.

    With rates of 0.6 and 0.4, one ball each and 10,000 visits, the first area's share ends at 0.904 on average (over
    40,000 urns, with a standard error of 0.0007; over some hundred of them 0.911 is as likely) and above 0.9 in 71 to
    72 % of the urns, where 0.6 is true; corrected, at 0.600 with a standard deviation of 0.010. With rates of 0.5 each
    the standard deviation is 0.287 (0.289 in the limit), and corrected 0.010. The mean creeps on with more visits, as
    the other area's share falls with their number to the power of -1/3: it is no limit, and the number of visits
    belongs to it.
    """
    _check(rates, start, steps, runs, learning)
    rng = np.random.default_rng(seed)
    first, second = (np.full(runs, float(balls)) for balls in start)
    for _ in range(steps):
        u = rng.random(runs)
        p = first / (first + second)
        q = 1.0 - p
        kept = p * q if learning == "corrected" else None
        first += u < rates[0] * (p if kept is None else kept)
        second += u > 1.0 - rates[1] * (q if kept is None else kept)
    return Urn(first / (first + second), rates[0] / (rates[0] + rates[1]), learning, steps)


def _check(
    rates: tuple[float, float], start: tuple[float, float], steps: int, runs: int, learning: str
) -> None:
    if not all(0 <= rate <= 1 for rate in rates) or not sum(rates) > 0:
        msg = f"rates of {rates} were given; expected two chances from 0 to 1, not both 0"
        raise UsageError(msg, hint="two_area_urn((0.6, 0.4))")
    if not all(np.isfinite(balls) and balls > 0 for balls in start):
        msg = f"{start} balls were given; expected some of each area, as one without any is never visited"
        raise UsageError(msg, hint="start=(1, 1)")
    if steps < 1 or runs < 1:
        msg = f"{steps} steps of {runs} urns were given; expected at least 1 of each"
        raise UsageError(msg)
    if learning not in ("naive", "corrected"):
        msg = f"{learning!r} was given as a way of learning; expected 'naive' or 'corrected'"
        raise UsageError(msg)
