"""``peelian audit data``: what the records are, what stands out, and what a manipulation would have set off."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peelian.cli.options import As, AsJson, Where
from peelian.cli.report import Bar

__all__ = ["add_to"]

HERE = Path()


def add_to(app: typer.Typer) -> None:
    """Add the command to those that audit."""
    app.command("data")(data)


def data(
    workspace: Where = HERE,
    category: Annotated[
        str | None,
        typer.Option(
            "--category",
            "-c",
            help="Whose forecasts are poisoned (default: the latest plan's or forecast's, or the most reported).",
        ),
    ] = None,
    poison: Annotated[
        bool, typer.Option(help="Plant manipulations in random places and see what would have been found.")
    ] = True,
    placements: Annotated[
        int, typer.Option(help="Random places for each kind of manipulation.", min=5, max=10_000)
    ] = 30,
    rate: Annotated[
        float, typer.Option(help="False-discovery rate of each look.", min=0.0001, max=0.5)
    ] = 0.05,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Look for what is wrong with the records: codes, delays, gaps, regularity, signs of manipulation."""
    from peelian.cli.audit import finish
    from peelian.workspace.audit_data import audit_data
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = audit_data(opened, category, poison=poison, placements=placements, rate=rate)
    finish(done.result, page=opened.page(done.run, "audit_data.html"), run=done.run, as_json=as_json)
