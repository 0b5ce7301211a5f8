"""What is older than it may be kept: table by table, with what a hold keeps all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from peelian.units import KeptFor
from peelian.workspace.holds import holds, holds_on_run, selection_of
from peelian.workspace.outcome import AUDITS, PATTERNS
from peelian.workspace.state import Person, RecordFile, Run
from peelian.workspace.traces import INCIDENTS
from peelian.workspace.workspace import Workspace

__all__ = ["KEPT", "TABLES", "Due", "due", "last_retained", "limits"]

TABLES: Mapping[str, str] = {
    "records": "incident records, since the last moment at which they can have occurred",
    "superseded": "incident records as they were before a correction, since that; results made from them need them",
    "quarantine": "rows that an import set aside, since that import",
    "cancelled": "ids of records that a correction cancelled, since that import",
    "runs": "pages and tables of results, since they were made; the latest of each kind stays",
    "looks": "pages that somebody looked at before a decision, since then",
    "objections": "words of objections and of their answers, since the answer",
    "people": "who people were that hold no role any more, since they ended",
    "backups": "files that peelian backup made, since then",
    "cache": "forecasts of trials that were not finished, since they were last worked on",
}
"""The tables that a limit can be set for, and from when it counts."""

KEPT: Mapping[str, str] = {
    "ledger": "hashes, roles and counts, without personal data: it can't forget, and stays",
    "results": "result.json of each run: what stands is read back from it; decisions with their reasons are there",
    "policies": "the rules as they were at each time, which say why something was allowed",
    "public": "what was last published, until the next publication",
}
"""The tables that have no limit, and why."""

_VERBS = ("quality", "trial", "forecast", "drift", *PATTERNS, "plan", *AUDITS, "publish")
_STAYS = ("result.json", "records.json", "call.json", "substituted.json")


@dataclass
class Due:
    """What has to go.

    Parameters
    ----------
    counts : dict of str to int
        How much of each table that has a limit.
    left : dict
        By the run of a hold: how much of each table it keeps.
    records : dict of str to bytes or None
        What record files become; None where nothing of one stays.
    files : list of str
        Files of the workspace, and whole paths of backups.
    seals : list of str
        Sealed texts, by the hashes of their ciphertexts.
    people : list of dict
        Rows of people who are forgotten.
    backups : list of str
        Runs that made the backups that go.
    out_of_reach : list of str
        Paths of backups that would go, and are not there or not what was written.
    """

    counts: dict[str, int] = field(default_factory=dict)
    left: dict[str, dict[str, int]] = field(default_factory=dict)
    records: dict[str, bytes | None] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    seals: list[str] = field(default_factory=list)
    people: list[dict[str, Any]] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    out_of_reach: list[str] = field(default_factory=list)

    def keep(self, hold: str, table: str, n: int) -> None:
        """Note that a hold keeps something."""
        kept = self.left.setdefault(hold, {})
        kept[table] = kept.get(table, 0) + n

    @property
    def overdue(self) -> list[str]:
        """The tables of which something has to go."""
        return [table for table, n in self.counts.items() if n]


def limits(workspace: Workspace) -> dict[str, str | None]:
    """The limit of each table as the configuration has it, and that of single verbs as ``runs of VERB``."""
    said = workspace.config.retention
    verbs = {f"runs of {verb}": limit for verb, limit in sorted(said.verbs.items())}
    return {table: getattr(said, table) for table in TABLES} | verbs


def due(workspace: Workspace) -> Due:
    """What is older than it may be kept now. Must be called while nobody else writes."""
    found = _Finder(workspace, Due(), holds(workspace), workspace.now().astimezone(UTC))
    for table, look in {
        "records": found.records,
        "superseded": found.superseded,
        "quarantine": found.quarantine,
        "cancelled": found.cancelled,
        "objections": found.objections,
        "people": found.people,
        "backups": found.backups,
        "cache": found.cache,
    }.items():
        limit = getattr(workspace.config.retention, table)
        if limit is not None:
            found.due.counts[table] = look(KeptFor.parse(limit))
    for verb in ("look", *_VERBS, "decide"):
        limit = found.limit_of(verb)
        table = "looks" if verb == "look" else "runs"
        if limit is not None:
            n = found.runs(verb, table, KeptFor.parse(limit))
            found.due.counts[table] = found.due.counts.get(table, 0) + n
    return found.due


@dataclass
class _Finder:
    workspace: Workspace
    due: Due
    standing: list[dict[str, Any]]
    now: datetime

    # -- records

    def _limit(self, kept: KeptFor) -> datetime:
        """The moment before which things are too old, in the agency's civil time as records have it."""
        return kept.before(self.now.astimezone(ZoneInfo(self.workspace.zone)).replace(tzinfo=None))

    def _files(self, kind: str) -> Iterator[tuple[str, Path]]:
        root = self.workspace.folder / "records"
        for name in self.workspace.store.files:
            if name.startswith(f"{kind}/"):
                yield name, root / name

    def records(self, kept: KeptFor) -> int:
        import pyarrow as pa
        import pyarrow.compute as pc

        from peelian.records.erasure import without
        from peelian.records.retention import expired, may_hold_expired

        limit = self._limit(kept)
        covers = [(hold["run"], selection_of(hold)) for hold in self.standing]

        def doomed(table: pa.Table) -> pa.ChunkedArray:
            gone = expired(table, limit)
            for run, selection in covers:
                held = pc.and_(gone, selection.mask(table))
                n = pc.sum(held).as_py() or 0
                if n:
                    self.due.keep(run, "records", n)
            for _, selection in covers:
                gone = pc.and_(gone, pc.invert(selection.mask(table)))
            return gone

        totals = dict.fromkeys(INCIDENTS, 0)
        for kind in INCIDENTS:
            for name, path in self._files(kind):
                if may_hold_expired(name, limit):
                    data, n = without(path.read_bytes(), doomed)
                    if n:
                        self.due.records[name] = data
                    totals[kind] += n
        if totals["superseded"]:
            self.due.counts["superseded"] = totals["superseded"]
        return totals["incidents"]

    def superseded(self, kept: KeptFor) -> int:
        """Whole files, once the correction that replaced them is old enough."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from peelian.records.erasure import without

        since = {row["path"]: row["run"] for row in self.workspace.state.rows(RecordFile)}
        old = {row["id"] for row in self.workspace.runs() if self._old(row["at"], kept)}
        covers = [(hold["run"], selection_of(hold)) for hold in self.standing]

        def doomed(table: pa.Table) -> pa.ChunkedArray:
            gone = pa.chunked_array([pa.array([True] * table.num_rows)])
            for run, selection in covers:
                mask = selection.mask(table)
                held = pc.sum(pc.and_(gone, mask)).as_py() or 0
                if held:
                    self.due.keep(run, "superseded", held)
                gone = pc.and_(gone, pc.invert(mask))
            return gone

        total = self.due.counts.get("superseded", 0)
        for name, path in self._files("superseded"):
            if since[name] in old and name not in self.due.records:
                data, n = without(path.read_bytes(), doomed)
                if n:
                    self.due.records[name] = data
                total += n
        return total

    def quarantine(self, kept: KeptFor) -> int:
        import pyarrow as pa
        import pyarrow.compute as pc

        from peelian.records.erasure import without

        old = pa.array(sorted(self._old_imports(kept)), pa.string())

        def doomed(table: pa.Table) -> pa.ChunkedArray:
            gone = pc.is_in(table["import_id"], value_set=old)
            for hold in self.standing:
                selection = selection_of(hold)
                # Nobody could read of which category and day they were: a hold may be about any of its source.
                held = pc.and_(
                    gone, pa.chunked_array([[selection.of_source(s) for s in table["source"].to_pylist()]])
                )
                n = pc.sum(held).as_py() or 0
                if n:
                    self.due.keep(hold["run"], "quarantine", n)
                gone = pc.and_(gone, pc.invert(held))
            return gone

        total = 0
        for name, path in self._files("quarantine"):
            data, n = without(path.read_bytes(), doomed)
            if n:
                self.due.records[name] = data
            total += n
        return total

    def cancelled(self, kept: KeptFor) -> int:
        import pyarrow.parquet as pq

        from peelian.records.erasure import source_of

        old, total = self._old_imports(kept), 0
        for name, path in self._files("cancelled"):
            if Path(name).stem.split("~")[0] not in old:
                continue
            n = pq.read_metadata(path).num_rows
            covering = [h["run"] for h in self.standing if selection_of(h).of_source(source_of(name) or "")]
            for run in covering:
                self.due.keep(run, "cancelled", n)
            if not covering:
                self.due.records[name] = None
                total += n
        return total

    def _old_imports(self, kept: KeptFor) -> set[str]:
        return {row["id"] for row in self.workspace.runs("import") if self._old(row["at"], kept)}

    def _old(self, at: str, kept: KeptFor) -> bool:
        return datetime.fromisoformat(at) < kept.before(self.now)

    # -- results

    def limit_of(self, verb: str) -> str | None:
        said = self.workspace.config.retention
        if verb == "look":
            return said.looks
        return said.verbs.get(verb, None if verb == "decide" else said.runs)  # type: ignore[call-overload, no-any-return]

    def runs(self, verb: str, table: str, kept: KeptFor) -> int:
        """Pages and tables of old results; never the result itself, nor what is latest of its kind."""
        needed, total = self._needed(), 0
        for row in self.workspace.runs(verb):
            if row["id"] in needed or not self._old(row["at"], kept):
                continue
            names = [f"runs/{row['id']}/{name}" for name in json.loads(row["hashes"]) if name not in _STAYS]
            names = [name for name in names if (self.workspace.folder / name).is_file()]
            covering = holds_on_run(self.standing, row["category"])
            for run in covering if names else ():
                self.due.keep(run, table, len(names))
            if not covering:
                self.due.files += names
                total += len(names)
        return total

    def _needed(self) -> set[str]:
        """The latest of each verb and category, and the forecasts that plans of those rest on."""
        latest: dict[tuple[str, str], str] = {}
        for row in self.workspace.runs():
            if row["verb"] != "look":
                latest[row["verb"], row["category"]] = row["id"]
        rested = {
            str(self.workspace.result(run)["forecast"]) for (verb, _), run in latest.items() if verb == "plan"
        }
        return {*latest.values(), *rested}

    # -- words, people, backups, caches

    def objections(self, kept: KeptFor) -> int:
        asked = {row["id"]: row for row in self.workspace.runs("object")}
        total = 0
        for answer in self.workspace.runs("answer"):
            objection = asked.get(answer["subject"])
            if objection is None or not self._old(answer["at"], kept):
                continue
            told = [self.workspace.result(row["id"]) for row in (objection, answer)]
            words = [one.get(key) for one in told for key in ("words", "contact")]
            seals = [one for one in words if one is not None and self.workspace.seals.state(one) == "sealed"]
            if seals and not self._held("objections", holds_on_run(self.standing, objection["category"])):
                self.due.seals += seals
                total += 1
        return total

    def _held(self, table: str, covering: list[str]) -> bool:
        for run in covering:
            self.due.keep(run, table, 1)
        return bool(covering)

    def people(self, kept: KeptFor) -> int:
        from peelian.workspace.people import notes_of

        total = 0
        for row in self.workspace.state.rows(Person, Person.ended.is_not(None), order=Person.serial):
            forgotten = row["id"].startswith("erased-")
            if forgotten or not self._old(row["ended"], kept):
                continue
            if not self._held("people", [hold["run"] for hold in self.standing]):
                self.due.seals += [row["sealed"], *notes_of(self.workspace, row["id"])]
                self.due.people.append(row)
                total += 1
        return total

    def backups(self, kept: KeptFor) -> int:
        from peelian.workspace.backups import backups

        total = 0
        for one in backups(self.workspace):
            if not self._old(one["at"], kept) or self._held("backups", [h["run"] for h in self.standing]):
                continue
            if one["state"] != "there":
                self.due.out_of_reach.append(one["path"])
                continue
            self.due.files.append(one["path"])
            self.due.backups.append(one["run"])
            total += 1
        return total

    def cache(self, kept: KeptFor) -> int:
        folder = self.workspace.folder / "cache"
        limit = kept.before(self.now).timestamp()
        old = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.stat().st_mtime < limit]
        self.due.files += [str(path.absolute()) for path in old]
        return len(old)


def last_retained(workspace: Workspace) -> dict[str, Any] | None:
    """The last run of `retain`; None where there is none."""
    rows = workspace.state.rows(Run, Run.verb == "retain", order=Run.serial)
    return rows[-1] if rows else None
