"""``withdraw`` and ``dissent``: a decision is taken back, or somebody puts another view beside it."""

from __future__ import annotations

from typing import Any

from peelian.charter import check_reason, transition
from peelian.workspace.standing import decisions, find_decision, moment, written
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["dissent", "withdraw"]


def withdraw(workspace: Workspace, decision: str | None = None, *, reason: str) -> Outcome:
    """Take back an approval before it has run out, or a plan on which nobody has decided.

    Parameters
    ----------
    decision : str, optional
        Id of a decision or of a plan; the latest decision when not given.
    reason : str
        Why, in words; required.

    Raises
    ------
    RefusedError
        The role may not withdraw, or there is nothing that stands: it was refused, withdrawn or has expired.
    UsageError
        There is no such decision or plan, or the reason says too little.
    """
    said = check_reason(reason)
    with workspace.writing():
        plan, decided, state = _standing(workspace, decision)
        about = decided or plan["id"]
        resource = {"kind": "plan", "id": about, "author_role": plan["role"], "state": state}
        workspace.require("withdraw", resource)
        after = transition(state, "withdraw")
        result: dict[str, Any] = {
            "plan": plan["id"],
            "decision": decided,
            "before": state,
            "state": after,
            "role": workspace.role,
            "reason": said,
            "at": written(moment(workspace)),
        }
        return workspace.commit(
            workspace.new_run("withdraw"),
            result,
            subject=about,
            category=plan["category"],
            run_states={plan["id"]: after},
            details={
                "plan": plan["id"],
                "state": after,
                **({} if decided is None else {"decision": decided}),
            },
        )


def _standing(workspace: Workspace, name: str | None) -> tuple[dict[str, Any], str | None, str]:
    """The plan's row, the id of the decision on it if there is one, and the state at this moment."""
    taken = {one.plan["id"] for one in decisions(workspace)}
    undecided = [row for row in workspace.runs("plan") if row["id"] == name and row["id"] not in taken]
    if undecided:
        return undecided[0], None, str(undecided[0]["state"])
    found = find_decision(workspace, name)
    return dict(found.plan), found.id, found.standing(moment(workspace))


def dissent(workspace: Workspace, decision: str | None = None, *, text: str) -> Outcome:
    """Put a view that differs beside a decision; it changes nothing of the decision and is shown wherever that is.

    Whoever could have taken the decision may, but not the person who took it: they give their own doubts with it.

    Parameters
    ----------
    decision : str, optional
        Id of a decision or of its plan; the latest decision when not given.
    text : str
        The view, in words.

    Raises
    ------
    RefusedError
        The role may not decide, or it is known to be the same person.
    UsageError
        There is no such decision, or the view says too little.
    """
    said = check_reason(text, what="dissent")
    with workspace.writing():
        found = find_decision(workspace, decision)
        resource = {
            "kind": "decision",
            "id": found.id,
            "author_role": found.plan["role"],
            "same_person": workspace.by_me(found.row) or workspace.by_me(found.plan),
        }
        # To differ is no approval: what would stop one, such as a halt, doesn't stop this.
        workspace.require("decide", resource, {"choice": "refuse"})
        result = {
            "plan": found.plan["id"],
            "decision": found.id,
            "role": workspace.role,
            "text": said,
            "at": written(moment(workspace)),
        }
        return workspace.commit(
            workspace.new_run("dissent"),
            result,
            subject=found.id,
            category=found.plan["category"],
            details={"plan": found.plan["id"], "decision": found.id},
        )
