"""The page of hot places: the map, the places that hot cells make up, and the cells that stand apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from peelian.patterns.concentration import Concentration, Measure
from peelian.patterns.local_g import HotCells
from peelian.patterns.local_moran import QUADRANTS, LocalMoran
from peelian.publish.charts import Table
from peelian.publish.maps import map_figure
from peelian.publish.patterns import pattern_page
from peelian.publish.spots import Kind, Spot, spots_map
from peelian.publish.words import number, p_value, percent, plural

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
    lines = [f"A cell is a square of {number(found.grid.cell)} m."]
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
        f"A map of {number(len(found.grid))} cells of {number(found.grid.cell)} m. {number(hot.size)} are hot and "
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
        heading="Reports in and around a cell",
        areas=areas,
        grid=found.grid,
        kinds=[kind for kind in kinds if len(kind.cells)],
        spots=spots,
    )
    note = (
        f"Held to a false-discovery rate of {percent(found.level)}: of the cells called hot or cold, about that many "
        "are chance."
    )
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
            _share(row["share"]),
            _share(row["share_of_area"]),
        ]
        for row in rows[:MOST]
    ]
    caption = f"{plural(len(rows), 'place')} that hot cells make up"
    caption += f": the {number(MOST)} with the most reports" if len(rows) > MOST else ""
    columns = ("Place", "Where", "Cells", "km2", "Reports", "Of all reports", "Of the area")
    return Table(columns, said, ("", "words", "n", "n", "n", "n", "n")).html(caption)


def _cells(found: HotCells) -> Markup | None:
    frame = found.frame
    rows = [
        [
            str(r.cell),
            number(r.count),
            number(r.mean_around, digits=1),
            number(r.z, digits=1),
            p_value(r.p),
            p_value(r.q),
        ]
        for r in frame[frame["called"] == "hot"].head(MOST).itertuples(index=False)
    ]
    if not rows:
        return None
    columns = ("Cell", "Reports", "Mean in and around it", "Gi*", "p", "q")
    caption = "The hottest cell" if len(rows) == 1 else f"The {number(len(rows))} hottest cells"
    table = Table(columns, rows, ("", "n", "n", "n", "n", "n")).html(caption)
    return Markup("<details><summary>Cell by cell</summary>{}</details>").format(table)


def _spread(spread: Concentration) -> Markup | None:
    """How few cells hold a quarter and half of the reports, beside what chance alone gives."""
    if not spread.measures:
        return None
    rows = [
        [
            m.meaning,
            _measured(m, m.value),
            _measured(m, m.low, m.high),
            "" if m.chance is None else _measured(m, m.chance),
            "" if m.chance_low is None else _measured(m, m.chance_low, m.chance_high),
        ]
        for m in spread.measures
    ]
    said = percent(spread.level)
    columns = ("Measure", "Here", f"{said} interval", "By chance alone", f"{said} of chance")
    table = Table(columns, rows, ("words", "n", "n", "n", "n")).html("How concentrated the reports are")
    return Markup('<h2 id="spread">How concentrated</h2><p>{}</p>{}').format(spread.sentence(), table)


def _measured(measure: Measure, *values: float | None) -> str:
    """A number or an interval of a measure: a share as a percentage, a coefficient as it is."""
    if measure.meaning.startswith("share"):
        return " to ".join(percent(value, digits=1) for value in values)
    return " to ".join(number(value, digits=3) for value in values)


def _share(share: float) -> str:
    """A share as a percentage; one too small for a decimal is under the least of them, and not none."""
    return f"under {percent(0.001)}" if 0 < share < 0.0005 else percent(share)


def _alike(told: Result, beside: LocalMoran, areas: Areas | None) -> Markup:
    title = "Cells beside their neighbours"
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
        heading="Reports beside the mean cell",
        areas=areas,
        grid=beside.grid,
        kinds=kinds,
    )
    return Markup(
        "<details><summary>Which cells stand apart from those around them</summary>{}</details>"
    ).format(map_figure(title, drawing, str(told["sentence"])))
