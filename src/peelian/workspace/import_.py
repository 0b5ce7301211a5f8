"""``import``: read a city's records into the store, and account for every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from peelian.errors import UsageError
from peelian.records import SOURCES
from peelian.workspace.workspace import Outcome, Workspace

if TYPE_CHECKING:
    from peelian.records import DateOrder

__all__ = ["import_records"]


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
        msg = f"{path} was given as a file of records, but there is no such file"
        raise UsageError(msg, hint="check the path")
    configured = workspace.config.records.map
    if mapping is None and source in configured:
        mapping, source = configured[source], None
    with workspace.writing():
        run = workspace.new_run("import")
        crs = workspace.crs
        area = None
        if workspace.areas is not None and crs is not None:
            area = workspace.areas.union()
        name = source or ("mapping" if mapping else None)
        override = workspace.config.records.categories.get(name or "")
        staged = workspace.store.stage(
            path,
            import_id=run,
            source=source,
            mapping=mapping,
            crs=crs,
            source_crs=source_crs,
            date_order=cast("DateOrder | None", date_order),
            zone=workspace.zone,
            categories=None if override is None else workspace.folder / override,
            study_area=area,
            earliest=datetime(workspace.config.records.earliest, 1, 1),  # noqa: DTZ001 - civil time has no offset
            now=workspace.now(),
            progress=lambda _step, share: workspace.progress("importing", round(100 * share), 100),
        )
        report = staged.report
        result: dict[str, Any] = report.to_dict()
        seconds = result.pop("seconds", None)
        known = SOURCES.get(report.source)
        if known is not None and known.zone not in (None, workspace.zone):
            note = (
                f"{known.title} is in {known.zone}, but its times were read as civil time of {workspace.zone}"
            )
            result["warnings"].append(f"{note}; set [agency] zone in peelian.toml before the first import")
        details = {k: result[k] for k in ("rows_in", "stored", "duplicates", "corrections", "quarantined")}
        details["file_sha256"] = result["sha256"]
        facts = {} if crs is not None else {"crs": report.crs}
        outcome = workspace.commit(
            run, result, added=staged.added, removed=staged.removed, facts=facts, details=details
        )
        workspace.store.sweep()  # files that a correction replaced
    return replace(outcome, result={**outcome.result, "seconds": seconds})
