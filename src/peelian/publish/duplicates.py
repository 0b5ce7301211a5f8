"""The page of records that may be of the same incident: how many, how sure, which to look at, and where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from peelian.publish.charts import Bar, Table, bar_chart, chart_with_table
from peelian.publish.links import answers_part
from peelian.publish.maps import map_figure
from peelian.publish.patterns import pattern_page
from peelian.publish.sources import label
from peelian.publish.spots import spots_map
from peelian.publish.words import day, listing, moment, number, percent, plural

if TYPE_CHECKING:
    from peelian.places import Areas

__all__ = ["duplicates_page"]

Result = Mapping[str, Any]

MOST = 25
"""Rows of a table on the page; the run's tables have the others."""
LEAD = "Nothing is deleted or merged. A person looks, and says which records are of the same incident."
BANDS = {
    "same": "taken as the same incident",
    "uncertain": "for a person to look at",
    "different": "taken as different",
}


def duplicates_page(
    result: Result,
    pairs: pd.DataFrame,
    records: pd.DataFrame,
    *,
    crs: str,
    areas: Areas | None = None,
    demonstration: bool = False,
) -> str:
    """The page of `peelian.workspace.duplicates`.

    Parameters
    ----------
    result : mapping
        As stored.
    pairs : pandas.DataFrame
        As stored: all pairs that are not different.
    records : pandas.DataFrame
        By id: ``x`` and ``y`` in `crs`.
    areas : Areas, optional
        Outlined on the map.
    """
    uncertain, same = (
        [row for row in result["pairs"] if row["band"] == band] for band in ("uncertain", "same")
    )
    n = {row["band"]: row["pairs"] for row in result["bands"]}
    parts = [
        _bands(result["bands"]),
        _listed("review", "To look at: nearest to even odds first", uncertain, n["uncertain"]),
        _listed("same", "Taken as the same incident: the likeliest", same, n["same"]),
        _groups(result["groups"]),
        _map(pairs, records, crs, areas),
        _features(result["features"]),
        answers_part(result["answers"]),
    ]
    lines = [LEAD]
    if result["hypotheses"]:
        name = result["hypotheses"][0]["id"]
        lines.append(f"To confirm or reject one: peelian patterns confirm RUN {name} --reason '...'")
    return pattern_page(
        result,
        heading="Records of the same incident",
        sub=_looked_at(result),
        parts=parts,
        lines=lines,
        demonstration=demonstration,
    )


def _looked_at(result: Result) -> str:
    of = f" of {label(result['category'])}" if result["category"] else ""
    two = result["records"][1]
    sources = listing([str(name) for name in result["sources"]])
    said = (
        f"{number(result['records'][0])} and {number(two)} records{of} of {sources}, each of one with each of the other"
        if two
        else f"{plural(result['incidents'], 'record')}{of} of {sources}"
    )
    reach = result["settings"]
    return (
        f"{said}, from {day(result['from'])} up to {day(result['to'])}; pairs up to {number(reach['metres'])} m and "
        f"{number(reach['hours'])} hours apart."
    )


def _bands(rows: Sequence[Result]) -> Markup | None:
    """How many pairs there are in each band, and how many of them are expected to be wrong."""
    if not any(row["pairs"] for row in rows):
        return None
    title = "Pairs of records, and how many of them are expected to be of the same incident"
    said = [
        [
            BANDS[row["band"]],
            f"{percent(row['from'])} to {percent(row['to'])}",
            number(row["pairs"]),
            number(row["expected_same"], digits=0),
            number(row["expected_wrong"], digits=0) if row["band"] != "uncertain" else "a person says",
        ]
        for row in rows
    ]
    columns = ("Pairs are", "Probability", "Pairs", "Expected to be the same", "Expected to be wrong")
    bars = [
        Bar(
            f"{BANDS[row['band']]}: {number(row['expected_same'], digits=0)} of {plural(row['pairs'], 'pair')}",
            row["expected_same"],
            strong=row["band"] == "same",
        )
        for row in rows
    ]
    chart = bar_chart(bars, title=title, desc=title, unit="pairs expected to be of the same incident")
    note = "Expected by the probabilities: confirming and rejecting pairs tells whether those hold here."
    return chart_with_table(
        chart, Table(columns, said, ("words", "", "n", "n", "n")), caption=title, note=note
    )


def _listed(anchor: str, title: str, rows: Sequence[Result], of: int) -> Markup | None:
    if not rows:
        return None
    said = [
        [
            str(row["id"]),
            f"over {percent(0.99)}" if row["probability"] > 0.995 else percent(row["probability"], digits=0),
            *(_record(one) for one in row["records"]),
            str(row["why"]),
        ]
        for row in rows[:MOST]
    ]
    columns = ("Pair", "Probability", "One", "The other", "How alike")
    table = Table(columns, said, ("", "n", "words", "words", "")).html(
        f"{plural(len(said), 'pair')} of {number(of)}"
    )
    return Markup('<h2 id="{}">{}</h2>{}').format(anchor, title, table)


def _record(one: Result) -> str:
    return f"{one['id']}: {one['label']}, {moment(one['at']).replace(' UTC', '')}"


def _groups(groups: Result) -> Markup | None:
    if not groups["n"]:
        return None
    said = (
        f"{plural(groups['n'], 'group')} of {number(groups['records'])} records are taken as one incident each: if "
        f"that is so, {number(groups['records'] - groups['n'])} records are there besides the first of an incident."
    )
    rows = [
        [number(len(of)), ", ".join(of[:8]) + (", ..." if len(of) > 8 else "")]
        for of in groups["largest"][:10]
    ]
    table = (
        Table(("Records", "Which"), rows, ("n", "words")).html("The largest groups") if rows else Markup("")
    )
    return Markup('<h2 id="groups">Groups</h2><p>{}</p>{}').format(said, table)


def _map(pairs: pd.DataFrame, records: pd.DataFrame, crs: str, areas: Areas | None) -> Markup | None:
    """Where the records are, of which there may be another."""
    if pairs.empty:
        return None
    sure = pairs[pairs["band"] == "same"]
    open_ = pairs[(pairs["band"] == "uncertain") & (pairs["id"] != "")]
    at = records[["x", "y"]]
    one, two = (at.loc[open_[end]].to_numpy(dtype=np.float64) for end in ("one", "two"))
    points = at.loc[pd.unique(pd.concat([sure["one"], sure["two"]]))].to_numpy(dtype=np.float64)
    every = np.concatenate((one, two, points))
    if not len(every):
        return None
    title = "Where records of the same incident are"
    desc = (
        f"A map of {plural(len(points), 'record')} that {'is' if len(points) == 1 else 'are'} taken as of the same "
        f"incident as another, as dots, and of {plural(len(open_), 'pair')} to look at, as lines."
    )
    drawing = spots_map(
        crs,
        (*every.min(axis=0).tolist(), *every.max(axis=0).tolist()),
        title=title,
        desc=desc,
        heading="Records",
        areas=areas,
        points=(points[:, 0], points[:, 1]) if len(points) else None,
        points_said="taken as the same incident as another",
        lines=np.column_stack((one, two)),
        lines_said="pair to look at",
    )
    return map_figure(
        title, drawing, "Where many dots lie together, a source may write incidents down twice."
    )


def _features(rows: Sequence[Result]) -> Markup | None:
    """What was learnt of records of the same incident, beside what chance puts within reach."""
    if not rows:
        return None
    said = [
        [
            str(row["feature"]).replace("_", " "),
            str(row["level"]),
            percent(row["same"]),
            percent(row["different"]),
            number(row["times"]),
        ]
        for row in rows
    ]
    columns = ("Feature", "How alike", "Of the same incident", "Of different ones", "Times as often")
    table = Table(columns, said, ("", "words", "n", "n", "n")).html("How alike pairs of records are")
    said_ = (
        "How different incidents look was learnt from the same records moved by whole weeks, which can't be of the "
        "same incident."
    )
    return Markup(
        "<details><summary>What speaks for the same incident</summary><p>{}</p>{}</details>"
    ).format(said_, table)
