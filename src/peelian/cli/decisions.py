"""The life of a plan: ``propose``, ``look``, ``decide``, ``dissent``, ``withdraw``, ``attend`` and ``review``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from peelian.cli import render
from peelian.cli.options import As, AsJson, Where, read_reason
from peelian.cli.report import Bar, show
from peelian.errors import UsageError

__all__ = ["add_to"]

HERE = Path()

Plan = Annotated[
    str | None, typer.Argument(help="A plan's run id; the latest if not given.", metavar="[PLAN]")
]
Decision = Annotated[
    str | None,
    typer.Argument(
        help="A decision's run id, or its plan's; the latest decision if not given.", metavar="[DECISION]"
    ),
]
Reason = Annotated[str, typer.Option(help="Why, in words. Required.")]
Remove = Annotated[list[str] | None, typer.Option(help="A place (cell) to take out; may be repeated.")]
Add = Annotated[list[str] | None, typer.Option(help="A place (cell) to put in; may be repeated.")]


def add_to(app: typer.Typer) -> None:
    """Give an app these commands."""
    for name, command in (
        ("propose", propose),
        ("look", look),
        ("decide", decide),
        ("dissent", dissent),
        ("withdraw", withdraw),
        ("attend", attend),
        ("review", review),
    ):
        app.command(name)(command)


def propose(
    plan: Plan = None,
    workspace: Where = HERE,
    reason: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Put a draft forward, so that it can be decided on."""
    from peelian.workspace.propose import propose as run
    from peelian.workspace.workspace import Workspace

    done = run(Workspace(workspace, role=role), plan, reason=reason)
    name = done.result["plan"]
    text = f"{name} is proposed\nnext: peelian audit plan {name}, then peelian look {name} --as commander"
    show(done.to_dict(), text, as_json=as_json)


def look(
    plan: Plan = None,
    workspace: Where = HERE,
    remove: Remove = None,
    add: Add = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Make the page that a plan is decided on, and keep when it was looked at."""
    from peelian.workspace.look import PAGE
    from peelian.workspace.look import look as run
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(opened, plan, remove=remove or (), add=add or ())
    page, name = opened.page(done.run, PAGE), done.result["plan"]
    text = (
        f"{name}, as it would be decided on\npage: {page}\n"
        f"next: peelian decide {name} --approve (or --amend, --refuse) --reason '...'"
    )
    show({**done.to_dict(), "page": str(page)}, text, as_json=as_json)


def decide(
    plan: Plan = None,
    workspace: Where = HERE,
    approve: Annotated[bool, typer.Option("--approve", help="Approve the plan as it is.")] = False,
    amend: Annotated[bool, typer.Option("--amend", help="Approve it with places removed or added.")] = False,
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse the plan.")] = False,
    reason: Reason = "",
    remove: Remove = None,
    add: Add = None,
    dissent: Annotated[str | None, typer.Option(help="A view that differs, kept with the decision.")] = None,
    begins: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="When an approval begins: YYYY-MM-DD, YYYY-MM-DDTHH:MM, or period (default: at once).",
        ),
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Approve, amend or refuse a plan, with a reason."""
    from peelian.workspace.decide import decide as run
    from peelian.workspace.workspace import Workspace

    chosen = [name for name, given in (("approve", approve), ("amend", amend), ("refuse", refuse)) if given]
    if len(chosen) != 1:
        given = " and ".join(f"--{name}" for name in chosen) or "no decision"
        msg = f"{given} was given; expected one of --approve, --amend, --refuse"
        raise UsageError(
            msg, hint="peelian decide --refuse --reason 'the budget is needed elsewhere' --as commander"
        )
    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(
            opened,
            chosen[0],
            reason=read_reason(reason, to="decide"),
            plan=plan,
            remove=remove or (),
            add=add or (),
            dissent=dissent,
            begins=begins,
        )
    show(done.to_dict(), _decided(done.result), as_json=as_json)


def dissent(
    decision: Decision = None,
    workspace: Where = HERE,
    text: Annotated[str, typer.Option(help="The view that differs, in words. Required.")] = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Put a view that differs beside a decision that somebody else took."""
    from peelian.workspace.withdraw import dissent as run
    from peelian.workspace.workspace import Workspace

    done = run(Workspace(workspace, role=role), decision, text=text)
    said = f"the {done.result['role']} differs from {done.result['decision']}; it is shown wherever that is"
    show(done.to_dict(), said, as_json=as_json)


def withdraw(
    decision: Decision = None,
    workspace: Where = HERE,
    reason: Reason = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Take back an approval before it has run out, or a plan that nobody has decided on."""
    from peelian.workspace.withdraw import withdraw as run
    from peelian.workspace.workspace import Workspace

    done = run(Workspace(workspace, role=role), decision, reason=read_reason(reason, to="withdraw"))
    result = done.result
    lines = [f"{result['plan']} is withdrawn by the {result['role']}; it was {result['before']}"]
    if result["decision"]:
        lines.append(
            f"next: peelian publish --plan {result['plan']} (if its page was put out), peelian review"
        )
    show(done.to_dict(), "\n".join(lines), as_json=as_json)


def attend(
    decision: Decision = None,
    workspace: Where = HERE,
    cell: Annotated[str | None, typer.Option(help="The place.")] = None,
    on: Annotated[str | None, typer.Option(help="The day: YYYY-MM-DD.")] = None,
    attended: Annotated[
        bool | None, typer.Option("--attended/--not-attended", help="Whether it was attended.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="For how long.", min=0)] = 0.0,
    means: Annotated[
        str, typer.Option("--with", help="With what: a kind of work, such as 'foot patrol'.")
    ] = "",
    note: Annotated[str | None, typer.Option(help="What else there is to say; no names.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="A CSV file with the columns cell,date,attended,minutes,with.")
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Say what was done of a decision: which place was attended, when, for how long, with what."""
    from peelian.workspace import attend as room
    from peelian.workspace.workspace import Workspace

    one = (cell, on, attended)
    if (file is None) == (one == (None, None, None)) or (file is None and None in one):
        given = (
            "--file and a place"
            if file is not None
            else "no file, and not all of --cell, --on and --attended"
        )
        msg = f"{given} was given; expected --file, or one place with its day and whether it was attended"
        raise UsageError(
            msg,
            hint="peelian attend --cell E12N34 --on 2026-01-31 --attended --minutes 30 --with 'foot patrol'",
        )
    opened = Workspace(workspace, role=role)
    if file is not None:
        done = room.attend_file(opened, decision, path=file)
    else:
        assert cell is not None
        assert on is not None
        done = room.attend(
            opened,
            decision,
            cell=cell,
            on=on,
            attended=bool(attended),
            minutes=minutes,
            means=means,
            note=note,
        )
    result = done.result
    text = (
        f"{result['decision']}: {result['rows']} row(s) kept, {result['attended']} attended, "
        f"{result['minutes'] / 60:.2f} hours, {result['outside_the_plan']} outside the plan"
    )
    show(done.to_dict(), text, as_json=as_json)


def review(
    decision: Decision = None,
    workspace: Where = HERE,
    reason: Annotated[str, typer.Option(help="What you make of it, in words. Required.")] = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Say what came of a decision that is over, and close it."""
    from peelian.workspace.review import review as run
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(opened, decision, reason=read_reason(reason, to="review"))
    show(done.to_dict(), _reviewed(done.result), as_json=as_json)


def _decided(result: dict[str, Any]) -> str:
    decision = result["decision"]
    looked, approved = decision["looked"], decision["state"] in ("approved", "amended")
    lines = [render.decided(result)]
    if approved and decision["begins_at"]:
        lines = [lines[0].replace("  in force until", f"  in force from {decision['begins_at']} until")]
    seen = "its page was not looked at before"
    if looked is not None:
        seen = f"its page was looked at {looked['seconds']:,.0f} s before ({looked['run']})"
    return "\n".join([*lines, f"{seen}; the overseer sees that"])


def _reviewed(result: dict[str, Any]) -> str:
    planned, done, reports = result["planned"], result["done"], result["reports"]
    lines = [
        f"{result['decision']} is reviewed by the {result['role']}; it was {result['before']}",
        f"  planned: {planned['places']} places, {planned['hours']:g} hours",
        f"  done:    {done['places']} of them, {done['hours']:g} hours in {done['visits']} visits",
    ]
    if done["outside"]["places"]:
        lines.append(f"  elsewhere: {done['outside']['places']} places, {done['outside']['hours']:g} hours")
    if reports is None:
        lines.append("  reports: no records of that period are there yet")
    else:
        so_far = "" if reports["complete"] else f" (records up to {reports['known_to']} only)"
        lines.append(
            f"  reports in its places: {reports['reported']}{so_far}; expected {reports['expected']:.1f} "
            f"({reports['low']} to {reports['high']})"
        )
    counts = result["objections"]
    lines.append(
        f"  dissents: {len(result['dissents'])}; objections: {counts['total']}, answered {counts['answered']}"
    )
    return "\n".join([*lines, *(f"note: {limit}" for limit in result["limits"])])
