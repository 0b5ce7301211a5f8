"""``forecast``: how many reports are expected where, in the next period."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from peelian.errors import NotEnoughDataError, PeelianError
from peelian.methods import CountMap, Method, Surface, method_by_name
from peelian.places import Counts, Grid, Period, Periods
from peelian.publish import reported_by_area
from peelian.trials.trial import periods_named
from peelian.workspace.calls import recorded
from peelian.workspace.history import gap_of, history, learned_from, training_incidents
from peelian.workspace.suspension import counts_only, suspension_of
from peelian.workspace.trial import decides
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["forecast", "load_surface"]

RECENT = 8
"""Periods before a forecast whose reports are told with it, and after which a trial has ended a while ago."""

EXPLAINED = 25
"""Places, those with the most expected reports, of which is stored what made their number."""


def chosen_method(workspace: Workspace, category: str, frequency: str) -> tuple[str, dict[str, Any] | None]:
    """The method of the category's last verdict and that verdict; plain counting when there was no such trial.

    A verdict is about what was tried: only a trial of the same period with the configured share of the area, gap,
    methods and number of origins counts, and of equal ones the first (`peelian.workspace.trial.decides`). Others
    explore.
    Where no method is better, the verdict names the best of those that count.
    """
    for row in reversed(workspace.runs("trial", category=category)):
        found = workspace.result(row["id"])
        if decides(workspace.config.forecast, found, frequency):
            verdict = dict(found["verdict"])
            counting = [m["name"] for m in found["methods"] if m["counting"]]
            return str(verdict["method"]), {
                "trial": row["id"], **verdict, "baseline": found["baseline"], "counting": counting,
                "tried_to": found["to"],
            }  # fmt: skip
    return CountMap.name, None


@recorded
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

    Raises
    ------
    RefusedError
        The role may not forecast, or the method was chosen by hand while those of the category are suspended.
    """
    workspace.require("forecast", {"kind": "method"})
    from peelian.publish import forecast_page

    with workspace.writing():
        whole = history(workspace, category, period=period, until=until)
        frequency = str(whole.periods.frequency)
        gap, delay = gap_of(workspace, category, frequency)
        counts, target = _known(whole, gap)
        name, verdict = chosen_method(workspace, category, frequency)
        suspension = suspension_of(workspace, category)
        name, why = _in_use(name, verdict, suspension, by_hand=method)
        suspended = suspension is not None and not counts_only(name)
        workspace.guard.work_on(methods=(name,))
        workspace.require("forecast", {"kind": "method", "suspended": suspended})
        fitted = method_by_name(name)().fit(counts, gap=gap)
        surface = fitted.predict(target)
        terms = _terms(fitted, surface)
        result = _result(category, surface, counts, verdict, why) | {
            "suspension": suspension,
            "gap": gap,
            "delay": delay,
            "learned_from": learned_from(workspace, counts),
            "sources": list(workspace.guard.scope.sources),
            "recent": _recent(counts),
            "why": _why(terms),
            "notes": [
                *([] if delay is None else [f"The gap of {gap} was measured. {delay['text']}"]),
                *_since(verdict, counts.periods),
            ],
            "origin": workspace.origin(),
        }
        page = forecast_page(
            result, surface, areas=workspace.areas, demonstration=workspace.config.agency.demonstration
        )
        return workspace.commit(
            workspace.new_run("forecast"),
            result,
            category=category,
            tables={"surface": _stored(surface), "why": terms, **_past(workspace, category, counts)},
            pages={"forecast.html": page},
            details={"category": category, "method": name},
        )


def _in_use(
    name: str, verdict: dict[str, Any] | None, suspension: dict[str, Any] | None, *, by_hand: str | None
) -> tuple[str, str]:
    """The method to forecast by, and why: the verdict's, counting where that is suspended, or one chosen by hand."""
    why = (
        f"the verdict of {verdict['trial']}"
        if verdict
        else "no trial with these settings yet: plain counting"
    )
    if suspension is not None and verdict is not None and not counts_only(name):
        why = f"{name} was suspended on {str(suspension['at'])[:10]} by {suspension['run']}, until a person lifts that"
        name = str(verdict["baseline"])
    if by_hand is not None and by_hand != name:
        return by_hand, f"chosen by hand; {why} says {name}"
    return name, why


def _known(counts: Counts, gap: int) -> tuple[Counts, Period]:
    """What is complete enough to learn from, and the period to forecast: the one after the last stored.

    The last `gap` periods are left out as they are in a trial: reports of them still come in.
    """
    target = counts.periods.following()[0]
    if gap == 0:
        return counts, target
    if gap >= len(counts.periods):
        msg = f"[forecast] gap = {gap} leaves nothing of the {len(counts.periods)} periods that are stored"
        raise NotEnoughDataError(msg, hint="set a smaller gap in peelian.toml, or import more records")
    return counts[: len(counts.periods) - gap], target


def _recent(counts: Counts) -> list[dict[str, Any]]:
    """Reports of the last periods that were learned from, the latest last: what the expected total is to be read by."""
    last = counts.last(RECENT)
    starts = last.periods.edges[:-1]
    return [{"start": str(day), "reported": int(n)} for day, n in zip(starts, last.by_period, strict=True)]


def _since(verdict: dict[str, Any] | None, known: Periods) -> list[str]:
    """That the trial ended a while ago, where it did."""
    if verdict is None:
        return []
    n = int((known.edges >= np.datetime64(verdict["tried_to"])).sum()) - 1
    if n <= RECENT:
        return []
    watched = (
        "peelian trial tries the methods anew on what came in since"
        if counts_only(str(verdict["method"]))
        else "peelian drift watches the method on what came in since"
    )
    named = periods_named(str(known.frequency))
    return [f"The trial behind the verdict ended {n} {named} before the last records used here; {watched}."]


def _terms(fitted: Method, surface: Surface) -> pd.DataFrame:
    """What made the numbers of the highest places: ``rank``, ``cell``, ``expected``, ``term`` and its part of it."""
    frame = surface.frame
    top = frame["rank"].to_numpy().argsort(kind="stable")[:EXPLAINED]
    explained = fitted.explain(surface.period)
    told = explained.iloc[top].to_numpy(dtype=np.float64)
    names = [" ".join(str(name).split()).replace(" ,", ",") for name in explained.columns]
    rows = [
        (
            int(frame["rank"].iloc[i]),
            str(frame["cell"].iloc[i]),
            float(frame["expected"].iloc[i]),
            name,
            float(part),
        )
        for i, parts in zip(top, told, strict=True)
        for name, part in sorted(zip(names, parts, strict=True), key=lambda pair: -pair[1])
    ]
    return pd.DataFrame(rows, columns=["rank", "cell", "expected", "term", "reports"])


def _why(terms: pd.DataFrame) -> list[dict[str, Any]]:
    """The same as nested data, a place each."""
    return [
        {
            "rank": int(part["rank"].iloc[0]),
            "cell": str(cell),
            "expected": round(float(part["expected"].iloc[0]), 6),
            "terms": {str(t): round(float(v), 6) for t, v in zip(part["term"], part["reports"], strict=True)},
        }
        for cell, part in terms.groupby("cell", sort=False)
    ]


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
    return history(
        workspace, result["category"], period=fitted["frequency"], until=until, grid=grid, beside=False
    )
