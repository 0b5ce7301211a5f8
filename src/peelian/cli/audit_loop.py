"""``peelian audit loop``: where learning from what was found by attending leads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from peelian.cli.options import As, AsJson, Category, Where
from peelian.cli.report import Bar

__all__ = ["add_to"]

HERE = Path()


def add_to(app: typer.Typer) -> None:
    """Add the command to those that audit."""
    app.command("loop")(loop)


def loop(
    category: Category,
    workspace: Where = HERE,
    discovery: Annotated[
        float | None,
        typer.Option(
            help=(
                "Of what residents don't report, the most that is recorded because somebody was there, 0 to 1. The "
                "records can't tell; without it there is no certificate."
            ),
            min=0,
            max=1,
        ),
    ] = None,
    reported: Annotated[
        float, typer.Option(help="The least share of incidents that residents report.", min=0.01, max=1)
    ] = 0.5,
    mislabelled: Annotated[
        float,
        typer.Option(
            help="The most of what was found that is recorded as if it were reported.", min=0, max=1
        ),
    ] = 0.1,
    moved: Annotated[
        float, typer.Option(help="The most places that trade their true rate in a year.", min=0, max=1)
    ] = 0.05,
    learner: Annotated[
        Literal["reported", "naive", "corrected", "explore", "holdout"],
        typer.Option(help="The way of learning that is audited; the others are told beside it."),
    ] = "reported",
    years: Annotated[int, typer.Option(help="How long.", min=1, max=20)] = 5,
    coverage: Annotated[
        float | None, typer.Option(help="Share of the cells that is attended (default: see peelian.toml).")
    ] = None,
    explore: Annotated[
        float, typer.Option(help="Share of visits at random, where that is the way.", min=0, max=0.9)
    ] = 0.1,
    holdout: Annotated[
        float, typer.Option(help="Share of chosen places left out at random, likewise.", min=0, max=0.9)
    ] = 0.1,
    attend: Annotated[
        Literal["first", "drawn"],
        typer.Option(help="The places with the most by the records, or drawn in proportion to them."),
    ] = "first",
    runs: Annotated[int, typer.Option(help="Simulated courses of each setting.", min=1, max=10_000)] = 200,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Simulate attending, finding and learning again for years: how far the chosen places drift."""
    from peelian.cli.audit import finish
    from peelian.workspace.audit_loop import audit_loop
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = audit_loop(
            opened,
            category,
            discovery=discovery,
            reported=reported,
            mislabelled=mislabelled,
            moved=moved,
            learner=learner,
            years=years,
            coverage=coverage,
            explore=explore,
            holdout=holdout,
            attend=attend,
            runs=runs,
        )
    assumed = [f"assumed: {one}" for one in done.result["certificate"]["assumptions"]]
    finish(
        done.result,
        page=opened.page(done.run, "audit_loop.html"),
        run=done.run,
        rows=assumed,
        as_json=as_json,
    )
