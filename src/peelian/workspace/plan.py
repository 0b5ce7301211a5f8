"""``plan``: from a forecast to places to attend, and what else than patrol would help there."""

from __future__ import annotations

from typing import Any

from peelian.errors import DataError
from peelian.methods import CountMap, method_by_name
from peelian.response import Plan, make_plan
from peelian.workspace.calls import recorded
from peelian.workspace.forecast import counts_behind, load_surface
from peelian.workspace.suspension import is_suspended
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["about_forecast", "plan", "rebuild_plan"]


@recorded
def plan(
    workspace: Workspace,
    *,
    forecast: str | None = None,
    unit_hours: float | None = None,
    hours_per_place: float | None = None,
    cap_per_area: int | None = None,
    draft: bool = False,
) -> Outcome:
    """Choose the places under a budget of unit-hours; the plan is advice until somebody approves it.

    Parameters
    ----------
    forecast : str, optional
        A forecast's run id; the latest when not given.
    unit_hours, hours_per_place : float, optional
        Budget, and what one place takes of it; from ``peelian.toml`` when not given.
    cap_per_area : int, optional
        At most so many places in one area.
    draft : bool
        Keep it as a draft: nobody can decide on it until it is proposed (see `peelian.workspace.propose`).

    Raises
    ------
    RefusedError
        The role may not plan, or the forecast is by a method that has been suspended since.
    """
    workspace.require("plan", {"kind": "plan"})
    settings = workspace.config.plan
    with workspace.writing():
        source = workspace.latest("forecast", forecast)
        about_forecast(workspace, source["id"])
        suspended = is_suspended(workspace, source["category"], workspace.result(source["id"])["method"])
        workspace.require("plan", {"kind": "plan", "suspended": suspended})
        parameters = {
            "unit_hours": unit_hours or settings.unit_hours,
            "hours_per_place": hours_per_place or settings.hours_per_place,
            "cap_per_area": cap_per_area or settings.cap_per_area,
        }
        made = build_plan(workspace, source["id"], parameters)
        result: dict[str, Any] = {
            **made.to_dict(),
            "forecast": source["id"],
            "parameters": parameters,
            "origin": workspace.origin(),
        }
        run = workspace.new_run("plan")
        if draft:
            result["draft"] = True
        return workspace.commit(
            run,
            result,
            run_states={run: "draft"} if draft else None,
            category=source["category"],
            tables={"places": made.frame},
            details={"category": source["category"], "forecast": source["id"]},
        )


def about_forecast(workspace: Workspace, forecast: str) -> None:
    """Say that what follows rests on a forecast: on its category, its method and its sources."""
    made = workspace.result(forecast)
    sources = tuple(made.get("sources", ()))
    workspace.guard.about(category=made["category"], methods=(made["method"],), sources=sources)


def build_plan(workspace: Workspace, forecast: str, parameters: dict[str, Any]) -> Plan:
    """The plan that a forecast and a budget lead to: the same plan each time."""
    surface = load_surface(workspace, forecast)
    counts = counts_behind(workspace, forecast)
    # What counting would have chosen goes with the plan, so that the two can be compared: the best of it, by the trial.
    stored = workspace.result(forecast)
    counting = method_by_name((stored["verdict"] or {}).get("baseline") or CountMap.name)
    baseline = None
    if surface.method != counting.name:
        baseline = counting().fit(counts, gap=stored["gap"]).predict(surface.period)
    return make_plan(
        surface,
        category=stored["category"],
        unit_hours=parameters["unit_hours"],
        hours_per_place=parameters["hours_per_place"],
        cap_per_area=None if workspace.areas is None else parameters["cap_per_area"],
        areas=workspace.areas,
        history=counts,
        baseline=baseline,
        seed=workspace.config.forecast.seed,
    )


def rebuild_plan(workspace: Workspace, run: str) -> Plan:
    """The plan object behind a stored plan.

    Raises
    ------
    DataError
        Areas or settings have changed since, so that other places would be chosen now: this would be another plan.
    """
    stored = workspace.result(run)
    made = build_plan(workspace, stored["forecast"], stored["parameters"])
    then = {place["cell"]: place["hours"] for place in stored["places"]}
    now = dict(zip(made.frame["cell"], made.frame["hours"], strict=True))
    if now != then:
        same = len(now.items() & then.items())
        msg = (
            f"{run} has {len(then)} places, and {same} of them come out when it is made again: the areas or "
            "settings that it was made from have changed since; expected the same places"
        )
        hint = (
            f"bring back what it was made from (peelian replay {run} tells what differs), or make a new plan"
        )
        raise DataError(msg, hint=hint)
    return made
