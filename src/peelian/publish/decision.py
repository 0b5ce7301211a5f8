"""A decision, for a page: who decided, what, why and until when, what became of it, and who objected."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from peelian.publish.words import moment, plural

__all__ = ["decision_words", "in_force", "objection_words"]

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
    "in force": ("In force", "good", "{who} approved this plan, and it is in force."),
    "withdrawn": ("Withdrawn", "warn", "This plan was approved and then withdrawn. Nothing follows from it."),
    "expired": ("Expired", "warn", "The approval of this plan has run out."),
    "reviewed": ("Reviewed", "warn", "The approval of this plan is over, and what came of it was reviewed."),
}
SINCE = {
    "dissent": "Said against it later, by the {role} on {at}:",
    "withdraw": "Why the {role} withdrew it on {at}:",
    "review": "What the {role} makes of it, in the review of {at}:",
}
"""Heads of what was said about a decision after it was taken."""
CLAIM = "{role} is the role that was claimed when the decision was entered. The software can't prove who sat there."
CELL = re.compile(r"\bE-?\d+N-?\d+\b", re.IGNORECASE)
"""A cell's id as `peelian.places.Grid` writes it."""


def state_of(decision: Result | None) -> str:
    """The state that a decision leaves a plan in; ``"proposed"`` without one."""
    return "proposed" if decision is None else str(decision["state"])


def in_force(decision: Result | None) -> bool:
    """Whether somebody said yes: only then may what a plan contains be published."""
    return state_of(decision) in ("approved", "amended", "in force")


def _quoted(said: Any, *, cells: bool) -> str:
    return str(said or "") if cells else CELL.sub("[place]", str(said or ""))


def decision_words(
    decision: Result | None, *, cells: bool = False, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """The decision as tag, tone, sentence, claim (of the role), warnings, reason, dissent, facts, since and objections.

    Parameters
    ----------
    decision : mapping, optional
        `peelian.charter.Decision.to_dict()`; with ``since`` and ``objections`` where they are known (see
        `peelian.workspace.shown.as_shown`).
    cells : bool
        Name places by their cells. On a public page only the number of changed places is said, and a cell that a
        quotation names is left out of it, in brackets.
    warnings : sequence of str
        What stands beside the decision so that nobody misses it.
    """
    tag, tone, sentence = STATES[state_of(decision)]
    if decision is None:
        none = {"claim": "", "reason": "", "dissent": "", "facts": [], "since": [], "objections": []}
        return {"tag": tag, "tone": tone, "sentence": sentence, "warnings": list(warnings), **none}
    role = str(decision.get("role") or "person in charge")
    demonstration = bool(decision.get("demonstration"))
    by = f"a script in the role of {role}" if demonstration else f"the {role}"
    facts = [("Decided by", by), ("Decided at", moment(decision.get("decided_at")))]
    if in_force(decision):
        if decision.get("begins_at"):
            facts.append(("Begins", moment(decision["begins_at"])))
        facts.append(("Runs out", moment(decision.get("expires_at"))))
    for key, name in (("removed", "Taken out"), ("added", "Put in")):
        changed = [str(cell) for cell in decision.get(key) or ()]
        if changed:
            facts.append((name, ", ".join(changed) if cells else plural(len(changed), "place")))
    facts.append(("Number of the decision", str(decision.get("id", "not recorded"))))
    who = f"The {role}"
    if demonstration:
        tag += " (demonstration)"
        who = f"A script in the role of {role}, and no person,"
    return {
        "tag": tag,
        "tone": tone,
        "sentence": sentence.format(who=who),
        "claim": "" if demonstration else CLAIM.format(role=role[:1].upper() + role[1:]),
        "warnings": list(warnings),
        "reason": _quoted(decision.get("reason"), cells=cells),
        "dissent": _quoted(decision.get("dissent"), cells=cells),
        "facts": facts,
        "since": [
            (
                SINCE[one["act"]].format(role=one["role"], at=moment(one["at"])),
                _quoted(one["text"], cells=cells),
            )
            for one in decision.get("since") or ()
        ],
        "objections": objection_words(decision),
    }


def objection_words(decision: Result) -> list[str]:
    """How many objected to a decision and were answered, in sentences; none where that is not known.

    What they wrote is never among them.
    """
    found = decision.get("objections")
    if found is None:
        return []
    promise = (
        f"Each objection is to be answered within {plural(found['answer_days'], 'day')}, by somebody who did not take "
        "the decision. What people write to us is not shown."
    )
    if not found["total"]:
        return ["Nobody has objected to this decision so far.", promise]
    said = f"{plural(found['total'], 'objection')} to this decision came in. Answered so far: {found['answered']}."
    if found["overdue"]:
        said += f" We are late with {found['overdue']}: the date for an answer has passed."
    return [said, promise]
