"""``duplicates``: records that may be of the same incident, within sources or between two of them.

Nothing is deleted or merged. All records are looked at, what officers found by their own activity too: whether a record
is there twice is a question of the data, and nothing is learnt about places from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.duplicates import Duplicates, Engine, find_duplicates
from peelian.places.periods import as_day
from peelian.records import Incidents
from peelian.records.coverage import span_of_table
from peelian.workspace.calls import recorded
from peelian.workspace.chosen import keep
from peelian.workspace.given import told_apart
from peelian.workspace.history import MAIN_SOURCE
from peelian.workspace.hypotheses import answered, named
from peelian.workspace.outcome import Outcome
from peelian.workspace.workspace import Workspace

__all__ = ["duplicates"]

YEAR = np.timedelta64(365, "D")
"""How much is looked at unless more is asked for."""
UNCERTAIN, SURE = 150, 50
"""Pairs to confirm or reject by name: the uncertain ones nearest to even odds, and the likeliest."""
SHOWN = 25
GROUPS = 50
LABEL = "looking for records of the same incident"
EVERY = (
    "All records are looked at, what officers found by their own activity too: whether a record is there twice is a "
    "question of the data."
)
ALIKE = (
    "A report with several offences or several vehicles may have a record for each: they are of the same incident, and "
    "need not be a mistake."
)


@dataclass(frozen=True, eq=False)
class _Looked:
    """The records that are looked at."""

    one: Incidents
    other: Incidents | None
    start: np.datetime64
    end: np.datetime64
    cut: bool
    sources: list[str]

    @property
    def frame(self) -> pd.DataFrame:
        parts = [part.frame for part in (self.one, self.other) if part is not None]
        return pd.concat(parts, ignore_index=True).set_index("id")


@recorded
def duplicates(
    workspace: Workspace,
    *,
    category: str | None = None,
    first: str | None = None,
    last: str | None = None,
    source: str | None = None,
    other: str | None = None,
    metres: float = 200.0,
    hours: float = 24.0,
    same_at: float = 0.9,
    different_at: float = 0.1,
    one_to_one: bool | None = None,
    engine: Engine = "moved",
) -> Outcome:
    """Find records that may be of the same incident; the page is ``runs/ID/duplicates.html``.

    Parameters
    ----------
    category : str, optional
        Records of it alone; all when not given, as one incident may have records of two categories.
    first, last : date, optional
        Records from `first` up to and without `last`; the last 365 days that are complete when not given.
    source : str, optional
        Records of this source alone; of all, together, when not given.
    other : str, optional
        Another source: then only pairs of a record of `source` with one of `other` are looked at, such as calls with
        reports.
    metres, hours : float
        Reach.
    same_at, different_at : float
        Probability from which on two records are taken as the same incident, and below which as different ones.
    one_to_one : bool, optional
        A record has one partner at most; so between two sources when not given, and not within one.
    engine : {"moved", "splink"}
        See `peelian.patterns.duplicates.find_duplicates`.

    Raises
    ------
    RefusedError
        The role may not.
    NotEnoughDataError
        Fewer than two records, or a span of under two weeks.
    ResolutionError
        Times are known to the month only.
    DataError, UsageError
        A setting is off, there is no such source, or there are too many pairs.
    MissingExtraError
        splink was asked for and is not installed.
    """
    workspace.require("patterns", {"kind": "records"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.publish.duplicates import duplicates_page

    with workspace.writing():
        workspace.progress(LABEL, 0, 2)
        looked = _looked(workspace, category, (first, last), source, other)
        seed = workspace.config.forecast.seed
        found = find_duplicates(
            looked.one,
            looked.other,
            metres=metres,
            hours=hours,
            same_at=same_at,
            different_at=different_at,
            one_to_one=one_to_one,
            engine=engine,
            seed=seed,
        )
        workspace.progress(LABEL, 1, 2)
        pairs, hypotheses = _named(found, looked)
        result = {
            "category": category or "",
            "from": str(looked.start),
            "to": str(looked.end),
            "incidents": sum(found.records),
            "sources": looked.sources,
            **_told(found),
            "pairs": _first(pairs, looked),
            "hypotheses": hypotheses,
            "answers": answered(workspace, "duplicates", category or ""),
            "notes": _notes(looked, first, other),
            "origin": workspace.origin(seed=seed),
        }
        page = duplicates_page(
            result,
            pairs,
            looked.frame,
            crs=looked.one.crs,
            areas=workspace.areas,
            demonstration=workspace.config.agency.demonstration,
        )
        workspace.progress(LABEL, 2, 2)
        tables = {"pairs": pairs, "bands": found.bands, "groups": _groups(found), "features": found.features}
        n = {row["band"]: row["pairs"] for row in result["bands"]}
        details = {"same": n["same"], "uncertain": n["uncertain"], "sources": looked.sources}
        return keep(
            workspace,
            "duplicates",
            result,
            category=category or "",
            page=page,
            tables=tables,
            details=details,
        )


def _looked(
    workspace: Workspace,
    category: str | None,
    span: tuple[str | None, str | None],
    source: str | None,
    other: str | None,
) -> _Looked:
    """The records of a time, of all sources, of one, or of two apart."""
    names = _sources(workspace, source, other)
    begin, stop = _span(workspace, category, names)
    end = stop if span[1] is None else as_day(span[1])
    start = max(begin, end - YEAR) if span[0] is None else as_day(span[0])
    if start >= end:
        msg = f"records from {start} up to {end} were asked for; expected a first day before the last"
        raise UsageError(msg, hint=f"--from {begin} --to {stop}")
    wanted = {"category": category, "sources": names, "start": str(start), "end": str(end)}
    inside = told_apart(workspace.incidents(**wanted))
    if len(inside) < 2:
        of = ", ".join(filter(None, [category, *(names or ())]))
        msg = f"{len(inside)} records{f' of {of}' if of else ''} lie between {start} and {end}; a pair takes two"
        raise NotEnoughDataError(msg, hint=f"--from {begin} --to {stop}")
    found = sorted(str(name) for name in inside.frame["source"].unique())
    if other is None:
        return _Looked(inside, None, start, end, bool(start > begin), found)
    one, two = (
        Incidents(inside.frame[(inside.frame["source"] == name).to_numpy()], inside.crs, inside.zone)
        for name in names or ()
    )
    return _Looked(one, two, start, end, bool(start > begin), list(names or ()))


def _span(
    workspace: Workspace, category: str | None, names: list[str] | None
) -> tuple[np.datetime64, np.datetime64]:
    """From when to when the sources are complete: those that a category's records are looked for in."""
    if not workspace.record_files():
        workspace.incidents()  # says that nothing is stored
    table = workspace.store.table()
    counted = table.group_by("source").agg(n=table.count()).to_pandas().set_index("source")["n"]
    counted = counted if names is None else counted[counted.index.isin(names)]
    workspace.guard.work_on(category=category or "", sources=tuple(sorted(map(str, counted.index))))
    main = [str(name) for name, n in counted.items() if names is not None or n >= MAIN_SOURCE * counted.sum()]
    return span_of_table(table, sources=sorted(main))


def _sources(workspace: Workspace, source: str | None, other: str | None) -> list[str] | None:
    """The sources that are asked for by name; None for all of them."""
    asked = [name.strip() for name in (source, other) if name is not None]
    if not asked:
        return None
    table = workspace.store.table()
    known = sorted(str(name) for name in table.select("source").distinct().to_pyarrow()["source"].to_pylist())
    unknown = [name for name in asked if name not in known]
    if unknown:
        msg = f"{unknown[0]!r} was given as a source; the records are of {', '.join(known) or 'none'}"
        raise UsageError(msg, hint=f"--source {known[0]}" if known else "peelian import FILE")
    if other is not None and (source is None or len(set(asked)) < 2):
        msg = f"{other!r} was given as the other source, and {source!r} as the first; expected two"
        raise UsageError(msg, hint=f"--source {known[0]} --other {known[-1]}")
    return asked


def _named(found: Duplicates, looked: _Looked) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """All pairs that are not different, and those of them that can be confirmed or rejected by name."""
    pairs = found.pairs[found.pairs["band"] != "different"].reset_index(drop=True)
    odds = (pairs["probability"] - 0.5).abs()
    open_ = odds[pairs["band"] == "uncertain"].sort_values(kind="stable").index[:UNCERTAIN]
    sure = pairs.index[(pairs["band"] == "same")][:SURE]
    rows = [*open_.tolist(), *sure.tolist()]
    days = looked.frame["occurred_from"].dt.strftime("%Y-%m-%d").to_dict()
    said = [(_said(row, days), row.probability) for row in _rows(pairs.loc[rows])]
    hypotheses = named("D", said)
    ids = [""] * len(pairs)
    for k, one in zip(rows, hypotheses, strict=True):
        ids[k] = one["id"]
    pairs.insert(0, "id", pd.Series(ids, dtype="str"))
    return pairs, hypotheses


def _said(row: Any, days: dict[str, str]) -> str:
    """One sentence that a person can confirm or reject."""
    return (
        f"{row.one} ({days[row.one]}) and {row.two} ({days[row.two]}), {row.metres:,.0f} m and {row.minutes:,.0f} "
        "minutes apart, are records of the same incident"
    )


def _rows(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples())


def _told(found: Duplicates) -> dict[str, Any]:
    """What a result holds; tables have the pairs and the groups."""
    told = found.to_dict()
    sizes = [len(group) for group in found.groups]
    return {
        **{name: told[name] for name in ("settings", "sentence", "records", "bands", "features")},
        "groups": {
            "n": len(sizes),
            "records": sum(sizes),
            "largest": [list(group) for group in found.groups[:GROUPS] if len(group) > 2],
        },
        "limits": [ALIKE, *told["limits"]],
    }


def _first(pairs: pd.DataFrame, looked: _Looked) -> list[dict[str, Any]]:
    """The first of the uncertain pairs and of the likeliest, with what each record says of itself."""
    frame = looked.frame
    named_ = pairs[pairs["id"] != ""]
    order = named_["id"].str[1:].astype(int).sort_values().index
    rows = named_.loc[order]
    shown = [rows[rows["band"] == band].head(SHOWN) for band in ("uncertain", "same")]
    told = []
    for row in _rows(pd.concat(shown)):
        one, two = frame.loc[row.one], frame.loc[row.two]
        about = [
            {
                "id": name,
                "at": str(of["occurred_from"])[:16],
                "label": str(of["label"]),
                "source": str(of["source"]),
            }
            for name, of in ((row.one, one), (row.two, two))
        ]
        told.append(
            {
                "id": row.id,
                "band": row.band,
                "probability": float(row.probability),
                "metres": float(row.metres),
                "minutes": float(row.minutes),
                "why": row.why,
                "records": about,
            }
        )
    return told


def _groups(found: Duplicates) -> pd.DataFrame:
    """A row a record: the group of the same incident that it is in."""
    rows = [(k, name) for k, group in enumerate(found.groups, start=1) for name in group]
    return pd.DataFrame(rows, columns=["group", "id"]).astype({"group": "int64", "id": "str"})


def _notes(looked: _Looked, first: str | None, other: str | None) -> list[str]:
    notes = [EVERY]
    if first is None and looked.cut:
        notes.append("The last 365 days are looked at, unless another time is asked for.")
    if other is None and len(looked.sources) > 1:
        notes.append(
            f"Records of {', '.join(looked.sources)} are looked at together, within sources and between them; --source "
            "and --other look at the pairs of two sources alone."
        )
    return notes
