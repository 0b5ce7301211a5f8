"""``oversight``: what the overseer should look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from peelian.cli.options import As, AsJson, Where
from peelian.cli.report import Bar, show

__all__ = ["add_to"]

HERE = Path()


def add_to(app: typer.Typer) -> None:
    """Give an app this command."""
    app.command("oversight")(oversight)


def oversight(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """Show what the overseer should look at: signs of haste, what is overdue, halted, suspended or proposed."""
    from peelian.workspace.oversight import oversight as run
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(opened)
    page = opened.page(done.run, "oversight.html")
    show({**done.to_dict(), "page": str(page)}, _told(done.result, page), as_json=as_json)


def _told(result: dict[str, Any], page: Path) -> str:
    lines: list[str] = []
    for sign in result["signs"]:
        if f"{sign['title']}:" not in lines:
            lines += [f"{sign['title']}:", f"  why: {sign['why']}"]
        lines += [f"  - {sign['what']} (since {sign['since'][:10]})", f"    to do: {sign['todo']}"]
    if not lines:
        lines = ["there is nothing to look at now"]
    lines += [f"note: {limit}" for limit in result["limits"]]
    if result["left_out"]:
        lines.append(f"not shown to the {result['role']}: {'; '.join(result['left_out'])}")
    return "\n".join([*lines, f"page: {page}"])
