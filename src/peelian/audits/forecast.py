"""Audit of a forecast: for whom it was wrong, by how much, and what another rule would have done.

Forecasts of past periods are held against what came, by tenths of the residents ordered by a group's share where they
live, and where the average resident of each group lives. Beside the method in use stand other ways to pick as much
area. All of it is about reports and places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.alternatives import METHOD, rules
from peelian.audits.base import ECOLOGICAL, Audit, plain_rows
from peelian.audits.blocks import spatial_blocks
from peelian.audits.exposure_inputs import FEWEST_RESIDENTS
from peelian.audits.finding import Finding, Threshold
from peelian.audits.forecast_findings import Judged, findings_of
from peelian.audits.forecast_words import sentences_of
from peelian.audits.group_error import City, GroupErrors, Settings, group_errors, with_adjusted
from peelian.audits.retrospect import Retrospect
from peelian.audits.rule_table import rule_table
from peelian.audits.share_deciles import deciles_of_share, residents_of
from peelian.audits.two_way import FEWEST_RUNS, runs_of
from peelian.audits.words import in_words, listed
from peelian.errors import NotEnoughDataError, UsageError
from peelian.trials.bootstrap import default_block

__all__ = ["FORECAST_LIMITS", "ForecastAudit", "forecast_audit"]

Floats = npt.NDArray[np.float64]

FORECAST_LIMITS = (
    ECOLOGICAL,
    (
        "Reports were measured, not incidents: where fewer incidents are reported, a forecast that agrees with reports "
        "falls short of what happened, and no number here shows it."
    ),
    (
        "Residents were spread evenly over each area; where they live within it is not known. Residents are not those "
        "present: visitors and passers-by are not counted."
    ),
    (
        "Rates of misses and false alarms differ between areas with many and with few reports even where the forecast "
        "is right everywhere; no forecast can make calibration and both rates alike as long as reports differ "
        "(Kleinberg, Mullainathan and Raghavan 2016, Inherent trade-offs in the fair determination of risk scores; "
        "Chouldechova 2017, Fair prediction with disparate impact, Big Data 5)."
    ),
    (
        "Forecasts were made again for past periods, with the records as they are now: a report that came in late was "
        "known early, and what officers did with earlier forecasts is in the reports."
    ),
    (
        "Intervals tell how far a number would move with other blocks of the map and other periods like these. They "
        "leave out error in the numbers of residents."
    ),
)
"""What no audit of a forecast can tell, whatever it finds."""


@dataclass(frozen=True, eq=False)
class ForecastAudit(Audit):
    """What `forecast_audit` found.

    Parameters
    ----------
    deciles : pandas.DataFrame
        One row a rule, group and decile of the group's share: ``rule``, ``group``, ``decile``, ``share_from``,
        ``share_to``, ``cells``, ``residents``, ``group_residents``, ``places`` (place-periods), ``seen``,
        ``expected``, and with ``_low`` and ``_high`` each ``observed_expected``, ``error`` (mean absolute error of a
        place in a period), ``coverage_gap`` (counts in their interval less those that should be, each expected report
        counting the same), ``pit_mean``, ``false_alarm``, ``miss`` and ``slope``; ``intercept``, ``coverage`` and
        ``coverage_expected`` (shares of place-periods), ``pit_p`` and ``pit_p_adjusted``. NaN where there is none.
    groups : pandas.DataFrame
        One row a rule and group, where places count by the group's residents: ``rule``, ``group``, ``residents`` and
        the same quantities.
    rules : pandas.DataFrame
        One row a rule: see `peelian.audits.rule_table.rule_table`.
    pit : pandas.DataFrame
        ``rule``, ``group`` (``""`` is the whole city), ``decile``, ``bin`` and ``share``.
    city : dict
        The method in use in the whole city, and what was left out of the deciles.
    settings : dict
    judged : Judged
        Findings, how many comparisons there are and how many of them stand out.
    said, what_not : tuple of str
        `sentences` and `limits`.
    """

    deciles: pd.DataFrame
    groups: pd.DataFrame
    rules: pd.DataFrame
    pit: pd.DataFrame
    city: Mapping[str, Any]
    settings: Mapping[str, Any]
    judged: Judged
    said: tuple[str, ...]
    what_not: tuple[str, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Comparisons between areas first, those that stand out most at the top; then the whole city and the rules."""
        return self.judged.findings

    @property
    def limits(self) -> tuple[str, ...]:
        """What it can't tell."""
        return self.what_not

    @property
    def frame(self) -> pd.DataFrame:
        """Deciles of the method in use."""
        return self.deciles[self.deciles["rule"] == METHOD].reset_index(drop=True)

    def sentences(self) -> list[str]:
        """What was found and how sure that is."""
        return list(self.said)

    def to_dict(self) -> dict[str, Any]:
        """As plain values; the deciles of the other rules and the transforms are in their tables."""
        return {
            **super().to_dict(),
            "settings": dict(self.settings),
            "city": dict(self.city),
            "deciles": plain_rows(self.frame),
            "groups": plain_rows(self.groups),
            "rules": plain_rows(self.rules),
            "others": plain_rows(self._others()),
            "whole_pit": [float(v) for v in self.pit.loc[self._whole_pit(), "share"]],
            "comparisons": self.judged.comparisons,
            "stand_out": self.judged.stand_out,
        }

    def _others(self) -> pd.DataFrame:
        """By decile what can be told of every rule, but for the method in use, whose deciles are told in full."""
        told = ["observed_expected", "false_alarm", "miss"]
        ends = [f"{name}{end}" for name in told for end in ("", "_low", "_high")]
        return self.deciles.loc[self.deciles["rule"] != METHOD, ["rule", "group", "decile", *ends]]

    def _whole_pit(self) -> pd.Series:
        return (self.pit["rule"] == METHOD) & (self.pit["group"] == "")


def forecast_audit(
    used: Retrospect,
    *,
    population: pd.DataFrame,
    reference: str | None = None,
    total: str | None = None,
    counting: Retrospect | None = None,
    last_year: Floats | None = None,
    unplaced: int = 0,
    level: float = 0.95,
    interval: float = 0.9,
    block_km: float = 1.0,
    replicates: int = 2000,
    seed: int = 0,
    thresholds: Mapping[str, Threshold] | None = None,
) -> ForecastAudit:
    """Hold forecasts of past periods against what came, by group, beside other ways to pick as much area.

    Parameters
    ----------
    used : Retrospect
        The method that is audited (`look_back`).
    population : pandas.DataFrame, shape (n_cells, n_groups)
        Residents of each cell by group (`population_by_cell`).
    reference : str, optional
        The group that others are compared with; the first when not given.
    total : str, optional
        The column that holds all residents; the sum of the groups when not given.
    counting : Retrospect, optional
        Counting, of the same periods.
    last_year : array of float, shape (n_periods, n_cells), optional
        Reports of the same period a year before (`year_before`).
    unplaced : int
        Reports of these periods without a place: they may have been anywhere, which bounds findings.
    level : float
        Of intervals.
    interval : float
        Level of the forecast's own interval that is tried.
    block_km : float
        Side of the squares of the map that are resampled.
    replicates, seed : int
    thresholds : mapping of str to Threshold, optional
        By measure.

    Raises
    ------
    UsageError
        A setting is off, there is no group, or forecasts are not of the same periods.
    DataError
        Residents are negative or unknown, or a group has more than there are.
    NotEnoughDataError
        Nobody lives there, or the reference group has fewer than 100 residents.

    Notes
    -----
    Intervals are of a bootstrap of whole blocks of the map over all periods, widened by what runs of periods have in
    common: see `peelian.audits.two_way`. All numbers share the resampled cities.
    """
    _check(level, interval, replicates, unplaced)
    residents, everybody = residents_of(population, len(used.grid), total=total)
    named = reference if reference is not None else str(residents.columns[0])
    _check_reference(residents, named)
    enough = [g for g in residents.columns if residents[g].sum() >= FEWEST_RESIDENTS]
    small = [g for g in residents.columns if g not in enough]
    settings = Settings(level, interval, replicates, seed)
    run = runs_of(len(used.splits), default_block(len(used.splits)))
    runs = int(run[-1]) + 1
    city = City(
        used.observed,
        used.grid.area,
        spatial_blocks(used.grid, block_km=block_km),
        run,
        residents[enough],
        [deciles_of_share(residents[g].to_numpy(), everybody, group=g) for g in enough],
    )
    every = rules(used, everybody=everybody, counting=counting, last_year=last_year)
    errors = [group_errors(rule, city, settings) for rule in every]
    table = rule_table(
        errors, city, settings, grid=used.grid, groups=residents[enough], reference=named, block_km=block_km
    )
    judged = findings_of(
        errors[0],
        table,
        reference=named,
        small=small,
        unplaced=unplaced,
        level=level,
        thresholds=thresholds or {},
    )
    whole = _city(used, errors[0], everybody, city, unplaced)
    deciles = with_adjusted(pd.DataFrame([row for one in errors for row in one.decile_rows()]))
    lived = residents[enough].sum().to_numpy()
    groups = pd.DataFrame([row for one in errors for row in one.group_rows(enough, lived)])
    return ForecastAudit(
        deciles,
        groups,
        table.frame,
        _pits(errors),
        whole,
        {
            "method": used.method,
            "title": used.title,
            "reference": named,
            "groups": enough,
            "coverage": used.coverage,
            "level": level,
            "interval": interval,
            "block_km": float(block_km),
            "blocks": int(city.block.max()) + 1,
            "runs": runs,
            "widened": runs >= FEWEST_RUNS,
            "replicates": replicates,
            "seed": seed,
        },
        judged,
        tuple(sentences_of(judged, whole, table, level=level)),
        (*_left_out(whole, small, counting, last_year, runs=runs), *FORECAST_LIMITS),
    )


def _city(
    used: Retrospect, errors: GroupErrors, everybody: Floats, city: City, unplaced: int
) -> dict[str, Any]:
    """The method in the whole city, and what lies outside of every decile."""
    empty = everybody <= 0
    row = plain_rows(pd.DataFrame([errors.city_row()]))[0]
    return {
        **row,
        "periods": len(used.splits),
        "from": str(used.splits[0].test.start),
        "to": str(used.splits[-1].test.end),
        "cells": len(used.grid),
        "area_km2": float(used.grid.area.sum()),
        "reports": int(used.observed.sum()),
        "reports_without_place": int(unplaced),
        "cells_without_residents": int(empty.sum()),
        "reports_without_residents": int(used.observed[:, empty].sum()),
        "expected_without_residents": float(used.mean[:, empty].sum()),
        "residents": float(everybody.sum()),
    }


def _pits(errors: list[GroupErrors]) -> pd.DataFrame:
    rows = []
    for one in errors:
        if one.rule.forecast is None:
            continue
        parts = [("", 0, one.whole.pit(0))]
        parts += [(g, d + 1, made.pit(d)) for g, made in one.by_decile.items() for d in range(10)]
        rows += [
            {"rule": one.rule.name, "group": g, "decile": d, "bin": k + 1, "share": float(share)}
            for g, d, shares in parts
            for k, share in enumerate(shares)
        ]
    return pd.DataFrame(rows)


def _left_out(
    whole: Mapping[str, Any],
    small: list[str],
    counting: Retrospect | None,
    last_year: Floats | None,
    *,
    runs: int,
) -> list[str]:
    """What this audit in particular lacks."""
    said = []
    if whole["cells_without_residents"]:
        said.append(
            f"{whole['cells_without_residents']:,} of {whole['cells']:,} places have no residents and are in no tenth; "
            f"{whole['reports_without_residents']:,} reports came there and "
            f"{whole['expected_without_residents']:,.1f} were expected."
        )
    if whole["reports_without_place"]:
        said.append(
            f"{whole['reports_without_place']:,} reports of these periods have no place. They may have come from "
            "anywhere: each comparison of reports and expected ones by a group's share tells how far they could move "
            "it. The other numbers are of reports with a place alone."
        )
    if small:
        named = listed([in_words(group) for group in small])
        said.append(f"Groups with fewer than {FEWEST_RESIDENTS} residents have no numbers: {named}.")
    if runs < FEWEST_RUNS:
        said.append(
            f"{whole['periods']} periods are too few to tell what they have in common: intervals are of blocks of the "
            "map alone, as if every other period were like these, and likely too narrow."
        )
    if counting is None:
        said.append("The method counts and nothing else, so that there is no other counting beside it.")
    if last_year is None:
        said.append("Records don't reach back a year before the first period: last year's map is left out.")
    return said


def _check(level: float, interval: float, replicates: int, unplaced: int) -> None:
    for name, given in (("level", level), ("interval", interval)):
        if not 0 < given < 1:
            msg = f"a {name} of {given} was given; expected a share between 0 and 1"
            raise UsageError(msg, hint=f"{name}=0.95")
    if replicates < 100 or unplaced < 0:
        msg = (
            f"{replicates} replicates and {unplaced} reports without a place were given; expected at least 100, and "
            "at least 0"
        )
        raise UsageError(msg, hint="replicates=2000, unplaced=0")


def _check_reference(residents: pd.DataFrame, reference: str) -> None:
    if reference not in residents:
        msg = f"{reference!r} was given as the reference; the groups are {', '.join(map(str, residents.columns))}"
        raise UsageError(msg, hint="name one of the groups")
    held = float(residents[reference].sum())
    if held < FEWEST_RESIDENTS:
        msg = f"the reference group {reference!r} has {held:.0f} residents; expected at least {FEWEST_RESIDENTS}"
        raise NotEnoughDataError(msg, hint="compare with a larger group")
