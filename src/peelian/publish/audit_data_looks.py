"""Coding, what is missing, who made the records, delays, regularity and digits on the page of the audit of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from peelian.places import Areas, Grid
from peelian.publish import sources
from peelian.publish.audit_data_figures import weeks_line
from peelian.publish.audit_data_tables import MOST, area_table, caption_of, first_rows, group_table, unknown
from peelian.publish.charts import (
    Bar,
    Table,
    bar_chart,
    chart_with_table,
    column_chart,
    interval_chart,
    interval_table,
)
from peelian.publish.words import day, interval, number, p_value, percent, plural

__all__ = ["coding_parts", "delay_parts", "digit_parts", "missing_parts", "officer_parts", "regular_parts"]

Result = Mapping[str, Any]
Tables = Mapping[str, pd.DataFrame]
Rows = Sequence[Mapping[str, Any]]


def coding_parts(part: Result, tables: Tables, grid: Grid | None, areas: Areas | None) -> list[Markup | None]:
    """Categories and labels whose share moved, labels that appear or vanish, and pairs."""
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
        for r in first_rows(tables, "coding_steps")
    ]
    if not rows:
        return None
    columns = ("Label", "Step at", "Between", "Share before", "Share after", "q")
    return Table(columns, rows, ("", "", "", "n", "n", "n")).html(
        caption_of(tables, "coding_steps", "Labels whose share of all records moved")
    )


def _silences(tables: Tables) -> Markup | None:
    rows = [
        [str(r["what"]), f"{r['kind']} at {day(r['date'])}", number(r["records"]), number(r["silent_weeks"])]
        for r in first_rows(tables, "coding_silences")
    ]
    if not rows:
        return None
    return Table(("Label", "What", "Records", "Weeks without"), rows, ("", "", "n", "n")).html(
        caption_of(tables, "coding_silences", "Labels that appear or vanish within the time")
    )


def _pairs(tables: Tables) -> Markup | None:
    rows = [
        [
            sources.label(r["loses"]),
            f"{number(r['lost'], digits=1)} from {day(r['lost_at'])}",
            sources.label(r["gains"]),
            f"{number(r['gained'], digits=1)} from {day(r['gained_at'])}",
        ]
        for r in first_rows(tables, "coding_substitutions")
    ]
    if not rows:
        return None
    return Table(("Loses", "How many a week", "Gains", "How many a week"), rows, ("", "", "", "")).html(
        caption_of(
            tables, "coding_substitutions", "One gains about what another loses, at about the same time"
        )
    )


def missing_parts(
    part: Result, tables: Tables, grid: Grid | None, areas: Areas | None
) -> list[Markup | None]:
    """What rows lack, which labels have no place, and the bounds that follow."""
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
        for r in first_rows(tables, "missingness_kinds")
    ]
    kinds = None
    if rows:
        kinds = Table(("Label", "Without a place", "Of", "Share"), rows, ("", "n", "n", "n")).html(
            caption_of(tables, "missingness_kinds", "Labels of the rows that have no place")
        )
    return [
        figure,
        kinds,
        _bounds(tables),
        group_table(tables, "missingness_groups", "Records at a default hour"),
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
        for r in first_rows(tables, "missingness_bounds")
        if not unknown(r["ratio"])
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


def officer_parts(
    part: Result, tables: Tables, grid: Grid | None, areas: Areas | None
) -> list[Markup | None]:
    """The share of officers' own records by week, area and group."""
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
        area_table(tables, "officer_share_areas", "Areas with the largest share of officers' own records"),
        group_table(tables, "officer_share_groups", "Officers' own records"),
    ]


def delay_parts(part: Result, tables: Tables, grid: Grid | None, areas: Areas | None) -> list[Markup | None]:
    """How late records come, and where; nothing where that is not known."""
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
        area_table(tables, "delay_areas", "Areas with the largest share of late records"),
        group_table(tables, "delay_groups", "Late records"),
    ]


def regular_parts(
    part: Result, tables: Tables, grid: Grid | None, areas: Areas | None
) -> list[Markup | None]:
    """Points and counts that are too regular, and the points with the most records."""
    points = [
        [
            f"{number(r['x'], digits=0)}, {number(r['y'], digits=0)}",
            "comes back every" if r["kind"] == "interval" else "at the clock time",
            str(r["which"]),
            f"{number(r['times'])} times in {number(r['dates'])} dates",
            p_value(r["q"]),
        ]
        for r in first_rows(tables, "regularity_points")
    ]
    even = [
        [
            str(r["where"]),
            number(r["records"]),
            number(r["fano"], digits=2),
            f"{number(r['repeats'])}, by chance {number(r['repeats_by_chance'], digits=0)}",
            p_value(r["q"]),
        ]
        for r in first_rows(tables, "regularity_even")
    ]
    stacked = [
        [
            f"{number(r['x'], digits=0)}, {number(r['y'], digits=0)}",
            number(r["records"]),
            number(r["labels"]),
            str(r["commonest"]),
        ]
        for r in first_rows(tables, "regularity_stacked")
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
    return [Table(c, rows).html(caption_of(tables, name, caption)) for c, rows, caption, name in made if rows]


def digit_parts(part: Result, tables: Tables, grid: Grid | None, areas: Areas | None) -> list[Markup | None]:
    """Last digits of minutes, areas with digits of their own, and habits of rounding."""
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
        for r in first_rows(tables, "digits_areas")
    ]
    habits = [
        [
            str(r["what"]),
            number(r["records"]),
            percent(r["share"], digits=1),
            percent(r["by_chance"], digits=1),
        ]
        for r in first_rows(tables, "digits_habits")
    ]
    out: list[Markup | None] = [figure]
    if areas_rows:
        columns = ("Area", "Records", "End in 0 or 5", "Elsewhere", "q")
        out.append(
            Table(columns, areas_rows, ("", "n", "n", "n", "n")).html(
                caption_of(tables, "digits_areas", "Areas whose digits differ from the others'")
            )
        )
    if habits:
        out.append(
            Table(
                ("Times and dates", "Records", "Share", "If all were alike"), habits, ("", "n", "n", "n")
            ).html("Habits of rounding")
        )
    return out
