"""``peelian patterns``: what stands out in the reports. One command a kind of pattern."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from peelian.cli import judging, links
from peelian.cli.options import As, AsJson, Category, From, To, Where
from peelian.cli.report import Bar, show, told
from peelian.errors import UsageError

__all__ = ["app"]

HERE = Path()

app = typer.Typer(
    no_args_is_help=True,
    help="Look for patterns in the reports: times, hot places, repeats, clusters, links. About places, never persons.",
)

judging.add_to(app)
links.add_to(app)

Level = Annotated[float, typer.Option(help="False-discovery rate up to which something is called a finding.")]


def _metres(length: str | None) -> float | None:
    """A length as it was given, in metres; None where none was."""
    from peelian.units import parse_length  # which loads numpy, and help needs none

    return None if length is None else parse_length(length)


@app.command()
def hot(
    category: Category,
    workspace: Where = HERE,
    first: From = None,
    last: To = None,
    cell: Annotated[
        str | None, typer.Option(help="Side of a square: '250 m', '500 ft' (default: the workspace's).")
    ] = None,
    permutations: Annotated[
        int | None,
        typer.Option(
            help="Random arrangements that p-values come from (default: all are counted, exactly).",
            min=19,
            max=1_000_000,
        ),
    ] = None,
    level: Level = 0.05,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Find where reports crowd more than chance would have it (Getis-Ord Gi*, local Moran's I)."""
    from peelian.workspace.hot import hot as look
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = look(
            opened,
            category,
            first=first,
            last=last,
            cell=_metres(cell),
            permutations=permutations,
            level=level,
        )
    rows = [
        f"{row['place']:>3}  {row['name']}: {row['count']:,.0f} reports in {row['area_km2']:.2f} km2"
        for row in done.result["places"][:10]
    ]
    show(done.to_dict(), told(done.result, opened.page(done.run, "hot.html"), rows=rows), as_json=as_json)


@app.command()
def time(
    category: Category,
    workspace: Where = HERE,
    first: From = None,
    last: To = None,
    hours: Annotated[
        bool,
        typer.Option(
            "--hours/--no-hours",
            help="Look at hours (records that know only the day or the month have none: --no-hours).",
        ),
    ] = True,
    longest: Annotated[
        float, typer.Option(help="Hours: reports that can have happened in a longer stretch are set apart.")
    ] = 48.0,
    coarse: Annotated[
        Literal["refuse", "leave_out"],
        typer.Option(
            help="Where some reports have no time of day: refuse, or leave them out and count them."
        ),
    ] = "refuse",
    period: Annotated[
        str | None, typer.Option(help="In which changes are looked for (default: 1w, of months 1mo).")
    ] = None,
    replicates: Annotated[
        int, typer.Option(help="How often chance is simulated.", min=19, max=1_000_000)
    ] = 999,
    level: Level = 0.05,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Find when reports come, by hour, weekday and season, and when their level changed."""
    from peelian.workspace.time import time as look
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = look(
            opened,
            category,
            first=first,
            last=last,
            hours=hours,
            longest=longest,
            coarse=coarse,
            period=period,
            level=level,
            replicates=replicates,
        )
    found = done.result.get("hour_of_week", {}).get("stretches", [])
    rows = [
        f"{row['when']}: {row['length']} h in a row, {row['share']:.1%} of the reports" for row in found[:5]
    ]
    show(done.to_dict(), told(done.result, opened.page(done.run, "time.html"), rows=rows), as_json=as_json)


def read_bands(text: str, *, option: str) -> list[float]:
    """The upper ends of bands, as numbers with commas between.

    Raises
    ------
    UsageError
        A part is no number.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        msg = f"{text!r} was given in {option}; expected numbers with commas between"
        raise UsageError(
            msg, hint=f"{option} 7,14" if option == "--days" else f"{option} 0,100,200"
        ) from None


@app.command()
def repeats(
    category: Category,
    workspace: Where = HERE,
    first: Annotated[
        str | None, typer.Option("--from", help="First day: YYYY-MM-DD (default: 52 weeks before the end).")
    ] = None,
    last: To = None,
    at: Annotated[
        str | None, typer.Option(help="Day for which raised places are asked (default: the end).")
    ] = None,
    distances: Annotated[
        str, typer.Option(help="Upper ends of the bands of distance in metres; 0 first is the same place.")
    ] = "0,100,200,400",
    days: Annotated[str, typer.Option(help="Upper ends of the bands of time in days.")] = "7,14,21,28",
    permutations: Annotated[
        int, typer.Option(help="How often times are shuffled.", min=19, max=1_000_000)
    ] = 999,
    level: Level = 0.05,
    least_ratio: Annotated[
        float, typer.Option(help="Times as often as by chance that reports must follow to raise a place.")
    ] = 1.5,
    weeks: Annotated[
        int, typer.Option(help="Last weeks on which raised places are tried against counting.", min=8)
    ] = 26,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Find near and exact repeats, which places they raise, and whether that is worth more than counting."""
    from peelian.workspace.repeats import repeats as look
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = look(
            opened,
            category,
            first=first,
            last=last,
            at=at,
            distances=read_bands(distances, option="--distances"),
            days=read_bands(days, option="--days"),
            permutations=permutations,
            level=level,
            least_ratio=least_ratio,
            weeks=weeks,
        )
    rows = [
        f"{row['place']:>3}  {row['where']}: {row['sources']} recent reports, until {row['expires']}"
        for row in done.result["zones"]["places"]
        if row["sources"] > 1
    ]
    show(done.to_dict(), told(done.result, opened.page(done.run, "repeats.html"), rows=rows), as_json=as_json)


@app.command()
def factors(
    category: Category,
    workspace: Where = HERE,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="Another category; may be repeated (default: the four that are reported most)."),
    ] = None,
    first: From = None,
    last: To = None,
    period: Annotated[str, typer.Option(help="In which reports are counted: 1d, 1w, 4w, 1mo.")] = "1w",
    most: Annotated[int, typer.Option(help="The longest lag, in periods.", min=0)] = 4,
    cell: Annotated[
        str | None,
        typer.Option(help="Side of a square: '500 m' (default: doubled until most hold enough reports)."),
    ] = None,
    within: Annotated[
        str,
        typer.Option(help="Distances to features in metres, within which it is tried whether it matters."),
    ] = "150,300,600",
    level: Annotated[
        float, typer.Option(help="The p over all comparisons up to which one is called a finding.")
    ] = 0.05,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Find what reports go along with: other kinds before and beside them, and features of places."""
    from peelian.workspace.factors import factors as look
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = look(
            opened,
            category,
            beside=beside,
            first=first,
            last=last,
            period=period,
            most=most,
            cell=_metres(cell),
            within=[metres / 1000 for metres in read_bands(within, option="--within")],
            level=level,
        )
    show(done.to_dict(), told(done.result, opened.page(done.run, "factors.html")), as_json=as_json)


@app.command()
def emerging(
    category: Category,
    workspace: Where = HERE,
    first: From = None,
    last: To = None,
    method: Annotated[
        str,
        typer.Option(
            help="scan or permutation for clusters; farrington, ears_c1, ears_c2, ears_c3 or cusum for areas; or all."
        ),
    ] = "all",
    period: Annotated[str, typer.Option(help="In which reports are counted: 1d, 1w, 1mo.")] = "1w",
    weeks: Annotated[int, typer.Option(help="Most periods in a cluster.", min=1)] = 12,
    cell: Annotated[
        str | None,
        typer.Option(help="Side of a square: '500 m' (default: the workspace's, doubled until few enough)."),
    ] = None,
    radius: Annotated[
        str | None, typer.Option(help="Radius of the largest cluster: '1 km' (default: 150 squares).")
    ] = None,
    replicates: Annotated[
        int, typer.Option(help="How often chance is simulated.", min=19, max=1_000_000)
    ] = 999,
    level: Annotated[
        float, typer.Option(help="False-discovery rate over all areas up to which one stands out.")
    ] = 0.05,
    looks: Annotated[
        int, typer.Option(help="Past periods at which the same is done, to count false alarms.", min=0)
    ] = 52,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Find what is new: emerging clusters, and areas with more reports than their own past leads to expect."""
    from peelian.workspace.emerging import emerging as look
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = look(
            opened,
            category,
            first=first,
            last=last,
            method=method,
            period=period,
            weeks=weeks,
            cell=_metres(cell),
            radius=_metres(radius),
            replicates=replicates,
            level=level,
            looks=looks,
        )
    page = opened.page(done.run, "emerging.html")
    show(done.to_dict(), told(done.result, page, rows=done.result["details"]), as_json=as_json)
