"""``audit``: whom a plan burdens, beside what other ways of spending the same hours would do."""

from __future__ import annotations

from typing import Any

from peelian.audits import ExposureAudit, equal_hours, exposure_audit, hours_by_population
from peelian.audits.alternatives import hours_by_last_year
from peelian.audits.claims import claim_of_plan
from peelian.errors import UsageError
from peelian.response import Plan
from peelian.workspace.audit_checks import checks
from peelian.workspace.calls import recorded
from peelian.workspace.plan import rebuild_plan
from peelian.workspace.plan_spread import spread_of
from peelian.workspace.residents import residents_by_cell
from peelian.workspace.thresholds import Held, thresholds_for
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["audit", "audit_plan"]


@recorded
def audit(workspace: Workspace, *, plan: str | None = None) -> Outcome:
    """Measure the exposure of each population group under a plan; the page is ``runs/ID/audit.html``.

    Parameters
    ----------
    plan : str, optional
        A plan's run id; the latest when not given.
    """
    workspace.require("audit", {"kind": "plan"})
    from peelian.publish import audit_page

    with workspace.writing():
        source = workspace.latest("plan", plan)
        held = thresholds_for(workspace, "plan", source=source["id"])
        made = rebuild_plan(workspace, source["id"])
        found = audit_plan(workspace, made, held=held)
        checked = checks(workspace, made, run=source["id"], exposure=found, held=held)
        measured = bool(found["measured"])
        result = {
            "plan": source["id"],
            **found,
            "spread": spread_of(workspace, made, run=source["id"], held=held) if measured else {},
            "checks": checked,
            "origin": workspace.origin(),
        }
        return workspace.commit(
            workspace.new_run("audit"),
            result,
            subject=source["id"],
            category=source["category"],
            pages={"audit.html": audit_page(result, demonstration=workspace.config.agency.demonstration)},
            details={"plan": source["id"]},
        )


NO_YEAR = "Last year's map is left out: records begin less than a year before the plan, or have nothing in that period."


def audit_plan(
    workspace: Workspace, plan: Plan, *, held: Held, counting: Plan | None = None
) -> dict[str, Any]:
    """Exposure by group of a plan, of counting by the same rules, last year's map, equal and by-population coverage.

    Parameters
    ----------
    held : Held
        The thresholds that hold for the plan (`peelian.workspace.thresholds.thresholds_for`).
    """
    settings = workspace.config.audit
    areas = workspace.areas
    groups = list(workspace.config.place.population)
    if areas is None or not groups:
        return {
            "measured": False,
            "why_not": "no areas with residents by group are configured, so it can't be said whom the plan burdens",
            "findings": [],
        }
    reference = settings.reference or groups[0]
    if reference not in groups:
        msg = f"[audit] reference = {reference!r} was given; the groups are {', '.join(groups)}"
        raise UsageError(msg, hint="set [audit] reference in peelian.toml to one of the groups")
    population, margins = residents_by_cell(workspace, plan.grid)
    counting = plan.baseline or counting or plan
    last_year = None if plan.history is None else hours_by_last_year(plan.history, plan.hours)
    found: ExposureAudit = exposure_audit(
        plan.hours,
        grid=plan.grid,
        population=population,
        reference=reference,
        comparisons={
            "counting": counting.hours,
            **({} if last_year is None else {"last_year_map": last_year}),
            "equal_coverage": equal_hours(plan.grid, plan.hours_used),
            "by_population": hours_by_population(population, plan.hours_used),
        },
        block_km=settings.block_km,
        replicates=settings.replicates,
        seed=workspace.config.forecast.seed,
        threshold=held.thresholds.get("exposure_ratio"),
        margins=margins,
    )
    return {
        "measured": True,
        **found.to_dict(),
        "claims": claim_of_plan(groups, reference),
        "notes": [*held.notes, *([NO_YEAR] if last_year is None else [])],
    }
