"""``suspend`` and ``lift``: a person stops the method in use for a category, or lets methods be used again."""

from __future__ import annotations

from typing import Any

from peelian.charter import check_reason
from peelian.errors import UsageError
from peelian.workspace.forecast import chosen_method
from peelian.workspace.state import Run
from peelian.workspace.suspension import counts_only, same_category, suspension_of
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["lift", "suspend"]


def suspend(workspace: Workspace, category: str, *, reason: str) -> Outcome:
    """Suspend the method in use: from now on the category is forecast by counting, until a person lifts that.

    Nobody has to agree, as counting is always allowed. Where methods of the category are suspended already, by an alarm
    or by another role, this holds beside it.

    Parameters
    ----------
    reason : str
        Why, in words; required.

    Raises
    ------
    RefusedError
        The role may not suspend.
    UsageError
        The reason says too little, the category is forecast by counting anyway, or this role holds it already.
    """
    workspace.require("suspend", {"kind": "method"})
    with workspace.writing():
        said = check_reason(reason)
        known = _category(workspace, category)
        before = suspension_of(workspace, category)
        if before is not None and workspace.role in _holding(workspace, before):
            msg = f"{category} is suspended by the {workspace.role} already ({before['run']})"
            raise UsageError(msg, hint=_lifting(workspace, category))
        method, trial = _in_use(workspace, known) if before is None else (before["method"], before["trial"])
        run = workspace.new_run("suspend")
        result = {
            "category": known,
            "method": method,
            "trial": trial,
            "reason": said,
            "role": workspace.role,
            "beside": before,
            "text": (
                f"{method} is suspended for {known} by the {workspace.role}: it is forecast by counting until a person "
                "lifts that."
            ),
            "origin": workspace.origin(),
        }
        return workspace.commit(
            run, result, subject=method, category=known, details={"category": known, "method": method}
        )


def lift(workspace: Workspace, category: str, *, reason: str, automated: bool = False) -> Outcome:
    """Lift what suspends the methods of a category: forecasts go by the last verdict again, the watch starts anew.

    Parameters
    ----------
    reason : str
        Why, in words; required.
    automated : bool
        A script asks in a person's place. The charter allows that in a demonstration workspace only.

    Raises
    ------
    RefusedError
        The role may not lift it: it runs the trials, or the overseer holds the suspension.
    UsageError
        Nothing is suspended for the category, or the reason says too little.
    """
    with workspace.writing():
        before = suspension_of(workspace, category)
        if before is None:
            msg = f"nothing is suspended for {category}"
            raise UsageError(msg, hint=f"peelian status --workspace {workspace.folder} lists what is")
        workspace.guard.about(category=before["category"], methods=(before["method"],))
        resource = {
            "kind": "method",
            "id": before["run"],
            "alarmed": before["alarmed"],
            "overseer_suspended": before["overseer"],
            "author_role": _tried_by(workspace, before),
        }
        demonstration = workspace.config.agency.demonstration
        workspace.require("lift", resource, {"automated": automated, "demonstration": demonstration})
        result = {
            "category": before["category"],
            "method": before["method"],
            "trial": before["trial"],
            "reason": check_reason(reason),
            "role": workspace.role,
            "lifted": before,
            "text": (
                f"What suspended {before['method']} for {before['category']} is lifted by the {workspace.role}: "
                "forecasts go by the last verdict again."
            ),
            "origin": workspace.origin(),
        }
        return workspace.commit(
            workspace.new_run("lift"),
            result,
            subject=before["run"],
            category=before["category"],
            details={"category": before["category"], "method": before["method"], "lifted": before["runs"]},
        )


def _category(workspace: Workspace, category: str) -> str:
    """The category as it was spelled when it was tried or forecast."""
    spelled = [row["category"] for row in workspace.runs() if same_category(row["category"], category)]
    return str(spelled[-1]) if spelled else category


def _in_use(workspace: Workspace, category: str) -> tuple[str, str | None]:
    """The method of the last verdict, or of the last forecast where somebody chose another one by hand."""
    method, verdict = chosen_method(workspace, category, workspace.config.forecast.period)
    trial = None if verdict is None else str(verdict["trial"])
    forecasts = workspace.runs("forecast", category=category)
    by_hand = workspace.result(forecasts[-1]["id"])["method"] if forecasts else method
    found = [name for name in (method, str(by_hand)) if not counts_only(name)]
    if not found:
        msg = f"{category} is forecast by counting ({method}), which is what a suspension leads to"
        raise UsageError(msg, hint=f"peelian status --workspace {workspace.folder}")
    return found[0], trial


def _holding(workspace: Workspace, suspension: dict[str, Any]) -> set[str]:
    rows = workspace.state.rows(Run, Run.id.in_(suspension["runs"]))
    return {row["role"] for row in rows if row["verb"] == "suspend"}


def _tried_by(workspace: Workspace, suspension: dict[str, Any]) -> str:
    """The role that ran the trial which would be followed again; where there is none, the role that forecast."""
    category, trial = suspension["category"], suspension["trial"]
    if trial is None:
        return str(workspace.latest("forecast", category=category)["role"])
    _, verdict = chosen_method(workspace, category, workspace.result(trial)["period"])
    return str(workspace.latest("trial", trial if verdict is None else verdict["trial"])["role"])


def _lifting(workspace: Workspace, category: str) -> str:
    return f"peelian lift --category '{category}' --reason '...' --as {workspace.role} --workspace {workspace.folder}"
