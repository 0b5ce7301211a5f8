"""``hot``: where reports crowd, more than chance would have it, and how concentrated they are."""

from __future__ import annotations

import numpy as np

from peelian.patterns.base import check_level
from peelian.patterns.concentration import concentration
from peelian.patterns.local_g import hot_cells
from peelian.patterns.local_moran import local_moran
from peelian.workspace.calls import recorded
from peelian.workspace.chosen import choose, keep, study_cells
from peelian.workspace.grids import grid_table
from peelian.workspace.outcome import Outcome
from peelian.workspace.workspace import Workspace

__all__ = ["hot"]


@recorded
def hot(
    workspace: Workspace,
    category: str,
    *,
    first: str | None = None,
    last: str | None = None,
    cell: float | None = None,
    permutations: int | None = None,
    level: float = 0.05,
) -> Outcome:
    """Find cells with more reports in and around them than chance gives; the page is ``runs/ID/hot.html``.

    Parameters
    ----------
    first, last : date, optional
        Reports from `first` up to and without `last`; all that are complete when not given.
    cell : float, optional
        Side of a cell in metres; the workspace's when not given.
    permutations : int, optional
        Random arrangements that p-values come from; all arrangements are counted, exactly, when not given.
    level : float
        False-discovery rate up to which a cell is called hot or cold.

    Raises
    ------
    RefusedError
        The role may not, or all reports came from officers' own activity.
    DataError, NotEnoughDataError, UsageError
        See `peelian.workspace.chosen.choose` and `peelian.patterns.local_g.hot_cells`.
    """
    workspace.require("patterns", {"kind": "records"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.publish.hot import hot_page

    check_level(level, what="false-discovery rate")
    with workspace.writing():
        chosen = choose(workspace, category, first=first, last=last)
        grid, names = study_cells(workspace, cell)
        cells = grid.locate(chosen.incidents.x, chosen.incidents.y)
        counts = np.bincount(cells[cells >= 0], minlength=len(grid))
        seed = workspace.config.forecast.seed
        workspace.progress("looking for hot places", 0, 3)
        found = hot_cells(counts, grid, permutations=permutations, level=level, names=names, seed=seed)
        workspace.progress("looking for hot places", 1, 3)
        beside = local_moran(counts, grid, permutations=permutations, level=level, seed=seed)
        workspace.progress("looking for hot places", 2, 3)
        spread = concentration(counts, area=grid.area, seed=seed)
        workspace.progress("looking for hot places", 3, 3)
        told, apart = found.to_dict(), beside.to_dict()
        del told["cells"], apart["cells"]  # a table holds them all
        result = {
            **chosen.to_dict(),
            **told,
            "alike": apart,
            "concentration": spread.to_dict(),
            "outside": len(chosen.incidents) - int(counts.sum()),
            "origin": workspace.origin(seed=seed),
        }
        page = hot_page(
            result,
            found,
            beside,
            spread,
            areas=workspace.areas,
            demonstration=workspace.config.agency.demonstration,
        )
        tables = {
            "cells": found.frame,
            "alike": beside.frame,
            "concentration": spread.frame,
            "grid": grid_table(grid),
        }
        return keep(
            workspace,
            "hot",
            result,
            category=category,
            page=page,
            tables=tables,
            details={"hot": result["hot"], "cold": result["cold"]},
        )
