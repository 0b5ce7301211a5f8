"""``peelian replay``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from peelian.cli.options import As, AsJson, Where
from peelian.cli.report import Bar, show
from peelian.errors import CheckError

__all__ = ["add_to"]

HERE = Path()


def add_to(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command("replay")(replay)


def replay(
    run: Annotated[str, typer.Argument(help="The id of a result, such as forecast-0004.")],
    workspace: Where = HERE,
    file: Annotated[Path | None, typer.Option(help="For an import: the file that was imported.")] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Make a result again from its record, and compare it byte by byte with what was stored."""
    from peelian.workspace.replay import replay as again
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = again(opened, run, file=file)
    show(done.to_dict(), _told(done.result), as_json=as_json)
    if not done.result["same"]:
        raise typer.Exit(CheckError.exit_code)


def _told(result: dict[str, Any]) -> str:
    lines = [result["text"]]
    for name, one in result["files"].items():
        mark = "same" if one["then"] == one["now"] else "DIFFERS"
        lines.append(f"  {mark:<8} {name:<24} {str(one['then'])[:16]}")
    for one in result["differences"][:8]:
        lines.append(f"  {one['where']}: {str(one['then'])[:60]} -> {str(one['now'])[:60]}")
    return "\n".join(lines)
