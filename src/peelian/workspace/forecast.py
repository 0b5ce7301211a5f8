"""``forecast``: how many reports are expected where, in the next period."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from peelian.errors import NotEnoughDataError, PeelianError
from peelian.methods import Surface, method_by_name
from peelian.places import Counts, Grid, Period, Periods
from peelian.publish import reported_by_area
from peelian.workspace.history import history, training_incidents
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["forecast", "load_surface"]


def chosen_method(workspace: Workspace, category: str, frequency: str) -> tuple[str, dict[str, Any] | None]:
    """The method of the category's last verdict and that verdict; plain counting when there was no such trial.

    A verdict is about what was tried: only a trial of the same period with the configured share of the area, gap and at
    least the configured number of origins counts. Others explore.
    """
    settings = workspace.config.forecast
    for row in reversed(workspace.runs("trial", category=category)):
        found = workspace.result(row["id"])
        if (
            found["period"] == frequency
            and found["gap"] == settings.gap
            and found["origins"] >= settings.origins
            and found["verdict"]["fraction"] == settings.fractions[0]
        ):
            verdict = dict(found["verdict"])
            return str(verdict["method"]), {"trial": row["id"], **verdict}
    return "count_map", None


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
        counts, target = _learned_from(workspace, history(workspace, category, period=period, until=until))
        name, verdict = chosen_method(workspace, category, str(counts.periods.frequency))
        why = (
            f"the verdict of {verdict['trial']}"
            if verdict
            else "no trial with these settings yet: plain counting"
        )
        if method is not None and method != name:
            name, why = method, f"chosen by hand; {why} says {name}"
        surface = method_by_name(name)().fit(counts).predict(target)
        result = _result(category, surface, counts, verdict, why) | {"origin": workspace.origin()}
        page = forecast_page(
            result, surface, areas=workspace.areas, demonstration=workspace.config.agency.demonstration
        )
        return workspace.commit(
            workspace.new_run("forecast"),
            result,
            category=category,
            tables={"surface": _stored(surface), **_past(workspace, category, counts)},
            pages={"forecast.html": page},
            details={"category": category, "method": name},
        )


def _learned_from(workspace: Workspace, counts: Counts) -> tuple[Counts, Period]:
    """What is complete enough to learn from, and the period to forecast: the one after the last stored.

    The last periods, as many as ``[forecast] gap`` says, are left out as they are in a trial: reports of them still
    come in.
    """
    gap = workspace.config.forecast.gap
    target = counts.periods.following()[0]
    if gap == 0:
        return counts, target
    if gap >= len(counts.periods):
        msg = f"[forecast] gap = {gap} leaves nothing of the {len(counts.periods)} periods that are stored"
        raise NotEnoughDataError(msg, hint="set a smaller gap in peelian.toml, or import more records")
    return counts[: len(counts.periods) - gap], target


def _result(
    category: str, surface: Surface, counts: Counts, verdict: dict[str, Any] | None, why: str
) -> dict[str, Any]:
    low, high = surface.total_interval()
    return {
        "category": category,
        "period": {"start": str(surface.period.start), "end": str(surface.period.end)},
        "method": surface.method,
        "why_this_method": why,
        "expected": round(float(surface.mean.sum()), 6),
        "low": low,
        "high": high,
        "level": 0.9,
        "cells": len(surface.grid),
        "incidents_used": counts.total,
        "incidents_outside": counts.outside,
        "size": None if np.isinf(surface.size) else surface.size,
        "common": surface.common,
        "fitted": surface.origin,
        "grid": surface.grid.to_dict(),
        "verdict": verdict,
    }


def _past(workspace: Workspace, category: str, counts: Counts) -> dict[str, pd.DataFrame]:
    """What pages show of the past, stored with the forecast: later imports must not change what was decided on."""
    tables = {
        "weekly": pd.DataFrame({"start": counts.periods.edges[:-1].astype(str), "reported": counts.by_period})
    }
    if workspace.areas is not None:
        year = past_year(counts.periods)
        incidents = training_incidents(workspace, category).where(start=str(year.start), end=str(year.end))
        tables["reported"] = reported_by_area(incidents, workspace.areas)
    return tables


def past_year(periods: Periods) -> Period:
    """The last whole periods that make a year, or all when there are fewer."""
    n = max(round(365.2425 / periods.frequency.days), 1)
    year = periods[max(len(periods) - n, 0) :]
    return Period(year.start, year.end)


def load_surface(workspace: Workspace, run: str) -> Surface:
    """The surface that a forecast stored, on the grid that it was made on."""
    result = workspace.result(run)
    table = workspace.table(run, "surface")
    defined = result["grid"]
    shape = (int(defined["rows"]), int(defined["columns"]))
    share = np.zeros(shape[0] * shape[1])
    share[table["row"].to_numpy() * shape[1] + table["column"].to_numpy()] = table["share"].to_numpy()
    grid = Grid(defined["crs"], defined["cell_m"], defined["ix0"], defined["iy0"], shape, share)
    period = Period(result["period"]["start"], result["period"]["end"])
    size = np.inf if result["size"] is None else float(result["size"])
    return Surface(
        grid,
        period,
        table["expected"].to_numpy(),
        size,
        result["method"],
        result["fitted"],
        common=float(result["common"]),
    )


def _stored(surface: Surface) -> pd.DataFrame:
    grid = surface.grid
    assert grid.share is not None
    share = grid.share[grid.rows * grid.shape[1] + grid.columns]
    return surface.frame.assign(row=grid.rows, column=grid.columns, share=share)


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
        raise PeelianError(
            msg, hint=f"peelian forecast --category '{result['category']}' (and then peelian plan)"
        )
    fitted = result["fitted"]
    grid = load_surface(workspace, run).grid
    until = fitted["trained_to"]
    return history(workspace, result["category"], period=fitted["frequency"], until=until, grid=grid)
