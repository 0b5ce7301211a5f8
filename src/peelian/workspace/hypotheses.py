"""Hypotheses of a result: each with a name, one sentence and a probability; and how earlier ones were answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from peelian.patterns.answers import score_answers
from peelian.workspace.judge import judged, scored
from peelian.workspace.workspace import Workspace

__all__ = ["answered", "named"]


def named(letter: str, found: Iterable[tuple[str, float]], **more: Any) -> list[dict[str, Any]]:
    """Hypotheses under the names ``L1``, ``L2`` and so on, from a sentence and a probability each."""
    return [
        {"id": f"{letter}{k}", "said": said, "probability": float(probability), **more}
        for k, (said, probability) in enumerate(found, start=1)
    ]


def answered(workspace: Workspace, verb: str, category: str) -> dict[str, Any] | None:
    """How the hypotheses of earlier runs of a verb and a category held; None where nobody has answered one."""
    runs = {row["id"] for row in workspace.runs(verb, category=category)}
    last = {
        (one["of"], one["hypothesis"]): one for one in judged(workspace) if one["of"] in runs and scored(one)
    }
    if not last:
        return None
    found = score_answers(
        [one["probability"] for one in last.values()],
        [one["answer"] == "confirmed" for one in last.values()],
    )
    told = found.to_dict()
    return {"sentence": told["sentence"], "answered": told["answered"], "confirmed": told["confirmed"],
            "stated": told["stated"], "brier": told["brier"], "limits": told["limits"]}  # fmt: skip
