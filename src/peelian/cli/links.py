"""``peelian patterns links | duplicates``: which reports, and which records, belong together: hypotheses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from peelian.cli.options import As, AsJson, Category, To, Where
from peelian.cli.report import Bar, show, told

__all__ = ["add_to"]

HERE = Path()
SHOWN = 5
"""Hypotheses of a kind that are printed; the page has more, and the result all."""


def add_to(app: typer.Typer) -> None:
    """Give an app these commands."""
    app.command("links")(links)
    app.command("duplicates")(duplicates)


def links(
    category: Category,
    workspace: Where = HERE,
    first: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="First day: YYYY-MM-DD (default: 365 days before the end, or the first with a label).",
        ),
    ] = None,
    last: To = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV or Parquet with the columns incident and series: which reports are known as one series."
        ),
    ] = None,
    manner: Annotated[
        Path | None,
        typer.Option(
            help="CSV or Parquet with the column incident and columns of codes: how things were done."
        ),
    ] = None,
    numeric: Annotated[
        list[str] | None,
        typer.Option(help="A column of --manner that holds numbers, not codes; may be repeated."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="An earlier result with labels, such as links-0007: use what it has learnt."),
    ] = None,
    at_least: Annotated[
        float | None,
        typer.Option(help="Least probability of a link to be listed (default: 0.1, and 0.5 without labels)."),
    ] = None,
    series: Annotated[
        Literal["average", "complete", "single", "communities"],
        typer.Option(help="How links become candidate series."),
    ] = "average",
    prior: Annotated[
        float | None, typer.Option(help="Share of all pairs that are linked, if that is known.")
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Find reports that look alike enough to be one series: hypotheses to confirm or to reject."""
    from peelian.workspace.links import links as look
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = look(
            opened,
            category,
            first=first,
            last=last,
            labels=labels,
            manner=manner,
            numeric=numeric or (),
            model=model,
            at_least=at_least,
            series=series,
            prior=prior,
        )
    text = told(done.result, opened.page(done.run, "links.html"), rows=_rows(done.run, done.result))
    show(done.to_dict(), text, as_json=as_json)


def duplicates(
    workspace: Where = HERE,
    category: Annotated[
        str | None, typer.Option("--category", "-c", help="Records of it alone (default: all records).")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="First day: YYYY-MM-DD (default: 365 days before the end).")
    ] = None,
    last: To = None,
    source: Annotated[
        str | None, typer.Option(help="Records of this source alone (default: of all, together).")
    ] = None,
    other: Annotated[
        str | None,
        typer.Option(
            help="Another source: pairs of a record of --source with one of this, as calls with reports."
        ),
    ] = None,
    reach: Annotated[str, typer.Option(help="How far apart records may be: '200 m', '500 ft'.")] = "200 m",
    hours: Annotated[float, typer.Option(help="How many hours apart they may be.")] = 24.0,
    same_at: Annotated[
        float, typer.Option(help="Probability from which on two records are taken as the same incident.")
    ] = 0.9,
    different_at: Annotated[
        float, typer.Option(help="Probability below which they are taken as different ones.")
    ] = 0.1,
    one_to_one: Annotated[
        bool | None,
        typer.Option(
            "--one-to-one/--many",
            help="A record has one partner at most, or may have many (default: one between two sources).",
        ),
    ] = None,
    engine: Annotated[
        Literal["moved", "splink"], typer.Option(help="What compares them; splink is the extra 'linkage'.")
    ] = "moved",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Find records that may be of the same incident, within sources or between two; nothing is deleted or merged."""
    from peelian.units import parse_length
    from peelian.workspace.duplicates import duplicates as look
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = look(
            opened,
            category=category,
            first=first,
            last=last,
            source=source,
            other=other,
            metres=parse_length(reach),
            hours=hours,
            same_at=same_at,
            different_at=different_at,
            one_to_one=one_to_one,
            engine=engine,
        )
    text = told(done.result, opened.page(done.run, "duplicates.html"), rows=_rows(done.run, done.result))
    show(done.to_dict(), text, as_json=as_json)


def _rows(run: str, result: dict[str, Any]) -> list[str]:
    """The first hypotheses of each kind, and how to answer one."""
    rows, found = [], result["hypotheses"]
    for letter in dict.fromkeys(one["id"][0] for one in found):
        kind = [one for one in found if one["id"][0] == letter]
        rows += [
            f"{one['id']:>4}  {'at most ' if one.get('at_most') else ''}{one['probability']:.2f}  {one['said']}"
            for one in kind[:SHOWN]
        ]
        rows += (
            [f"      and {len(kind) - SHOWN} more on the page or in its tables"] if len(kind) > SHOWN else []
        )
    if found:
        rows.append(f"to answer one: peelian patterns confirm|reject {run} {found[0]['id']} --reason '...'")
    return rows
