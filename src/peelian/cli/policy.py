"""``peelian policy``: the rules in force, what they say to a question, and how they are changed."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from peelian.cli.options import As, AsJson, Where, read_reason
from peelian.cli.report import show
from peelian.errors import RefusedError

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Show, ask and change the rules.")

HERE = Path()
WIDTH = 100
Which = Annotated[
    str, typer.Argument(metavar="PROPOSAL", help="A proposal's id, as peelian policy list shows it.")
]
Reason = Annotated[str, typer.Option(help="Why, in words. Required.")]


@app.command("show")
def show_(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """List the rules in force: what each allows or forbids, why, and what it rests on."""
    from peelian.workspace.policies import show as look
    from peelian.workspace.workspace import Workspace

    found = look(Workspace(workspace, role=role))
    show(found, _rules(found), as_json=as_json)


@app.command("ask")
def ask(
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="What is to be done, such as forecast or publish.")
    ],
    workspace: Where = HERE,
    kind: Annotated[str | None, typer.Option(help="What it is done to, such as plan or records.")] = None,
    use: Annotated[
        str | None, typer.Option(help="What will be made of it, such as face_identification.")
    ] = None,
    purpose: Annotated[str | None, typer.Option(help="What it is done for, such as planning.")] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Ask the rules whether a role may do something; nothing is done. Exit code 3 if it may not."""
    from peelian.workspace.policies import ask as question
    from peelian.workspace.workspace import Workspace

    opened = Workspace(workspace, role=role)
    answer = question(opened, action.replace("-", "_"), kind=kind, use=use, purpose=purpose)
    told = {
        "role": opened.role,
        "action": action,
        "kind": kind,
        "use": use,
        "purpose": purpose,
        **answer.to_dict(),
    }
    show(told, _answer(told), as_json=as_json)
    if not answer.allowed:
        raise typer.Exit(RefusedError.exit_code)


@app.command("propose")
def propose(
    file: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="A file of Cedar policies.")
    ] = None,
    workspace: Where = HERE,
    remove: Annotated[
        list[str] | None, typer.Option(help="Name of a file that goes; may be repeated.")
    ] = None,
    default: Annotated[
        list[str] | None,
        typer.Option(help="Name of a file to take as this release brings it; may be repeated."),
    ] = None,
    reason: Reason = "",
    effective: Annotated[str, typer.Option(help="From which day on: YYYY-MM-DD. Required.")] = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Propose a change of the rules: files that are added or replaced, and files that go."""
    from peelian.workspace.policy_change import propose as run
    from peelian.workspace.workspace import Workspace

    opened = Workspace(workspace, role=role)
    said = read_reason(reason, to="propose it")
    done = run(
        opened, file or (), remove=remove or (), default=default or (), reason=said, effective=effective
    )
    diff = opened.checked(done.run, "change.diff").read_text(encoding="utf-8")
    show(
        {**done.to_dict(), "diff": diff},
        f"{done.run} is proposed\n\n{diff}\n{_wrap(done.result['text'])}",
        as_json=as_json,
    )


@app.command("comment")
def comment(
    proposal: Which,
    text: Annotated[str, typer.Option(help="What you think of it. Required.")] = "",
    workspace: Where = HERE,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Say something on a proposed change; it is kept and published with it."""
    from peelian.workspace.policy_change import comment as run
    from peelian.workspace.workspace import Workspace

    done = run(Workspace(workspace, role=role), proposal, text=text)
    show(done.to_dict(), f"your comment is kept with {proposal} ({done.run})", as_json=as_json)


@app.command("approve")
def approve(
    proposal: Which, reason: Reason = "", workspace: Where = HERE, role: As = None, as_json: AsJson = False
) -> None:
    """Agree to a change. Two people in different roles have to, and not its author."""
    from peelian.workspace.policy_change import approve as run
    from peelian.workspace.workspace import Workspace

    done = run(Workspace(workspace, role=role), proposal, reason=read_reason(reason, to="approve it"))
    enacted = done.result["enacted"]
    text = f"{done.result['text']}" + (f" It is in force now ({enacted})." if enacted else "")
    show(done.to_dict(), text, as_json=as_json)


@app.command("refuse")
def refuse(
    proposal: Which, reason: Reason = "", workspace: Where = HERE, role: As = None, as_json: AsJson = False
) -> None:
    """End a proposal that is not in force yet; its author may take it back so."""
    from peelian.workspace.policy_change import refuse as run
    from peelian.workspace.workspace import Workspace

    done = run(Workspace(workspace, role=role), proposal, reason=read_reason(reason, to="refuse it"))
    show(done.to_dict(), done.result["text"], as_json=as_json)


@app.command("list")
def list_(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """List the changes that were proposed, and what became of each."""
    from peelian.workspace.policies import proposals
    from peelian.workspace.workspace import Workspace

    opened = Workspace(workspace, role=role)
    opened.require("status", {"kind": "workspace"})
    found = proposals(opened)
    show({"proposals": found}, _listed(found), as_json=as_json)


@app.command("enact")
def enact(proposal: Which, workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """Put an approved change in force whose day has come. Whoever next writes in the workspace does that, too."""
    from peelian.workspace.policy_change import enact as run
    from peelian.workspace.workspace import Workspace

    done = run(Workspace(workspace, role=role), proposal)
    show(done.to_dict(), f"{done.result['text']} ({done.run})", as_json=as_json)


@app.command("restore")
def restore(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """Put back the rules in force where somebody changed the files by hand; what they wrote is kept beside them."""
    from peelian.workspace.policy_keep import restore as run
    from peelian.workspace.workspace import Workspace

    done = run(Workspace(workspace, role=role))
    lines = [done.result["text"], *(f"  {said}" for said in done.result["differed"])]
    lines += [f"  kept: policy/{name}.changed" for name in done.result["kept"]]
    show(done.to_dict(), "\n".join(lines), as_json=as_json)


@app.command("update")
def update(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """Bring the hard rules and the schema in a workspace of an earlier version to this release."""
    from peelian.workspace.policy_keep import update as run

    done = run(workspace, role=role)
    told = done.result
    lines = [f"written: {', '.join(told['written']) or 'nothing, all is of this release'}"]
    lines += [f"the rules are in the ledger now ({done.run})"] if done.run else []
    lines += [_wrap(told["changed"])] if told["changed"] else []
    if told["lacking"]:
        lines.append(f"not among the rules in force: {', '.join(told['lacking'])}")
        lines.append(
            f"next: peelian policy propose --default {told['lacking'][0]} --reason '...' --effective DATE"
        )
    show(done.to_dict() | {"run": done.run or None}, "\n".join(lines), as_json=as_json)


def _wrap(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _rules(found: dict[str, Any]) -> str:
    lines = []
    for rule in found["rules"]:
        by = "the charter" if rule["hard"] else rule["file"]
        lines.append(f"{rule['effect']} {rule['id']} ({by})")
        said = (("", "reason"), ("instead: ", "remedy"), ("rests on: ", "reference"))
        lines += [_wrap(f"{word}{rule[key]}", "    ") for word, key in said if rule[key]]
    since = f"{found['run']} (set {found['set'][:12]})" if found["run"] else "an earlier version"
    lines.append(f"{len(found['rules'])} rules, in force since {since}")
    if found["changed"]:
        lines.append(_wrap(f"changed by hand: {found['changed']}"))
    if found["lacking"]:
        lines.append(f"not among them, though Peelian brings it: {', '.join(found['lacking'])}")
    return "\n".join(lines)


def _answer(told: dict[str, Any]) -> str:
    words = f"the role {told['role']} {'may' if told['allowed'] else 'may not'} {told['action'].replace('_', ' ')}"
    lines = [words, _wrap(told["reason"], "  ")]
    if told["policies"] and not told["allowed"]:
        lines.append(f"  by {', '.join(told['policies'])}")
    if told["remedy"]:
        lines.append(_wrap(f"what would have to change: {told['remedy']}", "  "))
    lines += [_wrap(f"it rests on: {reference}", "  ") for reference in told["references"]]
    return "\n".join(lines)


def _listed(found: list[dict[str, Any]]) -> str:
    if not found:
        return "no change of the rules was proposed yet"
    lines = []
    for one in found:
        files = [*(f"{name}" for name in one["changed"]), *(f"without {name}" for name in one["removed"])]
        lines.append(f"{one['run']}  {one['state']}, effective {one['effective']}: {', '.join(files)}")
        lines.append(_wrap(f"proposed by the {one['role']}: {one['reason']}", "    "))
        said = [("comment", given) for given in one["comments"]]
        said += [("approved", given) for given in one["approvals"]]
        said += [("refused", one["refusal"])] if one["refusal"] else []
        lines += [_wrap(f"{what} by the {given['role']}: {given['reason']}", "    ") for what, given in said]
    return "\n".join(lines)
