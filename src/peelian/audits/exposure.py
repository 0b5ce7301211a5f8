"""Whose place is attended: exposure of a plan by population group, per resident.

Presence has a price for those who live with it, and its absence too. The audit asks how many hours of
planned presence a resident of each group has in the cell where they live, on average, and how the groups
compare. It puts the same figures beside it for other ways to spend the same hours, since a ratio means
little alone.

For hours h and residents p of a group in each cell c, exposure is ``sum(h * p) / sum(p)``. It is an
average over places, weighted by who lives there. It holds no record of any person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.base import ECOLOGICAL, Audit, plain_rows
from peelian.audits.blocks import spatial_blocks
from peelian.audits.chance import MOVED, WIDER, moved_ratios, spread_out, with_errors
from peelian.audits.estimates import Estimate, divide, estimate
from peelian.audits.exposure_inputs import (
    FEWEST_RESIDENTS,
    PLAN,
    check_settings,
    hours_by_map,
    residents_by_cell,
)
from peelian.audits.exposure_sums import Sums, resample, with_margins
from peelian.audits.finding import Finding, Threshold
from peelian.audits.margins import Margins
from peelian.audits.words import in_words
from peelian.errors import NotEnoughDataError
from peelian.places.grid import Grid

__all__ = ["LIMITS", "ExposureAudit", "equal_hours", "exposure_audit", "hours_by_population"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: With fewer blocks than these a bootstrap interval is rough.
FEW_BLOCKS = 10

#: What no exposure audit can tell, whatever it finds.
LIMITS = (
    ECOLOGICAL,
    "Residents were spread evenly over each neighborhood by area; where they live within it is not known.",
    "Residents are not those present: visitors, workers and passers-by are exposed too and are not counted.",
    "Hours are planned hours in a resident's own cell. They don't tell what is done there, nor how it is received.",
    (
        "The interval tells how far the number would move with other blocks like these, and is no narrower than chance "
        "moves a ratio. It leaves out error in the numbers of residents and in the forecast."
    ),
)
#: The last of these where margins of error of the numbers of residents were given.
CARRIED = (
    "The interval tells how far the number would move with other blocks like these, is no narrower than chance moves "
    "a ratio, and carries the margins of error of the numbers of residents. It leaves out error in the forecast."
)


@dataclass(frozen=True, eq=False)
class ExposureAudit(Audit):
    """What `exposure_audit` found.

    Parameters
    ----------
    reference : str
        The group that others are compared with.
    level : float
    block_km : float
    blocks : int
        Blocks with residents, which were resampled.
    replicates, seed : int
    hours : dict
        Hours in all of each map.
    unheard : float
        The plan's hours in cells without residents of any group.
    carried : bool
        Whether the intervals carry margins of error of the numbers of residents.
    frame : pandas.DataFrame
        One row a map and group: ``map``, ``group``, ``residents``, ``exposure`` (hours per resident) with
        ``low`` and ``high``, ``attended_share`` (of the group's residents, those in attended cells) with
        its ends, ``ratio`` (to the reference) with its ends. NaN where there is no number.
    findings : tuple of Finding
        For the plan and then each comparison the ratio of every group; then the plan's ratio against each
        comparison's.
    limits : tuple of str
    """

    reference: str
    level: float
    block_km: float
    blocks: int
    replicates: int
    seed: int
    hours: Mapping[str, float]
    unheard: float
    carried: bool
    _frame: pd.DataFrame = field(repr=False)
    _findings: tuple[Finding, ...] = field(repr=False)

    @property
    def frame(self) -> pd.DataFrame:
        """One row a map and group, as above."""
        return self._frame

    @property
    def findings(self) -> tuple[Finding, ...]:
        """For each map the ratio of every group; then the plan's ratio against each comparison's."""
        return self._findings

    @property
    def limits(self) -> tuple[str, ...]:
        """What no exposure audit can tell."""
        return _limits(carried=self.carried)

    def sentences(self) -> list[str]:
        """The plan's ratio for each group, and what of its hours reaches nobody's home."""
        said = [
            finding.sentence()
            for finding in self.findings
            if finding.id.startswith(f"exposure_ratio/{PLAN}/")
        ]
        total = self.hours[PLAN]
        if self.unheard > 0 and total > 0:
            said.append(
                f"{100 * self.unheard / total:.3g} % of the plan's hours ({self.unheard:.3g}) lie in cells where no "
                "resident of these groups lives: they are in no group's exposure."
            )
        return said

    def to_dict(self) -> dict[str, Any]:
        """As plain values; a number that there is not is None."""
        return {
            **super().to_dict(),
            "reference": self.reference,
            "level": self.level,
            "block_km": self.block_km,
            "blocks": self.blocks,
            "replicates": self.replicates,
            "seed": self.seed,
            "hours": dict(self.hours),
            "hours_without_residents": self.unheard,
            "margins": self.carried,
            "rows": plain_rows(self.frame),
        }


def exposure_audit(
    hours_by_cell: npt.ArrayLike,
    *,
    grid: Grid,
    population: pd.DataFrame,
    reference: str,
    comparisons: Mapping[str, npt.ArrayLike] | None = None,
    level: float = 0.95,
    block_km: float = 1.0,
    replicates: int = 2000,
    seed: int = 0,
    threshold: Threshold | None = None,
    margins: Margins | None = None,
    moved: int = MOVED,
) -> ExposureAudit:
    """Measure the exposure of a plan by population group, and compare it with other ways to spend the hours.

    Parameters
    ----------
    hours_by_cell : array of float, shape (n_cells,)
        Hours of presence in each cell (`Plan.hours`).
    grid : Grid
    population : pandas.DataFrame, shape (n_cells, n_groups)
        Residents of each cell by group (`population_by_cell`); at least two groups.
    reference : str
        The group that the others are compared with. The threshold treats both sides alike.
    comparisons : mapping of str to array of float, shape (n_cells,), optional
        Other maps of hours, usually the count map's plan, `equal_hours` and `hours_by_population`.
    level : float
        Of the intervals.
    block_km : float
        Side of the squares that are resampled, in km.
    replicates, seed : int
        Of the bootstrap. All maps and groups share the same draws, so that they can be compared.
    threshold : Threshold, optional
        The most that a group may bear in proportion to another, at least 1. The plan passes when its ratio
        t keeps ``1 / threshold <= t <= threshold``; the value decides and the interval is told.
    margins : Margins, optional
        Variances of the areas' numbers of residents, groups as in `population`, and how areas were spread over cells.
        Normal error with their covariance is added to the sums of each drawn city: sums are linear in the numbers of
        residents, so that nothing need be cut off at 0, which would add residents that nobody counted.
    moved : int
        How often the groups' map is moved over the city, to tell how far chance alone moves a ratio
        (`peelian.audits.chance`); intervals of ratios are no narrower than that. With 0 they are those of blocks alone.

    Returns
    -------
    ExposureAudit

    Raises
    ------
    UsageError
        Hours are negative or of the wrong shape, the reference or a second group is missing, or a setting
        is off.
    DataError
        Residents are negative or unknown. An unknown number is not zero.
    NotEnoughDataError
        The reference group has fewer than 100 residents. Another group so small is listed and gets no number.

    Notes
    -----
    Percentile intervals from a bootstrap of spatial blocks, see `peelian.audits.blocks`. A ratio of sums is
    resampled as sums, so that blocks count by their residents. Blocks without residents add nothing to any
    sum and are left out.

    With few blocks the interval is somewhat too narrow; ``tests/audits`` checks its coverage on simulated cities with a
    known ratio.
    """
    check_settings(level, threshold)
    people = residents_by_cell(population, grid, reference)
    groups = [str(c) for c in population.columns]
    maps = hours_by_map(hours_by_cell, comparisons or {}, len(grid))
    block = spatial_blocks(grid, block_km=block_km)
    city, drawn, blocks = resample(people, list(maps.values()), block, replicates, seed)
    carried = margins is not None
    at = groups.index(reference)
    chance = moved_ratios(
        list(maps.values()), people, reference=at, centres=grid.centres(), replicates=moved, seed=seed
    )
    if margins is not None:
        plain, drawn = drawn, with_margins(drawn, list(maps.values()), margins, seed)
        chance = None if chance is None else with_errors(chance, divide(drawn.ratios(at), plain.ratios(at)))
    audit = _Audit(city, drawn, blocks, groups, at, list(maps), level, threshold, carried, chance)
    return ExposureAudit(
        reference=reference,
        level=level,
        block_km=float(block_km),
        blocks=blocks,
        replicates=replicates,
        seed=seed,
        hours={name: float(hours.sum()) for name, hours in maps.items()},
        unheard=float(maps[PLAN][people.sum(axis=1) <= 0].sum()),
        carried=carried,
        _frame=audit.frame(),
        _findings=audit.findings(),
    )


def _limits(*, carried: bool) -> tuple[str, ...]:
    return (*LIMITS[:-1], CARRIED) if carried else LIMITS


@dataclass(frozen=True, eq=False)
class _Audit:
    """Makes rows and findings from the sums."""

    city: Sums
    drawn: Sums
    blocks: int
    groups: list[str]
    reference: int
    maps: list[str]
    level: float
    threshold: Threshold | None
    carried: bool
    chance: Floats | None

    def small(self, g: int) -> bool:
        return bool(self.city.residents[0, g] < FEWEST_RESIDENTS)

    def estimate(self, point: Floats, draws: Floats) -> Estimate:
        return estimate(float(point[0]), draws, level=self.level, blocks=self.blocks)

    def ratio(self, m: int, g: int) -> Estimate:
        r = self.reference
        by_chance = None if self.chance is None else self.chance[:, m, g]
        return self.spread_out(self.city.ratio(m, g, r), self.drawn.ratio(m, g, r), by_chance)

    def spread_out(self, point: Floats, draws: Floats, chance: Floats | None) -> Estimate:
        made = self.estimate(point, draws)
        if chance is None:
            return made
        wide = self.estimate(point, spread_out(draws[:, None], point, chance[:, None])[:, 0])
        return made if wide == made else replace(wide, why=(*wide.why, WIDER))

    def frame(self) -> pd.DataFrame:
        rows = [self._row(m, g) for m in range(len(self.maps)) for g in range(len(self.groups))]
        numbers = [name for name in rows[0] if name not in ("map", "group")]
        return pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))

    def _row(self, m: int, g: int) -> dict[str, Any]:
        row: dict[str, Any] = {"map": self.maps[m], "group": self.groups[g]}
        row["residents"] = float(self.city.residents[0, g])
        none = Estimate(None)
        small = self.small(g)
        exposure = none if small else self.estimate(self.city.exposure(m, g), self.drawn.exposure(m, g))
        share = none if small else self.estimate(self.city.share(m, g), self.drawn.share(m, g))
        ratio = none if small or g == self.reference else self.ratio(m, g)
        for name, ends, made in (
            ("exposure", ("low", "high"), exposure),
            ("attended_share", ("attended_low", "attended_high"), share),
            ("ratio", ("ratio_low", "ratio_high"), ratio),
        ):
            row |= {name: made.value, ends[0]: made.low, ends[1]: made.high}
        return row

    def findings(self) -> tuple[Finding, ...]:
        others = [g for g in range(len(self.groups)) if g != self.reference]
        ratios = [self._ratio_finding(m, g) for m in range(len(self.maps)) for g in others]
        return (*ratios, *(self._relative_finding(m, g) for m in range(1, len(self.maps)) for g in others))

    def _ratio_finding(self, m: int, g: int) -> Finding:
        name, group, reference = self.maps[m], self.groups[g], self.groups[self.reference]
        made = self._small(g) if self.small(g) else self.ratio(m, g)
        hours = self.city.hours[0, m, [g, self.reference]]
        if made.value is None and not made.why:
            made = Estimate(None, why=(_undefined(group, reference, *hours),))
        bound = self.threshold if m == 0 else None
        passes = None
        why = list(made.why)
        if bound is not None:
            passes = _passes(made.value, hours, bound.value) if not self.small(g) else None
            if passes is not None and _reaches_both_sides(made, bound.value):
                why.append(
                    "The interval reaches to both sides of the threshold: the other verdict is possible too."
                )
        return Finding(
            id=f"exposure_ratio/{name}/{group}",
            measure="exposure ratio",
            subject=f"{in_words(group)} to {in_words(reference)} residents, {_map_words(name)}",
            value=made.value,
            low=made.low,
            high=made.high,
            level=self.level,
            threshold=bound,
            passes=passes,
            limits=(*why, *self._few_blocks(m), *_limits(carried=self.carried)),
            details=self._details(m, g),
        )

    def _relative_finding(self, m: int, g: int) -> Finding:
        name, group, reference = self.maps[m], self.groups[g], self.groups[self.reference]
        made = self._small(g)
        if not self.small(g):
            chance = self.chance
            by_chance = None if chance is None else divide(chance[:, 0, g], chance[:, m, g])
            made = self.spread_out(self._against(self.city, m, g), self._against(self.drawn, m, g), by_chance)
        if made.value is None and not made.why:
            made = Estimate(None, why=("One of the two ratios is not defined.",))
        return Finding(
            id=f"exposure_ratio_against/{name}/{group}",
            measure="exposure ratio of the plan as a multiple of another's",
            subject=f"{in_words(group)} to {in_words(reference)} residents, the plan against {in_words(name)}",
            value=made.value,
            low=made.low,
            high=made.high,
            level=self.level,
            limits=(*made.why, *self._few_blocks(0), *_limits(carried=self.carried)),
            details=self._named(m, g),
        )

    def _against(self, sums: Sums, m: int, g: int) -> Floats:
        return divide(sums.ratio(0, g, self.reference), sums.ratio(m, g, self.reference))

    def _named(self, m: int, g: int) -> dict[str, Any]:
        names = {"map": self.maps[m], "group": self.groups[g], "reference": self.groups[self.reference]}
        return {**names, "blocks": self.blocks}

    def _details(self, m: int, g: int) -> dict[str, Any]:
        if self.small(g):
            return self._named(m, g)
        pair = {"group": g, "reference": self.reference}
        return {
            **self._named(m, g),
            "residents": {k: float(self.city.residents[0, i]) for k, i in pair.items()},
            "hours_per_resident": {k: float(self.city.exposure(m, i)[0]) for k, i in pair.items()},
            "attended_share": {k: float(self.city.share(m, i)[0]) for k, i in pair.items()},
        }

    def _small(self, g: int) -> Estimate:
        group = in_words(self.groups[g])
        why = f"The study area has fewer than {FEWEST_RESIDENTS} {group} residents: too few for a mean."
        return Estimate(None, why=(why,))

    def _few_blocks(self, m: int) -> tuple[str, ...]:
        if self.blocks >= FEW_BLOCKS:
            return ()
        return (
            f"There are only {self.blocks} blocks with residents: the interval is rough, and likely too narrow.",
        )


def _map_words(name: str) -> str:
    return "under the plan" if name == PLAN else f"under {in_words(name)}"


def _undefined(group: str, reference: str, of_group: float, of_reference: float) -> str:
    if of_group == 0 and of_reference == 0:
        return f"Neither {in_words(group)} nor {in_words(reference)} residents have presence in their cells: no ratio."
    others = f"{in_words(group)} residents do"
    return f"No {in_words(reference)} resident has presence in their cell, while {others}: no ratio."


def _passes(value: float | None, hours: Floats, threshold: float) -> bool | None:
    """Whether a ratio keeps within the threshold; presence for one group alone is beyond any, for neither undecided."""
    if value is not None:
        return 1 / threshold <= value <= threshold
    return None if np.all(hours == 0) else False


def _reaches_both_sides(made: Estimate, threshold: float) -> bool:
    if made.value is None or (made.low is None and made.high is None):
        return False
    low = 0.0 if made.low is None else made.low
    high = np.inf if made.high is None else made.high
    return any(low < bound < high for bound in (1 / threshold, threshold))


def equal_hours(grid: Grid, total: float) -> Floats:
    """`total` hours spread evenly, the same in every cell, shape (n_cells,): every resident is exposed alike."""
    return np.full(len(grid), total / len(grid))


def hours_by_population(population: pd.DataFrame, total: float) -> Floats:
    """`total` hours spread in proportion to the residents of all groups together, shape (n_cells,).

    Raises
    ------
    NotEnoughDataError
        There are no residents.
    """
    people = population.to_numpy(dtype=float).sum(axis=1)
    if not people.sum() > 0:
        msg = "a grid without residents was given to spread hours by residents"
        raise NotEnoughDataError(msg, hint="population_by_cell(areas, grid)")
    return np.asarray(total * people / people.sum())
