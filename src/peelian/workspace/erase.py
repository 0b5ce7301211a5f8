"""``erase``: remove a record everywhere, then look for it in every file, and say what was found.

Everything that changes is written down and recorded before it's carried out (see `removal`), so that a process that
dies in the middle leaves either the workspace as it was or one in which running the same command again finishes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from sqlalchemy import Connection, update

from peelian.charter import check_reason
from peelian.errors import RefusedError, UsageError
from peelian.records import SOURCES
from peelian.records.erasure import kind_of, source_of
from peelian.workspace.backups import backups, digest_and_size
from peelian.workspace.disclosure import at_least
from peelian.workspace.erase_backups import (
    Kept,
    clear_leftovers,
    find_changes,
    hashes_after,
    kept_backups,
    rewrite,
    survey_backups,
)
from peelian.workspace.files import result_json
from peelian.workspace.holds import holds, selection_of
from peelian.workspace.outcome import AUDITS, PATTERNS
from peelian.workspace.removal import Removal, destroy_folder, settle, tidy, write_record_files
from peelian.workspace.search import Searched, search
from peelian.workspace.state import DecisionRow, Run
from peelian.workspace.substituted import FILE as SUBSTITUTED
from peelian.workspace.survey import Survey
from peelian.workspace.traces import RECORDS, Change, Wanted, change_of, without_words
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["erase"]

_COMPUTED = ("quality", "forecast", "trial", "drift", *PATTERNS, "plan", *AUDITS, "publish")
"""What is made from records, so that it rests on one that was erased later."""


def erase(
    workspace: Workspace,
    ids: Sequence[str],
    *,
    reason: str,
    source: str | None = None,
    canaries: Sequence[str] = (),
) -> Outcome:
    """Erase records by their ids, in one source.

    Parameters
    ----------
    ids : sequence of str
        As they are stored, or as the source numbers its records where Peelian keeps a hash of that. Those that
        nobody stores any more are searched for all the same, so that the command can be repeated.
    reason : str
        Why, in words and without the ids: it's kept.
    source : str, optional
        Whose records they are; needed where several sources have these ids.
    canaries : sequence of str
        Other texts that only these records had, to be searched for too.

    Returns
    -------
    Outcome
        Of the run that erased, with ``searched``: how much was looked through, and ``found``, what is left where.

    Raises
    ------
    RefusedError
        The role may not, or a hold covers a record.
    UsageError
        No id is given, several sources have them, or the reason says too little or names a record.
    """
    asked = tuple(dict.fromkeys(one.strip() for one in ids))
    said = check_reason(reason)
    _check_asked(asked, tuple(canaries), said)
    workspace.require("erase", {"kind": "records"})
    with workspace.writing():
        clear_leftovers(backups(workspace))
        survey, (kept, damaged) = Survey(asked, _sources(workspace, source)), kept_backups(workspace)
        for name in workspace.store.files:
            survey.look(name, (workspace.folder / RECORDS / name).read_bytes())
        survey_backups(kept, survey)
        wanted, elsewhere = survey.wanted(source, tuple(canaries))
        work = _Work(workspace, wanted, kept)
        work.find()
        work.refuse_held()
        done = work.record(said, asked=len(asked), elsewhere=elsewhere)
        work.carry_out()
        workspace.state.scrub()
        found = search(workspace, wanted.canaries, backups=[one.path for one in kept])
        return work.tell(done, found, damaged)


def _sources(workspace: Workspace, given: str | None) -> frozenset[str]:
    """Every source whose numbers may be stored as hashes."""
    stored = {source_of(name) for name in workspace.store.files} - {None}
    return frozenset(
        {*map(str, stored), *SOURCES, *workspace.config.records.map, "mapped", *filter(None, [given])}
    )


def _check_asked(asked: tuple[str, ...], canaries: tuple[str, ...], said: str) -> None:
    if not asked or "" in asked:
        msg = "no id was given, or an empty one"
        raise UsageError(msg, hint="peelian erase RECORD_ID --reason 'why, without the id'")
    if any(text in said for text in (*asked, *canaries)):
        msg = "the reason names what is to be erased, and the reason is kept"
        raise UsageError(msg, hint="name the order or the file number instead")


@dataclass
class _Work:
    """One erasure, from what it finds to what it says."""

    workspace: Workspace
    wanted: Wanted
    kept: list[Kept]
    changes: dict[str, Change] = field(default_factory=dict)
    run: str = ""
    listed: bytes = b"{}"

    # -- what is there

    def find(self) -> None:
        """See what changes, in the workspace and in its backups."""
        folder = self.workspace.folder
        names = [RECORDS + name for name in self.workspace.store.files]
        for top in ("runs", "public"):
            paths = [path for path in sorted((folder / top).rglob("*")) if path.is_file()]
            names += [path.relative_to(folder).as_posix() for path in paths]
        for done, name in enumerate(names):
            self.workspace.tell("looking for the record", done, len(names))
            change = change_of(name, (folder / name).read_bytes(), self.wanted)
            if change is not None:
                self.changes[name] = change
        for one in self.kept:
            find_changes(one, self.wanted)

    def refuse_held(self) -> None:
        """Ask the charter whether it may go although a hold may cover it."""
        covering = [hold["run"] for hold in holds(self.workspace) if self._covers(hold)]
        try:
            self.workspace.require("erase", {"kind": "records", "held": bool(covering)})
        except RefusedError as no:
            if not covering:
                raise
            msg = f"{no.message}; it's held by {', '.join(covering)}"
            raise RefusedError(msg, hint=no.hint) from no

    def _covers(self, hold: dict[str, Any]) -> bool:
        selection = selection_of(hold)
        for changes in (self.changes, *(one.changes for one in self.kept)):
            for name, change in changes.items():
                if change.rows is not None and pc.any(selection.mask(change.rows)).as_py():
                    return True
                # What was set aside may be of any category and day: nobody could read that.
                if name.startswith(RECORDS) and change.rows is None:
                    source = source_of(name) or self.wanted.source
                    if source is None or selection.of_source(source):
                        return True
        return False

    # -- what is done

    def record(self, reason: str, *, asked: int, elsewhere: int) -> Outcome:
        """Put on record what is about to happen; it has not yet, and will from here on."""
        workspace = self.workspace
        before = workspace.data_version
        self.run = workspace.new_run("erase")
        records = {
            name.removeprefix(RECORDS): change.data
            for name, change in self.changes.items()
            if name.startswith(RECORDS)
        }
        added, removed = write_record_files(workspace.folder / RECORDS, records, self.run)
        shown = {name: change for name, change in self.changes.items() if not name.startswith(RECORDS)}
        removal = Removal(
            self.run,
            replaced={name: change.data for name, change in shown.items() if change.data is not None},
            removed=[name for name, change in shown.items() if change.data is None],
        )
        hashes = removal.hashes(workspace.folder)
        for one in self.kept:
            for name, became in one.hashes.items():
                hashes.setdefault(name, {}).update(became)
        self.listed = result_json(hashes).encode()
        removal.stage(workspace.folder)
        rows = {kind: self._rows(kind) for kind in ("incidents", "superseded", "quarantine", "cancelled")}
        result: dict[str, Any] = {
            "act": "erased",
            "asked": asked,
            "source": self.wanted.source,
            "records": rows["incidents"],
            "superseded": rows["superseded"],
            "set_aside": rows["quarantine"],
            "cancelled": rows["cancelled"],
            "record_files": len(removed),
            "files_changed": sorted(shown),
            "backups_changed": [one.run for one in self.kept if one.changes],
            "also_in_another_source": elsewhere,
            "made_from": self._made_from(),
            "data_version_before": before,
            "reason": reason,
            "role": workspace.role,
        }
        few = ("asked", "records", "superseded", "set_aside", "cancelled")
        threshold = workspace.config.publish.threshold
        details = {
            "act": "erased",
            **{key: at_least(result[key], threshold) for key in few},
            "record_files": len(removed),
            "files": len(shown),
            "backups": len(result["backups_changed"]),
            "data_version_before": before,
        }
        return workspace.commit(
            self.run,
            result,
            pages={SUBSTITUTED: self.listed.decode()},
            added=added,
            removed=removed,
            details=details,
            also=lambda connection: self._change_rows(connection, hashes),
        )

    def _rows(self, kind: str) -> int:
        return sum(
            change.n
            for name, change in self.changes.items()
            if name.startswith(RECORDS) and kind_of(name.removeprefix(RECORDS)) == kind
        )

    def _made_from(self) -> list[str]:
        """The results that were made while the record was among the data: since the import that it came in with."""
        held = [*self.changes.items(), *(item for one in self.kept for item in one.changes.items())]
        stems = {Path(name).stem.split("~")[0] for name, change in held if change.rows is not None}
        imports = [row["serial"] for row in self.workspace.runs("import") if row["id"] in stems]
        if not imports:
            return []
        rows = self.workspace.runs()
        return [row["id"] for row in rows if row["verb"] in _COMPUTED and row["serial"] > min(imports)]

    def _change_rows(self, connection: Connection, hashes: dict[str, dict[str, str | None]]) -> None:
        for row in self.workspace.runs():
            after = hashes_after(row["id"], row["hashes"], hashes)
            if after != row["hashes"]:
                connection.execute(update(Run).where(Run.id == row["id"]).values(hashes=after))
        for row in self.workspace.state.rows(DecisionRow):
            after = without_words(row["body"], self.wanted.canaries)
            if after != row["body"]:
                connection.execute(update(DecisionRow).where(DecisionRow.id == row["id"]).values(body=after))

    def carry_out(self) -> None:
        """Do what is on record: overwrite what went, in the workspace and in the backups, and clear caches."""
        workspace = self.workspace
        settle(workspace)
        workspace.store.sweep()
        destroy_folder(workspace.folder / "cache")
        for number, one in enumerate(self.kept):
            workspace.tell("rewriting the backups", number, len(self.kept))
            if one.changes:
                rewrite(workspace, one, self.run, self.listed, self.wanted)
        tidy(workspace.folder)

    # -- what is said

    def tell(self, done: Outcome, found: Searched, damaged: list[str]) -> Outcome:
        """Put on record what the search found, and how the backups are now."""
        workspace = self.workspace
        rewritten = {
            one.run: digest_and_size(one.path) for one in self.kept if one.changes or one.register_anew
        }
        away = [one["path"] for one in backups(workspace) if one["state"] == "out of reach"]
        result: dict[str, Any] = {
            "act": "searched",
            "erasure": self.run,
            "rewritten": rewritten,
            "out_of_reach": away,
            "damaged": damaged,
            "searched": found.to_dict(),
            "left": len(found.found),
            "data_version": workspace.data_version,
        }
        details = {"act": "searched", "erasure": self.run, "files": found.files, "left": len(found.found)}
        details |= {"backups": found.backups, "out_of_reach": len(away), "damaged": len(damaged)}
        last = workspace.commit(workspace.new_run("erase"), result, subject=self.run, details=details)
        del result["act"]
        return Outcome(self.run, {**done.result, **result, "searched_in": last.run})
