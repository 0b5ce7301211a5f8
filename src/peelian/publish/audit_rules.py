"""Rules side by side on the page of a forecast's audit: what each held, whose places it picked, and its errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish.charts import (
    Bar,
    Table,
    chart_with_table,
    column_chart,
    interval_chart,
    interval_table,
)
from peelian.publish.words import interval, listing, number, p_value, percent, spread

__all__ = ["pit_figure", "rule_parts", "words_of"]

Result = Mapping[str, Any]

RULES = {
    "counting": "counting",
    "last_year": "last year's map",
    "by_population": "by residents",
    "even": "places at random",
}


def words_of(group: str) -> str:
    """A group as it is read."""
    return group.replace("_", " ")


def _or(value: Any, said: str) -> str:
    return "none" if value is None else said


def pit_figure(result: Result) -> Markup | None:
    """Where counts fell in their forecast, over the whole city; None without a distribution."""
    shares = result["whole_pit"]
    if not shares:
        return None
    labels = [f"{i / 10:g}" for i in range(len(shares))]
    caption = "Where counts fell in their forecast, whole city (probability integral transform)"
    drawing = column_chart(
        list(zip(labels, [100 * share for share in shares], strict=True)),
        title=caption,
        desc=listing([percent(share, digits=1) for share in shares]),
        unit="% of expected reports",
        foot="from far fewer than forecast to far more",
        reference=10.0,
        reference_label="a right forecast",
    )
    rows = [[f"{i / 10:g} to {(i + 1) / 10:g}", percent(share, digits=2)] for i, share in enumerate(shares)]
    note = (
        "Too much on the right: more came than forecast. Too much at both ends: the forecast is too narrow."
    )
    return chart_with_table(
        drawing, Table(("Transform", "Share"), rows, ("", "n")), caption=caption, note=note
    )


def _title(row: Result, *, short: bool = False) -> str:
    if row["rule"] == "method":
        return "the method in use" if short else f"the method in use ({row['title']})"
    return RULES[row["rule"]] if short else str(row["title"])


def rule_parts(result: Result, groups: Sequence[str]) -> list[Markup | None]:
    """What another rule would have done: how much it held, whose places it picked, and its errors."""
    return [*_rules(result), _others(result, groups), _residents(result)]


def _rules(result: Result) -> list[Markup]:
    """What another rule would have done with as much area."""
    rows = result["rules"]
    level = result["settings"]["level"]
    bars = [_bar(row, "hit_rate", scale=100.0) for row in rows]
    caption = f"Reports in the picked {percent(rows[0]['area_share'])} of the area, by rule"
    drawing = interval_chart(
        bars,
        title=caption,
        desc="; ".join(f"{bar.label}: {number(bar.value)} %" for bar in bars),
        unit="% of all reports",
    )
    table = Table(
        (
            "Rule",
            "Hits",
            "% of all reports",
            spread(level),
            "PAI",
            spread(level),
            "Method less it",
            spread(level),
            "p, adjusted",
        ),
        [
            [
                _title(row),
                number(row["hits"], digits=1),
                number(100 * row["hit_rate"], digits=1),
                _ends(row, "hit_rate", 100, 1),
                number(row["pai"], digits=2),
                _ends(row, "pai", 1, 2),
                "" if row["gain"] is None else number(100 * row["gain"], digits=1),
                "" if row["gain"] is None else _ends(row, "gain", 100, 1),
                "" if row["p_adjusted"] is None else p_value(row["p_adjusted"], digits=3),
            ]
            for row in rows
        ],
        ("", *["n"] * 8),
    )
    note = (
        "The method's lead over another rule is taken within the same resampled cities, which is why it can be surer "
        "than the two whiskers look."
    )
    head = Markup("<h2>What another rule would have done</h2>")
    return [head, chart_with_table(drawing, table, caption=caption, note=note), *_exposures(result)]


def _bar(row: Result, name: str, *, scale: float = 1.0) -> Bar:
    ends = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    value, low, high = (None if end is None else scale * end for end in ends)
    return Bar(_title(row), value, low, high, strong=row["rule"] == "method")


def _exposures(result: Result) -> list[Markup]:
    found = []
    reference, level = result["settings"]["reference"], result["settings"]["level"]
    for group in result["settings"]["groups"]:
        key = f"ratio/{group}"
        rows = [row for row in result["rules"] if row.get(key) is not None]
        if group == reference or not rows:
            continue
        bars = [_bar(row, key) for row in rows]
        caption = (
            f"How often the place of the average {words_of(group)} resident is picked, for once that of the average "
            f"{words_of(reference)} resident's is"
        )
        drawing = interval_chart(
            bars,
            title=caption,
            desc="; ".join(f"{bar.label}: {number(bar.value)}" for bar in bars),
            unit="times (ratio scale)",
            reference=1.0,
            reference_label="as often",
            ratio=True,
        )
        table = interval_table(bars, first="Rule", value="Times", level=level)
        note = (
            "To be picked is no harm and no help in itself; what is done in picked places decides that. Residents are "
            "counted where they live."
        )
        found.append(chart_with_table(drawing, table, caption=caption, note=note))
    return found


def _ends(row: Result, name: str, scale: float, digits: int) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if low is None or high is None:
        return "none"
    return interval(scale * low, scale * high, digits=digits)


def _others(result: Result, groups: Sequence[str]) -> Markup | None:
    """Error of every rule where a group's share is lowest and highest."""
    titles = {
        row["rule"]: _title(row, short=True).replace(" ", "\N{NO-BREAK SPACE}") for row in result["rules"]
    }
    rows = []
    for group in groups:
        for rule, title in titles.items():
            told = [
                row
                for row in ([*result["deciles"], *result["others"]])
                if row["rule"] == rule and row["group"] == group
            ]
            known = [row for row in told if row["observed_expected"] is not None]
            if len(known) < 2:
                continue
            low, high = known[0], known[-1]
            rows.append(
                [
                    title,
                    words_of(group),
                    *(
                        f"{number(end['observed_expected'], digits=2)} ({_ends(end, 'observed_expected', 1, 2)})"
                        for end in (low, high)
                    ),
                    *(_or(end["miss"], percent(end["miss"], digits=1)) for end in (low, high)),
                    *(_or(end["false_alarm"], percent(end["false_alarm"], digits=1)) for end in (low, high)),
                ]
            )
    if not rows:
        return None
    columns = (
        "Rule",
        "Group",
        "Reports per expected: share lowest",
        "share highest",
        "Missed: share lowest",
        "share highest",
        "Picked without a report: share lowest",
        "share highest",
    )
    said = (
        "The same errors under each rule, in the outermost tenths where reports came. Rules that say only where are "
        "given as many expected reports in all as the method."
    )
    table = Table(columns, rows, ("", "", *["n"] * 6)).html(
        "Errors of each rule where a group's share is lowest and highest"
    )
    return Markup("<h2>The same errors under other rules</h2><p>{}</p>{}").format(said, table)


def _residents(result: Result) -> Markup:
    titles = {
        row["rule"]: _title(row, short=True).replace(" ", "\N{NO-BREAK SPACE}") for row in result["rules"]
    }
    rows = [
        [
            titles[row["rule"]],
            words_of(row["group"]),
            number(row["residents"], digits=0),
            _or(row["observed_expected"], number(row["observed_expected"], digits=2)),
            _ends(row, "observed_expected", 1, 2),
            _or(row["error"], number(row["error"], digits=3)),
            _or(row["miss"], percent(row["miss"], digits=1)),
            _or(row["false_alarm"], percent(row["false_alarm"], digits=1)),
        ]
        for row in result["groups"]
    ]
    columns = (
        "Rule",
        "Group",
        "Residents",
        "Reports per expected",
        spread(result["settings"]["level"]),
        "Mean error of a place in a period",
        "Missed",
        "Picked without a report",
    )
    table = Table(columns, rows, ("", "", *["n"] * 6)).html("Where the average resident of each group lives")
    return Markup("<h2>Where the average resident of a group lives</h2><p>{}</p>{}").format(
        "Places count by the group's residents in them. It is an average over places, and no statement on anyone who "
        "lives there.",
        table,
    )
