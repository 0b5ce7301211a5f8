"""Error of a forecast in parts of the city, and between two of them, from resampled sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from peelian.audits.estimates import Estimate, divide
from peelian.audits.recalibration import FEWEST_REPORTS, HEIGHTS, recalibrated
from peelian.audits.two_way import TwoWay, effective_blocks, two_sided_p
from peelian.audits.uniformity import PIT_BINS, uniformity_p

__all__ = ["QUANTITIES", "Contrast", "PartErrors", "Quantity", "Slopes", "contrast_of"]

Floats = npt.NDArray[np.float64]

POWER = 0.8
"""With which a difference would have been found that is called detectable."""


@dataclass(frozen=True)
class Quantity:
    """A number that is one sum over another.

    Parameters
    ----------
    name : str
    above : dict of str to float
        Sums that it is made of, each with its factor.
    below : str
    rests_on : str
        The sum by which blocks are counted.
    ratio : bool
        Whether two of them are compared by their ratio; else by their difference.
    empty : str
        Why there is none where there is none.
    within : tuple of float
        What it can be at all: an interval that was widened for few blocks may reach further.
    """

    name: str
    above: dict[str, float]
    below: str
    rests_on: str
    ratio: bool
    empty: str
    within: tuple[float, float] = (-np.inf, np.inf)


SHARE = (0.0, 1.0)
ALL_ALIKE = "It is none or all in every resampled city, which tells nothing of how sure that is: no interval."
NO_REPORTS = "No reports came there, so nothing can be set in proportion to them."
NOT_PICKED = "No place was picked there in any period."
NOT_EXPECTED = "No reports were expected there."

QUANTITIES = {
    one.name: one
    for one in (
        Quantity("observed_expected", {"seen": 1}, "expected", "expected", True, NOT_EXPECTED),
        Quantity("error", {"error": 1}, "places", "places", False, "There is no place.", (0.0, np.inf)),
        Quantity("coverage_gap", {"inside": 1, "probability": -1}, "weight", "weight", False, NOT_EXPECTED),
        Quantity(
            "pit_mean",
            {f"pit{k}": (k + 0.5) / PIT_BINS for k in range(PIT_BINS)},
            "weight",
            "weight",
            False,
            NOT_EXPECTED,
            SHARE,
        ),
        Quantity("false_alarm", {"empty": 1}, "picked", "picked", False, NOT_PICKED, SHARE),
        Quantity("miss", {"seen": 1, "hits": -1}, "seen", "seen", False, NO_REPORTS, SHARE),
        Quantity("hit_rate", {"hits": 1}, "seen", "seen", False, NO_REPORTS, SHARE),
    )
}
"""What is told of each part: reports over expected ones; mean absolute error of a place in a period; how many more of
the counts lay in their interval than should have; mean of the transform; picked places without a report; reports
outside of the picked places, and inside."""


@dataclass(frozen=True)
class Contrast:
    """One part against another.

    Parameters
    ----------
    made : Estimate
    p : float
        Two-sided; NaN where there is none.
    detectable : float or None
        The smallest ratio (above 1) or difference that would have been found with 80 % probability.
    ends : tuple of (float or None)
        The number in the one part and in the other.
    """

    made: Estimate
    p: float
    detectable: float | None
    ends: tuple[float | None, float | None]


@dataclass(frozen=True, eq=False)
class PartErrors:
    """Sums of one rule in parts of the city, resampled.

    Parameters
    ----------
    drawn : TwoWay
        Of sums of shape (n_blocks, n_runs, n_parts * k).
    by_block : array of float, shape (n_blocks, n_parts * k)
    columns : tuple of str
        What the k are.
    level : float
    """

    drawn: TwoWay
    by_block: Floats
    columns: tuple[str, ...]
    level: float

    @classmethod
    def of(
        cls, sums: Floats, columns: Sequence[str], *, level: float, replicates: int, seed: int
    ) -> PartErrors:
        """Resample sums of shape (n_blocks, n_runs, n_parts * k)."""
        return cls(TwoWay.of(sums, replicates=replicates, seed=seed), sums.sum(axis=1), tuple(columns), level)

    def has(self, quantity: Quantity) -> bool:
        """Whether the rule gives what the quantity is made of."""
        return {*quantity.above, quantity.below} <= set(self.columns)

    def total(self, name: str, part: int) -> float:
        """A sum over all."""
        return float(self.drawn.total[self._at(name, part)])

    def estimate(self, quantity: Quantity, part: int) -> Estimate:
        """A quantity in a part of the city, with its interval."""
        if quantity.ratio and self.total(quantity.below, part) > 0 and not self.total("seen", part) > 0:
            return Estimate(None, why=(NO_REPORTS,))
        made = self.drawn.estimate(
            lambda sums: self._quantity(quantity, part, sums),
            effective=self._effective(quantity, part),
            level=self.level,
            logarithmic=quantity.ratio,
            undefined=quantity.empty,
        )
        if made.value in quantity.within and made.low == made.high:
            return Estimate(made.value, why=(ALL_ALIKE,))
        low, high = (
            None if end is None else float(np.clip(end, *quantity.within)) for end in (made.low, made.high)
        )
        return replace(made, low=low, high=high)

    def contrast(self, quantity: Quantity, one: int, other: int) -> Contrast:
        """A quantity in a part of the city against that in another, within the same resampled cities."""
        ends = [self.estimate(quantity, part) for part in (one, other)]
        why = tuple(w for end in ends if end.value is None for w in end.why)
        values = (ends[0].value, ends[1].value)
        if None in values:
            return Contrast(Estimate(None, why=why), float("nan"), None, values)

        def against(sums: Floats) -> Floats:
            a, b = (self._quantity(quantity, part, sums) for part in (one, other))
            return divide(a, b) if quantity.ratio else a - b

        effective = min(self._effective(quantity, part) for part in (one, other))
        return contrast_of(self.drawn, against, values, effective, self.level, ratio=quantity.ratio)

    def uniformity(self, part: int) -> tuple[float, Floats]:
        """Whether transforms are spread evenly: see `uniformity_p`."""
        first = self._at("pit0", part)
        return uniformity_p(self.by_block[:, first : first + PIT_BINS])

    def pit(self, part: int) -> Floats:
        """Share of the transforms by bin, shape (10,); NaN where nothing was expected."""
        first = self._at("pit0", part)
        held = self.drawn.total[first : first + PIT_BINS]
        return divide(held, np.asarray(held.sum()))

    def _at(self, name: str, part: int) -> int:
        return part * len(self.columns) + self.columns.index(name)

    def _effective(self, quantity: Quantity, part: int) -> float:
        return effective_blocks(self.by_block[:, self._at(quantity.rests_on, part)])

    def _quantity(self, quantity: Quantity, part: int, sums: Floats) -> Floats:
        above = sum(factor * sums[:, self._at(name, part)] for name, factor in quantity.above.items())
        return divide(np.asarray(above), sums[:, self._at(quantity.below, part)])


@dataclass(frozen=True, eq=False)
class Slopes:
    """Sums of one rule by height of the forecast in parts of the city, resampled.

    Parameters
    ----------
    drawn : TwoWay
        Of sums of shape (n_blocks, n_runs, n_parts * 2 * HEIGHTS).
    by_block : array of float, shape (n_blocks, n_parts * 2 * HEIGHTS)
    height : array of float, shape (HEIGHTS,)
    level : float
    """

    drawn: TwoWay
    by_block: Floats
    height: Floats
    level: float

    @classmethod
    def of(cls, sums: Floats, height: Floats, *, level: float, replicates: int, seed: int) -> Slopes:
        """Resample sums of shape (n_blocks, n_runs, n_parts * 2 * HEIGHTS)."""
        return cls(TwoWay.of(sums, replicates=replicates, seed=seed), sums.sum(axis=1), height, level)

    def slope(self, part: int) -> Estimate:
        """Calibration slope in a part of the city, with its interval."""
        came = float(self.drawn.total[self._of(part, 1)].sum())
        if came < FEWEST_REPORTS:
            return Estimate(
                None, why=(f"{came:.0f} reports came there; a slope takes {FEWEST_REPORTS} or more.",)
            )
        return self.drawn.estimate(
            lambda sums: self._slope(part, sums),
            effective=self._effective(part),
            level=self.level,
            undefined="All reports came, or all were expected, at one height of the forecast.",
        )

    def intercept(self, part: int) -> float | None:
        """The intercept that goes with the slope."""
        expected, observed = (self.drawn.total[self._of(part, k)] for k in (0, 1))
        value = float(recalibrated(expected, observed, self.height)[0])
        return value if np.isfinite(value) and observed.sum() >= FEWEST_REPORTS else None

    def contrast(self, one: int, other: int) -> Contrast:
        """Slope in a part of the city less that in another."""
        ends = [self.slope(part) for part in (one, other)]
        values = (ends[0].value, ends[1].value)
        if None in values:
            why = tuple(w for end in ends if end.value is None for w in end.why)
            return Contrast(Estimate(None, why=why), float("nan"), None, values)
        effective = min(self._effective(part) for part in (one, other))

        def against(sums: Floats) -> Floats:
            return self._slope(one, sums) - self._slope(other, sums)

        return contrast_of(self.drawn, against, values, effective, self.level, ratio=False)

    def _of(self, part: int, which: int) -> slice:
        start = (2 * part + which) * HEIGHTS
        return slice(start, start + HEIGHTS)

    def _effective(self, part: int) -> float:
        return effective_blocks(self.by_block[:, self._of(part, 0)].sum(axis=1))

    def _slope(self, part: int, sums: Floats) -> Floats:
        return recalibrated(sums[:, self._of(part, 0)], sums[:, self._of(part, 1)], self.height)[1]


def contrast_of(
    drawn: TwoWay,
    against: Callable[[Floats], Floats],
    values: tuple[float | None, float | None],
    effective: float,
    level: float,
    *,
    ratio: bool,
) -> Contrast:
    """A comparison with its interval, its p-value and what could have been found."""
    undefined = "It is not defined: one of the two is 0, or nothing is."
    # Two parts of as many blocks each (Welch 1947); with fewer in one of them, somewhat too wide.
    freedom = 2 * (effective - 1)
    made = drawn.estimate(
        against,
        effective=effective,
        level=level,
        freedom=freedom,
        logarithmic=ratio,
        undefined=undefined,
    )
    if made.value is None or (made.low is None and made.high is None):
        return Contrast(made, float("nan"), None, values)
    draws = drawn.draws(against, effective=effective, level=level, freedom=freedom, logarithmic=ratio)
    p = two_sided_p(draws, 1.0 if ratio else 0.0)
    with np.errstate(divide="ignore"):
        scaled = np.log(draws) if ratio else draws
    known = scaled[np.isfinite(scaled)]
    if known.size < 2:
        return Contrast(made, p, None, values)
    reach = float((stats.norm.isf((1 - level) / 2) + stats.norm.ppf(POWER)) * known.std())
    return Contrast(made, p, float(np.exp(reach)) if ratio else reach, values)
