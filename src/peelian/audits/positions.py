"""Where units lie: polygons, points, or census ids that nest. And whether polygons overlap or leave gaps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from peelian.audits.partitions import Partition, compact_partitions, nested_partitions, separate_partition
from peelian.errors import CRSError, DataError
from peelian.places.crs import check_points, metres_per_unit, projected, transform
from peelian.places.residents import listed

__all__ = ["Layout", "Positions", "cut", "layout", "positions_of"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Shapes = npt.NDArray[np.object_]

WGS84 = "EPSG:4326"
SHAPES = ("geometry", "wkb", "geom")
POINTS = (
    ("lon", "lat"),
    ("longitude", "latitude"),
    ("lng", "lat"),
    ("intptlon", "intptlat"),
    ("x", "y"),
)
#: A block group has 12 digits and its tract 11; a tract's county has 5.
NESTS = {15: 11, 12: 11, 11: 11}
#: Units whose place is missing are put in the middle of the others; with more, no block could be trusted.
MOST_MISSING = 0.1
#: Overlaps narrower than this part of the smaller unit are digitising.
SLIVER = 0.01


@dataclass(frozen=True, eq=False)
class Positions:
    """Where units lie.

    Parameters
    ----------
    x, y : array of float, shape (n,), or None
        A point of each unit.
    shapes : array of polygons, shape (n,), or None
    crs : str
        Of both; empty where it isn't known and coordinates were taken as on a plane.
    clusters : tuple of str
        The census tract of each unit, where ids are all that is known.
    """

    x: Floats | None = None
    y: Floats | None = None
    shapes: Shapes | None = None
    crs: str = ""
    clusters: tuple[str, ...] = ()

    def where(self, held: Bools | Ints) -> Positions:
        """Some of the units."""
        return Positions(
            None if self.x is None else self.x[held],
            None if self.y is None else self.y[held],
            None if self.shapes is None else self.shapes[held],
            self.crs,
            tuple(np.asarray(self.clusters, dtype=object)[held]) if self.clusters else (),
        )

    def flat(self) -> tuple[Positions, float]:
        """The same on a plane, and km in a unit of it (NaN if unknown). Degrees become metres of an equal-area map."""
        if self.x is None or self.y is None:
            return self, np.nan
        if not self.crs:
            return self, np.nan
        if _in_degrees(self.crs):
            # Centred on these units: no zone to choose, and areas are true.
            target = f"+proj=laea +lat_0={np.median(self.y):.2f} +lon_0={np.median(self.x):.2f} +datum=WGS84 +units=m"
            x, y = transform(self.x, self.y, source=self.crs, target=target)
            shapes = None if self.shapes is None else _moved(self.shapes, self.crs, target)
            return Positions(x, y, shapes, target, self.clusters), 0.001
        return self, metres_per_unit(self.crs) / 1000

    def partitions(self) -> list[Partition]:
        """Ways to cut these units into blocks."""
        if self.x is not None and self.y is not None:
            return compact_partitions(self.x, self.y)
        return nested_partitions(self.clusters) if self.clusters else []

    def kind(self) -> str:
        """What is known of where they lie: ``"places"``, ``"tracts"`` or ``"nothing"``."""
        return "places" if self.x is not None else "tracts" if self.clusters else "nothing"


def cut(positions: Positions, units: int) -> list[Partition]:
    """Blocks of units by what is known of where they lie; each its own block where nothing is."""
    return positions.partitions() or separate_partition(units)


def positions_of(
    table: pd.DataFrame, ids: pd.Series, *, crs: str | None = None
) -> tuple[Positions, list[str]]:
    """Where the rows of a table lie, and what is to be said about that.

    Raises
    ------
    DataError
        A polygon can't be read, or more than a tenth of the places are missing.
    CRSError
        The CRS is unknown, or the places can't be in it.
    """
    held = _shape_column(table)
    if held is not None:
        return _by_shapes(table, held, ids, crs)
    lower = {str(name).lower(): str(name) for name in table.columns}
    for east, north in POINTS:
        if east in lower and north in lower:
            x = pd.to_numeric(table[lower[east]], errors="coerce").to_numpy(dtype=float)
            y = pd.to_numeric(table[lower[north]], errors="coerce").to_numpy(dtype=float)
            return _by_points(x, y, None, ids, crs)
    digits = {len(str(one)) for one in ids if re.fullmatch(r"\d+", str(one))}
    if len(digits) == 1 and (length := digits.pop()) in NESTS and ids.str.fullmatch(r"\d+").all():
        note = (
            "The table has no places. Census tracts were drawn whole, with those whose numbers follow each other taken "
            "as neighbours."
        )
        return Positions(clusters=tuple(str(one)[: NESTS[length]] for one in ids)), [note]
    note = (
        "The table has no places and its ids are no census ids: units were drawn one by one, as if neighbours had "
        "nothing in common, so the intervals are likely too narrow."
    )
    return Positions(), [note]


def _shape_column(table: pd.DataFrame) -> str | None:
    for name in SHAPES:
        if name in table and table[name].map(lambda one: isinstance(one, bytes | shapely.Geometry)).any():
            return name
    return None


def _by_shapes(
    table: pd.DataFrame, name: str, ids: pd.Series, crs: str | None
) -> tuple[Positions, list[str]]:
    given = table[name].to_numpy(dtype=object)
    try:
        shapes = np.array(
            [shapely.from_wkb(one) if isinstance(one, bytes) else one for one in given], dtype=object
        )
    except shapely.errors.GEOSException as error:
        msg = f"column {name!r} holds something that is no WKB: {str(error).splitlines()[0]}"
        raise DataError(msg, hint="write the polygons as WKB, or leave that column out") from error
    empty = np.array([not isinstance(one, shapely.Geometry) or bool(shapely.is_empty(one)) for one in shapes])
    shapes[empty] = None
    centre = shapely.centroid(shapes)
    stated: Any = getattr(table, "crs", None) if name == "geometry" else None
    found = crs or (None if stated is None else stated.to_string())
    return _by_points(shapely.get_x(centre), shapely.get_y(centre), shapes, ids, found)


def _by_points(
    x: Floats, y: Floats, shapes: Shapes | None, ids: pd.Series, crs: str | None
) -> tuple[Positions, list[str]]:
    missing = ~(np.isfinite(x) & np.isfinite(y))
    if missing.mean() > MOST_MISSING:
        msg = f"{int(missing.sum())} of {missing.size} units have no place: {listed(ids[missing])}"
        raise DataError(
            msg, hint="complete them, or leave the column out: units are then told apart by their ids alone"
        )
    notes = []
    if missing.any():
        x, y = np.where(missing, np.nanmedian(x), x), np.where(missing, np.nanmedian(y), y)
        notes.append(
            f"{int(missing.sum())} units have no place ({listed(ids[missing])}) and were drawn as if in the middle."
        )
    if crs is None:
        degrees = bool(np.all((np.abs(x) <= 180) & (np.abs(y) <= 90)))
        crs = WGS84 if degrees else ""
        notes.append(
            "The table names no CRS: its places were read as degrees (WGS 84)."
            if degrees
            else "The table names no CRS: its places were read as on a plane, and areas can't be told in km2."
        )
    else:
        try:
            check_points(x, y, crs)
        except CRSError as error:
            hint = "name the CRS that the table is in (--crs), or swap its columns: x is east, y is north"
            raise CRSError(error.message, hint=hint) from error
    return Positions(x, y, shapes, crs), notes


def _in_degrees(crs: str) -> bool:
    try:
        projected(crs)
    except CRSError:
        return True
    return False


def _moved(shapes: Shapes, source: str, target: str) -> Shapes:
    def move(points: Floats) -> Floats:
        return np.column_stack(transform(points[:, 0], points[:, 1], source=source, target=target))

    return np.asarray(shapely.transform(shapes, move), dtype=object)


@dataclass(frozen=True)
class Layout:
    """How polygons fit together.

    Parameters
    ----------
    overlaps : tuple of (str, str)
        Pairs of units that share more than a sliver.
    shared : float
        Area that they share, in km2 (in squared units where the CRS isn't known).
    gaps : float
        Area of the holes between units, which no unit covers.
    area : float
        Covered, once each.
    involved : int
        Units that overlap with another.
    """

    overlaps: tuple[tuple[str, str], ...]
    shared: float
    gaps: float
    area: float
    involved: int


def layout(positions: Positions, ids: npt.NDArray[np.object_], *, km: float) -> Layout | None:
    """Whether polygons overlap or leave holes between them; None without polygons.

    Parameters
    ----------
    positions : Positions
        In a projected CRS (`Positions.flat`).
    ids : array of str, shape (n,)
    km : float
        In a unit of the CRS; NaN where it isn't known.
    """
    if positions.shapes is None:
        return None
    known = np.array([one is not None for one in positions.shapes])
    shapes, names = positions.shapes[known], ids[known]
    shapes = np.where(shapely.is_valid(shapes), shapes, shapely.make_valid(shapes))
    flat = shapely.get_dimensions(shapes) == 2
    shapes, names = shapes[flat], names[flat]
    if not len(shapes):
        return None
    squared = 1.0 if np.isnan(km) else km**2
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    area = shapely.area(shapes)
    common = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    real = common > SLIVER * np.minimum(area[one], area[other])
    pairs = sorted((str(names[a]), str(names[b])) for a, b in zip(one[real], other[real], strict=True))
    covered = shapely.union_all(shapes)
    filled = shapely.union_all(shapely.polygons(shapely.get_exterior_ring(shapely.get_parts(covered))))
    return Layout(
        overlaps=tuple(pairs),
        shared=float(common[real].sum() * squared),
        gaps=max(float((shapely.area(filled) - shapely.area(covered)) * squared), 0.0),
        area=float(shapely.area(covered) * squared),
        involved=int(np.unique(np.concatenate([one[real], other[real]])).size),
    )
