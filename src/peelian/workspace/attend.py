"""``attend``: what was done of a decision. Which of its places were attended, when, for how long, with what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from peelian.charter.dosage import Attendance, read_dosage, refuse_rows
from peelian.errors import RefusedError, UsageError
from peelian.workspace.files import sha256_of_file
from peelian.workspace.forecast import load_surface
from peelian.workspace.standing import APPROVED, Decided, find_decision, moment, written
from peelian.workspace.workspace import Outcome, Workspace

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["attend", "attend_file", "dosage"]

TABLE = "dosage"


def attend(
    workspace: Workspace,
    decision: str | None = None,
    *,
    cell: str,
    on: date | str,
    attended: bool,
    minutes: float = 0.0,
    means: str = "",
    note: str | None = None,
) -> Outcome:
    """Say of one place whether it was attended on a day.

    Parameters
    ----------
    decision : str, optional
        Id of a decision or of its plan; the latest decision when not given.
    cell : str
        Id of the place: one of the plan's, or another one of its grid, which is then said to be outside the plan.
    on : date
        In the agency's calendar.
    minutes : float
    means : str
        With what: a kind of work, such as ``"foot patrol"``.
    note : str, optional
        What else there is to say; it stays in the workspace. Names of persons don't belong in it.

    Returns
    -------
    Outcome
        With the table ``dosage`` in the run: ``decision``, ``plan``, ``cell``, ``date``, ``attended``, ``minutes``,
        ``with``, ``planned``.

    Raises
    ------
    RefusedError
        The role may not, or the decision was a refusal or has been reviewed.
    UsageError
        The place, the day or the rest is not what is expected.
    """
    try:
        day = on if isinstance(on, date) else date.fromisoformat(on)
    except ValueError:
        msg = f"{on!r} was given as the day; expected YYYY-MM-DD"
        raise UsageError(msg, hint="--on 2026-01-31, in the agency's calendar") from None
    visit = Attendance(cell, day, attended, minutes, " ".join(means.lower().split()))
    with workspace.writing():
        found = _open(workspace, decision)
        wrong = _misfits(workspace, found, [(1, visit)])
        if wrong:
            raise UsageError(wrong[0][1], hint="peelian status shows the plan; --json lists its places")
        return _commit(workspace, found, [visit], note=note)


def attend_file(workspace: Workspace, decision: str | None = None, *, path: Path | str) -> Outcome:
    """Say the same of many places, from a CSV file with the columns ``cell,date,attended,minutes,with``.

    All of it is kept, or nothing.

    Raises
    ------
    RefusedError
        As `attend`.
    SourceError
        The file has a column that names a person or anything else, or bad rows; each is named.
    UsageError
        The same file was entered before.
    """
    path = Path(path)
    with workspace.writing():
        found = _open(workspace, decision)
        rows = read_dosage(path)
        digest = sha256_of_file(path)
        for row in _runs(workspace, found.id):
            if workspace.result(row["id"])["file_sha256"] == digest:
                msg = f"{path.name} was entered already, as {row['id']}"
                raise UsageError(msg, hint="enter a file with the rows that are new")
        refuse_rows(path.name, _misfits(workspace, found, rows))
        return _commit(workspace, found, [visit for _, visit in rows], file_sha256=digest)


def dosage(workspace: Workspace, decision: str) -> pd.DataFrame:
    """All that was said to have been done of a decision: a row a visit, in the order in which it was entered."""
    import pandas as pd

    tables = [workspace.table(row["id"], TABLE) for row in _runs(workspace, decision)]
    return pd.concat(tables, ignore_index=True) if tables else _table([], "", "", {})


def _runs(workspace: Workspace, decision: str) -> list[dict[str, Any]]:
    return [row for row in workspace.runs("attend") if row["subject"] == decision]


def _open(workspace: Workspace, name: str | None) -> Decided:
    """The decision, if something could have been done because of it and it is not closed."""
    found = find_decision(workspace, name)
    state = found.standing(moment(workspace))
    resource = {"kind": "plan", "id": found.id, "author_role": found.plan["role"], "state": state}
    workspace.require("attend", resource)
    if state not in (*APPROVED, "expired", "withdrawn"):
        msg = f"{found.id} is {state}: what is done now is not done because of it"
        raise RefusedError(msg, hint="name the decision that it was done by; what was reviewed is closed")
    return found


def _misfits(
    workspace: Workspace, found: Decided, visits: Iterable[tuple[int, Attendance]]
) -> list[tuple[int, str]]:
    """What is wrong with visits beside the form: an unknown place, a day of no approval, a contradiction."""
    grid = load_surface(workspace, workspace.result(found.plan["id"])["forecast"]).grid
    known = {str(cell) for cell in grid.ids}
    first, last = _days(workspace, found)
    said = {
        (str(row.cell), str(row.date)): bool(row.attended)
        for row in dosage(workspace, found.id).itertuples(index=False)
    }
    wrong = []
    for line, visit in visits:
        key = (visit.cell, visit.day.isoformat())
        if visit.cell not in known:
            wrong.append((line, f"{visit.cell!r} is no place of this plan's grid"))
        elif not first <= visit.day <= last:
            when = f"{first} to {last}" if first < last else str(first)
            what = f"{found.id} was in force on {when}" if first <= last else f"{found.id} never was in force"
            wrong.append((line, f"on {visit.day} nothing was done by this decision: so far {what}"))
        elif said.setdefault(key, visit.attended) != visit.attended:
            wrong.append((line, f"{visit.cell} on {visit.day} is said to be attended and not to be attended"))
    return wrong


def _days(workspace: Workspace, found: Decided) -> tuple[date, date]:
    """The first and the last day up to now on which the decision was in force, in the agency's calendar."""
    ended = [found.decision.expires_at, moment(workspace)]
    for row in workspace.runs("withdraw"):
        if row["subject"] == found.id:
            ended.append(datetime.fromisoformat(workspace.result(row["id"])["at"]))
    zone = ZoneInfo(workspace.zone)
    last = min(ended) - timedelta(microseconds=1)  # what ends at midnight ends with the day before
    return found.decision.begins.astimezone(zone).date(), last.astimezone(zone).date()


def _commit(
    workspace: Workspace,
    found: Decided,
    visits: list[Attendance],
    *,
    note: str | None = None,
    file_sha256: str | None = None,
) -> Outcome:
    planned = found.cells(workspace)
    table = _table(visits, found.id, found.plan["id"], planned)
    there = table[table["attended"]]
    result = {
        "plan": found.plan["id"],
        "decision": found.id,
        "role": workspace.role,
        "at": written(moment(workspace)),
        "rows": len(table),
        "attended": len(there),
        "minutes": float(there["minutes"].sum()),
        "outside_the_plan": int((~there["planned"]).sum()),
        "note": note,
        "file_sha256": file_sha256,
    }
    return workspace.commit(
        workspace.new_run("attend"),
        result,
        subject=found.id,
        category=found.plan["category"],
        tables={TABLE: table},
        details={"plan": found.plan["id"], "decision": found.id, "rows": len(table)},
    )


def _table(visits: list[Attendance], decision: str, plan: str, planned: dict[str, float]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {"decision": decision, "plan": plan, **visit.to_dict(), "planned": visit.cell in planned}
        for visit in visits
    ]
    kinds = {
        "decision": "str", "plan": "str", "cell": "str", "date": "str", "attended": "bool", "minutes": "float64",
        "with": "str", "planned": "bool",
    }  # fmt: skip
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)
