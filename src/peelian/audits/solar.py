"""Where the sun stands: its altitude, and when it rises, sets and leaves the sky dark, computed and not looked up.

Low-accuracy formulas of Meeus (Astronomical Algorithms, 2nd ed. 1998, ch. 22, 25 and 28), as NOAA's solar
calculator has them. Against the full algorithm of Reda and Andreas (2004, Solar position algorithm for solar radiation
applications, Solar Energy 76) they are off by about 0.01 degrees from 1950 to 2050, which is a few seconds of time
in the mid latitudes. Air bends light by an amount that changes with the weather: a minute or two at the horizon, and
more the nearer to the poles. Hills, houses, clouds, the moon and street lamps are not in it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import UsageError

__all__ = ["CIVIL", "HORIZON", "sun_altitude", "sun_crossing", "sun_times"]

Floats = npt.NDArray[np.float64]
Instants = npt.NDArray[np.datetime64]

HORIZON = -0.833
"""Altitude of the sun's centre at sunrise and sunset, degrees: 34' of refraction and a radius of 16'."""
CIVIL = -6.0
"""Altitude of the sun's centre at the ends of civil twilight, degrees; refraction is left out by definition."""

J2000 = np.datetime64("2000-01-01T12:00:00", "ms")
DAY = 86_400_000.0
ROUNDS = 4
"""Steps of Newton's kind towards a crossing: each leaves under a hundredth of the error of the one before."""


def sun_altitude(when: npt.ArrayLike, *, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Floats:
    """Altitude of the sun's centre above a flat horizon, without refraction.

    Parameters
    ----------
    when : array of datetime64, shape (n,)
        UTC.
    lat, lon : float or array of float, shape (n,)
        WGS84 degrees; north and east are positive.

    Returns
    -------
    array of float, shape (n,)
        Degrees; NaN for NaT.

    Raises
    ------
    UsageError
        A latitude or longitude is off the globe.
    """
    lat, lon = _on_globe(lat, lon)
    days = _days(np.asarray(when, dtype="datetime64[ms]"))
    declination, equation = _sun(days)
    hour_angle = _hour_angle(days, lon, equation)
    sine = np.sin(lat) * np.sin(declination) + np.cos(lat) * np.cos(declination) * np.cos(hour_angle)
    return np.asarray(np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))))


def sun_crossing(
    days: npt.ArrayLike, *, lat: npt.ArrayLike, lon: npt.ArrayLike, altitude: float = HORIZON, rising: bool
) -> Instants:
    """When the sun passes an altitude before (`rising`) or after the solar noon of a place's own day.

    Parameters
    ----------
    days : array of datetime64, shape (n,)
        Dates of the place's solar day: the noon meant is 12:00 less the longitude's time.
    lat, lon : float or array of float, shape (n,)
        WGS84 degrees.
    altitude : float
        Degrees: `HORIZON` or `CIVIL`.
    rising : bool

    Returns
    -------
    array of datetime64[s], shape (n,)
        UTC; NaT where the sun doesn't pass that altitude on that day, as in the polar day and night.

    Raises
    ------
    UsageError
        A latitude or longitude is off the globe.
    """
    lat, lon = _on_globe(lat, lon)
    dates = np.asarray(days, dtype="datetime64[D]")
    noon = _days(dates.astype("datetime64[ms]")) + 0.5 - np.degrees(lon) / 360.0
    when = noon - _sun(noon)[1] / (2 * np.pi)
    sign = -1.0 if rising else 1.0
    known = np.ones(np.broadcast(when, lat).shape, dtype=bool)
    for _ in range(ROUNDS):
        declination, equation = _sun(when)
        cosine = (np.sin(np.radians(altitude)) - np.sin(lat) * np.sin(declination)) / (
            np.cos(lat) * np.cos(declination)
        )
        known = np.abs(cosine) <= 1.0
        wanted = sign * np.arccos(np.clip(cosine, -1.0, 1.0))
        when = noon + (wanted - equation) / (2 * np.pi)
    seconds = np.where(known & np.isfinite(when), np.rint(when * 86_400.0), 0.0).astype("int64")
    found = J2000.astype("datetime64[s]") + seconds.astype("timedelta64[s]")
    found[~(known & np.isfinite(when))] = np.datetime64("NaT")
    return np.asarray(found)


def sun_times(days: npt.ArrayLike, *, lat: float, lon: float) -> pd.DataFrame:
    """Dawn, sunrise, sunset and dusk of each day at a place; dawn and dusk are the ends of civil twilight.

    Returns
    -------
    pandas.DataFrame
        ``day``, ``dawn``, ``sunrise``, ``sunset``, ``dusk``: UTC; NaT where there is none.

    Raises
    ------
    UsageError
        As `sun_crossing`.
    """
    dates = np.atleast_1d(np.asarray(days, dtype="datetime64[D]"))
    passes = {
        "dawn": (CIVIL, True),
        "sunrise": (HORIZON, True),
        "sunset": (HORIZON, False),
        "dusk": (CIVIL, False),
    }
    columns = {
        name: sun_crossing(dates, lat=lat, lon=lon, altitude=altitude, rising=rising)
        for name, (altitude, rising) in passes.items()
    }
    return pd.DataFrame({"day": dates.astype("datetime64[s]"), **columns})


def _on_globe(lat: npt.ArrayLike, lon: npt.ArrayLike) -> tuple[Floats, Floats]:
    """In radians."""
    north, east = np.asarray(lat, dtype=float), np.asarray(lon, dtype=float)
    if not (np.all(np.abs(north) <= 90) and np.all(np.abs(east) <= 180)):
        msg = f"latitude {_ends(north)} and longitude {_ends(east)} were given; expected degrees on the globe"
        raise UsageError(msg, hint="latitude first, north positive; longitude west of Greenwich is negative")
    # At a pole itself the cosine is 0 and nothing crosses anything: a hair's breadth beside it is the same sky.
    return np.radians(np.clip(north, -89.9999, 89.9999)), np.radians(east)


def _ends(values: Floats) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _days(when: Instants) -> Floats:
    """Days since noon of 2000-01-01, NaN for NaT."""
    days = (when - J2000).astype("timedelta64[ms]").astype(float) / DAY
    return np.asarray(np.where(np.isnat(when), np.nan, days))


def _hour_angle(days: Floats, lon: Floats, equation: Floats) -> Floats:
    """Of the sun: 0 at solar noon, radians."""
    return np.asarray(2 * np.pi * (days % 1.0) + lon + equation)


def _sun(days: Floats) -> tuple[Floats, Floats]:
    """Declination and equation of time (apparent less mean solar time), both in radians.

    UTC stands for dynamical time: the minute or so between them moves the sun by less than 0.001 degrees.
    """
    century = days / 36_525.0
    longitude = np.radians((280.46646 + century * (36_000.76983 + century * 0.0003032)) % 360.0)
    anomaly = np.radians(357.52911 + century * (35_999.05029 - century * 0.0001537))
    eccentricity = 0.016708634 - century * (0.000042037 + century * 0.0000001267)
    centre = np.radians(
        (1.914602 - century * (0.004817 + century * 0.000014)) * np.sin(anomaly)
        + (0.019993 - century * 0.000101) * np.sin(2 * anomaly)
        + 0.000289 * np.sin(3 * anomaly)
    )
    node = np.radians(125.04 - 1934.136 * century)
    apparent = longitude + centre - np.radians(0.00569 + 0.00478 * np.sin(node))
    tilt = np.radians(
        23.439291 - century * (0.0130042 + century * (0.00000016 - century * 0.000000504))
    ) + np.radians(0.00256 * np.cos(node))
    declination = np.arcsin(np.sin(tilt) * np.sin(apparent))
    y = np.tan(tilt / 2) ** 2
    equation = (
        y * np.sin(2 * longitude)
        - 2 * eccentricity * np.sin(anomaly)
        + 4 * eccentricity * y * np.sin(anomaly) * np.cos(2 * longitude)
        - 0.5 * y**2 * np.sin(4 * longitude)
        - 1.25 * eccentricity**2 * np.sin(2 * anomaly)
    )
    return np.asarray(declination), np.asarray(equation)
