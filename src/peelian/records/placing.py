"""From a file's coordinates to the workspace's projected CRS, with a reason where there is no place.

Published points repeat (cities round to blocks and grids), so each distinct point is projected once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info
from pyproj.exceptions import CRSError as ProjError

from peelian.errors import CRSError

__all__ = ["Placed", "choose_crs", "place_points", "same_crs"]

Floats = npt.NDArray[np.float64]

# PROJ's areas of use are drawn around borders; a city on one may lie a little outside of the box.
_SLACK_DEGREES = 0.5
_ROUND_TRIP = 1.0  # metres, or feet: a point that does not come back was never in the projection's domain
_CHUNK = 500_000
# Below so many points a wrong CRS can't be told from wrong rows, unless all points are wrong in the same way.
_ENOUGH = 10


@dataclass(frozen=True, slots=True)
class Placed:
    """Projected points, shape ``(n,)`` each; ``reason`` is ``""`` or a quarantine slug."""

    x: Floats
    y: Floats
    reason: npt.NDArray[np.str_]


@lru_cache(maxsize=32)
def parse_crs(crs: str) -> pyproj.CRS:
    """Return the CRS that a text means, or raise CRSError."""
    try:
        return pyproj.CRS.from_user_input(crs)
    except ProjError as error:
        msg = f"CRS {crs!r} is not known; expected a code such as EPSG:26915"
        raise CRSError(msg, hint="crs='EPSG:26915', the code of the file's or the city's CRS") from error


def same_crs(one: str, other: str) -> bool:
    """Tell whether two texts mean the same CRS, whatever the order of its axes."""
    return one == other or parse_crs(one).equals(parse_crs(other), ignore_axis_order=True)


def choose_crs(crs: str | None, source_crs: str | None, x: Floats, y: Floats) -> tuple[str, str]:
    """Return ``(source CRS, target CRS)`` for coordinates of shape ``(n,)``.

    The target is the one given, else the source's own if it is projected, else the UTM zone of the middle of
    the points (on NAD83 or ETRS89-free WGS 84, as PROJ lists them for WGS 84). Coordinates of no stated CRS
    are taken to be in the target's.

    Raises
    ------
    CRSError
        If neither is known, the target is not projected, or degrees were given where lengths belong.
    """
    if source_crs is None and crs is None:
        msg = "the CRS of the coordinates is not given, and the file does not say it"
        raise CRSError(
            msg, hint="source_crs='EPSG:4326' for longitude and latitude, or the code of their CRS"
        )
    if source_crs is None:
        source_crs = crs
    assert source_crs is not None
    if crs is None:
        crs = source_crs if parse_crs(source_crs).is_projected else _utm(source_crs, x, y)
    if not parse_crs(crs).is_projected:
        msg = f"CRS {crs} ({parse_crs(crs).name}) is not projected; places need lengths, not degrees"
        raise CRSError(msg, hint="use a projected CRS of the place, such as its UTM zone")
    _refuse_degrees(source_crs, x, y)
    return source_crs, crs


def _utm(source_crs: str, x: Floats, y: Floats) -> str:
    to_degrees = pyproj.Transformer.from_crs(parse_crs(source_crs), "EPSG:4326", always_xy=True)
    real = (np.abs(x) > 0) | (np.abs(y) > 0)
    if not real.any():
        return "EPSG:32631"  # no point at all: any zone holds nothing
    lon, lat = to_degrees.transform(float(np.median(x[real])), float(np.median(y[real])))
    if not (np.isfinite(lon) and np.isfinite(lat)):
        msg = f"the points are not in {source_crs}: their middle has no longitude and latitude"
        raise CRSError(msg, hint="give source_crs, the CRS that the file's coordinates are in")
    area = AreaOfInterest(lon, lat, lon, lat)
    found = query_utm_crs_info(datum_name="WGS 84", area_of_interest=area)
    if not found:
        msg = f"no UTM zone holds the middle of the points ({lon:.3f}, {lat:.3f})"
        raise CRSError(msg, hint="give crs, a projected CRS of the place")
    return f"{found[0].auth_name}:{found[0].code}"


def _refuse_degrees(source_crs: str, x: Floats, y: Floats) -> None:
    if not parse_crs(source_crs).is_projected:
        return
    real = (x != 0) | (y != 0)
    x, y = x[real], y[real]
    like = (np.abs(x) <= 180) & (np.abs(y) <= 90)
    # Of a few points one or two may be wrong; all of them are so only if the CRS is.
    differ = len(x) > 0 and bool(np.any((x != x[0]) | (y != y[0])))
    if (differ and like.all()) or (len(x) >= _ENOUGH and like.mean() > 0.5):
        msg = (
            f"{like.mean():.0%} of the points look like degrees (one is {x[like][0]:g}, {y[like][0]:g}), "
            f"but they were given in {source_crs} ({parse_crs(source_crs).name}), whose unit is a length"
        )
        raise CRSError(msg, hint="source_crs='EPSG:4326' if they are longitude and latitude")


def place_points(
    x: Floats, y: Floats, *, source_crs: str, crs: str, study_area: shapely.Geometry | None = None
) -> Placed:
    """Project points of shape ``(n,)`` and say of each whether it lies where it can.

    ``outside_crs``: outside the area of use of either CRS, or not in the projection's domain.
    ``outside_study_area``: outside of ``study_area`` (a geometry in ``crs``); its border counts as inside.

    Raises
    ------
    CRSError
        If more than half of ten or more points are outside of a CRS: then the CRS is wrong, not the points.
    """
    out_x, out_y = np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)
    inside = np.ones(len(x), dtype=np.bool_)
    for start in range(0, len(x), _CHUNK):
        part = slice(start, start + _CHUNK)
        inside[part] = _in_area(source_crs, out_x[part], out_y[part])
        if not same_crs(source_crs, crs):
            transform = pyproj.Transformer.from_crs(parse_crs(source_crs), parse_crs(crs), always_xy=True)
            out_x[part], out_y[part] = transform.transform(out_x[part], out_y[part])
            inside[part] &= _in_area(crs, out_x[part], out_y[part])
    if len(x) >= _ENOUGH and inside.mean() < 0.5:
        msg = (
            f"{1 - inside.mean():.0%} of the {len(x)} places lie outside the area of use of {source_crs} "
            f"({parse_crs(source_crs).name}) or {crs} ({parse_crs(crs).name}); the first is {x[0]:g}, {y[0]:g}"
        )
        raise CRSError(msg, hint="give source_crs, the CRS that the file's coordinates are in")
    reason = np.where(inside, "", "outside_crs").astype("U18")
    if study_area is not None:
        shapely.prepare(study_area)
        within = np.zeros(len(x), dtype=np.bool_)
        within[inside] = shapely.intersects_xy(study_area, out_x[inside], out_y[inside])
        reason[inside & ~within] = "outside_study_area"
    return Placed(out_x, out_y, reason)


def _in_area(crs: str, x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
    parsed = parse_crs(crs)
    finite = np.isfinite(x) & np.isfinite(y)
    if parsed.is_geographic:
        lon, lat, back = x, y, finite
    else:
        to_degrees = pyproj.Transformer.from_crs(parsed, parsed.geodetic_crs, always_xy=True)
        lon, lat = to_degrees.transform(x, y)
        again_x, again_y = to_degrees.transform(lon, lat, direction="INVERSE")
        with np.errstate(invalid="ignore"):
            back = np.hypot(again_x - x, again_y - y) <= _ROUND_TRIP
    area = parsed.area_of_use
    west, south, east, north = (-180.0, -90.0, 180.0, 90.0) if area is None else area.bounds
    s = _SLACK_DEGREES
    with np.errstate(invalid="ignore"):
        across = (
            (lon >= west - s) & (lon <= east + s) if west <= east else (lon >= west - s) | (lon <= east + s)
        )
        inside: npt.NDArray[np.bool_] = finite & back & across & (lat >= south - s) & (lat <= north + s)
    return inside
