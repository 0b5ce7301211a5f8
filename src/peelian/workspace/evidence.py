"""What a page is made from: stored results, collected for one plan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from peelian.charter import Ledger
from peelian.places import Period, Periods
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
    runs = _runs(workspace, plan, forecast)
    if audit is None and planned is None and runs["audit"]:
        audit = workspace.result(runs["audit"])
    weekly = workspace.table(source, "weekly")
    surface = load_surface(workspace, source)
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
        quality=workspace.result(runs["quality"]) if runs["quality"] else None,
        forecast=forecast,
        suspension=suspension_of(workspace, forecast["category"]),
        trial=workspace.result(runs["trial"]) if runs["trial"] else None,
        plan=planned or stored,
        audit=audit,
        decision=decision,
        ledger=ledger_state(workspace),
        origin=_origin(workspace, runs, forecast),
        reported=workspace.table(source, "reported") if workspace.areas is not None else None,
        reported_period=_reported_period(forecast, weekly),
        weekly=weekly,
        threshold=workspace.config.publish.threshold,
    )


def _runs(workspace: Workspace, plan: str, forecast: dict[str, Any]) -> dict[str, str | None]:
    """What each part of a page was made by; None where there is no such run."""
    audits = [row["id"] for row in workspace.runs("audit") if row["subject"] == plan]
    qualities = [row["id"] for row in workspace.runs("quality")]
    return {
        "forecast": workspace.result(plan)["forecast"],
        "trial": (forecast["verdict"] or {}).get("trial"),
        "plan": plan,
        "audit": audits[-1] if audits else None,
        "quality": qualities[-1] if qualities else None,
    }


def _origin(workspace: Workspace, runs: dict[str, str | None], forecast: dict[str, Any]) -> dict[str, Any]:
    seed = workspace.config.forecast.seed
    made = workspace.origin(runs={k: v for k, v in runs.items() if v}, seed=seed)
    return made | {"data_version": forecast["origin"]["data_version"]}


def _reported_period(forecast: dict[str, Any], weekly: pd.DataFrame) -> Period:
    edges = np.array([*weekly["start"], forecast["fitted"]["trained_to"]], dtype="datetime64[D]")
    return past_year(Periods(edges, Frequency.parse(forecast["fitted"]["frequency"])))


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
