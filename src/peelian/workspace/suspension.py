"""What is suspended: read from the runs themselves, so that nothing can say otherwise than the ledger.

A method falls behind counting, or somebody stops it by hand: from then on the category is forecast by counting alone,
whatever a later trial says, until a person lifts that.
"""

from __future__ import annotations

from typing import Any

from peelian.workspace.workspace import Workspace

__all__ = ["counts_only", "is_suspended", "same_category", "suspension_of", "suspensions"]

VERBS = ("drift", "suspend", "lift")


def same_category(one: str, other: str) -> bool:
    """Whether two spellings mean the same category, as the records take them."""
    return one.strip().casefold() == other.strip().casefold()


def counts_only(method: str) -> bool:
    """Whether the method of that name is a way of counting; those are never suspended."""
    from peelian.methods import method_by_name  # `status` asks for what is suspended, and needs no method

    return method_by_name(method).counting


def suspension_of(workspace: Workspace, category: str) -> dict[str, Any] | None:
    """What suspends the methods of a category now; None where nothing does.

    Returns
    -------
    dict or None
        ``category``; ``method`` that was in use; ``run`` that suspended it first, and ``runs``, all that did; ``at``;
        ``role``; ``trial``; ``alarmed``, whether it fell behind counting; ``by_hand``, whether a person was the first;
        ``overseer``, whether the overseer holds it; and ``reason``, in words.
    """
    held: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for row in workspace.runs():
        if row["verb"] not in VERBS or not same_category(row["category"], category):
            continue
        if row["verb"] == "lift":
            held = []
            continue
        found = workspace.result(row["id"])
        if row["verb"] == "suspend" or found["alarm"] is not None:
            held.append((row, found))
    return _standing(held) if held else None


def _standing(held: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    row, found = held[0]
    by_hand = [r for r, _ in held if r["verb"] == "suspend"]
    return {
        "category": row["category"],
        "method": found["method"],
        "trial": found["trial"],
        "run": row["id"],
        "runs": [r["id"] for r, _ in held],
        "at": row["at"],
        "role": row["role"],
        "alarmed": len(by_hand) < len(held),
        "by_hand": row["verb"] == "suspend",
        "overseer": any(r["role"] == "overseer" for r in by_hand),
        "reason": found["reason"] if row["verb"] == "suspend" else found["text"],
    }


def suspensions(workspace: Workspace) -> list[dict[str, Any]]:
    """Every suspension that stands, the oldest first."""
    names: dict[str, str] = {}
    for row in workspace.runs():
        if row["verb"] in VERBS:
            names.setdefault(row["category"].strip().casefold(), row["category"])
    found = [suspension_of(workspace, name) for name in names.values()]
    return sorted((one for one in found if one is not None), key=lambda one: str(one["at"]))


def is_suspended(workspace: Workspace, category: str, method: str) -> bool:
    """Whether a method can't be used for a category now. Counting always can."""
    return not counts_only(method) and suspension_of(workspace, category) is not None
