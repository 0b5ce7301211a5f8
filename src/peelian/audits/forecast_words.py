"""What an audit of a forecast says in sentences; the first stands alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peelian.audits.alternatives import METHOD
from peelian.audits.finding import Finding
from peelian.audits.forecast_findings import PROVEN, Judged
from peelian.audits.rule_table import RuleTable
from peelian.audits.words import in_words, listed, told

__all__ = ["sentences_of"]


def sentences_of(judged: Judged, city: Mapping[str, Any], table: RuleTable, *, level: float) -> list[str]:
    """Headline, what stands out, the whole city, and the rules side by side."""
    return [
        _headline(judged, level),
        *_strength(judged),
        *_whole(city, level),
        *_rules(table, level),
    ]


def _compared(judged: Judged) -> list[Finding]:
    """Comparisons that were corrected for their number."""
    return [
        one
        for one in judged.findings
        if "comparisons" in one.details and one.details["p_adjusted"] is not None
    ]


def _headline(judged: Judged, level: float) -> str:
    compared = _compared(judged)
    if not compared:
        return "Nothing could be compared between areas: there is too little to compare."
    n = judged.comparisons
    if not judged.stand_out:
        return (
            f"None of {n} comparisons of the forecast's error between groups' areas stands out from chance, corrected "
            "for their number."
        )
    stand_out = (
        f"{judged.stand_out} of {n} comparisons of the forecast's error between groups' areas stand out from chance, "
        "corrected for their number"
    )
    first = compared[0]
    group = in_words(str(first.details["group"]))
    if first.id != f"observed_expected_ratio/{METHOD}/{first.details['group']}" or first.value is None:
        return f"{stand_out}. Most clearly: {first.sentence()}"
    high, low = (told(first.details[end]) for end in ("value_highest", "value_lowest"))
    return (
        f"Where the share of {group} residents is highest, {told(first.value)} times as many reports came for each "
        f"expected one as where it is lowest{_interval(first.low, first.high, level)}: {high} against {low}. "
        f"{stand_out}."
    )


def _interval(low: float | None, high: float | None, level: float, *, scale: float = 1.0) -> str:
    """An interval in brackets; nothing where an end is missing."""
    if low is None or high is None or low != low or high != high:
        return ""
    return f" ({level * 100:g} % interval {told(scale * low)} to {told(scale * high)})"


def _strength(judged: Judged) -> list[str]:
    """How strong a nothing is: what difference would have been found."""
    found = [
        one
        for one in _compared(judged)
        if one.id.startswith("observed_expected_ratio/") and "/residents/" not in one.id
    ]
    quiet = [
        one
        for one in found
        if one.details["p_adjusted"] > PROVEN and one.details.get("detectable") is not None
    ]
    if not quiet:
        return []
    parts = [f"{told(one.details['detectable'])} for {in_words(one.details['group'])}" for one in quiet]
    could = (
        "What these reports could have shown, 8 times of 10 and before the correction: a ratio of reports per "
        f"expected report, where a group's share is highest against where it is lowest, of {listed(parts)} or more "
        "(or as far below 1)."
    )
    return [could]


def _whole(city: Mapping[str, Any], level: float) -> list[str]:
    value, low, high = (city[f"observed_expected{end}"] for end in ("", "_low", "_high"))
    head = f"In the whole city {city['reports']:,} reports came in {city['periods']} periods and "
    said = f"{head}{city['expected']:,.0f} were expected."
    if value is not None and low is not None and high is not None:
        said = f"{said[:-1]}: {told(value)} for each expected one{_interval(low, high, level)}."
    if city["coverage"] is None:
        return [said]
    inside, right = 100 * city["coverage"], 100 * city["coverage_expected"]
    return [said, f"Of the places' counts {inside:.1f} % lay in their interval; {right:.1f} % should have."]


def _rules(table: RuleTable, level: float) -> list[str]:
    """What another rule would have done with as much area."""
    rows = {str(row["rule"]): row for row in table.frame.to_dict("records")}
    used = rows.pop("method")
    others = []
    for name, row in rows.items():
        gain = table.gains[name].made
        sure = gain.low is not None and gain.high is not None and (gain.low > 0 or gain.high < 0)
        apart = "" if sure else " (not to be told apart)"
        others.append(f"{row['title']} {100 * row['hit_rate']:.1f} %{apart}")
    held = (
        f"With {100 * used['area_share']:.2g} % of the area picked, the method held {100 * used['hit_rate']:.1f} % of "
        f"the reports{_interval(used['hit_rate_low'], used['hit_rate_high'], level, scale=100)}; {listed(others)}."
    )
    return [held, *_exposed(used, rows, level)]


def _exposed(used: Mapping[Any, Any], rows: Mapping[str, Mapping[Any, Any]], level: float) -> list[str]:
    said = []
    for key in (str(key) for key in used):
        if not key.startswith("ratio/") or key.endswith(("_low", "_high")) or used[key] != used[key]:
            continue
        known = [f"{row['title']} {told(row[key])}" for row in rows.values() if row[key] == row[key]]
        if not known:
            continue
        group = in_words(key.removeprefix("ratio/"))
        said.append(
            f"The place of the average {group} resident was picked {told(used[key])} times as often as that of the "
            f"reference group's{_interval(used[f'{key}_low'], used[f'{key}_high'], level)}; with {listed(known)}."
        )
    return said
