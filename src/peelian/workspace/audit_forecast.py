"""``audit forecast``: for whom the forecasts of past periods were wrong, and what another rule would have done."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from peelian.audits.alternatives import year_before
from peelian.audits.forecast import ForecastAudit, forecast_audit
from peelian.audits.retrospect import Retrospect, look_back
from peelian.errors import NotEnoughDataError
from peelian.methods import CountMap, method_by_name
from peelian.places import Counts, population_by_cell
from peelian.units import Frequency
from peelian.workspace.calls import recorded
from peelian.workspace.forecast import chosen_method
from peelian.workspace.history import gap_of, history, learned_from
from peelian.workspace.outcome import Outcome
from peelian.workspace.residents import Groups, groups_of
from peelian.workspace.suspension import suspension_of
from peelian.workspace.thresholds import thresholds_for
from peelian.workspace.workspace import Workspace

__all__ = ["audit_forecast"]

VERB = "audit_forecast"

PLACELESS = ("no_place", "outside_crs")
"""Why a record was set aside that may have happened anywhere in the study area."""


@recorded
def audit_forecast(
    workspace: Workspace,
    category: str,
    *,
    origins: int | None = None,
    period: str | None = None,
    coverage: float | None = None,
    method: str | None = None,
    executor: Executor | None = None,
) -> Outcome:
    """Hold forecasts of past periods against what came, by group; the page is ``runs/ID/audit_forecast.html``.

    A trial keeps the scores of its forecasts and not the forecasts, so they are made again, each from what was known
    before it.

    Parameters
    ----------
    origins : int, optional
        How many of the latest periods; from ``peelian.toml`` when not given, as is `period`.
    coverage : float, optional
        Share of the area that is picked; the first of ``[forecast] fractions`` when not given.
    method : str, optional
        The method in use when not given: that of the category's last verdict, or counting.
    executor : Executor, optional
        Who does the work.

    Raises
    ------
    RefusedError
        The role may not, or all reports came from officers' own activity.
    NotEnoughDataError
        The areas have no residents by group, or there are too few periods.
    UsageError
        A method or a group is unknown, or a setting is off.
    """
    workspace.require("audit", {"kind": "records"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.publish.audit_forecast import audit_forecast_page

    settings = workspace.config.forecast
    groups = _groups(workspace)
    with workspace.writing():
        frequency = str(Frequency.parse(period or settings.period))
        names = _Names.of(workspace, category, frequency, by_hand=method)
        workspace.guard.work_on(category=category, methods=names.all)
        counts = history(workspace, category, period=frequency)
        gap, _ = gap_of(workspace, category, frequency)
        used, *others = look_back(
            counts,
            [method_by_name(name)() for name in names.all],
            origins=settings.origins if origins is None else origins,
            coverage=settings.fractions[0] if coverage is None else coverage,
            gap=gap,
            executor=executor,
            progress=lambda i, n: workspace.progress("forecasting past periods", i, n),
        )
        held = thresholds_for(workspace, "forecast", verb=VERB, subject=category)
        assert workspace.areas is not None  # seen when the groups were
        audit = workspace.config.audit
        found = forecast_audit(
            used,
            population=population_by_cell(workspace.areas, counts.grid),
            reference=groups.reference,
            total=groups.total,
            counting=others[0] if others else None,
            last_year=year_before(counts, used.splits),
            unplaced=_unplaced(workspace, category, used),
            block_km=audit.block_km,
            replicates=audit.replicates,
            seed=settings.seed,
            thresholds=held.thresholds,
        )
        result = {
            "category": category,
            "period": frequency,
            "gap": gap,
            "why_this_method": names.why,
            **found.to_dict(),
            "learned_from": learned_from(workspace, counts),
            "notes": [
                *_of_whom(groups, found),
                *_notes(workspace, category, counts, used, names),
                *held.notes,
            ],
            "origin": workspace.origin(grid=counts.grid.to_dict(), seed=settings.seed),
        }
        page = audit_forecast_page(result, demonstration=workspace.config.agency.demonstration)
        return _commit(workspace, category, result, found, page)


def _commit(
    workspace: Workspace, category: str, result: dict[str, Any], found: ForecastAudit, page: str
) -> Outcome:
    tables = {
        "deciles": found.deciles,
        "groups": found.groups,
        "rules": found.rules,
        "transforms": found.pit,
    }
    return workspace.commit(
        workspace.new_run(VERB),
        result,
        subject=category,
        category=category,
        tables=tables,
        pages={f"{VERB}.html": page},
        details={
            "category": category,
            "method": found.settings["method"],
            "stand_out": found.judged.stand_out,
        },
    )


def _groups(workspace: Workspace) -> Groups:
    found = groups_of(workspace)
    if found is None:
        lacks = "no areas" if workspace.areas is None else "areas without residents by group"
        msg = f"the workspace has {lacks}; error by group takes areas with residents of each group"
        raise NotEnoughDataError(
            msg, hint="set areas and population under [place] in peelian.toml; see docs/how-to/audit.md"
        )
    return found


def _of_whom(groups: Groups, found: ForecastAudit) -> list[str]:
    """What shares are shares of."""
    if groups.total is not None:
        return []
    named = " or ".join(str(name) for name in found.settings["groups"])
    return [
        (
            f"Shares are of the residents whom the areas count as {named}. Whoever else lives there is in none of "
            "these numbers."
        )
    ]


@dataclass(frozen=True)
class _Names:
    """The method that is audited, the counting beside it, and why."""

    used: str
    counting: str | None
    why: str

    @property
    def all(self) -> tuple[str, ...]:
        return (self.used,) if self.counting is None else (self.used, self.counting)

    @classmethod
    def of(cls, workspace: Workspace, category: str, frequency: str, *, by_hand: str | None) -> _Names:
        name, verdict = chosen_method(workspace, category, frequency)
        why = (
            f"the verdict of {verdict['trial']}"
            if verdict
            else "no trial with these settings: plain counting"
        )
        if by_hand is not None and by_hand != name:
            method_by_name(by_hand)
            name, why = by_hand, f"chosen by hand; {why} says {name}"
        baseline = str(verdict["baseline"]) if verdict else CountMap.name
        # Where the method counts itself, the plain count map stands beside it.
        counting = next((one for one in (baseline, CountMap.name) if one != name), None)
        return cls(name, counting, why)


def _unplaced(workspace: Workspace, category: str, used: Retrospect) -> int:
    """Records of the category in these periods that were set aside for want of a place."""
    aside = workspace.store.quarantine()
    aside = aside[aside["reason"].isin(PLACELESS)] if len(aside) else aside
    if not len(aside):
        return 0
    labels = workspace.incidents(category=category, officer_initiated=False).frame["label"]
    when = pd.to_datetime(aside["occurred_from"], errors="coerce", format="ISO8601")
    start, end = (pd.Timestamp(str(day)) for day in (used.splits[0].test.start, used.splits[-1].test.end))
    inside = (when >= start) & (when < end) & aside["label"].isin(labels.unique())
    return int(np.count_nonzero(inside.to_numpy(dtype=bool)))


def _notes(workspace: Workspace, category: str, counts: Counts, used: Retrospect, names: _Names) -> list[str]:
    notes = []
    suspension = suspension_of(workspace, category)
    if suspension is not None:
        notes.append(
            f"The methods of this category were suspended on {str(suspension['at'])[:10]} by {suspension['run']}: "
            "what is audited here is not what forecasts are made by until a person lifts that."
        )
    if names.why.startswith("chosen by hand"):
        notes.append(f"The method was {names.why}.")
    assert workspace.areas is not None
    outside = int(np.count_nonzero(workspace.areas.of_cells(counts.grid) < 0))
    if outside:
        reports = int(used.observed[:, workspace.areas.of_cells(counts.grid) < 0].sum())
        notes.append(
            f"{outside:,} places lie in no area; {reports:,} reports came there, and they are in no tenth."
        )
    if counts.outside:
        notes.append(
            f"{counts.outside:,} of the category's records lie outside of the study area or of the whole periods, "
            "and are not in these numbers."
        )
    return notes
