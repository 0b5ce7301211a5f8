"""``peelian audit plan``: whom a plan burdens; with ``--table``, whom the counts in somebody's table reach."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from peelian.cli import render
from peelian.cli.options import As, AsJson, Where, read_mapping
from peelian.cli.report import Bar, show
from peelian.errors import CheckError, UsageError

__all__ = ["add_to"]

HERE = Path()
PANEL = "A table in place of a plan"
NEEDED = ("unit", "count", "groups", "reference")
EXAMPLE = "--table FILE --unit geoid --count visits --groups white,black --reference white"


def add_to(app: typer.Typer) -> None:
    """Add the command to those that audit."""
    app.command("plan")(plan)


def _opt(text: str, **more: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=PANEL, **more)


def plan(
    plan: Annotated[
        str | None, typer.Argument(help="A plan's run id; the latest if not given.", metavar="[PLAN]")
    ] = None,
    workspace: Where = HERE,
    table: Annotated[Path | None, _opt("CSV, Parquet or shapes, a row a unit; needs no workspace.")] = None,
    unit: Annotated[str, _opt("Column with the unit's id.")] = "",
    count: Annotated[str, _opt("Column with what was put there: counts or hours.")] = "",
    groups: Annotated[str, _opt("Columns with residents by group, with commas between.")] = "",
    reference: Annotated[str, _opt("The group that the others are compared with.")] = "",
    by: Annotated[str | None, _opt("Column that tells areas apart; each is audited on its own.")] = None,
    population: Annotated[str | None, _opt("Column with all residents, whatever their group.")] = None,
    moe: Annotated[str | None, _opt("90 % margins of error: GROUP=COLUMN,GROUP=COLUMN.")] = None,
    ambient: Annotated[str | None, _opt("Column with those present, to hold counts against too.")] = None,
    reports: Annotated[str | None, _opt("Column with reports, likewise.")] = None,
    cross: Annotated[str | None, _opt("Two groups, A,B, of whose intersection bounds are told.")] = None,
    period: Annotated[str | None, _opt("Column by which a unit has several rows: what stays chosen?")] = None,
    top: Annotated[
        float, _opt("With --period: share of units that counts as chosen.", min=0.001, max=0.999)
    ] = 0.1,
    crs: Annotated[str | None, _opt("CRS of the table's places, where it doesn't say.")] = None,
    level: Annotated[float, _opt("Of the intervals.", min=0.5, max=0.999)] = 0.95,
    beside: Annotated[
        list[Path] | None, _opt("A workspace whose latest plan goes through the same; may be repeated.")
    ] = None,
    page: Annotated[
        Path | None, _opt("Write the page here too; without a workspace it is kept nowhere else.")
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Measure whom a plan burdens, by population group; or the counts in a table."""
    given = {"unit": unit, "count": count, "groups": groups, "reference": reference}
    others = {
        "by": by,
        "population": population,
        "moe": moe,
        "ambient": ambient,
        "reports": reports,
        "cross": cross,
        "period": period,
        "crs": crs,
        "beside": beside or None,
        "page": page,
    }
    if table is not None:
        if plan is not None:
            msg = f"{plan} and a table were given; expected one of them"
            raise UsageError(msg, hint=f"peelian audit plan {EXAMPLE}")
        del others["page"]
        asked = {**given, **others, "top": top, "level": level}
        _file(table, asked, workspace=workspace, role=role, page=page, as_json=as_json)
        return
    stray = [name for name, value in (given | others).items() if value]
    if stray:
        msg = f"--{stray[0]} was given without --table; it is about the columns of a table"
        raise UsageError(msg, hint=f"peelian audit plan {EXAMPLE}")
    _plan(plan, workspace=workspace, role=role, as_json=as_json)


def _plan(plan: str | None, *, workspace: Path, role: str | None, as_json: bool) -> None:
    from peelian.workspace.audit import audit as run
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(opened, plan=plan)
    show(done.to_dict(), render.audit(done.result, opened.page(done.run, "audit.html")), as_json=as_json)
    if False in (done.result.get("passes"), (done.result.get("checks") or {}).get("passes")):
        raise typer.Exit(CheckError.exit_code)


def _file(
    table: Path,
    asked: dict[str, Any],
    *,
    workspace: Path,
    role: str | None,
    page: Path | None,
    as_json: bool,
) -> None:
    """Audit a table and print what was found; within a workspace it is kept there."""
    from peelian.cli.audit import finish, standing
    from peelian.workspace.audit_table import audit_table, exposure_of_file
    from peelian.workspace.workspace import Workspace

    given = _read(asked)
    with Bar(quiet=as_json) as bar:
        if standing(workspace):
            opened = Workspace(workspace, role=role, progress=bar)
            done = audit_table(opened, table, **given)
            run, result = done.run, done.result
            kept: Path | None = opened.page(run, "audit_table.html")
            text = opened.page(run, "audit_table.html").read_text(encoding="utf-8")
        else:
            result, text = exposure_of_file(table, **given)
            run, kept = None, page
    if page is not None:
        page.write_text(text, encoding="utf-8")
    finish(result, page=page or kept, run=run, rows=_rows(result), as_json=as_json)


def _read(asked: dict[str, Any]) -> dict[str, Any]:
    for name in NEEDED:
        if not asked[name]:
            msg = f"--table was given without --{name}; expected the columns to read"
            raise UsageError(msg, hint=f"peelian audit plan {EXAMPLE}")
    groups = [name.strip() for name in asked["groups"].split(",") if name.strip()]
    cross = asked["cross"]
    return {
        **asked,
        "groups": groups,
        "moe": read_mapping(asked["moe"], option="--moe", example=f"{groups[0]}={groups[0]}_moe"),
        "cross": None if cross is None else [name.strip() for name in cross.split(",")],
    }


def _rows(result: dict[str, Any]) -> list[str]:
    """A line a ratio."""
    lines = []
    for row in result["ratios"]:
        name = f"{row['by']}, {row['group']} to {row['reference']}"
        if row["value"] is None:
            lines.append(f"{name}: no ratio. {row['why']}")
            continue
        ends = "no interval" if row["low"] is None else f"{row['low']:.2f} to {row['high']:.2f}"
        lines.append(
            f"{name}: {row['value']:.2f} ({ends}); {row['units']} units, {row['population']:,.0f} residents"
        )
    return lines
