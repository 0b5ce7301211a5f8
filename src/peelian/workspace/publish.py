"""``publish``: the bulletin and the public page of a plan that somebody has decided on."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from peelian.charter import Decision, is_in_force
from peelian.workspace.evidence import gather
from peelian.workspace.state import DecisionRow
from peelian.workspace.workspace import Outcome, Workspace, sha256_of_file

__all__ = ["publish"]


def _state_now(workspace: Workspace, state: str, decisions: list[dict[str, Any]]) -> str:
    """The plan's state, or ``expired`` once its approval has run out."""
    if state not in ("approved", "amended"):
        return state
    decision = Decision.from_dict(json.loads(decisions[-1]["body"]))
    return state if is_in_force(decision, workspace.now()) else "expired"


def publish(workspace: Workspace, *, plan: str | None = None) -> Outcome:
    """Write ``public/`` and the commander's bulletin for a decided plan.

    Raises
    ------
    RefusedError
        Nobody has approved or amended the plan, or the role may not publish.
    """
    from peelian.publish import bulletin, public_site

    with workspace.writing():
        source = workspace.latest("plan", plan)
        name = source["id"]
        decisions = workspace.state.rows(DecisionRow, DecisionRow.subject == name, order=DecisionRow.serial)
        state = {"author_role": source["role"], "state": _state_now(workspace, source["state"], decisions)}
        workspace.require("publish", {"kind": "plan", "id": name, **state})
        run = workspace.new_run("publish")
        evidence = gather(workspace, name, decision=workspace.result(decisions[-1]["id"]))
        pages = {"bulletin.html": bulletin(evidence)}
        # Recorded first, shown after: what the public sees is in the ledger by then. `verify_ledger` notices a crash
        # in between, and publishing again mends it.
        with TemporaryDirectory() as draft:
            written = public_site(evidence, Path(draft) / "public")
            public = {path.name: sha256_of_file(path) for path in sorted(written)}
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
        public_site(evidence, workspace.folder / "public")
        return outcome
