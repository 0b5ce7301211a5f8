"""``audit stops``: whom stops and searches fall on, held against several denominators, their outcomes and the light.

The file is an agency's own, or another's: nothing of it is brought into the records. A run keeps what the reader let in
(area, day, minute, group, basis, search, outcome) as a table, so that the result can be made again without the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from peelian._version import __version__
from peelian.audits.finding import Threshold
from peelian.audits.stop_records import COLUMNS, StopRecords, Times, read_stops
from peelian.audits.stop_refusals import refuse_births, refuse_identifying, told_columns
from peelian.audits.stop_residents import Residents, residents_by_area
from peelian.audits.stop_thresholds import inferred_thresholds
from peelian.audits.stops import StopsAudit, stops_audit
from peelian.errors import DataError, UsageError
from peelian.records.files import open_file
from peelian.workspace.calls import recorded
from peelian.workspace.outcome import Outcome
from peelian.workspace.thresholds import thresholds_for
from peelian.workspace.workspace import Workspace

__all__ = ["audit_stops", "stops_of_file"]

VERB = "audit_stops"
KEPT = "stops"
"""Under this name a kept table says how it was read."""
SQUARE = r"square \d{1,6}-\d{1,6}"
COUNTS = ("count", "incidents", "reports", "n")
REPLICATES = 1000


@dataclass(frozen=True, eq=False)
class _Given:
    """What was given, as it was read."""

    records: StopRecords
    residents: Residents | None = None
    ambient: Residents | None = None
    incidents: pd.Series | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """What a run keeps, by the name of the argument."""
        tables = {"stops": _to_keep(self.records.frame, self.records.about())}
        for name, held in (("residents", self.residents), ("ambient", self.ambient)):
            if held is not None:
                tables[name] = _to_keep(held.frame, list(held.notes))
        if self.incidents is not None:
            tables["incidents"] = _to_keep(
                self.incidents.rename("count").rename_axis("area").reset_index(), []
            )
        return tables


def _to_keep(table: pd.DataFrame, about: Any) -> pd.DataFrame:
    """A table of the same types whether it comes from a file or from what was kept, with how it was read."""
    kinds = {"O": "string", "M": "datetime64[ms]"}
    types = {name: kinds[kind] for name in table.columns if (kind := table[name].dtype.kind) in kinds}
    kept = table.astype(types).set_axis([str(name) for name in table.columns], axis=1)
    kept.attrs = {KEPT: json.loads(json.dumps(about, sort_keys=True))}
    return kept


@recorded
def audit_stops(
    workspace: Workspace,
    stops: Path,
    *,
    layout: str | None = None,
    mapping: Mapping[str, str] | None = None,
    zone: str | None = None,
    times: Times | None = None,
    merge: Mapping[str, str] | None = None,
    square_km: float = 0.5,
    residents: Path | None = None,
    ambient: Path | None = None,
    incidents: Path | None = None,
    place: str = "area",
    basis: str | None = None,
    reference: str | None = None,
    lat: float | None = None,
    lon: float | None = None,
    infer: bool = True,
    level: float = 0.95,
) -> Outcome:
    """Audit a file of stops and searches; the page is ``runs/ID/audit_stops.html``.

    Parameters
    ----------
    stops : Path
        CSV or Parquet.
    layout, mapping, zone, times, merge, square_km
        See `peelian.audits.stop_records.read_stops`.
    residents, ambient : Path, optional
        CSV or Parquet: a row an area, a column a group, and one of all residents where these are shares.
    incidents : Path, optional
        CSV or Parquet with a row a reported incident, or an area and its ``count``.
    place : str
        The column of these with the area's name, as it stands in the stops.
    basis, reference, lat, lon, level
        See `peelian.audits.stops.stops_audit`.
    infer : bool
        Whether the threshold test is made, where it can be.

    Raises
    ------
    RefusedError
        The role may not.
    UsageError, DataError, SourceError, NotEnoughDataError
        See `read_stops` and `stops_audit`.
    """
    workspace.require("audit", {"kind": "stops"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.publish.audit_stops import audit_stops_page

    read = {
        "layout": layout,
        "mapping": mapping,
        "zone": zone,
        "times": times,
        "merge": merge,
        "square_km": square_km,
    }
    with workspace.writing():
        workspace.progress("auditing stops", 0, 2)
        given = _read(stops, residents, ambient, incidents, place=place, **read)
        workspace.progress("auditing stops", 1, 2)
        subject = _digest(given.records.frame)
        seed = workspace.config.forecast.seed
        held = thresholds_for(workspace, "stops", verb=VERB, subject=subject)
        found = _audit(
            given,
            basis=basis,
            reference=reference,
            lat=lat,
            lon=lon,
            infer=infer,
            level=level,
            seed=seed,
            thresholds=held.thresholds,
        )
        result = _result(found, given, held.notes)
        result["origin"] = workspace.origin(seed=seed, stops=subject)
        workspace.progress("auditing stops", 2, 2)
        page = audit_stops_page(result, demonstration=workspace.config.agency.demonstration)
        return workspace.commit(
            workspace.new_run(VERB),
            result,
            subject=subject,
            tables=_tables(given, found),
            pages={f"{VERB}.html": page},
            details={"stops": len(given.records), "passes": found.passes},
        )


def _tables(given: _Given, found: StopsAudit) -> dict[str, pd.DataFrame]:
    tables = {**given.tables, "findings": found.frame}
    return tables if found.inferred is None else {**tables, "thresholds": found.inferred.by_district}


def stops_of_file(
    stops: Path,
    *,
    residents: Path | None = None,
    ambient: Path | None = None,
    incidents: Path | None = None,
    place: str = "area",
    basis: str | None = None,
    reference: str | None = None,
    lat: float | None = None,
    lon: float | None = None,
    infer: bool = True,
    level: float = 0.95,
    seed: int = 0,
    **read: Any,
) -> dict[str, Any]:
    """Audit a file of stops without a workspace: the result, parameters and errors are those of `audit_stops`."""
    given = _read(stops, residents, ambient, incidents, place=place, **read)
    found = _audit(
        given,
        basis=basis,
        reference=reference,
        lat=lat,
        lon=lon,
        infer=infer,
        level=level,
        seed=seed,
        thresholds={},
    )
    result = _result(found, given, [])
    result["origin"] = {"peelian": __version__, "seed": seed, "stops": _digest(given.records.frame)}
    return result


def _audit(
    given: _Given,
    *,
    basis: str | None,
    reference: str | None,
    lat: float | None,
    lon: float | None,
    infer: bool,
    level: float,
    seed: int,
    thresholds: Mapping[str, Threshold],
) -> StopsAudit:
    incidents = None if given.incidents is None else {str(k): float(v) for k, v in given.incidents.items()}
    return stops_audit(
        given.records,
        reference=reference,
        residents=given.residents,
        ambient=given.ambient,
        incidents=incidents,
        basis=basis,
        lat=lat,
        lon=lon,
        inferred=inferred_thresholds if infer else None,
        level=level,
        replicates=REPLICATES,
        seed=seed,
        thresholds=thresholds,
    )


def _result(found: StopsAudit, given: _Given, notes: list[str]) -> dict[str, Any]:
    result = found.to_dict()
    return {**result, "notes": [*result["notes"], *given.notes, *notes]}


def _read(
    stops: Path,
    residents: Path | None,
    ambient: Path | None,
    incidents: Path | None,
    *,
    place: str,
    **read: Any,
) -> _Given:
    kept = _kept(stops)
    records = read_stops(stops, **read) if kept is None else _again(*kept)
    groups = list(records.groups)
    notes: list[str] = []
    tables: dict[str, Residents | None] = {}
    for name, path in (("residents", residents), ("ambient", ambient)):
        tables[name] = None if path is None else _residents(path, place, groups)
        held = tables[name]
        notes += [] if held is None else held.notes
    if incidents is not None and residents is None:
        msg = "incidents were given without residents; expected both, as incidents weigh residents by area"
        raise UsageError(msg, hint="--residents FILE")
    by_area = None if incidents is None else _incidents(incidents, place)
    return _Given(records, tables["residents"], tables["ambient"], by_area, notes)


def _kept(path: Path) -> tuple[pd.DataFrame, Any] | None:
    """A table that a run kept, and what it says of itself; None of any other file."""
    if (
        not path.is_file()
        or path.read_bytes()[:4] != b"PAR1"
        or b"PANDAS_ATTRS" not in (pq.read_schema(path).metadata or {})
    ):
        return None
    table = pd.read_parquet(path)
    return (table, table.attrs[KEPT]) if KEPT in table.attrs else None


def _again(frame: pd.DataFrame, about: Mapping[str, Any]) -> StopRecords:
    """Stops as a run kept them. That they say so is no reason to let in what a file may not hold."""
    if tuple(frame.columns) != COLUMNS:
        given = ", ".join(map(str, frame.columns))
        msg = f"a kept table of stops has the columns {given}; expected {', '.join(COLUMNS)}"
        raise DataError(msg, hint="give the file that it was made from")
    kinds = {"day": "M", "minute": "f", "lat": "f", "lon": "f"}
    other = [column for column, kind in kinds.items() if frame[column].dtype.kind != kind]
    if other:
        msg = f"in a kept table of stops {', '.join(other)} are of another type; expected days, minutes and degrees"
        raise DataError(msg, hint="give the file that it was made from")
    for column, name in (("area", "place"), ("group", "group"), ("basis", "basis")):
        frame[column] = frame[column].astype(object).where(frame[column].notna(), None)
        # Squares of the map are the reader's own names, and in a wide place hardly one of them recurs.
        squares = column == "area" and bool(frame[column].dropna().astype(str).str.fullmatch(SQUARE).all())
        if not squares:
            refuse_identifying(name, column, frame[column])
    refuse_births("day", frame["day"])
    frame[["lat", "lon"]] = frame[["lat", "lon"]].round(2)
    frame.attrs = {}
    return StopRecords(
        frame,
        layout=str(about["layout"]),
        zone=str(about["zone"]),
        meanings=dict(about["meanings"]),
        clock=str(about["clock"]),
        counts=dict(about["counts"]),
        notes=tuple(about["notes"]),
    )


def _table(path: Path, place: str, only: tuple[str, ...] = ()) -> pd.DataFrame:
    """A table of areas: of `only` these columns where any are named, besides the area's; errors as `open_file`."""
    opened = open_file(path)
    if place not in opened.columns:
        msg = f"column {place!r} was named, but {path.name} has {told_columns(opened.columns)}"
        raise DataError(msg, hint="--place COLUMN")
    wanted = [name for name in opened.columns if not only or name == place or name in only]
    if opened.parquet:
        table = pd.read_parquet(path, columns=wanted)
    else:
        table = pd.read_csv(path, usecols=wanted, sep=opened.delimiter, encoding="utf-8-sig")
    refuse_identifying("place", place, pd.Series(table[place].unique()).repeat(3))
    return table


def _residents(path: Path, place: str, groups: list[str]) -> Residents:
    kept = _kept(path)
    if kept is None:
        return residents_by_area(_table(path, place), place=place, groups=groups)
    columns = {name: name for name in kept[0].columns if name not in ("area", "everyone")}
    again = residents_by_area(
        kept[0], place="area", groups=list(columns), columns=columns, population="everyone"
    )
    return Residents(again.counts, again.everyone, tuple(kept[1]))


def _incidents(path: Path, place: str) -> pd.Series:
    """Reported incidents by area. Nothing else of the file is read."""
    place = "area" if _kept(path) is not None else place
    table = _table(path, place, COUNTS)
    count = next((name for name in COUNTS if name in table.columns), None)
    areas = table[place].astype("string").str.strip()
    weight = (
        pd.Series(1.0, index=table.index) if count is None else pd.to_numeric(table[count], errors="coerce")
    )
    if areas.isna().all() or weight.isna().any() or (weight < 0).any():
        msg = f"{path.name} has areas or counts of incidents that are missing or negative"
        raise DataError(msg, hint="a row an incident with its area, or an area and its count")
    return weight.groupby(areas).sum().astype(float)


def _digest(frame: pd.DataFrame) -> str:
    """Names the stops by what was read of them, whatever the file was called."""
    rows = pd.util.hash_pandas_object(frame.astype(dict.fromkeys(frame.columns, "string")), index=False)
    head = json.dumps(list(frame.columns)).encode()
    return hashlib.sha256(head + rows.to_numpy().tobytes()).hexdigest()[:16]
