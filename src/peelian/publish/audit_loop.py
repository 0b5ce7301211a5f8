"""The page of an audit of the loop: the certificate or its refusal, drift over the years, groups, assumptions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish import sources, svg
from peelian.publish.audits import audit_page_of
from peelian.publish.charts import Table, chart_with_table, round_ticks
from peelian.publish.words import day, interval, number, percent, plural, spread

__all__ = ["audit_loop_page"]

Result = Mapping[str, Any]

WIDTH, LEFT, RIGHT = 520.0, 44.0, 504.0
PANEL, GAP = 88.0, 40.0
PERIODS = {"1d": "day", "1w": "week", "4w": "four weeks", "1mo": "month"}


def audit_loop_page(result: Result, *, demonstration: bool = False) -> str:
    """The page of `peelian.workspace.audit_loop`, from its result as stored."""
    parts = [
        _assumptions(result),
        _figure(
            result,
            "drift",
            title="Chosen places that the loop draws away from the true ones",
            unit="% of the chosen places",
            note="Under 0 the choice came nearer to the true one: what was found told more than it misled.",
        ),
        _figure(
            result,
            "overstatement",
            title="Share of all incidents by which the loop overstates the chosen places' part",
            unit="% of all incidents",
            note=(
                "The records say that more of all incidents happens in the chosen places than does, because somebody "
                "was there to record it."
            ),
        ),
        _visits(result),
        _groups(result),
    ]
    return audit_page_of(
        result,
        heading=f"Audit of the loop: {sources.label(result['category'])}",
        sub=_sub(result),
        parts=[part for part in parts if part is not None],
        claimed=_claimed(result),
        lines=[
            "A simulation under assumptions. It is about places and reports, and says nothing about residents."
        ],
        demonstration=demonstration,
    )


def _sub(result: Result) -> str:
    plan = result["plan"]
    each = PERIODS.get(result["period"], result["period"])
    return (
        f"{plural(plan['years'], 'year')} of {number(result['cells'])} places, simulated {number(result['runs'])} "
        f"times a setting; {plural(plan['places'], 'place is', 'places are')} attended each {each}. The true rates are "
        f"from {plural(result['incidents'], 'report')}, from {day(result['from'])} up to {day(result['to'])}."
    )


def _claimed(result: Result) -> list[tuple[str, str]]:
    said = [
        (
            "Chosen places",
            (
                f"The {plural(result['plan']['places'], 'place')} with the most by the records so far, of "
                f"{number(result['cells'])} cells of the study area. Each counts the same."
            ),
        ),
        (
            "True places",
            (
                "As many places with the highest true rates. Nobody knows these: each course draws its own from what "
                "the reports leave possible."
            ),
        ),
        (
            "Drift",
            (
                "The share of the chosen places that are not among the true ones, less the same share where nothing is "
                "found by attending. So chance and change are not counted."
            ),
        ),
        (
            "Overstatement",
            (
                "The chosen places' share of all incidents by the records, less their true share, less the same where "
                "nothing is found by attending."
            ),
        ),
        (
            "At most",
            (
                "What 95 of 100 courses stay under in their worst year, under the worst of the settings. The interval "
                f"tells how sure {number(result['runs'])} courses are of that; its upper end is certified and held "
                "against a threshold."
            ),
        ),
    ]
    if result["groups"]:
        said.append(
            (
                "Exposure of a group",
                (
                    "The share of the group's residents, of those counted in the areas, who live in the chosen places. "
                    "It is an average over places, and no statement on anyone who lives there."
                ),
            )
        )
    return said


def _assumptions(result: Result) -> Markup:
    certificate = result["certificate"]
    items = Markup("").join(Markup("<li>{}</li>").format(one) for one in certificate["assumptions"])
    said = "This holds" if certificate["given"] else "This was looked at"
    return Markup(
        '<section aria-labelledby="assumed"><h2 id="assumed">What is assumed</h2><p>{} under these assumptions. None '
        "of them is in the records; whoever knows better should say so and run it again.</p><ul>{}</ul></section>"
    ).format(said, items)


def _rows(result: Result, learner: str, what: str) -> list[Result]:
    """The years of a way of learning, under the setting that is the worst for it."""
    setting = result["worst"][what][learner]
    return [row for row in result["yearly"] if row["learner"] == learner and row["setting"] == setting]


def _far(result: Result, learner: str) -> Result:
    """The last year of a way of learning, under the far end of all that is assumed."""
    far = len(result["settings"]) - 1
    rows = [row for row in result["yearly"] if row["learner"] == learner and row["setting"] == far]
    return max(rows, key=lambda row: row["year"])


def _figure(result: Result, what: str, *, title: str, unit: str, note: str) -> Markup:
    """One panel a way of learning, all by the same scale, and the numbers in a table."""
    names = list(result["learners"])
    said, level = result["learners"], spread(result["level"])
    limit = next(
        (one["threshold"] for one in result["findings"] if one["id"] == f"loop_{what}/{names[0]}"), None
    )
    drawing = _panels(
        [(said[name], _rows(result, name, what)) for name in names],
        what,
        title=title,
        desc="; ".join(
            f"{said[name]}: {percent(_rows(result, name, what)[-1][what], digits=1)} in the last year"
            for name in names
        ),
        unit=unit,
        limit=None if limit is None else 100 * limit["value"],
    )
    rows = [
        [
            said[name],
            str(row["year"]),
            percent(row[what], digits=1),
            f"{interval(100 * row[f'{what}_low'], 100 * row[f'{what}_high'], digits=1)} %",
            percent(row["discovery"]),
            percent(row["moved"]),
        ]
        for name in names
        for row in _rows(result, name, what)
    ]
    columns = ("Learning", "Year", "Mean", f"{level} of courses", "Found by attending", "Places that move")
    table = Table(columns, rows, ("words", "n", "n", "n", "n", "n"))
    more = (
        f"Line: mean over courses. Band: {level} of courses. Each under the setting that is the worst for it."
    )
    return chart_with_table(drawing, table, caption=title, note=f"{more} {note}")


def _panels(
    panels: Sequence[tuple[str, Sequence[Result]]],
    what: str,
    *,
    title: str,
    desc: str,
    unit: str,
    limit: float | None,
) -> Markup:
    ends = [100 * row[f"{what}{end}"] for _, rows in panels for row in rows for end in ("_low", "_high")]
    ticks = round_ticks(min([0.0, *ends]), max([1.0, *ends, *([] if limit is None else [limit])]), most=3)
    body: list[str] = [svg.text(0, 14, unit, colour="muted", size=12)]
    if limit is not None:
        body.append(svg.text(RIGHT, 14, f"dotted: threshold {number(limit)} %", anchor="end", size=12))
    top = 30.0
    for i, (label, rows) in enumerate(panels):
        body.append(svg.text(0, top + 10, label, bold=i == 0))
        body += _panel(rows, what, ticks, top + 20, limit, strong=i == 0)
        top += 20 + PANEL + GAP
    return svg.draw(body, width=WIDTH, height=top - GAP + 34, title=title, desc=desc)


def _panel(
    rows: Sequence[Result],
    what: str,
    ticks: Sequence[float],
    top: float,
    limit: float | None,
    *,
    strong: bool,
) -> list[str]:
    """A line with its band from nothing at the start; the years are under it."""
    span = ticks[-1] - ticks[0]
    steps = len(rows)

    def at(year: int, share: float) -> tuple[float, float]:
        return LEFT + year / steps * (RIGHT - LEFT), top + PANEL * (ticks[-1] - share) / span

    digits = max(len(f"{tick:.10g}".partition(".")[2]) for tick in ticks)
    body = []
    for tick in ticks:
        _, y = at(0, tick)
        body.append(svg.line(LEFT, y, RIGHT, y, "ink" if tick == 0 else "rule", 1.0 if tick == 0 else 0.8))
        body.append(
            svg.text(LEFT - 6, y + 4, number(tick, digits=digits), colour="muted", anchor="end", size=12)
        )
    over = [(0.0, 0.0), *((row["year"], 100 * row[f"{what}_high"]) for row in rows)]
    under = [(0.0, 0.0), *((row["year"], 100 * row[f"{what}_low"]) for row in rows)]
    band = [at(year, share) for year, share in [*over, *under[::-1]]]
    body.append(svg.path(_joined(band) + "z", svg.fill("band")))
    points = [
        at(year, share) for year, share in [(0, 0.0), *((row["year"], 100 * row[what]) for row in rows)]
    ]
    body.append(svg.path(_joined(points), svg.stroke("accent" if strong else "data", 2.2 if strong else 1.8)))
    if limit is not None:
        _, y = at(0, limit)
        body.append(svg.line(LEFT, y, RIGHT, y, "ink", 1.6, dash="1.5 3.5"))
    marks = range(0, steps + 1, max(math.ceil(steps / 6), 1))
    for year in marks:
        x, _ = at(year, 0)
        anchor = "start" if year == 0 else "end" if year == steps else "middle"
        said = "start" if year == 0 else f"year {year}"
        body.append(svg.text(x, top + PANEL + 16, said, colour="muted", anchor=anchor, size=12))
    return body


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _visits(result: Result) -> Markup:
    """What each way of learning reaches: correcting has a price too."""
    names = ["without", *result["learners"]]
    said = {"without": "without any loop", **result["learners"]}
    rows = []
    for name in names:
        last = _far(result, name)
        rows.append([said[name], _with_ends(last, "misplaced"), _with_ends(last, "reached")])
    columns = ("Learning", "Chosen and not among the true places", "Incidents in attended places")
    caption = f"What is missed and reached in the last year, with the {spread(result['level'])} of courses"
    return Markup("<h2>What it reaches</h2><p>{}</p>{}").format(
        "Looking at random places, or leaving chosen ones out, costs some of what attending reaches. Every row is "
        "under the far end of all that is assumed.",
        Table(columns, rows, ("words", "n", "n")).html(caption),
    )


def _with_ends(row: Result, what: str) -> str:
    ends = interval(100 * row[f"{what}_low"], 100 * row[f"{what}_high"], digits=1)
    return f"{number(100 * row[what], digits=1)} % ({ends})"


def _groups(result: Result) -> Markup | None:
    """Who lives in the chosen places: in truth, without a loop, and with it."""
    if not result["groups"]:
        return None
    said = {"truth": "the true places", "without": "without any loop", **result["learners"]}
    rows = [
        [
            row["group"].replace("_", " "),
            said[row["learner"]],
            "no number" if row["exposure"] is None else percent(row["exposure"], digits=2),
            "none" if row["low"] is None else f"{interval(100 * row['low'], 100 * row['high'], digits=2)} %",
            "" if row["ratio"] is None else number(row["ratio"], digits=2),
            "" if row["ratio_low"] is None else interval(row["ratio_low"], row["ratio_high"], digits=2),
        ]
        for row in sorted(result["groups"], key=lambda row: row["group"] == result["reference"])
    ]
    level = spread(result["level"])
    columns = ("Group", "Places", "Residents who live there", level, f"Against {result['reference']}", level)
    table = Table(columns, rows, ("", "words", "n", "n", "n", "n")).html(
        "Share of each group's residents who live in the chosen places, in the last year"
    )
    return Markup("<h2>Who lives in the chosen places</h2><p>{}</p>{}").format(
        "What differs between the true places and those without a loop comes from chance and change; what differs "
        "between that and a way of learning comes from the loop. The intervals hold the middle of the "
        "courses, under the far end of all that is assumed.",
        table,
    )
