"""Coordinate reference systems: which one, in which unit, and whether the points can be in it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyproj
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info
from pyproj.exceptions import CRSError as ProjError

from peelian.errors import CRSError

__all__ = [
    "area_of_use",
    "check_points",
    "choose_crs",
    "metres_per_unit",
    "projected",
    "same_crs",
    "transform",
    "within_area_of_use",
]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_FOOT = 0.3048


@lru_cache(maxsize=64)
def _crs(crs: str) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(crs)
    except ProjError:
        msg = f"{crs!r} was given as a CRS; expected a code that PROJ knows, such as EPSG:26915"
        hint = "look the code up at your agency's GIS, and write it as EPSG:26915 or ESRI:102696"
        raise CRSError(msg, hint=hint) from None


def projected(crs: str) -> str:
    """Return `crs` if it is projected.

    Raises
    ------
    CRSError
        It is unknown, or not projected (in degrees, as a rule).
    """
    found = _crs(crs)
    if not found.is_projected:
        unit = "in degrees" if found.is_geographic else "not projected"
        msg = f"{crs} ({found.name}) is {unit}; expected a projected CRS, with metres or feet"
        hint = "use the UTM zone of the place, such as --crs EPSG:26915, or leave the CRS out"
        raise CRSError(msg, hint=hint)
    return crs


@lru_cache(maxsize=64)
def metres_per_unit(crs: str) -> float:
    """Metres in one unit of a projected CRS: 1, 0.3048 (feet) or 1200/3937 (US survey feet)."""
    return float(_crs(projected(crs)).axis_info[0].unit_conversion_factor)


@lru_cache(maxsize=64)
def same_crs(one: str, other: str) -> bool:
    """Whether two names mean the same CRS, axis order aside: all coordinates here are x east, y north."""
    return one == other or _crs(one).equals(_crs(other), ignore_axis_order=True)


@lru_cache(maxsize=64)
def area_of_use(crs: str) -> tuple[float, float, float, float] | None:
    """(west, south, east, north) in degrees, where the CRS is meant to be used; None when it states none."""
    area = _crs(crs).area_of_use
    return None if area is None else (area.west, area.south, area.east, area.north)


@lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(_crs(source), _crs(target), always_xy=True)


def transform(x: npt.ArrayLike, y: npt.ArrayLike, *, source: str, target: str) -> tuple[Floats, Floats]:
    """Points of one CRS in another, x east and y north; what can't be transformed is NaN.

    Raises
    ------
    CRSError
        A CRS is unknown.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if same_crs(source, target):
        return x.copy(), y.copy()
    tx, ty = _transformer(source, target).transform(x, y)
    tx, ty = np.asarray(tx, dtype=float), np.asarray(ty, dtype=float)
    bad = ~(np.isfinite(tx) & np.isfinite(ty))
    return np.where(bad, np.nan, tx), np.where(bad, np.nan, ty)


def _in_bounds(lon: Floats, lat: Floats, crs: str, margin: float) -> Bools:
    bounds = area_of_use(crs)
    finite: Bools = np.isfinite(lon) & np.isfinite(lat)
    if bounds is None:
        return finite
    west, south, east, north = bounds
    if east < west:  # across the antimeridian
        in_lon = (lon >= west - margin) | (lon <= east + margin)
    else:
        in_lon = (lon >= west - margin) & (lon <= east + margin)
    within: Bools = in_lon & (lat >= south - margin) & (lat <= north + margin)
    return within


def within_area_of_use(x: npt.ArrayLike, y: npt.ArrayLike, crs: str, *, margin: float = 0.5) -> Bools:
    """Which points lie in the CRS's area of use; all finite ones when it states none.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        CRS units, x east.
    margin : float
        Degrees by which a point may be outside.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    finite: Bools = np.isfinite(x) & np.isfinite(y)
    if area_of_use(crs) is None:
        return finite
    lon, lat = transform(x, y, source=crs, target="EPSG:4326")
    within: Bools = finite & _in_bounds(lon, lat, crs, margin)
    return within


Bounds = tuple[float, float, float, float]


def _fits(x: Floats, y: Floats, crs: str, bounds: Bounds | None, *, margin: float = 0.5) -> Bools:
    """Which points lie in the area of use, or near the study area where its bounds are known."""
    within = within_area_of_use(x, y, crs, margin=margin)
    if bounds is None:
        return within
    xmin, ymin, xmax, ymax = bounds
    # Half the size of the study area around it: a city's records have places in its suburbs.
    pad = max(xmax - xmin, ymax - ymin) * margin
    near: Bools = within & (x >= xmin - pad) & (x <= xmax + pad) & (y >= ymin - pad) & (y <= ymax + pad)
    return near


def _guess(x: Floats, y: Floats, crs: str, bounds: Bounds | None) -> tuple[str, str]:
    """What is probably wrong with points that don't fit, and what to try."""

    def mostly(gx: Floats, gy: Floats) -> bool:
        # Without a margin: a guess needs more evidence than a doubt.
        return bool(_fits(gx, gy, crs, bounds, margin=0.0).mean() > 0.5)

    if not _crs(crs).is_projected:
        if mostly(y, x):
            return "x and y look swapped", "swap the two columns: x is longitude, y is latitude"
        return "they are no degrees", "name the CRS that the file is in: --source-crs"
    guesses = []
    lon, lat = transform(x, y, source=crs, target="EPSG:4326")
    # The second: degrees that were swapped before they were projected to this CRS.
    if mostly(y, x) or mostly(*transform(lat, lon, source="EPSG:4326", target=crs)):
        guesses.append("x and y look swapped")
    metric = metres_per_unit(crs) == 1.0
    factor = _FOOT if metric else 1 / metres_per_unit(crs)
    if mostly(x * factor, y * factor):
        guesses.append(f"they look like {'feet given as metres' if metric else 'metres given as feet'}")
    hint = "name the CRS that the file is in with --source-crs, or swap the columns: x is east, y is north"
    return " or ".join(guesses) or "feet and metres, or two zones, may have been mixed up", hint


def check_points(
    x: npt.ArrayLike, y: npt.ArrayLike, crs: str, *, most: float = 0.5, bounds: Bounds | None = None
) -> Bools:
    """Which points can be points of this CRS; an error when most can't.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        CRS units, x east; NaN where unknown.
    most : float
        Share of the known points that may be off before it is the CRS that is off.
    bounds : (xmin, ymin, xmax, ymax), optional
        Of the study area, in CRS units. Points must then also be near it, which finds what an area of use as
        large as a UTM zone can't.

    Raises
    ------
    CRSError
        More than that share is outside the area of use, or looks like degrees in a projected CRS. The message
        says what is probably wrong: degrees given as metres, swapped axes, feet given as metres.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    known: Bools = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        return known
    kx, ky = x[known], y[known]
    like_degrees = ((np.abs(kx) <= 180) & (np.abs(ky) <= 180)).mean()
    found = _crs(crs)
    if found.is_projected and like_degrees > most:
        msg = (
            f"{like_degrees:.0%} of the points look like degrees (such as {kx[0]:.7g}, {ky[0]:.7g}), "
            f"but were given as {crs}, which is in {found.axis_info[0].unit_name}"
        )
        raise CRSError(msg, hint="say that they are degrees: --source-crs EPSG:4326")
    ok = _fits(x, y, crs, bounds)
    off = ~ok[known]
    if off.mean() > most:
        guess, hint = _guess(kx[off], ky[off], crs, bounds)
        where = "the area of use" if bounds is None else "the study area or the area of use"
        msg = (
            f"{off.mean():.0%} of the points (such as {kx[off][0]:.7g}, {ky[off][0]:.7g}) are outside {where} "
            f"of {crs} ({found.name}): {guess}"
        )
        raise CRSError(msg, hint=hint)
    return ok


def choose_crs(lon: npt.ArrayLike, lat: npt.ArrayLike) -> str:
    """The UTM zone (WGS 84, metres) of the median of points given in degrees.

    Raises
    ------
    CRSError
        No point in degrees was given, or they are nearer to a pole than UTM goes.
    """
    east, north = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    ok = np.isfinite(east) & np.isfinite(north) & (np.abs(east) <= 180) & (np.abs(north) <= 90)
    if not ok.any():
        msg = "not one point in degrees was given to choose a CRS from"
        raise CRSError(msg, hint="name a CRS: --crs EPSG:26915")
    east, y = east[ok], float(np.median(north[ok]))
    # On both sides of the antimeridian the median longitude would be on the other side of the world.
    if np.ptp(east) > 180 and np.ptp(east % 360) < 180:
        east = east % 360
    x = (float(np.median(east)) + 180) % 360 - 180
    found = query_utm_crs_info(datum_name="WGS 84", area_of_interest=AreaOfInterest(x, y, x, y))
    if not found:
        msg = f"no UTM zone covers longitude {x:.3f}, latitude {y:.3f}"
        raise CRSError(msg, hint="name a CRS: --crs EPSG:3413")
    # On the line between two zones both are found: the order must not depend on the database.
    code = min(int(info.code) for info in found)
    return f"EPSG:{code}"
