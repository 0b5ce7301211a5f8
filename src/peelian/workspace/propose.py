"""``propose``: a draft is put forward, so that somebody can decide on it."""

from __future__ import annotations

from peelian.charter import check_reason, transition
from peelian.workspace.plan import about_forecast
from peelian.workspace.standing import moment, written
from peelian.workspace.suspension import is_suspended
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["propose"]


def propose(workspace: Workspace, plan: str | None = None, *, reason: str | None = None) -> Outcome:
    """Put a draft forward.

    Parameters
    ----------
    plan : str, optional
        A plan's run id; the latest when not given.
    reason : str, optional
        Why, in words.

    Raises
    ------
    RefusedError
        The role may not plan, the plan is no draft, or its method has been suspended since.
    """
    with workspace.writing():
        source = workspace.latest("plan", plan)
        name = source["id"]
        made = workspace.result(name)
        about_forecast(workspace, made["forecast"])
        suspended = is_suspended(workspace, source["category"], made["method"])
        workspace.require(
            "plan", {"kind": "plan", "id": name, "state": source["state"], "suspended": suspended}
        )
        state = transition(source["state"], "propose")
        result = {
            "plan": name,
            "state": state,
            "role": workspace.role,
            "reason": None if reason is None else check_reason(reason),
            "at": written(moment(workspace)),
        }
        return workspace.commit(
            workspace.new_run("propose"),
            result,
            subject=name,
            category=source["category"],
            run_states={name: state},
            details={"plan": name, "state": state},
        )
