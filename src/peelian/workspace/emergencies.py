"""Emergencies: who may for a while do what their role may not, and which of them nobody has reviewed.

Read from the runs, as halts and suspensions are. An emergency is one person's, in one role, for some actions and for
some hours. It ends by itself, with nothing that would have to be written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from peelian.workspace.state import OutboxRow, Run

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["FOLDER", "VERB", "covering", "emergencies", "made_under", "owes_review", "said", "standing_of"]

FOLDER, VERB = "notices", "emergency"


def emergencies(workspace: Workspace) -> list[dict[str, Any]]:
    """Every emergency that was ever announced, the oldest first.

    Returns
    -------
    list of dict
        ``run``, ``role``, ``at``, ``until`` (when it ends or ended at the latest), ``actions``, ``reason``, ``ended``
        (when somebody ended it before that), ``made_under`` (the runs that were made under it), ``review`` (its
        ``run``, ``role``, ``at``, ``finding`` and ``reason``) and ``state``: ``standing``, ``unreviewed`` (it is over,
        and nobody has looked at it) or ``reviewed``.
    """
    hidden = ("person",)
    return [
        {key: value for key, value in one.items() if key not in hidden}
        | {"made_under": made_under(workspace, one["run"])}
        for one in _read(workspace)
    ]


def _read(workspace: Workspace) -> list[dict[str, Any]]:
    """Without the runs that were made under them, and with the person whose they are."""
    found: dict[str, dict[str, Any]] = {}
    for row in workspace.state.rows(Run, Run.verb == VERB, order=Run.serial):
        result = workspace.result(row["id"])
        if result["act"] == "begun":
            told = {key: result[key] for key in ("until", "actions", "reason")}
            found[row["id"]] = {
                "run": row["id"],
                "role": row["role"],
                "person": row["person"],
                "at": row["at"],
                **told,
                "ended": None,
                "review": None,
            }
        elif result["act"] == "ended":
            found[result["emergency"]]["ended"] = row["at"]
        else:
            review = {"run": row["id"], "role": row["role"], "at": row["at"]}
            found[result["emergency"]]["review"] = review | {k: result[k] for k in ("finding", "reason")}
    now = workspace.now().astimezone(UTC)
    for one in found.values():
        over = one["ended"] is not None or now >= datetime.fromisoformat(one["until"])
        one["state"] = "reviewed" if one["review"] else "unreviewed" if over else "standing"
    return list(found.values())


def made_under(workspace: Workspace, emergency: str) -> list[str]:
    """The runs that were made under an emergency, by what their ledger entries say."""
    marked = OutboxRow.body.contains(f'"emergency":"{emergency}"', autoescape=True)
    return [row["id"] for row in workspace.state.rows(OutboxRow, marked, order=OutboxRow.serial)]


def covering(workspace: Workspace, action: str | None = None, *, run: str | None = None) -> str | None:
    """The emergency under which whoever acts may do something now; None where there is none.

    Parameters
    ----------
    action : str, optional
        What; any action if not given.
    run : str, optional
        Only this emergency.
    """
    if workspace.person is None:
        return None
    for one in _read(workspace):
        mine = one["person"] == workspace.person and one["role"] == workspace.role
        meant = (action is None or action in one["actions"]) and run in (None, one["run"])
        if mine and meant and one["state"] == "standing":
            return str(one["run"])
    return None


def standing_of(workspace: Workspace) -> str | None:
    """The emergency of whoever acts that stands, in whichever role it was announced; None where there is none."""
    found = [one for one in _read(workspace) if one["state"] == "standing"]
    return next((one["run"] for one in found if one["person"] == workspace.person is not None), None)


def owes_review(workspace: Workspace) -> bool:
    """Whether an emergency of this role, or of whoever acts in whichever role, is over and was not reviewed."""
    return any(
        one["state"] == "unreviewed"
        and (
            one["role"] == workspace.role or (one["person"] is not None and one["person"] == workspace.person)
        )
        for one in _read(workspace)
    )


def said(one: dict[str, Any]) -> str:
    """An emergency in words."""
    what = ", ".join(str(action).replace("_", " ") for action in one["actions"])
    until = str(one["ended"] or one["until"])[:16].replace("T", " at ")
    verb = "may" if one["state"] == "standing" else "might"
    return f"{one['run']}: one {one['role']} {verb} {what} until {until} UTC: {one['reason']}"
