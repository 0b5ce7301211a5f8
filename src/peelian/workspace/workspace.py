"""A workspace on disk: what every use case stands on.

Each use case asks the charter, calls pure functions of the rooms above, and hands what came out to `Workspace.commit`,
which makes it happen in one transaction: files first under names that nobody reads, then the state database, then the
ledger from the outbox. A process that dies in between leaves the workspace as it was before, or completes on the next
opening; it never leaves half a result.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, func, insert, select, update

from peelian._version import __version__
from peelian.charter import Entry, Ledger, Policy, Seals
from peelian.errors import CheckError, ConfigError, NotEnoughDataError, PeelianError, UsageError
from peelian.workspace.calls import kept_call
from peelian.workspace.config import FILE, Config, load_config
from peelian.workspace.files import result_json, sha256_of_file, write_run
from peelian.workspace.guard import Guard
from peelian.workspace.identity import Actor, identify
from peelian.workspace.keys import own_cosigners
from peelian.workspace.outbox import check_complete, write_waiting
from peelian.workspace.outcome import KINDS, Outcome, Progress, silent, version_of
from peelian.workspace.policies import opening_policy
from peelian.workspace.removal import FOLDER as ERASING
from peelian.workspace.removal import pending, settle
from peelian.workspace.state import DecisionRow, OutboxRow, RecordFile, Run, State

if TYPE_CHECKING:
    import pandas as pd

    from peelian.places import Areas, Grid
    from peelian.records import Incidents, IncidentStore

__all__ = ["Outcome", "Progress", "Workspace"]


class Workspace:
    """An open workspace.

    Parameters
    ----------
    folder : Path
        Holds ``peelian.toml``.
    role : str, optional
        In which role the caller acts; the configuration's default when it is not given.
    progress : callable, optional
        Told how far long work is.
    now : callable, optional
        Gives the present moment in UTC.
    token : str, optional
        Who acts, in a workspace that knows its people; by default from the environment variable ``PEELIAN_TOKEN``.

    Raises
    ------
    ConfigError
        The folder is no workspace, or its configuration is off.
    RefusedError
        Its policies lack the charter's hard rules.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        role: str | None = None,
        progress: Progress | None = None,
        now: Callable[[], datetime] | None = None,
        token: str | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.config: Config = load_config(self.folder)
        self._told = progress or silent
        self.now = now or (lambda: datetime.now(UTC))
        self.state = State(self.config.state.url, self.folder)
        if not self.state.exists:
            msg = f"the workspace {self.folder} has lost its state database ({self.state.where})"
            raise CheckError(
                msg, hint="restore it from a backup; the ledger alone: peelian.charter.verify(folder)"
            )
        self.state.create()
        actor = identify(self.state, role=role, default=self.config.roles.default, token=token)
        self.guard = Guard(self, opening_policy(self), actor)
        self.call: dict[str, Any] | None = None
        self._records_checked = False

    # -- who may

    @property
    def policy(self) -> Policy:
        """The rules of this workspace."""
        return self.guard.policy

    @property
    def role(self) -> str:
        """In which role the caller acts."""
        return self.guard.actor.role

    @property
    def person(self) -> str | None:
        """Id of the registered person who acts; None where roles are only claimed."""
        return self.guard.actor.person

    def require(
        self, action: str, resource: Mapping[str, Any], context: Mapping[str, Any] | None = None
    ) -> None:
        """Ask the charter; a denial is an error that says which policy denied and what would have to change."""
        self.guard.require(action, resource, context)

    def progress(self, label: str, done: int, total: int) -> None:
        """Tell how far long work is. A halt by the overseer stops it here."""
        self.guard.look()
        self._told(label, done, total)

    def tell(self, label: str, done: int, total: int) -> None:
        """Tell how far upkeep is (a backup, an erasure): that goes on while the overseer halts what is computed."""
        self._told(label, done, total)

    def by_me(self, run: Mapping[str, Any]) -> bool:
        """Whether a run is known to be by the person who acts now."""
        return self.person is not None and run["person"] == self.person

    @cached_property
    def seals(self) -> Seals:
        """Names and words that must be erasable: outside the ledger, each under a key of its own."""
        return Seals(self.folder / "sealed", self.folder / "keys" / "seals")

    # -- where and what

    @property
    def zone(self) -> str:
        """The agency's IANA time zone; UTC while nothing says which."""
        return self.known_zone or "UTC"

    @property
    def known_zone(self) -> str | None:
        """The zone as configured, or chosen by the first import; None before that."""
        return self._settled("zone", self.config.agency.zone, "as civil time of")

    @property
    def crs(self) -> str | None:
        """The projected CRS: configured, or chosen by the first import; None before that."""
        return self._settled("crs", self.config.place.crs, "in")

    def _settled(self, key: str, configured: str | None, how: str) -> str | None:
        """What the first import settled, or else the configuration; the two may not differ."""
        stored: str | None = self.state.fact(key)
        if stored is not None and configured is not None and configured != stored:
            msg = f"peelian.toml says {key} = {configured!r}, but the records were imported {how} {stored}"
            raise ConfigError(
                msg, hint=f"set it back to {stored!r}, or make a new workspace and import again"
            )
        return configured or stored

    @cached_property
    def areas(self) -> Areas | None:
        """The areas with their residents by group, in the workspace's CRS; None when none are configured."""
        place = self.config.place
        if place.areas is None:
            return None
        from peelian.places import Areas

        path = self.folder / place.areas
        found = Areas.read(path, id=place.area_id, name=place.area_name, population=dict(place.population))
        return found if self.crs is None else found.to_crs(self.crs)

    @cached_property
    def grid(self) -> Grid:
        """The grid over the areas, or over the stored incidents when there are no areas.

        Raises
        ------
        NotEnoughDataError
            There is neither an area nor an incident.
        """
        from peelian.places import study_grid

        if self.crs is None:
            raise self._nothing_stored()
        cell = self.config.place.cell
        if self.areas is not None:
            return study_grid(crs=self.crs, cell=cell, areas=self.areas)
        from peelian.workspace.extent import footprint

        return footprint(self.store, self.extent, crs=self.crs, cell=cell)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """``(xmin, ymin, xmax, ymax)`` of the areas, or of the stored incidents when there are no areas; CRS units.

        Raises
        ------
        NotEnoughDataError
            There is neither an area nor an incident.
        """
        if self.areas is not None:
            xmin, ymin, xmax, ymax = self.areas.union().bounds
            return xmin, ymin, xmax, ymax
        if self.crs is None:
            raise self._nothing_stored()
        from peelian.workspace.extent import extent_of

        bounds = extent_of(self.store)
        if bounds is None:
            raise self._nothing_stored()
        return bounds

    def _nothing_stored(self) -> NotEnoughDataError:
        msg = f"the workspace {self.folder} holds no incident yet"
        return NotEnoughDataError(msg, hint=f"peelian import FILE --workspace {self.folder}")

    def incidents(self, **where: Any) -> Incidents:
        """Stored incidents; `where` as for `peelian.records.IncidentStore.load`.

        Raises
        ------
        NotEnoughDataError
            Nothing has been imported.
        """
        if not self.state.rows(RecordFile):
            raise self._nothing_stored()
        if not self._records_checked:
            self.check_records()
            self._records_checked = True
        return self.store.load(**where)

    @property
    def store(self) -> IncidentStore:
        """The incident records that are visible now."""
        from peelian.records import IncidentStore

        paths = [row["path"] for row in self.state.rows(RecordFile, order=RecordFile.path)]
        return IncidentStore(self.folder / "records", paths, crs=self.crs, zone=self.known_zone)

    def record_files(self) -> dict[str, str]:
        """SHA-256 of each visible record file by its path, as they were when they were written."""
        return {row["path"]: row["sha256"] for row in self.state.rows(RecordFile, order=RecordFile.path)}

    @property
    def data_version(self) -> str:
        """SHA-256 over the hashes of all visible record files: changes exactly when the records do."""
        return version_of(self.record_files())

    def check_records(self) -> int:
        """Compare every visible record file with its hash; the number of files.

        Raises
        ------
        CheckError
            One is gone or was changed.
        """
        known = self.record_files()
        for name, digest in known.items():
            path = self.folder / "records" / name
            if not path.is_file() or sha256_of_file(path) != digest:
                msg = f"records/{name} is missing or is not what was imported"
                raise CheckError(
                    msg, hint="restore the file from a backup; nothing is computed from other records"
                )
        return len(known)

    def origin(self, **more: Any) -> dict[str, Any]:
        """What a result was made from: software, data version and what the caller adds."""
        return {"peelian": __version__, "data_version": self.data_version, **more}

    # -- results

    def runs(self, verb: str | None = None, *, category: str | None = None) -> list[dict[str, Any]]:
        """Runs, oldest first."""
        where = [] if verb is None else [Run.verb == verb]
        if category is not None:
            where.append(Run.category == category)
        return self.state.rows(Run, *where, order=Run.serial)

    def latest(self, verb: str, run: str | None = None, *, category: str | None = None) -> dict[str, Any]:
        """The run called `run`, or the latest of `verb`.

        Raises
        ------
        UsageError
            There is none.
        """
        found = self.runs(verb, category=category)
        if run is not None:
            found = [row for row in found if row["id"] == run]
        if not found:
            known = [row["id"] for row in self.runs(verb)][-3:]
            what = f"{run!r} was given as the {verb}" if run else f"no {verb} has been made yet"
            if run:
                what += f"; known: {', '.join(known) if known else 'none'}"
            raise UsageError(what, hint=f"peelian {verb} --workspace {self.folder}")
        return found[-1]

    def checked(self, run: str, name: str) -> Path:
        """Path of a file that a run stored, after comparing it with the hash that was stored with the run.

        Raises
        ------
        PeelianError
            The file is gone or was changed.
        """
        path = self.folder / "runs" / run / name
        rows = self.state.rows(Run, Run.id == run)
        expected = json.loads(rows[0]["hashes"]).get(name) if rows else None
        if not path.is_file() or sha256_of_file(path) != expected:
            # Whoever erased something here may have died before the new file had its name.
            path = pending(self.folder, f"runs/{run}/{name}") or path
        if expected is None or not path.is_file() or sha256_of_file(path) != expected:
            msg = f"runs/{run}/{name} is missing or is not what was stored"
            raise PeelianError(msg, hint=f"peelian ledger verify --workspace {self.folder}")
        return path

    def result(self, run: str) -> dict[str, Any]:
        """The stored result of a run; errors as `checked`."""
        found: dict[str, Any] = json.loads(self.checked(run, "result.json").read_bytes())
        return found

    def table(self, run: str, name: str) -> pd.DataFrame:
        """A table that a run stored; errors as `checked`."""
        import pandas as pd

        return pd.read_parquet(self.checked(run, f"{name}.parquet"))

    def page(self, run: str, name: str) -> Path:
        """Where a run's page lies."""
        return self.folder / "runs" / run / name

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the workspace's lock: one writer at a time. Finishes what a dead process left behind."""
        path = self.folder / ".lock"
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._told("waiting for another process in this workspace", 0, 0)
                fcntl.flock(file, fcntl.LOCK_EX)
            with self.state.locked(lambda: self._told("waiting for a writer on another machine", 0, 0)):
                _ = self.ledger  # a key that can't be read is an error before anything is computed
                self._finish()
                yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep writers out while something is compared with something else. Needs no right to write."""
        try:
            file = (self.folder / ".lock").open()
        except OSError:  # a copy that was published, or a folder that one may only read: nobody writes to it
            yield
            return
        with file:
            fcntl.flock(file, fcntl.LOCK_SH)
            with self.state.locked(shared=True):
                yield

    def _finish(self) -> None:
        self.flush()
        check_complete(self)  # before anything is cleared away: what has no row may be evidence
        known = {row["id"] for row in self.runs()}
        runs = self.folder / "runs"
        for path in runs.iterdir() if runs.is_dir() else ():
            if path.name not in known:
                shutil.rmtree(path)
        if (self.folder / ERASING).is_dir():
            settle(self)
        self.store.sweep()
        if known:
            from peelian.workspace.upkeep import keep_up

            keep_up(self)

    def new_run(self, verb: str) -> str:
        """A name for the next run of `verb`: its serial number among all runs, for people to read and type."""
        with self.state.begin() as connection:
            last = connection.execute(select(func.max(Run.serial))).scalar() or 0
        return f"{verb}-{last + 1:04d}"

    def commit(
        self,
        run: str,
        result: Mapping[str, Any],
        *,
        subject: str = "",
        category: str = "",
        tables: Mapping[str, pd.DataFrame] | None = None,
        pages: Mapping[str, str] | None = None,
        added: Sequence[str] = (),
        removed: Sequence[str] = (),
        decision: Mapping[str, Any] | None = None,
        run_states: Mapping[str, str] | None = None,
        facts: Mapping[str, Any] | None = None,
        details: Mapping[str, Any] | None = None,
        actor: Actor | None = None,
        also: Callable[[Connection], None] | None = None,
    ) -> Outcome:
        """Make a result happen: its files, its row, its decision and its ledger entry, together or not at all.

        Must be called within `writing`. `actor` is who asked for it, where that is not who writes it down; `also`
        changes other rows in the same transaction.
        """
        marks = self.guard.marks(actor, run)
        actor = actor or self.guard.actor
        verb, _, number = run.rpartition("-")
        result = json.loads(result_json(result))
        texts = {"result.json": result_json(result), **kept_call(self, verb), **(pages or {})}
        records = self.record_files()
        if added or removed:
            new = {path: sha256_of_file(self.folder / "records" / path) for path in added}
            records = {path: digest for path, digest in records.items() if path not in removed} | new
            texts["records.json"] = result_json(records)
        hashes = write_run(self.folder / "runs" / run, texts=texts, tables=tables or {})
        at = self.now().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        entry = Entry(
            id=run,
            kind=KINDS.get(verb, verb),
            at=at,
            actor=actor.role,
            subject=subject or run,
            hashes=hashes,
            details={
                "peelian": __version__,
                "data_version": version_of(records),
                "policy": self.policy.digest,
                "config": sha256_of_file(self.folder / FILE),
                **marks,
                **(details or {}),
            },
        )
        with self.state.begin() as connection:
            connection.execute(
                insert(Run).values(
                    id=run,
                    serial=int(number),
                    verb=verb,
                    at=at,
                    role=actor.role,
                    person=actor.person,
                    subject=subject,
                    category=category,
                    hashes=result_json(hashes),
                    state="proposed" if verb == "plan" else "done",
                )
            )
            if removed:
                connection.execute(delete(RecordFile).where(RecordFile.path.in_(list(removed))))
            for path in added:
                connection.execute(insert(RecordFile).values(path=path, run=run, sha256=records[path]))
            if decision is not None:
                body = result_json(decision)
                connection.execute(
                    insert(DecisionRow).values(id=run, serial=int(number), subject=subject, body=body)
                )
            for name, state in (run_states or {}).items():
                connection.execute(update(Run).where(Run.id == name).values(state=state))
            for key, value in (facts or {}).items():
                self.state.set_fact(connection, key, value)
            if also is not None:
                also(connection)
            connection.execute(
                insert(OutboxRow).values(id=run, body=entry.to_bytes().decode(), written=False)
            )
        for cached in ("grid", "areas"):
            self.__dict__.pop(cached, None)
        self.flush()
        return Outcome(run, dict(result))

    # -- the ledger

    @property
    def ledger(self) -> Ledger:
        """The ledger, open for appending."""
        also = own_cosigners(self.folder, self.config)
        return Ledger.open(self.folder / "ledger", key_path=self.key_path, also=also)

    @property
    def key_path(self) -> Path:
        """Where the ledger's private key lies, unless it comes from the environment."""
        return self.folder / "keys" / "ledger.key"

    @property
    def remembered(self) -> tuple[int, bytes] | None:
        """Size and root of the ledger when this workspace last wrote to it; a ledger without them was rewound."""
        head = self.state.fact("ledger")
        return None if head is None else (int(head["size"]), bytes.fromhex(head["root"]))

    def flush(self) -> None:
        """Write what the outbox holds to the ledger. Safe to repeat: an entry is known by its id."""
        write_waiting(self)
