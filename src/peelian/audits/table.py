"""Exposure in any table of units: every area's ratios with intervals that respect space, and what they come to.

It needs nothing but a table with counts and residents: an auditor who has no more than the file can run it, on any
product, and our own plans go through the same functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from peelian.audits.base import ECOLOGICAL, Audit, plain_rows
from peelian.audits.claims import claim_of
from peelian.audits.concentration import concentration
from peelian.audits.exposure_inputs import FEWEST_RESIDENTS
from peelian.audits.finding import Finding, Threshold
from peelian.audits.many import holm
from peelian.audits.persistence import chosen_top, persistence
from peelian.audits.table_words import (
    headline,
    limits_of,
    pooled_sentence,
    rows_of,
    tally_sentences,
)
from peelian.audits.thresholds import keeps_within
from peelian.audits.unit_exposure import UnitExposure, salt_of
from peelian.audits.unit_quality import unit_notes, unit_quality
from peelian.audits.units import Units
from peelian.audits.words import in_words
from peelian.errors import UsageError
from peelian.places.residents import refuse_unknown

__all__ = ["ExposureTable", "Tally", "exposure_table"]

OTHER = "other or unknown"
FEWEST_POOLED = 5
"""Areas without which their mean says nothing of others like them."""


@dataclass(frozen=True)
class Tally:
    """How many ratios are off, by the value alone and by what can be said with an interval.

    Parameters
    ----------
    group : str
        Empty for all groups together.
    ratios, refused : int
        With a number, and without.
    above, below : int
        By the value alone.
    surely_above, surely_below : int
        Those of which the interval leaves out 1.
    corrected : int
        Those that are left when it is taken into account how many were looked at (Holm).
    """

    group: str
    ratios: int
    refused: int
    above: int
    below: int
    surely_above: int
    surely_below: int
    corrected: int


@dataclass(frozen=True, eq=False)
class ExposureTable(Audit):
    """What `exposure_table` found.

    Parameters
    ----------
    reference : str
    groups : tuple of str
        Compared with the reference.
    what : str
        What was counted, as the table calls it.
    ratios : pandas.DataFrame
        A row an area and group: ``by``, ``group``, ``reference``, ``value``, ``low``, ``high``, ``units``,
        ``population`` (residents of the group there), ``exposure`` and ``reference_exposure`` (means over residents),
        ``p``, ``p_corrected``, ``blocks`` (that made the interval), ``margin_share``, ``why``.
    exposures : pandas.DataFrame
        A row an area and group, the reference and those in none too: residents and exposure with its ends.
    denominators : pandas.DataFrame
        The ratios once more, a row each denominator.
    crossed : pandas.DataFrame
        Bounds on intersections, of which only the margins are known.
    concentration, persistence, times : pandas.DataFrame
        See `peelian.audits.concentration` and `peelian.audits.persistence`.
    quality : pandas.DataFrame
        `unit_quality`.
    pooled : pandas.DataFrame
        A row a group: geometric mean of the areas' ratios with its interval, and in how many it is above 1.
    tallies : tuple of Tally
        All groups together first.
    notes : tuple of str
        What was off in the table and what became of it.
    claims : dict
        ``estimand``, ``denominators``, ``warning``, ``intervals``.
    thresholds : mapping of str to Threshold
    level : float
    seed : int
    """

    reference: str
    groups: tuple[str, ...]
    what: str
    ratios: pd.DataFrame
    exposures: pd.DataFrame
    denominators: pd.DataFrame
    crossed: pd.DataFrame
    concentration: pd.DataFrame
    persistence: pd.DataFrame
    times: pd.DataFrame
    quality: pd.DataFrame
    pooled: pd.DataFrame
    tallies: tuple[Tally, ...]
    notes: tuple[str, ...]
    claims: Mapping[str, Any]
    thresholds: Mapping[str, Threshold]
    margins: bool
    ambient: bool
    level: float
    seed: int

    @property
    def frame(self) -> pd.DataFrame:
        """The ratios."""
        return self.ratios

    @property
    def limits(self) -> tuple[str, ...]:
        """What this can't tell."""
        return limits_of(margins=self.margins, ambient=self.ambient)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every ratio, then how concentrated each area's counts are."""
        ratios = tuple(self._ratio(row) for row in rows_of(self.ratios))
        return ratios + tuple(self._concentrated(row) for row in rows_of(self.concentration))

    def _ratio(self, row: Mapping[str, Any]) -> Finding:
        value, low, high = (_number(row[name]) for name in ("value", "low", "high"))
        threshold = self.thresholds.get("exposure_ratio")
        return Finding(
            id=f"exposure_ratio/{row['by']}/{row['group']}",
            measure="exposure ratio",
            subject=f"{in_words(row['group'])} to {in_words(row['reference'])} residents, {row['by']}",
            value=value,
            low=low,
            high=high,
            level=self.level,
            threshold=threshold,
            passes=keeps_within("exposure_ratio", value, threshold),
            limits=tuple(one for one in (row["why"], ECOLOGICAL) if one),
            details={
                name: row[name] for name in ("by", "group", "reference", "units", "population", "blocks")
            },
        )

    def _concentrated(self, row: Mapping[str, Any]) -> Finding:
        name = "gini" if row["measure"] == "gini" else "top_share"
        top = str(row["measure"]).removeprefix("top_")
        said = "Gini coefficient" if name == "gini" else f"share of the counts in the top {top} %"
        value, low, high = (_number(row[key]) for key in ("value", "low", "high"))
        # A bound is on the top 5 % of units: the other measures are told beside it.
        bound = (
            self.thresholds.get(name)
            if row["basis"] == "units" and row["measure"] in ("gini", "top_5")
            else None
        )
        return Finding(
            id=f"{name}/{row['by']}/{row['measure']}/{row['basis']}",
            measure=said,
            subject=f"of {row['basis']}, {row['by']}",
            value=value,
            low=low,
            high=high,
            level=self.level,
            threshold=bound,
            passes=keeps_within(name, value, bound),
            limits=() if value is not None else ("There are no counts, or no residents.",),
            details={"by": row["by"], "basis": row["basis"]},
        )

    def sentences(self) -> list[str]:
        """What was found and how sure that is."""
        said = [headline(self.ratios, self.tallies, reference=self.reference, what=self.what)]
        if self.ratios["by"].nunique() > 1:
            said += tally_sentences(self.tallies)
            said += [pooled_sentence(row, self.reference) for row in rows_of(self.pooled)]
        return said

    def to_dict(self) -> dict[str, Any]:
        """As plain values; ``ratios`` holds a row an area and group.

        Of the findings the ratios are there, and what is held against a threshold; the other ones are in the tables.
        """
        told = [one for one in self.findings if one.threshold or one.id.startswith("exposure_ratio/")]
        tables = ("exposures", "denominators", "crossed", "concentration", "persistence", "quality", "pooled")
        return {
            "sentences": self.sentences(),
            "ratios": plain_rows(self.ratios),
            "findings": [{**one.to_dict(), "sentence": one.sentence()} for one in told],
            "tallies": [dict(vars(one)) for one in self.tallies],
            **{name: plain_rows(getattr(self, name)) for name in tables},
            "reference": self.reference,
            "groups": list(self.groups),
            "what": self.what,
            "level": self.level,
            "seed": self.seed,
            "notes": list(self.notes),
            "claims": dict(self.claims),
            "passes": self.passes,
            "limits": list(self.limits),
        }


def exposure_table(
    units: Units,
    *,
    reference: str,
    what: str = "counts",
    cross: tuple[str, str] | None = None,
    top: float = 0.1,
    thresholds: Mapping[str, Threshold] | None = None,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> ExposureTable:
    """Exposure by group in every area of a table, with concentration, persistence and what is off in the table.

    Parameters
    ----------
    units : Units
        `read_units`.
    reference : str
        The group that the others are compared with.
    what : str
        What is counted, in words.
    cross : (str, str), optional
        Two groups whose intersection is bounded; `units.total` must be known.
    top : float
        With periods: the share of units that counts as chosen, those with the most.
    thresholds : mapping of str to Threshold, optional
    level, replicates, seed
        Of the intervals.

    Raises
    ------
    UsageError
        A setting is off, or a crossing without the number of all residents.
    DataError
        The reference is not a group, or attributes to be crossed have more residents than there are.
    """
    _check(units, reference, cross, level=level, top=top)
    groups = [name for name in units.groups if name != reference]
    parts = [
        UnitExposure.of(units, part, reference=reference, level=level, replicates=replicates, seed=seed)
        for part in units.parts()
    ]
    ratios = pd.DataFrame([_ratio_row(one, group) for one in parts for group in groups])
    ratios["p_corrected"] = holm(ratios["p"].to_numpy(dtype=float))
    stays, times = _persistences(units, parts, top=top, level=level, replicates=replicates, seed=seed)
    quality = unit_quality(units)
    return ExposureTable(
        reference=reference,
        groups=tuple(groups),
        what=what,
        ratios=ratios,
        exposures=pd.DataFrame([row for one in parts for row in _exposure_rows(units, one)]),
        denominators=pd.DataFrame(
            [row for one in parts for g in groups for row in _denominator_rows(one, g)]
        ),
        crossed=pd.DataFrame([_crossed_row(units, one, cross) for one in parts] if cross else []),
        concentration=pd.concat([_concentrated(units, one, level, seed) for one in parts], ignore_index=True),
        persistence=stays,
        times=times,
        quality=quality,
        pooled=pd.DataFrame([row for g in groups for row in _pooled(ratios, g, level)]),
        tallies=tuple(_tally(ratios, group, level) for group in ("", *groups)),
        notes=(
            *units.notes,
            *unit_notes(quality, population=units.total is not None),
            *_refused_notes(ratios),
        ),
        claims=claim_of(what, units.groups, reference, list(units.denominators), level=level),
        thresholds=dict(thresholds or {}),
        margins=bool(units.margins),
        ambient="ambient" in units.denominators,
        level=level,
        seed=seed,
    )


def _check(units: Units, reference: str, cross: tuple[str, str] | None, *, level: float, top: float) -> None:
    refuse_unknown(reference, units.groups)
    if not 0 < level < 1 or not 0 < top < 1:
        msg = f"a level of {level} and a top of {top} were given; expected shares between 0 and 1"
        raise UsageError(msg, hint="--level 0.95 --top 0.1")
    if cross is None:
        return
    for name in cross:
        refuse_unknown(name, units.groups)
    if units.total is None or cross[0] == cross[1]:
        msg = f"{cross[0]} and {cross[1]} were to be crossed; expected two groups, and the number of all residents"
        raise UsageError(msg, hint="--cross A,B --population COLUMN")


def _ratio_row(one: UnitExposure, group: str) -> dict[str, Any]:
    made = one.ratio(group)
    exposure = [one.exposure(name).value for name in (group, one.groups[0])]
    return {
        "by": one.part,
        "group": group,
        "reference": one.groups[0],
        "value": _float(made.value),
        "low": _float(made.low),
        "high": _float(made.high),
        "units": len(one.counts),
        "population": float(one.totals[one.groups.index(group)]),
        "exposure": _float(exposure[0]),
        "reference_exposure": _float(exposure[1]),
        "p": _float(made.p),
        "blocks": made.blocks,
        "margin_share": made.margin_share,
        "why": " ".join(made.why),
    }


def _exposure_rows(units: Units, one: UnitExposure) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for group in one.groups:
        made = one.exposure(group)
        ends = {"value": _float(made.value), "low": _float(made.low), "high": _float(made.high)}
        population = float(one.totals[one.groups.index(group)])
        rows.append({"by": one.part, "group": group, "population": population, **ends})
    if units.total is not None:
        rest = np.maximum(units.total[one.rows] - one.residents.sum(axis=1), 0)
        n, known = float(rest.sum()), rest[one.known]
        enough = known.sum() >= FEWEST_RESIDENTS
        value = float((known * one.counts[one.known]).sum() / known.sum()) if enough else np.nan
        none = {"value": value, "low": np.nan, "high": np.nan}
        rows.append({"by": one.part, "group": OTHER, "population": n, **none})
    return rows


def _denominator_rows(one: UnitExposure, group: str) -> list[dict[str, Any]]:
    rows = []
    for name in one.denominators:
        made = one.ratio(group, name)
        ends = {"value": _float(made.value), "low": _float(made.low), "high": _float(made.high)}
        rows.append({"by": one.part, "group": group, "reference": one.groups[0], "denominator": name, **ends})
    return rows


def _crossed_row(units: Units, one: UnitExposure, cross: tuple[str, str]) -> dict[str, Any]:
    total = one.counts if units.total is None else units.total[one.rows]
    return one.crossed(*cross, total)


def _concentrated(units: Units, one: UnitExposure, level: float, seed: int) -> pd.DataFrame:
    used = one.used
    lived = one.residents.sum(axis=1) if units.total is None else units.total[one.rows]
    made = concentration(
        one.counts[used], lived[used], one.partitions, level=level, seed=seed, salt=salt_of(one.part)
    )
    return made.assign(by=one.part)


def _persistences(
    units: Units, parts: Sequence[UnitExposure], *, top: float, level: float, replicates: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    stays, times = [], []
    if units.periods is None or units.periods.shape[1] < 2:
        return pd.DataFrame(), pd.DataFrame()
    for one in parts:
        used = one.used
        chosen = chosen_top(units.periods.to_numpy(dtype=float)[one.rows][used], top=top)
        lived = pd.DataFrame(one.residents[used], columns=one.groups)
        draws = {"replicates": replicates, "seed": seed, "salt": salt_of(one.part)}
        found = persistence(chosen, lived, one.partitions, level=level, **draws)
        stays.append(found.frame.assign(by=one.part))
        times.append(found.residents.assign(by=one.part))
    return pd.concat(stays, ignore_index=True), pd.concat(times, ignore_index=True)


def _pooled(ratios: pd.DataFrame, group: str, level: float) -> list[dict[str, Any]]:
    """Geometric mean over areas, each counting once; they are far from each other, so that t needs no blocks."""
    value = ratios.loc[ratios["group"] == group, "value"].to_numpy(dtype=float)
    logs = np.log(value[np.isfinite(value) & (value > 0)])
    if logs.size < FEWEST_POOLED:
        return []
    reach = stats.t.ppf((1 + level) / 2, logs.size - 1) * logs.std(ddof=1) / np.sqrt(logs.size)
    above = int((logs > 0).sum())
    sign = stats.binomtest(above, logs.size).pvalue
    ends = {
        "value": np.exp(logs.mean()),
        "low": np.exp(logs.mean() - reach),
        "high": np.exp(logs.mean() + reach),
    }
    row = {"group": group, "areas": logs.size, "above": above, "p_sign": float(sign), "level": level}
    return [{**row, **{name: float(end) for name, end in ends.items()}}]


def _tally(ratios: pd.DataFrame, group: str, level: float) -> Tally:
    rows = ratios if not group else ratios[ratios["group"] == group]
    known = rows[rows["value"].notna()]
    # Within one question the correction is for as many as were asked in it.
    corrected = holm(known["p"].to_numpy(dtype=float)) < 1 - level
    return Tally(
        group=group,
        ratios=len(known),
        refused=len(rows) - len(known),
        above=int((known["value"] > 1).sum()),
        below=int((known["value"] < 1).sum()),
        surely_above=int((known["low"] > 1).sum()),
        surely_below=int((known["high"] < 1).sum()),
        corrected=int(corrected.sum()),
    )


def _refused_notes(ratios: pd.DataFrame) -> list[str]:
    refused = ratios[ratios["value"].isna()]
    return [f"{row['by']}, {in_words(row['group'])}: no ratio. {row['why']}" for row in rows_of(refused)]


def _float(value: float | None) -> float:
    return np.nan if value is None else value


def _number(value: Any) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
