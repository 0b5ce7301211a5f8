"""``peelian patterns confirm | reject | answers``: what people found of hypotheses, and how those did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from peelian.cli.options import As, AsJson, Where, read_reason
from peelian.cli.report import Bar, show

__all__ = ["add_to"]

HERE = Path()
Run = Annotated[str, typer.Argument(help="The result that holds it, such as links-0007.")]
Hypothesis = Annotated[str, typer.Argument(help="Its name in that result, such as L3.")]
Reason = Annotated[str, typer.Option("--reason", help="What that rests on, without names.")]


def add_to(app: typer.Typer) -> None:
    """Give an app these commands."""
    app.command("confirm")(confirm)
    app.command("reject")(reject)
    app.command("answers")(answers)


def confirm(
    run: Run,
    hypothesis: Hypothesis,
    reason: Reason = "",
    workspace: Where = HERE,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Say that a hypothesis was found to be so: these incidents belong together."""
    _judge(workspace, run, hypothesis, confirmed=True, reason=reason, role=role, as_json=as_json)


def reject(
    run: Run,
    hypothesis: Hypothesis,
    reason: Reason = "",
    workspace: Where = HERE,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Say that a hypothesis was found not to be so: these incidents don't belong together."""
    _judge(workspace, run, hypothesis, confirmed=False, reason=reason, role=role, as_json=as_json)


def _judge(
    workspace: Path,
    run: str,
    hypothesis: str,
    *,
    confirmed: bool,
    reason: str,
    role: str | None,
    as_json: bool,
) -> None:
    from peelian.workspace.judge import judge
    from peelian.workspace.workspace import Workspace

    said = read_reason(reason, to="confirm" if confirmed else "reject")
    with Bar(quiet=as_json) as bar:
        done = judge(
            Workspace(workspace, role=role, progress=bar), run, hypothesis, confirmed=confirmed, reason=said
        )
    found = done.result
    text = f"{done.run}: {found['hypothesis']} of {found['of']} was {found['answer']} ({found['said']})"
    if found["in_place_of"]:
        text += f"\nin place of the answer of {found['in_place_of']}, which stays on record"
    show(done.to_dict(), text, as_json=as_json)


def answers(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """List what was confirmed and rejected, and how the stated probabilities held."""
    from peelian.workspace.judge import answers as collect
    from peelian.workspace.workspace import Workspace

    found = collect(Workspace(workspace, role=role))
    show(found, _told(found), as_json=as_json)


def _told(found: dict[str, Any]) -> str:
    lines = [
        f"{one['of']} {one['hypothesis']}: {one['answer']}, {_stated(one['probability'])}"
        for one in found["answers"]
    ]
    lines = lines or [
        "nothing was confirmed or rejected yet: peelian patterns confirm RUN HYPOTHESIS --reason '...'"
    ]
    return "\n".join([*lines, *(f"{verb}: {score['sentence']}" for verb, score in found["scores"].items())])


def _stated(probability: float | None) -> str:
    return "no probability was stated" if probability is None else f"stated with {probability:.2f}"
