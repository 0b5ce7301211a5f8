"""``decide``: a named role approves, amends or refuses a plan, with a reason, on what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

from peelian.charter import Decision
from peelian.workspace.audit import audit_plan
from peelian.workspace.evidence import gather
from peelian.workspace.plan import rebuild_plan
from peelian.workspace.workspace import Outcome, Workspace, sha256_of

__all__ = ["decide"]


def decide(
    workspace: Workspace,
    action: str,
    *,
    reason: str,
    plan: str | None = None,
    remove: Sequence[str] = (),
    add: Sequence[str] = (),
    dissent: str | None = None,
    automated: bool = False,
) -> Outcome:
    """Decide on a plan.

    What was on the screen is kept with the decision: the bulletin as it stood at that moment, and its hash.

    Parameters
    ----------
    action : {"approve", "amend", "refuse"}
    reason : str
        Why, in words; required.
    remove, add : sequence of cell ids
        For ``amend``: which places go out and which come in. The amended plan is audited before it stands.
    automated : bool
        A script decides in a person's place. The charter allows that in a demonstration workspace only.

    Raises
    ------
    RefusedError
        The role may not decide, decides on its own plan, or the plan's burden has not been measured.
    """
    with workspace.writing():
        source = workspace.latest("plan", plan)
        name = source["id"]
        audits = [row for row in workspace.runs("audit") if row["subject"] == name]
        resource = {
            "kind": "plan",
            "id": name,
            "author_role": source["role"],
            "state": source["state"],
            "burden_measured": bool(audits),
        }
        demonstration = workspace.config.agency.demonstration
        circumstances = {"choice": action, "automated": automated, "demonstration": demonstration}
        workspace.require("decide", resource, circumstances)
        run = workspace.new_run("decide")
        pages, result = _shown(workspace, name)
        now = workspace.now().astimezone(UTC)
        decision = Decision.make(
            id=run,
            subject=name,
            state=source["state"],
            action=action,
            role=workspace.role,
            reason=reason,
            removed=tuple(remove),
            added=tuple(add),
            shown={page: sha256_of(text.encode()) for page, text in pages.items()},
            shown_copy=f"runs/{run}/shown.html",
            decided_at=now,
            expires_at=now + timedelta(days=workspace.config.plan.expires_days),
            dissent=dissent,
            demonstration=automated,
        )
        result["decision"] = decision.to_dict()
        if action == "amend":
            amended = rebuild_plan(workspace, name).amend(remove=list(remove), add=list(add))
            result["plan"] = amended.to_dict()
            result["audit"] = audit_plan(workspace, amended)
        return workspace.commit(
            run,
            result,
            subject=name,
            category=source["category"],
            pages=pages,
            decision=decision.to_dict(),
            run_states={name: decision.state},
            details={"plan": name, "action": action, "state": decision.state},
        )


def _shown(workspace: Workspace, plan: str) -> tuple[dict[str, str], dict[str, Any]]:
    from peelian.publish import bulletin

    return {"shown.html": bulletin(gather(workspace, plan))}, {"plan_run": plan}
