"""Results as plain text for people. Each function takes what a use case gave back; none computes anything."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "audit",
    "decided",
    "demo",
    "drift",
    "entries",
    "forecast",
    "imported",
    "made",
    "plan",
    "published",
    "quality",
    "status",
    "suspended",
    "trial",
    "verified",
]

WIDTH = 100


def _wrap(text: str, indent: str = "  ") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _n(n: int, one: str, many: str | None = None) -> str:
    """How many of something: ``"1 report"``, ``"1,234 reports"``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]], indent: str = "  ") -> str:
    """Columns as wide as their widest cell; numbers to the right."""
    body = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *body]) for i in range(len(header))]
    numeric = [all(line[i][:1] in "-+0123456789<" for line in body if line[i]) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        parts = [c.rjust(w) if n else c.ljust(w) for c, w, n in zip(cells, widths, numeric, strict=True)]
        return (indent + "  ".join(parts)).rstrip()

    return "\n".join([line(list(header)), line(["-" * w for w in widths]), *(line(row) for row in body)])


def made(folder: Path, result: dict[str, Any]) -> str:
    """After ``init``."""
    crs = result["crs"] or "chosen by the first import"
    zone = result["zone"] or "the zone of the first import"
    lines = [f"made the workspace {folder}: CRS {crs}, cells of {result['cell_m']:g} m, times in {zone}"]
    lines += [_wrap(note) for note in result["notes"]]
    return "\n".join([*lines, f"next: peelian import FILE --workspace {folder}"])


def imported(result: dict[str, Any]) -> str:
    """After ``import``: every row accounted for, as far as the role may see it."""
    if "withheld" in result:
        parts = " + ".join(
            f"{result[part]} {part}" for part in ("stored", "duplicates", "corrections", "quarantined")
        )
        rows = f"  {result['rows_in']} rows = {parts}"
        return "\n".join([f"{result['file']} read as {result['source']}", rows, _wrap(result["withheld"])])
    lines = [
        f"{result['file']} read as {result['source']}, places in {result['crs']}, times in {result['zone']}",
        (
            f"  {result['rows_in']:,} rows = {result['stored']:,} stored + {result['duplicates']:,} duplicates "
            f"+ {result['corrections']:,} corrections + {result['quarantined']:,} quarantined"
        ),
    ]
    for reason, n in sorted(result["quarantined_by_reason"].items(), key=lambda item: -item[1]):
        lines.append(f"    quarantined: {n:,} {reason.replace('_', ' ')}")
    if result["identical_rows"]:
        lines.append(
            _wrap(
                f"{result['identical_rows']:,} stored rows are identical to another one of the file; they are kept"
            )
        )
    if result["dropped_columns"]:
        lines.append(_wrap("columns dropped at the door: " + ", ".join(result["dropped_columns"])))
    if result["unmapped"]:
        worst = sorted(result["unmapped"].items(), key=lambda item: -item[1])
        shown = ", ".join(f"{label} ({n:,})" for label, n in worst[:8])
        more = f", and {len(worst) - 8} more" if len(worst) > 8 else ""
        lines.append(_wrap(f"labels kept as 'other': {shown}{more}"))
    lines += [_wrap("note: " + warning) for warning in result["warnings"]]
    return "\n".join(lines)


def quality(result: dict[str, Any], page: Path) -> str:
    """After ``quality``."""
    rows = [row for row in result["checks"] if row["flag"] == "look"]
    lines = [f"{len(result['checks'])} checks, {len(rows)} to look at"]
    lines += [_wrap(f"- {row['check']}, {row['subject']}: {row['note']}") for row in rows]
    return "\n".join([*lines, f"page: {page}"])


def _number(value: float | None, form: str) -> str:
    return "none" if value is None else format(value, form)


def _with_interval(score: dict[str, Any], form: str) -> str:
    value, low, high = (_number(score[key], form) for key in ("value", "low", "high"))
    return f"{value} (no interval)" if "none" in (low, high) else f"{value} ({low} to {high})"


def trial(result: dict[str, Any], page: Path) -> str:
    """After ``trial``: the verdict first."""
    verdict = result["verdict"]
    methods = sorted(result["methods"], key=lambda m: (m["name"] != result["baseline"], -_height(m)))
    rows = [_scored(m["name"], m["scores"], _less(m, result["baseline"])) for m in methods]
    rows.append(_scored("(future known)", result["hindsight"]["scores"], ""))
    every = [m["scores"]["crps"]["value"] for m in methods] + [result["hindsight"]["scores"]["crps"]["value"]]
    rows = [(*row, said) for row, said in zip(rows, _alike(every), strict=True)]
    lines = [
        f"verdict: {verdict['status']}; the workspace uses {verdict['method']}",
        _wrap(verdict["text"]),
        (
            f"  {_n(result['origins'], 'period')} from {result['from']} to {result['to']}, "
            f"{_n(result['events'], 'report')}, {_n(result['cells'], 'cell')}; top {verdict['fraction']:.2%} of the "
            "area:"
        ),
        _table(("method", "hit rate (95 %)", "PAI", "difference (95 %)", "log skill", "CRPS"), rows),
        _wrap(
            f"difference: in PAI, from the best of counting, {result['baseline']}; future known: counts of the periods "
            "before and after each one, no forecast but how much room there is"
        ),
    ]
    lines += [_wrap("note: " + note) for note in result.get("notes", ())]
    return "\n".join([*lines, f"page: {page}"])


def _alike(values: Sequence[float | None], digits: int = 4) -> list[str]:
    """A column of numbers, all with as many decimals as the smallest takes for so many significant digits."""
    sizes = [abs(v) for v in values if v]
    decimals = max(digits - 1 - math.floor(math.log10(min(sizes))), 0) if sizes else 0
    return [_number(value, f".{decimals}f") for value in values]


def _height(method: dict[str, Any]) -> float:
    value = method["scores"]["pai"]["value"]
    return -1.0 if value is None else float(value)


def _scored(name: str, scores: dict[str, Any], difference: str) -> tuple[str, ...]:
    return (
        name,
        _with_interval(scores["hit_rate"], ".1%"),
        _number(scores["pai"]["value"], ".2f"),
        difference,
        _number(scores["log_skill"]["value"], "+.3f"),
    )


def _less(method: dict[str, Any], baseline: str) -> str:
    found = method["versus_counts"].get("pai")
    if method["name"] == baseline or found is None or found["difference"] is None:
        return "the measure" if method["name"] == baseline else ""
    ends = (found["low"], found["high"])
    return f"{found['difference']:+.2f}" + ("" if None in ends else f" ({ends[0]:+.2f} to {ends[1]:+.2f})")


def forecast(result: dict[str, Any], page: Path) -> str:
    """After ``forecast``."""
    from peelian.publish.results import recent_words

    period = result["period"]
    return "\n".join(
        [
            (
                f"{result['expected']:.1f} reports of {result['category']} expected from {period['start']} up to "
                f"{period['end']} ({result['low']} to {result['high']}, {result['level']:.0%}) "
                f"in {_n(result['cells'], 'cell')}"
            ),
            *(_wrap(line) for line in recent_words(result)),
            _wrap(f"method: {result['method']} ({result['why_this_method']})"),
            *(_wrap("note: " + note) for note in result["notes"]),
            f"page: {page}",
            "next: peelian plan",
        ]
    )


def drift(result: dict[str, Any], page: Path | None) -> str:
    """After ``drift``: what it says of the method, then the latest periods."""
    if page is None:
        return str(result["text"])
    lines = [
        f"{result['status']}: {result['method']} beside {result['baseline']}, {result['from']} to {result['to']}",
        _wrap(result["text"]),
        f"  the sum of what it lacked is {result['path'][-1]:.2f} standard deviations, the limit {result['limit']:.2f}",
        f"page: {page}",
    ]
    if result["status"] != "level":
        lines.append(
            f"next: peelian forecast --category '{result['category']}' (by counting); peelian lift is for the "
            "commander or the overseer"
        )
    return "\n".join(lines)


def suspended(result: dict[str, Any]) -> str:
    """After ``suspend`` and ``lift``."""
    category = result["category"]
    return "\n".join(
        [
            _wrap(result["text"], ""),
            _wrap(f"reason: {result['reason']}"),
            f"next: peelian forecast --category '{category}'",
        ]
    )


def plan(run: str, result: dict[str, Any]) -> str:
    """After ``plan``: each place with its reason and an option that is not patrol."""
    lines = [f"{run}: {_extent(result)}", *_places(result["places"])]
    lines += [_wrap("note: " + note) for note in result["notes"]]
    return "\n".join([*lines, f"next: peelian audit plan {run}"])


def _extent(result: dict[str, Any]) -> str:
    covered = result["covered"]
    return (
        f"{_n(len(result['places']), 'place')}, {result['hours_used']:g} of {result['unit_hours']:g} unit-hours, "
        f"{covered['share_of_expected']:.1%} of the expected reports in {covered['share_of_area']:.2%} of the area"
    )


def _places(places: Sequence[dict[str, Any]], most: int = 10) -> list[str]:
    lines = []
    for place in places[:most]:
        where = f" ({place['area_name']})" if place["area_name"] else ""
        lines.append(_wrap(f"{place['rank']}. {place['cell']}{where}: {place['reason']}"))
        options = ", ".join(option["title"] for option in place["options"][:3])
        lines.append(_wrap(f"beside patrol: {options}", "     "))
    if len(places) > most:
        lines.append(f"  ... and {len(places) - most} more (--json, or the bulletin)")
    return lines


def audit(result: dict[str, Any], page: Path | None) -> str:
    """After ``audit``."""
    if not result["measured"]:
        return f"not measured: {result['why_not']}"
    lines = ["exposure by group (hours of presence in their own cell, per resident):"]
    ratios = [f for f in result["findings"] if f["measure"] == "exposure ratio"]
    lines += [_wrap("- " + finding["sentence"]) for finding in ratios]
    lines += [_wrap("- " + sentence) for sentence in (result.get("spread") or {}).get("sentences", ())[:2]]
    lines += [_wrap("- " + sentence) for sentence in (result.get("checks") or {}).get("sentences", ())]
    lines += [_wrap(f"note: {note}") for note in result.get("notes") or ()]
    if page is not None:
        lines.append(f"page: {page}")
    return "\n".join(lines)


def decided(result: dict[str, Any]) -> str:
    """After ``decide``."""
    decision = result["decision"]
    lines = [
        f"{decision['subject']} is {decision['state']} by the {decision['role']}, {decision['decided_at']}",
        _wrap(f"reason: {decision['reason']}"),
    ]
    if decision["state"] in ("approved", "amended"):
        lines += [f"  in force until {decision['expires_at']}", "next: peelian publish"]
    return "\n".join(lines)


def published(index: Path, bulletin: Path) -> str:
    """After ``publish``."""
    return f"public page: {index}\nbulletin:    {bulletin}"


def verified(result: dict[str, Any]) -> str:
    """After ``ledger verify``."""
    lines = [f"ledger: verified, {_n(result['entries'], 'entry', 'entries')}"]
    lines.append(f"  {result['origin']}, root {result['root_hash']}")
    if result["since"] is not None:
        lines.append(
            f"  begins with the {_n(result['since'], 'entry', 'entries')} that you kept; only newer ones were hashed"
        )
    if result["keys_changed"]:
        lines.append(
            f"  its key was changed {_n(result['keys_changed'], 'time', 'times')}, each time by the one before"
        )
    lines.append(
        f"  {result['files_checked']} stored files match their entries, {result['record_files_checked']} record files "
        "the last import"
    )
    if result["entries_waiting"]:
        lines.append(f"  {result['entries_waiting']} entries wait to be written")
    if result.get("witnesses"):
        names = ", ".join(seen["witness"] for seen in result["witnesses"])
        line = f"  {names} saw it with {_n(result['entries_witnessed'], 'entry', 'entries')}"
        since = result["entries_not_witnessed"]
        lines.append(line + (f"; {since:,} came since: peelian ledger cosign" if since else ""))
    return "\n".join(lines)


def entries(found: Sequence[dict[str, Any]]) -> str:
    """After ``ledger show``; with who acted where that was asked for."""
    who = any("by" in e for e in found)
    heads = ("no.", "at", "kind", "role", *(("by",) if who else ()), "subject")
    rows = [
        (e["index"], e["at"], e["kind"], e["actor"], *((e["by"] or "-",) if who else ()), e["subject"])
        for e in found
    ]
    return _table(heads, rows)


def status(found: dict[str, Any]) -> str:
    """After ``status``."""
    lines = [
        (
            f"{found['agency']}: {_counted(found['incidents'])} incidents, CRS {found['crs'] or 'not chosen yet'}, "
            f"cells of {found['cell_m']:g} m, times in {found['zone']}"
        )
    ]
    if found["categories"]:
        rows = [
            (c["category"], f"{c['incidents']:,}", c["first"][:10], c["last"][:10])
            for c in found["categories"]
        ]
        lines.append(_table(("category", "incidents", "first", "last"), rows))
    for verb, row in found["latest"].items():
        lines.append(f"  last {verb}: {row['id']} at {row['at']} by the {row['role']} ({row['state']})")
    for one in found["halted"]:
        what = "everything" if one["kind"] == "system" else f"the {one['kind']} {one['label']}"
        lines.append(
            _wrap(f"halted: {what}, since {one['at'][:16]} by {one['run'] or 'a request'}: {one['reason']}")
        )
    for held in found["suspended"]:
        lines.append(
            _wrap(
                f"suspended: {held['method']} for {held['category']}, since {held['at'][:10]} by {held['run']}; it is "
                "forecast by counting until a person lifts that"
            )
        )
    if found["retention"]["overdue"]:
        last = found["retention"]["last"]
        ran = "never ran" if last is None else f"last ran on {last[:10]}"
        what = ", ".join(found["retention"]["overdue"])
        lines.append(_wrap(f"kept too long: {what}; peelian retain {ran}"))
    for one in found["emergencies"]:
        lines.append(_wrap(f"emergency: {one['text']} ({one['state']})"))
    if found["policy"]["changed"]:
        lines.append(_wrap(f"rules: {found['policy']['changed']}"))
    for state in ("proposed", "approved"):
        if found["policy"][state]:
            lines.append(f"  change of the rules {state}: {', '.join(found['policy'][state])}")
    if found["decisions"]["to_review"]:
        lines.append(f"to review: {', '.join(found['decisions']['to_review'])}")
    open_ones = found["objections"]["open"]
    if open_ones:
        overdue = found["objections"]["overdue"]
        lines.append(
            f"objections to answer: {open_ones}" + (f", {overdue} of them overdue" if overdue else "")
        )
    return "\n".join([*lines, f"next: {found['next']}"])


def _counted(n: int | str) -> str:
    return n if isinstance(n, str) else f"{n:,}"


def demo(result: dict[str, Any]) -> str:
    """After ``demo``: the whole loop on one screen."""
    folder = Path(result["workspace"])

    def page(step: str, name: str) -> Path:
        return folder / "runs" / str(result[step]["run"]) / name

    decision = result["decision"]["decision"]
    checks = result["quality"]["checks"]
    looks = sum(row["flag"] == "look" for row in checks)
    checked = f"  {looks} of {len(checks)} checks to look at\npage: {page('quality', 'quality.html')}"
    parts = [
        ("What was imported", imported(result["imported"])),
        ("What is odd with the records", checked),
        ("Does forecasting beat counting?", trial(result["trial"], page("trial", "trial.html"))),
        (
            "The forecast",
            forecast(result["forecast"], page("forecast", "forecast.html")).rpartition("\nnext:")[0],
        ),
        ("The plan", "\n".join([_extent(result["plan"]), *_places(result["plan"]["places"], 3)])),
        ("Whom it burdens", audit(result["audit"], page("audit", "audit.html"))),
        (
            "Who decided",
            f"{decision['state']} in the role of {decision['role']} (a demonstration: no person decided)\n"
            + _wrap(f"reason: {decision['reason']}"),
        ),
        (
            "Where the pages are",
            published(Path(result["published"]["index"]), page("published", "bulletin.html")),
        ),
    ]
    blocks = [f"{title}\n{'=' * len(title)}\n{text}" for title, text in parts]
    return "\n\n".join([*blocks, verified(result["ledger"]).splitlines()[0]])
