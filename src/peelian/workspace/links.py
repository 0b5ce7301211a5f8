"""``links``: which reports look alike enough to be one series, as hypotheses for a person to confirm or to reject.

What linked reports have in common is learnt from series that are known, given as labels of reports, or by an earlier
run. Without either, all that can be told is which reports are nearer to each other than chance has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from peelian.errors import DataError, UsageError
from peelian.patterns.chance_links import nearer_than_chance
from peelian.patterns.link_model import LinkModel
from peelian.patterns.links import link_incidents
from peelian.patterns.series import SeriesMethod
from peelian.records import Incidents
from peelian.workspace.calls import recorded
from peelian.workspace.chosen import Chosen, choose, keep
from peelian.workspace.found_links import areas_of, by_chance, by_model
from peelian.workspace.given import (
    KnownSeries,
    known_series,
    manner_for,
    manner_of,
    recorded_manner,
    told_apart,
)
from peelian.workspace.hypotheses import answered
from peelian.workspace.outcome import Outcome
from peelian.workspace.workspace import Workspace

__all__ = ["links"]

YEAR = np.timedelta64(365, "D")
"""How much is looked at unless more is asked for, or labels reach further back."""
MOST = 100_000
"""Reports whose pairs, five billion, are looked at in a minute or two."""
LIKELY, MORE_THAN_CHANCE = 0.1, 0.5
Span = tuple[str | None, str | None]
LABEL = "looking for links"


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is to be linked, and by what."""

    chosen: Chosen
    labels: KnownSeries | None
    outside: int
    manner: pd.DataFrame | None
    manner_from: str
    given: pd.DataFrame | None
    model: LinkModel | None
    notes: list[str]

    @property
    def incidents(self) -> Incidents:
        return self.chosen.incidents

    @property
    def known(self) -> pd.Series | None:
        """Labels of the reports that are looked at."""
        if self.labels is None:
            return None
        labels = self.labels.labels
        return labels[labels.index.isin(self.incidents.frame["id"])]


@recorded
def links(
    workspace: Workspace,
    category: str,
    *,
    first: str | None = None,
    last: str | None = None,
    labels: Path | None = None,
    manner: Path | None = None,
    numeric: Sequence[str] = (),
    model: str | None = None,
    at_least: float | None = None,
    series: SeriesMethod = "average",
    prior: float | None = None,
) -> Outcome:
    """Find reports that look alike enough to be one series; the page is ``runs/ID/links.html``.

    Parameters
    ----------
    first, last : date, optional
        Reports from `first` up to and without `last`; when not given the last 365 days that are complete, or from the
        first report on that has a label.
    labels : Path, optional
        CSV or Parquet with the columns ``incident`` and ``series``: which reports are known to be of one series. An
        incident is named by the id under which it is stored, or as its source numbers it, and may come twice.
    manner : Path, optional
        CSV or Parquet with the column ``incident`` and columns of codes: how things were done. Without it, what the
        records tell (the kind of place, the source's label) counts as manner where it varies.
    numeric : sequence of str
        Columns of `manner` that hold numbers, of which the difference counts.
    model : str, optional
        Id of an earlier run of ``links`` with labels: what it has learnt is used again.
    at_least : float, optional
        Least probability of a link to be listed, 0.1 when not given; by chance alone, least share of pairs that are
        more than chance, 0.5 when not given.
    series : {"average", "complete", "single", "communities"}
        How links become candidate series.
    prior : float, optional
        Share of all pairs that are linked, if that is known.

    Raises
    ------
    RefusedError
        The role may not, or all reports came from officers' own activity.
    NotEnoughDataError
        The labels name too few series to learn from, or there are too few reports.
    DataError
        A file holds what it should not, or there are too many reports.
    UsageError
        A setting is off, or there is no such run.
    """
    workspace.require("patterns", {"kind": "records"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.publish.links import links_page

    if labels is None and model is None and (manner is not None or prior is not None):
        msg = "a table of the manner or a prior was given, and neither labels nor a model that could use it"
        raise UsageError(msg, hint="--labels FILE, or --model RUN")
    with workspace.writing():
        workspace.progress(LABEL, 0, 3)
        asked = _asked(workspace, category, (first, last), (labels, manner), numeric, model)
        workspace.progress(LABEL, 1, 3)
        seed = workspace.config.forecast.seed
        if asked.model is None and asked.labels is None:
            least = MORE_THAN_CHANCE if at_least is None else at_least
            found = by_chance(nearer_than_chance(asked.incidents, at_least=least, seed=seed), asked.incidents)
        else:
            linked = link_incidents(
                asked.incidents,
                labels=asked.known,
                model=asked.model,
                manner=asked.manner,
                numeric=numeric,
                at_least=LIKELY if at_least is None else at_least,
                series=series,
                prior=prior,
                seed=seed,
            )
            found = by_model(linked, asked.incidents)
        workspace.progress(LABEL, 2, 3)
        where = areas_of(workspace.areas, found.pairs, asked.incidents)
        result = {
            **asked.chosen.to_dict(),
            **found.told,
            "pairs": [{**row, "where": name} for row, name in zip(found.told["pairs"], where, strict=False)],
            "basis": model or ("labels" if labels is not None else "nearer than chance"),
            "labels": None if asked.labels is None else {**asked.labels.to_dict(), "outside": asked.outside},
            "manner": {"from": asked.manner_from, "fields": found.fields},
            "answers": answered(workspace, "links", category),
            "notes": [*asked.notes, *found.notes],
            "origin": workspace.origin(seed=seed),
        }
        page = links_page(
            result,
            found.pairs,
            found.candidates,
            asked.incidents,
            areas=workspace.areas,
            demonstration=workspace.config.agency.demonstration,
        )
        workspace.progress(LABEL, 3, 3)
        given = {"labels": None if asked.labels is None else asked.labels.table, "manner": asked.given}
        # As text, in which an id can be found and erased.
        series_ = found.candidates.assign(ids=found.candidates["ids"].map(", ".join).astype("str"))
        tables = {"pairs": found.pairs, "series": series_, **found.tables}
        tables |= {name: table for name, table in given.items() if table is not None}
        details = {"links": len(found.pairs), "series": len(found.candidates), "learnt": found.learnt}
        return keep(workspace, "links", result, category=category, page=page, tables=tables, details=details)


def _asked(
    workspace: Workspace,
    category: str,
    span: Span,
    files: tuple[Path | None, Path | None],
    numeric: Sequence[str],
    run: str | None,
) -> _Asked:
    """Read what was given, and choose the reports."""
    every = choose(workspace, category, last=span[1])
    every = replace(every, incidents=told_apart(every.incidents))
    labels = None if files[0] is None else known_series(files[0], every.incidents)
    chosen, notes = _chosen(workspace, every, span, labels)
    model = None if run is None else _model(workspace, run, category)
    outside = 0
    if labels is not None:
        outside = int((~labels.labels.index.unique().isin(chosen.incidents.frame["id"])).sum())
        notes += _of_labels(labels, outside)
    elif model is None:
        notes += _learnt_before(workspace, category)
    given = None if files[1] is None else manner_of(files[1], chosen.incidents, numeric=numeric)
    lost = 0 if given is None else int(given["incident"].isna().sum())
    if given is not None and lost == len(given):
        msg = f"none of the {lost:,} rows of the manner is about one of the {len(chosen.incidents):,} reports looked at"
        raise DataError(msg, hint="name reports by their id, in the column incident")
    if lost:
        notes.append(f"{lost:,} rows of the manner are about no report that is looked at.")
    manner, source = _manner(workspace, chosen.incidents, given, run, model, learn=labels is not None)
    return _Asked(chosen, labels, outside, manner, source, given, model, notes)


def _chosen(
    workspace: Workspace, every: Chosen, span: Span, labels: KnownSeries | None
) -> tuple[Chosen, list[str]]:
    """The reports that are looked at: of the last year, or from the first one on that has a label."""
    notes = []
    if span[0] is not None:
        start = choose(workspace, every.category, first=span[0], last=span[1]).start
    else:
        start = max(every.start, every.end - YEAR)
        if labels is not None:
            labelled = every.incidents.time[every.incidents.frame["id"].isin(labels.labels.index).to_numpy()]
            start = min([start, *labelled.astype("datetime64[D]")])
        if start > every.start:
            reach = "or from the first report on that has a label, " if labels is not None else ""
            notes.append(f"The last 365 days are looked at, {reach}unless another time is asked for.")
    found = every.incidents.where(start=start, end=every.end)
    if len(found) > MOST:
        msg = f"there are {len(found):,} reports from {start} on; expected at most {MOST:,}, as all pairs are looked at"
        raise DataError(msg, hint="--from a later day")
    left_out = every.left_out + len(every.incidents) - len(found)
    return Chosen(every.category, found, start, every.end, left_out), notes


def _manner(
    workspace: Workspace,
    incidents: Incidents,
    given: pd.DataFrame | None,
    run: str | None,
    model: LinkModel | None,
    *,
    learn: bool,
) -> tuple[pd.DataFrame | None, str]:
    """How things were done, and where that is from: a file, the records, or the run whose table it is."""
    if given is not None:
        return given.dropna(subset=["incident"]).set_index("incident"), "file"
    if model is not None and run is not None:
        source = str(workspace.result(run)["manner"]["from"])
        return manner_for(workspace, run, model, incidents), run if source == "file" else source
    found = recorded_manner(incidents) if learn else None
    return found, "none" if found is None else "records"


def _of_labels(labels: KnownSeries, outside: int) -> list[str]:
    """What became of the labels, in sentences."""
    told = labels.to_dict()
    held = (
        f"The file names {told['series']:,} series of two reports or more, and {told['alone']:,} of one, in "
        f"{told['incidents']:,} reports. What is kept calls them K1, K2 and so on, in the order of the file: the names "
        "that somebody gave them are not stored."
    )
    notes = [held]
    if told["unknown"]:
        notes.append(
            f"{told['unknown']:,} of its {told['rows']:,} rows name an incident that is not among the reports of this "
            "category, and are left out."
        )
    if told["without_series"]:
        notes.append(f"{told['without_series']:,} rows name no series, and are left out.")
    if outside:
        notes.append(f"{outside:,} labelled reports lie outside of the time, and are left out.")
    return notes


def _learnt_before(workspace: Workspace, category: str) -> list[str]:
    for row in reversed(workspace.runs("links", category=category)):
        if workspace.result(row["id"])["model"] is not None:
            return [f"{row['id']} has learnt from known series: --model {row['id']} uses that again."]
    return [
        "No known series were given to learn from (--labels), so that nothing more than nearness is known."
    ]


def _model(workspace: Workspace, run: str, category: str) -> LinkModel:
    """What an earlier run has learnt."""
    rows = workspace.runs("links", category=category)
    held = [row["id"] for row in rows if workspace.result(row["id"])["model"] is not None]
    if run not in held:
        known = ", ".join(held[-3:]) or "none yet"
        msg = f"{run!r} was given as a run that has learnt what links reports of {category}; there is {known}"
        raise UsageError(msg, hint=f"--model {held[-1]}" if held else "--labels FILE")
    return LinkModel.from_dict(workspace.result(run)["model"])
