"""``forecast``: how many reports are expected where, in the next period."""

from __future__ import annotations

from typing import Any

import numpy as np

from peelian.errors import PeelianError
from peelian.methods import Surface, method_by_name
from peelian.places import Counts, Period
from peelian.workspace.history import history
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["forecast", "load_surface"]


def chosen_method(workspace: Workspace, category: str) -> tuple[str, dict[str, Any] | None]:
    """The method of the category's last verdict and that verdict; plain counting when there was no trial."""
    trials = workspace.runs("trial", category=category)
    if not trials:
        return "count_map", None
    run = trials[-1]["id"]
    verdict = dict(workspace.result(run)["verdict"])
    return str(verdict["method"]), {"trial": run, **verdict}


def forecast(
    workspace: Workspace,
    category: str,
    *,
    period: str | None = None,
    method: str | None = None,
    until: str | None = None,
) -> Outcome:
    """Forecast the reports of the next period, by the method that the last trial's verdict names.

    Parameters
    ----------
    method : str, optional
        Another method than the verdict's; the result says that it was chosen by hand.
    until : date, optional
        Use records before this day only.
    """
    workspace.require("forecast", {"kind": "method"})
    from peelian.publish import forecast_page

    with workspace.writing():
        counts = history(workspace, category, period=period, until=until)
        name, verdict = chosen_method(workspace, category)
        why = "the verdict of " + verdict["trial"] if verdict else "no trial yet: plain counting"
        if method is not None and method != name:
            name, why = method, f"chosen by hand; {why} says {name}"
        fitted = method_by_name(name)().fit(counts)
        surface = fitted.predict(counts.periods.following()[0])
        low, high = surface.total_interval()
        result = {
            "category": category,
            "period": {"start": str(surface.period.start), "end": str(surface.period.end)},
            "method": name,
            "why_this_method": why,
            "expected": round(float(surface.mean.sum()), 6),
            "low": low,
            "high": high,
            "level": 0.9,
            "cells": len(surface.grid),
            "incidents_used": counts.total,
            "incidents_outside": counts.outside,
            "size": None if np.isinf(surface.size) else surface.size,
            "fitted": surface.origin,
            "grid": surface.grid.to_dict(),
            "verdict": verdict,
            "origin": workspace.origin(),
        }
        page = forecast_page(
            result, surface, areas=workspace.areas, demonstration=workspace.config.agency.demonstration
        )
        return workspace.commit(
            workspace.new_run("forecast"),
            result,
            category=category,
            tables={"surface": surface.frame},
            pages={"forecast.html": page},
            details={"category": category, "method": name},
        )


def load_surface(workspace: Workspace, run: str) -> Surface:
    """The surface that a forecast stored.

    Raises
    ------
    PeelianError
        The workspace's grid is another one now.
    """
    result = workspace.result(run)
    grid = workspace.grid
    if grid.to_dict() != result["grid"]:
        msg = f"{run} was made on another grid than the workspace has now"
        raise PeelianError(msg, hint=f"peelian forecast --category {result['category']}")
    period = Period(result["period"]["start"], result["period"]["end"])
    size = np.inf if result["size"] is None else float(result["size"])
    mean = workspace.table(run, "surface")["expected"].to_numpy()
    return Surface(grid, period, mean, size, result["method"], result["fitted"])


def counts_behind(workspace: Workspace, run: str) -> Counts:
    """The counts that a forecast was fitted on.

    Raises
    ------
    PeelianError
        The records have changed since.
    """
    result = workspace.result(run)
    if workspace.data_version != result["origin"]["data_version"]:
        msg = f"the records have changed since {run} was made"
        raise PeelianError(msg, hint=f"peelian forecast --category {result['category']}, then plan again")
    fitted = result["fitted"]
    return history(workspace, result["category"], period=fitted["frequency"], until=fitted["trained_to"])
