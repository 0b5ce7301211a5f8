"""``peelian audit stops``: whom stops and searches fall on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from peelian.cli.options import As, AsJson, Where, read_mapping
from peelian.cli.report import Bar

__all__ = ["add_to"]

HERE = Path()
FIELDS = "time=COLUMN,group=COLUMN,place=COLUMN,search=COLUMN,hit=COLUMN,basis=COLUMN"


def add_to(app: typer.Typer) -> None:
    """Add the command to those that audit."""
    app.command("stops")(stops)


def stops(
    file: Annotated[Path, typer.Argument(help="Stop records: CSV or Parquet.", metavar="FILE")],
    workspace: Where = HERE,
    layout: Annotated[
        Literal["police_uk", "minneapolis"] | None,
        typer.Option(help="How the file is written (default: told by its columns)."),
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option(
            "--map",
            help=f"Which column is what: {FIELDS}; or lat and lon instead of place, and action. Nothing else is read.",
        ),
    ] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of the place, such as America/Chicago.")] = None,
    times: Annotated[
        Literal["local", "utc"] | None,
        typer.Option(help="What times without an offset are (default: local)."),
    ] = None,
    merge: Annotated[
        str | None, typer.Option(help="Groups to count together: 'East African=Black,Somali=Black'.")
    ] = None,
    square: Annotated[
        str, typer.Option(help="Side of the squares that points are reduced to where there is no place.")
    ] = "500 m",
    residents: Annotated[
        Path | None,
        typer.Option(
            help="Table of residents: a row an area, a column a group; shares need a column population."
        ),
    ] = None,
    ambient: Annotated[Path | None, typer.Option(help="The same, of those who are about.")] = None,
    incidents: Annotated[
        Path | None, typer.Option(help="Reported incidents: a row each, or an area and its count.")
    ] = None,
    place: Annotated[str, typer.Option(help="The column of these tables that has the area's name.")] = "area",
    basis: Annotated[
        str | None,
        typer.Option(help="Other stops are held against those of this basis (default: the commonest)."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="The group that others are compared with (default: the one with most stops)."),
    ] = None,
    lat: Annotated[float | None, typer.Option(help="Latitude, where the file has no points.")] = None,
    lon: Annotated[float | None, typer.Option(help="Longitude; west of Greenwich is negative.")] = None,
    infer: Annotated[
        bool, typer.Option("--infer/--no-infer", help="Make the threshold test, which takes half a minute.")
    ] = True,
    level: Annotated[float, typer.Option(help="Of the intervals.", min=0.5, max=0.999)] = 0.95,
    page: Annotated[
        Path | None,
        typer.Option(help="Write the page here too; without a workspace it is kept nowhere else."),
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Hold stops and searches against denominators, outcomes and the light, by group."""
    from peelian.cli.audit import finish, standing
    from peelian.units import parse_length

    given: dict[str, Any] = {
        "layout": layout,
        "mapping": read_mapping(mapping, option="--map", example=FIELDS),
        "zone": zone,
        "times": times,
        "merge": read_mapping(merge, option="--merge", example="'East African=Black'"),
        "square_km": parse_length(square) / 1000,
        "residents": residents,
        "ambient": ambient,
        "incidents": incidents,
        "place": place,
        "basis": basis,
        "reference": reference,
        "lat": lat,
        "lon": lon,
        "infer": infer,
        "level": level,
    }
    with Bar(quiet=as_json) as bar:
        if standing(workspace):
            from peelian.workspace.audit_stops import audit_stops
            from peelian.workspace.workspace import Workspace

            opened = Workspace(workspace, role=role, progress=bar)
            done = audit_stops(opened, file, **given)
            result, run = done.result, done.run
            where: Path | None = opened.page(done.run, "audit_stops.html")
        else:
            from peelian.workspace.audit_stops import stops_of_file

            result, run, where = stops_of_file(file, **given), None, page
    if page is not None:
        from peelian.publish.audit_stops import audit_stops_page

        text = audit_stops_page(result) if run is None or where is None else where.read_text(encoding="utf-8")
        page.write_text(text, encoding="utf-8")
    finish(result, page=where, run=run, as_json=as_json)
