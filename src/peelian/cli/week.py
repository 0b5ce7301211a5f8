"""``peelian week``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from peelian.cli.options import As, AsJson, Where
from peelian.cli.report import Bar, show

__all__ = ["add_to"]

HERE = Path()


def add_to(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command("week")(week)


def week(
    workspace: Where = HERE,
    until: Annotated[
        str | None,
        typer.Option(help="The day after the week's last: YYYY-MM-DD (default: the end of the records)."),
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(
            "--category", "-c", help="Look at this one; may be repeated (default: the most frequent ones)."
        ),
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Put together what changed in a week, what is new, what did not come, and what is wrong with the data."""
    from peelian.workspace.week import week as look
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = look(opened, until=until, categories=category)
    show(done.to_dict(), _told(done.result, opened.page(done.run, "week.html")), as_json=as_json)


def _told(result: dict[str, Any], page: Path) -> str:
    lines = [f"the week from {result['week']['start']}: {result['sentence']}"]
    changes = result["changes"]
    for row in [] if changes is None else changes["rows"]:
        mark = "  <- stands out" if row["q"] <= 1 - changes["level"] else ""
        lines.append(
            f"  {row['what']:<24} {row['reported']:>6,} reported, {row['expected']:,.1f} expected "
            f"({row['low']:,.0f} to {row['high']:,.0f}){mark}"
        )
    for part in result["clusters"]:
        lines += [
            f"  cluster: {part['category']}, {one['observed']} reports around {one['where']}"
            for one in part["signals"]
        ]
    for one in result["hypotheses"]:
        sure = "" if one["probability"] is None else f" (probability {one['probability']:.2f})"
        lines.append(f"  series {one['id']}: {one['said']}{sure}")
    lines += [f"  did not come: {row['what']}" for row in result["not_come"]]
    lines += [f"note: {problem}" for problem in result["problems"]]
    return "\n".join([*lines, f"page: {page}"])
