"""What each way to look for what emerges gives, as plain data and as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import pandas as pd

from peelian.patterns.emerging import counted
from peelian.patterns.emerging import emerging as scan_for_clusters
from peelian.patterns.false_alarms import false_alarms
from peelian.patterns.scan import FEWEST_TOPS
from peelian.patterns.surveillance import BOUNDED, METHODS, Method, bounds_before, series_by_place, watch
from peelian.places import Areas, Grid
from peelian.records import Incidents

__all__ = ["SCANS", "WATCHES", "Ground", "Part", "scanned", "watched", "weekly"]

SCANS: dict[str, Literal["expectation", "permutation"]] = {
    "scan": "expectation",
    "permutation": "permutation",
}
WATCHES = METHODS
SHUFFLINGS = 2
SHOWN = 50
"""Places of one way that are told in the result; a table holds them all."""
CHARTED = 6
"""Places whose weeks are drawn."""
LATELY = 52
"""Periods of a chart."""

Frames = dict[str, pd.DataFrame]
Part = tuple[dict[str, Any], Frames]
"""What is told, and rows for the tables."""


@dataclass(frozen=True, eq=False)
class Ground:
    """What is looked at, and where.

    Parameters
    ----------
    reports : Incidents
    until : date
        The day after the last.
    period : str
    grid : Grid
        Cells in which clusters are looked for.
    places : Areas or Grid
        What is watched one by one.
    areas : Areas, optional
        By which a place is named.
    looks : int
        Past moments at which the same is done, to count false alarms.
    seed : int
    """

    reports: Incidents
    until: np.datetime64
    period: str
    grid: Grid
    places: Areas | Grid
    areas: Areas | None
    looks: int
    seed: int

    def names(self) -> dict[str, str]:
        """The watched places' names by their ids."""
        if isinstance(self.places, Areas):
            frame = self.places.frame
            return {str(i): str(name) for i, name in zip(self.places.ids, frame["name"], strict=True)}
        return {str(i): f"square {i}" for i in self.places.ids}

    def around(self, x: float, y: float, place: str) -> str:
        """The name of the area at a point, or of its cell."""
        if self.areas is not None:
            at = int(self.areas.to_crs(self.grid.crs).locate(np.array([x]), np.array([y]))[0])
            if at >= 0:
                return str(self.areas.frame["name"].iloc[at])
        return f"square {place}"


def scanned(ground: Ground, method: str, *, weeks: int, radius: float | None, replicates: int) -> Part:
    """Emerging clusters, and how often this setting alarmed on these records' own past."""
    how: dict[str, Any] = {
        "method": SCANS[method], "weeks": weeks, "radius": radius, "replicates": replicates, "looks": ground.looks,
        "seed": ground.seed,
    }  # fmt: skip
    found = scan_for_clusters(ground.reports, ground.grid, until=ground.until, period=ground.period, **how)
    told = found.to_dict()
    number = {name: i for i, name in enumerate(ground.grid.ids)}
    cells, ids, rows = [], [], []
    for rank, (one, row) in enumerate(zip(found.found, told["clusters"], strict=True), 1):
        members, held = row.pop("cells"), row.pop("incidents")
        where = ground.around(one.x, one.y, one.place)
        rows.append({"cluster": rank, **row, "where": where, "cells": len(members)})
        cells += [(method, rank, number[name], name) for name in members]
        ids += [(method, str(rank), name) for name in held]
    told |= {"method": method, "clusters": rows, "past": None}
    if found.tops.size >= FEWEST_TOPS:
        counts = counted(ground.reports, ground.grid, until=ground.until, period=ground.period)
        told["past"] = false_alarms(
            counts, scatter=found.scatter, tops=found.tops, shufflings=SHUFFLINGS, **how
        ).to_dict()
    frame = found.frame.assign(
        method=method, cluster=range(1, len(rows) + 1), where=[r["where"] for r in rows]
    )
    return told, {
        "clusters": frame[["method", "cluster", "where", *found.frame.columns]],
        "cells": pd.DataFrame(cells, columns=["method", "cluster", "cell", "id"]),
        "incidents": _ids(ids),
    }


def watched(ground: Ground, method: str, *, level: float) -> Part:
    """Places that stand out in the latest period, and how often this setting alarmed on these records' own past."""
    found = watch(
        ground.reports,
        ground.places,
        until=ground.until,
        period=ground.period,
        method=cast("Method", method),
        level=level,
        looks=ground.looks,
        seed=ground.seed,
    )
    told, names = found.to_dict(), ground.names()
    # Those that stand out come first, whichever p-value the others have.
    order = sorted(range(len(found.found)), key=lambda i: not found.found[i].signal)
    rows = [
        {"name": names[one["place"]], **{k: v for k, v in one.items() if k != "incidents"}}
        for one in (told["places"][i] for i in order)
    ]
    told |= {"method": method, "places": rows[:SHOWN]}
    frame = found.frame.assign(method=method, name=[names[one.place] for one in found.found])
    ids = [(method, one.place, name) for one in found.found for name in one.incidents]
    return told, {"places": frame[["method", "name", *found.frame.columns]], "incidents": _ids(ids)}


def weekly(ground: Ground, method: str, places: list[str]) -> pd.DataFrame:
    """The latest periods of some places: reported, expected, and the bound above which `method` alarms.

    Returns
    -------
    DataFrame
        A row a place and period: ``place``, ``name``, ``start``, ``observed``, ``expected``, ``upper``; those
        that add periods up have no bound of each.
    """
    chosen = list(dict.fromkeys(places))[:CHARTED]
    columns = ["place", "name", "start", "observed", "expected", "upper"]
    if not chosen:
        return pd.DataFrame(columns=columns)
    matrix, periods, ids, _ = series_by_place(
        ground.reports, ground.places, until=ground.until, period=ground.period
    )
    rows = [ids.index(place) for place in chosen]
    series = np.asarray(matrix.tocsr()[rows].todense(), dtype=np.float64)
    starts = periods.edges[:-1]
    last = min(LATELY, starts.size)
    expected = upper = np.full((len(rows), last), np.nan)
    if method in BOUNDED:
        expected, upper = bounds_before(series, starts, method=method, last=last)
    names = ground.names()
    return pd.DataFrame(
        {
            "place": np.repeat(chosen, last),
            "name": np.repeat([names[place] for place in chosen], last),
            "start": np.tile(starts[-last:].astype(str), len(rows)),
            "observed": series[:, -last:].ravel().astype(np.int64),
            "expected": expected.ravel(),
            "upper": upper.ravel(),
        }
    )


def _ids(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["method", "of", "id"]).astype(str)
