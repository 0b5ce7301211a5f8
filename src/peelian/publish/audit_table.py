"""The page of an exposure table: every area's ratios, what they come to, and our own plans beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish.audits import audit_page_of
from peelian.publish.charts import Bar, Table, chart_with_table, interval_chart
from peelian.publish.words import number, p_value, percent, plural, spread

__all__ = ["audit_table_page"]

Result = Mapping[str, Any]
Rows = Sequence[Result]

MANY = 6
"""Rows from which a chart is drawn close."""
SHORT = 22
"""Characters of a label beside a chart's row."""
MEASURES = {"top_1": "Top 1 %", "top_5": "Top 5 %", "top_10": "Top 10 %", "gini": "Gini"}


def audit_table_page(result: Result, *, demonstration: bool = False) -> str:
    """The page of `peelian.workspace.audit_table`.

    Parameters
    ----------
    result : mapping
        As stored.
    """
    own = {one["name"] for one in result["beside"]}
    theirs = [row for row in result["ratios"] if row["by"] not in own]
    claimed = result["claims"]
    parts = [
        _tally(result) if result["areas"] > 1 else None,
        *(_chart([row for row in theirs if row["group"] == g], result["level"]) for g in result["groups"]),
        _own(result, own),
        _denominators(result),
        _crossed(result),
        _persistence(result),
        _concentration(result["concentration"], result["level"]),
        _exposures(result),
        _quality(result["quality"]),
    ]
    return audit_page_of(
        result,
        heading="Whom a map of counts reaches",
        sub=(
            f"Exposure by group to {result['what']} in {plural(result['units'], 'unit')} of "
            f"{plural(result['areas'], 'area')}{', and our own plans beside it' if own else ''}."
        ),
        parts=parts,
        claimed=[
            ("Measured", claimed["estimand"]),
            ("Held against", claimed["denominators"]),
            ("How sure", claimed["intervals"]),
            ("Warning", claimed["warning"]),
        ],
        demonstration=demonstration,
    )


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def _ratio(value: Any) -> str:
    return "no number" if value is None else number(value, digits=2)


def _ends(row: Result) -> str:
    if row["low"] is None or row["high"] is None:
        return "no interval"
    return f"{_ratio(row['low'])} to {_ratio(row['high'])}"


def _tally(result: Result) -> Markup:
    """How many are off by the value alone, and how many with the interval: what point estimates would have claimed."""
    rows = [
        [
            _words(one["group"]) or "all groups",
            number(one["ratios"]),
            f"{number(one['above'])} above, {number(one['below'])} below",
            f"{number(one['surely_above'])} above, {number(one['surely_below'])} below",
            number(one["corrected"]),
        ]
        for one in [*result["tallies"][1:], result["tallies"][0]]
    ]
    columns = (
        "Group",
        "Ratios",
        "By value alone",
        f"{percent(result['level'])} interval leaves out 1",
        "Corrected",
    )
    caption = "How many ratios are other than 1"
    note = (
        "Corrected: how many are left when it is taken into account how many were looked at (Holm 1979). Where the "
        "interval holds 1, the value alone says more than these data show; it doesn't follow that there is nothing."
    )
    table = Table(columns, rows, ("", "n", "words", "words", "n")).html(caption)
    return Markup('<h2 id="tally">How many, and how sure</h2>{}<p class="note">{}</p>').format(table, note)


def _chart(rows: Rows, level: float) -> Markup | None:
    if not rows:
        return None
    order = sorted(rows, key=lambda row: (row["value"] is None, -(row["value"] or 0.0), row["by"]))
    group, reference = _words(order[0]["group"]), _words(order[0]["reference"])
    title = f"{group[:1].upper()}{group[1:]} to {reference} residents"
    sure = [row for row in order if row["low"] is not None and (row["low"] > 1 or row["high"] < 1)]
    bars = [
        Bar(
            str(row["by"])
            if len(str(row["by"])) <= SHORT
            else f"{str(row['by'])[: SHORT - 1]}\N{HORIZONTAL ELLIPSIS}",
            row["value"],
            row["low"],
            row["high"],
            note="" if row["value"] is not None else "no number",
            strong=row in sure,
        )
        for row in order
    ]
    desc = (
        f"One row an area, the largest ratio first, of {len(order)}. The interval leaves out 1 in {len(sure)}"
        f"{': ' + ', '.join(str(row['by']) for row in sure) if sure else ''}."
    )
    drawing = interval_chart(
        bars,
        title=title,
        desc=desc,
        unit="exposure ratio, logarithmic (right of the line: more)",
        reference=1.0,
        reference_label="the same",
        ratio=True,
        compact=len(bars) >= MANY,
    )
    note = f"Dots are values, lines their {spread(level)}; filled where the interval leaves out 1."
    return chart_with_table(drawing, _ratio_table(order, level), caption=title, note=note)


def _ratio_table(rows: Rows, level: float) -> Table:
    columns = (
        "Area",
        "Ratio",
        spread(level),
        "p",
        "p, corrected",
        "Units",
        "Residents of the group",
        "Mean",
        "Reference",
    )
    said = [
        [
            str(row["by"]),
            _ratio(row["value"]),
            _ends(row) if row["value"] is not None else str(row["why"]),
            "" if row["p"] is None else p_value(row["p"], digits=3),
            "" if row["p_corrected"] is None else p_value(row["p_corrected"], digits=3),
            number(row["units"]),
            number(row["population"], digits=0),
            "" if row["exposure"] is None else number(row["exposure"]),
            "" if row["reference_exposure"] is None else number(row["reference_exposure"]),
        ]
        for row in rows
    ]
    return Table(columns, said, ("", "n", "n", "n", "n", "n", "n", "n", "n"))


def _own(result: Result, own: set[str]) -> Markup | None:
    """Our own plans, by the same functions."""
    rows = [row for row in result["ratios"] if row["by"] in own]
    if not rows:
        return None
    bars = [
        Bar(
            f"{_words(row['group'])} to {_words(row['reference'])}: {row['by']}",
            row["value"],
            row["low"],
            row["high"],
            note="" if row["value"] is not None else "no number",
            strong=True,
        )
        for row in rows
    ]
    title = "Our own plans, by the same functions"
    drawing = interval_chart(
        bars,
        title=title,
        desc="; ".join(f"{bar.label}: {_ratio(bar.value)}" for bar in bars) + ".",
        unit="exposure ratio, logarithmic (right of the line: more)",
        reference=1.0,
        reference_label="the same",
        ratio=True,
    )
    note = (
        "Planned hours by grid cell, where the table has counts by its own units. A plan attends few cells, so that "
        "its interval is wide. Blocks of several sizes are drawn here, as for any table; a plan's own audit draws "
        "blocks of one size and moves the groups' map over the city, so that its interval is another one. Where "
        "the two differ, the wider is the one to go by: neither way knows how far likeness reaches."
    )
    table = _ratio_table(rows, result["level"])
    labels = [
        [f"{row['by']}: {_words(row['group'])}", *cells[1:]]
        for row, cells in zip(rows, table.rows, strict=True)
    ]
    return chart_with_table(drawing, Table(table.columns, labels, table.kinds), caption=title, note=note)


def _denominators(result: Result) -> Markup | None:
    """Each ratio against each denominator, beside one another."""
    rows = result["denominators"]
    names = list(dict.fromkeys(row["denominator"] for row in rows))
    if len(names) < 2:
        return None
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        said = f"{_ratio(row['value'])} ({_ends(row)})"
        found.setdefault((row["by"], row["group"]), {})[row["denominator"]] = said
    table = Table(
        ("Area", "Group", *(f"For each {'resident' if n == 'residents' else n.rstrip('s')}" for n in names)),
        [[by, _words(group), *(cells[name] for name in names)] for (by, group), cells in found.items()],
        ("", "", *("n" for _ in names)),
    )
    return table.html("The same ratios, held against other things than residents")


def _crossed(result: Result) -> Markup | None:
    rows = [
        [
            row["by"],
            _words(row["group"]),
            "no number"
            if row["value_low"] is None
            else f"{_ratio(row['value_low'])} to {_ratio(row['value_high'])}",
            _ends(row),
            f"{number(row['population_low'], digits=0)} to {number(row['population_high'], digits=0)}",
        ]
        for row in result["crossed"]
    ]
    if not rows:
        return None
    columns = ("Area", "Both", "Ratio is within", "With its interval", "Residents")
    table = Table(columns, rows, ("", "", "n", "n", "n")).html("Those who have both attributes: bounds")
    note = (
        "How many have both is not known, only how many have each: any number within these bounds is possible, so the "
        "ratio is bounded and not estimated."
    )
    return Markup('{}<p class="note">{}</p>').format(table, note)


def _persistence(result: Result) -> Markup | None:
    rows = [
        [
            row["by"],
            row["meaning"],
            _ratio(row["value"]),
            _ends(row),
            "" if row["chance"] is None else _ratio(row["chance"]),
        ]
        for row in result["persistence"]
    ]
    if not rows:
        return None
    columns = ("Area", "Measure", "Here", spread(result["level"]), "By chance")
    return Table(columns, rows, ("", "words", "n", "n", "n")).html("How long the same places are chosen")


def _concentration(rows: Rows, level: float) -> Markup | None:
    """How much of the counts the top 1, 5 and 10 % have; by residents under a summary."""
    made = {}
    for basis in ("units", "residents"):
        found: dict[str, dict[str, str]] = {}
        for row in (row for row in rows if row["basis"] == basis):
            gini = row["measure"] == "gini"
            values = [row["value"], row["low"], row["high"]]
            said = [
                "" if v is None else number(v, digits=2) if gini else percent(v, digits=0) for v in values
            ]
            found.setdefault(row["by"], {})[row["measure"]] = (
                f"{said[0]} ({said[1]} to {said[2]})" if said[1] else said[0]
            )
        cells = [[by, *(values.get(name, "") for name in MEASURES)] for by, values in found.items()]
        made[basis] = Table(("Area", *MEASURES.values()), cells, ("", "n", "n", "n", "n")).html(
            f"Share of the counts in the top {basis}, with {spread(level)}"
        )
    if not rows:
        return None
    return Markup(
        '<h2 id="concentration">How concentrated</h2><details><summary>The top units of each area</summary>{}</details>'
        "<details><summary>By residents: the places with most for each who lives there</summary>{}</details>"
    ).format(made["units"], made["residents"])


def _exposures(result: Result) -> Markup:
    rows = [
        [
            row["by"],
            _words(row["group"]),
            number(row["population"], digits=0),
            "no number" if row["value"] is None else number(row["value"]),
            "no interval" if row["low"] is None else f"{number(row['low'])} to {number(row['high'])}",
        ]
        for row in result["exposures"]
    ]
    columns = ("Area", "Group", "Residents", "Mean in their own unit", spread(result["level"]))
    table = Table(columns, rows, ("", "", "n", "n", "n")).html("Exposure of each group")
    return Markup(
        "<details><summary>Exposure of each group, and of those in none</summary>{}</details>"
    ).format(table)


def _quality(rows: Rows) -> Markup:
    names = {
        "units": "Units",
        "missing": "Without a count",
        "empty": "Without residents",
        "counts_empty": "Counts there",
        "other": "Residents in no group",
        "over": "Units with more in groups than in all",
        "overlapping": "Units that overlap",
        "shared_km2": "km2 shared",
        "gaps_km2": "km2 of holes",
    }
    said = [
        [row["by"], *("not known" if row[key] is None else number(row[key]) for key in names)] for row in rows
    ]
    table = Table(("Area", *names.values()), said, ("", *("n" for _ in names))).html(
        "What is off in the table"
    )
    return Markup("<details><summary>What is off in the table, area by area</summary>{}</details>").format(
        table
    )
