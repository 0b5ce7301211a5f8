"""A decision as pages show it: as it was taken, how it stands now, and what was said and done since."""

from __future__ import annotations

from typing import Any

from peelian.workspace.objections import counts_of
from peelian.workspace.standing import APPROVED, Decided, moment
from peelian.workspace.workspace import Workspace

__all__ = ["as_shown", "was_published"]

_SAID = {"dissent": "text", "withdraw": "reason", "review": "reason"}


def as_shown(workspace: Workspace, found: Decided) -> dict[str, Any]:
    """The decision as plain data, in its state at this moment.

    Returns
    -------
    dict
        As it was stored, with the ``state`` at this moment (that of the decision while it stands); ``since``, what was
        said and done about it later (``act``, ``role``, ``at``, ``text``); and ``objections``, how many there are in
        each state, with ``answer_days``.
    """
    state = found.standing(moment(workspace))
    since = []
    for row in workspace.runs():
        if row["verb"] in _SAID and row["subject"] == found.id:
            text = workspace.result(row["id"])[_SAID[row["verb"]]]
            since.append({"act": row["verb"], "role": row["role"], "at": row["at"], "text": text})
    return {
        **found.result["decision"],
        "state": found.decision.state if state in APPROVED else state,
        "since": since,
        "objections": {
            **counts_of(workspace, found.id),
            "answer_days": workspace.config.decisions.answer_days,
        },
    }


def was_published(workspace: Workspace, plan: str) -> bool:
    """Whether a page about this plan was put out once: then one may follow that says that it is over."""
    return any(row["subject"] == plan for row in workspace.runs("publish"))
