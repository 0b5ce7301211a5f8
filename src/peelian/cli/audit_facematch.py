"""``peelian audit facematch``: how often somebody else's face matching is wrong, for whom, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from peelian.cli.options import As, AsJson, Where
from peelian.cli.report import Bar

__all__ = ["add_to"]

HERE = Path()
SHOWN = 12
"""Findings that are printed; the page and the result have all."""

File = Path | None


def add_to(app: typer.Typer) -> None:
    """Add the command to those that audit."""
    app.command("facematch")(facematch)


def facematch(
    alerts: Annotated[
        File, typer.Option(help="Log of alerts, CSV or Parquet: deployment, truth, and other listed columns.")
    ] = None,
    deployments: Annotated[
        File, typer.Option(help="Faces seen by deployment and group: deployment, seen, threshold...")
    ] = None,
    probes: Annotated[
        File, typer.Option(help="Passages of seeded volunteers: deployment, found, and their groups.")
    ] = None,
    watch_list: Annotated[
        File, typer.Option(help="Length of the watch list: deployment, entries, list_category and groups.")
    ] = None,
    rates: Annotated[
        File, typer.Option(help="Instead of a log, a table of published rates: one column a group.")
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(help="Of published rates: the columns to compare, with commas between (default: all)."),
    ] = None,
    row: Annotated[
        list[str] | None,
        typer.Option(help="Of published rates: a row (an algorithm) to tell of; may be repeated."),
    ] = None,
    level: Annotated[float, typer.Option(help="Of the intervals.", min=0.5, max=0.999)] = 0.95,
    page: Annotated[
        File, typer.Option(help="Write the page here too; without a workspace it is kept nowhere else.")
    ] = None,
    workspace: Where = HERE,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Audit the log of an agency that matches faces; images, templates and names are refused."""
    from peelian.cli.audit import finish, standing
    from peelian.workspace.audit_facematch import audit_facematch, facematch_of_files
    from peelian.workspace.workspace import Workspace

    asked: dict[str, Any] = {
        "alerts": alerts,
        "deployments": deployments,
        "probes": probes,
        "watch_list": watch_list,
        "rates": rates,
        "groups": [name.strip() for name in (groups or "").split(",") if name.strip()],
        "rows": row or [],
        "level": level,
    }
    if not standing(workspace):
        result, text = facematch_of_files(**asked)
        if page is not None:
            page.write_text(text, encoding="utf-8")
        finish(result, page=page, rows=_rows(result), as_json=as_json)
        return
    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = audit_facematch(opened, **asked)
    kept = opened.page(done.run, "audit_facematch.html")
    if page is not None:
        page.write_text(kept.read_text(encoding="utf-8"), encoding="utf-8")
    finish(done.result, page=page or kept, run=done.run, rows=_rows(done.result), as_json=as_json)


def _rows(result: dict[str, Any]) -> list[str]:
    """The first findings, and those beyond a threshold."""
    found = result["findings"]
    told = [one for i, one in enumerate(found) if i < SHOWN or one["passes"] is False]
    more = len(found) - len(told)
    rows = [one["sentence"] for one in told]
    return [*rows, f"and {more} more findings on the page and in the result"] if more else rows
