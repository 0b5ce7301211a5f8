"""The audit of the data: every part of it over one set of records, and what stands out first.

Everything else that this system says rests on the records. This asks what they are: who made them, whether coding
changed, what comes late, what is missing and where, what is more regular than life, what looks planted - and, by
planting, what would have been seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy.typing as npt
import pandas as pd

from peelian.audits.base import Audit
from peelian.audits.coding import coding
from peelian.audits.delay import delay
from peelian.audits.digits import digits
from peelian.audits.finding import Finding
from peelian.audits.manipulation import FAMILIES, Watched, manipulation, watch
from peelian.audits.missingness import missingness
from peelian.audits.officer_share import officer_share
from peelian.audits.parts import Part, Thresholds
from peelian.audits.poisoning import check_placements, poisoning
from peelian.audits.push import Forecasts
from peelian.audits.recordset import Recordset
from peelian.audits.regularity import regularity
from peelian.errors import UsageError
from peelian.methods.base import Method
from peelian.methods.counts import CountMap
from peelian.patterns.base import check_level

__all__ = ["PARTS", "DataAudit", "data_audit"]

PARTS = (
    "manipulation",
    "poisoning",
    "coding",
    "missingness",
    "officer_share",
    "delay",
    "regularity",
    "digits",
)
"""In the order in which they are told."""

LIMITS = (
    "Records tell what was reported and how it was written down. What was never reported is in none of them.",
    "What stands out is a place, a time or a label to look at. Nothing here says why, nor that anybody meant it.",
)

ALARMS = (
    "Stretches of weeks alarm more often than their rate says: of 20 made-up cities with nothing planted, each looked "
    "at by its cells, its areas and both by category, 9 of 80 looks alarmed at a rate of 5 %, where 4 were due. The "
    "looks at one city share its records, so no interval is given."
)
"""What `bench/poisoning.py` found, to be said where a stretch stands out."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class DataAudit(Audit):
    """What the audit of a set of records found.

    Parameters
    ----------
    parts : mapping of str to Part
        By name; ``poisoning`` only where it was asked for.
    category : str
        The one whose forecasts were poisoned, and whose cells were looked at on their own.
    records : int
        That were looked at.
    settings : mapping
        Plain values.
    """

    parts: Mapping[str, Part]
    category: str
    records: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", MappingProxyType(dict(self.parts)))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all parts: those beyond a threshold first."""
        every = [one for name in PARTS if name in self.parts for one in self.parts[name].findings]
        return tuple(sorted(every, key=lambda one: one.passes is not False))

    @property
    def limits(self) -> tuple[str, ...]:
        """What this can't tell; each part has its own limits beside."""
        signs = self.parts.get("manipulation")
        alarmed = signs is not None and any(len(signs.tables.get(name, ())) for name in FAMILIES)
        return (*LIMITS, ALARMS) if alarmed else LIMITS

    @property
    def frame(self) -> pd.DataFrame:
        """One row a part: ``part, stand_out, looked_at, said``."""
        rows = [(n, p.standing, p.looked, p.said[0]) for n, p in self.parts.items()]
        return pd.DataFrame(rows, columns=["part", "stand_out", "looked_at", "said"])

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table of every part, as ``part_table``."""
        return {f"{n}_{t}": table for n, p in self.parts.items() for t, table in p.tables.items()}

    def sentences(self) -> list[str]:
        """What stands out and what that is worth, then the headline of each part."""
        return [self._headline(), *(part.said[0] for part in self.parts.values())]

    def _headline(self) -> str:
        standing = {n: p.standing for n, p in self.parts.items() if p.standing and n in _NAMED}
        words = [f"{k:,} {_NAMED[n][k != 1]}" for n, k in standing.items()]
        listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
        verb = "stands" if sum(standing.values()) == 1 else "stand"
        found = f"{listed} {verb} out to be looked at" if words else "nothing stands out"
        return f"In {self.records:,} records {found}. {self._strength()}"

    def _strength(self) -> str:
        """How strong a nothing is."""
        test = self.parts.get("poisoning")
        row = None if test is None else test.tables["smallest"].set_index("kind")
        if row is None or "cluster" not in row.index:
            return "How strong a manipulation would have been found was not tried."
        cluster, what = row.loc["cluster"], self.category.replace("_", " ")
        if pd.isna(cluster["smallest"]):
            return (
                f"Not even {cluster['strongest']:g} planted records of {what} a week in one cell are found in 80 % of "
                "places: that nothing more was found says little."
            )
        return (
            f"A cluster of {cluster['smallest']:g} made-up records of {what} a week for 8 weeks would have been found "
            f"in {100 * cluster['share']:.0f} % of places ({100 * cluster['low']:.0f} to {100 * cluster['high']:.0f} "
            "%); what is smaller may be there unseen."
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **super().to_dict(),
            "category": self.category,
            "records": self.records,
            "settings": dict(self.settings),
            "parts": {name: part.to_dict() for name, part in self.parts.items()},
        }


_NAMED = {
    "manipulation": (
        "stretch of weeks or area with repeated rows",
        "stretches of weeks or areas with repeated rows",
    ),
    "coding": ("label", "labels"),
    "officer_share": (
        "step in the share of officers' own records",
        "steps in the share of officers' own records",
    ),
    "delay": ("step in the share of late records", "steps in the share of late records"),
    "regularity": ("place too regular", "places too regular"),
    "digits": ("area with digits of its own", "areas with digits of their own"),
}
"""What stands out in a part, one and many."""


def data_audit(
    records: Recordset,
    *,
    category: str | None = None,
    quarantine: pd.DataFrame | None = None,
    source_xy: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    source_unit: str = "units",
    reference: str | None = None,
    poison: bool = True,
    placements: int = 30,
    make: Callable[[], Method] = CountMap,
    fraction: float = 0.01,
    rate: float = 0.05,
    level: float = 0.95,
    replicates: int = 999,
    seed: int = 0,
    thresholds: Thresholds | None = None,
    progress: Progress | None = None,
) -> DataAudit:
    """Audit a set of records.

    Parameters
    ----------
    records : Recordset
        Of all categories, officers' own records among them.
    category : str, optional
        Standard category whose forecasts are poisoned; the most frequent that residents report when not given.
    quarantine : pandas.DataFrame, optional
        Rows that were set aside at import, with ``reason`` and ``label``.
    source_xy, source_unit
        See `peelian.audits.digits.digits`.
    reference : str, optional
        Group that others are compared with; the first when not given.
    poison : bool
        Plant manipulations and see what is found.
    placements : int
        Random places for each kind of these.
    make : callable
        Gives the method that the category is forecast by; counting when not given.
    fraction : float
        Share of the area that is picked from a forecast.
    rate : float
        False-discovery rate of each look.
    level : float
        Of the intervals.
    replicates, seed : int
        Of bootstraps, and of where things are planted.
    thresholds : mapping, optional
        By measure (`peelian.audits.thresholds`).
    progress : callable, optional
        Called with what is done, and how much of how much.

    Raises
    ------
    UsageError
        A setting is off, or there is no such group.
    DataError, NotEnoughDataError
        There is no record of the category, or none at all.
    """
    check_level(rate, what="false-discovery rate")
    check_level(level)
    _check_reference(records, reference)
    if poison:
        check_placements(placements)
    told = progress or (lambda *_: None)
    shared: dict[str, Any] = {"level": level, "thresholds": thresholds}
    groups = {**shared, "reference": reference, "replicates": replicates, "seed": seed}
    told("looking at stretches of weeks", 0, 1)
    watched: Watched = watch(records, category=category or _most_reported(records), rate=rate)
    parts = {"manipulation": manipulation(watched)}
    if poison:
        parts["poisoning"] = poisoning(
            watched,
            forecasts=Forecasts(watched, make, fraction, seed),
            placements=placements,
            seed=seed,
            progress=lambda i, n: told("planting and looking", i, n),
            **shared,
        )
    told("looking at codes, delays and gaps", 0, 1)
    parts["coding"] = coding(records, rate=rate, **shared)
    parts["missingness"] = missingness(records, quarantine=quarantine, **groups)
    parts["officer_share"] = officer_share(records, rate=rate, **groups)
    parts["delay"] = delay(records, rate=rate, **groups)
    parts["regularity"] = regularity(watched.records, rate=rate, level=level, points=watched.points)
    parts["digits"] = digits(
        watched.records,
        rate=rate,
        level=level,
        source_xy=source_xy,
        source_unit=source_unit,
        found=watched.digits,
    )
    settings = {
        "rate": rate,
        "level": level,
        "seed": seed,
        "replicates": replicates,
        "poison": poison,
        "placements": placements if poison else 0,
        "fraction": fraction,
        "step": records.step,
        "from": str(records.weeks.start),
        "to": str(records.weeks.end),
        "areas": len(records.names),
        "area_word": records.area_word,
        "cells": len(records.grid),
    }
    return DataAudit(parts, watched.category, records.total, settings)


def _check_reference(records: Recordset, reference: str | None) -> None:
    groups = [] if records.residents is None else [str(name) for name in records.residents.columns]
    if reference is not None and groups and reference not in groups:
        msg = f"the reference group {reference!r} was given; the groups are {', '.join(groups)}"
        raise UsageError(msg, hint=f"reference={groups[0]!r}")


def _most_reported(records: Recordset) -> str:
    """The category with the most records that residents reported."""
    free = records.where(~records.officer)
    return free.category[1][0] if len(free) else ""
