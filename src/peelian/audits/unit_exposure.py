"""Exposure by group over the units of one area: a mean over residents of what is in their own unit, and its ratios.

For counts h and residents p of a group in each unit, exposure is ``sum(h * p) / sum(p)``. Held against something else
than residents, D a unit (those present by day, reports), it is ``sum(h * p) / sum(D * p)``: what comes to a group's
places for each that is there. Every ratio of two groups is made of four sums, so that one set of drawn maps gives all.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from peelian.audits.crossed import extreme_members, joint_bounds
from peelian.audits.exposure_inputs import FEWEST_RESIDENTS
from peelian.audits.log_ratios import LogEstimate, Resampled, estimate_log, resample
from peelian.audits.margins import Margins, log_variance
from peelian.audits.partitions import Partition
from peelian.audits.positions import cut
from peelian.audits.units import Units
from peelian.audits.words import in_words

__all__ = ["RESIDENTS", "UnitExposure", "salt_of", "worst_case"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

RESIDENTS = "residents"
"""The denominator that is always there."""
ROUGH_MARGIN = 0.2
"""Standard error of a group's residents, as a part of them, from which a first-order interval is rough."""


def salt_of(name: str) -> int:
    """A number from a name, so that an area's draws don't depend on which others are in the table."""
    return zlib.crc32(name.encode())


@dataclass(frozen=True, eq=False)
class UnitExposure:
    """One area's units with what is drawn from them.

    Parameters
    ----------
    part : str
    rows : array of int, shape (n,)
        Which of the units these are, in the order of their ids.
    groups : list of str
        The reference first.
    counts : array of float, shape (n,)
        NaN where not known.
    residents : array of float, shape (n, n_groups)
        In the order of `groups`.
    denominators : dict of str to array of float, shape (n,)
        ``residents`` first, ones.
    margins : Margins or None
        In the order of `groups`.
    partitions : list of Partition
        Of the units with residents and a known count.
    drawn : Resampled
    level : float
    """

    part: str
    rows: Ints
    groups: list[str]
    counts: Floats
    residents: Floats
    denominators: dict[str, Floats]
    margins: Margins | None
    partitions: list[Partition]
    drawn: Resampled
    level: float

    @classmethod
    def of(
        cls, units: Units, part: str, *, reference: str, level: float, replicates: int, seed: int
    ) -> UnitExposure:
        """Draw maps of the units of one value of `by`; rows are put in order of their ids first."""
        held = np.flatnonzero(units.at(part))
        held = held[np.argsort(units.ids[held].astype(str), kind="stable")]
        groups = [reference, *(name for name in units.groups if name != reference)]
        lived = units.residents[groups].to_numpy(dtype=float)[held]
        counts = units.counts[held]
        beside = {name: given[held] for name, given in units.denominators.items()}
        denominators = {RESIDENTS: np.ones(held.size), **beside}
        used = np.isfinite(counts) & (lived.sum(axis=1) > 0)
        flat = units.positions.where(held)
        flat, _ = flat.where(used).flat()
        partitions = cut(flat, int(used.sum())) if used.any() else []
        columns = _columns(counts, lived, denominators)[used]
        drawn = resample(columns, partitions, replicates=replicates, seed=seed, salt=salt_of(part))
        margins = _in_order(units, part, held, groups)
        return cls(part, held, groups, counts, lived, denominators, margins, partitions, drawn, level)

    @property
    def known(self) -> Bools:
        """Units with a count."""
        return np.isfinite(self.counts)

    @property
    def used(self) -> Bools:
        """Units with a count and with residents: those that blocks are made of."""
        return np.asarray(self.known & (self.residents.sum(axis=1) > 0), dtype=bool)

    @property
    def totals(self) -> Floats:
        """Residents of each group, in units without a count too."""
        return np.asarray(self.residents.sum(axis=0))

    def small(self, group: str) -> bool:
        """Whether a group has too few residents for a number."""
        return bool(self.totals[self.groups.index(group)] < FEWEST_RESIDENTS)

    def exposure(self, group: str, denominator: str = RESIDENTS) -> LogEstimate:
        """What comes to where a group lives, for each resident (or what else it is held against)."""
        if self.small(group):
            return _too_few(group)
        pair = self._pair(group, denominator)
        if self.drawn.totals[pair[1]] > 0 and self.drawn.totals[pair[0]] == 0:
            return LogEstimate(
                0.0, why=(f"No {in_words(group)} resident lives in a unit with any: no interval.",)
            )
        margin = np.sqrt(self._margin([group], denominator))
        return estimate_log(self.drawn, _log(pair), level=self.level, margin=margin)

    def ratio(self, group: str, denominator: str = RESIDENTS) -> LogEstimate:
        """A group's exposure in proportion to the reference group's."""
        reference = self.groups[0]
        for one in (group, reference):
            if self.small(one):
                return _too_few(one)
        mine, theirs = self._pair(group, denominator), self._pair(reference, denominator)
        if any(self.drawn.totals[pair[1]] <= 0 for pair in (mine, theirs)):
            return LogEstimate(None, why=(f"There is nothing to hold the counts against: no {denominator}.",))
        if not self.drawn.totals[theirs[0]] > 0:
            return LogEstimate(
                None, why=(f"No {in_words(reference)} resident lives in a unit with any: no ratio.",)
            )
        if not self.drawn.totals[mine[0]] > 0:
            return LogEstimate(
                0.0, why=(f"No {in_words(group)} resident lives in a unit with any: no interval.",)
            )
        variance = self._margin([group, reference], denominator)
        made = estimate_log(self.drawn, _log(mine, theirs), level=self.level, margin=np.sqrt(variance))
        return self._with_rough(self._bounded(made, group, denominator), group)

    def _pair(self, group: str, denominator: str) -> tuple[int, int]:
        """Columns of the two sums of an exposure."""
        g, n = self.groups.index(group), len(self.groups)
        return g, n * (1 + list(self.denominators).index(denominator)) + g

    def _margin(self, groups: list[str], denominator: str) -> float:
        if self.margins is None:
            return 0.0
        known = self.known
        columns = np.column_stack(
            [np.where(known, self.counts, 0.0), np.where(known, self.denominators[denominator], 0)]
        )
        made = [self.margins.covariance(columns, self.groups.index(group)) for group in groups]
        sums = [self.drawn.totals[list(self._pair(group, denominator))] for group in groups]
        return log_variance(made, sums) if all(np.all(pair > 0) for pair in sums) else 0.0

    def _with_rough(self, made: LogEstimate, group: str) -> LogEstimate:
        if self.margins is None or made.value is None:
            return made
        g = self.groups.index(group)
        variance = self.margins.covariance(np.ones((len(self.counts), 1)), g)[0, 0]
        if variance <= (ROUGH_MARGIN * self.totals[g]) ** 2:
            return made
        why = f"The margin of error of the {in_words(group)} residents is large beside their number: a rough interval."
        return _changed(made, why=(*made.why, why))

    def _bounded(self, made: LogEstimate, group: str, denominator: str) -> LogEstimate:
        """The interval with its ends moved as far as unknown counts could move the ratio."""
        missing = ~self.known
        if not missing.any() or made.value is None:
            return made
        most = float(np.nanmax(self.counts))
        g = self.groups.index(group)
        d = self.denominators[denominator]
        least, greatest = worst_case(self.counts, self.residents[:, g], self.residents[:, 0], d, most=most)
        why = (
            f"{int(missing.sum())} of {missing.size} units have no count. With 0 to {most:,.0f} in them the ratio "
            f"would be {least:.2f} to {greatest:.2f}; the interval's ends are moved that far."
        )
        if made.low is None or made.high is None:
            return _changed(made, why=(*made.why, why))
        low = made.low * min(1.0, least / made.value)
        high = made.high * max(1.0, greatest / made.value)
        p = 1.0 if low <= 1 <= high else made.p
        return _changed(made, low=low, high=high, p=p, why=(*made.why, why))

    def crossed(self, a: str, b: str, total: Floats) -> dict[str, Any]:
        """Bounds on the exposure of those who have both attributes, in proportion to the reference group's.

        Parameters
        ----------
        total : array of float, shape (n,)
            All residents of each unit, in the order of these units.

        Raises
        ------
        DataError
            An attribute has more residents than there are.
        """
        known = self.used
        one, other = (self.residents[known, self.groups.index(name)] for name in (a, b))
        low, high = joint_bounds(one, other, total[known])
        rate = self.counts[known]
        row: dict[str, Any] = {"by": self.part, "group": f"{a} & {b}", "reference": self.groups[0]}
        row |= {"population_low": float(low.sum()), "population_high": float(high.sum())}
        none = dict.fromkeys(("value_low", "value_high", "low", "high"))
        if high.sum() < FEWEST_RESIDENTS or self.small(self.groups[0]):
            return {**row, **none}
        members = extreme_members(low, high, rate)
        theirs = self.residents[known, 0]
        columns = np.column_stack([c for one in (*members, theirs) for c in (one * rate, one)])
        drawn = resample(columns, self.partitions, replicates=500, seed=0, salt=salt_of(self.part))
        least, greatest = (
            estimate_log(drawn, _log(pair, (4, 5)), level=self.level) for pair in ((0, 1), (2, 3))
        )
        return {
            **row,
            "value_low": least.value,
            "value_high": greatest.value,
            "low": least.low,
            "high": greatest.high,
        }


def worst_case(
    counts: Floats, mine: Floats, theirs: Floats, denominator: Floats, *, most: float
) -> tuple[float, float]:
    """Least and greatest ratio of two groups' exposures over all counts from 0 to `most` where there is none.

    A ratio of two sums that are linear in each count is monotone in each, and at its greatest the units with a count
    are those where one group is largest beside the other: every cut along that order is tried, so the ends are exact
    (Manski 1989, Anatomy of the selection problem, Journal of Human Resources 24).
    """
    known = np.isfinite(counts)
    scale = float((theirs * denominator).sum() / (mine * denominator).sum())
    base = float((counts * mine)[known].sum()), float((counts * theirs)[known].sum())
    a, b = mine[~known] * most, theirs[~known] * most
    with np.errstate(divide="ignore", invalid="ignore"):
        order = np.argsort(-np.where(b > 0, a / b, np.inf), kind="stable")
        ends = []
        for along in (order[::-1], order):
            top = base[0] + np.concatenate([[0.0], np.cumsum(a[along])])
            bottom = base[1] + np.concatenate([[0.0], np.cumsum(b[along])])
            ends.append(top / bottom * scale)
    return float(np.nanmin(ends[0])), float(np.nanmax(ends[1]))


def _columns(counts: Floats, lived: Floats, denominators: dict[str, Floats]) -> Floats:
    """Counts times residents of each group, then each denominator times residents of each group."""
    return np.concatenate(
        [counts[:, None] * lived, *(d[:, None] * lived for d in denominators.values())], axis=1
    )


def _log(*pairs: tuple[int, int]) -> Callable[[Floats], Floats]:
    """The logarithm of a ratio of two columns' sums, over that of the second pair where there is one."""

    def logarithm(sums: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            made = [np.log(sums[:, top]) - np.log(sums[:, bottom]) for top, bottom in pairs]
            return np.asarray(made[0] - made[1] if len(made) > 1 else made[0])

    return logarithm


def _in_order(units: Units, part: str, held: npt.NDArray[np.int64], groups: list[str]) -> Margins | None:
    """An area's margins, with units and groups in the order in which they are used here."""
    given = units.margins.get(part)
    if given is None:
        return None
    columns = [units.groups.index(name) for name in groups]
    place = np.searchsorted(np.flatnonzero(units.at(part)), held)
    if given.shares is None:
        return Margins(given.variance[place][:, columns])
    return Margins(given.variance[:, columns], given.shares[:, place])


def _changed(made: LogEstimate, **to: Any) -> LogEstimate:
    return LogEstimate(**{**vars(made), **to})


def _too_few(group: str) -> LogEstimate:
    why = f"There are fewer than {FEWEST_RESIDENTS} {in_words(group)} residents: too few for a mean."
    return LogEstimate(None, why=(why,))
