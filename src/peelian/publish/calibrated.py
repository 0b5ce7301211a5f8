"""Whether counts fell where a forecast said they would, for a page: charts, tables and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from peelian.publish.charts import Table, chart_with_table, column_chart
from peelian.publish.choice import method_title
from peelian.publish.trials import in_order
from peelian.publish.words import number, percent, plural

__all__ = ["calibration_section", "calibration_sentence"]

Result = Mapping[str, Any]

LEVEL = 0.8
"""Of the intervals that one sentence is about."""

PIT_NOTE = (
    "All alike: the forecast is as sure as it should be. High at both ends: too sure. High in the middle: not sure "
    "enough. High on the right: more came than was expected."
)
RATIO_NOTE = (
    "Each column holds a tenth of the expected reports: the first most of the places, which expect next to nothing "
    "each, the last the few highest. Above the line, more came than was expected."
)


def calibration_sentence(trial: Result | None, name: str) -> str:
    """How often a method's intervals for the whole area held what came; empty where that is not known."""
    found = _of(trial, name)
    for row in (found.get("coverage") or {}).get("the whole area", ()):
        if abs(float(row["level"]) - LEVEL) < 1e-9 and row.get("observed") is not None and trial is not None:
            return (
                f"In the trial, its {percent(LEVEL)} intervals for the whole area held what came in "
                f"{percent(row['observed'])} of {plural(trial['origins'], 'period')}; as sure as it should be, it "
                f"would have in about {percent(row['expected'])}."
            )
    return ""


def calibration_section(trial: Result, *, used: str = "") -> Markup | None:
    """The charts of the method in use and the coverage of all; None where nothing is known of it."""
    name = used or str(trial["verdict"]["method"])
    found = _of(trial, name)
    if not found:
        return None
    title = method_title(trial, name)
    figures = [f for f in (_pit(found, title), _ratios(found, title)) if f is not None]
    return Markup(
        '<section aria-labelledby="calibration"><h2 id="calibration">Was it as sure as it should be?</h2>'
        '<p>{}</p><div class="two">{}</div>{}<details><summary>All methods</summary>{}</details></section>'
    ).format(
        calibration_sentence(trial, name),
        Markup("").join(Markup("<div>{}</div>").format(f) for f in figures),
        _coverage(found, title),
        _every(trial),
    )


def _of(trial: Result | None, name: str) -> Result:
    for method in (trial or {}).get("methods", ()):
        if str(method["name"]) == name:
            found: Result = method.get("calibration") or {}
            return found
    return {}


def _pit(found: Result, title: str) -> Markup | None:
    shares = found.get("pit") or ()
    if not shares or any(v is None for v in shares):
        return None
    columns = [(str(10 * (i + 1)), 100 * float(v)) for i, v in enumerate(shares)]
    caption = f"{title}: where in its range the counts fell"
    drawing = column_chart(
        columns,
        title=caption,
        desc="Share of the expected reports by tenth of the forecast's range: "
        + ", ".join(number(v, digits=1) for _, v in columns),
        unit="% of the expected reports",
        foot="tenths of the forecast's range, from the lowest",
        reference=10.0,
        reference_label="as sure as it should be",
    )
    rows = [[f"{int(end) - 10} to {end} %", number(v, digits=1)] for end, v in columns]
    return chart_with_table(
        drawing, Table(("Part of the range", "% of the expected reports"), rows, ("", "n")),
        caption=caption, note=PIT_NOTE,
    )  # fmt: skip


def _ratios(found: Result, title: str) -> Markup | None:
    ratios = found.get("observed_over_expected") or ()
    if all(v is None for v in ratios):
        return None
    columns = [(str(i + 1), None if v is None else float(v)) for i, v in enumerate(ratios)]
    caption = f"{title}: what came over what was expected"
    drawing = column_chart(
        columns,
        title=caption,
        desc="Reports over expected reports, from the lowest places to the highest: "
        + ", ".join("none" if v is None else number(v) for _, v in columns),
        unit="came over expected",
        foot="tenths of the expected reports, from the lowest places to the highest",
        reference=1.0,
        reference_label="as many as expected",
    )
    rows = [[k, "not measured" if v is None else number(v)] for k, v in columns]
    return chart_with_table(
        drawing, Table(("Tenth, from the lowest places", "Came over expected"), rows, ("", "n")),
        caption=caption, note=RATIO_NOTE,
    )  # fmt: skip


def _share(row: Result) -> str:
    if row.get("observed") is None:
        return "not measured"
    return f"{percent(row['observed'])} ({percent(row['expected'])} due)"


def _coverage(found: Result, title: str) -> Markup:
    cover = found.get("coverage") or {}
    levels = [row["level"] for row in next(iter(cover.values()), ())]
    rows = [
        [str(what)[:1].upper() + str(what)[1:], *(_share(row) for row in held)]
        for what, held in cover.items()
    ]
    columns = ("Counts of", *(f"In {percent(level)} intervals" for level in levels))
    caption = f"{title}: how many counts lay in its intervals (due: what a forecast that is right would have)"
    return Table(columns, rows, ("", *["n"] * len(levels))).html(caption)


def _every(trial: Result) -> Markup:
    """One level, all methods: what each had in its intervals."""
    names: list[str] = []
    rows = []
    for method in in_order(trial):
        cover = (method.get("calibration") or {}).get("coverage") or {}
        names = names or [str(name) for name in cover]
        held = [
            next(
                (_share(r) for r in cover.get(name, ()) if abs(float(r["level"]) - LEVEL) < 1e-9),
                "not measured",
            )
            for name in names
        ]
        rows.append([method_title(trial, str(method["name"])), *held])
    columns = ("Method", *(name[:1].upper() + name[1:] for name in names))
    caption = f"How many counts lay in the {percent(LEVEL)} intervals of each method"
    return Table(columns, rows, ("", *["n"] * len(names))).html(caption)
