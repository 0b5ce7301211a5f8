"""``import``: read a city's records into the store, and account for every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from peelian.errors import ConfigError, UsageError
from peelian.records import SOURCES, recognise
from peelian.records.files import open_file
from peelian.workspace.calls import recorded
from peelian.workspace.disclosure import account, told_of_import
from peelian.workspace.workspace import Outcome, Workspace

if TYPE_CHECKING:
    from peelian.records import DateOrder

__all__ = ["import_records"]


@recorded
def import_records(
    workspace: Workspace,
    path: Path | str,
    *,
    source: str | None = None,
    mapping: Mapping[str, str] | None = None,
    source_crs: str | None = None,
    date_order: str | None = None,
) -> Outcome:
    """Import one file.

    Parameters
    ----------
    source : str, optional
        A known source, or a name of ``[records.map.NAME]`` in ``peelian.toml``; if not given, it is recognised from
        the header.
    mapping : mapping of standard field to column, optional
        For any other CSV or Parquet file.
    source_crs : str, optional
        CRS of the file's points; of a mapped file, the workspace's own when not given.
    date_order : {"mdy", "dmy"}, optional
        How dates with slashes are meant in a mapped file whose dates don't tell.

    Returns
    -------
    Outcome
        `peelian.records.ImportReport` as a dictionary.
    """
    workspace.require("import", {"kind": "records"})
    if date_order not in (None, "mdy", "dmy"):
        msg = f"{date_order!r} was given as the order of dates; expected mdy (month first) or dmy (day first)"
        raise UsageError(msg, hint="--date-order mdy")
    path = Path(path)
    if not path.is_file():
        what = "it is a folder" if path.is_dir() else "there is no such file"
        msg = f"{path} was given as a file of records, but {what}"
        raise UsageError(msg, hint="peelian import FILE, a CSV or Parquet file")
    if mapping is None and source in workspace.config.records.map:
        mapping = workspace.config.records.map[source]
    with workspace.writing():
        workspace.guard.work_on(sources=(_source(path, source, mapping),))
        run = workspace.new_run("import")
        crs = workspace.crs
        area = None
        if workspace.areas is not None and crs is not None:
            area = workspace.areas.union()
        override = _own_categories(workspace, path, source, mapping)
        staged = workspace.store.stage(
            path,
            import_id=run,
            source=source,
            mapping=mapping,
            crs=crs,
            source_crs=source_crs,
            date_order=cast("DateOrder | None", date_order),
            zone=workspace.known_zone or (None if mapping is None else "UTC"),
            categories=override,
            study_area=area,
            earliest=datetime(workspace.config.records.earliest, 1, 1),  # noqa: DTZ001 - civil time has no offset
            now=workspace.now(),
            progress=lambda _step, share: workspace.progress("importing", round(100 * share), 100),
        )
        report = staged.report
        result: dict[str, Any] = report.to_dict()
        seconds = result.pop("seconds", None)
        known = SOURCES.get(report.source)
        if known is not None and known.zone not in (None, report.zone):
            note = f"{known.title} is in {known.zone}, but its times were read as civil time of {report.zone}"
            result["warnings"].append(f"{note}; set [agency] zone in peelian.toml before the first import")
        # Everyone may read the ledger: what it says of few rows is that they are few.
        details = {**account(result, workspace.config.publish.threshold), "file_sha256": result["sha256"]}
        facts = {"crs": report.crs, "zone": report.zone}
        outcome = workspace.commit(
            run, result, added=staged.added, removed=staged.removed, facts=facts, details=details
        )
        workspace.store.sweep()  # files that a correction replaced
    return replace(outcome, result=told_of_import(workspace, {**outcome.result, "seconds": seconds}))


def _source(path: Path, source: str | None, mapping: Mapping[str, str] | None) -> str:
    """The name of the source that a file is of."""
    return source or ("mapped" if mapping else recognise(open_file(path).columns).name)


def _own_categories(
    workspace: Workspace, path: Path, source: str | None, mapping: Mapping[str, str] | None
) -> Path | None:
    """The table with which the agency overrides the categories of the file's source; None when it has none."""
    tables = workspace.config.records.categories
    if not tables:
        return None
    known = {*SOURCES, *workspace.config.records.map, "mapped"}
    unknown = sorted(set(tables) - known)
    if unknown:
        msg = f"[records] categories names {', '.join(unknown)}; the sources are {', '.join(sorted(known))}"
        raise ConfigError(msg, hint="name a source, or a mapping of [records.map]")
    name = _source(path, source, mapping)
    if name not in tables:
        return None
    table = workspace.folder / tables[name]
    if not table.is_file():
        msg = f"[records] categories says {name} = {tables[name]!r}, but there is no file {table}"
        raise ConfigError(msg, hint="write it with the columns pattern,category,officer_initiated")
    return table
