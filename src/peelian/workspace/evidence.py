"""What a page is made from: stored results, collected for one plan."""

from __future__ import annotations

from typing import Any

import pandas as pd

from peelian.charter import Ledger
from peelian.places import Period
from peelian.publish import Evidence, reported_by_area
from peelian.workspace.forecast import counts_behind, load_surface
from peelian.workspace.history import training_incidents
from peelian.workspace.workspace import Workspace

__all__ = ["gather"]


def gather(workspace: Workspace, plan: str, *, decision: dict[str, Any] | None = None) -> Evidence:
    """Everything that is known about a plan, from the import of its records to the decision on it."""
    planned = workspace.result(plan)
    forecast = workspace.result(planned["forecast"])
    trial_run = (forecast["verdict"] or {}).get("trial")
    audits = [row for row in workspace.runs("audit") if row["subject"] == plan]
    audit = workspace.result(audits[-1]["id"]) if audits else None
    if decision is not None and "plan" in decision:  # amended: the plan and the burden that were decided on
        planned, audit = decision["plan"], decision["audit"]
    qualities = workspace.runs("quality")
    runs = {"plan": plan, "forecast": planned.get("forecast"), "trial": trial_run}
    runs |= {
        "audit": audits[-1]["id"] if audits else None,
        "quality": qualities[-1]["id"] if qualities else None,
    }
    agency = workspace.config.agency
    category = forecast["category"]
    counts = counts_behind(workspace, workspace.result(plan)["forecast"])
    year = counts.last(max(round(365.2425 / counts.periods.frequency.days), 1)).periods
    reported = None
    if workspace.areas is not None:
        past = training_incidents(workspace, category).where(start=str(year.start), end=str(year.end))
        reported = reported_by_area(past, workspace.areas)
    weekly = pd.DataFrame({"start": counts.periods.edges[:-1].astype(str), "reported": counts.by_period})
    return Evidence(
        agency=agency.name,
        zone=agency.zone,
        contact=agency.contact,
        attribution=agency.attribution,
        demonstration=agency.demonstration,
        category=category,
        period=forecast["period"],
        grid=workspace.grid,
        areas=workspace.areas,
        surface=load_surface(workspace, workspace.result(plan)["forecast"]),
        imports=[workspace.result(row["id"]) for row in workspace.runs("import")],
        quality=workspace.result(qualities[-1]["id"]) if qualities else None,
        trial=workspace.result(trial_run) if trial_run else None,
        plan=planned,
        audit=audit,
        decision=decision["decision"] if decision is not None else None,
        ledger=ledger_state(workspace),
        origin=workspace.origin(
            runs={k: v for k, v in runs.items() if v}, seed=workspace.config.forecast.seed
        ),
        reported=reported,
        reported_period=Period(year.start, year.end),
        weekly=weekly,
        threshold=workspace.config.publish.threshold,
    )


def ledger_state(workspace: Workspace) -> dict[str, Any]:
    """What somebody else needs to check the ledger: its name, key, size and signed checkpoint."""
    ledger = Ledger.open(workspace.folder / "ledger")
    checkpoint = ledger.checkpoint()
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root_hash": checkpoint.root_hash.hex(),
        "vkey": ledger.vkey,
        "checkpoint": ledger.signed_checkpoint().decode(),
    }
