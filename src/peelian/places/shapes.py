"""Polygons from files: GeoJSON, GeoParquet, shapefile, GeoPackage, FlatGeobuf, or Parquet with WKB.

Only these, by name, and only files that are there: GDAL itself would also open addresses on the network and
formats that point to others.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from peelian.errors import CRSError, DataError, SourceError
from peelian.places.crs import same_crs

__all__ = ["crs_name", "mend", "read_shapes"]

_GEOJSON = (".geojson", ".json")
_PARQUET = (".parquet", ".geoparquet")
_OTHER = (".shp", ".zip", ".gpkg", ".fgb")
_WKB_COLUMNS = ("geometry", "wkb", "geom")
_POLYGON, _MULTIPOLYGON, _COLLECTION = 3, 6, 7


def read_shapes(path: str | Path, *, crs: str | None = None, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read a file of shapes with its CRS, as it is.

    Parameters
    ----------
    path : path
        ``.geojson``, ``.json``, ``.parquet``, ``.geoparquet``, ``.shp``, ``.zip`` (one shapefile), ``.gpkg``
        or ``.fgb``. Plain Parquet is taken when a column ``geometry``, ``wkb`` or ``geom`` holds WKB.
    crs : str, optional
        The CRS of the file, where it states none. GeoJSON is WGS 84 by its standard, yet is often written in
        other units: `crs` is then believed if the coordinates can't be degrees.
    layer : str, optional
        Which layer, where there are several.

    Raises
    ------
    SourceError
        No such file, not one of these formats, unreadable, several layers, or no geometry in it.
    CRSError
        The file states no CRS and none was given, or another than the one given.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"{path} was given as a file of areas, but there is no such file"
        raise SourceError(msg, hint="check the path; a shapefile is named by its .shp or a .zip")
    suffix = path.suffix.lower()
    if suffix not in _GEOJSON + _PARQUET + _OTHER:
        expected = ", ".join(_GEOJSON + _PARQUET + _OTHER)
        msg = f"{path.name} was given as a file of areas; expected one of {expected}"
        raise SourceError(msg, hint="export the areas as GeoJSON or GeoPackage")
    frame = _read_parquet(path) if suffix in _PARQUET else _read_vector(path, layer)
    if not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
        msg = f"{path.name} has {len(frame)} rows and no geometry"
        raise SourceError(msg, hint="give the file with the polygons; join the table of people to it after")
    return _with_crs(frame, path, crs)


def _read_parquet(path: Path) -> Any:
    try:
        try:
            return gpd.read_parquet(path)
        except ValueError:  # no "geo" metadata
            frame = pd.read_parquet(path)
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        pa.ArrowException,
        shapely.errors.GEOSException,
    ) as error:
        msg = f"{path.name} can't be read as Parquet: {_first_line(error)}"
        raise SourceError(msg, hint="write it anew with geopandas' to_parquet, or export GeoJSON") from error
    held = [name for name in _WKB_COLUMNS if name in frame and frame[name].map(type).isin([bytes]).any()]
    if not held:
        return frame
    try:
        shapes = shapely.from_wkb(frame[held[0]].to_numpy(dtype=object))
    except shapely.errors.GEOSException as error:
        msg = f"column {held[0]!r} of {path.name} is no WKB: {_first_line(error)}"
        raise SourceError(msg, hint="write the polygons as WKB, or export GeoJSON") from error
    return gpd.GeoDataFrame(frame.drop(columns=held[0]), geometry=shapes)


def _read_vector(path: Path, layer: str | None) -> Any:
    source = _inner_shapefile(path) if path.suffix.lower() == ".zip" else str(path)
    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(source) if kind is not None]
        if layer is None and len(layers) > 1:
            msg = f"{path.name} has {len(layers)} layers: {', '.join(layers[:8])}"
            raise SourceError(msg, hint=f"name one, such as layer={layers[0]!r}")
        return pyogrio.read_dataframe(source, layer=layer, force_2d=True, on_invalid="ignore")
    except (DataSourceError, DataLayerError, ValueError, OSError, shapely.errors.GEOSException) as error:
        msg = f"{path.name} can't be read: {_first_line(error)}"
        raise SourceError(msg, hint="export the areas anew as GeoJSON or GeoPackage") from error


def _inner_shapefile(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            held = [name for name in archive.namelist() if name.lower().endswith(".shp")]
    except (zipfile.BadZipFile, OSError) as error:
        msg = f"{path.name} is no zip file: {_first_line(error)}"
        raise SourceError(msg, hint="give the .shp, or zip the shapefile's parts together") from error
    if len(held) != 1:
        msg = f"{path.name} holds {len(held)} shapefiles; expected one"
        raise SourceError(msg, hint="unzip it and give one .shp")
    return f"/vsizip/{path.resolve()}/{held[0]}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def crs_name(crs: pyproj.CRS) -> str:
    """The short name of a CRS, such as ``"ESRI:102696"``; WKT when it has none."""
    found = crs.to_authority(min_confidence=70)
    return ":".join(found) if found else str(crs.to_wkt())


def _with_crs(frame: gpd.GeoDataFrame, path: Path, crs: str | None) -> gpd.GeoDataFrame:
    geographic = frame.crs is not None and frame.crs.is_geographic
    assumed = path.suffix.lower() in _GEOJSON and geographic and not _like_degrees(frame)
    stated = None if frame.crs is None or assumed else crs_name(frame.crs)
    if stated is None and crs is None:
        what = "its coordinates are no degrees, and it" if assumed else "it"
        msg = f"{path.name} doesn't tell its CRS: {what} states no other"
        raise CRSError(msg, hint="give the CRS of the file, such as crs='EPSG:26915'")
    if stated is not None and crs is not None and not same_crs(stated, crs):
        msg = f"{path.name} states that it is in {stated}, but crs={crs!r} was given"
        raise CRSError(msg, hint="leave crs out, or use .to_crs() afterwards to move the areas")
    return frame.set_crs(crs if stated is None else stated, allow_override=True)


def _like_degrees(frame: gpd.GeoDataFrame) -> bool:
    bounds = np.asarray(frame.total_bounds, dtype=float)
    return bool(np.all(np.isnan(bounds) | (np.abs(bounds) <= [180, 90, 180, 90])))


def mend(
    shapes: npt.NDArray[np.object_], names: npt.NDArray[np.object_]
) -> tuple[npt.NDArray[np.object_], list[str]]:
    """Valid polygons in two dimensions, and a sentence on each thing that was done.

    Parameters
    ----------
    shapes : array of shapely geometries, shape (n,)
    names : array of str, shape (n,)
        What to call them in notes and errors.

    Raises
    ------
    DataError
        A shape is missing, or is a point or a line, or nothing of it is left once it is valid.
    """
    missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if missing.any():
        msg = f"{int(missing.sum())} areas have no geometry: {_some(names[missing])}"
        raise DataError(msg, hint="leave them out of the file")
    other = ~np.isin(shapely.get_type_id(shapes), (_POLYGON, _MULTIPOLYGON, _COLLECTION))
    if other.any():
        kind = shapes[other][0].geom_type
        msg = f"{int(other.sum())} areas are no polygons ({kind}): {_some(names[other])}"
        raise DataError(msg, hint="give polygons; points and lines have no area")
    shapes = shapely.force_2d(shapes)
    broken = ~shapely.is_valid(shapes)
    notes = []
    if broken.any():
        why = shapely.is_valid_reason(shapes[broken][0])
        shapes[broken] = shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False)
        notes.append(f"{int(broken.sum())} invalid areas were mended ({why}, ...): {_some(names[broken])}")
    mixed = shapely.get_type_id(shapes) == _COLLECTION
    shapes[mixed] = [_polygonal(shape) for shape in shapes[mixed]]
    lost = ~(shapely.area(shapes) > 0)
    if lost.any():
        msg = f"{int(lost.sum())} areas hold no area: {_some(names[lost])}"
        raise DataError(msg, hint="leave them out of the file, or mend them in a GIS")
    return shapes, notes


def _polygonal(shape: shapely.Geometry) -> shapely.Geometry:
    parts = shapely.get_parts(shape)
    return shapely.union_all(parts[shapely.get_dimensions(parts) == 2])


def _some(names: npt.NDArray[np.object_], most: int = 5) -> str:
    listed = ", ".join(str(name) for name in names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"
