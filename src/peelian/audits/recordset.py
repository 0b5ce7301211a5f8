"""The records that are audited, each with its week, its cell and its area."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.blocks import spatial_blocks
from peelian.errors import CRSError, NotEnoughDataError, UsageError
from peelian.places.areas import Areas
from peelian.places.crs import same_crs
from peelian.places.grid import Grid
from peelian.places.periods import Periods
from peelian.records.coverage import covered_span
from peelian.records.incidents import Incidents

__all__ = ["Recordset", "recordset"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FEWEST_WEEKS = 26
"""With less, no stretch can be told from its past."""

LABELLED = 8
"""Categories that are looked at area by area: the most frequent ones."""


@dataclass(frozen=True, eq=False)
class Recordset:
    """Incidents of the time in which the records are complete, with their week, cell and area.

    Parameters
    ----------
    frame : pandas.DataFrame
        Fields of `Incidents`, one row a record, in the order of time.
    grid : Grid
    weeks : Periods
        Weeks, or months where the records know no more.
    week, cell, area : array of int, shape (n,)
        Where each record stands; `area` is -1 in none. All have a week and a cell.
    names : tuple of str
        Of the areas.
    ids : tuple of str
        Of the areas.
    residents : pandas.DataFrame or None, shape (n_areas, n_groups)
        None where they are not known.
    before, after, elsewhere : int
        Records left out: of before and after the covered time, and outside the grid.
    total : int
        Records that were given.
    earliest : str
        First day of occurrence among all of them.
    blocks : bool
        Whether areas are squares of the map, since none were given.
    """

    frame: pd.DataFrame
    grid: Grid
    weeks: Periods
    week: Ints
    cell: Ints
    area: Ints
    names: tuple[str, ...]
    ids: tuple[str, ...]
    residents: pd.DataFrame | None
    before: int
    after: int
    elsewhere: int
    total: int
    earliest: str
    blocks: bool = False

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def step(self) -> str:
        """What a period is called."""
        return "month" if self.weeks.frequency.unit == "mo" else "week"

    @property
    def days(self) -> npt.NDArray[np.datetime64]:
        """Civil days of occurrence, shape (n,)."""
        return self.frame["occurred_from"].to_numpy(dtype="datetime64[D]")

    @cached_property
    def category(self) -> tuple[Ints, list[str]]:
        """Code of each record's category, and the categories, the most frequent first."""
        return _coded(self.frame["category"])

    @cached_property
    def label(self) -> tuple[Ints, list[str]]:
        """Code of each record's label, and the labels, the most frequent first."""
        return _coded(self.frame["label"])

    @property
    def officer(self) -> Bools:
        """Which records officers found by their own activity, shape (n,)."""
        return self.frame["officer_initiated"].to_numpy(dtype=np.bool_)

    @property
    def area_word(self) -> str:
        """What an area is called."""
        return "square of the map" if self.blocks else "area"

    def table(self, rows: Ints, n: int, *, of: Bools | None = None) -> Ints:
        """Counts by row and week, shape (n, n_weeks); rows of -1 are left out."""
        kept = rows >= 0 if of is None else (rows >= 0) & of
        flat = rows[kept] * len(self.weeks) + self.week[kept]
        counted = np.bincount(flat, minlength=n * len(self.weeks))
        return counted.reshape(n, len(self.weeks)).astype(np.int64)

    def where(self, keep: Bools) -> Recordset:
        """The same for some of the records."""
        return Recordset(
            self.frame[keep].reset_index(drop=True),
            self.grid,
            self.weeks,
            self.week[keep],
            self.cell[keep],
            self.area[keep],
            self.names,
            self.ids,
            self.residents,
            self.before,
            self.after,
            self.elsewhere,
            self.total,
            self.earliest,
            self.blocks,
        )


def recordset(
    incidents: Incidents, *, grid: Grid, areas: Areas | None = None, block_km: float = 2.0
) -> Recordset:
    """Place incidents in weeks, cells and areas.

    Parameters
    ----------
    incidents : Incidents
    grid : Grid
        In the same CRS.
    areas : Areas, optional
        In the same CRS; with residents by group, groups can be compared. Without areas, squares of the map take their
        place.
    block_km : float
        Side of these squares in km.

    Raises
    ------
    CRSError
        Incidents, grid and areas are in different CRS.
    NotEnoughDataError
        No incident, or fewer than 26 weeks (6 months, where only the month is known) in which records are complete.
    """
    for other, what in ((grid.crs, "grid"), (None if areas is None else areas.crs, "areas")):
        if other is not None and not same_crs(incidents.crs, other):
            msg = f"incidents in {incidents.crs} were given with {what} in {other}; expected one CRS"
            raise CRSError(msg, hint="read all of them in one CRS")
    if not np.isfinite(block_km) or block_km * 1000 < grid.cell:
        msg = f"squares of {block_km} km were given for cells of {grid.cell:g} m; expected at least a cell's side"
        raise UsageError(msg, hint="block_km=2")
    weeks = _weeks(incidents)
    frame = incidents.frame.sort_values(["occurred_from", "id"], kind="stable", ignore_index=True)
    day = frame["occurred_from"].to_numpy(dtype="datetime64[D]")
    before, after = int((day < weeks.start).sum()), int((day >= weeks.end).sum())
    cell = grid.locate(frame["x"].to_numpy(), frame["y"].to_numpy())
    week = weeks.locate(day)
    kept = (week >= 0) & (cell >= 0)
    frame, cell, week = frame[kept].reset_index(drop=True), cell[kept], week[kept]
    area, names, ids, residents = _areas(frame, cell, grid, areas, block_km)
    return Recordset(
        frame,
        grid,
        weeks,
        week,
        cell,
        area,
        names,
        ids,
        residents,
        before,
        after,
        len(incidents) - before - after - len(frame),
        len(incidents),
        str(day.min()),
        areas is None,
    )


def _weeks(incidents: Incidents) -> Periods:
    start, end = covered_span(incidents.time.astype("datetime64[D]"))
    monthly = incidents.resolution == "month"
    if monthly:
        start = start.astype("datetime64[M]").astype("datetime64[D]")
        end = ((end - np.timedelta64(1, "D")).astype("datetime64[M]") + 1).astype("datetime64[D]")
    periods = Periods.covering(start, end, "1mo" if monthly else "1w")
    least = 6 if monthly else FEWEST_WEEKS
    if len(periods) < least:
        unit = "months" if monthly else "weeks"
        msg = f"records of {len(periods)} {unit} were given; expected at least {least} in which they are complete"
        raise NotEnoughDataError(msg, hint="import more of the past")
    return periods


def _areas(
    frame: pd.DataFrame, cell: Ints, grid: Grid, areas: Areas | None, block_km: float
) -> tuple[Ints, tuple[str, ...], tuple[str, ...], pd.DataFrame | None]:
    """Area of each record, the areas' names and ids, and their residents."""
    if areas is None:
        block = spatial_blocks(grid, block_km=block_km)
        first = np.unique(block, return_index=True)[1]
        ids = tuple(str(name) for name in grid.ids[first])
        return block[cell], tuple(f"square of {name}" for name in ids), ids, None
    area = areas.locate(frame["x"].to_numpy(), frame["y"].to_numpy())
    names = tuple(str(name) for name in areas.frame["name"])
    groups = list(areas.population)
    residents = areas.frame[groups].astype(float).reset_index(drop=True) if groups else None
    return area, names, tuple(str(i) for i in areas.ids), residents


def _coded(column: pd.Series) -> tuple[Ints, list[str]]:
    counts = column.value_counts()
    order = sorted(counts.index, key=lambda name: (-int(counts[name]), str(name)))
    codes = pd.Categorical(column, categories=order).codes.astype(np.int64)
    return codes, [str(name) for name in order]
