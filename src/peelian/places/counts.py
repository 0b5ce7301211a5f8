"""Incidents counted into cells and periods, sparse at heart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import ibis
import numpy as np
import numpy.typing as npt
from scipy import sparse

from peelian.errors import CRSError, DataError, ResolutionError, UsageError
from peelian.places.crs import same_crs
from peelian.places.grid import Grid
from peelian.places.periods import Day, Periods, as_day

if TYPE_CHECKING:
    from peelian.records.incidents import Incidents

__all__ = ["Counts", "Points", "count_incidents", "count_table"]

DENSE_LIMIT = 500_000_000

GROUPS = (
    *(
        "afric",
        "arab",
        "asian",
        "benefit",
        "buddh",
        "citizen",
        "ethnic",
        "foreign",
        "gyps",
        "hindu",
        "hispan",
    ),
    *(
        "immigra",
        "income",
        "indigen",
        "islam",
        "jew",
        "language",
        "latin",
        "migrant",
        "minorit",
        "mosque",
        "muslim",
    ),
    *(
        "nationalit",
        "nonwhite",
        "pover",
        "racial",
        "refugee",
        "religi",
        "sikh",
        "synagog",
        "unemploy",
        "wealth",
    ),
    "welfare",
)
"""How words begin by which a feature is known as about a group of residents, their means or their faith.

Names can lie: this catches a mistake. What each feature was made from is told in every result.
"""

GROUP_WORDS = frozenset(
    {
        "aboriginal",
        "black",
        "blacks",
        "blk",
        "church",
        "churches",
        "native",
        "natives",
        "poor",
        "race",
        "races",
        "roma",
    }
    | {"rent", "rents", "romani", "salaries", "salary", "sinti", "temple", "temples", "white", "whites"}
)
"""The same, as whole words: a racetrack is a place."""


@dataclass(frozen=True, eq=False)
class Points:
    """Exact places and times of the counted incidents, sorted by time.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        CRS units of the grid.
    time : array of datetime64[s], shape (n,)
        Local civil time.
    """

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    time: npt.NDArray[np.datetime64]

    def __len__(self) -> int:
        return int(self.x.size)

    def between(self, start: Day, end: Day) -> Points:
        """Those from `start` up to and without `end`."""
        bounds = np.array([as_day(start), as_day(end)]).astype(self.time.dtype)
        first, last = np.searchsorted(self.time, bounds)
        return Points(self.x[first:last], self.y[first:last], self.time[first:last])


@dataclass(frozen=True, eq=False)
class Counts:
    """How many incidents each cell had in each period.

    Parameters
    ----------
    grid : Grid
    periods : Periods
    matrix : scipy.sparse.csc_array of int, shape (n_cells, n_periods)
        Columns are periods, so that a window of time is a cheap slice.
    points : Points, optional
        Where exactly they were, for methods that use more than the cell.
    outside : int
        Incidents of the input that are in no cell or no period: counted here, never dropped without a word.
        0 in a slice, which must know nothing of what happened later.
    companions : mapping of str to scipy.sparse.csc_array, optional
        Counts of other categories in the same cells and periods, for methods that learn from those too.
    features : mapping of str to array of float, shape (n_cells,), optional
        What is known of each place and stays: residents, distances. Never shares of groups of residents by race,
        ethnicity, religion, origin or income, nor anything that is named so.
    """

    grid: Grid
    periods: Periods
    matrix: sparse.csc_array
    points: Points | None = None
    outside: int = 0
    companions: Mapping[str, sparse.csc_array] = field(default_factory=dict)
    features: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expected = (len(self.grid), len(self.periods))
        if self.matrix.shape != expected:
            msg = (
                f"a matrix of shape {self.matrix.shape} was given "
                f"for {expected[0]} cells x {expected[1]} periods"
            )
            raise UsageError(msg)
        for name, other in self.companions.items():
            if other.shape != expected:
                msg = f"{name}: a matrix of shape {other.shape} was given beside one of {expected}"
                raise UsageError(msg)
        for name, values in self.features.items():
            _check_feature(name, values, len(self.grid))

    @property
    def total(self) -> int:
        """Incidents counted."""
        return int(self.matrix.sum())

    @property
    def by_cell(self) -> npt.NDArray[np.int64]:
        """Incidents of each cell over all periods, shape (n_cells,)."""
        return np.asarray(self.matrix.sum(axis=1), dtype=np.int64).ravel()

    @property
    def by_period(self) -> npt.NDArray[np.int64]:
        """Incidents of each period over all cells, shape (n_periods,)."""
        return np.asarray(self.matrix.sum(axis=0), dtype=np.int64).ravel()

    def dense(self) -> npt.NDArray[np.int64]:
        """The counts as an array of shape (n_cells, n_periods).

        Raises
        ------
        DataError
            It would have more than 500 million entries.
        """
        if len(self.grid) * len(self.periods) > DENSE_LIMIT:
            msg = f"{len(self.grid):,} cells x {len(self.periods):,} periods were asked for as a dense array"
            raise DataError(msg, hint="use .matrix, which is sparse, or larger cells or periods")
        return np.asarray(self.matrix.todense(), dtype=np.int64)

    def column(self, i: int) -> npt.NDArray[np.int64]:
        """Counts of one period, shape (n_cells,)."""
        i = range(len(self.periods))[i]
        at = slice(self.matrix.indptr[i], self.matrix.indptr[i + 1])
        found = np.zeros(len(self.grid), dtype=np.int64)
        np.add.at(found, self.matrix.indices[at], self.matrix.data[at])
        return found

    def __getitem__(self, key: slice) -> Counts:
        """A run of periods, with the points in it."""
        periods = self.periods[key]
        start, stop, _ = key.indices(len(self.periods))
        points = self.points
        if points is not None:
            points = points.between(periods.start, periods.end)
        matrix = _columns(self.matrix, start, max(start, stop))
        companions = {name: _columns(m, start, max(start, stop)) for name, m in self.companions.items()}
        return replace(self, periods=periods, matrix=matrix, points=points, outside=0, companions=companions)

    def before(self, day: Day) -> Counts:
        """Only what had happened before `day`: the periods that had ended, and their points."""
        return self[: len(self.periods.before(day))]

    def last(self, n: int) -> Counts:
        """The last `n` periods, or all when there are fewer."""
        return self[max(len(self.periods) - n, 0) :]


def _columns(matrix: sparse.csc_array, start: int, stop: int) -> sparse.csc_array:
    """A run of columns, without a copy of what is in them."""
    first, last = matrix.indptr[start], matrix.indptr[stop]
    parts = (matrix.data[first:last], matrix.indices[first:last], matrix.indptr[start : stop + 1] - first)
    return sparse.csc_array(parts, shape=(matrix.shape[0], stop - start), copy=False)


def _check_feature(name: str, values: npt.NDArray[np.float64], cells: int) -> None:
    words = re.split(r"[^a-z]+", name.lower())
    group = next((word for word in words if word in GROUP_WORDS or word.startswith(GROUPS)), None)
    if group is not None:
        msg = (
            f"{name!r} was given as a feature of places; {group!r} names a group of residents, their means or their "
            "faith, from which nothing here is forecast"
        )
        raise UsageError(msg, hint="use what is known of places, such as population or distance_to_stations")
    if np.shape(values) != (cells,) or not np.all(np.isfinite(values)):
        msg = f"{name}: values of shape {np.shape(values)} were given; expected a number for each of {cells} cells"
        raise UsageError(msg)


def _needed(periods: Periods) -> Literal["day", "month"]:
    """The coarsest resolution of records that can be put into these periods."""
    return "month" if periods.frequency.resolution == "month" and periods.whole_months else "day"


def _matrix(
    cell: npt.NDArray[np.int64],
    period: npt.NDArray[np.int64],
    n: npt.NDArray[np.int64],
    shape: tuple[int, int],
) -> sparse.csc_array:
    made = sparse.coo_array((n, (cell, period)), shape=shape, dtype=np.int64).tocsc()
    made.sum_duplicates()
    return made


def count_incidents(incidents: Incidents, grid: Grid, periods: Periods) -> Counts:
    """Count incidents into the cells of `grid` and the `periods`, by place and occurred-from.

    Returns
    -------
    Counts
        With the exact points, sorted by time. ``total + outside`` is the number of incidents.

    Raises
    ------
    ResolutionError
        The records' times are coarser than the periods: weeks, or months that start in mid-month, were asked
        of records that know only the month.
    CRSError
        Incidents and grid are in different CRS.
    """
    incidents.require(_needed(periods))
    if not same_crs(incidents.crs, grid.crs):
        msg = f"incidents in {incidents.crs} were given with a grid in {grid.crs}"
        hint = f"read the incidents with crs={grid.crs!r}, or make the grid in {incidents.crs}"
        raise CRSError(msg, hint=hint)
    x, y, time = incidents.x, incidents.y, incidents.time
    cell, period = grid.locate(x, y), periods.locate(time)
    kept = np.flatnonzero((cell >= 0) & (period >= 0))
    kept = kept[np.argsort(time[kept], kind="stable")]
    once = np.ones(kept.size, dtype=np.int64)
    matrix = _matrix(cell[kept], period[kept], once, (len(grid), len(periods)))
    points = Points(x[kept], y[kept], time[kept])
    return Counts(grid, periods, matrix, points, outside=len(incidents) - int(kept.size))


def count_table(table: ibis.Table, grid: Grid, periods: Periods) -> Counts:
    """Count a table of incidents where it lies (DuckDB, PostgreSQL, Spark), without moving its rows.

    The engine groups by column, row and civil day with plain arithmetic: it needs no spatial functions.

    Parameters
    ----------
    table : ibis.Table
        With ``x``, ``y`` (units of the grid's CRS), ``occurred_from`` (local civil time) and ``resolution``.

    Returns
    -------
    Counts
        Without points. ``total + outside`` is the number of rows.

    Raises
    ------
    ResolutionError
        The records' times are coarser than the periods.
    """
    month_only = table.filter(table.resolution == "month")
    if _needed(periods) == "day" and (coarse := int(month_only.count().execute())):
        msg = f"periods of {periods.frequency} were asked for, but {coarse:,} incidents have only a month"
        raise ResolutionError(msg, hint="ask for whole months: --period 1mo")
    rows, columns = grid.shape
    xmin, ymin, xmax, ymax = grid.bounds()
    ix, iy = _column(table.x, grid.side, xmin, xmax), _column(table.y, grid.side, ymin, ymax)
    day = table.occurred_from.date()
    held = table.filter(
        ix >= grid.ix0,
        ix < grid.ix0 + columns,
        iy >= grid.iy0,
        iy < grid.iy0 + rows,
        day >= periods.start.item(),
        day < periods.end.item(),
    )
    grouped = (
        held.group_by(ix=ix.cast("int64"), iy=iy.cast("int64"), day=day).agg(n=held.count()).to_pyarrow()
    )
    at_x, at_y, n = (grouped[c].to_numpy().astype(np.int64) for c in ("ix", "iy", "n"))
    cell = grid.locate_index(at_x, at_y)
    period = periods.locate(grouped["day"].to_numpy())
    kept = (cell >= 0) & (period >= 0)
    matrix = _matrix(cell[kept], period[kept], n[kept], (len(grid), len(periods)))
    return Counts(grid, periods, matrix, outside=int(table.count().execute()) - int(matrix.sum()))


def _column(x: Any, side: float, low: float, high: float) -> Any:
    """Column (row) of a coordinate between `low` and `high`, as a whole float; NULL elsewhere.

    The arithmetic is the grid's own, in the same order, so that both name the same square on an edge. Points far
    off, NaN and NULL must not reach it: engines floor to an integer, which would overflow.
    """
    near = ibis.ifelse((x >= low - side) & (x <= high + side), x, ibis.null("float64"))
    i = (near / side).floor().cast("float64")
    return i + ((i + 1) * side <= near).cast("float64") - (i * side > near).cast("float64")
