"""The page of hot places: the map, the places that hot cells make up, and the cells that stand apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from peelian.patterns.concentration import Concentration
from peelian.patterns.local_g import HotCells
from peelian.patterns.local_moran import QUADRANTS, LocalMoran
from peelian.publish.charts import Table
from peelian.publish.maps import map_figure
from peelian.publish.patterns import pattern_page
from peelian.publish.spots import Kind, Spot, spots_map
from peelian.publish.words import interval, number, percent, plural

if TYPE_CHECKING:
    from peelian.places import Areas

__all__ = ["hot_page"]

Result = Mapping[str, Any]

MOST = 25
"""Rows of a table on the page; the run's tables have the others."""
SHADES = {1: "accent", 4: "q3", 2: "q2", 3: "q1"}


def hot_page(
    result: Result,
    found: HotCells,
    beside: LocalMoran,
    spread: Concentration,
    *,
    areas: Areas | None = None,
    demonstration: bool = False,
) -> str:
    """The page of `peelian.workspace.hot`.

    Parameters
    ----------
    result : mapping
        As stored.
    found, beside, spread : HotCells, LocalMoran, Concentration
        What it was made from.
    areas : Areas, optional
        Outlined on the maps.
    """
    parts = [
        _map(found, areas),
        _places(result["places"]),
        _cells(found),
        _spread(spread),
        _alike(result["alike"], beside, areas),
    ]
    lines = []
    if result["outside"]:
        lines.append(f"{plural(result['outside'], 'report lies', 'reports lie')} outside of the study area.")
    return pattern_page(
        {**result, "limits": _all_limits(result, result["alike"], result["concentration"])},
        heading="Hot places",
        parts=parts,
        lines=lines,
        demonstration=demonstration,
    )


def _all_limits(*told: Result) -> list[str]:
    """What each part can't tell, each sentence once."""
    return list(dict.fromkeys(limit for one in told for limit in one["limits"]))


def _map(found: HotCells, areas: Areas | None) -> Markup:
    hot, cold = np.flatnonzero(found.called == 1), np.flatnonzero(found.called == -1)
    title = "Where reports crowd"
    desc = (
        f"A map of {number(len(found.grid))} squares of {number(found.grid.cell)} m. {number(hot.size)} are hot and "
        f"{number(cold.size)} are cold; the places that hot ones make up are numbered as in the table."
    )
    held = found.counts > 0
    kinds = [
        Kind(np.flatnonzero(held).tolist(), "q0", "some report"),
        Kind(cold.tolist(), "q2", "cold: fewer than chance gives"),
        Kind(hot.tolist(), "accent", "hot: more than chance gives"),
    ]
    spots = [Spot(row.x, row.y, 0.0, f"{row.name}: {row.count:.0f}") for row in _named(found)]
    drawing = spots_map(
        found.grid.crs,
        found.grid.bounds(),
        title=title,
        desc=desc,
        heading="Reports in and around a square",
        areas=areas,
        grid=found.grid,
        kinds=[kind for kind in kinds if len(kind.cells)],
        spots=spots,
    )
    note = f"False-discovery rate {percent(found.level)}: of the squares called hot or cold, about so many are chance."
    return map_figure(title, drawing, note)


def _named(found: HotCells) -> list[Any]:
    rows = found.places.head(MOST)
    return list(rows.itertuples(index=False))


def _places(rows: Sequence[Result]) -> Markup | None:
    if not rows:
        return None
    said = [
        [
            str(row["place"]),
            str(row["name"]),
            number(row["cells"]),
            number(row["area_km2"], digits=2),
            number(row["count"]),
            percent(row["share"]),
            percent(row["share_of_area"]),
        ]
        for row in rows[:MOST]
    ]
    caption = f"The {plural(len(said), 'place')} with the most reports, of {number(len(rows))}"
    columns = ("Place", "Where", "Squares", "km2", "Reports", "Of all reports", "Of the area")
    return Table(columns, said, ("", "words", "n", "n", "n", "n", "n")).html(caption)


def _cells(found: HotCells) -> Markup | None:
    frame = found.frame
    rows = [
        [
            str(r.cell),
            number(r.count),
            number(r.mean_around, digits=1),
            number(r.z, digits=1),
            number(r.p, digits=4),
            number(r.q, digits=4),
        ]
        for r in frame[frame["called"] == "hot"].head(MOST).itertuples(index=False)
    ]
    if not rows:
        return None
    columns = ("Square", "Reports", "Mean in and around it", "Gi*", "p", "q")
    table = Table(columns, rows, ("", "n", "n", "n", "n", "n")).html(
        f"The {plural(len(rows), 'hottest square')}"
    )
    return Markup("<details><summary>Square by square</summary>{}</details>").format(table)


def _spread(spread: Concentration) -> Markup | None:
    """How few squares hold a quarter and half of the reports, beside what chance alone gives."""
    if not spread.measures:
        return None
    rows = [
        [
            m.meaning,
            number(m.value, digits=3),
            interval(m.low, m.high, digits=3),
            "" if m.chance is None else number(m.chance, digits=3),
            "" if m.chance_low is None else interval(m.chance_low, m.chance_high, digits=3),
        ]
        for m in spread.measures
    ]
    said = percent(spread.level)
    columns = ("Measure", "Here", f"{said} interval", "By chance alone", f"{said} of chance")
    table = Table(columns, rows, ("words", "n", "n", "n", "n")).html("How concentrated the reports are")
    return Markup('<h2 id="spread">How concentrated</h2><p>{}</p>{}').format(spread.sentence(), table)


def _alike(told: Result, beside: LocalMoran, areas: Areas | None) -> Markup:
    title = "Squares beside their neighbours"
    kinds = [
        Kind(np.flatnonzero(beside.called == i).tolist(), SHADES[i], QUADRANTS[i])
        for i in (3, 2, 4, 1)
        if np.any(beside.called == i)
    ]
    drawing = spots_map(
        beside.grid.crs,
        beside.grid.bounds(),
        title=title,
        desc=str(told["sentence"]),
        heading="Reports beside the mean square",
        areas=areas,
        grid=beside.grid,
        kinds=kinds,
    )
    return Markup(
        "<details><summary>Which squares stand apart from those around them</summary>{}</details>"
    ).format(map_figure(title, drawing, str(told["sentence"])))
