"""The checks of a plan's audit for its page: reporting, benefit, placebo, power, grids, and what nobody named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish.burden import findings_table
from peelian.publish.charts import (
    Bar,
    Series,
    Table,
    chart_with_table,
    interval_chart,
    interval_table,
    line_chart,
)
from peelian.publish.words import interval, number, p_value, percent

__all__ = ["check_lines", "check_parts"]

Result = Mapping[str, Any]

HEADINGS = {
    "reporting": "Could unequal reporting have made this?",
    "benefit": "What the hours bring, beside what they burden",
    "placebo": "Would the same audit find something where nothing is?",
    "power": "What could this audit have shown?",
    "sensitivity": "Does it hang on the grid?",
    "subgroups": "Places that nobody named: reports against the forecast",
    "hours": "Places that nobody named: planned places against the forecast",
    "comparisons": "How many numbers were looked at together",
}
OFFERED = "options offered"
"""Counts places and no time: it has no place in a chart of minutes."""

MOST_GROUPS = 4
"""Groups with a chart of their own; all are in the tables."""


def check_lines(checks: Result | None) -> list[str]:
    """The sentences that a reader needs beside the exposure itself: whether it could be chance, or reporting."""
    parts = (checks or {}).get("parts") or {}
    made = [parts.get(name) or {} for name in ("placebo", "reporting", "comparisons")]
    return [str(part["sentences"][0]) for part in made if part.get("sentences")]


def check_parts(checks: Result | None) -> list[Markup]:
    """A section for each check: its sentences, charts, findings and what it can't tell.

    Parameters
    ----------
    checks : mapping, optional
        As `peelian.workspace.audit_checks.checks` gives it; nothing where there is none.
    """
    found = (checks or {}).get("parts") or {}
    return [_section(name, found[name]) for name in HEADINGS if found.get(name)]


def _section(name: str, part: Result) -> Markup:
    if not part.get("measured"):
        why = str(part.get("why_not") or "there is nothing to make it from")
        return _wrapped(name, [f"Not measured: {why}."], [], [])
    figures = [figure for figure in _FIGURES[name](part) if figure]
    findings = [] if name == "comparisons" else [_folded(findings_table(list(part["findings"])))]
    return _wrapped(name, part["sentences"], [*figures, *findings], part.get("limits") or [])


def _folded(table: Markup) -> Markup:
    return Markup("<details><summary>All numbers of this check</summary>{}</details>").format(table)


def _wrapped(name: str, sentences: Sequence[str], figures: Sequence[Markup], limits: Sequence[str]) -> Markup:
    said = Markup("").join(Markup("<p>{}</p>").format(one) for one in sentences)
    rest = Markup("").join(Markup("<li>{}</li>").format(one) for one in limits)
    more = Markup("<details><summary>What this check can't tell</summary><ul>{}</ul></details>").format(rest)
    return Markup(
        '<section aria-labelledby="check-{0}"><h2 id="check-{0}">{1}</h2>{2}{3}{4}</section>'
    ).format(name, HEADINGS[name], said, Markup("").join(figures), more if limits else Markup(""))


def _groups(rows: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(str(row["group"]) for row in rows))[:MOST_GROUPS]


def _words(name: Any) -> str:
    return str(name).replace("_", " ")


def _reporting(part: Result) -> list[Markup]:
    figures = []
    for row in part["rows"]:
        curve = [
            one
            for one in part["curve"]
            if (one["finding"], one["group"]) == (row["finding"], row["group"]) and _whole(one)
        ]
        if len(curve) > 1 and row["group"] in _groups(part["rows"]):
            figures.append(_sweep(row, curve, _words(part["reference"])))
    return [*figures, *_by_area(part)]


def _by_area(part: Result) -> list[Markup]:
    """A table of what each area's reporting alone would have to be, folded away."""
    held, left = part.get("by_area") or [], int(part.get("by_area_left_out") or 0)
    if not held:
        return []
    what = {"exposure": "hours per resident", "need": "hours per incident"}
    columns = (
        "Area",
        "Ratio of",
        "Factor that turns it",
        "Ratio at half",
        "Ratio at twice",
    )
    rows = [
        (
            str(row["area"]),
            f"{what[row['finding']]}, {_words(row['group'])} to {_words(part['reference'])} residents",
            f"none up to {number(part['widest'])}" if row["factor"] is None else number(row["factor"]),
            number(row["ratio_at_half"]),
            number(row["ratio_at_twice"]),
        )
        for row in held
    ]
    caption = "One area's reporting alone, the nearest to turning a finding first"
    note = (
        "The factor is how many times as often as elsewhere incidents there would be reported for the ratio to be 1. "
        "Ratio at half and at twice: what it would be if incidents there were reported half or twice as often as "
        "elsewhere, and hours per resident had followed incidents."
    )
    more = f" {number(left)} more rows turn or move it less, and are left out." if left else ""
    return [
        Markup("<details><summary>One area's reporting alone</summary>{}<p>{}{}</p></details>").format(
            Table(columns, rows, ("", "words", "n", "n", "n")).html(caption), note, more
        )
    ]


def _whole(row: Result) -> bool:
    return all(row.get(name) is not None for name in ("ratio", "low", "high"))


def _sweep(row: Result, curve: Sequence[Result], reference: str) -> Markup:
    what = {
        "exposure": "Hours per resident, had they followed incidents",
        "need": "Hours per incident",
    }[row["finding"]]
    group = _words(row["group"])
    title = f"{what}: {group} to {reference} residents, by the gap in reporting"
    steps = [number(one["gap"]) for one in curve]
    # A band far beyond the line would flatten it to the axis.
    top = 3 * max(one["ratio"] for one in curve)
    series = Series(
        title,
        steps,
        [one["ratio"] for one in curve],
        [min(one["low"], top) for one in curve],
        [min(one["high"], top) for one in curve],
    )
    at = min(range(len(curve)), key=lambda i: abs(curve[i]["gap"] - 1))
    turn = f"It crosses 1 at a gap of {number(row['flip'])}." if row.get("flip") else "It does not cross 1."
    drawing = line_chart(
        series,
        title=title,
        desc=f"{number(row['ratio'])} without a gap. {turn}",
        unit="ratio",
        limit=(1.0, "the same"),
        dot=at,
    )
    table = Table(
        (f"{group} reports for each of {reference}", "Ratio", "Interval"),
        [(number(one["gap"]), number(one["ratio"]), interval(one["low"], one["high"])) for one in curve],
        ("n", "n", "n"),
    )
    note = (
        f"To the left incidents where {group} residents live are reported less often than where {reference} residents "
        f"live, to the right more often. The dot is no gap. {turn} The band is cut at three times the highest ratio."
    )
    return chart_with_table(drawing, table, caption=title, note=note)


def _benefit(part: Result) -> list[Markup]:
    rows = [row for row in part["rows"] if row["what"] != OFFERED]
    level = part["findings"][0]["level"]
    figures = []
    for name, unit, title in (
        ("minutes", "minutes", "Minutes in the average resident's own place"),
        ("covered_share", "% of expected reports", "Expected reports of their own places that are covered"),
    ):
        scale = 100 if name == "covered_share" else 1
        bars = [
            Bar(
                f"{_words(row['what'])}: {_words(row['group'])} residents",
                _scaled(row[name], scale),
                _scaled(row[f"{name}_low"], scale),
                _scaled(row[f"{name}_high"], scale),
            )
            for row in rows
        ]
        drawing = interval_chart(bars, title=title, desc=_said(bars), unit=unit)
        table = interval_table(bars, first="What, and for whom", value=unit, level=level)
        figures.append(chart_with_table(drawing, table, caption=title))
    return figures


def _scaled(value: Any, scale: float) -> float | None:
    return None if value is None else scale * float(value)


def _said(bars: Sequence[Bar]) -> str:
    return "; ".join(f"{bar.label}: {number(bar.value)} ({interval(bar.low, bar.high)})" for bar in bars)


def _placebo(part: Result) -> list[Markup]:
    rows = [row for row in part["rows"] if row.get("ratio") and row.get("null_low") is not None]
    if not rows:
        return []
    bars = []
    for row in rows[:MOST_GROUPS]:
        group = _words(row["group"])
        bars.append(Bar(f"the plan: {group} residents", row["ratio"], strong=True))
        middle = (row["null_low"] * row["null_high"]) ** 0.5 if row["null_high"] else row["null_low"]
        bars.append(
            Bar(f"places dealt out by chance: {group} residents", middle, row["null_low"], row["null_high"])
        )
    title = "The plan's exposure ratio beside maps with the groups' places dealt out by chance"
    drawing = interval_chart(
        bars,
        title=title,
        desc=_said(bars),
        unit="exposure ratio, logarithmic",
        reference=1.0,
        reference_label="the same",
        ratio=True,
    )
    table = Table(
        ("Group", "The plan", "By chance", "p", "False findings"),
        [
            (
                _words(row["group"]),
                number(row["ratio"]),
                interval(row["null_low"], row["null_high"]),
                p_value(row["p"], digits=3),
                percent(row["false_findings"]),
            )
            for row in rows
        ],
        ("", "n", "n", "n", "n"),
    )
    note = f"The whiskers hold 95 of 100 of {number(part['replicates'])} maps; their dot is only the middle."
    return [chart_with_table(drawing, table, caption=title, note=note)]


def _power(part: Result) -> list[Markup]:
    figures = []
    for group in _groups(part["rows"]):
        curve = [one for one in part["curve"] if one["group"] == group and 0.2 <= one["ratio"] <= 5]
        if len(curve) < 2:
            continue
        title = f"How often a disparity would have been found: {_words(group)} to {_words(part['reference'])} residents"
        drawing = line_chart(
            Series(title, [number(one["ratio"]) for one in curve], [one["power"] for one in curve]),
            title=title,
            desc=f"{percent(min(one['power'] for one in curve))} at the least, near 1.",
            unit="share of cities like this in which the interval leaves out 1",
            limit=(part["power"], percent(part["power"])),
        )
        table = Table(
            ("True ratio", "Found in"),
            [(number(one["ratio"]), percent(one["power"])) for one in curve],
            ("n", "n"),
        )
        figures.append(chart_with_table(drawing, table, caption=title, note="By the true exposure ratio."))
    return figures


def _sensitivity(part: Result) -> list[Markup]:
    figures = []
    for group in _groups(part["rows"]):
        rows = [row for row in part["rows"] if row["group"] == group and row["ratio"] is not None]
        if not rows:
            continue
        bars = [
            *_spans([row for row in rows if row["varied"] == "units"]),
            *(
                Bar(row["setting"], row["ratio"], row["low"], row["high"])
                for row in rows
                if row["varied"] == "blocks"
            ),
        ]
        title = f"Exposure ratio in other units and with other blocks: {_words(group)} residents"
        drawing = interval_chart(
            bars,
            title=title,
            desc=_said(bars),
            unit="exposure ratio, logarithmic",
            reference=1.0,
            reference_label="the same",
            ratio=True,
        )
        table = Table(
            ("Setting", "Origin", "Units", "Blocks", "Ratio", "Interval"),
            [
                (
                    row["setting"],
                    "" if row["shift_x"] is None else f"{number(row['shift_x'])}, {number(row['shift_y'])}",
                    number(row["units"]),
                    number(row["blocks"]),
                    number(row["ratio"]),
                    interval(row["low"], row["high"]),
                )
                for row in rows
            ],
            ("", "", "n", "n", "n", "n"),
        )
        note = "For units the whiskers span all origins of the squares; for blocks they are intervals."
        figures.append(chart_with_table(drawing, table, caption=title, note=note))
    return figures


def _spans(rows: Sequence[Result]) -> list[Bar]:
    """One row a size of unit: the middle of its ratios over all origins, and their ends."""
    made = []
    for setting in dict.fromkeys(str(row["setting"]) for row in rows):
        ratios = sorted(row["ratio"] for row in rows if row["setting"] == setting)
        middle = ratios[len(ratios) // 2]
        ends = (ratios[0], ratios[-1]) if len(ratios) > 1 else (None, None)
        made.append(Bar("units as they are" if setting == "as they are" else setting, middle, *ends))
    return made


def _subgroups(part: Result) -> list[Markup]:
    if not part["rows"]:
        return []
    caption = "What stands out most of all that was looked at"
    rows = [
        (
            str(row["subset"]),
            number(row["units"]),
            "" if row["periods"] is None else number(row["periods"]),
            f"fewer than {part['fewest_told']}" if row["observed"] is None else number(row["observed"]),
            number(row["expected"]),
            "not told" if row["ratio"] is None else number(row["ratio"]),
            p_value(row["p_both"], digits=3),
        )
        for row in part["rows"]
    ]
    columns = (
        "Places with",
        "Places",
        "Latest periods",
        str(part["what"]).capitalize(),
        "Expected",
        "Times",
        "p",
    )
    looked = " and ".join(
        f"{number(n)} by {'attributes' if name == 'attributes' else 'area'}"
        for name, n in part["looked_at"].items()
    )
    said = Markup("<p>{}</p>").format(
        f"Looked at: {looked}, each a set of places over the latest periods. The p-value counts them all. Chance was "
        f"given {number(part['scatter'])} times the scatter of independent counts."
    )
    return [said, Table(columns, rows, ("words", "n", "n", "n", "n", "n", "n")).html(caption)]


def _comparisons(part: Result) -> list[Markup]:
    caption = "P-values of what is reported on this page, alone and counted together"
    rows = [
        (
            _words(row["finding"]).replace("/", ", "),
            p_value(row["p"], digits=3),
            p_value(row["holm"], digits=3),
            p_value(row["benjamini_yekutieli"], digits=3),
            "yes" if row["stands"] else "no",
        )
        for row in part["rows"]
    ]
    columns = (
        "Finding",
        "Alone",
        "Holm",
        "Benjamini and Yekutieli",
        f"Stands at {percent(1 - part['level'])}",
    )
    return [Table(columns, rows, ("words", "n", "n", "n", "")).html(caption)]


_FIGURES = {
    "reporting": _reporting,
    "benefit": _benefit,
    "placebo": _placebo,
    "power": _power,
    "sensitivity": _sensitivity,
    "subgroups": _subgroups,
    "hours": _subgroups,
    "comparisons": _comparisons,
}
