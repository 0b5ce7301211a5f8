"""``status``: what a workspace holds, and what would come next."""

from __future__ import annotations

from typing import Any

from peelian.charter.objections import count
from peelian.workspace.disclosure import at_least, may_read_records
from peelian.workspace.emergencies import emergencies, said
from peelian.workspace.halts import halts
from peelian.workspace.objections import objections_to
from peelian.workspace.policies import changed_by_hand, proposals
from peelian.workspace.retain import standing_of
from peelian.workspace.standing import decisions, moment, state_now
from peelian.workspace.suspension import suspensions
from peelian.workspace.workspace import Workspace

__all__ = ["status"]


def status(workspace: Workspace) -> dict[str, Any]:
    """Records by category, the latest run of each verb, what stands or is suspended, and the next useful command."""
    workspace.require("status", {"kind": "workspace"})
    table = workspace.store.table()
    categories = (
        table.group_by("category")
        .agg(n=table.count(), first=table.occurred_from.min(), last=table.occurred_from.max())
        .order_by("category")
        .to_pyarrow()
        .to_pylist()
    )
    rows = sum(item["n"] for item in categories)
    told: int | str = rows
    if not may_read_records(workspace):
        told = at_least(rows, workspace.config.publish.threshold)
        categories = []  # small counts and exact times are for those who may read records
    at = moment(workspace)
    standing = [(one, one.standing(at)) for one in decisions(workspace)]
    latest = {}
    for row in workspace.runs():
        latest[row["verb"]] = {key: row[key] for key in ("id", "at", "role", "category", "state")}
    return {
        "agency": workspace.config.agency.name,
        "folder": str(workspace.folder),
        "crs": workspace.crs,
        "cell_m": workspace.config.place.cell,
        "zone": workspace.zone,
        "incidents": told,
        "categories": [
            {
                "category": item["category"],
                "incidents": item["n"],
                "first": str(item["first"]),
                "last": str(item["last"]),
            }
            for item in categories
        ],
        "latest": latest,
        "halted": [
            {key: one[key] for key in ("run", "kind", "label", "role", "at", "reason", "resumed_by")}
            for one in halts(workspace)
        ],
        "suspended": [
            {key: one[key] for key in ("category", "method", "run", "at", "role", "by_hand")}
            for one in suspensions(workspace)
        ],
        "policy": {
            "changed": changed_by_hand(workspace),
            "proposed": [one["run"] for one in proposals(workspace) if one["state"] == "proposed"],
            "approved": [one["run"] for one in proposals(workspace) if one["state"] == "approved"],
        },
        "decisions": {
            state: [one.id for one, now in standing if now in states]
            for state, states in (
                ("approved", ("approved", "amended")),
                ("in_force", ("in force",)),
                ("to_review", ("expired", "withdrawn")),
            )
        },
        "objections": count((one for taken, _ in standing for one in objections_to(workspace, taken.id)), at),
        "emergencies": [
            {**one, "text": said(one)} for one in emergencies(workspace) if one["state"] != "reviewed"
        ],
        "retention": standing_of(workspace),
        "ledger": workspace.state.fact("ledger"),
        "next": _next(workspace, rows, latest),
    }


def _next(workspace: Workspace, rows: int, latest: dict[str, Any]) -> str:
    tail = f" --workspace {workspace.folder}"
    if rows == 0:
        return "peelian import FILE" + tail
    for verb, call in (
        ("quality", "quality"),
        ("trial", "trial --category burglary"),
        ("forecast", "forecast --category burglary"),
        ("plan", "plan"),
        ("audit", "audit plan"),
    ):
        if verb not in latest:
            return f"peelian {call}{tail}"
    plan = latest["plan"]
    if plan["state"] == "draft":
        return f"peelian propose {plan['id']}" + tail
    if plan["state"] == "proposed":
        return f"peelian decide {plan['id']} --approve --reason '...' --as commander" + tail
    if "decide" in latest and state_now(workspace, plan) in ("expired", "withdrawn"):
        return f"peelian review {latest['decide']['id']} --reason '...'" + tail
    if "publish" not in latest or latest["publish"]["at"] < plan["at"]:
        return "peelian publish" + tail
    return "peelian ledger verify" + tail
