"""``hold`` and ``release``: keep records from being deleted, visibly; another person ends that."""

from __future__ import annotations

from typing import Any

from peelian.charter import check_reason
from peelian.errors import UsageError
from peelian.records.selection import Selection
from peelian.workspace.holds import holds
from peelian.workspace.known import check_known
from peelian.workspace.state import Run
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["hold", "release"]


def hold(
    workspace: Workspace,
    *,
    reason: str,
    source: str | None = None,
    category: str | None = None,
    first: str | None = None,
    last: str | None = None,
) -> Outcome:
    """Keep records from retention and erasure, from now on; records that come in later too.

    Parameters
    ----------
    reason : str
        Why, in words; required. It is shown to whoever may oversee, so name a file number and not a person.
    source, category, first, last : str, optional
        What it covers, days as ``YYYY-MM-DD``; all records where nothing is given.

    Raises
    ------
    RefusedError
        The role may not hold.
    UsageError
        The reason says too little, a day is none, or no record here has such a source or category.
    """
    workspace.require("hold", {"kind": "records"})
    said = check_reason(reason)
    chosen = Selection.parse(source=source, category=category, first=first, last=last)
    if source is not None:
        check_known(workspace, "source", source)
    if category is not None:
        check_known(workspace, "category", category)
    with workspace.writing():
        run = workspace.new_run("hold")
        told = chosen.to_dict()
        result: dict[str, Any] = {
            **told,
            "covers": str(chosen),
            "reason": said,
            "role": workspace.role,
            "text": (
                f"{run} keeps {chosen}, and what was made from them, from being deleted until somebody else "
                "releases it."
            ),
        }
        details = {key: value for key, value in told.items() if value is not None}
        return workspace.commit(run, result, category=chosen.category or "", details={"covers": details})


def release(workspace: Workspace, hold: str, *, reason: str) -> Outcome:
    """End a hold. Not for whoever set it: another person, or where nobody is registered another role.

    Raises
    ------
    RefusedError
        The role may not, or it is one's own hold.
    UsageError
        There is no such hold, or the reason says too little.
    """
    said = check_reason(reason)
    with workspace.writing():
        standing = {one["run"]: one for one in holds(workspace)}
        if hold not in standing:
            msg = f"{hold!r} was given as the hold to release; there are: {', '.join(standing) or 'none'}"
            raise UsageError(msg, hint=f"peelian hold list --workspace {workspace.folder}")
        own = _own(workspace, workspace.state.rows(Run, Run.id == hold)[0])
        workspace.require("release", {"kind": "records", "id": hold, "same_person": own})
        result: dict[str, Any] = {
            "hold": hold,
            "covered": standing[hold]["covers"],
            "reason": said,
            "role": workspace.role,
            "text": f"{hold} is released: {standing[hold]['covers']} can be deleted again, unless another hold stands.",
        }
        return workspace.commit(workspace.new_run("release"), result, subject=hold, details={"hold": hold})


def _own(workspace: Workspace, row: dict[str, Any]) -> bool:
    """Whether whoever acts set the hold, as far as that can be told: by the person, or else by the role."""
    if workspace.person is None or row["person"] is None:
        return bool(row["role"] == workspace.role)
    return workspace.by_me(row)
