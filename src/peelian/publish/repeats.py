"""The page of repeats: which places are raised, what that is worth, and how near and how soon reports recur."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from peelian.patterns.elevated import Elevated
from peelian.patterns.exact_repeats import ExactRepeats
from peelian.patterns.near_repeat import NearRepeat, band_names, time_names
from peelian.publish import svg
from peelian.publish.charts import Bar, Series, Table, bar_chart, chart_with_table, line_chart
from peelian.publish.maps import map_figure
from peelian.publish.patterns import pattern_page
from peelian.publish.spots import Kind, Spot, spots_map
from peelian.publish.words import day, interval, number, p_value, percent, plural

if TYPE_CHECKING:
    from peelian.places import Areas, Grid

__all__ = ["repeats_page"]

Result = Mapping[str, Any]

FEWEST, MOST = 10, 25
"""Places in the table of the page: those around more than one report, and a few others; the run's table has all."""
STEPS = (1.0, 1.1, 1.5, 3.0)
"""Ratios at which the colour of a band gets darker."""
WIDTH = 520.0
LABELS = 140.0
"""Pixels for the names of the bands of distance."""
WIDEST = 7
"""Bands of time that fit in a picture; more are in the table alone."""


def repeats_page(
    result: Result,
    table: NearRepeat,
    zones: Elevated,
    exact: ExactRepeats,
    places: pd.DataFrame,
    *,
    grid: Grid,
    areas: Areas | None = None,
    demonstration: bool = False,
) -> str:
    """The page of `peelian.workspace.repeats`.

    Parameters
    ----------
    result : mapping
        As stored.
    table, zones, exact : NearRepeat, Elevated, ExactRepeats
        What it was made from.
    places : pandas.DataFrame
        The raised places, with where they are (``where``).
    grid : Grid
        Of the raised cells.
    areas : Areas, optional
        Outlined on the map.
    """
    parts = [
        *_places(result, zones, places, grid, areas),
        *_backtest(result["backtest"]),
        *_bands(result, table),
        *_exact(result["exact"], exact),
        _other_tests(result["other_tests"]),
    ]
    told = [result, result["backtest"]]
    told += [result["zones"]] if len(places) else []
    told += [result["exact"]] if result["exact"]["repeats"] else []
    limits = dict.fromkeys(limit for one in told for limit in one.get("limits", ()))
    return pattern_page(
        {**result, "limits": list(limits)}, heading="Repeats", parts=parts, demonstration=demonstration
    )


def _each(frame: pd.DataFrame) -> list[Any]:
    """Its rows, with the columns as attributes."""
    return list(frame.itertuples(index=False))


def _head(name: str, said: str) -> Markup:
    return Markup('<h2 id="{}">{}</h2>').format(name, said)


def _said(text: str) -> Markup:
    return Markup("<p>{}</p>").format(text)


def _ratio(row: Any, *, digits: int = 1) -> str:
    low, high = (
        None if value is None or np.isnan(value) else value for value in (row.ratio_low, row.ratio_high)
    )
    return f"{number(row.ratio, digits=digits)} ({interval(low, high, digits=digits)})"


def _places(
    result: Result, zones: Elevated, places: pd.DataFrame, grid: Grid, areas: Areas | None
) -> list[Markup]:
    told = result["zones"]
    head = [_head("raised", f"Raised as of {day(told['at'])}"), _said(told["sentence"])]
    if not len(places):
        return head
    several = int((places["sources"] > 1).sum())
    shown = places.head(min(max(several, FEWEST), MOST))
    title = f"Places raised as of {day(told['at'])}"
    desc = (
        f"A map of {plural(len(places), 'place')} around recent reports, as squares of {number(grid.cell)} m. The "
        f"first {number(len(shown))} are numbered as in the table."
    )
    spots = [
        Spot(r.x, r.y, r.radius_m, f"{r.where}: {plural(r.sources, 'report')}, until {r.expires}")
        for r in _each(shown)
    ]
    cells = [int(c) for c in zones.cells["cell"]]
    drawing = spots_map(
        grid.crs,
        grid.bounds(),
        title=title,
        desc=desc,
        heading="Raised by recent reports",
        areas=areas,
        grid=grid,
        kinds=[Kind(cells, "q2", "square with a raised place")] if cells else [],
        spots=spots,
    )
    return [
        *head,
        map_figure(title, drawing, _reach(zones)),
        _rows(shown, len(places), several),
        _sources(shown),
    ]


def _reach(zones: Elevated) -> str:
    """How far and how long a report raises what is around it, and why not farther or longer."""
    far = float(zones.sources["radius_m"].max())
    where = f"within {number(far)} m of" if far else "at the very place of"
    return (
        f"Raised {where} a report, for up to {plural(zones.profile.days_after, 'day')}: as far and as long as the "
        f"table below has reports following each other more than {zones.settings['least_ratio']:g} times as often as "
        "by chance, by the low end of the interval."
    )


def _rows(shown: pd.DataFrame, n: int, several: int) -> Markup:
    usual = "usual" in shown
    rows = [
        [
            number(r.place),
            r.where,
            number(r.sources),
            f"{number(r.radius_m)} m" if r.radius_m else "same place",
            _ratio(r),
            day(r.expires, year=False),
            number(r.extra, digits=2),
            *([number(r.usual, digits=2)] if usual else []),
        ]
        for r in _each(shown)
    ]
    columns = ("Place", "Where", "Reports", "Reach", "To chance", "Until", "More", "Usual")
    caption = f"{number(len(rows))} of {plural(n, 'place')}; {number(several)} are around more than one recent report"
    note = "More: reports to expect beyond those by chance, until that day."
    note += " Usual: those of its squares until then if nothing were raised." if usual else ""
    kinds = ("", "words", "n", "n", "n", "n", "n", "n")
    end = len(columns) if usual else -1
    return Table(columns[:end], rows, kinds[:end]).html(caption) + Markup('<p class="note">{}</p>').format(
        note
    )


def _sources(shown: pd.DataFrame) -> Markup:
    rows = [[number(r.place), ", ".join(str(i) for i in r.ids)] for r in _each(shown)]
    held = Table(("Place", "Reports"), rows, ("", "words")).html(
        "The reports that raise each place, by their id"
    )
    return Markup("<details><summary>Which reports raise each place</summary>{}</details>").format(held)


def _backtest(told: Result) -> list[Markup]:
    head = _head("worth", "Are raised places worth more than counting?")
    if "left_out" in told:
        return [head, _said(told["left_out"])]
    rows = [row for row in told["chosen_by"] if row["share_of_reports"] is not None]
    said = [head, _said(told["sentence"])]
    if not rows or not rows[0]["share_of_area"]:
        return said
    area = percent(rows[0]["share_of_area"])
    title = f"Share of later reports held, on {area} of the area each day"
    names = {
        "near repeats": "Raised by near repeats",
        "counting the past": "By counting the past",
        "lot": "By lot",
    }
    best = max(float(row["share_of_reports"]) for row in rows)
    bars = [
        Bar(
            names[row["chosen_by"]],
            100 * row["share_of_reports"],
            strong=row["share_of_reports"] == best,
        )
        for row in rows
    ]
    desc = " ".join(f"{names[r['chosen_by']]}: {percent(r['share_of_reports'], digits=1)}." for r in rows)
    drawing = bar_chart(bars, title=title, desc=desc, unit="% of the reports of these weeks")
    settings = told["settings"]
    note = (
        f"Tried on each day from {day(settings['start'])} to {day(settings['end'])}, from what had happened before it; "
        f"the table of bands was made anew every {settings['refit']} days. Counting: as many squares as were raised, "
        "those with most reports before the day."
    )
    if told["low"] is not None:
        note += (
            f" Raised places less counting: {percent(told['difference'])} of the reports "
            f"({interval(100 * told['low'], 100 * told['high'], digits=1)}, from how much weeks differ)."
        )
    cells = [
        [
            names[r["chosen_by"]],
            number(r["hits"], digits=0),
            percent(r["share_of_reports"], digits=1),
            percent(r["share_of_area"]),
        ]
        for r in rows
    ]
    held = Table(("Chosen", "Reports held", "Of all reports", "Of the area"), cells, ("", "n", "n", "n"))
    return [*said, chart_with_table(drawing, held, caption=title, note=note)]


def _bands(result: Result, table: NearRepeat) -> list[Markup]:
    head = [_head("bands", "How near and how soon"), _said(result["near_repeats"])]
    if table.incidents < 2:
        return head
    title = "Pairs of reports, to what chance makes"
    note = (
        "In bold with a star: stands out from chance. Chance is what is counted when the times are shuffled among the "
        f"reports, {number(table.permutations)} times"
    )
    if table.parts > 1:
        note += (
            f", within {number(table.parts)} parts of the area alone. Shuffled over the whole area, parts that rose "
            "and fell apart look like near repeats: on real reports whose times were shuffled so that none follows "
            "another, 2.5 of 16 bands stood out by mistake; within parts, none did"
        )
    rows = [
        [
            str(r.distance),
            str(r.time),
            number(r.observed),
            number(r.expected, digits=1),
            _ratio(r, digits=2),
            p_value(r.p, digits=3),
            p_value(r.q, digits=3),
            "yes" if r.stands_out else "no",
        ]
        for r in _each(table.frame)
    ]
    columns = (
        "Distance",
        "Time",
        "Pairs",
        "By chance",
        f"Ratio ({percent(1 - table.level)} interval)",
        "p",
        "q",
    )
    held = Table((*columns, "Stands out?"), rows, ("", "", "n", "n", "n", "n", "n", ""))
    if table.days.size > WIDEST:
        return [*head, held.html(title), _said(note + ".")]
    return [*head, chart_with_table(_picture(table, title), held, caption=title, note=note + ".")]


def _picture(table: NearRepeat, title: str) -> Markup:
    """The ratio of each band, darker where it is higher; each is also a number."""
    d, t = table.observed.shape
    wide, high, top = (WIDTH - LABELS) / t, 34.0, 24.0
    names = time_names(table.days, elapsed=table.elapsed)
    body = [
        svg.text(LABELS + (j + 0.5) * wide, 15, name, colour="muted", anchor="middle", size=12)
        for j, name in enumerate(names)
    ]
    said = []
    for i, name in enumerate(band_names(table.distances)):
        y = top + i * high
        body.append(svg.text(0, y + 21, name, size=12.5))
        for j in range(t):
            ratio, stands_out = float(table.ratio[i, j]), bool(table.significant[i, j])
            shade = int(np.searchsorted(STEPS, ratio)) if stands_out else 0
            label = "none" if np.isnan(ratio) else number(ratio, digits=2) + (" *" if stands_out else "")
            x = LABELS + j * wide
            body.append(svg.box(x + 1, y + 1, wide - 2, high - 2, svg.fill(f"q{shade}")))
            body.append(
                svg.text(x + wide / 2, y + 21, label, colour=f"on{shade}", anchor="middle", bold=stands_out)
            )
            said.append(f"{name}, {names[j]}: {label}")
    desc = f"Times as many pairs as by chance, a star where it stands out. {'; '.join(said)}."
    return svg.draw(body, width=WIDTH, height=top + d * high + 4, title=title, desc=desc)


def _exact(told: Result, exact: ExactRepeats) -> list[Markup]:
    head = [_head("same-place", "Again at the same place"), _said(told["sentence"])]
    if not told["repeats"]:
        return head
    title = "Reports followed by another at the same place"
    curve, at = exact.curve, np.asarray(exact.settings["days"])
    top = curve.iloc[-1]
    line = Series(
        title,
        [plural(d, "day") for d in curve["days"]],
        (100 * curve["share"]).tolist(),
        (100 * curve["chance_low"]).tolist(),
        (100 * curve["chance_high"]).tolist(),
    )
    desc = (
        f"Within {number(top['days'])} days {percent(top['share'])} are followed by another, where chance makes "
        f"{percent(top['expected'])}."
    )
    drawing = line_chart(line, title=title, desc=desc, unit="% of reports, by days since", marks=4)
    ends = curve[curve["days"].isin(at)].reset_index(drop=True)
    rows = [
        [
            str(b.time),
            percent(c.share),
            f"{percent(c.low)} to {percent(c.high)}",
            percent(c.expected),
            _ratio(b),
            p_value(b.p, digits=3),
        ]
        for b, c in zip(_each(exact.bands), _each(ends), strict=True)
    ]
    columns = ("Time", "Followed by its end", "Interval", "By chance", "Rate in it, to chance", "p")
    held = Table(columns, rows, ("", "n", "n", "n", "n", "n"))
    note = "The line is what was reported; the band is what chance makes of it, with the times shuffled."
    return [*head, chart_with_table(drawing, held, caption=title, note=note), _by_number(exact)]


def _by_number(exact: ExactRepeats) -> Markup:
    rows = [
        [number(r.reports), number(r.places), percent(r.share_of_places), percent(r.share_of_reports)]
        for r in _each(exact.places)
    ]
    columns = ("Reports at a place", "Places", "Of all places with a report", "Of all reports")
    held = Table(columns, rows, ("n", "n", "n", "n")).html("How many places had how many reports")
    return Markup("<details><summary>How many reports a place had</summary>{}</details>").format(held)


def _other_tests(tests: Result) -> Markup:
    """Two other tests of the same question, in their own words."""
    mantel, jacquez = tests["mantel"], tests["jacquez"]
    said = []
    if "drawn_from" in mantel:
        said.append(
            f"Mantel's test is over all pairs, so that it was made on {number(mantel['incidents'])} reports drawn at "
            f"random from {number(mantel['drawn_from'])}. "
        )
    said.append(mantel["sentence"])
    said.append(" " + " ".join(mantel["limits"]))
    items = [
        "".join(said),
        f"Jacquez' test was left out: {jacquez['left_out']}."
        if "left_out" in jacquez
        else f"Jacquez' test: {jacquez['sentence']} {' '.join(jacquez['limits'])}",
    ]
    rows = Markup("").join(Markup("<li>{}</li>").format(item) for item in items)
    return Markup(
        "<details><summary>Two other tests of the same, over the whole area</summary><p>They shuffle times over the "
        "whole area: where parts of it rose and fell apart, they find that too.</p><ul>{}</ul></details>"
    ).format(rows)
