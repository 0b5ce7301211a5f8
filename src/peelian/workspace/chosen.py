"""Which reports a pattern is looked for in, and what becomes of what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from peelian.errors import NotEnoughDataError, UsageError
from peelian.places import Grid, Periods
from peelian.places.periods import as_day
from peelian.records import Incidents
from peelian.workspace.history import covered, study_grid_of, training_incidents
from peelian.workspace.outcome import Outcome
from peelian.workspace.workspace import Workspace

__all__ = ["CELLS", "Chosen", "choose", "coarse_cells", "keep", "study_cells"]

CELLS = 4000
"""Cells in which clusters are looked for, at most: a cluster is made of many, so that coarser ones do."""

FEWEST = 10
"""Cells without which places can't be compared."""


@dataclass(frozen=True)
class Chosen:
    """Reports of one category, of the time in which they are complete.

    Parameters
    ----------
    category : str
    incidents : Incidents
        Without officers' own activity (charter, rule 6).
    start, end : datetime64[D]
        First day, and the day after the last.
    left_out : int
        Reports of the category outside of that time.
    """

    category: str
    incidents: Incidents
    start: np.datetime64
    end: np.datetime64
    left_out: int

    def periods(self, period: str) -> Periods:
        """The whole periods in that time."""
        return Periods.covering(self.start, self.end, period)

    def until(self, end: np.datetime64) -> Chosen:
        """Those before a day."""
        found = self.incidents.where(end=end)
        return Chosen(self.category, found, self.start, end, self.left_out + len(self.incidents) - len(found))

    def to_dict(self) -> dict[str, Any]:
        """``category``, ``from``, ``to`` (the day after the last), ``incidents`` and ``left_out``."""
        return {
            "category": self.category,
            "from": str(self.start),
            "to": str(self.end),
            "incidents": len(self.incidents),
            "left_out": self.left_out,
        }


def choose(
    workspace: Workspace,
    category: str,
    *,
    first: str | None = None,
    last: str | None = None,
    among: Incidents | None = None,
) -> Chosen:
    """The reports of a category from `first` up to and without `last`.

    Parameters
    ----------
    first, last : date, optional
        Within the time in which the category's sources are complete; all of it when not given.
    among : Incidents, optional
        All that residents report, where somebody has loaded them already.

    Raises
    ------
    RefusedError
        All reports of the category came from officers' own activity.
    NotEnoughDataError
        There is none, or the records don't reach as far as was asked.
    UsageError
        A bound is no date, or they are in the wrong order.
    """
    every = None if among is None else among.where(category=category)
    if every is None or not len(every):
        every = training_incidents(workspace, category)
    start, end, _ = covered(workspace, every, category)
    begin = start if first is None else as_day(first)
    stop = end if last is None else as_day(last)
    if begin >= stop:
        msg = f"reports from {begin} up to {stop} were asked for; expected a first day before the last"
        raise UsageError(msg, hint=f"--from {start} --to {end}")
    if begin < start or stop > end:
        msg = (
            f"reports from {begin} up to {stop} were asked for; those of {category} are complete from {start} up to "
            f"{end}"
        )
        raise NotEnoughDataError(msg, hint=f"--from {max(begin, start)} --to {min(stop, end)}")
    found = every.where(start=begin, end=stop)
    return Chosen(category, found, begin, stop, len(every) - len(found))


def study_cells(workspace: Workspace, cell: float | None = None) -> tuple[Grid, list[str] | None]:
    """The workspace's grid, or one of another cell size, and the area that each cell lies in most.

    Parameters
    ----------
    cell : float, optional
        Side of a cell in metres.

    Raises
    ------
    DataError
        The cells are so small that a map of them would not fit in memory.
    UsageError
        They are so large that there are fewer than `FEWEST`.
    """
    grid = study_grid_of(workspace, cell)
    if len(grid) < FEWEST:
        cells = "1 cell" if len(grid) == 1 else f"{len(grid)} cells"
        msg = f"the study area has {cells} of {grid.cell:g} m; expected at least {FEWEST}, to compare places"
        raise UsageError(msg, hint=f"--cell '{min(workspace.config.place.cell, grid.cell / 4):g} m'")
    if workspace.areas is None:
        return grid, None
    names = [str(name) for name in workspace.areas.frame["name"]]
    return grid, [names[i] if i >= 0 else "" for i in workspace.areas.of_cells(grid).tolist()]


def coarse_cells(workspace: Workspace, *, most: int = CELLS) -> Grid:
    """The workspace's grid, with its cells doubled until there are few enough."""
    cell = workspace.config.place.cell
    while len(grid := study_grid_of(workspace, cell)) > most:
        cell *= 2
    return grid


def keep(
    workspace: Workspace,
    verb: str,
    result: Mapping[str, Any],
    *,
    category: str = "",
    page: str,
    tables: Mapping[str, pd.DataFrame],
    details: Mapping[str, Any] | None = None,
) -> Outcome:
    """Store what was looked for and found as a run of `verb`, with its page ``VERB.html``."""
    return workspace.commit(
        workspace.new_run(verb),
        result,
        category=category,
        tables=tables,
        pages={f"{verb}.html": page},
        details={"category": category, **(details or {})} if category else dict(details or {}),
    )
