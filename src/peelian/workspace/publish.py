"""``publish``: the bulletin and the public page of a plan that somebody has decided on."""

from __future__ import annotations

import json
import shutil
from typing import Any

from peelian.charter import Decision, is_in_force
from peelian.workspace.calls import recorded
from peelian.workspace.cosign import before_showing
from peelian.workspace.evidence import gather
from peelian.workspace.files import sha256_of
from peelian.workspace.plan import about_forecast
from peelian.workspace.policies import PAGE
from peelian.workspace.policy_site import policy_site
from peelian.workspace.state import DecisionRow
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


def _state_now(workspace: Workspace, state: str, decisions: list[dict[str, Any]]) -> str:
    """The plan's state, or ``expired`` once its approval has run out."""
    if state not in ("approved", "amended"):
        return state
    decision = Decision.from_dict(json.loads(decisions[-1]["body"]))
    return state if is_in_force(decision, workspace.now()) else "expired"


@recorded
def publish(workspace: Workspace, *, plan: str | None = None) -> Outcome:
    """Write ``public/`` and the commander's bulletin for a decided plan.

    Raises
    ------
    RefusedError
        Nobody has approved or amended the plan, or the role may not publish.
    CheckError
        Witnesses are demanded, and too few have seen the publication's entry: nothing was shown.
    """
    from peelian.publish import bulletin, site_files, write_site

    with workspace.writing():
        source = workspace.latest("plan", plan)
        name = source["id"]
        decisions = workspace.state.rows(DecisionRow, DecisionRow.subject == name, order=DecisionRow.serial)
        state = {"author_role": source["role"], "state": _state_now(workspace, source["state"], decisions)}
        about_forecast(workspace, workspace.result(name)["forecast"])
        workspace.require("publish", {"kind": "plan", "id": name, **state})
        run = workspace.new_run("publish")
        decided = workspace.result(decisions[-1]["id"])
        evidence = gather(
            workspace,
            name,
            planned=decided.get("plan"),
            audit=decided.get("audit"),
            decision=decided["decision"],
        )
        pages = {"bulletin.html": bulletin(evidence)}
        # Recorded first, shown after: what the public sees is in the ledger by then. `verify_ledger` notices a crash
        # in between, and publishing again mends it.
        site = site_files(evidence, rules=policy_site(workspace)[PAGE])
        public = {page: sha256_of(text.encode()) for page, text in site.items()}
        result: dict[str, Any] = {
            "plan": name,
            "decision": decisions[-1]["id"],
            "public": public,
            "origin": evidence.origin,
        }
        outcome = workspace.commit(
            run,
            result,
            subject=name,
            category=source["category"],
            pages=pages,
            details={"plan": name, "decision": decisions[-1]["id"], "public": public},
        )
        before_showing(workspace, run)
        write_site(site, workspace.folder / "public")
        _publish_ledger(workspace)
        return outcome
