"""``retain``: let go of what is older than it may be kept, and say what a hold keeps all the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from peelian.errors import PeelianError, UsageError
from peelian.units import KeptFor
from peelian.workspace.disclosure import at_least, may_read_records
from peelian.workspace.due import KEPT, TABLES, Due, due, last_retained, limits
from peelian.workspace.files import result_json
from peelian.workspace.people import forget
from peelian.workspace.removal import Removal, settle, write_record_files
from peelian.workspace.sealed import ERASED
from peelian.workspace.substituted import FILE as SUBSTITUTED
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["keep_retaining", "retain", "retention", "standing_of"]

_FEW = ("records", "superseded", "quarantine", "cancelled")
"""Tables in which a small number can tell about somebody: the ledger learns of those only that they are small."""


def retain(workspace: Workspace, *, dry_run: bool = False) -> Outcome:
    """Enforce the limits of ``[retention]``.

    Months of records go as a whole, and the month in which the limit falls is written anew. What goes is overwritten
    first. Every run of this is in the ledger, also one that had nothing to do.

    Parameters
    ----------
    dry_run : bool
        Only say what would go.

    Returns
    -------
    Outcome
        With ``gone``, how much of each table that has a limit, ``left``, how much of it each hold keeps, and
        ``out_of_reach``, backups that are too old and not there. Of no run if it's dry. Whoever may not read records
        is told of few only that they are few.

    Raises
    ------
    RefusedError
        The role may not.
    """
    workspace.require("retain", {"kind": "records"})
    if dry_run:
        with workspace.reading():
            found = due(workspace)
        return _shown(workspace, Outcome("", {"dry_run": True, **_told(workspace, found)}))
    with workspace.writing():
        workspace.tell("looking for what is too old", 0, 0)
        found = due(workspace)
        run = workspace.new_run("retain")
        removal = Removal(run, removed=found.files, seals=found.seals)
        removal.stage(workspace.folder)
        added, removed = write_record_files(workspace.folder / "records", found.records, run)
        result = {"dry_run": False, **_told(workspace, found), "role": workspace.role}
        hashes = removal.hashes(workspace.folder)
        done = workspace.commit(
            run,
            {
                **result,
                "backups_deleted": found.backups,
                ERASED: sorted(found.seals),
                "data_version_before": workspace.data_version,
            },
            pages={SUBSTITUTED: result_json(hashes)} if hashes else None,
            added=added,
            removed=removed,
            details=_in_entry(workspace, found),
            also=lambda connection: _forget_people(connection, found),
        )
        settle(workspace)
        workspace.store.sweep()
        if found.people:
            workspace.state.scrub()
        return _shown(workspace, done)


def _shown(workspace: Workspace, done: Outcome) -> Outcome:
    """An outcome for whoever acts: small numbers of records are for those who may read records."""
    if may_read_records(workspace):
        return done
    threshold = workspace.config.publish.threshold
    left = {hold: _few(kept, threshold) for hold, kept in done.result["left"].items()}
    return Outcome(done.run, {**done.result, "gone": _few(done.result["gone"], threshold), "left": left})


def _few(counts: dict[str, int], threshold: int) -> dict[str, int | str]:
    return {table: at_least(n, threshold) if table in _FEW else n for table, n in counts.items()}


def _told(workspace: Workspace, found: Due) -> dict[str, Any]:
    return {
        "limits": limits(workspace),
        "gone": found.counts,
        "left": found.left,
        "out_of_reach": found.out_of_reach,
    }


def _in_entry(workspace: Workspace, found: Due) -> dict[str, Any]:
    """Counts, and no identity: small ones of records only as small."""
    threshold = workspace.config.publish.threshold
    return {
        "gone": _few(found.counts, threshold),
        "left": {hold: _few(kept, threshold) for hold, kept in found.left.items()},
        "limits": {table: limit for table, limit in limits(workspace).items() if limit is not None},
        "out_of_reach": len(found.out_of_reach),
    }


def _forget_people(connection: Connection, found: Due) -> None:
    for row in found.people:
        forget(connection, row)


def retention(workspace: Workspace) -> dict[str, Any]:
    """Every table with its limit and what that means; None for one that is kept until somebody sets a limit.

    Returns
    -------
    dict
        ``tables``, a list with ``table``, ``limit`` and ``meaning``; ``kept``, those that can have none, and why;
        ``last``, when `retain` last ran; and ``overdue``, tables of which something has to go now.
    """
    workspace.require("status", {"kind": "records"})
    said = limits(workspace)
    meanings = {
        **TABLES,
        **{f"runs of {verb}": f"the same for {verb}" for verb in workspace.config.retention.verbs},
    }
    return {
        "tables": [{"table": t, "limit": limit, "meaning": meanings[t]} for t, limit in said.items()],
        "kept": [{"table": table, "meaning": meaning} for table, meaning in KEPT.items()],
        **standing_of(workspace),
    }


def standing_of(workspace: Workspace) -> dict[str, Any]:
    """When `retain` last ran, and which tables hold what has to go by now."""
    last = last_retained(workspace)
    overdue: list[str] = []
    if any(limit is not None for limit in limits(workspace).values()):
        with workspace.reading():
            overdue = due(workspace).overdue
    return {"last": None if last is None else last["at"], "overdue": overdue}


def keep_retaining(
    opened: Callable[[], Workspace],
    *,
    every: str,
    tell: Callable[[Outcome | PeelianError], None],
    rounds: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Run `retain` again and again. One that can't be done is told, and the next one tried all the same.

    Parameters
    ----------
    opened : callable
        Opens the workspace anew each time: its configuration may have changed.
    every : str
        A span such as ``1d``.
    tell : callable
        Given each outcome, or why there is none.
    rounds : int, optional
        How often; until it's stopped when not given.

    Raises
    ------
    UsageError
        `every` is no span of days or weeks.
    """
    span = KeptFor.parse(every)
    days = {"d": 1, "w": 7}.get(span.unit)
    if days is None:
        msg = f"--every {every} was given; expected days or weeks"
        raise UsageError(msg, hint="--every 1d")
    done = 0
    while rounds is None or done < rounds:
        if done:
            sleep(span.n * days * 86_400.0)
        try:
            tell(retain(opened()))
        except PeelianError as problem:
            tell(problem)
        done += 1
