"""What a page is made from: stored results, collected for one plan."""

from __future__ import annotations

from typing import Any

import numpy as np

from peelian.charter import Ledger
from peelian.places import Periods
from peelian.publish import Evidence
from peelian.units import Frequency
from peelian.workspace.forecast import load_surface, past_year
from peelian.workspace.suspension import suspension_of
from peelian.workspace.workspace import Workspace

__all__ = ["gather"]


def gather(
    workspace: Workspace,
    plan: str,
    *,
    planned: dict[str, Any] | None = None,
    audit: dict[str, Any] | None = None,
    decision: dict[str, Any] | None = None,
) -> Evidence:
    """Everything that is known about a plan, from the import of its records to the decision on it.

    All of it is read from what was stored with the runs, so that an import in the meantime changes nothing; only
    whether the method is suspended is as it stands now.

    Parameters
    ----------
    planned, audit : dict, optional
        An amended plan and its audit, in place of those stored.
    decision : dict, optional
        The decision on it.
    """
    stored = workspace.result(plan)
    source = stored["forecast"]
    forecast = workspace.result(source)
    trial_run = (forecast["verdict"] or {}).get("trial")
    audits = [row["id"] for row in workspace.runs("audit") if row["subject"] == plan]
    if audit is None and planned is None and audits:
        audit = workspace.result(audits[-1])
    qualities = [row["id"] for row in workspace.runs("quality")]
    weekly = workspace.table(source, "weekly")
    surface = load_surface(workspace, source)
    runs = {
        "forecast": source,
        "trial": trial_run,
        "plan": plan,
        "audit": audits[-1] if audits else None,
        "quality": qualities[-1] if qualities else None,
    }
    frequency = Frequency.parse(forecast["fitted"]["frequency"])
    agency = workspace.config.agency
    return Evidence(
        agency=agency.name,
        zone=workspace.zone,
        contact=agency.contact,
        attribution=agency.attribution,
        demonstration=agency.demonstration,
        category=forecast["category"],
        period=forecast["period"],
        grid=surface.grid,
        areas=workspace.areas,
        surface=surface,
        imports=[workspace.result(row["id"]) for row in workspace.runs("import")],
        quality=workspace.result(qualities[-1]) if qualities else None,
        forecast=forecast,
        suspension=suspension_of(workspace, forecast["category"]),
        trial=workspace.result(trial_run) if trial_run else None,
        plan=planned or stored,
        audit=audit,
        decision=decision,
        ledger=ledger_state(workspace),
        origin=workspace.origin(
            runs={k: v for k, v in runs.items() if v}, seed=workspace.config.forecast.seed
        )
        | {"data_version": forecast["origin"]["data_version"]},
        reported=workspace.table(source, "reported") if workspace.areas is not None else None,
        reported_period=past_year(
            Periods(
                np.array([*weekly["start"], forecast["fitted"]["trained_to"]], dtype="datetime64[D]"),
                frequency,
            )
        ),
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
