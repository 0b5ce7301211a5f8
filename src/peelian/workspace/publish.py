"""``publish``: the bulletin and the public page of a plan that somebody has decided on."""

from __future__ import annotations

from typing import Any

from peelian.workspace.evidence import gather
from peelian.workspace.state import DecisionRow
from peelian.workspace.workspace import Outcome, Workspace, sha256_of_file

__all__ = ["publish"]


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
        state = {"author_role": source["role"], "state": source["state"]}
        workspace.require("publish", {"kind": "plan", "id": name, **state})
        run = workspace.new_run("publish")
        evidence = gather(workspace, name, decision=workspace.result(decisions[-1]["id"]))
        pages = {"bulletin.html": bulletin(evidence)}
        written = public_site(evidence, workspace.folder / "public")
        public = workspace.folder / "public"
        result: dict[str, Any] = {
            "plan": name,
            "decision": decisions[-1]["id"],
            "public": {str(path.relative_to(public)): sha256_of_file(path) for path in sorted(written)},
            "origin": evidence.origin,
        }
        return workspace.commit(
            run,
            result,
            subject=name,
            category=source["category"],
            pages=pages,
            details={"plan": name, "decision": decisions[-1]["id"], "public": result["public"]},
        )
