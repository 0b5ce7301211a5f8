"""Signs of manipulation on the page of the audit of the data, and what would have been found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from peelian.places import Areas, Grid
from peelian.publish import sources
from peelian.publish.audit_data_figures import found_panels, weeks_line
from peelian.publish.audit_data_tables import caption_of, first_rows, unknown
from peelian.publish.charts import Bar, Table, bar_chart, chart_with_table
from peelian.publish.maps import map_figure
from peelian.publish.spots import Kind, spots_map
from peelian.publish.words import day, interval, number, p_value, percent, plural

__all__ = ["KINDS", "poison_parts", "stretch_parts"]

Result = Mapping[str, Any]
Tables = Mapping[str, pd.DataFrame]
Rows = Sequence[Mapping[str, Any]]


KINDS = {
    "cluster": "Records added to one cell",
    "deleted": "Weeks deleted in an area",
    "thinned": "Records taken away from an area",
    "recoded": "Records called otherwise in an area",
    "series": "A made-up series at one point",
    "digits": "Made-up times in an area",
}


def stretch_parts(
    part: Result, tables: Tables, grid: Grid | None, areas: Areas | None
) -> list[Markup | None]:
    """Stretches of weeks that stand out, on a map and in tables, and the weeks of the whole."""
    return [
        _stretch_map(tables, grid, areas),
        _stretch_table(tables, "manipulation_cells", "Cells, all records"),
        _stretch_table(tables, "manipulation_own", "Cells, the category that forecasts are of"),
        _stretch_table(tables, "manipulation_areas", "Areas, all records"),
        _stretch_table(tables, "manipulation_kinds", "Areas, by category"),
        _city(tables),
        _repeated(tables),
    ]


def _stretch_map(tables: Tables, grid: Grid | None, areas: Areas | None) -> Markup | None:
    rows = first_rows(tables, "manipulation_cells", 10_000)
    if grid is None or not rows:
        return None
    number_of = {name: i for i, name in enumerate(grid.ids.tolist())}
    one = [number_of[r["what"]] for r in rows if 2 * int(r["at_one_minute"]) >= int(r["records"])]
    other = [number_of[r["what"]] for r in rows if 2 * int(r["at_one_minute"]) < int(r["records"])]
    kinds = [
        Kind(other, "accent", "a stretch of weeks with more records"),
        Kind(one, "q3", "most of them at one point and minute"),
    ]
    title = "Cells with a stretch of weeks that stands out"
    drawing = spots_map(
        grid.crs,
        grid.bounds(),
        title=title,
        desc=f"{number(len(rows))} cells; {number(len(one))} of them with most records at one point and minute.",
        heading="Stands out",
        areas=areas,
        grid=grid,
        kinds=[kind for kind in kinds if kind.cells],
    )
    return map_figure(
        title, drawing, note="Which and when is in the table below; one cell is a square of the grid."
    )


def _stretch_table(tables: Tables, name: str, caption: str) -> Markup | None:
    rows = [
        [
            str(r["what"]),
            day(r["from"]),
            day(r["to"]),
            number(r["records"]),
            number(r["expected"], digits=1),
            number(r["at_one_minute"]),
            p_value(r["q"]),
        ]
        for r in first_rows(tables, name)
    ]
    if not rows:
        return None
    columns = ("Where", "From", "Up to", "Records", "Expected", "At one point and minute", "q")
    return Table(columns, rows, ("", "", "", "n", "n", "n", "n")).html(caption_of(tables, name, caption))


def _city(tables: Tables) -> Markup | None:
    weeks = tables.get("officer_share_weeks")
    if weeks is None or len(weeks) < 2:
        return None
    rows = first_rows(tables, "manipulation_city")
    title = "All records, week by week"
    drawing = weeks_line(
        [str(w) for w in weeks["week"]],
        [float(n) for n in weeks["records"]],
        title=title,
        desc=f"{plural(len(rows), 'stretch', 'stretches')} of weeks that those around don't explain.",
        unit="records",
        stretches=[(str(r["from"]), str(r["to"])) for r in rows],
    )
    said = [
        [
            day(r["from"]),
            day(r["to"]),
            number(r["records"]),
            number(r["expected"]),
            "more" if r["more"] else "fewer",
            p_value(r["q"]),
        ]
        for r in rows
    ] or [["none", "", "", "", "", ""]]
    held = Table(
        ("From", "Up to", "Records", "Expected", "Which way", "q"), said, ("", "", "n", "n", "", "n")
    )
    note = "Shaded: weeks that the eight on either side don't explain. Holidays and storms do this too."
    return chart_with_table(drawing, held, caption=title, note=note)


def _repeated(tables: Tables) -> Markup | None:
    rows = [
        [str(r["area"]), number(r["records"]), number(r["repeat"]), percent(r["elsewhere"]), p_value(r["q"])]
        for r in first_rows(tables, "manipulation_repeats")
    ]
    if not rows:
        return None
    columns = ("Area", "Records", "Repeat an earlier one", "Elsewhere", "q")
    return Table(columns, rows, ("", "n", "n", "n", "n")).html(
        "Areas where rows repeat an earlier one's point, time and label"
    )


def poison_parts(part: Result, tables: Tables, grid: Grid | None, areas: Areas | None) -> list[Markup | None]:
    """The smallest strength of each kind that is found, how often each is, and the push before."""
    numbers = part["numbers"]
    strengths = tables["poisoning_strengths"]
    panels = [
        (KINDS[kind], str(unit), strengths[strengths["kind"] == kind].to_dict("records"))
        for kind, unit in numbers["units"].items()
    ]
    title = "Share of places in which a planted change is found"
    drawing = found_panels(
        panels,
        title=title,
        desc="One panel a kind; the smallest strength that is found in most places is in the table.",
        enough=float(numbers["enough"]),
    )
    rows = [
        [
            KINDS[str(r["kind"])],
            _strength(r["strength"], numbers["units"][r["kind"]]),
            f"{number(r['found'])} of {number(r['of'])}",
            percent(r["share"], digits=0),
            interval(100 * r["low"], 100 * r["high"], digits=0),
        ]
        for r in strengths.to_dict("records")
    ]
    columns = ("Kind", "Strength", "Found", "Share", "95 % interval, %")
    held = Table(columns, rows, ("", "", "n", "n", "n"))
    note = (
        f"Planted in {number(numbers['placements'])} random places, one after the other, up to the last week."
    )
    return [
        _smallest(part, tables),
        chart_with_table(drawing, held, caption=title, note=note),
        _push(part, tables),
    ]


def _strength(strength: Any, unit: str) -> str:
    if float(strength) == 0:
        return "nothing planted"
    if unit.startswith("of "):
        return f"{100 * float(strength):.0f} % {unit}"
    return f"{float(strength):g} {unit}"


def _smallest(part: Result, tables: Tables) -> Markup:
    rows = []
    for r in tables["poisoning_smallest"].to_dict("records"):
        known = not unknown(r["smallest"])
        found = _strength(r["smallest"], str(r["unit"])) if known else "none that was tried"
        share = percent(r["share"], digits=0) if known else percent(r["strongest_share"], digits=0)
        ends = interval(100 * r["low"], 100 * r["high"], digits=0) if known else "of the strongest"
        rows.append([KINDS[str(r["kind"])], found, share, ends, percent(r["unplanted"], digits=0)])
    columns = (
        "Kind",
        "Smallest that is found",
        "Found in",
        "95 % interval, %",
        "Unplanted",
    )
    caption = f"The smallest strength that is found in {percent(part['numbers']['enough'], digits=0)} of places or more"
    table = Table(columns, rows, ("", "words", "n", "n", "n")).html(caption)
    note = "Unplanted: the share of the same places that stand out, in any week, with nothing planted."
    return Markup('{}<p class="note">{}</p>').format(table, note)


def _push(part: Result, tables: Tables) -> Markup:
    numbers = part["numbers"]
    table = tables["poisoning_push"]
    bars = [
        Bar(KINDS[str(r["kind"])], 100 * float(r["share"]), 100 * float(r["low"]), 100 * float(r["high"]))
        for r in table.to_dict("records")
        if r["kind"] != "digits"
    ]
    title = "Places in which a change that isn't found changes what is picked"
    drawing = bar_chart(bars, title=title, desc=str(part["sentences"][0]), unit="% of random places")
    rows = [
        [
            KINDS[str(r["kind"])],
            f"{number(r['moved'])} of {number(r['of'])}",
            interval(100 * r["low"], 100 * r["high"], digits=0),
            number(r["change_median"], digits=2),
            interval(r["change_least"], r["change_most"], digits=2),
            "none"
            if unknown(r["rank_before"])
            else f"{number(r['rank_before'])} to {number(r['rank_after'])}",
        ]
        for r in table.to_dict("records")
        if r["kind"] != "digits"
    ]
    columns = (
        "Kind",
        "Picked cells change in",
        "95 % interval, %",
        "Change of expected reports, median",
        "From least to most",
        "Furthest climb in rank",
    )
    held = Table(columns, rows, ("", "n", "n", "n", "n", "n"))
    note = (
        "In each place at the largest strength up to which nothing is found. Forecasts of "
        f"{sources.label(numbers['category'])} by {str(numbers['method']).lower()}; "
        f"{number(numbers['picked'])} cells are picked."
    )
    return chart_with_table(drawing, held, caption=title, note=note)
