"""``peelian audit forecast``: for whom forecasts were wrong, and what another rule would have done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peelian.cli.options import As, AsJson, Category, Where
from peelian.cli.report import Bar

__all__ = ["add_to"]

HERE = Path()

SHOWN = 6
"""Findings that are printed; the page has all."""


def add_to(app: typer.Typer) -> None:
    """Add the command to those that audit."""
    app.command("forecast")(forecast)


def forecast(
    category: Category,
    workspace: Where = HERE,
    origins: Annotated[
        int | None,
        typer.Option(help="How many of the latest periods (default: see peelian.toml).", min=2, max=1000),
    ] = None,
    period: Annotated[
        str | None, typer.Option(help="Length of a period, such as 1w (default: see peelian.toml).")
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(help="Share of the area that is picked, such as 0.01 (default: see peelian.toml)."),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="Another method than the one in use.", metavar="NAME")
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Measure for whom forecasts of past periods were wrong, by group, beside other ways to pick places."""
    from peelian.cli.audit import finish
    from peelian.workspace.audit_forecast import audit_forecast
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = audit_forecast(
            opened, category, origins=origins, period=period, coverage=coverage, method=method
        )
    findings = done.result["findings"]
    rows = [one["sentence"] for one in findings[:SHOWN]]
    if len(findings) > SHOWN:
        rows.append(f"... and {len(findings) - SHOWN} more (--json, or the page)")
    finish(
        done.result,
        page=opened.page(done.run, "audit_forecast.html"),
        run=done.run,
        rows=rows,
        as_json=as_json,
    )
