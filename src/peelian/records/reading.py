"""Reading a file of incidents: recognise it, run it through the pipeline, account for every row."""

# ruff: noqa: S608  names in statements are ours
from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import shapely

from peelian.errors import UsageError
from peelian.records.accounting import quarantine_sql
from peelian.records.categories import load_table
from peelian.records.engine import arrow, connect
from peelian.records.files import open_file
from peelian.records.incidents import Incidents, check_zone
from peelian.records.pipeline import FINAL_FIELDS, Plan, Progress, Run, run
from peelian.records.report import QUARANTINE_COLUMNS, ImportReport
from peelian.records.schema import ARROW_SCHEMA, coarsest
from peelian.records.sources import DateOrder, mapped_source, recognise

__all__ = ["EARLIEST", "ReadOptions", "Reading", "read_incidents"]

#: Times before this are not believed: they are typing errors and defaults, such as 1900-01-01.
EARLIEST = dt.datetime(1970, 1, 1)  # noqa: DTZ001  civil time has no offset


#: If more than this share of the duplicates has other content, their ids are probably not the same incidents'.
_REUSED = 0.1


class ReadOptions(TypedDict, total=False):
    """The options of :func:`read_incidents` that say what a file holds and what to keep of it."""

    source: str | None
    mapping: Mapping[str, str] | None
    crs: str | None
    source_crs: str | None
    zone: str | None
    categories: str | os.PathLike[str] | None
    study_area: shapely.Geometry | None
    now: dt.datetime | None
    earliest: dt.datetime
    date_order: DateOrder | None


@dataclass(frozen=True)
class Reading:
    """What reading a file gave: incidents, the rows that were set aside, and the account of all rows.

    ``quarantine`` has the columns of :data:`peelian.records.QUARANTINE_COLUMNS`; ``row`` is the 1-based
    number of the data row in the file.
    """

    incidents: Incidents
    quarantine: pd.DataFrame
    report: ImportReport


def read_incidents(
    path: str | os.PathLike[str],
    *,
    source: str | None = None,
    mapping: Mapping[str, str] | None = None,
    crs: str | None = None,
    source_crs: str | None = None,
    zone: str | None = None,
    categories: str | os.PathLike[str] | None = None,
    study_area: shapely.Geometry | None = None,
    now: dt.datetime | None = None,
    earliest: dt.datetime = EARLIEST,
    date_order: DateOrder | None = None,
    threads: int | None = None,
    memory: str = "1GB",
    progress: Progress | None = None,
) -> Reading:
    """Read a CSV or Parquet file of reported incidents.

    Parameters
    ----------
    path : path
        The file.
    source : str, optional
        Name of a known source, instead of recognising it from the header; with ``mapping``, the name to
        store (a word such as ``calls``, not that of a known source; ``mapped`` when not given). Ids are
        told apart within a source only: files with ids of their own need a name each.
    mapping : mapping of str to str, optional
        Field -> column, for a file of no known source (see :data:`peelian.records.MAPPABLE`).
    crs : str, optional
        Projected CRS to project to. Default: the source's own if projected, else the UTM zone of the points.
    source_crs : str, optional
        CRS of the file's coordinates, where the source doesn't say it. Default: the same as ``crs``.
    zone : str, optional
        IANA zone of the agency; naive times are its civil time. Default: the source's own.
    categories : path, optional
        CSV of category rules that come before the built-in table (see :mod:`peelian.records.categories`).
    study_area : shapely geometry, optional
        Area in ``crs`` outside which rows are quarantined.
    now : datetime, optional
        Rows after it are quarantined as ``future``. Default: the current time in ``zone``.
    earliest : datetime
        Rows before it are quarantined as ``too_old``.
    date_order : {"mdy", "dmy"}, optional
        Order in dates such as 03/04/2017, where values don't show it.
    threads, memory : int, str
        Bounds for DuckDB.
    progress : callable, optional
        Called with the name of a step and the share done.

    Raises
    ------
    SourceError
        If the file can't be read, is of no known source, or its mapping breaks the allow-list.
    CRSError
        If coordinates and CRS don't fit together.
    """
    started = time.perf_counter()
    plan = make_plan(
        Path(path),
        source=source,
        mapping=mapping,
        crs=crs,
        source_crs=source_crs,
        zone=zone,
        categories=categories,
        study_area=study_area,
        now=now,
        earliest=earliest,
        date_order=date_order,
    )
    with connect(threads=threads, memory=memory) as (connection, _):
        found = run(connection, plan, progress=progress)
        frame = (
            arrow(connection, f"SELECT {FINAL_FIELDS} FROM final WHERE status = 'stored' ORDER BY row")
            .cast(ARROW_SCHEMA)
            .to_pandas()
        )
        quarantine = quarantine_frame(connection, plan, found)
        report = make_report(connection, plan, found, seconds=time.perf_counter() - started)
    if progress is not None:
        progress("done", 1.0)
    return Reading(Incidents(frame, found.crs, plan.zone), quarantine, report)


def make_plan(path: Path, **options: Unpack[ReadOptions]) -> Plan:
    """Open a file and settle how it is to be read; options as in :func:`read_incidents`."""
    source, mapping, zone = options.get("source"), options.get("mapping"), options.get("zone")
    categories, date_order = options.get("categories"), options.get("date_order")
    file = open_file(path)
    if mapping:
        known = mapped_source(mapping, file.columns, name=source or "mapped", date_order=date_order)
    else:
        known = recognise(file.columns, name=source)
    zone = zone or known.zone
    if zone is None:
        msg = f"{path.name}: the time zone is not given, and a mapped file does not say it"
        raise UsageError(msg, hint="zone='America/Chicago', the IANA zone of the agency")
    check_zone(zone)
    return Plan(
        file=file,
        source=known,
        layout=known.require_layout(file.columns),
        zone=zone,
        table=load_table(known.name, Path(categories) if categories is not None else None),
        now=_civil(options.get("now"), zone),
        earliest=_civil(options.get("earliest", EARLIEST), zone),
        crs=options.get("crs"),
        source_crs=options.get("source_crs"),
        date_order=date_order,
        study_area=options.get("study_area"),
    )


def _civil(moment: dt.datetime | None, zone: str) -> dt.datetime:
    if moment is None:
        moment = dt.datetime.now(ZoneInfo(zone))
    return moment if moment.tzinfo is None else moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def quarantine_frame(connection: duckdb.DuckDBPyConnection, plan: Plan, found: Run) -> pd.DataFrame:
    """Return the quarantined rows of a run, malformed ones included, in the order of the file."""
    rows: pd.DataFrame = arrow(connection, quarantine_sql(plan.positions)).to_pandas()
    malformed = pd.DataFrame({"row": list(found.raw.malformed)}, dtype="int64")
    malformed["reason"] = "malformed_row"
    joined = pd.concat([rows, malformed]) if len(malformed) else rows
    return joined.reindex(columns=list(QUARANTINE_COLUMNS)).sort_values("row").reset_index(drop=True)


def make_report(
    connection: duckdb.DuckDBPyConnection, plan: Plan, found: Run, *, seconds: float
) -> ImportReport:
    """Count what became of the rows of a run.

    Raises
    ------
    PeelianError
        If a row is not accounted for.
    """
    status = _counts(connection, "SELECT status, count(*) FROM final GROUP BY 1")
    reasons = _counts(
        connection,
        "SELECT reason, count(*) FROM final WHERE status = 'quarantined' GROUP BY 1 ORDER BY 2 DESC, 1",
    )
    if found.raw.malformed:
        reasons["malformed_row"] = len(found.raw.malformed)
    categories = _counts(
        connection,
        "SELECT category, count(*) n FROM final WHERE status = 'stored' GROUP BY 1 ORDER BY 2 DESC, 1",
    )
    row = connection.execute(
        """SELECT strftime(min(occurred_from) FILTER (status = 'stored'), '%Y-%m-%d %H:%M:%S'),
        strftime(max(occurred_from) FILTER (status = 'stored'), '%Y-%m-%d %H:%M:%S'),
        list(DISTINCT resolution) FILTER (status = 'stored'),
        count(*) FILTER (status = 'stored' AND officer_initiated),
        count(*) FILTER (status = 'stored' AND NOT own AND contains(id, '-')),
        count(*) FILTER (revised), count(*) FILTER (gap), count(*) FILTER (twice) FROM final"""
    ).fetchall()[0]
    duplicates, revised = status.get("duplicate", 0), int(row[5])
    cancelled = connection.execute(
        "SELECT count(*) FROM cancels WHERE id IN (SELECT id FROM stored_before)"
    ).fetchall()[0][0]
    return ImportReport(
        source=plan.source.name,
        file=plan.file.path.name,
        sha256=plan.file.sha256,
        rows_in=found.raw.total,
        stored=status.get("stored", 0),
        duplicates=duplicates,
        corrections=status.get("correction", 0),
        quarantined=status.get("quarantined", 0) + len(found.raw.malformed),
        quarantined_by_reason=reasons,
        dropped_columns=plan.dropped,
        unmapped=found.unmapped,
        identical_rows=int(row[4]),
        revised=revised,
        cancelled_earlier=int(cancelled),
        categories=categories,
        officer_initiated=int(row[3]),
        first_occurred=row[0],
        last_occurred=row[1],
        resolution=coarsest(set(row[2] or ())),
        crs=found.crs,
        zone=plan.zone,
        dst_nonexistent=int(row[6]),
        dst_ambiguous=int(row[7]),
        warnings=found.warnings + _revision_warnings(revised, duplicates),
        seconds=round(seconds, 3),
    )


def _revision_warnings(revised: int, duplicates: int) -> list[str]:
    if not revised:
        return []
    kept = (
        f"{revised} rows have the id of a row that came before, with other content; the row that came first was kept "
        "as it was, and these were left out"
    )
    warnings = [kept]
    if revised > _REUSED * duplicates:
        warnings.append(
            f"{revised} of {duplicates} duplicates differ from the row of the same id: it seems that another file uses "
            "the same ids for other incidents; give each file with ids of its own a source name of its own"
        )
    return warnings


def _counts(connection: duckdb.DuckDBPyConnection, statement: str) -> dict[str, int]:
    return {str(name): int(n) for name, n in connection.execute(statement).fetchall()}
