"""Whose place is attended: exposure of a plan by population group, per resident.

Presence has a price for those who live with it, and its absence too. The audit asks how many hours of
planned presence a resident of each group has in the cell where they live, on average, and how the groups
compare. It puts the same figures beside it for other ways to spend the same hours, since a ratio means
little alone.

For hours h and residents p of a group in each cell c, exposure is ``sum(h * p) / sum(p)``. It is an
average over places, weighted by who lives there. It holds no record of any person.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.blocks import resampled_sums, spatial_blocks
from peelian.audits.estimates import Estimate, divide, estimate
from peelian.audits.finding import Finding, Threshold
from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.places.grid import Grid

__all__ = ["LIMITS", "ExposureAudit", "equal_hours", "exposure_audit", "hours_by_population"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PLAN = "plan"

#: A mean over fewer residents than these says little, and may say it about someone.
FEWEST_RESIDENTS = 100

#: With fewer blocks than these a bootstrap interval is rough.
FEW_BLOCKS = 10

#: What no exposure audit can tell, whatever it finds.
LIMITS = (
    (
        "Areas were measured, not residents: what holds between areas need not hold for those who live in them "
        "(Robinson 1950, Ecological correlations and the behavior of individuals, American Sociological Review 15)."
    ),
    "Residents were spread evenly over each neighborhood by area; where they live within it is not known.",
    "Residents are not those present: visitors, workers and passers-by are exposed too and are not counted.",
    "Hours are planned hours in a resident's own cell. They don't tell what is done there, nor how it is received.",
    (
        "The interval tells how far the number would move with other blocks like these. It leaves out error in the "
        "numbers of residents and in the forecast."
    ),
)


@dataclass(frozen=True, eq=False)
class ExposureAudit:
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
    frame: pd.DataFrame
    findings: tuple[Finding, ...]
    limits: tuple[str, ...] = LIMITS

    @property
    def passes(self) -> bool | None:
        """Whether every finding that was held against a threshold kept within it; None when none was."""
        held = [finding.passes for finding in self.findings if finding.passes is not None]
        return all(held) if held else None

    def to_dict(self) -> dict[str, Any]:
        """As plain values; a number that there is not is None."""
        rows = [
            {str(k): None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()}
            for row in self.frame.to_dict("records")
        ]
        return {
            "reference": self.reference,
            "level": self.level,
            "block_km": self.block_km,
            "blocks": self.blocks,
            "replicates": self.replicates,
            "seed": self.seed,
            "hours": dict(self.hours),
            "rows": rows,
            "findings": [finding.to_dict() for finding in self.findings],
            "passes": self.passes,
            "limits": list(self.limits),
        }

    def _repr_html_(self) -> str:
        sentences = "".join(f"<li>{html.escape(finding.sentence())}</li>" for finding in self.findings)
        limits = "".join(f"<li>{html.escape(limit)}</li>" for limit in self.limits)
        table = self.frame.to_html(index=False, float_format=lambda v: f"{v:.3g}", na_rep="no number")
        return f"{table}<ul>{sentences}</ul><p>What this can't tell:</p><ul>{limits}</ul>"


@dataclass(frozen=True, eq=False)
class _Sums:
    """Totals that everything is made from, of the city (one row) and of each resampled city.

    Shapes: `hours` and `attended` (rows, n_maps, n_groups), `residents` (rows, n_groups).
    """

    hours: Floats
    attended: Floats
    residents: Floats

    def exposure(self, m: int, g: int) -> Floats:
        return divide(self.hours[:, m, g], self.residents[:, g])

    def share(self, m: int, g: int) -> Floats:
        return divide(self.attended[:, m, g], self.residents[:, g])

    def ratio(self, m: int, g: int, reference: int) -> Floats:
        """Infinite where only the reference has no presence; NaN where neither has any, or a group no residents."""
        return divide(self.exposure(m, g), self.exposure(m, reference))


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
    _check_settings(level, threshold)
    people = _residents(population, grid, reference)
    groups = [str(c) for c in population.columns]
    maps = _maps(hours_by_cell, comparisons or {}, len(grid))
    block = spatial_blocks(grid, block_km=block_km)
    city, drawn, blocks = _resample(people, list(maps.values()), block, replicates, seed)
    audit = _Audit(city, drawn, blocks, groups, groups.index(reference), list(maps), level, threshold)
    return ExposureAudit(
        reference=reference,
        level=level,
        block_km=float(block_km),
        blocks=blocks,
        replicates=replicates,
        seed=seed,
        hours={name: float(hours.sum()) for name, hours in maps.items()},
        frame=audit.frame(),
        findings=audit.findings(),
    )


def _resample(
    people: Floats, maps: Sequence[Floats], block: Ints, replicates: int, seed: int
) -> tuple[_Sums, _Sums, int]:
    """Sums of the city and of each resampled city, and the number of blocks with residents."""
    n_groups, n_maps = people.shape[1], len(maps)
    parts = (
        [hours[:, None] * people for hours in maps]
        + [(hours > 0)[:, None] * people for hours in maps]
        + [people]
    )
    by_cell = np.concatenate(parts, axis=1)
    used, number = np.unique(block[people.sum(axis=1) > 0], return_inverse=True)
    sums = np.zeros((used.size, by_cell.shape[1]))
    np.add.at(sums, number, by_cell[people.sum(axis=1) > 0])

    def of(totals: Floats) -> _Sums:
        hours, attended, residents = np.split(totals, [n_maps * n_groups, 2 * n_maps * n_groups], axis=1)
        shape = (totals.shape[0], n_maps, n_groups)
        return _Sums(hours.reshape(shape), attended.reshape(shape), residents)

    drawn = resampled_sums(sums, replicates=replicates, seed=seed)
    return of(sums.sum(axis=0, keepdims=True)), of(drawn), int(used.size)


@dataclass(frozen=True, eq=False)
class _Audit:
    """Makes rows and findings from the sums."""

    city: _Sums
    drawn: _Sums
    blocks: int
    groups: list[str]
    reference: int
    maps: list[str]
    level: float
    threshold: Threshold | None

    def small(self, g: int) -> bool:
        return bool(self.city.residents[0, g] < FEWEST_RESIDENTS)

    def estimate(self, point: Floats, draws: Floats) -> Estimate:
        return estimate(float(point[0]), draws, level=self.level, blocks=self.blocks)

    def ratio(self, m: int, g: int) -> Estimate:
        r = self.reference
        return self.estimate(self.city.ratio(m, g, r), self.drawn.ratio(m, g, r))

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
            subject=f"{_words(group)} to {_words(reference)} residents, {_map_words(name)}",
            value=made.value,
            low=made.low,
            high=made.high,
            level=self.level,
            threshold=bound,
            passes=passes,
            limits=(*why, *self._few_blocks(m), *LIMITS),
            details=self._details(m, g),
        )

    def _relative_finding(self, m: int, g: int) -> Finding:
        name, group, reference = self.maps[m], self.groups[g], self.groups[self.reference]
        made = self._small(g)
        if not self.small(g):
            made = self.estimate(self._against(self.city, m, g), self._against(self.drawn, m, g))
        if made.value is None and not made.why:
            made = Estimate(None, why=("One of the two ratios is not defined.",))
        return Finding(
            id=f"exposure_ratio_against/{name}/{group}",
            measure="exposure ratio of the plan as a multiple of another's",
            subject=f"{_words(group)} to {_words(reference)} residents, the plan against {_words(name)}",
            value=made.value,
            low=made.low,
            high=made.high,
            level=self.level,
            limits=(*made.why, *self._few_blocks(0), *LIMITS),
            details=self._named(m, g),
        )

    def _against(self, sums: _Sums, m: int, g: int) -> Floats:
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
        group = _words(self.groups[g])
        why = f"The study area has fewer than {FEWEST_RESIDENTS} {group} residents: too few for a mean."
        return Estimate(None, why=(why,))

    def _few_blocks(self, m: int) -> tuple[str, ...]:
        if self.blocks >= FEW_BLOCKS:
            return ()
        return (
            f"There are only {self.blocks} blocks with residents: the interval is rough, and likely too narrow.",
        )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _map_words(name: str) -> str:
    return "under the plan" if name == PLAN else f"under {_words(name)}"


def _undefined(group: str, reference: str, of_group: float, of_reference: float) -> str:
    if of_group == 0 and of_reference == 0:
        return f"Neither {_words(group)} nor {_words(reference)} residents have presence in their cells: no ratio."
    return f"No {_words(reference)} resident has presence in their cell, while {_words(group)} residents do: no ratio."


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


def _check_settings(level: float, threshold: Threshold | None) -> None:
    if not 0 < level < 1:
        msg = f"a level of {level} was given; expected a share between 0 and 1"
        raise UsageError(msg)
    if threshold is not None and threshold.value < 1:
        msg = f"a threshold of {threshold.value:g} was given for a ratio of burdens; expected at least 1"
        raise UsageError(
            msg, hint="1.25 allows a group a quarter more than another, whichever of the two it is"
        )


def _residents(population: pd.DataFrame, grid: Grid, reference: str) -> Floats:
    groups = [str(c) for c in population.columns]
    if len(set(groups)) < max(len(groups), 2) or reference not in groups:
        msg = (
            f"residents of the groups {', '.join(groups) or 'none'} were given, with {reference!r} as the reference; "
            "expected two groups or more, the reference among them"
        )
        raise UsageError(
            msg, hint="name the population columns of the areas: Areas.read(..., population=[...])"
        )
    if len(population) != len(grid):
        msg = f"residents of {len(population)} cells were given for a grid of {len(grid)}"
        raise UsageError(msg, hint="population_by_cell(areas, grid)")
    people = population.to_numpy(dtype=float)
    if not np.all(np.isfinite(people)) or np.any(people < 0):
        n = int(np.sum(~np.isfinite(people) | (people < 0)))
        msg = f"{n} numbers of residents are negative or unknown; expected at least 0 in every cell"
        raise DataError(msg, hint="an unknown number is not zero: leave those areas out of the study area")
    total = float(people[:, groups.index(reference)].sum())
    if total < FEWEST_RESIDENTS:
        msg = f"the reference group {reference!r} has {total:.0f} residents; expected at least {FEWEST_RESIDENTS}"
        raise NotEnoughDataError(msg, hint="compare with a larger group")
    return people


def _maps(hours: npt.ArrayLike, comparisons: Mapping[str, npt.ArrayLike], n: int) -> dict[str, Floats]:
    if PLAN in comparisons:
        msg = f"a comparison was named {PLAN!r}, which is the name of what is audited"
        raise UsageError(msg, hint="name it after the method, such as 'count_map'")
    maps = {name: np.asarray(given, dtype=float) for name, given in {PLAN: hours, **comparisons}.items()}
    for name, given in maps.items():
        if given.shape != (n,) or not np.all(np.isfinite(given)) or np.any(given < 0):
            msg = f"hours of {name!r} of shape {given.shape} were given; expected {n} numbers of at least 0"
            raise UsageError(msg, hint="use plan.hours, on the plan's own grid")
    return maps


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
