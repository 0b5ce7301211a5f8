"""``peelian people``: who may act in which role."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from peelian.cli.options import As, AsJson, Where, read_reason
from peelian.cli.report import show
from peelian.errors import UsageError

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Say who may act in which role.")

HERE = Path()
Who = Annotated[str, typer.Argument(help="A person's id, as peelian people list shows it.")]
Reason = Annotated[str, typer.Option(help="Why, in words. Required.")]


@app.command("add")
def add(
    name: Annotated[str, typer.Option(help="What colleagues know the person by; kept sealed.")],
    may: Annotated[
        list[str], typer.Option("--role", help="A role that the person may act in; may be repeated.")
    ],
    workspace: Where = HERE,
    token_file: Annotated[
        Path | None,
        typer.Option(help="Put the token into this new file, which only you may open, and don't print it."),
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Register somebody and print their token, once. The first to be registered is a steward."""
    from peelian.workspace.people import add_person
    from peelian.workspace.workspace import Workspace

    opened = Workspace(workspace, role=role)
    with _only_mine(token_file) as file:
        done = add_person(opened, name, roles=may).to_dict()
        if file is not None:
            file.write(f"{done.pop('token')}\n")
    shown = "" if file is not None else f"\n  {done['token']}\n"
    where = f"Their token is in {token_file}, and" if file is not None else "This token is shown now and"
    text = (
        f"{name} may act as {' or '.join(done['roles'])} (id {done['person']})\n{shown}"
        f"{where} nowhere else. Hand it to that person alone; they put it into PEELIAN_TOKEN."
    )
    show(done, text, as_json=as_json)


@contextmanager
def _only_mine(path: Path | None) -> Iterator[TextIO | None]:
    """A new file of mode 600, which is gone again if nothing comes of it."""
    if path is None:
        yield None
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        msg = f"{path} was given for the token, and there is such a file"
        raise UsageError(msg, hint="name a file that doesn't exist yet") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


@app.command("list")
def list_(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """List who is and was registered; names are shown to the steward and the overseer."""
    from peelian.workspace.people import people
    from peelian.workspace.workspace import Workspace

    opened = Workspace(workspace, role=role)
    opened.require("oversee" if opened.role != "steward" else "people", {"kind": "workspace"})
    found = people(opened)
    show({"people": found}, _listed(found), as_json=as_json)


@app.command("end")
def end(
    person: Who, workspace: Where = HERE, reason: Reason = "", role: As = None, as_json: AsJson = False
) -> None:
    """Take all roles from somebody; what they did stays theirs."""
    from peelian.workspace.people import end_person
    from peelian.workspace.workspace import Workspace

    said = read_reason(reason, to="end it")
    done = end_person(Workspace(workspace, role=role), person, reason=said)
    show(
        done.to_dict(), f"{person} may no longer act here; their token is worth nothing now", as_json=as_json
    )


@app.command("erase")
def erase(
    person: Who, workspace: Where = HERE, reason: Reason = "", role: As = None, as_json: AsJson = False
) -> None:
    """Erase who somebody was, after their roles were ended. The ledger and its proofs stay."""
    from peelian.workspace.people import erase_person
    from peelian.workspace.workspace import Workspace

    said = read_reason(reason, to="erase it")
    done = erase_person(Workspace(workspace, role=role), person, reason=said)
    notes = done.result["notes_erased"]
    text = f"the name and {notes} sealed {'note' if notes == 1 else 'notes'} are erased; no entry changed"
    show(done.to_dict(), text, as_json=as_json)


def _listed(found: list[dict[str, Any]]) -> str:
    if not found:
        return (
            "nobody is registered: whoever can write to this folder claims a role with --as\n"
            "peelian people add --name NAME --role steward --as steward changes that"
        )
    lines = []
    for one in found:
        state = f"ended {one['ended'][:10]}" if one["ended"] else " or ".join(one["roles"])
        lines.append(f"{one['person']:<20} {one['name'] or '(name not shown)':<28} {state}")
    return "\n".join(lines)
