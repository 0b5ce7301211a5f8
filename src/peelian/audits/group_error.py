"""Error of a forecast by decile of each group's share of residents, and where the average resident of a group lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from peelian.audits.alternatives import Rule
from peelian.audits.error_sums import COLUMNS, OF_FORECAST, by_part, height_sums, place_sums
from peelian.audits.estimates import Estimate
from peelian.audits.many import holm
from peelian.audits.part_errors import QUANTITIES, PartErrors, Slopes
from peelian.audits.share_deciles import PARTS, Deciles

__all__ = ["SHOWN", "City", "GroupErrors", "Settings", "group_errors", "with_adjusted"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHOWN = ("observed_expected", "error", "coverage_gap", "pit_mean", "false_alarm", "miss")
"""Quantities of each part of the city."""


@dataclass(frozen=True)
class Settings:
    """How intervals are made.

    Parameters
    ----------
    level : float
        Of intervals.
    interval : float
        Of the predictive interval that is tried.
    replicates, seed : int
    """

    level: float = 0.95
    interval: float = 0.9
    replicates: int = 2000
    seed: int = 0


@dataclass(frozen=True, eq=False)
class City:
    """What a forecast is audited on.

    Parameters
    ----------
    observed : array of int, shape (n_periods, n_cells)
    area : array of float, shape (n_cells,)
        In km2.
    block, run : array of int, shape (n_cells,) and (n_periods,)
        What is resampled.
    residents : pandas.DataFrame, shape (n_cells, n_groups)
        Groups that have enough residents.
    deciles : list of Deciles
        One a group.
    """

    observed: Ints
    area: Floats
    block: Ints
    run: Ints
    residents: pd.DataFrame
    deciles: list[Deciles]


@dataclass(frozen=True, eq=False)
class GroupErrors:
    """Errors of one rule.

    Parameters
    ----------
    rule : Rule
    whole : PartErrors
        Of the whole city, its only part.
    by_decile : dict of str to PartErrors
        By group, ten parts each.
    by_group : PartErrors
        Each group is a part: places count by the group's residents in them.
    slopes : dict of str to Slopes
        By group, ten parts each; ``""`` is the whole city. Empty without a distribution.
    deciles : list of Deciles
    """

    rule: Rule
    whole: PartErrors
    by_decile: dict[str, PartErrors]
    by_group: PartErrors
    slopes: dict[str, Slopes]
    deciles: list[Deciles]

    def city_row(self) -> dict[str, Any]:
        """The whole city in a row."""
        return {"rule": self.rule.name, **_row(self.whole, self.slopes.get(""), 0)}

    def decile_rows(self) -> list[dict[str, Any]]:
        """One row a group and decile, the lowest share first."""
        rows = []
        for cut in self.deciles:
            parts = self.by_decile[cut.group]
            for d, told in enumerate(cut.frame.to_dict("records")):
                head = {"rule": self.rule.name, "group": cut.group, **{str(k): v for k, v in told.items()}}
                rows.append({**head, **_row(parts, self.slopes.get(cut.group), d)})
        return rows

    def group_rows(self, groups: Sequence[str], residents: Floats) -> list[dict[str, Any]]:
        """One row a group: what holds where its average resident lives."""
        found = []
        for g, group in enumerate(groups):
            row = _row(self.by_group, None, g)
            # Sums that were weighted by residents are of no unit that a reader knows.
            for name in ("places", "seen", "expected"):
                row.pop(name)
            found.append({"rule": self.rule.name, "group": group, "residents": float(residents[g]), **row})
        return found


def group_errors(rule: Rule, city: City, settings: Settings) -> GroupErrors:
    """Add up and resample the errors of a rule.

    Parameters
    ----------
    rule : Rule
    city : City
    settings : Settings
        All rules have to share them: then they share the resampled cities.
    """
    values = place_sums(rule, city.observed, city.area, city.run, interval=settings.interval)
    columns = COLUMNS if rule.forecast is None else (*COLUMNS, *OF_FORECAST)
    cells = city.observed.shape[1]

    def made(weights: sparse.csr_array) -> PartErrors:
        return PartErrors.of(
            by_part(values, city.block, weights),
            columns,
            level=settings.level,
            replicates=settings.replicates,
            seed=settings.seed,
        )

    cuts = {cut.group: _indicator(cut.number) for cut in city.deciles}
    lived = sparse.csr_array(city.residents.to_numpy(dtype=float).T)
    return GroupErrors(
        rule,
        made(sparse.csr_array(np.ones((1, cells)))),
        {group: made(weights) for group, weights in cuts.items()},
        made(lived),
        _slopes(rule, city, settings),
        city.deciles,
    )


def _slopes(rule: Rule, city: City, settings: Settings) -> dict[str, Slopes]:
    if rule.forecast is None:
        return {}
    numbers = [cut.number for cut in city.deciles]
    sums, height = height_sums(rule, city.observed, city.block, city.run, numbers, parts=PARTS)
    whole, _ = height_sums(rule, city.observed, city.block, city.run, [np.zeros_like(city.block)], parts=1)
    named = zip(["", *(cut.group for cut in city.deciles)], [*whole, *sums], strict=True)
    return {
        group: Slopes.of(
            one, height, level=settings.level, replicates=settings.replicates, seed=settings.seed
        )
        for group, one in named
    }


def _indicator(number: Ints) -> sparse.csr_array:
    held = np.flatnonzero(number >= 0)
    return sparse.csr_array((np.ones(held.size), (number[held], held)), shape=(PARTS, number.size))


def _row(parts: PartErrors, slopes: Slopes | None, part: int) -> dict[str, Any]:
    """Every quantity of a part of the city, NaN where there is none."""
    row: dict[str, Any] = {name: parts.total(name, part) for name in ("places", "seen", "expected")}
    for name in SHOWN:
        quantity = QUANTITIES[name]
        made = parts.estimate(quantity, part) if parts.has(quantity) else Estimate(None)
        row |= _told(name, made)
    if parts.has(QUANTITIES["pit_mean"]):
        held = parts.total("places", part)
        row["coverage"] = parts.total("held", part) / held if held > 0 else np.nan
        row["coverage_expected"] = parts.total("chance", part) / held if held > 0 else np.nan
        row["pit_p"] = parts.uniformity(part)[0]
    else:
        row |= dict.fromkeys(("coverage", "coverage_expected", "pit_p"), np.nan)
    slope = Estimate(None) if slopes is None else slopes.slope(part)
    row |= _told("slope", slope)
    intercept = None if slopes is None else slopes.intercept(part)
    row["intercept"] = np.nan if intercept is None else intercept
    return row


def _told(name: str, made: Estimate) -> dict[str, float]:
    ends = {name: made.value, f"{name}_low": made.low, f"{name}_high": made.high}
    return {key: np.nan if value is None else value for key, value in ends.items()}


def with_adjusted(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with ``pit_p_adjusted``: for all deciles and groups of the method in use together, and of counting."""
    adjusted = np.full(len(frame), np.nan)
    for rule in frame["rule"].unique():
        own = (frame["rule"] == rule).to_numpy()
        adjusted[own] = holm(frame.loc[own, "pit_p"].to_numpy(dtype=float))
    return frame.assign(pit_p_adjusted=adjusted)
