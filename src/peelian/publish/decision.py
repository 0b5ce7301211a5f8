"""A decision, for a page: who decided, what, why and until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peelian.publish.words import moment, plural

__all__ = ["decision_words", "in_force"]

Result = Mapping[str, Any]

STATES = {
    "draft": ("Draft", "warn", "This is a draft that nobody has put forward."),
    "proposed": (
        "Proposed, not decided",
        "warn",
        "Nobody has decided on this plan. It is advice and nothing follows from it.",
    ),
    "approved": ("Approved", "good", "{who} approved this plan as it is."),
    "amended": (
        "Approved with changes",
        "good",
        "{who} changed this plan and approved the changed one.",
    ),
    "refused": ("Refused", "warn", "{who} refused this plan. Nothing follows from it."),
    "withdrawn": ("Withdrawn", "warn", "This plan was approved and then withdrawn. Nothing follows from it."),
    "expired": ("Expired", "warn", "The approval of this plan has run out."),
}


def state_of(decision: Result | None) -> str:
    """The state that a decision leaves a plan in; ``"proposed"`` without one."""
    return "proposed" if decision is None else str(decision["state"])


def in_force(decision: Result | None) -> bool:
    """Whether somebody said yes: only then may what a plan contains be published."""
    return state_of(decision) in ("approved", "amended")


def decision_words(decision: Result | None, *, cells: bool = False) -> dict[str, Any]:
    """The decision as tag, tone, sentence, reason, dissent and facts.

    Parameters
    ----------
    decision : mapping, optional
        `peelian.charter.Decision.to_dict()`.
    cells : bool
        Name the places that an amendment changed; on a public page only their number is said.
    """
    tag, tone, sentence = STATES[state_of(decision)]
    if decision is None:
        return {"tag": tag, "tone": tone, "sentence": sentence, "reason": "", "dissent": "", "facts": []}
    role = str(decision.get("role") or "person in charge")
    facts = [("Decided by", f"the {role}"), ("Decided at", moment(decision.get("decided_at")))]
    if in_force(decision):
        facts.append(("Runs out", moment(decision.get("expires_at"))))
    for key, name in (("removed", "Taken out"), ("added", "Put in")):
        changed = [str(cell) for cell in decision.get(key) or ()]
        if changed:
            facts.append((name, ", ".join(changed) if cells else plural(len(changed), "place")))
    facts.append(("Number of the decision", str(decision.get("id", "not recorded"))))
    who = f"The {role}"
    if decision.get("demonstration"):
        tag += " (demonstration)"
        who = f"A script in the role of {role}, and no person,"
    return {
        "tag": tag,
        "tone": tone,
        "sentence": sentence.format(who=who),
        "reason": str(decision.get("reason") or ""),
        "dissent": str(decision.get("dissent") or ""),
        "facts": facts,
    }
