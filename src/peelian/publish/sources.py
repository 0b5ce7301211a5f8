"""What was read and what is wrong with it, for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish.charts import Table
from peelian.publish.words import day, number, plural
from peelian.records.report import REASONS

__all__ = ["category_name", "imports_table", "imports_totals", "label", "quarantine_reasons"]

Result = Mapping[str, Any]


def label(slug: Any) -> str:
    """A stored name as words: ``"motor_vehicle_theft"`` is ``"motor vehicle theft"``."""
    return str(slug).replace("_", " ").strip()


def category_name(category: str) -> str:
    """A category as it starts a sentence."""
    said = label(category)
    return said[:1].upper() + said[1:]


def imports_totals(imports: Sequence[Result]) -> dict[str, int]:
    """Rows over all files: read, stored, and what became of the others."""
    keys = ("rows_in", "stored", "duplicates", "corrections", "quarantined")
    return {key: sum(int(report.get(key) or 0) for report in imports) for key in keys}


def quarantine_reasons(imports: Sequence[Result]) -> dict[str, int]:
    """Rows set aside over all files, by reason in words, most first."""
    found: dict[str, int] = {}
    for report in imports:
        for slug, n in (report.get("quarantined_by_reason") or {}).items():
            name = REASONS.get(str(slug), label(slug))
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


def quality_rows(quality: Result | None) -> list[Result]:
    """The checks of a quality result, whatever name holds them; none without a result."""
    if quality is None:
        return []
    for held in (quality.get("checks"), quality.get("rows"), quality.get("frame")):
        if isinstance(held, Sequence) and not isinstance(held, str):
            return list(held)
    return []


def to_look_at(quality: Result | None, *, most: int = 8) -> list[str]:
    """The checks that ask for a look, in sentences."""
    found = []
    for row in quality_rows(quality):
        if str(row.get("flag")) != "look":
            continue
        unit = f" {row['unit']}" if row.get("unit") else ""
        note = f". {row['note']}" if row.get("note") else ""
        what = f"{category_name(row['check'])}, {label(row.get('subject') or 'all')}"
        found.append(f"{what}: {number(row.get('value'))}{unit}{note}")
    rest = len(found) - most
    return (
        found if rest <= 0 else [*found[:most], f"and {plural(rest, 'more check')} on the page about quality"]
    )
