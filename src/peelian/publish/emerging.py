"""The page of what emerges: clusters on a map, areas that stand out week by week, and how often that was an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup

from peelian.places import Areas
from peelian.publish.charts import Bar, Series, Table, bar_chart, chart_with_table, line_chart
from peelian.publish.emerging_words import (
    AGAINST,
    LOOKS_AT,
    NAMES,
    leaders,
    p_words,
    rate_words,
    scan_words,
    watch_words,
)
from peelian.publish.maps import map_figure
from peelian.publish.patterns import pattern_page
from peelian.publish.spots import Kind, Spot, spots_map
from peelian.publish.words import day, interval, number, plural

if TYPE_CHECKING:
    from peelian.places import Grid

__all__ = ["emerging_page"]

Result = Mapping[str, Any]
Frames = Mapping[str, pd.DataFrame]

MOST = 25
"""Rows of a table on the page; the run's tables have the others."""
IDS = 200
"""Reports of a cluster or a place that are named on the page."""
SURE = ("p", "q", "Past, a year")
"""Heads of what each finding is told with; the last is how often these records' own past had something as rare."""


def emerging_page(
    result: Result,
    tables: Frames,
    *,
    grid: Grid,
    places: Areas | Grid,
    areas: Areas | None = None,
    demonstration: bool = False,
) -> str:
    """The page of `peelian.workspace.emerging`.

    Parameters
    ----------
    result : mapping
        As stored.
    tables : mapping of DataFrame
        ``cells`` of the clusters, ``incidents`` in each finding, ``weeks`` of places that stand out.
    grid : Grid
        In whose cells clusters were looked for.
    places : Areas or Grid
        What was watched.
    areas : Areas, optional
        Outlined on the map.
    """
    scan, watch = leaders(result)
    others = [one for one in (*result["scans"], *result["watched"]) if one not in (scan, watch)]
    parts = [
        _map(result, scan, watch, tables["cells"] if scan else None, grid, places, areas),
        *([] if scan is None else _clusters(result, scan, tables)),
        *([] if watch is None else _watched(result, watch, tables)),
        *_past(result, [one for one in (scan, watch) if one is not None], others),
        *_others(result, others, tables),
    ]
    return pattern_page(
        result, heading="What emerges", parts=parts, lines=result["details"], demonstration=demonstration
    )


def _head(name: str, said: str) -> Markup:
    return Markup('<h2 id="{}">{}</h2>').format(name, said)


def _said(text: str) -> Markup:
    return Markup("<p>{}</p>").format(text)


def _map(
    result: Result,
    scan: Result | None,
    watch: Result | None,
    cells: pd.DataFrame | None,
    grid: Grid,
    places: Areas | Grid,
    areas: Areas | None,
) -> Markup | None:
    clusters = scan["clusters"] if scan is not None else []
    risen = [row["place"] for row in watch["places"] if row["signal"]] if watch is not None else []
    if not clusters and not risen:
        return None
    one = str(result["places"]["one"])
    # Without areas nothing else shows where the city ends.
    kinds = [] if areas is not None else [Kind(range(len(grid)), "q0", "looked at")]
    high: list[int] = []
    if scan is not None and cells is not None:
        of = cells[cells["method"] == scan["method"]]
        signal = of["cluster"].isin([row["cluster"] for row in clusters if row["signal"]])
        kinds.append(Kind(of.loc[~signal, "cell"].tolist(), "q1", "more than expected, no signal"))
        high = of.loc[signal, "cell"].tolist()
    kinds.append(Kind(_within(places, risen, grid), "q3", f"{one} that stands out"))
    kinds.append(Kind(high, "accent", "emerging cluster"))
    spots = [
        Spot(row["x"], row["y"], row["radius_m"], f"{row['where']}: {row['observed']} reports")
        for row in clusters[:MOST]
    ]
    title = f"What emerges up to {day(result['to'])}"
    signals = 0 if scan is None else scan["signals"]
    desc = (
        f"A map of squares of {number(grid.cell)} m. {plural(signals, 'emerging cluster')} and "
        f"{plural(len(risen), one)} stand out; {plural(len(clusters), 'cluster')} with more reports than expected are "
        "numbered as in the table."
    )
    drawing = spots_map(
        grid.crs,
        grid.bounds(),
        title=title,
        desc=desc,
        heading="More reports of late",
        areas=areas,
        grid=grid,
        kinds=[kind for kind in kinds if len(kind.cells)],
        spots=spots,
        spot_said="cluster, with its number in the table",
    )
    note = (
        "A circle covers squares that had no rise too: it says where to look, and is no border."
        if clusters
        else ""
    )
    return map_figure(title, drawing, note)


def _within(places: Areas | Grid, chosen: Sequence[str], grid: Grid) -> list[int]:
    """Cells of a grid that lie in some of the watched places."""
    if not chosen:
        return []
    if isinstance(places, Areas):
        of: npt.NDArray[np.int64] = places.of_cells(grid)
    else:
        of = places.locate(*grid.centres())
    wanted = [i for i, name in enumerate(places.ids) if str(name) in set(chosen)]
    return [int(c) for c in np.flatnonzero(np.isin(of, wanted))]


def _cluster_table(rows: Sequence[Result], caption: str) -> Markup:
    said = [
        [
            str(row["cluster"]),
            f"{row['where']}, {number(row['radius_m'], digits=0)} m",
            day(row["from"], year=False),
            f"{number(row['observed'])} ({number(row['expected'])})",
            f"{number(row['ratio'], digits=1)} ({interval(row['low'], row['high'], digits=1)})",
            p_words(row["p"]),
            p_words(row["q"]),
            rate_words(row["alarms_a_year"]),
            "yes" if row["signal"] else "no",
        ]
        for row in rows[:MOST]
    ]
    columns = (
        "Cluster", "Around, within", "Since", "Reported (expected)", "Times as many", *SURE, "Stands out?",
    )  # fmt: skip
    return Table(columns, said, ("", "", "", "n", "n", "n", "n", "n", "")).html(caption)


def _clusters(result: Result, scan: Result, tables: Frames) -> list[Markup]:
    head = [_head("clusters", "Emerging clusters"), _said(scan_words(scan, result))]
    if not scan["clusters"]:
        return head
    note = (
        "Times as many: with a 95 % interval as if the place had been chosen beforehand; as it was picked for being "
        "high, it is too high. p: how often chance alone has as high a cluster anywhere. q: the false-discovery rate "
        "among those in the table. Past, a year: how many looks at these records' own past, one a "
        f"{result['unit']}, had a cluster as high."
    )
    return [
        *head,
        _cluster_table(scan["clusters"], f"The {plural(len(scan['clusters'][:MOST]), 'highest cluster')}")
        if len(scan["clusters"]) > 1
        else _cluster_table(scan["clusters"], "The highest cluster"),
        Markup('<p class="note">{}</p>').format(note),
        _members(scan["method"], [(str(r["cluster"]), f"{r['cluster']}") for r in scan["clusters"]], tables),
    ]


def _members(method: str, named: Sequence[tuple[str, str]], tables: Frames) -> Markup:
    """The reports in each finding, by their id."""
    held = tables["incidents"]
    held = held[held["method"] == method]
    rows = []
    for of, name in named[:MOST]:
        ids = held.loc[held["of"] == of, "id"].tolist()
        more = f" and {number(len(ids) - IDS)} more in the run's table" if len(ids) > IDS else ""
        rows.append([name, ", ".join(ids[:IDS]) + more])
    table = Table(("In", "Reports"), rows, ("", "words")).html("The reports, by their id")
    return Markup("<details><summary>Which reports these are</summary>{}</details>").format(table)


def _place_table(rows: Sequence[Result], result: Result, caption: str) -> Markup:
    bound = any(row["upper"] is not None for row in rows)
    said = [
        [
            str(row["name"]),
            number(row["observed"]),
            number(row["expected"], digits=1),
            *([number(row["upper"], digits=1)] if bound else []),
            p_words(row["p"]),
            p_words(row["q"]),
            rate_words(row["alarms_a_year"]),
            "yes" if row["signal"] else "no",
        ]
        for row in rows[:MOST]
    ]
    one = str(result["places"]["one"])
    columns = (
        one[:1].upper() + one[1:],
        "Reported",
        "Expected",
        *(["Bound"] if bound else []),
        *SURE,
    )
    kinds = ("words", *["n"] * (len(columns) - 1), "")
    return Table((*columns, "Stands out?"), said, kinds).html(caption)


def _above(rows: Sequence[Result], one: str) -> str:
    said = f"{one[:1].upper()}{one[1:]}s above their own bound from {day(rows[0]['from'])} on"
    return f"{said}, the first {MOST} of {number(len(rows))}" if len(rows) > MOST else said


def _watched(result: Result, watch: Result, tables: Frames) -> list[Markup]:
    one = str(result["places"]["one"])
    parts = [
        _head("places", f"{one[:1].upper()}{one[1:]} by {one}"),
        _said(watch_words(watch, result)),
    ]
    rows = watch["places"]
    if rows:
        note = (
            f"q: the false-discovery rate over all {plural(result['places']['n'], one)}. Past, a year: how "
            f"often any {one} had a p-value as low in these records' own past."
        )
        parts += [
            _place_table(rows, result, _above(rows, one)),
            Markup('<p class="note">{}</p>').format(note),
            _members(watch["method"], [(r["place"], r["name"]) for r in rows], tables),
        ]
    return parts + _weeks(result, watch, tables["weeks"])


def _weeks(result: Result, watch: Result, weeks: pd.DataFrame) -> list[Markup]:
    """A line for each place that stands out, with the bound of each week."""
    figures = []
    for _, one in weeks.groupby("place", sort=False):
        rows = one.reset_index(drop=True)
        known = np.isfinite(rows["upper"].to_numpy())
        # The latest run of weeks with a bound; without one, the line alone.
        first = int(np.flatnonzero(~known)[-1]) + 1 if not known.all() else 0
        banded = len(rows) - first >= 2
        shown = rows.iloc[first:] if banded else rows
        if len(shown) < 2:
            continue
        name, unit = str(rows["name"].iloc[0]), str(result["unit"])
        title = f"{name}: reports by {unit}"
        line = Series(
            title,
            [day(start) for start in shown["start"]],
            shown["observed"].tolist(),
            [0.0] * len(shown) if banded else None,
            shown["upper"].tolist() if banded else None,
        )
        last = shown.iloc[-1]
        desc = f"In the latest {unit} {plural(int(last['observed']), 'report')}" + (
            f", where {number(last['expected'], digits=1)} were expected and the bound is "
            f"{number(last['upper'], digits=1)}."
            if banded
            else "."
        )
        drawing = line_chart(
            line, title=title, desc=desc, unit=f"reports a {unit}", marks=3, dot=len(shown) - 1
        )
        note = (
            f"Band: up to the bound of {NAMES[watch['method']]}; a line above it is an alarm of this "
            f"{result['places']['one']} by itself. Dot: the latest {unit}."
            if banded
            else f"Dot: the latest {unit}."
        )
        figures.append(chart_with_table(drawing, _weekly_table(shown, unit), caption=title, note=note))
    if not figures:
        return []
    head = Markup('<h3 id="weeks">{}</h3>').format(
        "Week by week: what stands out by any method" if result["unit"] == "week" else "One by one, over time"
    )
    return [head, *figures]


def _weekly_table(rows: pd.DataFrame, unit: str) -> Table:
    said = [
        [
            day(row.start),
            number(row.observed),
            "none" if np.isnan(expected) else number(expected, digits=1),
            "none" if np.isnan(upper) else number(upper, digits=1),
        ]
        for row, expected, upper in zip(
            rows.itertuples(index=False),
            rows["expected"].to_numpy(dtype=np.float64),
            rows["upper"].to_numpy(dtype=np.float64),
            strict=True,
        )
    ]
    return Table(
        (f"{unit[:1].upper()}{unit[1:]} from", "Reported", "Expected", "Bound"), said, ("", "n", "n", "n")
    )


def _rates(one: Result) -> tuple[float, float] | None:
    """Alarms a year on these records as they were, and with times shuffled."""
    past = one.get("past") or one
    real, shuffled = past.get("real_a_year"), past.get("shuffled_a_year")
    return None if real is None or shuffled is None else (float(real), float(shuffled))


def _past(result: Result, leading: Sequence[Result], others: Sequence[Result]) -> list[Markup]:
    head = _head("false-alarms", "How often this would have been a false alarm")
    known = [one for one in leading if _rates(one) is not None]
    if not known:
        return [
            head,
            _said("The past is too short to count how often these settings would have raised an alarm."),
        ]
    bars, said = [], []
    for one in known:
        real, shuffled = _rates(one) or (0.0, 0.0)
        name = NAMES[one["method"]]
        bars += [Bar(f"{name}: as it was", real, strong=True), Bar(f"{name}: times shuffled", shuffled)]
        said.append(
            f"{name}, put at up to {plural(_looks(one), result['unit'])} of the past: {rate_words(real)} alarms a year "
            f"({_bar(one)}), and {rate_words(shuffled)} where times are shuffled."
        )
    title = "Alarms a year in these records' own past"
    note = (
        "Where the times of the reports are shuffled within each place nothing can emerge, so that each of these "
        "alarms is false. Of the others some are real, and nobody knows which. What is said to stand out here must "
        "besides be so high that this past had it no more often than a few times a year, as the sentences above say."
    )
    rows = [_past_row(one) for one in (*known, *others) if _rates(one) is not None]
    table = Table(("Method", "Bar", "As it was", "Times shuffled"), rows, ("words", "words", "n", "n"))
    drawing = bar_chart(bars, title=title, desc=" ".join(said), unit="alarms a year")
    return [head, _said(" ".join(said)), chart_with_table(drawing, table, caption=title, note=note)]


def _looks(one: Result) -> int:
    past = one.get("past")
    return int(past["looks"] if past else one["settings"]["looks"])


def _past_row(one: Result) -> list[str]:
    real, shuffled = _rates(one) or (0.0, 0.0)
    return [NAMES[one["method"]], _bar(one), rate_words(real), rate_words(shuffled)]


def _bar(one: Result) -> str:
    what = "p" if "past" in one else "false-discovery rate"
    return f"{what} at most {one['settings']['level']:g}"


def _others(result: Result, others: Sequence[Result], tables: Frames) -> list[Markup]:
    if not others:
        return []
    rows = []
    for one in others:
        found = one.get("clusters", one.get("places", []))
        names = [str(row.get("where", row.get("name"))) for row in found if row["signal"]]
        looks, against = (words[one["method"]].format(unit=result["unit"]) for words in (LOOKS_AT, AGAINST))
        more = f" and {number(len(names) - 3)} more" if len(names) > 3 else ""
        rows.append(
            [
                NAMES[one["method"]],
                looks,
                against,
                number(one["signals"]),
                ", ".join(names[:3]) + more or "none",
            ]
        )
    columns = ("Method", "Looks at", "Against", "Stand out", "Which")
    parts = [
        _head("others", "What other methods say"),
        Table(columns, rows, ("words", "words", "words", "n", "words")).html(
            "The same reports by other methods"
        ),
    ]
    for one in others:
        body = _other(result, one, tables)
        if body is not None:
            parts.append(body)
    return parts


def _other(result: Result, one: Result, tables: Frames) -> Markup | None:
    name = NAMES[one["method"]]
    if "clusters" in one:
        if not one["clusters"]:
            return None
        said = scan_words(one, result)
        table = _cluster_table(one["clusters"], f"{name}: highest clusters")
        ids = [(str(r["cluster"]), str(r["cluster"])) for r in one["clusters"] if r["signal"]]
    else:
        if not one["places"]:
            return None
        said = watch_words(one, result)
        table = _place_table(
            one["places"], result, f"{name}: {result['places']['one']}s above their own bound"
        )
        ids = [(r["place"], r["name"]) for r in one["places"] if r["signal"]]
    members = _members(one["method"], ids, tables) if ids else Markup("")
    return Markup("<details><summary>{}</summary><p>{}</p>{}{}</details>").format(name, said, table, members)
