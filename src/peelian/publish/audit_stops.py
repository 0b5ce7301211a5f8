"""The page of an audit of stops: denominators, the light, outcomes, thresholds, what is missing, and what was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from peelian.publish.audits import audit_page_of
from peelian.publish.charts import Bar, Table, bar_chart, chart_with_table, interval_chart
from peelian.publish.words import day, interval, listing, number, p_value, percent, plural, spread

__all__ = ["audit_stops_page"]

Result = Mapping[str, Any]

NOT_GIVEN = "no number"
ABOUT = (
    "This is about stops and how they were recorded. It says nothing about anyone who was stopped, nor about those who "
    "live where stops are made."
)
RATIO = (
    "Stops of a group for what they are counted against, divided by the same of the reference group: 1 says that "
    "there is no difference."
)
BOUNDS = (
    "Ends between which a number lies whatever the groups, searches and outcomes were that nobody recorded. They "
    "assume nothing, so they are wide."
)
BY_LIGHT = (
    "Odds after dark that a stop is of the group and not of the reference, divided by the odds in daylight, at the "
    "same clock time and in the same area. Under 1, the group is a smaller share when it is harder to see."
)
FIELDS = {
    "without_group": "without a group",
    "without_place": "without a place",
    "without_day": "without a day",
    "without_clock_time": "without a clock time",
    "without_basis": "without a basis",
    "without_search": "of which it is not known whether there was a search",
    "searches": "with a search",
    "searches_without_hit": "with a search, and not known whether it found what it was for",
    "searches_without_action": "with a search, and not known whether anything was done after it",
    "repeated": "equal to an earlier row in all that was read (kept)",
    "malformed": "with too many or too few cells (not read, in no number)",
}


def audit_stops_page(result: Result, *, demonstration: bool = False) -> str:
    """The page of `peelian.workspace.audit_stops`, from its result as stored."""
    parts = result["parts"]
    return audit_page_of(
        result,
        heading="Audit of stops and searches",
        sub=_sub(result),
        parts=[
            *_denominators(result, parts["benchmark"]),
            *(_light(result, parts["light"]) if "light" in parts else []),
            *(_outcomes(result, parts["outcomes"]) if "outcomes" in parts else []),
            *_inferred(result),
            _missing(result),
            _read(result),
        ],
        claimed=_claimed(result),
        lines=[ABOUT],
        demonstration=demonstration,
    )


def _sub(result: Result) -> str:
    days = result["days"]
    time = f" from {day(days[0])} to {day(days[1])}" if days else ""
    shares = listing([f"{name} {number(n)}" for name, n in result["groups"].items()])
    return f"{plural(result['stops'], 'stop')}{time}. By group: {shares}."


def _claimed(result: Result) -> list[tuple[str, str]]:
    meanings = result["records"]["meanings"]
    said = [
        ("Group", f"{_upper(meanings.get('group', 'as recorded'))}; compared with {result['reference']}."),
        ("Ratio", RATIO),
    ]
    said += [
        (f"Against {name}", f"{_upper(meaning)}. It can't tell {cannot}.")
        for name, meaning, cannot in result["parts"]["benchmark"]["denominators"]
    ]
    said.append(("Bounds", BOUNDS))
    if "light" in result["parts"]:
        said.append(("By light", BY_LIGHT))
    if "outcomes" in result["parts"]:
        for one in ("hit", "action"):
            if one in meanings:
                said.append((f"Outcome of a search: {one}", f"{_upper(meanings[one])}."))
    return said


def _denominators(result: Result, benchmark: Result) -> list[Markup]:
    """A chart for each denominator, a row for each group."""
    made = []
    for name, _, _ in benchmark["denominators"]:
        rows = [
            row
            for row in benchmark["rows"]
            if row["denominator"] == name and row["group"] != result["reference"]
        ]
        shown = [row for row in rows if row["against"] is not None]
        if not shown:
            continue
        bars = [
            Bar(
                _label(row, result),
                row["ratio"],
                row["low"],
                row["high"],
                "too few, or none known",
                strong=_apart(row, 1.0),
            )
            for row in shown
        ]
        what = (
            "Searches for each stop"
            if name == "their stops"
            else "Stops"
            if "residents" in name
            else "Other stops"
        )
        if name == "those who are about":
            what = "Stops"
        against = "" if name == "their stops" else f", against {name}"
        title = f"{what}{against}: each group in proportion to {result['reference']}"
        table = Table(
            (
                "Group",
                "Stops",
                "Counted against",
                "Ratio",
                spread(result["level"]),
                "Bounds",
                "If as others there",
            ),
            [
                (
                    row["group"],
                    number(row["stops"]),
                    number(row["against"], digits=0),
                    _said(row["ratio"]),
                    interval(row["low"], row["high"]) if row["low"] is not None else "none",
                    _ends(row["bound_low"], row["bound_high"]),
                    _said(row["allocated"]),
                )
                for row in shown
            ],
            ("", "n", "n", "n", "n", "n", "n"),
        )
        chart = interval_chart(
            bars,
            title=title,
            desc=f"One row a group. Filled: the interval leaves out 1. {plural(len(bars), 'row')}.",
            unit=f"times {result['reference']}'s",
            reference=1.0,
            reference_label="no difference",
            ratio=True,
        )
        note = "Filled: the interval leaves out 1. “If as others there”: those without a group are "
        note += "shared out like the others in their area and part of the day."
        made.append(chart_with_table(chart, table, caption=title, note=note))
    return made


def _light(result: Result, light: Result) -> list[Markup]:
    """The ratio of each group, and of all models in the table; then shares by half hour."""
    rows, reference = light["rows"], result["reference"]
    main = [row for row in rows if row["model"] == "areas"]
    last = {row["group"]: row for row in main}
    bars = [Bar(g, r["ratio"], r["low"], r["high"], r["why"], strong=_apart(r, 1.0)) for g, r in last.items()]
    if not bars:
        return []
    start, end = (_clock(m) for m in light["window"])
    title = f"After dark against daylight at the same clock time, {start} to {end}, and in the same area"
    table = Table(
        ("Group", "Model", "Spline", "Stops", "Odds ratio", spread(result["level"]), "p"),
        [
            (
                row["group"],
                MODELS[row["model"]],
                str(row["degree"]),
                number(row["stops"]),
                _said(row["ratio"]) if row["ratio"] is not None else row["why"],
                interval(row["low"], row["high"]) if row["low"] is not None else "none",
                "" if row["p"] is None else p_value(row["p"]),
            )
            for row in rows
        ],
        ("", "", "n", "n", "n", "n", "n"),
    )
    chart = interval_chart(
        bars,
        title=title,
        desc="One row a group: odds after dark divided by odds in daylight that a stop is of the group.",
        unit=f"odds ratio, of the group and not {reference}",
        reference=1.0,
        reference_label="no difference by light",
        ratio=True,
    )
    note = (
        f"{number(light['counts']['used'])} stops are in the window and not in twilight, "
        f"{number(light['counts']['dark'])} of them after dark. The chart has the spline of the highest degree; the "
        "table has all degrees, the test without areas, with a clock time of its own for each area, and the weeks "
        "around the changes of clocks."
    )
    return [
        chart_with_table(chart, table, caption=title, note=note),
        *_half_hours(result, light, next(iter(last))),
    ]


def _label(row: Result, result: Result) -> str:
    """The group; with what is missing, the bounds too, so that nobody reads the interval as all that is uncertain."""
    if row["bound_low"] is None or not result["records"]["counts"].get("without_group"):
        return str(row["group"])
    return f"{row['group']} (bounds {_ends(row['bound_low'], row['bound_high'])})"


MODELS = {
    "areas": "clock time and area",
    "clock time alone": "clock time alone",
    "each area its own clock time": "clock time by area",
    "around changes of clocks": "weeks around changes of clocks",
}


def _half_hours(result: Result, light: Result, group: str) -> list[Markup]:
    """Share of the most frequent group by half hour, with light and after dark."""
    rows = [row for row in light["by_light"] if row["group"] == group]
    times = sorted({row["minute"] for row in rows})
    by = {(row["minute"], row["light"]): row for row in rows}
    bars = []
    for at in times:
        for name in ("light", "dark"):
            row = by.get((at, name))
            if row is None or row["share"] is None or row["stops"] < 20:
                continue
            label = f"{_clock(at)}, {'after dark' if name == 'dark' else 'with light'} ({number(row['stops'])} stops)"
            bars.append(Bar(label, 100 * row["share"], strong=name == "dark"))
    if not bars:
        return []
    title = f"Share of {group} among stops of {group} and {result['reference']}, by half hour"
    table = Table(
        ("Half hour", "Share"),
        [(bar.label, f"{number(bar.value, digits=1)} %") for bar in bars],
        ("", "n"),
    )
    chart = bar_chart(
        bars,
        title=title,
        desc="Two bars a half hour: with light, and after dark.",
        unit="% of both groups' stops",
    )
    note = "Half hours with fewer than 20 stops in a kind of light are left out. Areas and seasons are not set apart."
    return [chart_with_table(chart, table, caption=title, note=note)]


def _outcomes(result: Result, outcomes: Result) -> list[Markup]:
    """Rates, and gaps to the reference, by each outcome."""
    made = []
    meanings = result["records"]["meanings"]
    for outcome in dict.fromkeys(row["outcome"] for row in outcomes["rows"]):
        rows = [row for row in outcomes["rows"] if row["outcome"] == outcome]
        bars = [
            Bar(
                f"{row['group']} ({number(row['hits'])} of {number(row['searches'])})",
                _hundred(row["rate"]),
                _hundred(row["low"]),
                _hundred(row["high"]),
                "too few searches with a known outcome",
                strong=row["group"] == result["reference"],
            )
            for row in rows
        ]
        title = f"Searches that ended so: {meanings.get(outcome, outcome)}"
        table = Table(
            (
                "Group",
                "Searches",
                "Unknown",
                "Rate",
                "Difference",
                spread(result["level"]),
                "Bounds",
                "Within areas",
            ),
            [
                (
                    row["group"],
                    number(row["searches"]),
                    number(row["unknown"]),
                    NOT_GIVEN if row["rate"] is None else percent(row["rate"], digits=1),
                    _points(row["gap"]),
                    _both(row["gap_low"], row["gap_high"]),
                    _both(row["gap_bound_low"], row["gap_bound_high"]),
                    f"{_points(row['gap_within'])} ({_both(row['within_low'], row['within_high'])})"
                    if row["gap_within"] is not None
                    else "",
                )
                for row in rows
            ],
            ("", "n", "n", "n", "n", "n", "n", "n"),
        )
        chart = bar_chart(
            bars, title=title, desc="One bar a group, with Wilson's interval.", unit="% of searches"
        )
        note = (
            f"Filled: {result['reference']}, whom others are compared with. Differences in points of a percent, in the "
            "table. Rates may differ without different thresholds, and thresholds without different rates."
        )
        made.append(chart_with_table(chart, table, caption=title, note=note))
    return made


def _inferred(result: Result) -> list[Markup]:
    """Gaps of inferred thresholds, the thresholds behind them, and how they move with the priors."""
    found = [one for one in result["findings"] if one["id"].startswith("search_threshold_gap/")]
    told = result["parts"].get("thresholds")
    if not found or told is None:
        return []
    bars = [
        Bar(
            one["details"]["group"],
            one["value"],
            one["low"],
            one["high"],
            "no number",
            strong=_apart(one, 0.0),
        )
        for one in found
    ]
    title = f"Inferred threshold of a search: each group less {result['reference']}"
    chart = interval_chart(
        bars,
        title=title,
        desc="One row a group: under 0, the group is searched on weaker grounds.",
        unit="difference in the chance to find something at which a search is made",
        reference=0.0,
        reference_label="the same threshold",
    )
    rows = [
        (
            str(row["group"]),
            number(row["searches"]),
            _said(row["threshold"]),
            _ends(row["low"], row["high"]),
            _said(row["gap"]),
            _ends(row["gap_low"], row["gap_high"]),
        )
        for row in told["rows"]
    ]
    columns = ("Group", "Searches", "Threshold", spread(result["level"]), "Difference", "Its interval")
    table = Table(columns, rows, ("", "n", "n", "n", "n", "n"))
    note = (
        f"From a model of {number(told['districts'])} areas: what officers see, and where they draw the line. "
        f"{' '.join(told['sentences'][len(found) :])}"
    )
    swept = Table(
        ("Group", "Priors as wide", "Difference", spread(result["level"]), "r-hat", "Divergences"),
        [
            (
                str(row["group"]),
                f"{row['scale']:g} times",
                _said(row["gap"]),
                _ends(row["low"], row["high"]),
                "" if row["rhat"] is None else f"{row['rhat']:.3f}",
                number(row["divergences"]),
            )
            for row in told["sweep"]
        ],
        ("", "n", "n", "n", "n", "n"),
    )
    return [
        chart_with_table(chart, table, caption=title, note=note),
        swept.html("The same with narrower and wider priors"),
    ]


def _missing(result: Result) -> Markup | None:
    """For every comparison whose interval leaves out no difference: whether what is missing could undo it."""
    if not result["records"]["counts"].get("without_group"):
        return None
    rows = []
    for one in result["findings"]:
        held = one["details"]
        low, high = (
            held.get("bound_low", held.get("gap_bound_low")),
            held.get("bound_high", held.get("gap_bound_high")),
        )
        none = 0.0 if one["id"].startswith(("hit_rate_gap", "search_threshold_gap")) else 1.0
        if one["value"] is None or low is None or high is None or not _apart(one, none):
            continue
        safe = "no" if low > none or high < none else "yes"
        p = held.get("p_corrected")
        rows.append(
            (
                f"{one['measure']}: {one['subject']}",
                _said(one["value"]),
                _ends(low, high),
                safe,
                "" if p is None else p_value(p),
            )
        )
    if not rows:
        return None
    table = Table(
        (
            "Comparison that differs",
            "Value",
            "Bounds",
            "Could what is missing undo it",
            "p, of all comparisons",
        ),
        rows,
        ("", "n", "n", "", "n"),
    )
    return table.html("What differs, and whether the groups that were not recorded could undo it")


def _read(result: Result) -> Markup:
    counts = result["records"]["counts"]
    rows = [("read", number(counts["rows"]))]
    # Where no search has an outcome of that kind, the file has no column for it.
    absent = {
        name for name in FIELDS if name.startswith("searches_without") and counts[name] == counts["searches"]
    }
    rows += [
        (said, number(counts[name]))
        for name, said in FIELDS.items()
        if counts.get(name) and name not in absent
    ]
    head = f"Rows of the file ({result['records']['layout']}), each of which is in this table"
    return Table(("Rows", "Number"), rows, ("", "n")).html(head)


def _apart(row: Mapping[str, Any], none: float) -> bool:
    low, high = row.get("low"), row.get("high")
    return (low is not None and low > none) or (high is not None and high < none)


def _said(value: float | None) -> str:
    return NOT_GIVEN if value is None else f"{value:.2f}"


def _ends(low: float | None, high: float | None) -> str:
    return "none" if low is None and high is None else f"{_open(low)} to {_open(high)}"


def _open(value: float | None) -> str:
    return "open" if value is None else f"{value:.2f}"


def _points(gap: float | None) -> str:
    return "" if gap is None else f"{100 * gap:+.1f}"


def _both(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f}"


def _hundred(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _clock(minute: float) -> str:
    return f"{int(minute // 60)}:{int(minute % 60):02d}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
