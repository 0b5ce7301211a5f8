"""The page of a week: what changed, what is new, what did not come, and what is wrong with the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from peelian.publish import sources
from peelian.publish.charts import Bar, Table, chart_with_table, interval_chart
from peelian.publish.maps import map_figure
from peelian.publish.patterns import pattern_page
from peelian.publish.spots import Spot, spots_map
from peelian.publish.words import day, interval, number, percent, plural

if TYPE_CHECKING:
    from peelian.places import Areas

__all__ = ["week_page"]

Result = Mapping[str, Any]


def week_page(
    result: Result,
    *,
    crs: str,
    bounds: tuple[float, float, float, float],
    areas: Areas | None = None,
    demonstration: bool = False,
) -> str:
    """The page of `peelian.workspace.week`.

    Parameters
    ----------
    result : mapping
        As stored.
    crs, bounds
        Of the study area, for the maps.
    areas : Areas, optional
        Outlined on the maps.
    """
    week = result["week"]
    names = ", ".join(sources.label(name) for name in result["categories"])
    return pattern_page(
        result,
        heading=f"The week from {day(week['start'])}",
        sub=f"Up to {day(week['end'])}, without what officers found by their own activity. Looked at: {names}.",
        parts=[
            Markup('<h2 id="changed">What changed</h2>'),
            _changes(result["changes"]),
            _areas(result["by_area"]),
            Markup('<h2 id="new">What is new</h2>'),
            *_repeats(result, crs, bounds, areas),
            *_clusters(result, crs, bounds, areas),
            *_series(result),
            Markup('<h2 id="not-come">What was expected and did not come</h2>'),
            _not_come(result["not_come"]),
            Markup('<h2 id="problems">What is known to be wrong with the data</h2>'),
            _list(result["problems"], "Nothing is known to be wrong."),
        ],
        demonstration=demonstration,
    )


def _said(text: str) -> Markup:
    return Markup("<p>{}</p>").format(text)


def _list(items: Sequence[str], none: str) -> Markup:
    if not items:
        return _said(none)
    return Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(item) for item in items))


def _changes(changes: Result | None) -> Markup:
    if changes is None:
        return _said(
            "The records don't reach back to the same week of a past year, so that it can't be told."
        )
    rows = changes["rows"]
    title = "Reports of the week, to what was expected"
    bars = [
        Bar(
            sources.label(row["what"]),
            _ratio(row["reported"], row["expected"]),
            _ratio(row["low"], row["expected"]),
            _ratio(row["high"], row["expected"]),
            strong=row["q"] <= 1 - changes["level"],
        )
        for row in rows
        if row["expected"] > 0
    ]
    desc = " ".join(
        f"{sources.label(r['what'])}: {r['reported']}, expected {r['expected']:.1f}." for r in rows
    )
    drawing = interval_chart(
        bars,
        title=title,
        desc=desc,
        unit="times what was expected; the whisker is where it lies if nothing changed",
        reference=1.0,
        reference_label="as many as expected",
    )
    note = (
        f"Expected: what the season and the last {changes['recent']} weeks lead to expect, from {changes['years']} "
        "past years. Range: where the number lies if nothing changed. "
        f"Bold: stands out, at a false-discovery rate of {percent(1 - changes['level'], digits=0)}."
    )
    table = Table(_COLUMNS, [_row(row, changes["level"]) for row in rows], _KINDS)
    return Markup("{}{}").format(
        _said(changes["sentence"]), chart_with_table(drawing, table, caption=title, note=note)
    )


_COLUMNS = (
    "What",
    "Reported",
    "Expected",
    "Range",
    "Past years",
    "Times past mean",
    "Stands out?",
)
_KINDS = ("", "n", "n", "n", "n", "n", "")


def _ratio(value: float, to: float) -> float:
    return value / to


def _row(row: Result, level: float) -> list[str]:
    ratio = (
        ""
        if row["past_ratio"] is None
        else f"{number(row['past_ratio'], digits=2)} ({interval(row['past_low'], row['past_high'], digits=2)})"
    )
    return [
        sources.label(row["what"]),
        number(row["reported"]),
        number(row["expected"], digits=1),
        interval(row["low"], row["high"], digits=0),
        str(row["past"]),
        ratio,
        "yes" if row["q"] <= 1 - level else "no",
    ]


def _areas(found: Result | None) -> Markup | None:
    if found is None:
        return None
    caption = f"Areas: the clearest of {number(found['looked_at'])} numbers"
    table = Table(_COLUMNS, [_row(row, found["level"]) for row in found["rows"]], _KINDS).html(caption)
    return Markup("{}{}").format(_said(found["sentence"]), table)


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{number(value, digits=1)} ({interval(low, high, digits=1)})"


def _repeats(
    result: Result, crs: str, bounds: tuple[float, float, float, float], areas: Areas | None
) -> list[Markup]:
    parts: list[Markup] = [Markup('<h3 id="repeats">New repeats</h3>')]
    rows: list[list[str]] = []
    spots: list[Spot] = []
    for part in result["repeats"]:
        kind = sources.label(part["category"])
        for place in part["places"]:
            rows.append(
                [
                    str(len(rows) + 1),
                    kind,
                    str(place["where"] or f"{place['x']:.0f}, {place['y']:.0f}"),
                    number(place["sources"]),
                    _with_interval(place["ratio"], place["ratio_low"], place["ratio_high"]),
                    number(place["extra"], digits=2),
                    day(place["expires"]),
                ]
            )
            said = f"{kind}: {plural(place['sources'], 'report')}, until {place['expires']}"
            spots.append(Spot(place["x"], place["y"], place["radius_m"], said))
    parts.append(_repeats_by_category(result["repeats"]))
    if not rows:
        return [*parts, _said("Nowhere does a report of the week lie near another recent one.")]
    title = "Where a report of the week lies near another recent one"
    drawing = spots_map(
        crs,
        bounds,
        title=title,
        desc=f"{plural(len(rows), 'place')}, numbered as in the table.",
        heading="New repeats",
        areas=areas,
        spots=spots,
    )
    columns = (
        "Place",
        "Category",
        "Where",
        "Reports",
        "Times chance",
        "Extra expected",
        "Until",
    )
    caption = "Places with new repeats, at most ten a category"
    parts.append(map_figure(title, drawing, "Most of these places will see no further report."))
    parts.append(Table(columns, rows, ("", "", "words", "n", "n", "n", "")).html(caption))
    return parts


def _repeats_by_category(parts: Sequence[Result]) -> Markup:
    rows = []
    for p in parts:
        top = p.get("at_most")
        said = (
            "nothing stands out"
            if top is None
            else _with_interval(top["ratio"], top["ratio_low"], top["ratio_high"])
        )
        counts = [number(p[name]) for name in ("new", "single", "raised")]
        rows.append([sources.label(p["category"]), *counts, said, number(p["tied"])])
    columns = (
        "Category", "New repeats", "Single reports", "Raised in all", "Times chance", "Same day",
    )  # fmt: skip
    said = (
        "New repeats: places where a report of the week lies near another recent one. Single reports: places around "
        "one report of the week. Times chance: how often reports follow each other there, at the highest. Same day: "
        "reports of the past year that share place and day with another; each may be one event that was written down "
        "twice."
    )
    return Markup("{}{}").format(
        Table(columns, rows, ("", "n", "n", "n", "n", "n")).html("Near repeats by category, in places"),
        _said(said),
    )


def _clusters(
    result: Result, crs: str, bounds: tuple[float, float, float, float], areas: Areas | None
) -> list[Markup]:
    parts = [
        Markup('<h3 id="clusters">Emerging clusters</h3>'),
        _list([f"{sources.category_name(p['category'])}: {p['sentence']}" for p in result["clusters"]], ""),
    ]
    found = [(p["category"], one) for p in result["clusters"] for one in p["signals"]]
    if not found:
        return parts
    spots = [
        Spot(one["x"], one["y"], one["radius_m"], f"{sources.label(name)}: {one['observed']}")
        for name, one in found
    ]
    title = "Emerging clusters"
    drawing = spots_map(
        crs,
        bounds,
        title=title,
        desc=f"{plural(len(found), 'cluster')}, numbered as in the table.",
        heading=title,
        areas=areas,
        spots=spots,
    )
    rows = [
        [
            str(i),
            sources.label(name),
            str(one["where"]),
            day(one["from"]),
            number(one["observed"]),
            number(one["expected"], digits=1),
            _with_interval(one["ratio"], one["low"], one["high"]),
            number(one["p"], digits=3),
            number(one["q_week"], digits=3),
            "not known" if one["alarms_a_year"] is None else number(one["alarms_a_year"], digits=1),
            "new" if one["new"] else "as last week",
        ]
        for i, (name, one) in enumerate(found, start=1)
    ]
    columns = (
        "Cluster", "Category", "Around", "Since", "Reported", "Expected", "Times as many", "p", "q",
        "False alarms a year", "New?",
    )  # fmt: skip
    kinds = ("", "", "words", "", "n", "n", "n", "n", "n", "n", "")
    return [*parts, map_figure(title, drawing), Table(columns, rows, kinds).html(title)]


def _series(result: Result) -> list[Markup]:
    parts: list[Markup] = [Markup('<h3 id="series">Candidate series</h3>')]
    parts.append(
        _list([f"{sources.category_name(p['category'])}: {p['sentence']}" for p in result["series"]], "None.")
    )
    rows = [
        [
            str(one["id"]),
            sources.label(part["category"]),
            number(len(one["incidents"])),
            f"{day(one['first'])} to {day(one['last'])}",
            "not known" if one["probability"] is None else number(one["probability"], digits=2),
            ", ".join(map(str, one["incidents"][:8])),
        ]
        for part in result["series"]
        for one in part["candidates"]
    ]
    if rows:
        columns = (
            "Series",
            "Category",
            "Reports",
            "When",
            "Mean probability of its links",
            "Ids of its reports",
        )
        parts.append(
            Table(columns, rows, ("", "", "n", "", "n", "words")).html("Hypotheses to confirm or reject")
        )
    return parts


def _not_come(rows: Sequence[Result]) -> Markup:
    if not rows:
        return _said("Everything that was expected came, as far as its interval tells.")
    said = [
        [
            str(row["what"]),
            number(row["reported"]),
            "" if row["expected"] is None else number(row["expected"], digits=1),
            "" if row["low"] is None else interval(row["low"], row["high"], digits=0),
        ]
        for row in rows
    ]
    columns = ("What", "Reported", "Expected", "Interval")
    note = _said("By chance about one number in twenty lies below its interval, though nothing changed.")
    table = Table(columns, said, ("words", "n", "n", "n")).html("What was expected, and what came")
    return Markup("{}{}").format(table, note)
