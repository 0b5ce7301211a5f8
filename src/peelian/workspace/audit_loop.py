"""``audit loop``: where attending what the forecast says, and learning from what that finds, leads in the end."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from peelian.audits.loop import LoopAudit, loop_audit
from peelian.errors import UsageError
from peelian.places import Counts, Grid, population_by_cell
from peelian.units import Frequency
from peelian.workspace.calls import recorded
from peelian.workspace.history import history
from peelian.workspace.outcome import Outcome
from peelian.workspace.residents import groups_of
from peelian.workspace.thresholds import thresholds_for
from peelian.workspace.workspace import Workspace

__all__ = ["audit_loop"]

VERB = "audit_loop"
YEAR = 365.2425
"""Days."""


@recorded
def audit_loop(
    workspace: Workspace,
    category: str,
    *,
    discovery: float | None = None,
    reported: float = 0.5,
    mislabelled: float = 0.1,
    moved: float = 0.05,
    learner: str = "reported",
    years: int = 5,
    coverage: float | None = None,
    explore: float = 0.1,
    holdout: float = 0.1,
    attend: Literal["first", "drawn"] = "first",
    runs: int = 200,
) -> Outcome:
    """Simulate the loop on the workspace's own places; the page is ``runs/ID/audit_loop.html``.

    Parameters
    ----------
    discovery, reported, mislabelled, moved, learner, years, explore, holdout, attend, runs
        See `peelian.audits.loop.loop_audit`.
    coverage : float, optional
        Share of the cells that is attended in each period; the first of ``[forecast] fractions`` when not given.

    Raises
    ------
    RefusedError
        The role may not, or all reports came from officers' own activity.
    UsageError
        A setting is off.
    DataError, NotEnoughDataError
        See `peelian.workspace.history.history` and `peelian.audits.loop.loop_audit`.
    """
    workspace.require("audit", {"kind": "records"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.publish.audit_loop import audit_loop_page

    share = workspace.config.forecast.fractions[0] if coverage is None else coverage
    if not 0 < share < 1:
        msg = f"a coverage of {share:g} was given; expected a share of the cells, above 0 and under 1"
        raise UsageError(msg, hint="--coverage 0.01 attends one cell in a hundred")
    with workspace.writing():
        counts = history(workspace, category, beside=False)
        frequency = Frequency.parse(workspace.config.forecast.period)
        residents, reference = _residents(workspace, counts.grid)
        seed = workspace.config.forecast.seed
        held = thresholds_for(workspace, "loop", verb=VERB, subject=category)
        found = loop_audit(
            np.asarray(counts.matrix.sum(axis=1)).ravel(),
            periods=len(counts.periods),
            places=max(round(share * len(counts.grid)), 1),
            discovery=discovery,
            reported=reported,
            mislabelled=mislabelled,
            moved=moved,
            learner=learner,
            years=years,
            per_year=max(round(YEAR / frequency.days), 1),
            explore=explore,
            holdout=holdout,
            attend=attend,
            population=residents,
            reference=reference,
            runs=runs,
            thresholds=held.thresholds,
            seed=seed,
            progress=lambda i, n: workspace.progress("simulating courses", i, n),
        )
        result = {
            "category": category,
            "from": str(counts.periods.start),
            "to": str(counts.periods.end),
            "period": str(frequency),
            "coverage": share,
            "reference": reference,
            **found.to_dict(),
            "notes": [*_notes(workspace, category, counts), *held.notes],
            "origin": workspace.origin(grid=counts.grid.to_dict(), seed=seed),
        }
        return _commit(workspace, category, result, found, audit_loop_page)


def _commit(
    workspace: Workspace, category: str, result: dict[str, Any], found: LoopAudit, page: Any
) -> Outcome:
    tables = {"yearly": found.yearly}
    if len(found.groups):
        tables["groups"] = found.groups
    shown = page(result, demonstration=workspace.config.agency.demonstration)
    return workspace.commit(
        workspace.new_run(VERB),
        result,
        subject=category,
        category=category,
        tables=tables,
        pages={f"{VERB}.html": shown},
        details={"category": category, "learner": found.learner, "certified": found.certificate.given},
    )


def _residents(workspace: Workspace, grid: Grid) -> tuple[pd.DataFrame | None, str]:
    """Residents of each cell by group, and the group that others are compared with; None without two groups."""
    groups = groups_of(workspace)
    if workspace.areas is None or groups is None or len(groups.names) < 2:
        return None, ""
    return population_by_cell(workspace.areas, grid)[list(groups.names)], groups.reference


def _notes(workspace: Workspace, category: str, counts: Counts) -> list[str]:
    """Records that are left out, and what the others tell of how they came about."""
    outside = []
    if counts.outside:
        outside.append(
            f"{counts.outside:,} of the category's records lie outside of the study area or of the whole periods, "
            "and are not in these numbers."
        )
    return [*outside, _own_activity(workspace, category)]


def _own_activity(workspace: Workspace, category: str) -> str:
    every = workspace.incidents(category=category)
    own = int(np.count_nonzero(every.frame["officer_initiated"].to_numpy(dtype=bool)))
    if own:
        return (
            f"{own:,} of the {len(every):,} records of this category are marked as officers' own activity. They are "
            "left out, and the true rates are those of the others."
        )
    return (
        "No record of this category is marked as found by officers' own activity. That doesn't tell that none was: a "
        "source can call what was found and what was reported by the same name."
    )
