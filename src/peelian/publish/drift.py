"""The page of a drift result: whether the method in use keeps up with counting, week by week."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from peelian.publish import sources
from peelian.publish.charts import Series, Table, chart_with_table, line_chart
from peelian.publish.choice import suspended_words
from peelian.publish.origin import origin_words
from peelian.publish.pages import render
from peelian.publish.words import MONTHS, day, number, percent, plural

__all__ = ["drift_page"]

Result = Mapping[str, Any]

HEADLINES = {
    "level": "{title} keeps up with counting",
    "alarm": "{title} has fallen behind counting, and is suspended",
    "suspended": "{title} is suspended: counting is used",
}


def drift_page(result: Result, scores: pd.DataFrame, *, demonstration: bool = False) -> str:
    """The page of a drift result.

    Parameters
    ----------
    result : mapping
        The stored result: ``title``, ``baseline_title``, ``status``, ``text``, ``watch``, ``report``,
        ``alarm``, ``origin``...
    scores : DataFrame
        Every period since the watch began, earlier runs' too: ``start``, ``reported``, ``pai``, ``counting_pai``,
        ``difference`` and ``sum``.
    demonstration : bool
        Put the banner on top that says that no agency took part.
    """
    title = str(result["title"])
    said = HEADLINES[str(result["status"])].format(title=title)
    suspension = result.get("suspension")
    lines = [str(result["text"])]
    if suspension is not None:
        lines.insert(0, suspended_words(suspension))
    if result["status"] != "level":
        lines.append(
            "Until a person lifts it, forecasts of these reports are made by counting, and so are plans made from them."
        )
    watched = result["watch"]
    return render(
        "result.html",
        demonstration=demonstration,
        heading=f"{sources.category_name(result['category'])}: does the method keep up with counting?",
        sub=(
            f"{title} beside {_lowered(str(result['baseline_title']))}, on {plural(len(scores), 'period')} so far, "
            f"{plural(result['periods'], 'of which is', 'of which are')} new. Neither knew what was scored."
        ),
        headline=said,
        lines=lines,
        parts=[_figure(result, scores), _weeks(result, scores), _settings(result)],
        limits=[
            (
                f"Chance alone gives an alarm about once in {number(watched['run_length'], digits=0)} periods, though "
                "the method is as good as counting. The trial tells only roughly how far scores scatter: it may be "
                "more often."
            ),
            "A method that is a little behind is found late, or not at all.",
            "Reports that come in after a period was scored change nothing here: each is scored once.",
        ],
        origin=origin_words(result.get("origin")),
    )


def _lowered(title: str) -> str:
    return title[:1].lower() + title[1:]


def _figure(result: Result, scores: pd.DataFrame) -> Markup:
    """The cumulative sum against its limit."""
    starts = [str(s)[:10] for s in scores["start"]]
    values = [float(v) for v in scores["sum"]]
    limit = float(result["limit"])
    alarm = next((i for i, v in enumerate(values) if v > limit), None)
    title = "How far the method has fallen behind counting"
    over = f"Over the limit from {day(starts[alarm])} on." if alarm is not None else "Never over the limit."
    desc = f"From {number(min(values))} to {number(max(values))}; the limit is {number(limit)}. {over}"
    short = [f"{int(s[8:10])} {MONTHS[int(s[5:7]) - 1][:3]} {s[2:4]}" for s in starts]
    drawing = line_chart(
        Series(title, ["", *short], [0.0, *values]),
        title=title,
        desc=desc,
        unit="standard deviations",
        marks=4,
        limit=(limit, "the limit"),
        dot=None if alarm is None else alarm + 1,
    )
    rows = [[day(s), number(v)] for s, v in zip(starts, values, strict=True)]
    note = (
        "What the method lacks to counting is added up, period after period; what it is ahead is taken off again, down "
        "to 0. So a good year doesn't buy a bad one."
    )
    if alarm is not None:
        note += f" The dot is the first period over the limit: that of {day(starts[alarm])}."
    table = Table(("Starting", "Sum"), rows, ("", "n"))
    return chart_with_table(drawing, table, caption=title, note=note)


def _weeks(result: Result, scores: pd.DataFrame) -> Markup:
    rows = [
        [
            day(row.start),
            number(row.reported),
            *[
                number(v) if row.reported else "no report"
                for v in (row.pai, row.counting_pai, row.difference)
            ],
        ]
        for row in scores.itertuples(index=False)
    ]
    columns = (
        "Starting",
        "Reports",
        str(result["title"]),
        str(result["baseline_title"]),
        "Counts in the sum as",
    )
    share = percent(float(result["fraction"]))
    caption = (
        f"Times better than chance (PAI) at {share} of the area, period by period. In the sum a report counts the same "
        f"in whichever period it came: {number(result['report'])} for each that one of the two holds more"
    )
    return Table(columns, rows, ("", "n", "n", "n", "n")).html(caption)


def _settings(result: Result) -> Markup:
    watched = result["watch"]
    rows = [
        ["Trial that the method was chosen by", str(result["trial"])],
        ["Difference from counting that counts as keeping up", number(watched["mean"])],
        ["Trial that told how far differences scatter", str(result["watched_by"])],
        ["Standard deviation of a period's difference, by that trial", number(watched["sd"])],
        ["What a period may be behind and not count, in standard deviations", number(watched["allowance"])],
        ["Limit of the sum, in standard deviations", number(watched["limit"])],
        ["Periods that are left out before each, for late reports", number(result["gap"])],
    ]
    return Table(("What", "Value"), rows, ("", "n")).html("How it is watched")
