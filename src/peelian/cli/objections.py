"""``object``, ``answer`` and ``objections``: what people say against a decision, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from peelian.cli.options import As, AsJson, Where, read_reason
from peelian.cli.report import show

__all__ = ["add_to"]

group = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    help="List objections to decisions, the overdue first; erase what somebody wrote.",
)

HERE = Path()
Decision = Annotated[
    str | None,
    typer.Argument(
        help="A decision's run id, or its plan's; the latest decision if not given.", metavar="[DECISION]"
    ),
]


def add_to(app: typer.Typer) -> None:
    """Give an app these commands."""
    app.command("object")(object_)
    app.command("answer")(answer)
    app.add_typer(group, name="objections")


def object_(
    decision: Decision = None,
    workspace: Where = HERE,
    text: Annotated[str, typer.Option(help="The objection, in their words. Required; sealed.")] = "",
    contact: Annotated[str | None, typer.Option(help="Whom to answer; nobody has to say. Sealed.")] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Object to a decision. Anybody may, also with --as public."""
    from peelian.workspace.objections import object_to
    from peelian.workspace.workspace import Workspace

    done = object_to(Workspace(workspace, role=role), decision, text=text, contact=contact)
    said = f"{done.run}: an objection to {done.result['decision']}, to be answered by {done.result['due_at'][:10]}"
    show(done.to_dict(), said, as_json=as_json)


def answer(
    objection: Annotated[str, typer.Argument(help="The objection's run id.", metavar="OBJECTION")],
    workspace: Where = HERE,
    text: Annotated[str, typer.Option(help="The answer, in words. Required; sealed.")] = "",
    outcome: Annotated[str, typer.Option(help="upheld, partly or rejected. Required.")] = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Answer an objection; whoever took the decision can't."""
    from peelian.workspace.objections import answer as run
    from peelian.workspace.workspace import Workspace

    done = run(Workspace(workspace, role=role), objection, text=text, outcome=outcome)
    result = done.result
    lines = [f"{result['objection']} is answered by the {result['role']}: {result['outcome']}"]
    if result["outcome"] != "rejected":
        lines.append(f"next: peelian withdraw {result['decision']} --reason '...', if it is to stand no more")
    show(done.to_dict(), "\n".join(lines), as_json=as_json)


@group.callback()
def objections(
    context: typer.Context, workspace: Where = HERE, role: As = None, as_json: AsJson = False
) -> None:
    """List objections to decisions, the overdue first; erase what somebody wrote."""
    if context.invoked_subcommand is None:
        list_(workspace=workspace, role=role, as_json=as_json)


@group.command("list")
def list_(
    decision: Annotated[
        str | None, typer.Option(help="Only those to this decision: its run id, or its plan's.")
    ] = None,
    workspace: Where = HERE,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """List objections, the overdue first. The words are for those who may answer them."""
    from peelian.workspace.objections import objections as read
    from peelian.workspace.workspace import Workspace

    found = read(Workspace(workspace, role=role), decision)
    show({"objections": found}, "\n".join(map(_told, found)) or "there is no objection", as_json=as_json)


@group.command("erase")
def erase(
    objection: Annotated[str, typer.Argument(help="The objection's run id.", metavar="OBJECTION")],
    workspace: Where = HERE,
    reason: Annotated[str, typer.Option(help="Why, in words. Required.")] = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Erase what somebody wrote, whom to answer, and the answer; that there was an objection stays."""
    from peelian.workspace.objections import erase_objection
    from peelian.workspace.workspace import Workspace

    done = erase_objection(Workspace(workspace, role=role), objection, reason=read_reason(reason, to="erase"))
    said = f"the words of {done.result['objection']} are erased: the keys of {len(done.result['erased'])} sealed texts"
    show(done.to_dict(), said, as_json=as_json)


def _told(one: dict[str, Any]) -> str:
    state = one["outcome"] or f"{one['state']}, due {one['due_at'][:10]}"
    lines = [f"{one['objection']} to {one['decision']}, {one['at'][:10]}: {state}"]
    if one["erased"]:
        return f"{lines[0]} (erased)"
    for name in ("text", "contact", "answer"):
        if one[name]:
            lines.append(f"  {name}: {one[name]}")
    return "\n".join(lines)
