"""``peelian halt`` and ``peelian resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peelian.cli.options import As, AsJson, Where, read_reason
from peelian.cli.report import Bar, show
from peelian.errors import UsageError

__all__ = ["add_to"]

HERE = Path()


def add_to(app: typer.Typer) -> None:
    """Make them commands of `app`."""
    app.command("halt")(halt)
    app.command("resume")(resume)


def halt(
    workspace: Where = HERE,
    category: Annotated[
        str | None, typer.Option("--category", "-c", help="Halt what is about a category.")
    ] = None,
    method: Annotated[str | None, typer.Option(help="Halt a method, for every category.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Halt a source: its import, and what rests on it.")
    ] = None,
    system: Annotated[
        bool,
        typer.Option("--system", help="Halt all but verifying, overseeing, replaying and backing up."),
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, in words. Required.")] = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Stop a method, a source, a category or everything, at once; two people end that."""
    from peelian.workspace.halt import halt as run
    from peelian.workspace.halts import Kind
    from peelian.workspace.workspace import Workspace

    given: list[tuple[Kind, str]] = []
    if category is not None:
        given.append(("category", category))
    if method is not None:
        given.append(("method", method))
    if source is not None:
        given.append(("source", source))
    if system:
        given.append(("system", ""))
    if len(given) != 1:
        named = " and ".join(f"--{kind}" for kind, _ in given) or "nothing"
        msg = f"{named} was given to halt; expected one of --category, --method, --source, --system"
        raise UsageError(
            msg, hint="peelian halt --system --reason 'the import counted reports twice' --as overseer"
        )
    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(opened, *given[0], reason=read_reason(reason, to="halt"))
    text = f"{done.result['text']}\npeelian resume {done.run} ends it, when two people in different roles have agreed"
    show(done.to_dict(), text, as_json=as_json)


def resume(
    halted: Annotated[str, typer.Argument(metavar="HALT", help="The run id of a halt, such as halt-0012.")],
    workspace: Where = HERE,
    reason: Annotated[str, typer.Option(help="Why, in words. Required.")] = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Agree that a halt ends; it does when a second person in another role agrees, too."""
    from peelian.workspace.halt import resume as run
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(opened, halted, reason=read_reason(reason, to="resume"))
    show(done.to_dict(), done.result["text"], as_json=as_json)
