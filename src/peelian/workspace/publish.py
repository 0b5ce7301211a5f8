"""``publish``: the bulletin and the public page of a plan that somebody has decided on."""

from __future__ import annotations

import shutil
from typing import Any

from peelian.workspace.calls import recorded
from peelian.workspace.cosign import before_showing
from peelian.workspace.evidence import gather
from peelian.workspace.files import sha256_of
from peelian.workspace.plan import about_forecast
from peelian.workspace.policies import PAGE
from peelian.workspace.policy_site import policy_site
from peelian.workspace.shown import as_shown, was_published
from peelian.workspace.standing import APPROVED, Decided, find_decision, find_plan, moment
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["publish"]


def _publish_ledger(workspace: Workspace) -> None:
    """A copy of the ledger beside the page: whoever wants to check it needs nothing else from the agency."""
    target = workspace.folder / "public" / "ledger"
    ledger = workspace.folder / "ledger"
    for path in sorted(ledger.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            copy = target / path.relative_to(ledger)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def _ask(workspace: Workspace, source: dict[str, Any]) -> Decided | None:
    """Ask whether a plan may be published as it stands; the decision on it, if there is one."""
    name, state, found = source["id"], str(source["state"]), None
    if state not in ("draft", "proposed"):
        found = find_decision(workspace, name)
        state = found.standing(moment(workspace))
        state = found.decision.state if state in APPROVED else state
    # Of a plan that is over, its page says so and shows nothing of it; else the last page would go on to show it.
    over = state in ("expired", "withdrawn", "reviewed") and was_published(workspace, name)
    resource = {"kind": "decision" if over else "plan", "id": name, "author_role": source["role"]}
    workspace.require("publish", {**resource, "state": state})
    return found


@recorded
def publish(workspace: Workspace, *, plan: str | None = None) -> Outcome:
    """Write ``public/`` and the commander's bulletin for a decided plan.

    A plan that was published and has expired or was withdrawn since can be published again: the page then says that it
    is over, and shows no places and no hours.

    Raises
    ------
    RefusedError
        Nobody has approved or amended the plan, or the role may not publish.
    CheckError
        Witnesses are demanded, and too few have seen the publication's entry: nothing was shown.
    """
    from peelian.publish import bulletin, site_files, write_site

    with workspace.writing():
        source = find_plan(workspace, plan)
        name = source["id"]
        about_forecast(workspace, workspace.result(name)["forecast"])
        found = _ask(workspace, source)
        assert found is not None  # else it would have been refused
        run = workspace.new_run("publish")
        evidence = gather(
            workspace,
            name,
            planned=found.result.get("plan"),
            audit=found.result.get("audit"),
            decision=as_shown(workspace, found),
        )
        pages = {"bulletin.html": bulletin(evidence)}
        # Recorded first, shown after: what the public sees is in the ledger by then. `verify_ledger` notices a crash
        # in between, and publishing again mends it.
        site = site_files(evidence, rules=policy_site(workspace)[PAGE])
        public = {page: sha256_of(text.encode()) for page, text in site.items()}
        result: dict[str, Any] = {
            "plan": name,
            "decision": found.id,
            "public": public,
            "origin": evidence.origin,
        }
        outcome = workspace.commit(
            run,
            result,
            subject=name,
            category=source["category"],
            pages=pages,
            details={"plan": name, "decision": found.id, "public": public},
        )
        before_showing(workspace, run)
        # Witnesses may have taken their time.
        workspace.guard.stop_if_halted(kept="the entry of it stands, and the public sees what it saw before")
        write_site(site, workspace.folder / "public")
        _publish_ledger(workspace)
        return outcome
