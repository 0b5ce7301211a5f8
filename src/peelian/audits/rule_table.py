"""The rules side by side: how many reports each held in as much area, and whose places it picked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.estimates import Estimate, divide
from peelian.audits.exposure import exposure_audit
from peelian.audits.group_error import City, GroupErrors, Settings
from peelian.audits.many import holm
from peelian.audits.part_errors import QUANTITIES, Contrast, PartErrors, contrast_of
from peelian.audits.two_way import effective_blocks
from peelian.places.grid import Grid

__all__ = ["RuleTable", "rule_table"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RuleTable:
    """Rules side by side.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a rule, the method in use first: ``rule``, ``title``, ``area_share`` (picked), ``hits`` and ``seen``
        (reports), with ``_low`` and ``_high`` each ``hit_rate``, ``pai`` (hit rate over share of the area),
        ``false_alarm``, ``gain`` (the method's hit rate less this rule's, within the same resampled cities) and, for
        each group, ``attended/GROUP`` (share of the periods in which the place of its average resident is picked) and
        ``ratio/GROUP`` (that in proportion to the reference group's); ``p`` and ``p_adjusted`` of the gain.
    gains : dict of str to Contrast
        By rule.
    """

    frame: pd.DataFrame
    gains: dict[str, Contrast]


def rule_table(
    errors: Sequence[GroupErrors],
    city: City,
    settings: Settings,
    *,
    grid: Grid,
    groups: pd.DataFrame,
    reference: str,
    block_km: float,
) -> RuleTable:
    """Put rules side by side.

    Parameters
    ----------
    errors : sequence of GroupErrors
        The method in use first.
    city : City
    settings : Settings
    grid : Grid
    groups : pandas.DataFrame, shape (n_cells, n_groups)
        Residents; exposure takes two groups at least.
    reference : str
    block_km : float
    """
    exposed = _exposure(errors, settings, grid, groups, reference, block_km)
    gains = {one.rule.name: _gain(errors[0], one, settings) for one in errors[1:]}
    p = [gains[one.rule.name].p if one.rule.name in gains else np.nan for one in errors]
    adjusted = holm(p)
    rows = []
    area = float(city.area.sum()) * city.observed.shape[0]
    for k, one in enumerate(errors):
        share = one.whole.total("area", 0) / area
        hit_rate = one.whole.estimate(QUANTITIES["hit_rate"], 0)
        row: dict[str, Any] = {
            "rule": one.rule.name,
            "title": one.rule.title,
            "area_share": share,
            "hits": one.whole.total("hits", 0),
            "seen": one.whole.total("seen", 0),
            **_told("hit_rate", hit_rate),
            **_told("pai", hit_rate, factor=1 / share),
            **_told("false_alarm", one.whole.estimate(QUANTITIES["false_alarm"], 0)),
            **_told("gain", gains[one.rule.name].made if k else Estimate(None)),
            "p": p[k],
            "p_adjusted": float(adjusted[k]),
            **exposed.get(one.rule.name, {}),
        }
        rows.append(row)
    return RuleTable(pd.DataFrame(rows), gains)


def _gain(used: GroupErrors, other: GroupErrors, settings: Settings) -> Contrast:
    """Hit rate of the method less that of another rule, with both in the same resampled cities."""
    seen, ours, theirs = (
        _columns(used.whole, "seen"),
        _columns(used.whole, "hits"),
        _columns(other.whole, "hits"),
    )
    drawn = used.whole.drawn
    both = drawn.beside(other.whole.drawn)
    k = drawn.total.size

    def against(sums: Floats) -> Floats:
        return divide(sums[:, ours] - sums[:, k + theirs], sums[:, seen])

    ends = tuple(one.estimate(QUANTITIES["hit_rate"], 0).value for one in (used.whole, other.whole))
    effective = effective_blocks(used.whole.by_block[:, seen])
    return contrast_of(both, against, (ends[0], ends[1]), effective, settings.level, ratio=False)


def _columns(parts: PartErrors, name: str) -> int:
    return parts.columns.index(name)


def _exposure(
    errors: Sequence[GroupErrors],
    settings: Settings,
    grid: Grid,
    groups: pd.DataFrame,
    reference: str,
    block_km: float,
) -> dict[str, dict[str, float]]:
    """Whose places each rule picks, by the same measure as the hours of a plan."""
    if groups.shape[1] < 2:
        return {}
    picked = {one.rule.name: one.rule.picked.mean(axis=0) for one in errors}
    first, *others = picked
    found = exposure_audit(
        picked[first],
        grid=grid,
        population=groups,
        reference=reference,
        comparisons={name: picked[name] for name in others},
        level=settings.level,
        block_km=block_km,
        replicates=settings.replicates,
        seed=settings.seed,
    ).frame
    names = dict(zip(found["map"].unique(), picked, strict=True))
    told: dict[str, dict[str, float]] = {name: {} for name in picked}
    for row in found.to_dict("records"):
        group = row["group"]
        told[names[row["map"]]] |= {
            f"attended/{group}": row["exposure"],
            f"attended/{group}_low": row["low"],
            f"attended/{group}_high": row["high"],
            f"ratio/{group}": row["ratio"],
            f"ratio/{group}_low": row["ratio_low"],
            f"ratio/{group}_high": row["ratio_high"],
        }
    return told


def _told(name: str, made: Estimate, *, factor: float = 1.0) -> dict[str, float]:
    ends = {name: made.value, f"{name}_low": made.low, f"{name}_high": made.high}
    return {key: np.nan if value is None else value * factor for key, value in ends.items()}
