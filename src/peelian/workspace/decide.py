"""``decide``: a named role approves, amends or refuses a plan, with a reason, on what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from peelian.charter import Decision, transition
from peelian.errors import RefusedError, UsageError
from peelian.workspace.files import sha256_of
from peelian.workspace.look import PAGE, amend, last_audit, last_look, page_of
from peelian.workspace.plan import about_forecast
from peelian.workspace.standing import find_plan, moment
from peelian.workspace.suspension import is_suspended
from peelian.workspace.thresholds import thresholds_for
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
    begins: str | None = None,
    automated: bool = False,
) -> Outcome:
    """Decide on a plan.

    What was on the screen is kept with the decision: the bulletin as it stood at that moment, and its hash. So is how
    long ago whoever decides last looked at exactly that page (see `peelian.workspace.look.look`).

    Parameters
    ----------
    action : {"approve", "amend", "refuse"}
    reason : str
        Why, in words; required.
    remove, add : sequence of cell ids
        For ``amend``: which places go out and which come in. The amended plan is audited before it stands.
    dissent : str, optional
        A view that differs.
    begins : str, optional
        When an approval begins: a day or a time of the agency's zone in ISO 8601, or ``"period"`` for the beginning
        of the forecast's period; at once when not given. It runs out ``[plan] expires_days`` later.
    automated : bool
        A script decides in a person's place. The charter allows that in a demonstration workspace only.

    Raises
    ------
    RefusedError
        The role may not decide, decides on its own plan, the plan's burden has not been measured, or its method has
        been suspended since; refusing is always possible.
    """
    with workspace.writing():
        source = find_plan(workspace, plan)
        name = source["id"]
        if source["state"] == "draft":
            transition("draft", action)
        audit = last_audit(workspace, name)
        result: dict[str, Any] = {"plan_run": name}
        planned = None
        if action == "amend" and audit is not None and (remove or add):
            planned, audit = amend(workspace, name, remove=remove, add=add)
            result |= {"plan": planned, "audit": audit}
        _ask(workspace, source, action, audit, automated=automated)
        run = workspace.new_run("decide")
        # What is decided on is what is shown: of an amendment, the amended plan with its own burden.
        page = page_of(workspace, name, planned=planned, audit=audit)
        now = moment(workspace)
        start = _begins(workspace, name, action, begins)
        decision = Decision.make(
            id=run,
            subject=name,
            state=source["state"],
            action=action,
            role=workspace.role,
            reason=reason,
            removed=tuple(remove),
            added=tuple(add),
            shown={PAGE: sha256_of(page.encode())},
            shown_copy=f"runs/{run}/{PAGE}",
            decided_at=now,
            begins_at=start,
            expires_at=(start or now) + timedelta(days=workspace.config.plan.expires_days),
            dissent=dissent,
            demonstration=automated,
            looked=_looked(workspace, name, page, amended=planned is not None, at=now),
        )
        result["decision"] = decision.to_dict()
        return workspace.commit(
            run,
            result,
            subject=name,
            category=source["category"],
            pages={PAGE: page},
            decision=decision.to_dict(),
            run_states={name: decision.state},
            details={"plan": name, "action": action, "state": decision.state},
        )


def _looked(
    workspace: Workspace, plan: str, page: str, *, amended: bool, at: datetime
) -> dict[str, Any] | None:
    """The last look at the page decided on; whoever amends a plan may have looked at it as it was proposed."""
    pages = [page]
    if amended:
        pages.append(page_of(workspace, plan, audit=last_audit(workspace, plan)))
    return last_look(workspace, plan, {sha256_of(shown.encode()) for shown in pages}, at=at)


def _begins(workspace: Workspace, plan: str, action: str, given: str | None) -> datetime | None:
    """When an approval begins, in UTC; None for at once."""
    if given is None:
        return None
    if action == "refuse":
        msg = f"a beginning ({given}) was given with a refusal, which begins nothing"
        raise UsageError(msg, hint="leave --from out")
    text = given.strip()
    if text == "period":
        text = workspace.result(workspace.result(plan)["forecast"])["period"]["start"]
    try:
        day = date.fromisoformat(text)
    except ValueError:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            msg = f"{given!r} was given as the beginning; expected YYYY-MM-DD, YYYY-MM-DDTHH:MM, or period"
            raise UsageError(msg, hint="--from 2026-01-31, in the agency's zone") from None
    else:
        at = datetime.combine(day, time())
    return (at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(workspace.zone))).astimezone(UTC)


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
    late = thresholds_for(workspace, "plan", source=source["id"]).set_late
    if late and action != "refuse":
        msg = f"{source['id']} was made before a threshold that holds for plans from now on. {late[-1]}"
        raise RefusedError(msg, hint="peelian plan, then decide on that one; or --refuse")
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
