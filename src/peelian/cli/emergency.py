"""``peelian emergency``: break the glass for some hours, and look at it afterwards."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from peelian.cli.options import As, AsJson, Where, read_reason
from peelian.cli.report import show

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="For some hours, let one person do what their role may not; the overseer is told, and reviews it.",
)

HERE = Path()
Reason = Annotated[str, typer.Option(help="Why, in words. Required.")]


@app.command("begin")
def begin(
    to: Annotated[
        str, typer.Option(help="What you need to do, such as forecast,plan: actions with commas between.")
    ],
    hours: Annotated[float, typer.Option(help="For how many hours.")],
    reason: Reason = "",
    workspace: Where = HERE,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Announce an emergency: for some hours you may do what is named. The hard rules hold all the same."""
    from peelian.workspace.emergency import begin_emergency
    from peelian.workspace.workspace import Workspace

    said = read_reason(reason, to="begin it")
    done = begin_emergency(Workspace(workspace, role=role), to=to.split(","), hours=hours, reason=said)
    show(done.to_dict(), f"{done.run}\n{_wrap(done.result['text'])}", as_json=as_json)


@app.command("end")
def end(
    emergency: Annotated[
        str | None, typer.Argument(metavar="[EMERGENCY]", help="Its id; your own if not given.")
    ] = None,
    workspace: Where = HERE,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """End an emergency before its time: your own, or any as an overseer."""
    from peelian.workspace.emergency import end_emergency
    from peelian.workspace.workspace import Workspace

    done = end_emergency(Workspace(workspace, role=role), emergency)
    show(done.to_dict(), _wrap(done.result["text"]), as_json=as_json)


@app.command("review")
def review(
    emergency: Annotated[str, typer.Argument(metavar="EMERGENCY", help="Its id.")],
    finding: Annotated[
        str, typer.Option(help="justified, exceeded (more was done than needed) or unjustified.")
    ],
    reason: Reason = "",
    workspace: Where = HERE,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Say whether an emergency that is over was needed. Until then its role decides and publishes nothing."""
    from peelian.workspace.emergency import review_emergency
    from peelian.workspace.workspace import Workspace

    said = read_reason(reason, to="review it")
    done = review_emergency(Workspace(workspace, role=role), emergency, finding=finding, reason=said)
    show(done.to_dict(), _wrap(done.result["text"]), as_json=as_json)


@app.command("list")
def list_(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """List the emergencies, what was done under each, and what the overseer found."""
    from peelian.workspace.emergencies import emergencies
    from peelian.workspace.workspace import Workspace

    opened = Workspace(workspace, role=role)
    opened.require("status", {"kind": "workspace"})
    found = emergencies(opened)
    show({"emergencies": found}, _listed(found), as_json=as_json)


def _wrap(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 100, initial_indent=indent, subsequent_indent=indent)


def _listed(found: list[dict[str, Any]]) -> str:
    from peelian.workspace.emergencies import said

    if not found:
        return "no emergency was announced yet"
    lines = []
    for one in found:
        lines.append(_wrap(f"{said(one)} ({one['state']})"))
        lines.append(f"    made under it: {', '.join(one['made_under']) or 'nothing'}")
        if one["review"]:
            review = one["review"]
            lines.append(_wrap(f"{review['finding']}, says the {review['role']}: {review['reason']}", "    "))
    return "\n".join(lines)
