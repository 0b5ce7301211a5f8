"""The store: partitioned Parquet that a caller makes visible, read through Ibis on DuckDB.

On disk, under the root::

    incidents/source=slmpd/month=2017-03/IMPORT.parquet    the incidents, one folder a source and month
    quarantine/IMPORT.parquet                              rows set aside, and why
    cancelled/source=slmpd/IMPORT.parquet                  ids that corrections cancelled, and of the corrections
    superseded/source=slmpd/month=2017-03/IMPORT.parquet   incidents as they were before a correction: no query reads
                                                           them, but what was computed from them can be made again

The store never decides what is visible. It is given a list of files, and reads these only; :meth:`IncidentStore.stage`
writes new files beside them and says what the list should become. The caller changes its list in one transaction
with whatever else must hold (a workspace: its ledger), so an import that is killed at any moment leaves nothing that
anyone can see, and :meth:`IncidentStore.sweep` removes what it left. Retention drops the folders of old months.
The caller also sees to it that one import at a time stages and commits.
"""

# ruff: noqa: S608  names in statements are ours; paths are quoted literals or bound
from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Unpack

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from peelian.errors import CRSError, DataError, UsageError
from peelian.records.engine import connect, exact_paths, literal, settings
from peelian.records.erasure import destroy
from peelian.records.incidents import CivilTime, Incidents, civil_bound, match_categories
from peelian.records.pipeline import FINAL_FIELDS, Plan, Progress, Run, run
from peelian.records.placing import same_crs
from peelian.records.reading import ReadOptions, make_plan, make_report, quarantine_frame
from peelian.records.report import QUARANTINE_COLUMNS, ImportReport
from peelian.records.schema import FIELDS, NULLABLE, coarsest

__all__ = ["IncidentStore", "Staged"]

_INCIDENTS, _QUARANTINE, _CANCELLED, _STAGING = "incidents", "quarantine", "cancelled", ".staging"
_SUPERSEDED = "superseded"
_QUARANTINE_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("import_id", "source", "file", "sha256")),
        ("row", pa.int64()),
        *((name, pa.string()) for name in QUARANTINE_COLUMNS[1:]),
    ]
)
_CANCELLED_SCHEMA = pa.schema([("id", pa.string())])
_SQL_TYPES = {"string": "VARCHAR", "double": "DOUBLE", "bool": "BOOLEAN"}


@dataclass(frozen=True, slots=True)
class Staged:
    """What an import wrote: its report, files to add to the visible list, and files to take off it.

    Paths are relative to the store's root, with forward slashes.
    """

    report: ImportReport
    added: tuple[str, ...]
    removed: tuple[str, ...]


class IncidentStore:
    """Incidents on disk, seen through a given list of files.

    Parameters
    ----------
    root : path
        Folder of the store; made when first written to.
    files : sequence of str
        The visible files, relative to ``root``.
    crs, zone : str, optional
        Projected CRS and IANA zone of every incident in the store. Files know theirs; these are for a store that is
        still empty.
    threads, memory : int, str
        Bounds for DuckDB.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        files: Sequence[str] = (),
        *,
        crs: str | None = None,
        zone: str | None = None,
        threads: int | None = None,
        memory: str = "1GB",
    ) -> None:
        self.root = Path(root).absolute()
        self.files = tuple(files)
        self.threads = threads
        self.memory = memory
        self._given = (crs, zone)

    def __repr__(self) -> str:
        return f"IncidentStore({str(self.root)!r}, {len(self.files)} files)"

    @property
    def crs(self) -> str | None:
        """CRS of the incidents: as the files say it, else as given."""
        return self._meta("crs") or self._given[0]

    @property
    def zone(self) -> str | None:
        """IANA zone of the civil times: as the files say it, else as given."""
        return self._meta("zone") or self._given[1]

    # -- writing ------------------------------------------------------------------------------------------------------

    def stage(
        self,
        path: str | os.PathLike[str],
        *,
        import_id: str,
        progress: Progress | None = None,
        **options: Unpack[ReadOptions],
    ) -> Staged:
        """Read a file and write what is new in it, for the caller to make visible.

        Parameters
        ----------
        path : path
            The file.
        import_id : str
            Name of this import, not used before: letters, digits, ``-`` and ``_``.
        progress : callable, optional
            Called with the name of a step and the share done.
        **options
            As in :func:`peelian.records.read_incidents`; CRS and zone default to the store's.

        Raises
        ------
        SourceError, CRSError
            As :func:`peelian.records.read_incidents`; also if the file's CRS or zone are not the store's.
        UsageError
            If ``import_id`` is not a name or is taken.
        """
        started = time.perf_counter()
        self._check_import_id(import_id)
        plan = make_plan(Path(path), **self._settled(options))
        if self.zone is not None and plan.zone != self.zone:
            msg = f"{plan.file.path.name} is in the time zone {plan.zone}, the store in {self.zone}"
            raise DataError(msg, hint=f"zone={self.zone!r} if its naive times are civil times there")
        folder = self.root / _STAGING / import_id
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            with connect(threads=self.threads, memory=self.memory, scratch=folder) as (connection, _):
                self._show_before(connection, plan.source.name)
                found = run(connection, plan, progress=progress)
                report = make_report(connection, plan, found, seconds=0.0)
                writer = _Writer(
                    self, connection, plan, found, import_id, progress or (lambda step, share: None)
                )
                added, removed = writer.write()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        report = replace(report, seconds=round(time.perf_counter() - started, 3))
        if progress is not None:
            progress("done", 1.0)
        return Staged(report, added, removed)

    def _settled(self, options: ReadOptions) -> ReadOptions:
        settled = options.copy()
        # A known source knows its own zone; a mapped file has the store's.
        settled["zone"] = options.get("zone") or (self.zone if options.get("mapping") else None)
        crs, own = options.get("crs"), self.crs
        if crs is not None and own is not None and not same_crs(crs, own):
            msg = f"the import is asked for in {crs}, but the store is in {own}"
            raise CRSError(msg, hint=f"crs={own!r}, or leave it out")
        settled["crs"] = own or crs
        return settled

    def _check_import_id(self, import_id: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", import_id):
            msg = f"import id {import_id!r} is not a name of letters, digits, - and _ (at most 80)"
            raise UsageError(msg, hint="import_id='2026-11-23-a'")
        if any(PurePosixPath(name).stem.split("~")[0] == import_id for name in self.files):
            msg = f"import id {import_id!r} is taken by a visible file"
            raise UsageError(msg, hint="give each import an id of its own")

    def _show_before(self, connection: duckdb.DuckDBPyConnection, source: str) -> None:
        """Make the views ``stored_before`` and ``cancelled`` of the visible files, for the pipeline."""
        stored = self._visible(_INCIDENTS, source=source)
        if stored:
            connection.execute(f"CREATE TEMP VIEW stored_before AS SELECT * FROM {_files_sql(stored)}")
        cancelled = self._visible(_CANCELLED, source=source)
        if cancelled:
            connection.execute(f"CREATE TEMP VIEW cancelled AS SELECT id FROM {_files_sql(cancelled)}")

    # -- reading ------------------------------------------------------------------------------------------------------

    def table(self) -> ir.Table:
        """Return the visible incidents as an Ibis table on a DuckDB connection of its own."""
        options = settings(
            threads=self.threads, memory=self.memory, temporary=str(self.root / _STAGING / "spill")
        )
        backend = ibis.duckdb.connect(**options)
        visible = self._visible(_INCIDENTS)
        if visible:
            statement = f"SELECT {FINAL_FIELDS} FROM {_files_sql(visible)}"
        else:
            nulls = (
                f"CAST(NULL AS {_SQL_TYPES.get(str(f.type), 'TIMESTAMP')}) {n}" for n, f in FIELDS.items()
            )
            statement = f"SELECT {', '.join(nulls)} WHERE false"
        backend.raw_sql(f"CREATE TEMP VIEW incidents AS {statement}")
        return backend.table("incidents")

    def load(
        self,
        *,
        category: str | Sequence[str] | None = None,
        start: CivilTime | None = None,
        end: CivilTime | None = None,
        officer_initiated: bool | None = None,
        sources: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Incidents:
        """Return visible incidents, in the order of time, source and id.

        Parameters
        ----------
        category, start, end, officer_initiated
            As in :meth:`peelian.records.Incidents.where`.
        sources : sequence of str, optional
            Names of sources.
        columns : sequence of str, optional
            Nullable fields to read; the others come back as nulls. All when not given.

        Raises
        ------
        DataError, ResolutionError
            As :meth:`peelian.records.Incidents.where`; also if the store is empty and its CRS or zone are not given.
        """
        crs, zone = self.crs, self.zone
        if crs is None or zone is None:
            msg = f"the store {self.root} is empty and its CRS or time zone are not known"
            raise DataError(msg, hint="import a file first, or give crs and zone")
        table = self.table()
        if sources is not None:
            table = table.filter(table.source.isin(list(sources)))
        if officer_initiated is not None:
            table = table.filter(table.officer_initiated == officer_initiated)
        if category is not None:
            wanted = [category] if isinstance(category, str) else list(category)
            kinds = table.select("category", "label").distinct().to_pyarrow()
            labels, held = (
                sorted({str(name) for name in kinds[column].to_pylist()}) for column in ("label", "category")
            )
            categories, names = match_categories(wanted, labels, held=held)
            table = table.filter(table.category.isin(categories) | table.label.isin(names))
        table = _within(table, start, end)
        keep = [name for name in FIELDS if name not in NULLABLE or columns is None or name in columns]
        rows = table.select(keep).order_by(["occurred_from", "source", "id"]).to_pyarrow()
        return Incidents(rows.to_pandas(), crs, zone)

    def quarantine(self) -> pd.DataFrame:
        """Return the visible quarantined rows: import, source, file, its hash, row, reason and text of fields."""
        visible = self._visible(_QUARANTINE)
        tables = [pq.read_table(path, schema=_QUARANTINE_SCHEMA) for path in visible]
        frame: pd.DataFrame = pa.concat_tables([_QUARANTINE_SCHEMA.empty_table(), *tables]).to_pandas()
        return frame

    def sweep(self) -> tuple[str, ...]:
        """Overwrite and delete every file under the root that is not visible, and return their names."""
        visible = {self.root / name for name in self.files}
        gone = []
        for folder in (_INCIDENTS, _QUARANTINE, _CANCELLED, _SUPERSEDED, _STAGING):
            for path in sorted((self.root / folder).rglob("*"), reverse=True):
                if path.is_dir():
                    if not any(path.iterdir()):
                        path.rmdir()
                elif path not in visible:
                    destroy(path)
                    gone.append(path.relative_to(self.root).as_posix())
        return tuple(sorted(gone))

    def _visible(self, kind: str, *, source: str | None = None) -> list[Path]:
        prefix = f"{kind}/" if source is None else f"{kind}/source={source}/"
        return [self.root / name for name in self.files if name.startswith(prefix)]

    def _meta(self, name: str) -> str | None:
        first = next(iter(self._visible(_INCIDENTS)), None)
        if first is None:
            return None
        try:
            meta = pq.read_metadata(first).metadata or {}
        except (OSError, pa.ArrowInvalid) as error:
            msg = f"the visible file {first} can't be read: {error}"
            raise DataError(msg, hint="restore it from a backup, or import its source again") from error
        value = meta.get(name.encode())
        return None if value is None else value.decode()


def _within(table: ir.Table, start: CivilTime | None, end: CivilTime | None) -> ir.Table:
    if start is None and end is None:
        return table
    found = table.select("resolution").distinct().to_pyarrow()["resolution"].to_pylist()
    known = coarsest({str(resolution) for resolution in found})
    if start is not None:
        table = table.filter(table.occurred_from >= ibis.timestamp(str(civil_bound(start, "start", known))))
    if end is not None:
        table = table.filter(table.occurred_from < ibis.timestamp(str(civil_bound(end, "end", known))))
    return table


def _files_sql(paths: Sequence[Path], *, filename: bool = False) -> str:
    names = ", ".join(literal(path) for path in exact_paths(paths))
    return f"read_parquet([{names}], hive_partitioning=false, filename={str(filename).lower()})"


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the files of one import, each under a temporary name first."""

    store: IncidentStore
    connection: duckdb.DuckDBPyConnection
    plan: Plan
    found: Run
    import_id: str
    progress: Callable[[str, float], None]

    def write(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of the files to add to the visible list and of those to take off it."""
        rewritten, removed = self._without_cancelled()
        added = [*self._months(), *rewritten, *self._quarantine(), *self._cancelled()]
        for folder in {(self.store.root / name).parent for name in added}:
            _sync(folder)
        return tuple(sorted(added)), tuple(sorted(removed))

    def _months(self) -> list[str]:
        self.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE kept AS SELECT {FINAL_FIELDS} FROM final WHERE status = 'stored'"
            " ORDER BY occurred_from, id"
        )
        months = self.connection.execute(
            "SELECT DISTINCT date_trunc('month', occurred_from)::DATE AS first FROM kept ORDER BY 1"
        ).fetchall()
        added = []
        for number, (month,) in enumerate(months):
            self.progress("writing", 0.8 + 0.18 * number / len(months))
            name = f"{_INCIDENTS}/source={self.plan.source.name}/month={month:%Y-%m}/{self.import_id}.parquet"
            self._copy(
                f"SELECT * FROM kept WHERE occurred_from >= DATE '{month}'"
                f" AND occurred_from < DATE '{month}' + INTERVAL 1 MONTH",
                name,
            )
            added.append(name)
        return added

    def _without_cancelled(self) -> tuple[list[str], list[str]]:
        """Write again, without them, the visible files that hold incidents which a correction cancels."""
        visible = self.store._visible(_INCIDENTS, source=self.plan.source.name)
        if not visible or not self._count("SELECT count(*) FROM cancels"):
            return [], []
        holding = self.connection.execute(
            f"SELECT filename, count(*), count(*) FILTER (id IN (SELECT id FROM cancels))"
            f" FROM {_files_sql(visible, filename=True)} GROUP BY 1 HAVING count(*) FILTER"
            " (id IN (SELECT id FROM cancels)) > 0 ORDER BY 1"
        ).fetchall()
        added, removed = [], []
        for number, (file, rows, cancelled) in enumerate(holding):
            old = Path(file)
            removed.append(old.relative_to(self.store.root).as_posix())
            added.append(self._keep(old))
            if cancelled == rows:
                continue
            name = old.with_name(f"{self.import_id}~{number}.parquet").relative_to(self.store.root).as_posix()
            self._copy(f"SELECT * FROM {_files_sql([old])} WHERE id NOT IN (SELECT id FROM cancels)", name)
            added.append(name)
        return added, removed

    def _keep(self, old: Path) -> str:
        """A copy of a file that goes off the list, under a name that no query reads."""
        name = f"{_SUPERSEDED}/{old.relative_to(self.store.root / _INCIDENTS).as_posix()}"
        temporary = self._temporary()
        shutil.copyfile(old, temporary)
        self._move(temporary, name)
        return name

    def _quarantine(self) -> list[str]:
        frame = quarantine_frame(self.connection, self.plan, self.found)
        # The same file again has the same bad rows: they are in the table already.
        if frame.empty or self.plan.file.sha256 in set(self.store.quarantine()["sha256"]):
            return []
        frame.insert(0, "sha256", self.plan.file.sha256)
        frame.insert(0, "file", self.plan.file.path.name)
        frame.insert(0, "source", self.plan.source.name)
        frame.insert(0, "import_id", self.import_id)
        table = pa.Table.from_pandas(frame, schema=_QUARANTINE_SCHEMA, preserve_index=False)
        return [self._put(table, f"{_QUARANTINE}/{self.import_id}.parquet")]

    def _cancelled(self) -> list[str]:
        if not self._count("SELECT count(*) FROM cancels"):
            return []
        ids = self.connection.sql("SELECT DISTINCT id FROM cancels ORDER BY 1").to_arrow_table()
        name = f"{_CANCELLED}/source={self.plan.source.name}/{self.import_id}.parquet"
        return [self._put(ids.cast(_CANCELLED_SCHEMA), name)]

    def _count(self, statement: str) -> int:
        return int(self.connection.execute(statement).fetchall()[0][0])

    def _copy(self, query: str, name: str) -> None:
        temporary = self._temporary()
        meta = f"KV_METADATA {{crs: {literal(self.found.crs)}, zone: {literal(self.plan.zone)}}}"
        self.connection.execute(
            f"COPY ({query}) TO {literal(str(temporary))} (FORMAT parquet, COMPRESSION zstd, {meta})"
        )
        self._move(temporary, name)

    def _put(self, table: pa.Table, name: str) -> str:
        temporary = self._temporary()
        pq.write_table(table, temporary, compression="zstd")
        self._move(temporary, name)
        return name

    def _temporary(self) -> Path:
        return self.store.root / _STAGING / self.import_id / "writing.parquet"

    def _move(self, temporary: Path, name: str) -> None:
        """Make a written file durable and give it its name."""
        _sync(temporary)
        target = self.store.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)


def _sync(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows has no handle on a folder to flush
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
