"""The page of published rates of face matching: how far they differ between groups, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from peelian.publish.audits import audit_page_of
from peelian.publish.charts import Bar, Table, chart_with_table, interval_chart
from peelian.publish.words import interval, number, percent, plural

__all__ = ["published_page"]

Result = Mapping[str, Any]

MOST_BARS, MOST_ROWS = 16, 60


def published_page(result: Result, frame: pd.DataFrame, *, demonstration: bool = False) -> str:
    """The page of an audit of published rates; parameters as of `peelian.publish.audit_facematch`."""
    one = result["summary"]
    groups = [str(g) for g in result["groups"]]
    return audit_page_of(
        result,
        heading="Audit of published rates of face matching",
        sub=f"{plural(one['algorithms'], 'row')}, {plural(len(groups), 'group')}: {', '.join(groups)}.",
        parts=[_named(result), _highest(result), _algorithms(frame, groups)],
        claimed=[
            (
                "Highest to lowest",
                (
                    "A row's highest rate across groups, divided by its lowest; and by the geometric mean of all "
                    "(ISO/IEC 19795-10; NISTIR 8280)."
                ),
            ),
            (
                "Interval of a row",
                f"Of rounding alone: rates are printed to a multiple of {result['rounded']:g}.",
            ),
            *_names(groups),
        ],
        demonstration=demonstration,
    )


_NIST = {"MB": "men recorded as Black", "FB": "women recorded as Black"}
_NIST |= {"MW": "men recorded as White", "FW": "women recorded as White"}


def _names(groups: list[str]) -> list[tuple[str, str]]:
    """What NIST's names of groups mean, where the table has them."""
    known = [(g, _NIST.get(g.partition("_")[0]), _NIST.get(g.partition("_")[2])) for g in groups]
    if not all(a and b for _, a, b in known):
        return []
    said = [f"{g}: {a}" if a == b else f"{g}: {a} against {b}" for g, a, b in known]
    return [("Groups", "By NIST's names, images of two different subjects, " + "; ".join(said) + ".")]


def _named(result: Result) -> Markup | None:
    found = [
        one
        for one in result["findings"]
        if one["id"].startswith("false_positive_ratio/")
        and one["details"].get("name")
        and one["value"] is not None
    ]
    if not found:
        return None
    bars = [
        Bar(one["details"]["name"], one["value"], one["low"], one["high"] or one["value"], strong=False)
        for one in found[:MOST_BARS]
    ]
    rows = [
        [
            one["details"]["name"],
            number(one["value"]),
            interval(one["low"], one["high"]),
            one["details"]["highest"],
            one["details"]["lowest"],
        ]
        for one in found
    ]
    title = "Highest to lowest rate across groups"
    threshold = next((one["threshold"] for one in found if one["threshold"]), None)
    drawing = interval_chart(
        bars,
        title=title,
        desc="; ".join(f"{bar.label}: {number(bar.value)}" for bar in bars),
        unit="times",
        reference=1.0,
        reference_label="groups alike",
        mark=None if threshold is None else (threshold["value"], f"the threshold of {threshold['value']:g}"),
        ratio=True,
    )
    table = Table(("Row", "Ratio", "Rounding", "Highest", "Lowest"), rows, ("", "n", "n", "", ""))
    note = "The rows with the least and the largest ratios, unless some were asked for by name."
    return chart_with_table(drawing, table, caption=title, note=note)


def _highest(result: Result) -> Markup:
    one = result["summary"]
    rows = [
        [group, number(n), percent(n / one["algorithms"])]
        for group, n in sorted(one["highest"].items(), key=lambda item: (-item[1], item[0]))
    ]
    return Table(("Group", "Rows", "Share"), rows, ("", "n", "n")).html(
        "Which group has the highest rate, how often"
    )


def _algorithms(frame: pd.DataFrame, groups: list[str]) -> Markup:
    held = (
        frame
        if len(frame) <= MOST_ROWS
        else pd.concat([frame.head(MOST_ROWS // 2), frame.tail(MOST_ROWS // 2)])
    )
    rows = [
        [
            str(row["name"]),
            *[f"{row[g]:g}" for g in groups],
            "no number" if pd.isna(row["ratio"]) else number(row["ratio"]),
            "no number" if pd.isna(row["spread"]) else number(row["spread"]),
        ]
        for row in held.to_dict("records")
    ]
    table = Table(
        ("Row", *groups, "Highest to lowest", "To geometric mean"), rows, ("", *["n"] * (len(groups) + 2))
    )
    more = (
        ""
        if len(held) == len(frame)
        else f" The {len(held)} at the ends of {len(frame)}; the run's table has all."
    )
    return Markup("<h2>Rows</h2><p>{}</p>{}").format(
        f"Ordered by ratio.{more}", table.html("Rates and ratios")
    )
