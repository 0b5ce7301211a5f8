"""Areas with their residents by group, and values moved between areas and grid cells by area.

A value that is known for an area (residents, say) is spread over the cells that it touches in proportion to
the area they share: areal weighting, which takes residents to live evenly within an area. They don't; what
follows from that belongs beside every number made so. Goodchild, M. F. and Lam, N. S.-N. (1980), Areal
interpolation: a variant of the traditional spatial problem, Geo-Processing 1, 297-312.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy import sparse
from shapely.geometry.base import BaseGeometry

from peelian.errors import CRSError, DataError, UsageError
from peelian.places.crs import check_points, metres_per_unit, same_crs
from peelian.places.grid import Grid
from peelian.places.residents import (
    OWN,
    Unknown,
    ids_of,
    refuse_doubles,
    refuse_group_names,
    refuse_unknown,
    residents,
)
from peelian.places.shapes import crs_name, mend, read_shapes

__all__ = ["Areas", "Spread", "population_by_cell"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_EQUAL_AREA = "EPSG:6933"
AT_ONCE = 250_000


class Spread(NamedTuple):
    """Values that were moved, and what found no place.

    Parameters
    ----------
    values : array of float, shape (n,) or (n, k)
        At their new places.
    outside : array of float, shape () or (k,)
        The part that fell outside of all of them. ``values.sum(axis=0) + outside`` is what was given.
    """

    values: Floats
    outside: Floats


@dataclass(frozen=True, eq=False, repr=False)
class Areas:
    """Polygons with an id, a name and, if known, how many people of each group live there.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        Columns ``area_id`` (text, unique), ``name``, those of `population`, and ``geometry`` (valid
        polygons), with its CRS. `Areas.read` and `Areas.of` make it from what agencies publish.
    population : tuple of str
        Columns with residents by group: at least 0 and always known. An unknown number is not zero.
    notes : tuple of str
        What was mended, assumed or left out on the way, in sentences for a report.

    Raises
    ------
    DataError
        A column is missing, an id is double, a geometry is no valid polygon, or residents are negative or
        unknown.
    CRSError
        The frame has no CRS, or the coordinates can't be in it.
    """

    frame: gpd.GeoDataFrame
    population: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        missing = [name for name in (*OWN, *self.population) if name not in self.frame]
        if missing or self.frame.empty:
            held = ", ".join(map(str, self.frame.columns))
            lacks = ", ".join(missing) or "rows"
            msg = f"areas with the columns {held} were given; expected {lacks} too"
            raise DataError(msg, hint="use Areas.read or Areas.of, which name the columns")
        if self.frame.crs is None:
            msg = "areas without a CRS were given"
            raise CRSError(msg, hint="set it: frame.set_crs('EPSG:26915')")
        frame = self.frame[[*OWN[:2], *self.population, "geometry"]].reset_index(drop=True)
        refuse_doubles(frame["area_id"])
        mended, notes = mend(frame.geometry.to_numpy(), frame["area_id"].to_numpy(dtype=object))
        if notes:
            raise DataError(
                notes[0].replace("were mended", "were given"), hint="use Areas.of, which mends them"
            )
        for group in self.population:
            frame[group] = residents(frame[group], frame["area_id"], unknown="refuse")[0]
        _refuse_wrong_crs(mended, crs_name(frame.crs))
        object.__setattr__(self, "frame", frame.set_geometry(gpd.GeoSeries(mended, crs=frame.crs)))

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        id: str | None = None,  # noqa: A002
        name: str | None = None,
        population: Mapping[str, str] | Sequence[str] = (),
        crs: str | None = None,
        layer: str | None = None,
        unknown: Unknown = "refuse",
    ) -> Areas:
        """Read areas from GeoJSON, GeoParquet, a shapefile (also zipped), GeoPackage or FlatGeobuf.

        Parameters
        ----------
        path : path
        id, name, population, unknown
            As in `Areas.of`.
        crs, layer : str, optional
            The file's CRS where it states none, and its layer where it has several: see `read_shapes`.

        Raises
        ------
        SourceError
            The file can't be read, or has no geometry.
        DataError, CRSError
            As `Areas.of`.
        """
        frame = read_shapes(path, crs=crs, layer=layer)
        return cls.of(frame, id=id, name=name, population=population, unknown=unknown)

    @classmethod
    def of(
        cls,
        frame: gpd.GeoDataFrame,
        *,
        id: str | None = None,  # noqa: A002
        name: str | None = None,
        population: Mapping[str, str] | Sequence[str] = (),
        unknown: Unknown = "refuse",
    ) -> Areas:
        """Make areas of a table of shapes; what had to be mended is in ``notes``.

        Parameters
        ----------
        frame : geopandas.GeoDataFrame
            With a CRS.
        id, name : str, optional
            Columns of the id and the name. Without, ``area_id`` or ``id`` and ``name`` are used if they are
            there, else the areas are numbered in their order, and named by their id.
        population : mapping of group to column, or sequence of columns
            Residents by group.
        unknown : {"refuse", "empty"}
            What a missing number of residents means. It is refused, since unknown is not zero; ``"empty"`` is
            your word that nobody lives there, and is noted.

        Raises
        ------
        DataError
            An unknown column, double ids, points or lines, missing geometry, negative or unknown residents.
        CRSError
            No CRS, or the coordinates can't be in it.
        """
        groups = dict(population) if isinstance(population, Mapping) else {c: c for c in population}
        refuse_group_names(groups)
        columns = [str(c) for c in frame.columns if c != frame.geometry.name]
        for column in (*([id] if id else ()), *([name] if name else ()), *groups.values()):
            refuse_unknown(column, columns)
        id = id or next((c for c in columns if c.lower() in ("area_id", "id")), None)  # noqa: A001
        name = name or next((c for c in columns if c.lower() == "name"), None)
        notes = (
            [] if id else ["no column of ids was named or found: areas are numbered in the order of the file"]
        )
        ids = ids_of(frame[id]) if id else pd.Series([str(i + 1) for i in range(len(frame))], dtype="str")
        names = ids_of(frame[name]) if name else ids
        shapes, mended = mend(frame.geometry.to_numpy().copy(), ids.to_numpy(dtype=object))
        table = {"area_id": ids, "name": names.where(names.notna(), ids)}
        for group, column in groups.items():
            table[group], filled = residents(frame[column].reset_index(drop=True), ids, unknown=unknown)
            notes += filled
        made = gpd.GeoDataFrame(table, geometry=shapes, crs=frame.crs)
        areas = cls(made, tuple(groups), tuple(notes + mended))
        return replace(areas, notes=areas.notes + areas._overlaps())

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        groups = f", residents by {', '.join(self.population)}" if self.population else ""
        return f"<Areas: {len(self)} in {self.crs}{groups}>"

    @cached_property
    def crs(self) -> str:
        """The CRS, such as ``"ESRI:102696"``."""
        return crs_name(self.frame.crs)

    @property
    def ids(self) -> npt.NDArray[np.str_]:
        """Ids in the order of the frame, shape (n_areas,)."""
        ids: npt.NDArray[np.str_] = self.frame["area_id"].to_numpy(dtype=np.str_)
        return ids

    @property
    def shapes(self) -> npt.NDArray[np.object_]:
        """The polygons in CRS units, shape (n_areas,)."""
        shapes: npt.NDArray[np.object_] = self.frame.geometry.to_numpy()
        return shapes

    @cached_property
    def area(self) -> Floats:
        """Size of each area in km2, shape (n_areas,)."""
        if self.frame.crs.is_projected:
            unit = metres_per_unit(self.crs) / 1000.0
            return np.asarray(shapely.area(self.shapes), dtype=float) * unit**2
        return np.asarray(self.frame.to_crs(_EQUAL_AREA).area, dtype=float) / 1e6

    def to_crs(self, crs: str) -> Areas:
        """The same areas in another CRS."""
        if same_crs(self.crs, crs):
            return self
        moved = self.frame.to_crs(crs)
        if not np.isfinite(moved.total_bounds).all():
            msg = f"areas in {self.crs} can't be expressed in {crs}"
            raise CRSError(msg, hint="choose a CRS that is meant for the place of the areas")
        # Corners that were on one line may cross by a digit.
        shapes, notes = mend(moved.geometry.to_numpy().copy(), moved["area_id"].to_numpy(dtype=object))
        return Areas(
            moved.set_geometry(gpd.GeoSeries(shapes, crs=moved.crs)), self.population, (*self.notes, *notes)
        )

    def union(self) -> BaseGeometry:
        """All areas as one polygon: the study area, in CRS units."""
        return self._union

    @cached_property
    def _union(self) -> BaseGeometry:
        return shapely.union_all(self.shapes)

    def _overlaps(self) -> tuple[str, ...]:
        one, other = shapely.STRtree(self.shapes).query(self.shapes, predicate="intersects")
        one, other = one[one < other], other[one < other]
        flat = (
            self.shapes if self.frame.crs.is_projected else self.frame.to_crs(_EQUAL_AREA).geometry.to_numpy()
        )
        unit = metres_per_unit(self.crs) if self.frame.crs.is_projected else 1.0
        shared = shapely.area(shapely.intersection(flat[one], flat[other])) * unit**2
        found = shared > 0.001  # smaller ones are the digits of the coordinates
        if not found.any():
            return ()
        worst = int(np.argmax(shared))
        one_id, other_id = self.ids[one[worst]], self.ids[other[worst]]
        note = (
            f"{int(found.sum())} pairs of areas overlap, by {shared[found].sum():,.2f} m2 in all, most of it "
            f"{one_id} and {other_id}; a point in two areas is in the first"
        )
        return (note,)

    def locate(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Ints:
        """Number of the area that each point is in, -1 in none.

        Parameters
        ----------
        x, y : array of float, shape (n,)
            CRS units. A point on a border, or in two areas, is in the first of them.
        """
        x, y = np.atleast_1d(np.asarray(x, dtype=float)), np.atleast_1d(np.asarray(y, dtype=float))
        tree, shapes = shapely.STRtree(self.shapes), self.shapes
        shapely.prepare(shapes)
        found = np.full(x.shape, len(self), dtype=np.int64)
        known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        for run in np.array_split(known, max(-(-known.size // AT_ONCE), 1)):
            point, area = tree.query(shapely.points(x[run], y[run]))
            # The tree knows only rectangles; polygons are prepared, points can't be: so polygon by polygon.
            order = np.argsort(area, kind="stable")
            point, area = point[order], area[order]
            for i in np.unique(area):
                start, end = np.searchsorted(area, [i, i + 1])
                at = run[point[start:end]]
                inside = at[shapely.intersects_xy(shapes[i], x[at], y[at])]
                found[inside] = np.minimum(found[inside], i)
        return np.where(found < len(self), found, -1)

    def _shares(self, grid: Grid) -> tuple[Ints, Ints, Floats]:
        """Area, cell, and which part of the whole square the two share."""
        if not same_crs(self.crs, grid.crs):
            msg = f"areas in {self.crs} were given with a grid in {grid.crs}"
            raise CRSError(msg, hint=f"use areas.to_crs({grid.crs!r})")
        pairs = [grid.overlap(shape) for shape in self.shapes]
        area = np.repeat(np.arange(len(self)), [cells.size for cells, _ in pairs])
        return area, np.concatenate([c for c, _ in pairs]), np.concatenate([s for _, s in pairs])

    def weights(self, grid: Grid) -> sparse.csr_array:
        """Share of each area that lies in each cell.

        Returns
        -------
        scipy.sparse.csr_array of float, shape (n_areas, n_cells)
            A row sums to 1 where the grid covers the area, and to less where it does not.

        Raises
        ------
        CRSError
            Areas and grid are in different CRS.
        """
        area, cell, share = self._shares(grid)
        part = share * grid.side**2 / shapely.area(self.shapes)[area]
        # Rounding may carry a sum past the whole.
        part /= np.maximum(np.bincount(area, part, minlength=len(self)), 1.0)[area]
        return sparse.csr_array((part, (area, cell)), shape=(len(self), len(grid)))

    def spread(self, values: npt.ArrayLike, grid: Grid) -> Spread:
        """Spread totals of the areas over the cells, by area.

        Parameters
        ----------
        values : array of float, shape (n_areas,) or (n_areas, k)
            Amounts that may be added up, such as residents: no rates.

        Raises
        ------
        DataError
            A value is missing: it would make every cell of the area unknown.
        CRSError
            Areas and grid are in different CRS.
        """
        given = _finite(values, len(self), "areas")
        moved = np.asarray(self.weights(grid).T @ given)
        return Spread(moved, _rest(given, moved))

    def collect(self, values: npt.ArrayLike, grid: Grid) -> Spread:
        """Add up values of cells by area: the reverse of `spread`.

        A cell's value is taken to lie evenly in that part of it which is in the grid's study area.

        Parameters
        ----------
        values : array of float, shape (n_cells,) or (n_cells, k)
            Amounts that may be added up, such as expected counts.

        Raises
        ------
        DataError
            A value is missing.
        CRSError
            Areas and grid are in different CRS.
        """
        given = _finite(values, len(grid), "cells")
        area, cell, share = self._shares(grid)
        part = share / (grid.area / (grid.cell / 1000.0) ** 2)[cell]
        # Where areas overlap, a cell's value is divided among them and not counted twice.
        part /= np.maximum(np.bincount(cell, part, minlength=len(grid)), 1.0)[cell]
        moved = np.asarray(sparse.csr_array((part, (area, cell)), shape=(len(self), len(grid))) @ given)
        return Spread(moved, _rest(given, moved))

    def of_cells(self, grid: Grid) -> Ints:
        """Number of the area that takes the largest part of each cell, -1 where none does.

        Returns
        -------
        array of int, shape (n_cells,)
        """
        area, cell, share = self._shares(grid)
        found = np.full(len(grid), -1, dtype=np.int64)
        # Largest last, and of equals the first area last, so that it is the one that stays.
        order = np.lexsort((-area, share))
        found[cell[order]] = area[order]
        return found

    def join(
        self,
        table: pd.DataFrame,
        *,
        on: str,
        population: Mapping[str, str] | Sequence[str],
        unknown: Unknown = "refuse",
    ) -> Areas:
        """The same areas with residents by group from a table.

        Parameters
        ----------
        table : pandas.DataFrame
            One row an area. Rows that name no area are left out, with a note on how many residents they have.
        on : str
            The table's column with the area's id; ``7``, ``7.0`` and ``"7"`` are the same.
        population : mapping of group to column, or sequence of columns
        unknown : {"refuse", "empty"}
            What it means that an area has no row, or a row no number: see `Areas.of`.

        Raises
        ------
        DataError
            An unknown column, double ids, not one id in common, negative or unknown residents.
        """
        groups = dict(population) if isinstance(population, Mapping) else {c: c for c in population}
        refuse_group_names(groups)
        for column in (on, *groups.values()):
            refuse_unknown(column, [str(c) for c in table.columns])
        keys = ids_of(table[on])
        refuse_doubles(keys)
        ids = self.frame["area_id"]
        if not keys.isin(ids).any():
            example = keys.iloc[0] if len(keys) else None
            msg = f"not one {on} of the table (such as {example!r}) is the id of an area"
            hint = f"ids of areas look like {ids.iloc[0]!r}: name the column that has these"
            raise DataError(msg, hint=hint)
        frame, notes = self.frame.copy(), list(self.notes)
        extra = ~keys.isin(ids).to_numpy()
        for group, column in groups.items():
            numbers = table[column].set_axis(keys.to_numpy(dtype=object))
            found = numbers.reindex(ids.to_numpy(dtype=object)).reset_index(drop=True)
            frame[group], filled = residents(found, ids, unknown=unknown)
            notes += filled
            if extra.any():
                lost = float(pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)[extra].sum())
                notes.append(f"{group}: {int(extra.sum())} rows with {lost:,.0f} residents name no area")
        kept = tuple(group for group in self.population if group not in groups)
        return Areas(frame, (*kept, *groups), tuple(notes))


def population_by_cell(areas: Areas, grid: Grid) -> pd.DataFrame:
    """Residents of each cell by group, by areal weighting.

    Returns
    -------
    pandas.DataFrame, shape (n_cells, n_groups)
        Indexed by the cells' ids. ``attrs["outside"]`` has the residents of each group that the grid doesn't
        cover.

    Raises
    ------
    DataError
        The areas carry no residents.
    CRSError
        Areas and grid are in different CRS.
    """
    groups = list(areas.population)
    if not groups:
        msg = "areas without residents were given; expected residents by group"
        raise DataError(msg, hint="name the columns: Areas.read(..., population=[...]), or use .join")
    spread = areas.spread(areas.frame[groups].to_numpy(dtype=float), grid)
    made = pd.DataFrame(spread.values, index=pd.Index(grid.ids, name="cell"), columns=groups)
    made.attrs["outside"] = dict(zip(groups, spread.outside.tolist(), strict=True))
    return made


def _finite(values: npt.ArrayLike, n: int, what: str) -> Floats:
    given = np.asarray(values, dtype=float)
    if given.ndim not in (1, 2) or given.shape[0] != n:
        msg = f"values of shape {given.shape} were given for {n} {what}"
        raise UsageError(msg)
    if not np.isfinite(given).all():
        msg = f"{int((~np.isfinite(given)).sum())} values of {what} are unknown; unknown is not zero"
        raise DataError(msg, hint="leave these out, or say what they are")
    return given


def _rest(given: Floats, moved: Floats) -> Floats:
    rest = np.asarray(given.sum(axis=0) - moved.sum(axis=0))
    # Below the digits of the sum it is rounding.
    return np.where(np.abs(rest) > 1e-9 * np.abs(given).sum(axis=0), rest, 0.0)


def _refuse_wrong_crs(shapes: npt.NDArray[np.object_], crs: str) -> None:
    inside = shapely.point_on_surface(shapes)
    try:
        check_points(shapely.get_x(inside), shapely.get_y(inside), crs)
    except CRSError as error:
        msg = f"areas: {error.message}"
        raise CRSError(msg, hint="name the CRS that the areas are in: crs='EPSG:26915'") from None
