"""The commands. Each opens the workspace, calls one use case and prints what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peelian.cli import (
    audit,
    decisions,
    emergency,
    halting,
    keeping,
    ledger,
    objections,
    oversight,
    patterns,
    people,
    policy,
    render,
    replay,
    week,
)
from peelian.cli.options import As, AsJson, Category, Period, Where, read_mapping, read_methods, read_reason
from peelian.cli.report import Bar, Stopped, show

__all__ = ["app"]

app = typer.Typer(
    name="peelian",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=(
        "From a city's incident records to decisions that people make, overseers check and the public can read. "
        "Places, never persons."
    ),
    epilog="Start with: peelian demo",
)
app.add_typer(ledger.app, name="ledger")
app.add_typer(people.app, name="people")
app.add_typer(policy.app, name="policy")
app.add_typer(emergency.app, name="emergency")
app.add_typer(patterns.app, name="patterns")
app.add_typer(audit.app, name="audit")
decisions.add_to(app)
objections.add_to(app)
oversight.add_to(app)
halting.add_to(app)
keeping.add_to(app)
replay.add_to(app)
week.add_to(app)

HERE = Path()


def _version(wanted: bool) -> None:
    if wanted:
        from peelian._version import __version__

        typer.echo(f"peelian {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command."""


@app.command("init")
def init_(
    folder: Annotated[Path, typer.Argument(help="A folder that doesn't exist yet, or is empty.")],
    crs: Annotated[
        str | None, typer.Option(help="Projected CRS, such as EPSG:26910; else chosen by the first import.")
    ] = None,
    cell: Annotated[str, typer.Option(help="Side of a grid cell: 250, '250 m', '500 ft'.")] = "250 m",
    agency: Annotated[str | None, typer.Option(help="Name of the agency.")] = None,
    zone: Annotated[
        str | None,
        typer.Option(
            help="IANA time zone of the agency, such as America/Chicago; else chosen by the first import."
        ),
    ] = None,
    areas: Annotated[
        Path | None,
        typer.Option(help="Polygons of the study area: GeoJSON, GeoParquet, GeoPackage, shapefile."),
    ] = None,
    area_id: Annotated[str | None, typer.Option(help="Column of the areas' ids.")] = None,
    area_name: Annotated[str | None, typer.Option(help="Column of the areas' names.")] = None,
    population: Annotated[
        str | None, typer.Option(help="Residents by group: GROUP=COLUMN,GROUP=COLUMN.")
    ] = None,
    moe: Annotated[
        str | None, typer.Option(help="90 % margins of error of these numbers: GROUP=COLUMN,GROUP=COLUMN.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="Where the state is kept: postgresql://..., or env:NAME of a variable with that URL."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an empty workspace."""
    from peelian.units import parse_length
    from peelian.workspace.init import init

    groups = read_mapping(population, option="--population", example="White=white,Black=black")
    done = init(
        folder,
        crs=crs,
        cell=parse_length(cell),
        agency=agency,
        zone=zone,
        areas=areas,
        area_id=area_id,
        area_name=area_name,
        population=groups,
        margins=read_mapping(moe, option="--moe", example="White=white_moe"),
        sections=None if state is None else {"state": {"url": state}},
    )
    show(done.to_dict(), render.made(folder, done.result), as_json=as_json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file of incident records.")],
    workspace: Where = HERE,
    source: Annotated[
        str | None,
        typer.Option(help="slmpd, chicago, police_uk, or a name in peelian.toml; else recognised."),
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option("--map", help="Any other file: occurred_from=COLUMN,x=COLUMN,y=COLUMN,category=COLUMN."),
    ] = None,
    source_crs: Annotated[
        str | None, typer.Option(help="CRS of the file's points; the workspace's own if not given.")
    ] = None,
    date_order: Annotated[
        str | None, typer.Option(help="How dates with slashes are meant where they don't tell: mdy or dmy.")
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Read a file of incident records and account for every row of it."""
    from peelian.workspace.import_ import import_records
    from peelian.workspace.workspace import Workspace

    fields = read_mapping(mapping, option="--map", example="occurred_from=ts,x=x_m,y=y_m,category=type")
    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = import_records(
            opened, file, source=source, mapping=fields, source_crs=source_crs, date_order=date_order
        )
    show(done.to_dict(), render.imported(done.result), as_json=as_json)


@app.command()
def quality(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """Say what is known to be wrong or odd with the stored records."""
    from peelian.workspace.quality import quality as check
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = check(opened)
    show(done.to_dict(), render.quality(done.result, opened.page(done.run, "quality.html")), as_json=as_json)


@app.command()
def trial(
    category: Category,
    workspace: Where = HERE,
    period: Period = None,
    origins: Annotated[int | None, typer.Option(help="How many past periods to try on.", min=2)] = None,
    fraction: Annotated[
        list[float] | None,
        typer.Option(help="Share of the area that is picked, such as 0.01; may be repeated."),
    ] = None,
    area: Annotated[
        list[str] | None,
        typer.Option(help="Area that is picked instead: '0.25 sq mi', '2 km2'; may be repeated."),
    ] = None,
    first: Annotated[
        str | None,
        typer.Option("--from", help="Try only periods that start on this day or later: YYYY-MM-DD."),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Try only periods that end before this day: YYYY-MM-DD.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="A method's name, or all; may be repeated (default: see peelian.toml)."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(help="At most so many processes; 1 works in this one (default: all cores).", min=1),
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Try the forecasting methods against plain counting. Ctrl-C keeps what is finished."""
    from peelian.units import parse_area
    from peelian.workspace.trial import Interrupted
    from peelian.workspace.trial import trial as run
    from peelian.workspace.workspace import Workspace

    areas, methods = [parse_area(text) for text in area or ()], read_methods(method)
    try:
        with Bar(quiet=as_json) as bar:
            opened = Workspace(workspace, role=role, progress=bar)
            done = run(
                opened,
                category,
                period=period,
                origins=origins,
                fractions=fraction,
                areas=areas,
                first=first,
                last=last,
                methods=methods,
                jobs=jobs,
            )
    except Interrupted as stop:
        said = (
            f"stopped; {stop.kept:,} of {stop.total:,} forecasts of past periods are finished and kept: run the same "
            "command again to go on from there"
        )
        raise Stopped(said) from None
    show(done.to_dict(), render.trial(done.result, opened.page(done.run, "trial.html")), as_json=as_json)


@app.command()
def forecast(
    category: Category,
    workspace: Where = HERE,
    period: Period = None,
    method: Annotated[
        str | None, typer.Option(help="Another method than the last trial's verdict names.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Use records before this day only: YYYY-MM-DD.")] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Forecast the reports of the next period, place by place."""
    from peelian.workspace.forecast import forecast as run
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(opened, category, period=period, method=method, until=until)
    page = opened.page(done.run, "forecast.html")
    show(done.to_dict(), render.forecast(done.result, page), as_json=as_json)


@app.command()
def drift(
    category: Category,
    workspace: Where = HERE,
    period: Period = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Watch the method in use on what came in since its trial; one that falls behind counting is suspended."""
    from peelian.workspace.drift import drift as run
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(opened, category, period=period)
    page = opened.page(done.run, "drift.html") if done.run else None
    show(done.to_dict() | {"run": done.run or None}, render.drift(done.result, page), as_json=as_json)


@app.command()
def suspend(
    category: Category,
    workspace: Where = HERE,
    reason: Annotated[str, typer.Option(help="Why, in words. Required.")] = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Suspend the method in use: the category is forecast by counting until a person lifts that."""
    from peelian.workspace.suspend import suspend as run
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(opened, category, reason=read_reason(reason, to="suspend"))
    show(done.to_dict(), render.suspended(done.result), as_json=as_json)


@app.command()
def lift(
    category: Category,
    workspace: Where = HERE,
    reason: Annotated[str, typer.Option(help="Why, in words. Required.")] = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Lift what suspends the methods of a category: forecasts go by the last verdict again."""
    from peelian.workspace.suspend import lift as run
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(opened, category, reason=read_reason(reason, to="lift"))
    show(done.to_dict(), render.suspended(done.result), as_json=as_json)


@app.command()
def plan(
    workspace: Where = HERE,
    forecast: Annotated[
        str | None, typer.Option(help="A forecast's run id; the latest if not given.")
    ] = None,
    unit_hours: Annotated[
        float | None, typer.Option(help="Budget in unit-hours for the period.", min=0.01)
    ] = None,
    hours_per_place: Annotated[
        float | None, typer.Option(help="Unit-hours that one place takes.", min=0.01)
    ] = None,
    cap_per_area: Annotated[
        int | None, typer.Option(help="At most so many places in one area.", min=1)
    ] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Keep it to yourself until you propose it: peelian propose.")
    ] = False,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Choose places under a budget, with options that are not patrol."""
    from peelian.workspace.plan import plan as run
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(
            opened,
            forecast=forecast,
            unit_hours=unit_hours,
            hours_per_place=hours_per_place,
            cap_per_area=cap_per_area,
            draft=draft,
        )
    show(done.to_dict(), render.plan(done.run, done.result), as_json=as_json)


@app.command()
def publish(
    workspace: Where = HERE,
    plan: Annotated[str | None, typer.Option(help="A plan's run id; the latest if not given.")] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Write the bulletin and the public page of a decided plan."""
    from peelian.workspace.publish import publish as run
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = run(opened, plan=plan)
    text = render.published(opened.folder / "public" / "index.html", opened.page(done.run, "bulletin.html"))
    show(done.to_dict(), text, as_json=as_json)


@app.command()
def status(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """Show what the workspace holds, and what would come next."""
    from peelian.workspace.status import status as look
    from peelian.workspace.workspace import Workspace

    found = look(Workspace(workspace, role=role))
    show(found, render.status(found), as_json=as_json)


@app.command()
def demo(
    workspace: Annotated[
        Path,
        typer.Option("--workspace", "-w", help="Folder that is made (an earlier demo there is replaced)."),
    ] = Path("demo"),
    as_json: AsJson = False,
) -> None:
    """Run the whole loop on three years of real records from St. Louis."""
    from peelian.workspace.demo import run_demo

    with Bar() as bar:
        done = run_demo(workspace, progress=bar)
    show(done.to_dict(), render.demo(done.to_dict()), as_json=as_json)
