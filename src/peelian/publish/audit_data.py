"""The page of the audit of the data: what stands out first, what would have been seen, and each look with its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from peelian.places import Areas, Grid
from peelian.publish import sources
from peelian.publish.audit_data_figures import found_panels, weeks_line
from peelian.publish.audits import audit_page_of
from peelian.publish.charts import (
    Bar,
    Table,
    bar_chart,
    chart_with_table,
    column_chart,
    interval_chart,
    interval_table,
)
from peelian.publish.maps import map_figure
from peelian.publish.spots import Kind, spots_map
from peelian.publish.words import day, interval, number, p_value, percent, plural

__all__ = ["audit_data_page"]

Result = Mapping[str, Any]
Tables = Mapping[str, pd.DataFrame]
Rows = Sequence[Mapping[str, Any]]

MOST = 12
"""Rows of a table on the page; the run's tables have the others."""

HEADS = {
    "manipulation": "Stretches of weeks unlike the others",
    "poisoning": "What would have been found",
    "coding": "Changes in coding",
    "missingness": "What is missing",
    "officer_share": "Officers' own records",
    "delay": "Delay",
    "regularity": "Places that are too regular",
    "digits": "Digits",
}

KINDS = {
    "cluster": "Records added to one cell",
    "deleted": "Weeks deleted in an area",
    "thinned": "Records taken away from an area",
    "recoded": "Records called otherwise in an area",
    "series": "A made-up series at one point",
    "digits": "Made-up times in an area",
}


def audit_data_page(
    result: Result,
    tables: Tables,
    *,
    grid: Grid | None = None,
    areas: Areas | None = None,
    demonstration: bool = False,
) -> str:
    """The page of `peelian.workspace.audit_data`.

    Parameters
    ----------
    result : mapping
        As stored.
    tables : mapping of str to pandas.DataFrame
        By part and name, such as ``coding_steps``: as `peelian.audits.dataset.DataAudit.tables`.
    grid : Grid, optional
        Of the cells, for the map.
    areas : Areas, optional
        Outlined on the map.
    """
    found: list[Markup | None] = []
    for name, part in result["parts"].items():
        found.append(_head(name, part))
        found += _PARTS[name](part, tables, grid, areas)
        found.append(_limits(part))
    return audit_page_of(
        {**result, "sentences": [result["sentences"][0]]},
        heading="Audit of the data",
        sub=_sub(result),
        parts=found,
        claimed=_claimed(result),
        lines=["It is about records and places, and says nothing about those who live there."],
        demonstration=demonstration,
    )


def _sub(result: Result) -> str:
    s = result["settings"]
    return (
        f"{plural(result['records'], 'record')} of "
        f"{sources.label(', '.join(result.get('sources') or ['the records']))}, by {s['step']} from "
        f"{day(s['from'])} up to {day(s['to'])}, in {number(s['cells'])} cells and "
        f"{plural(s['areas'], s['area_word'], s['area_word'].replace('area', 'areas').replace('square', 'squares'))}."
    )


def _claimed(result: Result) -> list[tuple[str, str]]:
    s = result["settings"]
    rate = percent(s["rate"])
    said = [
        (
            "Stands out",
            (
                f"It is less likely by chance than a false-discovery rate of {rate} among all that was "
                f"looked at the same way allows: of what stands out, about {rate} is chance."
            ),
        ),
        (
            "What chance is",
            (
                "What the other places, weeks and areas show, with as much scatter as they have: not what "
                "a textbook city would show."
            ),
        ),
        ("Records", "All that are stored, with officers' own activity only where it is named."),
        (
            "Where a group lives",
            (
                "The mean over the group's residents of a number of their own area. It is about areas, and not about "
                "anyone who lives there."
            ),
        ),
    ]
    if s["poison"]:
        said.append(
            (
                "Found in 80 % of places",
                (
                    f"Each kind of manipulation is planted in {number(s['placements'])} random places of "
                    "these records, and looked for with the same tests."
                ),
            )
        )
    return said


def _head(name: str, part: Result) -> Markup:
    sentences = list(part["sentences"])
    if name == "poisoning":  # the others are the rows of the table
        sentences = [sentences[0], *([sentences[-1]] if "furthest" in sentences[-1] else [])]
    said = Markup("").join(Markup("<p>{}</p>").format(sentence) for sentence in sentences)
    return Markup('<h2 id="{}">{}</h2>{}').format(name, HEADS[name], said)


def _limits(part: Result) -> Markup:
    items = Markup("").join(Markup("<li>{}</li>").format(one) for one in part["limits"])
    return Markup("<details><summary>What this part can't tell</summary><ul>{}</ul></details>").format(items)


def _rows(tables: Tables, name: str, most: int = MOST) -> Rows:
    table = tables.get(name)
    if table is None:
        return []
    return table.head(most).to_dict("records")  # type: ignore[return-value]


def _of(tables: Tables, name: str, caption: str, most: int = MOST) -> str:
    n = len(tables[name]) if name in tables else 0
    return f"{caption}: the first {most} of {number(n)}" if n > most else caption


def _none(value: Any) -> bool:
    return value is None or bool(pd.isna(value))


# -- stretches


def _manipulation(
    part: Result, tables: Tables, grid: Grid | None, areas: Areas | None
) -> list[Markup | None]:
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
    rows = _rows(tables, "manipulation_cells", 10_000)
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
        for r in _rows(tables, name)
    ]
    if not rows:
        return None
    columns = ("Where", "From", "Up to", "Records", "Expected", "At one point and minute", "q")
    return Table(columns, rows, ("", "", "", "n", "n", "n", "n")).html(_of(tables, name, caption))


def _city(tables: Tables) -> Markup | None:
    weeks = tables.get("officer_share_weeks")
    if weeks is None or len(weeks) < 2:
        return None
    rows = _rows(tables, "manipulation_city")
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
        for r in _rows(tables, "manipulation_repeats")
    ]
    if not rows:
        return None
    columns = ("Area", "Records", "Repeat an earlier one", "Elsewhere", "q")
    return Table(columns, rows, ("", "n", "n", "n", "n")).html(
        "Areas where rows repeat an earlier one's point, time and label"
    )


# -- poisoning


def _poisoning(part: Result, tables: Tables, grid: Grid | None, areas: Areas | None) -> list[Markup | None]:
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
        known = not _none(r["smallest"])
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
            "none" if _none(r["rank_before"]) else f"{number(r['rank_before'])} to {number(r['rank_after'])}",
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


# -- coding


def _coding(part: Result, tables: Tables, grid: Grid | None, areas: Areas | None) -> list[Markup | None]:
    shifts = tables["coding_categories"]
    moved = [r for r in shifts.to_dict("records") if r["q"] <= 0.05][:MOST]
    figure = None
    if moved:
        bars = [
            Bar(
                f"{sources.label(r['what'])}, {day(r['date'])}",
                100 * r["change"],
                100 * r["low"],
                100 * r["high"],
                strong=True,
            )
            for r in moved
        ]
        title = "Categories whose share of all records moved"
        drawing = interval_chart(
            bars,
            title=title,
            desc=f"{plural(len(moved), 'category', 'categories')} with a step beyond chance.",
            unit="percentage points of all records, after less before",
            reference=0.0,
            reference_label="no change",
        )
        held = interval_table(bars, first="Category and date", value="Points", level=0.95)
        figure = chart_with_table(drawing, held, caption=title)
    return [figure, _labels(tables), _silences(tables), _pairs(tables)]


def _labels(tables: Tables) -> Markup | None:
    rows = [
        [
            str(r["what"]),
            day(r["date"]),
            f"{day(r['from'])} to {day(r['to'])}",
            percent(r["before"]),
            percent(r["after"]),
            p_value(r["q"]),
        ]
        for r in _rows(tables, "coding_steps")
    ]
    if not rows:
        return None
    columns = ("Label", "Step at", "Between", "Share before", "Share after", "q")
    return Table(columns, rows, ("", "", "", "n", "n", "n")).html(
        _of(tables, "coding_steps", "Labels whose share of all records moved")
    )


def _silences(tables: Tables) -> Markup | None:
    rows = [
        [str(r["what"]), f"{r['kind']} at {day(r['date'])}", number(r["records"]), number(r["silent_weeks"])]
        for r in _rows(tables, "coding_silences")
    ]
    if not rows:
        return None
    return Table(("Label", "What", "Records", "Weeks without"), rows, ("", "", "n", "n")).html(
        _of(tables, "coding_silences", "Labels that appear or vanish within the time")
    )


def _pairs(tables: Tables) -> Markup | None:
    rows = [
        [
            sources.label(r["loses"]),
            f"{number(r['lost'], digits=1)} from {day(r['lost_at'])}",
            sources.label(r["gains"]),
            f"{number(r['gained'], digits=1)} from {day(r['gained_at'])}",
        ]
        for r in _rows(tables, "coding_substitutions")
    ]
    if not rows:
        return None
    return Table(("Loses", "How many a week", "Gains", "How many a week"), rows, ("", "", "", "")).html(
        _of(tables, "coding_substitutions", "One gains about what another loses, at about the same time")
    )


# -- missing


def _missingness(part: Result, tables: Tables, grid: Grid | None, areas: Areas | None) -> list[Markup | None]:
    shares = tables["missingness_shares"].to_dict("records")
    bars = [
        Bar(f"lack {r['lacks']}", 100 * r["share"], 100 * r["low"], 100 * r["high"])
        for r in shares
        if r["rows"]
    ]
    figure = None
    if bars:
        title = "Rows that lack something"
        desc = f"{plural(len(bars), 'field')} of {number(len(shares))} are missing somewhere."
        held = interval_table(bars, first="What", value="% of rows", level=0.95)
        figure = chart_with_table(
            bar_chart(bars, title=title, desc=desc, unit="% of rows"), held, caption=title
        )
    rows = [
        [str(r["label"]), number(r["without_place"]), number(r["of"]), percent(r["share"])]
        for r in _rows(tables, "missingness_kinds")
    ]
    kinds = None
    if rows:
        kinds = Table(("Label", "Without a place", "Of", "Share"), rows, ("", "n", "n", "n")).html(
            _of(tables, "missingness_kinds", "Labels of the rows that have no place")
        )
    return [
        figure,
        kinds,
        _bounds(tables),
        _groups(tables, "missingness_groups", "Records at a default hour"),
    ]


def _bounds(tables: Tables) -> Markup | None:
    rows = [
        [
            f"{r['group']} beside {r['reference']}",
            number(r["ratio"], digits=2),
            interval(r["low"], r["high"], digits=2),
            number(r["if_in_reference"], digits=2),
            number(r["if_in_group"], digits=2),
        ]
        for r in _rows(tables, "missingness_bounds")
        if not _none(r["ratio"])
    ]
    if not rows:
        return None
    columns = (
        "Groups",
        "As located",
        "At least and at most",
        "If as the second lives",
        "If as the first",
    )
    caption = "Reports per resident where groups live, and what the rows without a place could make of it"
    return Table(columns, rows, ("", "n", "n", "n", "n")).html(caption)


def _groups(tables: Tables, name: str, caption: str) -> Markup | None:
    rows = [
        [
            str(r["group"]),
            number(r["residents"]),
            percent(r["value"], digits=1),
            "no interval" if _none(r["low"]) else interval(100 * r["low"], 100 * r["high"], digits=1),
        ]
        for r in _rows(tables, name)
    ]
    if not rows:
        return None
    columns = ("Where residents of this group live", "Residents", "Share of records", "95 % interval, %")
    return Table(columns, rows, ("", "n", "n", "n")).html(caption)


# -- officers' own records, delays


def _officer(part: Result, tables: Tables, grid: Grid | None, areas: Areas | None) -> list[Markup | None]:
    weeks = tables["officer_share_weeks"]
    step = part["numbers"]["step"]
    share = weeks["officer_initiated"].to_numpy(dtype=float) / np.maximum(
        weeks["records"].to_numpy(dtype=float), 1
    )
    title = "Share of officers' own records, week by week"
    drawing = weeks_line(
        [str(w) for w in weeks["week"]],
        share.tolist(),
        title=title,
        desc=str(part["sentences"][-1]),
        unit="% of records",
        mark=str(step["date"]) if part["standing"] else None,
        percent=True,
    )
    rows = [
        [day(str(r["week"])), number(r["records"]), number(r["officer_initiated"])]
        for r in weeks.to_dict("records")
    ]
    held = Table(("Week from", "Records", "Officers' own"), rows, ("", "n", "n"))
    note = "Dashed: the step that stands out." if part["standing"] else ""
    return [
        chart_with_table(drawing, held, caption=title, note=note),
        _ends(tables, "officer_share_areas", "Areas with the largest share of officers' own records"),
        _groups(tables, "officer_share_groups", "Officers' own records"),
    ]


def _ends(tables: Tables, name: str, caption: str) -> Markup | None:
    table = tables[name]
    rows = [
        [
            str(r["area"]),
            number(r["records"]),
            percent(r["share"]),
            interval(100 * r["low"], 100 * r["high"], digits=0),
        ]
        for r in table[table["records"] >= 100].head(MOST).to_dict("records")
    ]
    if not rows:
        return None
    caption = f"{caption}, of those with 100 records or more"
    return Table(("Area", "Records", "Share", "95 % interval, %"), rows, ("", "n", "n", "n")).html(caption)


def _delay(part: Result, tables: Tables, grid: Grid | None, areas: Areas | None) -> list[Markup | None]:
    if "delay_distribution" not in tables:
        return []
    table = tables["delay_distribution"]
    unit = str(part["numbers"]["unit"])
    rows = table.head(MOST).to_dict("records")
    title = f"Share of records still to be reported after so many {unit}"
    drawing = column_chart(
        [(number(r[unit]), 100 * (1 - float(r["within"]))) for r in rows],
        title=title,
        desc=str(part["sentences"][0]),
        unit="% of records",
        foot=unit,
        reference=10.0,
        reference_label="one in ten",
    )
    held = Table(
        (unit.capitalize(), "Reported within", "As recorded"),
        [
            [number(r[unit]), percent(r["within"], digits=1), percent(r["within_as_recorded"], digits=1)]
            for r in rows
        ],
        ("n", "n", "n"),
    )
    note = "What is not yet reported at the end of the data is allowed for; as recorded, it is not."
    return [
        chart_with_table(drawing, held, caption=title, note=note),
        _ends(tables, "delay_areas", "Areas with the largest share of late records"),
        _groups(tables, "delay_groups", "Late records"),
    ]


# -- regularity and digits


def _regularity(part: Result, tables: Tables, grid: Grid | None, areas: Areas | None) -> list[Markup | None]:
    points = [
        [
            f"{number(r['x'], digits=0)}, {number(r['y'], digits=0)}",
            "comes back every" if r["kind"] == "interval" else "at the clock time",
            str(r["which"]),
            f"{number(r['times'])} times in {number(r['dates'])} dates",
            p_value(r["q"]),
        ]
        for r in _rows(tables, "regularity_points")
    ]
    even = [
        [
            str(r["where"]),
            number(r["records"]),
            number(r["fano"], digits=2),
            f"{number(r['repeats'])}, by chance {number(r['repeats_by_chance'], digits=0)}",
            p_value(r["q"]),
        ]
        for r in _rows(tables, "regularity_even")
    ]
    stacked = [
        [
            f"{number(r['x'], digits=0)}, {number(r['y'], digits=0)}",
            number(r["records"]),
            number(r["labels"]),
            str(r["commonest"]),
        ]
        for r in _rows(tables, "regularity_stacked")
    ]
    made = [
        (
            ("Point", "What", "Which", "How often", "q"),
            points,
            "Points that are too regular",
            "regularity_points",
        ),
        (
            ("Cell or area", "Records", "Variance over mean", "Weeks that repeat the one before", "q"),
            even,
            "Weekly counts that are too even",
            "regularity_even",
        ),
        (
            ("Point", "Records", "Labels", "Commonest"),
            stacked,
            "Points with the most records",
            "regularity_stacked",
        ),
    ]
    return [Table(c, rows).html(_of(tables, name, caption)) for c, rows, caption, name in made if rows]


def _digits(part: Result, tables: Tables, grid: Grid | None, areas: Areas | None) -> list[Markup | None]:
    seen = tables["digits_minutes"]
    figure = None
    if int(seen["records"].sum()):
        title = "Last digit of the minute"
        drawing = column_chart(
            [(str(int(r["digit"])), 100 * float(r["share"])) for r in seen.to_dict("records")],
            title=title,
            desc=str(part["sentences"][1]) if len(part["sentences"]) > 1 else title,
            unit="% of records",
            foot="last digit",
            reference=10.0,
            reference_label="if all were alike",
        )
        rows = [
            [str(int(r["digit"])), number(r["records"]), percent(r["share"], digits=1)]
            for r in seen.to_dict("records")
        ]
        held = Table(("Digit", "Records", "Share"), rows, ("", "n", "n"))
        note = "A habit of whoever writes times down; areas are held against this habit and not against the line."
        figure = chart_with_table(drawing, held, caption=title, note=note)
    areas_rows = [
        [
            str(r["area"]),
            number(r["records"]),
            percent(r["ends_in_0_or_5"]),
            percent(r["elsewhere"]),
            p_value(r["q"]),
        ]
        for r in _rows(tables, "digits_areas")
    ]
    habits = [
        [
            str(r["what"]),
            number(r["records"]),
            percent(r["share"], digits=1),
            percent(r["by_chance"], digits=1),
        ]
        for r in _rows(tables, "digits_habits")
    ]
    out: list[Markup | None] = [figure]
    if areas_rows:
        columns = ("Area", "Records", "End in 0 or 5", "Elsewhere", "q")
        out.append(
            Table(columns, areas_rows, ("", "n", "n", "n", "n")).html(
                _of(tables, "digits_areas", "Areas whose digits differ from the others'")
            )
        )
    if habits:
        out.append(
            Table(
                ("Times and dates", "Records", "Share", "If all were alike"), habits, ("", "n", "n", "n")
            ).html("Habits of rounding")
        )
    return out


_PARTS = {
    "manipulation": _manipulation,
    "poisoning": _poisoning,
    "coding": _coding,
    "missingness": _missingness,
    "officer_share": _officer,
    "delay": _delay,
    "regularity": _regularity,
    "digits": _digits,
}
