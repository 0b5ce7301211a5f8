"""What was read and what is wrong with it, for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish.charts import Table
from peelian.publish.words import day, number, percent, plural
from peelian.records.report import REASONS

__all__ = ["category_name", "check_value", "imports_table", "imports_totals", "label", "quarantine_reasons"]

Result = Mapping[str, Any]

PLAIN_REASONS: Mapping[str, str] = {
    "malformed_row": "the row is broken",
    "no_time": "no date or time that we can read",
    "too_old": "a date too long ago to be right",
    "future": "a date after the day we read it",
    "from_after_to": "it ends before it starts",
    "occurred_after_reported": "it was reported before it took place",
    "no_place": "no place that we can read",
    "outside_crs": "a place far off the map",
    "outside_study_area": "a place outside our area",
    "correction_without_row": "it takes back a report that we don't have",
}
"""Why rows are set aside, for a reader who knows nothing of files."""


def label(slug: Any) -> str:
    """A stored name as words: ``"motor_vehicle_theft"`` is ``"motor vehicle theft"``."""
    return str(slug).replace("_", " ").strip()


def category_name(category: str) -> str:
    """A category as it starts a sentence."""
    said = label(category)
    return said[:1].upper() + said[1:]


def imports_totals(imports: Sequence[Result]) -> dict[str, int]:
    """Rows over all files: read, stored, and what became of the others.

    ``rows_in`` is the sum of the four that follow it. ``cancelled_earlier`` are stored rows taken back later.
    """
    keys = ("rows_in", "stored", "duplicates", "corrections", "quarantined", "cancelled_earlier")
    return {key: sum(int(report.get(key) or 0) for report in imports) for key in keys}


def quarantine_reasons(imports: Sequence[Result], *, plain: bool = False) -> dict[str, int]:
    """Rows set aside over all files, by reason in words (`plain`: a public page's), most first."""
    words = PLAIN_REASONS if plain else REASONS
    found: dict[str, int] = {}
    for report in imports:
        for slug, n in (report.get("quarantined_by_reason") or {}).items():
            name = words.get(str(slug), label(slug))
            found[name] = found.get(name, 0) + int(n)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def imports_table(imports: Sequence[Result]) -> Markup:
    """One row a file: what came in and what became of it."""
    rows = []
    for report in imports:
        name = str(report.get("file") or report.get("file_name") or report.get("source") or "file")
        counts = [
            number(int(report.get(k) or 0))
            for k in ("rows_in", "stored", "duplicates", "corrections", "quarantined")
        ]
        first, last = (report.get(k) for k in ("first_occurred", "last_occurred"))
        span = f"{day(first)} to {day(last)}" if first and last else "not known"
        rows.append([name, *counts, span])
    columns = ("File", "Rows", "Stored", "Duplicates", "Corrections", "Set aside", "Occurred")
    return Table(columns, rows, ("", "n", "n", "n", "n", "n", "")).html(
        "What was read, and what became of it"
    )


def warnings_of(imports: Sequence[Result]) -> list[str]:
    """What the readers warned of, each once."""
    return list(dict.fromkeys(str(w) for report in imports for w in report.get("warnings") or ()))


def check_value(row: Result, key: str = "value") -> str:
    """The number of a check with its unit; a share as a percentage, nothing where there is none."""
    value, unit = row.get(key), str(row.get("unit") or "")
    if value is None:
        return ""
    if unit == "share":
        return percent(value)
    return f"{number(value)} {unit}".strip()


def to_look_at(quality: Result | None, *, most: int = 8) -> list[str]:
    """The checks that ask for a look, in sentences."""
    rows = [row for row in (quality or {}).get("checks", ()) if str(row.get("flag")) == "look"]
    said = []
    for row in rows[:most]:
        expected = (
            f", where {check_value(row, 'expected')} would be expected"
            if row.get("expected") is not None
            else ""
        )
        note = f" ({row['note']})" if row.get("note") else ""
        what = f"{category_name(row['check'])}, {label(row.get('subject') or 'all')}"
        said.append(f"{what}: {check_value(row)}{expected}{note}.")
    if len(rows) > most:
        said.append(f"And {plural(len(rows) - most, 'more check')}, on the page about quality.")
    return said
