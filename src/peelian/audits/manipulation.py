"""Signs that records were added, taken away or made up: every look at once, and what a changed record would set off.

Four families of series are looked at (cells, cells of one category, areas, areas by category), the whole city's weeks,
the digits of times by area, exact points, and rows that repeat an earlier one. None of them proves anything: each is a
place and a time to look at, with a chance of being nothing that is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.citywide import quiet_weeks, silent_days
from peelian.audits.digits import AreaDigits, digits_of
from peelian.audits.parts import Part
from peelian.audits.recordset import LABELLED, Recordset
from peelian.audits.regularity import Points, points_of
from peelian.audits.stretches import LEAST_SPREAD, Stretches, beta_binomial_tail, stretch_frame, stretches
from peelian.errors import DataError, NotEnoughDataError
from peelian.patterns.base import false_discovery

__all__ = ["FAMILIES", "Records", "Watched", "manipulation", "watch"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

FAMILIES = ("cells", "own", "areas", "kinds")
"""Series of all records by cell, of one category by cell, of all by area, and by area and category."""

LENGTHS = (1, 2, 4, 8, 16, 26)


@dataclass(frozen=True, eq=False)
class Records:
    """Some records by what the families need: one number each, all of shape (n,)."""

    cell: Ints
    area: Ints
    week: Ints
    category: Ints

    def rows(self, family: str, *, kinds: Ints, own: int) -> Ints:
        """The series of a family that each record is in, -1 for none."""
        if family == "cells":
            return self.cell
        if family == "own":
            return np.where(self.category == own, self.cell, -1)
        if family == "areas":
            return self.area
        kind = kinds[self.category]
        n = int(kinds.max()) + 1
        return np.where((self.area >= 0) & (kind >= 0), self.area * n + kind, -1)


@dataclass(frozen=True, eq=False)
class Watched:
    """Every look at a set of records, kept so that one can ask what a change would set off.

    Parameters
    ----------
    records : Recordset
        Those that may be learned from: without officers' own activity.
    category : str
        The one that forecasts are of.
    families : mapping of str to Stretches
    kinds : array of int, shape (n_categories,)
        Number of each category among those that are looked at by area; -1 for the others.
    digits : AreaDigits
    points : Points
    rate : float
        False-discovery rate of each look.
    """

    records: Recordset
    category: str
    families: Mapping[str, Stretches]
    kinds: Ints
    digits: AreaDigits
    points: Points
    rate: float

    @property
    def own(self) -> int:
        """Code of the category."""
        return self.records.category[1].index(self.category)

    @cached_property
    def whole(self) -> Records:
        """All records."""
        r = self.records
        return Records(r.cell, r.area, r.week, r.category[0])

    def alarms(self, removed: Ints, added: Records) -> list[str]:
        """Families in which a series stands out where taking away and adding records made it more surprising.

        A series that stood out in other weeks already is no find.

        Parameters
        ----------
        removed : array of int
            Numbers of records that are taken away.
        added : Records
        """
        gone = Records(*(v[removed] for v in vars(self.whole).values()))
        return [name for name in FAMILIES if self._alarm(name, gone, added)]

    def _alarm(self, name: str, gone: Records, added: Records) -> bool:
        family, weeks = self.families[name], len(self.records.weeks)
        off, on = (part.rows(name, kinds=self.kinds, own=self.own) for part in (gone, added))
        for row in np.union1d(off[off >= 0], on[on >= 0]).tolist():
            change = np.bincount(added.week[on == row], minlength=weeks) - np.bincount(
                gone.week[off == row], minlength=weeks
            )
            if not change.any() or (family.tails == "more" and change.max() <= 0):
                continue
            found = family.again(row, family.counts[row] + change)
            touched = np.flatnonzero(change)
            there = found.start <= touched[-1] and found.end > touched[0] and found.more == (change.sum() > 0)
            if there and found.p < family.p[row] and family.finds(row, found.p):
                return True
        return False

    def standing(self, added: Records) -> bool:
        """Whether one of the series that these records would be in stands out as it is."""
        for name in FAMILIES:
            rows = added.rows(name, kinds=self.kinds, own=self.own)
            family = self.families[name]
            if np.any(family.q[np.unique(rows[rows >= 0])] <= self.rate):
                return True
        return False


def watch(records: Recordset, *, category: str, rate: float = 0.05) -> Watched:
    """Look at everything.

    Parameters
    ----------
    records : Recordset
        Officers' own records among them are left out.
    category : str
        Standard category that forecasts are of.
    rate : float
        False-discovery rate of each look.

    Raises
    ------
    NotEnoughDataError
        There is no record that residents reported.
    DataError
        None of the category.
    """
    free = records.where(~records.officer) if records.officer.any() else records
    if not len(free):
        msg = "no record was given that is not from officers' own activity; expected some"
        raise NotEnoughDataError(msg)
    code, names = free.category
    if category not in names:
        msg = f"{category!r} was given as the category; the records have {', '.join(names[:8])}"
        raise DataError(msg, hint="name one of these")
    own = names.index(category)
    looked = sorted({*range(min(LABELLED, len(names))), own})
    kinds = np.full(len(names), -1, dtype=np.int64)
    kinds[looked] = np.arange(len(looked))
    every = Records(free.cell, free.area, free.week, code)
    sizes = {
        "cells": len(free.grid),
        "own": len(free.grid),
        "areas": len(free.names),
        "kinds": len(free.names) * len(looked),
    }
    families = {}
    for name, n in sizes.items():
        counts = free.table(every.rows(name, kinds=kinds, own=own), n)
        group = np.tile(np.arange(len(looked)), len(free.names)) if name == "kinds" else None
        tails = "both" if name in ("areas", "kinds") else "more"
        families[name] = stretches(counts, group=group, lengths=LENGTHS, tails=tails, rate=rate)  # type: ignore[arg-type]
    return Watched(
        free, category, families, kinds, digits_of(free, rate=rate), points_of(free, rate=rate), rate
    )


def manipulation(watched: Watched) -> Part:
    """What stands out in each family, in the whole city's weeks, and among rows that repeat an earlier one."""
    records, families = watched.records, watched.families
    edges = records.weeks.edges
    names = _names(watched)
    tables = {
        name: _with_minutes(stretch_frame(families[name], names[name], edges), watched, name)
        for name in FAMILIES
    }
    city = records.table(np.zeros(len(records), dtype=np.int64), 1)[0]
    tables["city"] = quiet_weeks(city, edges, rate=watched.rate)
    tables["days"] = silent_days(records.days, rate=watched.rate)
    tables["repeats"] = _repeats(records, watched.rate)
    numbers = {name: len(table) for name, table in tables.items()}
    gaps = sum(int((~tables[n]["more"].astype(bool)).sum()) for n in ("areas", "kinds", "city"))
    said = [_headline(watched, tables, gaps)]
    said += _clearest(tables)
    if len(tables["days"]):
        run = tables["days"].iloc[0]
        said.append(f"From {run['from']} up to {run['to']} there is no record at all.")
    return Part(
        "manipulation",
        tuple(said),
        untold=(
            (
                "A real event - a festival, a storm, a street closed for works - leaves the same mark as records that "
                "were made up or taken away. Each is a place and a time for somebody to look at."
            ),
            f"About {100 * watched.rate:g} % of each list is to be expected by chance alone, if places scatter alike.",
            "Changes that go on for longer than half a year are no stretch; a slow drift of a place is what places do.",
            (
                "A place that always scatters more than the others do stands out too easily: the spread is "
                "that of all others."
            ),
            "Of each cell and area the clearest stretch is told; a second one in the same place stands behind it.",
            "Records that were always made up, or never made, leave no mark in time.",
        ),
        tables=tables,
        standing=sum(numbers.values()),
        looked=sum(len(family.p) for family in families.values()),
        numbers={**numbers, "gaps": gaps, "spread": _spreads(families)},
    )


def _names(watched: Watched) -> dict[str, list[str]]:
    records = watched.records
    cells, areas = [str(i) for i in records.grid.ids], list(records.names)
    own = watched.category.replace("_", " ")
    categories = [records.category[1][i].replace("_", " ") for i in np.flatnonzero(watched.kinds >= 0)]
    both = [f"{kind} in {area}" for area in areas for kind in categories]
    return {
        "cells": cells,
        "own": [f"{own} in {c}" for c in cells],
        "areas": areas,
        "kinds": both,
    }


def _spreads(families: Mapping[str, Stretches]) -> dict[str, list[float]]:
    return {name: np.median(family.spread, axis=1).tolist() for name, family in families.items()}


def _with_minutes(frame: pd.DataFrame, watched: Watched, name: str) -> pd.DataFrame:
    """With how many records of each stretch share one point and one minute: one event, recorded as many."""
    records, family = watched.records, watched.families[name]
    rows = watched.whole.rows(name, kinds=watched.kinds, own=watched.own)
    most = []
    stamp = records.frame["occurred_from"].to_numpy()
    x, y = records.frame["x"].to_numpy(), records.frame["y"].to_numpy()
    for at in family.standing.tolist():
        first = family.start[at]
        mine = np.flatnonzero(
            (rows == at) & (records.week >= first) & (records.week < first + family.length[at])
        )
        same = pd.DataFrame({"x": x[mine], "y": y[mine], "at": stamp[mine]}).value_counts(sort=False)
        most.append(int(same.max()) if len(same) else 0)
    out = frame.copy()
    out.insert(6, "at_one_minute", most)
    return out


def _repeats(records: Recordset, rate: float) -> pd.DataFrame:
    """Areas where more rows repeat an earlier one's point, time and label than elsewhere."""
    same = records.frame.duplicated(["x", "y", "occurred_from", "label"]).to_numpy()
    inside = records.area >= 0
    n = len(records.names)
    whole = np.bincount(records.area[inside], minlength=n)
    part = np.bincount(records.area[inside & same], minlength=n)
    share = (part.sum() - part + 0.5) / np.maximum(whole.sum() - whole + 1, 1)
    binomial = whole * share * (1 - share)
    more, could = (part - whole * share) ** 2 - binomial, np.maximum(whole - 1, 0) * binomial
    rest = could.sum() - could
    spread = np.divide(more.sum() - more, rest, out=np.zeros(n), where=rest > 0)
    p = beta_binomial_tail(part, whole, share, np.clip(spread, LEAST_SPREAD, 0.9), upper=True)
    p = np.where(part > 0, p, 1.0)
    q = false_discovery(p)
    at = np.flatnonzero(q <= rate)
    at = at[np.argsort(p[at], kind="stable")]
    columns = {"area": [records.names[i] for i in at], "records": whole[at], "repeat": part[at]}
    return pd.DataFrame({**columns, "elsewhere": share[at], "p": p[at], "q": q[at]})


def _headline(watched: Watched, tables: Mapping[str, pd.DataFrame], gaps: int) -> str:
    looked = len(watched.families["cells"].p), len(watched.records.names)
    stretches_found = sum(len(tables[name]) for name in FAMILIES)
    if not stretches_found and not len(tables["city"]) and not len(tables["days"]):
        return (
            f"No stretch of weeks stands out, of {looked[0]:,} cells and {looked[1]:,} areas, alone and by category, "
            "nor of the whole city."
        )
    cells, areas = len(tables["cells"]), len(tables["areas"])
    return (
        f"{cells:,} of {looked[0]:,} cells and {areas:,} of {looked[1]:,} areas have a stretch of weeks that neither "
        f"their own past nor the others' weeks explain; by category it is {len(tables['kinds']):,} areas. {gaps:,} "
        "of the stretches are gaps."
    )


def _few(expected: float) -> str:
    return f"{expected:,.0f}" if expected >= 100 else f"{expected:.1f}"


def _clearest(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """The clearest stretch of cells and the clearest gap, in words."""
    said = []
    if len(tables["cells"]):
        row = tables["cells"].iloc[0]
        one = int(row["at_one_minute"])
        together = (
            f" {one:,} of them at one point and minute, as of one event." if one >= row["records"] / 2 else ""
        )
        said.append(
            f"The clearest: {int(row['records']):,} records in cell {row['what']} from {row['from']} up to "
            f"{row['to']}, where {_few(row['expected'])} were to be expected.{together}"
        )
    every = [
        *(tables[name] for name in ("areas", "kinds")),
        tables["city"].assign(what="the whole of the area"),
    ]
    low = pd.concat([table[~table["more"].astype(bool)] for table in every])
    if len(low):
        row = low.sort_values("p", kind="stable").iloc[0]
        said.append(
            f"The clearest gap: {int(row['records']):,} records in {row['what']} from {row['from']} up to "
            f"{row['to']}, where {_few(row['expected'])} were to be expected."
        )
    return said
