"""The page of an audit of a forecast: errors by tenth of a group's share, the rules side by side, comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish import sources
from peelian.publish.audit_rules import pit_figure, rule_parts, words_of
from peelian.publish.audits import audit_page_of
from peelian.publish.charts import (
    Bar,
    Table,
    chart_with_table,
    interval_chart,
    interval_table,
)
from peelian.publish.words import day, interval, listing, number, p_value, percent, plural, spread

__all__ = ["audit_forecast_page"]

Result = Mapping[str, Any]

PROVEN = 0.05
PERIODS = {"1d": "days", "1w": "weeks", "1mo": "months"}


def audit_forecast_page(result: Result, *, demonstration: bool = False) -> str:
    """The page of `peelian.workspace.audit_forecast`, from its result as stored."""
    groups = _told_apart(result)
    parts: list[Markup | None] = [_comparisons(result)]
    for group in groups:
        parts.append(
            Markup("<h2>By share of {} residents</h2><p>{}</p>").format(words_of(group), _how(result))
        )
        parts += [figure(result, group) for figure in (_ratio, _slope, _misses, _alarms, _coverage)]
        parts.append(_decile_table(result, group))
    parts += [pit_figure(result), *rule_parts(result, groups)]
    return audit_page_of(
        result,
        heading=f"Audit of forecasts: {sources.label(result['category'])}",
        sub=_sub(result),
        parts=parts,
        claimed=_claimed(result),
        lines=["These are numbers of reports and places. They say nothing about anyone who lives there."],
        demonstration=demonstration,
    )


def _sub(result: Result) -> str:
    city, settings = result["city"], result["settings"]
    named = PERIODS.get(result["period"], f"periods of {result['period']}")
    return (
        f"{settings['title']}, {number(city['periods'])} {named} from {day(city['from'])} up to {day(city['to'])}, "
        f"{percent(settings['coverage'])} of the area picked. Each was forecast from what was known before it."
    )


def _claimed(result: Result) -> list[tuple[str, str]]:
    city, settings = result["city"], result["settings"]
    groups = listing([words_of(group) for group in settings["groups"]])
    return [
        (
            "What is estimated",
            (
                "How far forecasts of reports were off where many and where few residents belong to a group, and where "
                "the average resident of a group lives. It is not how much happens there, and not who is involved."
            ),
        ),
        (
            "Reports",
            (
                f"{number(city['reports'])} reports with a place, without those from officers' own activity; "
                f"{number(city['reports_without_place'])} of these periods have no place."
            ),
        ),
        (
            "Residents",
            (
                f"{number(city['residents'], digits=0)} residents, told apart as {groups}, spread evenly over each "
                "area. Who is there by day is not known."
            ),
        ),
        (
            "Tenth",
            (
                "Places in the order of a group's share of their residents, cut where a tenth of all residents is "
                "reached. Places of one share stay together."
            ),
        ),
        (
            "Interval",
            (
                f"{spread(settings['level'])}: {number(settings['blocks'])} squares of "
                f"{number(settings['block_km'])} km are resampled whole, over all periods, "
                f"{number(settings['replicates'])} times{_widened(settings)}."
            ),
        ),
        (
            "Calibration slope",
            (
                "How fast reports rise with expected ones, on logarithmic scales: 1 where the forecast tells places "
                "apart as far as they were."
            ),
        ),
        (
            "Transform",
            (
                "Where a count fell in the distribution that was forecast for its place, from 0 (far fewer) to 1 (far "
                "more); even from 0 to 1 if the forecast is right. Each expected report counts the same."
            ),
        ),
        (
            "Picked places",
            (
                f"The {percent(settings['coverage'])} of the area with the most expected reports. Each other rule "
                "picks as much area in each period; where it can't tell places apart, the average over a random "
                "choice is told."
            ),
        ),
    ]


def _widened(settings: Result) -> str:
    """What periods have in common, so far as there are enough of them to tell."""
    if not settings["widened"]:
        return "; there are too few periods to tell what they have in common"
    return f", and widened by what {number(settings['runs'])} runs of periods have in common"


def _how(result: Result) -> str:
    return (
        "From the tenth of the residents where the group's share is lowest to that where it is highest. The whiskers "
        f"are {spread(result['settings']['level'])}s."
    )


def _told_apart(result: Result) -> list[str]:
    """Groups whose tenths are drawn: of two, the tenths of the one are those of the other in reverse."""
    groups = [str(group) for group in result["settings"]["groups"]]
    if len(groups) != 2:
        return groups
    one, other = ([row["group_residents"] for row in result["deciles"] if row["group"] == g] for g in groups)
    held = [row["residents"] for row in result["deciles"] if row["group"] == groups[0]]
    mirrored = all(abs(a + b - r) < 1e-6 * max(r, 1) for a, b, r in zip(one, other[::-1], held, strict=True))
    return [g for g in groups if g != result["settings"]["reference"]] if mirrored else groups


def _rows(result: Result, group: str) -> list[Result]:
    return [row for row in result["deciles"] if row["group"] == group]


def _tenth(row: Result) -> str:
    if row["share_from"] is None:
        return f"{row['decile']}: no place"
    ends = percent(row["share_from"], digits=0), percent(row["share_to"], digits=0)
    said = ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
    return f"{row['decile']}: {said}".replace(" ", "\N{NO-BREAK SPACE}")


def _bars(rows: Sequence[Result], name: str, *, scale: float = 1.0, none: str = "") -> list[Bar]:
    ends = {rows[0]["decile"], rows[-1]["decile"]}
    found = []
    for row in rows:
        value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
        made = [None if v is None else scale * v for v in (value, low, high)]
        note = none if row["cells"] else "no place is in it"
        if value is not None and low is None:
            note = "no interval"
        found.append(Bar(_tenth(row), made[0], made[1], made[2], note=note, strong=row["decile"] in ends))
    return found


def _figure(
    result: Result,
    group: str,
    name: str,
    *,
    title: str,
    unit: str,
    note: str,
    none: str,
    reference: float | None = None,
    reference_label: str = "",
    ratio: bool = False,
    scale: float = 1.0,
) -> Markup | None:
    rows = _rows(result, group)
    if all(row[name] is None for row in rows):
        return None
    bars = _bars(rows, name, scale=scale, none=none)
    known = [bar for bar in bars if bar.value is not None]
    desc = f"{known[0].label}: {number(known[0].value)}; {known[-1].label}: {number(known[-1].value)}"
    caption = f"{title}, by tenth of the share of {words_of(group)} residents"
    drawing = interval_chart(
        bars,
        title=caption,
        desc=desc,
        unit=unit,
        reference=reference,
        reference_label=reference_label,
        ratio=ratio,
    )
    table = interval_table(bars, first="Tenth: share", value=unit, level=result["settings"]["level"])
    return chart_with_table(drawing, table, caption=caption, note=note)


def _ratio(result: Result, group: str) -> Markup | None:
    return _figure(
        result,
        group,
        "observed_expected",
        title="Reports for each expected report",
        unit="reports per expected report (ratio scale)",
        note="Right of 1 more reports came than were expected; left of it fewer.",
        none="no report came",
        reference=1.0,
        reference_label="as many as expected",
        ratio=True,
    )


def _slope(result: Result, group: str) -> Markup | None:
    return _figure(
        result,
        group,
        "slope",
        title="Calibration slope",
        unit="slope",
        note=(
            "Under 1 the forecast tells places apart more than they were; over 1 too little. It takes 10 reports or "
            "more."
        ),
        none="too few reports for a slope",
        reference=1.0,
        reference_label="as far apart as forecast",
    )


def _misses(result: Result, group: str) -> Markup | None:
    return _figure(
        result,
        group,
        "miss",
        title="Reports outside of the picked places",
        unit="% of the reports there",
        note="Few places are picked, so most reports are outside of them everywhere.",
        none="no report came",
        scale=100.0,
    )


def _alarms(result: Result, group: str) -> Markup | None:
    return _figure(
        result,
        group,
        "false_alarm",
        title="Picked places without a report",
        unit="% of the places picked there",
        note="A picked place without a report in its period. Where nothing is picked there is nothing to tell.",
        none="no place was picked",
        scale=100.0,
    )


def _coverage(result: Result, group: str) -> Markup | None:
    level = percent(result["settings"]["interval"]) if "interval" in result["settings"] else ""
    return _figure(
        result,
        group,
        "coverage_gap",
        title=f"Counts in their {level} interval, less the share that should be",
        unit="percentage points",
        note="Each expected report counts the same. Under 0 the intervals are too narrow, or in the wrong place.",
        none="nothing was expected",
        reference=0.0,
        reference_label="as many as should be",
        scale=100.0,
    )


def _decile_table(result: Result, group: str) -> Markup:
    rows = [
        [
            _tenth(row),
            number(row["cells"]),
            number(row["residents"], digits=0),
            number(row["seen"], digits=0),
            number(row["expected"], digits=1),
            _or(row["coverage"], percent(row["coverage"], digits=1)),
            _or(row["coverage_expected"], percent(row["coverage_expected"], digits=1)),
            _or(row["pit_mean"], number(row["pit_mean"], digits=3)),
            "no test" if row["pit_p_adjusted"] is None else p_value(row["pit_p_adjusted"], digits=3),
        ]
        for row in _rows(result, group)
    ]
    columns = (
        "Tenth: share",
        "Places",
        "Residents",
        "Reports",
        "Expected",
        "Counts in their interval",
        "That should be",
        "Mean of the transform",
        "p that it is even, adjusted",
    )
    caption = f"What lies behind the tenths of the share of {words_of(group)} residents"
    return Table(columns, rows, ("", *["n"] * 8)).html(caption)


def _or(value: Any, said: str) -> str:
    return "none" if value is None else said


def _comparisons(result: Result) -> Markup | None:
    """Comparisons between areas and between groups, with what was corrected for."""
    compared = [one for one in result["findings"] if "comparisons" in one["details"]]
    if not compared:
        return None
    rows = []
    for one in compared:
        adjusted, could = one["details"]["p_adjusted"], one["details"]["detectable"]
        verdict = "no number" if adjusted is None else "yes" if adjusted <= PROVEN else "no"
        rows.append(
            [
                f"{one['measure']}: {one['subject']}",
                "none" if one["value"] is None else number(one["value"]),
                interval(one["low"], one["high"]),
                "" if adjusted is None else p_value(adjusted, digits=3),
                verdict,
                "" if could is None else number(could),
            ]
        )
    columns = (
        "Compared",
        "Value",
        spread(result["settings"]["level"]),
        "p, adjusted",
        "Stands out",
        "Would have been found",
    )
    said = (
        f"{plural(result['comparisons'], 'comparison gives', 'comparisons give')} a number; p-values are adjusted for "
        "how many they are (Holm), so that the chance of any standing out by chance alone is at most 5 %. The last "
        "column is the smallest ratio (above 1) or difference that would have been found 8 times of 10, before the "
        "adjustment."
    )
    table = Table(columns, rows, ("", "n", "n", "n", "", "n")).html("Comparisons between areas and groups")
    return Markup("<h2>What differs between groups' areas</h2><p>{}</p>{}").format(said, table)
