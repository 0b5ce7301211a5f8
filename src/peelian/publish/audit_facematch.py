"""The page of an audit of face matching: both denominators, groups, what can't be told, review, and what followed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from peelian.publish.audits import audit_page_of
from peelian.publish.charts import Bar, Table, bar_chart, chart_with_table, interval_chart
from peelian.publish.published_rates import published_page
from peelian.publish.words import day, interval, number, percent, plural, spread

__all__ = ["audit_facematch_page"]

Result = Mapping[str, Any]

ALL = "all"
MOST_BARS, MOST_ROWS = 16, 60

TITLES = {
    "false_positive_rate": (
        "False alerts for each 1,000 faces seen",
        1000.0,
        "false alerts for each 1,000 faces",
    ),
    "false_alert_share": ("Of 100 alerts, how many were false", 100.0, "% of alerts"),
    "false_negative_rate": (
        "Of 100 passages of seeded volunteers, how many were missed",
        100.0,
        "% of passages",
    ),
    "failure_to_acquire": (
        "Of 1,000 faces seen, of how many no template could be made",
        1000.0,
        "in 1,000 faces",
    ),
    "override_rate": ("Of 100 false alerts, how many reviewers turned down", 100.0, "% of false alerts"),
    "acted_on": (
        "Of 100 alerts, after how many somebody was stopped, searched or arrested",
        100.0,
        "% of alerts",
    ),
    "unbacked_share": (
        "Of 100 stops, searches and arrests, how many nothing independent backed",
        100.0,
        "% of stops, searches and arrests",
    ),
}
"""Rate, title, scale and unit, in the order of the page."""

HEADINGS = {
    "false_positive_rate": "How often it is wrong, and for whom",
    "false_negative_rate": "What it misses",
    "override_rate": "What reviewers and officers made of it",
}


def audit_facematch_page(result: Result, frame: pd.DataFrame, *, demonstration: bool = False) -> str:
    """The page of `peelian.workspace.audit_facematch`.

    Parameters
    ----------
    result : mapping
        As stored: ``kind`` is ``"log"`` or ``"rates"``.
    frame : pandas.DataFrame
        The table behind it: rates by group, or ratios by algorithm.
    demonstration : bool
    """
    if result["kind"] == "rates":
        return published_page(result, frame, demonstration=demonstration)
    parts: list[Markup | None] = []
    for rate in TITLES:
        if rate in HEADINGS:
            parts.append(Markup("<h2>{}</h2>").format(HEADINGS[rate]))
        parts.append(_rate(result, frame, rate))
    parts[1:1] = [_ratios(result)]
    parts += [_followed(result), _reviewers(result), _changes(result), _listed(result), _power(result)]
    parts.append(_intersections(frame))
    return audit_page_of(
        result,
        heading="Audit of face matching",
        sub=_sub(result),
        parts=parts,
        claimed=_claimed(),
        lines=[
            (
                "The log is another's. No face was matched here, and no image, template or name was read: what tells "
                "clusters apart was replaced by running numbers."
            )
        ],
        demonstration=demonstration,
    )


def _sub(result: Result) -> str:
    counts = result["counts"]
    seen = "faces seen not counted" if counts["seen"] is None else f"{plural(counts['seen'], 'face')} seen"
    said = f"{plural(counts['alerts'], 'alert')}, {seen}, {plural(counts['deployments'], 'deployment')}"
    if counts["from"]:
        said += f", from {day(counts['from'])} to {day(counts['to'])}"
    if counts["probes"]:
        said += f". {plural(counts['probes'], 'alert')} on seeded volunteers are set apart"
    if counts["without_token"]:
        said += f". {plural(counts['without_token'], 'alert has', 'alerts have')} no token and count as independent"
    return f"{said}."


def _claimed() -> list[tuple[str, str]]:
    return [
        (
            "False alerts per face seen (FPIR)",
            "Alerts that were adjudicated as false, for each face that was searched for. It is what passing by costs.",
        ),
        (
            "False alerts per alert",
            (
                "The same alerts, for each alert. It is what whoever acts on an alert must expect. It is high where "
                "few of those who pass are listed, however good the matching."
            ),
        ),
        (
            "Missed (FNIR)",
            (
                "Passages of seeded volunteers that set off no right alert, of all passages, those of which no "
                "template could be made among them. There is no other way to know: whoever is listed and passes "
                "unseen is in no log."
            ),
        ),
        (
            "Not acquired (FTA)",
            "Faces seen of which the system could make no template, so that it could match them with nothing.",
        ),
        (
            "Highest to lowest",
            (
                "The rate of the group with the most, divided by that of the group with the least, or by the "
                "geometric mean of all (ISO/IEC 19795-10; NISTIR 8280). With several groups it is above 1 even by "
                "chance; the interval allows for that."
            ),
        ),
        (
            "Intervals",
            (
                "They allow for alerts that come in clusters, by deployment and by token, and for alerts that nobody "
                "adjudicated: in favour at the lower end, against at the upper."
            ),
        ),
        (
            "The tables",
            (
                "A value takes what is not known to be like what is known, so that it is not always events divided by "
                "cases. The design effect is how many times fewer independent cases they are worth, since alerts come "
                "in clusters."
            ),
        ),
    ]


# --- rates ---------------------------------------------------------------------------------------------------


def _why(text: str, title: str) -> Markup:
    return Markup("<h3>{}</h3><p>{}</p>").format(title, text)


def _rate(result: Result, frame: pd.DataFrame, rate: str) -> Markup | None:
    """One rate of everyone and by each attribute; why there is none where there is none."""
    title, scale, unit = TITLES[rate]
    rows = frame[(frame["rate"] == rate) & ~frame["by"].str.contains(", ")]
    if rows.empty:
        return None
    if rows["value"].isna().all():
        return _why(str(rows["why"].iloc[0]), title)
    bars = [_bar(row, scale) for row in rows.head(MOST_BARS).to_dict("records")]
    ends = spread(result["level"])
    table = Table(
        ("Group", "Value", ends, "Events", "Cases", "Not known", "Design effect"),
        [_cells(row, scale) for row in rows.to_dict("records")],
        ("", "n", "n", "n", "n", "n", "n"),
    )
    drawing = bar_chart(
        bars,
        title=title,
        desc="; ".join(
            f"{bar.label}: {'no number' if bar.value is None else number(bar.value)}" for bar in bars
        ),
        unit=unit,
    )
    return chart_with_table(drawing, table, caption=title, note=f"Whiskers: {ends}.")


def _bar(row: Mapping[Any, Any], scale: float) -> Bar:
    label = "Everyone" if row["by"] == ALL else f"{row['group']} ({row['by'].replace('_', ' ')})"
    if pd.isna(row["value"]):
        return Bar(label, None, note="too few cases, or not estimable: see the table")
    return Bar(label, row["value"] * scale, row["low"] * scale, row["high"] * scale, strong=row["by"] == ALL)


def _cells(row: Mapping[Any, Any], scale: float) -> list[str]:
    label = "everyone" if row["by"] == ALL else str(row["group"])
    counts = [number(row[name]) for name in ("events", "cases", "unknown")]
    if pd.isna(row["value"]):
        return [label, "no number", str(row["why"]), *counts, ""]
    ends = interval(row["low"] * scale, row["high"] * scale)
    return [label, number(row["value"] * scale), ends, *counts, number(row["effect"], digits=1)]


def _ratios(result: Result) -> Markup | None:
    """The highest rate per face seen to the lowest, and to the geometric mean, for each way to tell groups apart."""
    found = [
        one
        for one in result["findings"]
        if one["id"].split("/")[0].startswith("false_positive_") and one["level"]
    ]
    found = [
        one for one in found if not one["id"].startswith("false_positive_rate") and one["low"] is not None
    ]
    if not found:
        return None
    bars, rows = [], []
    for one in found:
        ratio = one["id"].startswith("false_positive_ratio")
        by = str(one["details"]["by"]).replace("_", " ")
        top, bottom = (str(one["details"][end]) for end in ("highest", "lowest"))
        kind = f"{top} to {bottom}" if ratio else f"{top} to the geometric mean of all"
        high = one["high"] if one["high"] is not None else one["value"]
        value = one["value"] if one["value"] is not None else None
        note = f"at least {number(one['low'])}: none on {bottom}"
        bars.append(Bar(f"By {by}: {kind}", value, one["low"], high, note=note, strong=ratio))
        ends = f"{number(one['low'])} or more" if one["high"] is None else interval(one["low"], one["high"])
        rows.append(
            [
                f"By {by}, {'highest to lowest' if ratio else 'highest to geometric mean'}",
                top,
                bottom,
                "no number" if one["value"] is None else number(one["value"]),
                ends,
                _chance(one["details"]) if ratio else "",
            ]
        )
    title = "False alerts per face seen: the group with the most against the others"
    level = spread(result["level"])
    table = Table(
        ("Compared", "Most", "Least", "Ratio", level, "Chance alone, at most"),
        rows,
        ("", "", "", "n", "n", "n"),
    )
    drawing = interval_chart(
        bars,
        title=title,
        desc="; ".join(
            f"{bar.label}: {'no number' if bar.value is None else number(bar.value)}" for bar in bars
        ),
        unit="times",
        reference=1.0,
        reference_label="groups alike",
        ratio=True,
    )
    note = (
        f"Whiskers: {level} that holds for all groups at once. Chance alone: what groups that are treated alike "
        "would show, 95 times in 100."
    )
    return chart_with_table(drawing, table, caption=title, note=note)


def _chance(details: Mapping[str, Any]) -> str:
    """The most that chance alone would show; without end where a group may well have no false alert at all."""
    if "by_chance_most" not in details:
        return ""
    return "no upper end" if details["by_chance_most"] is None else number(details["by_chance_most"])


def _intersections(frame: pd.DataFrame) -> Markup | None:
    """Groups by more than one attribute."""
    rows = frame[
        frame["by"].str.contains(", ") & frame["rate"].isin(["false_positive_rate", "false_alert_share"])
    ]
    if rows.empty:
        return None
    cells = [
        [str(row["group"]), TITLES[row["rate"]][2], *_cells(row, TITLES[row["rate"]][1])[1:]]
        for row in rows.head(MOST_ROWS).to_dict("records")
    ]
    table = Table(
        ("Group", "What", "Value", "Interval", "Events", "Cases", "Not known", "Design effect"),
        cells,
        ("", "", "n", "n", "n", "n", "n", "n"),
    )
    more = (
        f" The first {MOST_ROWS} of {len(rows)} rows; the run's table has all."
        if len(rows) > MOST_ROWS
        else ""
    )
    return Markup("<h2>Intersections</h2><p>{}</p>{}").format(
        f"Whoever belongs to two groups can fare worse than either alone would tell.{more}",
        table.html("False alerts by more than one attribute"),
    )


# --- what became of alerts, and what changed -----------------------------------------------------------------


def _followed(result: Result) -> Markup | None:
    rows = result["followed"]
    if not rows or {row["followed"] for row in rows} == {"unknown"}:
        return _why("The log does not say what followed an alert.", "What followed")
    cells = [
        [row["followed"], *[number(row[truth]) for truth in ("true", "false", "unknown")]] for row in rows
    ]
    table = Table(
        ("What followed", "Right alerts", "False alerts", "Not adjudicated"), cells, ("", "n", "n", "n")
    )
    return Markup("<h3>What followed</h3>{}").format(
        table.html("Alerts by what followed and whether they were right")
    )


def _reviewers(result: Result) -> Markup | None:
    both = result["reviewers"]
    title = "Two reviewers"
    if both is None:
        return _why(
            "Agreement is not estimable: there are fewer than ten alerts on which two reviewers decided.",
            title,
        )
    cells = []
    for name, words in (("share", "Share that agrees"), ("kappa", "Cohen's kappa"), ("ac1", "Gwet's AC1")):
        value = both[name]
        ends = (
            "no interval" if value is None else interval(both[f"{name}_low"], both[f"{name}_high"], digits=2)
        )
        cells.append([words, "no number" if value is None else number(value, digits=2), ends])
    table = Table(("Agreement", "Value", spread(result["level"])), cells, ("", "n", "n"))
    return Markup("<h3>{}</h3>{}").format(
        title, table.html(f"{plural(both['cases'], 'alert')} on which two decided, of all reviewers together")
    )


def _changes(result: Result) -> Markup | None:
    rows = result["threshold_changes"]
    unsaid = _unordered(result)
    if not rows:
        return Markup("<h2>What was changed</h2><p>{}</p>").format(
            unsaid or "No change of the threshold is in the log; it may hold no thresholds at all."
        )
    cells = []
    for row in rows[:MOST_ROWS]:
        per = [
            "not known" if row[f"per_seen_{side}"] is None else number(1000 * row[f"per_seen_{side}"])
            for side in ("before", "after")
        ]
        ratio = "not known"
        if row["ratio"] is not None:
            ends = (
                f"{number(row['low'])} or more" if row["high"] is None else interval(row["low"], row["high"])
            )
            ratio = f"{number(row['ratio'])} ({ends})"
        cells.append(
            [
                day(row["day"]),
                f"{row['from']:g}",
                f"{row['to']:g}",
                *per,
                *[percent(row[f"per_alert_{side}"]) for side in ("before", "after")],
                ratio,
            ]
        )
    columns = (
        "From",
        "Old",
        "New",
        "In 1,000 faces, before",
        "after",
        "Of alerts, before",
        "after",
        f"Ratio per face ({spread(result['level'])})",
    )
    table = Table(columns, cells, ("", "n", "n", "n", "n", "n", "n", "n"))
    return Markup("<h2>What was changed</h2><p>{}</p>{}").format(
        f"Other things changed with the day too; the ratio is no proof of what the threshold did. {unsaid}".strip(),
        table.html("False alerts before and after each change of the threshold in force"),
    )


def _unordered(result: Result) -> str:
    """How many deployments are in no order, where the threshold differed; empty where all are."""
    found = next((one for one in result["findings"] if one["id"] == "threshold_change/all/undated"), None)
    if found is None:
        return ""
    n = plural(found["details"]["deployments"], "deployment")
    return f"The threshold was not always the same, and {n} had no day or shared it with another threshold."


def _listed(result: Result) -> Markup | None:
    growth, rows = result["list_growth"], result["list_composition"]
    if not growth:
        return _why("The log does not say how long the watch list is, nor who is on it.", "The watch list")
    said = _grown(result)
    dated = any(one["day"] for one in growth)
    cells = [
        [
            row["group"],
            row["by"].replace("_", " "),
            number(row["entries"]),
            percent(row["share"]),
            "" if row["seen_share"] is None else percent(row["seen_share"]),
            "" if row["ratio"] is None else number(row["ratio"]),
        ]
        for row in rows
    ]
    columns = ("Entries", "Told apart by", "Number", "Of the list", "Of faces seen", "Ratio")
    table = Table(columns, cells, ("", "", "n", "n", "n", "n"))
    return Markup("<h3>The watch list</h3><p>{}</p>{}").format(
        f"{said} It is counted and no sample: nothing here has an interval.",
        table.html(
            "Who is on the list on the last day"
            if dated
            else "Who is on the lists of all deployments together"
        ),
    )


def _grown(result: Result) -> str:
    """How long the watch list was on the first day and on the last, or why that is not known."""
    found = next((one for one in result["findings"] if one["id"] == "list_growth/all/entries"), None)
    if found is None:
        return f"It had {plural(result['list_growth'][0]['entries'], 'entry', 'entries')}."
    if found["value"] is None:
        return f"How it grew: {found['limits'][0][:1].lower()}{found['limits'][0][1:]}"
    held = found["details"]
    first, last = (f"{number(held[end])} entries on {day(held[f'{end}_day'])}" for end in ("first", "last"))
    undated = plural(held["undated"], "list has", "lists have")
    return f"It had {first} and {last}." + (
        f" {undated} no day and count in neither." if held["undated"] else ""
    )


def _power(result: Result) -> Markup | None:
    rows = result["power"]
    if not rows:
        return None
    what = "faces seen" if rows[0]["rate"] == "false_positive_rate" else "alerts"
    cells = [
        [
            "everyone" if row["by"] == ALL else row["group"],
            number(row["cases"]),
            number(row["worth"], digits=0),
            _small(row["none_allows"]),
            "" if row["needed"] is None else number(row["needed"], digits=0),
            "" if row["least_ratio"] is None else number(row["least_ratio"]),
        ]
        for row in rows
    ]
    columns = (
        "Group",
        what.capitalize(),
        "Worth, independent",
        "With no error, still up to",
        "Needed to see twice the rate",
        "Least ratio that would show",
    )
    table = Table(columns, cells, ("", "n", "n", "n", "n", "n"))
    return Markup("<h2>How strong a finding of nothing is</h2><p>{}</p>{}").format(
        "No error among 300 independent cases still allows a rate of 1.2 % (the upper end of the exact two-sided 95 % "
        "interval). Independent: what the cases are worth, as they come in clusters. The last two columns are for a "
        "power of 80 %: cases needed in each of two groups to tell twice a rate from it, and the least ratio to the "
        "largest group that these cases would show, had nothing been unknown.",
        table.html("What so many cases can show"),
    )


def _small(share: float) -> str:
    return percent(share, digits=1) if share >= 0.0095 else f"{number(1e5 * share)} in 100,000"
