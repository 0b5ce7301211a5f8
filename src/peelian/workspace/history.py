"""The past of one category as counts: what forecasts, trials and plans are made from."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from scipy import sparse

from peelian.errors import DataError, NotEnoughDataError, RefusedError
from peelian.places import Counts, Grid, Periods, count_incidents, distance_to, metres_per_unit, study_grid
from peelian.places.periods import as_day
from peelian.places.shapes import read_shapes
from peelian.records import Incidents
from peelian.records.coverage import span_of_table
from peelian.records.incidents import match_categories
from peelian.units import Frequency
from peelian.workspace.extent import footprint
from peelian.workspace.workspace import Workspace

__all__ = ["covered", "gap_of", "history", "learned_from", "study_grid_of", "training_incidents"]

#: Share of a category's incidents from which on a source decides from when to when the category is covered.
MAIN_SOURCE = 0.05

MOST_COMPANIONS = 12
"""Other categories that methods may learn from, the most frequent ones of the first half of the time."""

CATCH_ALL = "other"
"""A category of which nobody knows what is in it, officers' own activity too: never learned from beside another."""

MOST_CELLS = 1_000_000
"""Of a grid that is forecast on; a map of more takes more memory than most machines have."""

MOST_NODES = 4_000_000
"""Rows times columns of a grid that is forecast on: kernels are smoothed over all of it, the empty part too."""


def training_incidents(workspace: Workspace, category: str) -> Incidents:
    """Incidents of a category that may be learned from.

    Raises
    ------
    RefusedError
        All of them came from officers' own activity (charter, rule 6).
    NotEnoughDataError
        There is none.
    """
    found = workspace.incidents(category=category, officer_initiated=False)
    if len(found) == 0:
        every = workspace.incidents(category=category)
        if len(every) > 0:
            msg = (
                f"all {len(every):,} incidents of {category} came from officers' own activity, which shows where "
                "officers were, not where incidents are reported (charter, rule 6); no method is trained on them"
            )
            raise RefusedError(msg, hint="choose a category that residents report, such as burglary")
        msg = f"the workspace holds no incident of {category}"
        raise NotEnoughDataError(
            msg, hint=f"peelian status --workspace {workspace.folder} lists the categories"
        )
    return found


def history(
    workspace: Workspace,
    category: str,
    *,
    period: str | None = None,
    until: str | None = None,
    grid: Grid | None = None,
    beside: bool = True,
) -> Counts:
    """Counts of a category in whole periods, from where its sources' records are complete to where they end.

    Parameters
    ----------
    until : date, optional
        Count up to and without this day.
    grid : Grid, optional
        Another grid than the workspace has now.
    beside : bool
        Give with them what methods may learn from beside: ``companions``, counts of the most frequent other categories
        without officers' own activity (charter, rule 6) from the same sources, and ``features``, the number of
        residents of each cell where the areas have it, and how far it is from what ``[place] features`` names.

    Raises
    ------
    NotEnoughDataError
        The records end before `until`, or hold not one whole period.
    DataError
        The cells are so small that a map of them would not fit in memory.
    """
    frequency = Frequency.parse(period or workspace.config.forecast.period)
    incidents = training_incidents(workspace, category)
    incidents.require(frequency.resolution)
    start, end, sources = covered(workspace, incidents, category)
    if until is not None:
        if as_day(until) > end:
            msg = (
                f"records up to {until} were asked for, but those of {category} are complete up to {end} only"
            )
            raise NotEnoughDataError(msg, hint=f"--until {end}, or import the records that are missing")
        end = as_day(until)
    periods = Periods.covering(start, end, frequency)
    counts = count_incidents(incidents, study_grid_of(workspace) if grid is None else grid, periods)
    if not beside:
        return counts
    return replace(
        counts,
        companions=_companions(workspace, category, counts, sources),
        features=_features(workspace, counts.grid),
    )


def covered(
    workspace: Workspace, incidents: Incidents, category: str
) -> tuple[np.datetime64, np.datetime64, list[str]]:
    """From when to when the sources of a category's incidents are complete, and the sources that decide on it.

    Notes the category and all its sources as what the work is about, so that it stops where one of them is halted.

    Returns
    -------
    start, end : datetime64[D]
        First day, and the day after the last.
    sources : list of str
    """
    shares = incidents.frame["source"].value_counts(normalize=True)
    workspace.guard.work_on(category=category, sources=tuple(sorted(map(str, shares.index))))
    # A source of a few incidents says little about when the others begin and end; its incidents count all the same.
    sources = sorted(str(name) for name, share in shares.items() if share >= MAIN_SOURCE)
    start, end = span_of_table(workspace.store.table(), sources=sources)
    if incidents.resolution == "month":  # a month-only record stands for its whole month
        start = start.astype("datetime64[M]").astype("datetime64[D]")
        end = ((end - 1).astype("datetime64[M]") + 1).astype("datetime64[D]")
    return start, end, sources


def learned_from(workspace: Workspace, counts: Counts) -> dict[str, Any]:
    """What methods were given to learn from beside the category's own counts, for the record of a result."""
    return {
        "companions": {name: int(matrix.sum()) for name, matrix in counts.companions.items()},
        "features": {name: _behind(workspace, name) for name in counts.features},
    }


def gap_of(
    workspace: Workspace, category: str, frequency: str | Frequency
) -> tuple[int, dict[str, Any] | None]:
    """Periods before a forecast that are left out, as ``[forecast] gap`` says, and how they were measured.

    Returns
    -------
    gap : int
    delay : dict or None
        None where the gap is a number that somebody set. Else ``known``, ``share``, ``n`` and ``text``: how late
        reports arrive, or why that can't be told (the gap is then 0).
    """
    given = workspace.config.forecast.gap
    if given != "measured":
        return given, None
    from peelian.records.delay import reporting_gap

    found = reporting_gap(training_incidents(workspace, category), frequency)
    return found.gap, {"known": found.known, "share": found.share, "n": found.n, "text": found.text}


def study_grid_of(workspace: Workspace, cell: float | None = None) -> Grid:
    """The workspace's grid, or one over the same study area with cells of `cell` metres.

    One that is too fine is refused before it is made, which is what would take the memory.

    Raises
    ------
    DataError
        It is too fine.
    NotEnoughDataError
        There is neither an area nor an incident.
    """
    side = workspace.config.place.cell if cell is None else cell
    if workspace.areas is not None and workspace.crs is not None:
        metres = metres_per_unit(workspace.crs)
        _check_cells(side, workspace.areas.union().area * metres**2)
        _check_nodes(workspace, side)
        return _with_cells(workspace, cell)
    _check_nodes(workspace, side)
    found = _with_cells(workspace, cell)
    _check_cells(side, float(found.area.sum()) * 1e6)
    return found


def _with_cells(workspace: Workspace, cell: float | None) -> Grid:
    if cell is None or workspace.crs is None or cell == workspace.config.place.cell:
        return workspace.grid
    if workspace.areas is not None:
        return study_grid(crs=workspace.crs, cell=cell, areas=workspace.areas)
    return footprint(workspace.store, workspace.extent, crs=workspace.crs, cell=cell)


def _check_cells(cell: float, area: float) -> None:
    """Refuse too many cells of a study area of `area` square metres."""
    n = round(area / cell**2)
    if n > MOST_CELLS:
        msg = (
            f"cells of {cell:g} m make about {n:,} of the study area of {area / 1e6:,.0f} km2; expected at most "
            f"{MOST_CELLS:,}"
        )
        raise DataError(msg, hint=_larger(math.sqrt(area / MOST_CELLS)))


def _check_nodes(workspace: Workspace, cell: float) -> None:
    """Refuse a rectangle of too many rows and columns: kernels are smoothed over all of it, however much is empty."""
    if workspace.crs is None:
        return  # the grid says that nothing was imported
    metres = metres_per_unit(workspace.crs)
    xmin, ymin, xmax, ymax = workspace.extent
    wide, high = metres * (xmax - xmin), metres * (ymax - ymin)
    columns, rows = max(math.ceil(wide / cell), 1), max(math.ceil(high / cell), 1)
    if rows * columns > MOST_NODES:
        msg = (
            f"cells of {cell:g} m make about {rows:,} rows and {columns:,} columns, {rows * columns:,} cells, of the "
            f"{wide / 1e3:.4g} by {high / 1e3:.4g} km around the study area; expected at most {MOST_NODES:,}"
        )
        raise DataError(msg, hint=_larger(math.sqrt(max(wide, cell) * max(high, cell) / MOST_NODES)))


def _larger(enough: float) -> str:
    """What to set for cells of `enough` metres or more, rounded up to one digit."""
    step = 10.0 ** math.floor(math.log10(enough))
    return f"set cell = {math.ceil(enough / step) * step:g} or more under [place] in peelian.toml"


def _companions(
    workspace: Workspace, category: str, counts: Counts, sources: Sequence[str]
) -> dict[str, sparse.csc_array]:
    """Counts of the other categories by name, in one pass over the records.

    From the sources that cover the whole of the periods alone: a source that begins half-way would look like a rise.
    """
    table = workspace.store.table()
    labels = table.select("label").distinct().to_pyarrow()["label"].to_pylist()
    same, names = match_categories([category], [str(label) for label in labels])
    others = table.filter(
        ~table.officer_initiated,
        table.source.isin(list(sources)),
        ~table.category.isin([*same, CATCH_ALL]),
        ~table.label.isin(names) if names else True,
        table.occurred_from >= counts.periods.start.item(),
        table.occurred_from < counts.periods.end.item(),
    )
    if counts.periods.frequency.resolution == "day":
        others = others.filter(others.resolution != "month")
    rows = others.select("category", "x", "y", day=others.occurred_from.date()).to_pyarrow()
    kinds = pc.dictionary_encode(rows["category"].combine_chunks())
    kind = kinds.indices.to_numpy(zero_copy_only=False)
    cell = counts.grid.locate(rows["x"].to_numpy(), rows["y"].to_numpy())
    period = counts.periods.locate(rows["day"].to_numpy())
    kept = (cell >= 0) & (period >= 0)
    kind, cell, period = kind[kept], cell[kept], period[kept]
    # By the first half of the time: what a trial of the later half is scored on has no say in what is learned from.
    n = np.bincount(kind[period < (len(counts.periods) + 1) // 2], minlength=len(kinds.dictionary))
    known = {str(name): k for k, name in enumerate(kinds.dictionary.to_pylist()) if n[k]}
    most = sorted(known, key=lambda name: (-n[known[name]], name))[:MOST_COMPANIONS]
    return {name: _matrix(kind == known[name], cell, period, counts.matrix.shape) for name in most}


def _matrix(
    of: npt.NDArray[np.bool_],
    cell: npt.NDArray[np.int64],
    period: npt.NDArray[np.int64],
    shape: tuple[int, int],
) -> sparse.csc_array:
    one = np.ones(int(of.sum()), dtype=np.int64)
    made = sparse.coo_array((one, (cell[of], period[of])), shape=shape, dtype=np.int64).tocsc()
    made.sum_duplicates()
    return made


def _residents(workspace: Workspace) -> str | None:
    """The group that is everybody, where the areas have one.

    How many live somewhere may tell of reports. How many of some groups do must not (charter), and nobody knows
    whether the groups that a workspace lists are all there are: so they are never added up to stand for everybody.
    """
    groups = () if workspace.areas is None else workspace.areas.population
    return next((group for group in groups if group.casefold() in TOTALS), None)


TOTALS = ("all", "everyone", "population", "residents", "total")
"""Names of a group that is everybody."""


def _features(workspace: Workspace, grid: Grid) -> dict[str, npt.NDArray[np.float64]]:
    found: dict[str, npt.NDArray[np.float64]] = {}
    group = _residents(workspace)
    if group is not None and workspace.areas is not None:
        residents = workspace.areas.frame[group].to_numpy(dtype=float)
        found["population"] = np.asarray(workspace.areas.spread(residents, grid).values, dtype=np.float64)
    for name, file in workspace.config.place.features.items():
        found[f"distance_to_{name}"] = distance_to(read_shapes(workspace.folder / file), grid)
    return found


def _behind(workspace: Workspace, feature: str) -> list[str]:
    """What a feature was made from, so that whoever has the result can tell whether it still is that."""
    if feature == "population":
        return [str(_residents(workspace))]
    file = workspace.config.place.features[feature.removeprefix("distance_to_")]
    return [file, hashlib.sha256((workspace.folder / file).read_bytes()).hexdigest()]
