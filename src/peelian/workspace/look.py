"""``look``: the page that a commander decides on, and when it was looked at."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from peelian.charter import transition
from peelian.publish import bulletin
from peelian.workspace.audit import audit_plan
from peelian.workspace.evidence import gather
from peelian.workspace.files import sha256_of
from peelian.workspace.plan import about_forecast, rebuild_plan
from peelian.workspace.standing import find_plan, moment, written
from peelian.workspace.thresholds import thresholds_for
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["PAGE", "amend", "last_audit", "last_look", "look", "page_of"]

PAGE = "shown.html"


def look(
    workspace: Workspace,
    plan: str | None = None,
    *,
    remove: Sequence[str] = (),
    add: Sequence[str] = (),
) -> Outcome:
    """Make the page that a plan is decided on, and keep that it was looked at.

    It is the page that `peelian.workspace.decide.decide` keeps, to the byte, as long as nothing is added to it in
    between. Nobody has to look before deciding; the decision keeps how long before it that was, and the overseer
    sees it.

    Parameters
    ----------
    plan : str, optional
        A plan's run id; the latest that is no draft when not given.
    remove, add : sequence of cell ids
        Look at the plan with these places taken out and put in, with its own burden.

    Raises
    ------
    RefusedError
        The role may not look, or the plan is not proposed.
    """
    with workspace.writing():
        source = find_plan(workspace, plan)
        name = source["id"]
        about_forecast(workspace, workspace.result(name)["forecast"])
        resource = {"kind": "plan", "id": name, "author_role": source["role"], "state": source["state"]}
        workspace.require("look", resource)
        transition(source["state"], "refuse")  # what nobody can decide on any more is not to be decided on
        planned, audit = None, last_audit(workspace, name)
        if remove or add:
            planned, audit = amend(workspace, name, remove=remove, add=add)
        page = page_of(workspace, name, planned=planned, audit=audit)
        run, digest = workspace.new_run("look"), sha256_of(page.encode())
        result = {
            "plan": name,
            "shown": {PAGE: digest},
            "removed": list(remove),
            "added": list(add),
            "role": workspace.role,
            "at": written(moment(workspace)),
        }
        return workspace.commit(
            run,
            result,
            subject=name,
            category=source["category"],
            pages={PAGE: page},
            details={"plan": name, "shown": digest},
        )


def page_of(
    workspace: Workspace,
    plan: str,
    *,
    planned: Mapping[str, Any] | None = None,
    audit: Mapping[str, Any] | None = None,
) -> str:
    """The page that a plan is decided on: the same bytes until something is added to what it tells.

    The state of the ledger is no part of it, which grows with each look.
    """
    evidence = gather(
        workspace,
        plan,
        planned=None if planned is None else dict(planned),
        audit=None if audit is None else dict(audit),
    )
    return bulletin(replace(evidence, ledger=None))


def last_audit(workspace: Workspace, plan: str) -> dict[str, Any] | None:
    """The last audit of a plan; None where it was not audited."""
    rows = [row for row in workspace.runs("audit") if row["subject"] == plan]
    return workspace.result(rows[-1]["id"]) if rows else None


def amend(
    workspace: Workspace, plan: str, *, remove: Sequence[str], add: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A plan with places taken out and put in, and the audit of it."""
    before = rebuild_plan(workspace, plan)
    amended = before.amend(remove=list(remove), add=list(add))
    held = thresholds_for(workspace, "plan", source=plan)
    return amended.to_dict(), audit_plan(workspace, amended, counting=before, held=held)


def last_look(
    workspace: Workspace, plan: str, shown: Collection[str], *, at: datetime
) -> dict[str, Any] | None:
    """The last look at one of these pages by whoever acts now: ``run``, and ``seconds`` from it to a time.

    Where roles are only claimed, a look by somebody in the same role is taken for theirs.
    """
    for row in reversed(workspace.runs("look")):
        if row["subject"] != plan or row["person"] != workspace.person:
            continue
        if workspace.person is None and row["role"] != workspace.role:
            continue
        found = workspace.result(row["id"])
        if found["shown"][PAGE] in shown:
            seconds = (at - datetime.fromisoformat(found["at"])).total_seconds()
            return {"run": row["id"], "seconds": round(max(seconds, 0.0), 1)}
    return None
