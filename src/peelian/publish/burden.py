"""Whom a plan reaches, for a page: exposure by group, as ratios beside other ways to spend the same hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from peelian.publish.charts import Bar, Table, chart_with_table, interval_chart
from peelian.publish.words import number, spread, unsure

__all__ = ["Burden", "burden_of"]

Result = Mapping[str, Any]

MAPS = {
    "plan": "This plan",
    "counting": "Counting, under the same rules",
    "last_year_map": "As much area, by last year's reports",
    "equal_coverage": "The same hours everywhere",
    "by_population": "Hours by number of residents",
}
RATIO = "exposure_ratio"
NO_INTERVAL = "no interval"


@dataclass(frozen=True)
class Burden:
    """What is known about exposure by group.

    Parameters
    ----------
    why_not : str
        Why nothing is known; empty when something is.
    figures : tuple of Markup
        One a group: its ratio to the reference group under each way to spend the hours.
    sentences : tuple of str
        The plan's ratio for each group in words, with its interval.
    limits : tuple of str
        What the numbers can't tell.
    table : Markup
        Everything that was found.
    facts : tuple of (str, str, str)
        Group, the plan's ratio and its interval, for a summary; a very wide one is said to be very unsure.
    spread : str
        What those intervals are called, with their level.
    """

    why_not: str = ""
    figures: tuple[Markup, ...] = ()
    sentences: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    table: Markup = field(default_factory=Markup)
    facts: tuple[tuple[str, str, str], ...] = ()
    spread: str = "interval"


def _number(value: Any) -> str:
    """A ratio or an exposure with two decimals, more only where it would be next to 0."""
    return number(value, digits=2 if abs(float(value)) >= 0.095 or value == 0 else None)


def _parts(finding: Result) -> tuple[str, str, str]:
    """Measure, map and group of a finding, from its id (``"exposure_ratio/plan/black"``)."""
    parts = [*str(finding.get("id", "")).split("/", 2), "", ""]
    return parts[0], parts[1], parts[2]


def _ends(finding: Result) -> str:
    low, high = finding.get("low"), finding.get("high")
    if low is None and high is None:
        return NO_INTERVAL
    if high is None:
        return f"{_number(low)} or more"
    if low is None:
        return f"{_number(high)} or less"
    return f"{_number(low)} to {_number(high)}"


def _spread(findings: Sequence[Result]) -> str:
    """What the intervals are called, with their level where all have the same."""
    levels = {f.get("level") for f in findings}
    said = spread(levels.pop() if len(levels) == 1 else None)
    return said[:1].upper() + said[1:]


def _reference(audit: Result, ratios: list[Result]) -> str:
    for finding in ratios:
        named = (finding.get("details") or {}).get("reference")
        if named:
            return str(named)
    return str(audit.get("reference") or "the reference group")


def _sentence(finding: Result, group: str, reference: str) -> str:
    value = finding.get("value")
    if value is None:
        why = (finding.get("limits") or ["it can't be measured"])[0]
        return f"{group}: no ratio. {why}"
    hours = "about one hour" if 0.95 <= float(value) <= 1.05 else f"{_number(value)} hours"
    return (
        f"For each hour that the plan puts where the average {reference} resident lives, it puts {hours} where the "
        f"average {group} resident lives ({spread(finding.get('level'))} {_ends(finding)})."
    )


def _chart(group: str, reference: str, found: list[tuple[str, Result]], *, plain: bool) -> Markup:
    rows = []
    for name, finding in found:
        value = finding.get("value")
        why = "" if value is not None else (finding.get("limits") or ["not measurable"])[0]
        low, high = finding.get("low"), finding.get("high")
        if value is not None and (low is None) != (high is None):
            low, high = (0.0 if low is None else low), (float("inf") if high is None else high)
        rows.append(Bar(MAPS.get(name, name), value, low, high, note=why, strong=name == "plan"))
    there = f"for each hour where the average {reference} resident lives"
    title = f"Hours where the average {group} resident lives, {there}"
    said = "; ".join(
        f"{MAPS.get(n, n)}: {_number(f['value'])} ({_ends(f)})"
        for n, f in found
        if f.get("value") is not None
    )
    drawing = interval_chart(
        rows,
        title=title,
        desc=f"Ratio of mean hours per resident. {said}.",
        unit="ratio (right of the line: more hours)" if plain else "exposure ratio, logarithmic",
        reference=1.0,
        reference_label="the same",
        ratio=True,
    )
    filled = [
        (MAPS.get(n, n), _number(f["value"]) if f.get("value") is not None else "no number", _ends(f))
        for n, f in found
    ]
    table = Table(
        ("Way to spend the same hours", "Ratio", _spread([f for _, f in found])), filled, ("", "n", "n")
    )
    note = "The dot is the best estimate; the line, how far the number would move with other data like these."
    return chart_with_table(drawing, table, caption=title, note=note)


def burden_of(audit: Result | None, *, plain: bool = False) -> Burden:
    """Lay out an exposure audit.

    Parameters
    ----------
    audit : mapping, optional
        `ExposureAudit.to_dict()`; ``measured`` false with ``why_not`` where there was nothing to measure.
    plain : bool
        In the words of a public page.
    """
    if audit is None:
        return Burden(why_not="Nobody has measured yet whom this plan reaches.")
    findings = list(audit.get("findings", ()))
    if audit.get("measured") is False or not findings:
        why = str(audit.get("why_not") or "the audit found nothing to measure")
        return Burden(why_not=why[:1].upper() + why[1:].rstrip(".") + ".")
    ratios = [f for f in findings if _parts(f)[0] == RATIO]
    reference = _reference(audit, ratios)
    groups: dict[str, list[tuple[str, Result]]] = {}
    for finding in ratios:
        _, name, group = _parts(finding)
        groups.setdefault(str((finding.get("details") or {}).get("group") or group), []).append(
            (name, finding)
        )
    order = list(MAPS)
    figures, sentences, facts = [], [], []
    for group, found in groups.items():
        found.sort(key=lambda item: order.index(item[0]) if item[0] in order else len(order))
        figures.append(_chart(group, reference, found, plain=plain))
        for name, finding in found:
            if name == "plan":
                sentences.append(_sentence(finding, group, reference))
                value = finding.get("value")
                facts.append(
                    (
                        f"{group} to {reference}",
                        _number(value) if value is not None else "no number",
                        _ends(finding) + unsure(finding.get("low"), finding.get("high")),
                    )
                )
    limits = list(dict.fromkeys(str(limit) for f in findings for limit in f.get("limits") or ()))
    table = findings_table(findings)
    said = _spread(ratios)
    name = said[:1].lower() + said[1:]
    return Burden("", tuple(figures), tuple(sentences), tuple(limits), table, tuple(facts), name)


def findings_table(findings: list[Result]) -> Markup:
    """Every finding: what, of whom, how much, how sure, and what the threshold says."""
    rows = []
    for f in findings:
        value = _number(f["value"]) if f.get("value") is not None else "no number"
        unit = f" {f['unit']}" if f.get("unit") and f.get("value") is not None else ""
        threshold = f.get("threshold")
        bound = (
            "none set"
            if not threshold
            else f"{_number(threshold['value'])}, by {threshold['set_by']} on {threshold['set_at']}"
        )
        verdict = "" if f.get("passes") is None else "within" if f["passes"] else "beyond"
        rows.append(
            (
                f"{f['measure']}: {f['subject']}",
                value + unit,
                _ends(f),
                f"{bound}{f' ({verdict})' if verdict else ''}",
            )
        )
    table = Table(("What was measured", "Value", _spread(findings), "Threshold"), rows, ("", "n", "n", ""))
    return table.html("Everything that the audit found")
