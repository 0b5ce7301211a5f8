"""``peelian audit``: what can be held against the system, and against what others do; and the thresholds for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from peelian.cli import audit_data, audit_facematch, audit_forecast, audit_loop, audit_plan, audit_stops
from peelian.cli.options import As, AsJson, Where
from peelian.cli.report import show, told
from peelian.errors import CheckError, UsageError

__all__ = ["app", "finish", "standing"]

HERE = Path()

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Look for what is wrong: with a plan, a forecast, its feedback, the data, stops, or another agency's face "
        "matching."
    ),
)

audit_plan.add_to(app)
audit_forecast.add_to(app)
audit_loop.add_to(app)
audit_stops.add_to(app)
audit_facematch.add_to(app)
audit_data.add_to(app)

Page = Annotated[
    Path | None, typer.Option(help="Write the page here too; without a workspace it is kept nowhere else.")
]
"""For audits of a file, which need no workspace."""


def standing(workspace: Path) -> bool:
    """Whether there is a workspace in a folder, so that an audit of a file is kept in it.

    A folder other than the current one was asked for by name: it has to be one, and is taken as one.
    """
    return workspace != HERE or (workspace / "peelian.toml").is_file()


def finish(
    result: dict[str, Any],
    *,
    page: Path | None,
    run: str | None = None,
    rows: list[str] | None = None,
    as_json: bool = False,
) -> None:
    """Print an audit's result, and end with exit code 5 where a number is beyond its threshold.

    Parameters
    ----------
    result : dict
        With ``sentences``, ``findings``, ``passes`` and ``limits``.
    page : Path, optional
        Where its page lies.
    run : str, optional
        Its run; None without a workspace.
    rows : list of str, optional
        What is printed under the first sentence; the findings' own sentences when not given.
    """
    first, *others = result["sentences"]
    said = [*others, *([one["sentence"] for one in result["findings"]] if rows is None else rows)]
    text = told({**result, "sentence": first}, page, rows=said)
    if page is None:
        text += "\nno page was written; with --page FILE.html it is"
    show(result if run is None else {"run": run, **result}, text, as_json=as_json)
    if result.get("passes") is False:
        raise typer.Exit(CheckError.exit_code)


@app.command()
def threshold(
    measure: Annotated[str, typer.Argument(help="What is bounded: see 'peelian audit thresholds'.")],
    value: Annotated[float | None, typer.Argument(help="How much is allowed.", show_default=False)] = None,
    workspace: Where = HERE,
    by: Annotated[str, typer.Option(help="The body that sets it.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="End the threshold that stands.")] = False,
    reason: Annotated[str, typer.Option(help="Why, in words. Required.")] = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Set how much is allowed, before the result is seen; it is kept in the ledger."""
    from peelian.workspace.thresholds import lift_threshold, set_threshold
    from peelian.workspace.workspace import Workspace

    if lift == (value is not None):
        given = f"a value of {value:g} and --lift" if value is not None else "neither a value nor --lift"
        msg = f"{given} was given; expected one of them"
        raise UsageError(
            msg,
            hint=f"peelian audit threshold {measure} 1.25 --by 'the oversight board' --reason '...' --as overseer",
        )
    opened = Workspace(workspace, role=role)
    if value is None:
        done = lift_threshold(opened, measure, reason=reason)
    else:
        done = set_threshold(opened, measure, value, by=by, reason=reason)
    show(done.to_dict(), done.result["text"], as_json=as_json)


@app.command()
def thresholds(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """List what can be bounded, and the thresholds that stand: who set them, when and why."""
    from peelian.audits.thresholds import MEASURES
    from peelian.workspace.thresholds import allowed
    from peelian.workspace.thresholds import thresholds as standing_now
    from peelian.workspace.workspace import Workspace

    found = standing_now(Workspace(workspace, role=role)) if standing(workspace) else []
    by = {row["measure"]: row for row in found}
    lines = []
    for name, measure in MEASURES.items():
        row = by.get(name)
        said = "no threshold"
        if row is not None:
            said = (
                f"{allowed(name, row['value'])}, set by {row['set_by']} on {row['at'][:10]} ({row['run']}): "
                f"{row['reason']}"
            )
        lines.append(f"{name} (audit {measure.audit}; {measure.kind}): {measure.meaning}\n  {said}")
    measures = [{"measure": name, **vars(measure)} for name, measure in MEASURES.items()]
    show({"measures": measures, "thresholds": found}, "\n".join(lines), as_json=as_json)
