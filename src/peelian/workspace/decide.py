"""``decide``: a named role approves, amends or refuses a plan, with a reason, on what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

from peelian.charter import Decision
from peelian.errors import RefusedError
from peelian.publish import bulletin
from peelian.workspace.audit import audit_plan
from peelian.workspace.evidence import gather
from peelian.workspace.files import sha256_of
from peelian.workspace.plan import about_forecast, rebuild_plan
from peelian.workspace.suspension import is_suspended
from peelian.workspace.workspace import Outcome, Workspace

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
        The role may not decide, decides on its own plan, the plan's burden has not been measured, or its method has
        been suspended since; refusing is always possible.
    """
    with workspace.writing():
        source = workspace.latest("plan", plan)
        name = source["id"]
        audits = [workspace.result(row["id"]) for row in workspace.runs("audit") if row["subject"] == name]
        result: dict[str, Any] = {"plan_run": name}
        audit = audits[-1] if audits else None
        if action == "amend" and audit is not None and (remove or add):
            before = rebuild_plan(workspace, name)
            amended = before.amend(remove=list(remove), add=list(add))
            audit = audit_plan(workspace, amended, counting=before)
            result |= {"plan": amended.to_dict(), "audit": audit}
        _ask(workspace, source, action, audit, automated=automated)
        run = workspace.new_run("decide")
        # What is decided on is what is shown: of an amendment, the amended plan with its own burden.
        page = bulletin(gather(workspace, name, planned=result.get("plan"), audit=audit))
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
            shown={"shown.html": sha256_of(page.encode())},
            shown_copy=f"runs/{run}/shown.html",
            decided_at=now,
            expires_at=now + timedelta(days=workspace.config.plan.expires_days),
            dissent=dissent,
            demonstration=automated,
        )
        result["decision"] = decision.to_dict()
        return workspace.commit(
            run,
            result,
            subject=name,
            category=source["category"],
            pages={"shown.html": page},
            decision=decision.to_dict(),
            run_states={name: decision.state},
            details={"plan": name, "action": action, "state": decision.state},
        )


def _ask(
    workspace: Workspace,
    source: dict[str, Any],
    action: str,
    audit: dict[str, Any] | None,
    *,
    automated: bool,
) -> None:
    if audit is not None and not audit["measured"] and action != "refuse":
        msg = f"the burden of {source['id']} could not be measured: {audit['why_not']} (charter, rule 7)"
        raise RefusedError(
            msg,
            hint="peelian init NEW_FOLDER --areas FILE --population GROUP=COLUMN, then import; or --refuse",
        )
    about_forecast(workspace, workspace.result(source["id"])["forecast"])
    resource = {
        "kind": "plan",
        "id": source["id"],
        "author_role": source["role"],
        "state": source["state"],
        "same_person": workspace.by_me(source),
        "burden_measured": bool(audit and audit["measured"]),
        "suspended": is_suspended(workspace, source["category"], workspace.result(source["id"])["method"]),
    }
    if audit and audit.get("passes") is not None:
        resource["within_limit"] = audit["passes"]
    demonstration = workspace.config.agency.demonstration
    workspace.require(
        "decide", resource, {"choice": action, "automated": automated, "demonstration": demonstration}
    )
