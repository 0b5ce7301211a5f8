"""``peelian ledger``: check and read the append-only ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peelian.cli import render, witness
from peelian.cli.options import As, AsJson, Where, read_reason
from peelian.cli.report import Bar, show

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Check and read the append-only ledger.")
witness.add_to(app)

HERE = Path()


@app.command("verify")
def ledger_verify(
    workspace: Where = HERE,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|SIZE:ROOT",
            help="Only what is newer than a checkpoint that you kept, or than this root.",
        ),
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Recompute every hash from the bytes on disk, and say what was changed if anything was."""
    from peelian.workspace.ledger import verify_ledger
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        found = verify_ledger(Workspace(workspace, role=role, progress=bar), since=since)
    show(found, render.verified(found), as_json=as_json)


@app.command("prove")
def ledger_prove(
    entry: Annotated[
        str | None,
        typer.Argument(metavar="[ENTRY]", help="Its number, or the id of its run.", show_default=False),
    ] = None,
    workspace: Where = HERE,
    out: Annotated[Path | None, typer.Option(help="The file to write (default: ENTRY.tlog-proof).")] = None,
    check: Annotated[Path | None, typer.Option(help="Check this proof instead of making one.")] = None,
    vkey: Annotated[
        str | None, typer.Option(help="Check it against this key (default: the ledger's).")
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Write a file that shows anyone that an entry is in the ledger, or check one."""
    from peelian.cli.proofs import checked, written
    from peelian.workspace.workspace import Workspace

    opened = Workspace(workspace, role=role)
    if check is not None:
        checked(opened, check, entry=entry, vkey=vkey, as_json=as_json)
    else:
        written(opened, entry, out=out, as_json=as_json)


@app.command("verifier")
def ledger_verifier() -> None:
    """Print a program that checks a ledger or a proof and needs nothing of Peelian."""
    from importlib import resources

    print((resources.files("peelian.charter") / "verifier.py").read_text(encoding="utf-8"), end="")


@app.command("rotate")
def ledger_rotate(
    workspace: Where = HERE,
    reason: Annotated[str, typer.Option(help="Why the key is changed.")] = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Change the ledger's key: the old one names the new one, and can sign nothing afterwards."""
    from peelian.workspace.proofs import rotate
    from peelian.workspace.workspace import Workspace

    outcome = rotate(
        Workspace(workspace, role=role), reason=read_reason(reason, to="change the ledger's key")
    )
    new = outcome.result["new_vkey"]
    text = f"ledger: the key was changed ({outcome.run})\n  publish the new one beside the old: {new}"
    show(outcome.to_dict(), text, as_json=as_json)


@app.command("show")
def ledgershow(
    workspace: Where = HERE,
    last: Annotated[int, typer.Option(help="How many of the latest entries.", min=1)] = 20,
    who: Annotated[bool, typer.Option("--who", help="Open who acted; for the overseer.")] = False,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """List the latest entries."""
    from peelian.workspace.ledger import entries
    from peelian.workspace.people import who_acted
    from peelian.workspace.workspace import Workspace

    opened = Workspace(workspace, role=role)
    found = entries(opened, last=last)
    if who:
        names = who_acted(opened, found)
        found = [{**entry, "by": names.get(entry["id"])} for entry in found]
    show({"entries": found}, render.entries(found), as_json=as_json)
