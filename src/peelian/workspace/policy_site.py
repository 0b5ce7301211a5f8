"""The public page of the rules of a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peelian.charter import Policy
from peelian.charter.policy import HARD_RULES
from peelian.workspace.policies import PAGE, hashes_of, in_force, proposals, set_of

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["DIFF", "policy_site"]

DIFF = "change.diff"


def policy_site(
    workspace: Workspace, *, policy: Policy | None = None, enacted: tuple[str, str] | None = None
) -> dict[str, str]:
    """The text of ``policy.html``, by its name; as `peelian.publish.site_files`.

    Parameters
    ----------
    policy : Policy, optional
        The rules to show; those in force if not given.
    enacted : (str, str), optional
        A proposal that is just being put in force, and the run that does it.
    """
    from peelian.publish import policy_page

    shown = policy or workspace.policy
    found = in_force(workspace)
    run = enacted[1] if enacted else "" if found is None else found.run
    changes = [_with_diff(workspace, one) for one in proposals(workspace)]
    for one in changes if enacted else ():
        if one["run"] == (enacted or ("",))[0]:
            one["state"] = "in force"
        elif one["state"] == "in force":
            one["state"] = "replaced"
        elif one["state"] in ("proposed", "approved"):
            one["state"] = "outdated"
    agency = workspace.config.agency
    page = policy_page(
        [{**rule, "hard": rule["file"] == HARD_RULES} for rule in shown.rules],
        changes,
        agency=agency.name,
        contact=agency.contact,
        demonstration=agency.demonstration,
        origin={"In force since": run, "Hash of the set": set_of(hashes_of(shown.texts))},
    )
    return {PAGE: page}


def _with_diff(workspace: Workspace, one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "diff": workspace.checked(one["run"], DIFF).read_text(encoding="utf-8")}
