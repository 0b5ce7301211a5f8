"""``peelian ledger``: check and read the append-only ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peelian.cli import render, witness
from peelian.cli.options import As, AsJson, Where
from peelian.cli.report import Bar, show

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Check and read the append-only ledger.")
witness.add_to(app)

HERE = Path()


@app.command("verify")
def ledger_verify(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """Recompute every hash from the bytes on disk, and say what was changed if anything was."""
    from peelian.workspace.ledger import verify_ledger
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        found = verify_ledger(Workspace(workspace, role=role, progress=bar))
    show(found, render.verified(found), as_json=as_json)


@app.command("show")
def ledgershow(
    workspace: Where = HERE,
    last: Annotated[int, typer.Option(help="How many of the latest entries.", min=1)] = 20,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """List the latest entries."""
    from peelian.workspace.ledger import entries
    from peelian.workspace.workspace import Workspace

    found = entries(Workspace(workspace, role=role), last=last)
    show({"entries": found}, render.entries(found), as_json=as_json)
