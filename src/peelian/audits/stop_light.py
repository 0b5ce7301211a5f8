"""Which stops were made with light and which after dark, and the clock times at which it may be either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.solar import CIVIL, HORIZON, sun_altitude, sun_crossing
from peelian.audits.stop_records import StopRecords
from peelian.errors import NotEnoughDataError, UsageError

__all__ = ["Light", "after_dark", "around_clock_changes", "light_of"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Light:
    """Light at each stop.

    Parameters
    ----------
    used, dark : array of bool, shape (n_rows,)
        In the window and out of twilight; and of these, after the end of civil twilight.
    window : (float, float)
        Clock times, in minutes after midnight, of the earliest and the latest end of civil twilight over the years of
        the stops; the widest over all places.
    counts : mapping
    notes : tuple of str
    """

    used: Bools
    dark: Bools
    window: tuple[float, float]
    counts: Mapping[str, int]
    notes: tuple[str, ...]


def light_of(records: StopRecords, *, lat: float | None = None, lon: float | None = None) -> Light:
    """Light at each stop, from the sun at the middle of its area.

    Stops between sunset and the end of civil twilight are neither light nor dark, and are left out (Grogger and
    Ridgeway 2006).

    Raises
    ------
    UsageError
        Neither the stops nor the call say where it is, or the zone isn't known.
    NotEnoughDataError
        Clock times can't be used, or the sun doesn't set or rise there on some days.
    """
    if records.clock:
        msg = f"clock times can't be used: {records.clock}"
        raise NotEnoughDataError(msg, hint="correct the times at their source")
    frame = records.frame
    north, east = _where(records, lat, lon)
    rows = (frame["minute"].notna() & frame["day"].notna()).to_numpy() & ~np.isnan(north)
    days = frame["day"].to_numpy().astype("datetime64[D]")
    minute = frame["minute"].to_numpy(dtype=float)
    places, number = np.unique(np.stack([north[rows], east[rows]], axis=1), axis=0, return_inverse=True)
    first, last = days[rows].min().astype("datetime64[Y]"), days[rows].max().astype("datetime64[Y]") + 1
    calendar = np.arange(first.astype("datetime64[D]"), last.astype("datetime64[D]"))
    sunset, dusk = (_clock(calendar, places, records.zone, altitude) for altitude in (HORIZON, CIVIL))
    earliest, latest = dusk.min(axis=1), dusk.max(axis=1)
    number = number.ravel()
    at = (days[rows] - calendar[0]).astype(int)
    in_window = (minute[rows] >= earliest[number]) & (minute[rows] <= latest[number])
    is_dark = minute[rows] > dusk[number, at]
    twilight = in_window & ~is_dark & (minute[rows] >= sunset[number, at])
    used, dark = np.zeros(len(frame), dtype=bool), np.zeros(len(frame), dtype=bool)
    used[rows] = in_window & ~twilight
    dark[rows] = in_window & is_dark
    counts = {
        "stops": len(frame),
        "without_clock_time_or_place": int((~rows).sum()),
        "in_window": int(in_window.sum()),
        "in_twilight": int(twilight.sum()),
        "used": int(used.sum()),
        "dark": int((used & dark).sum()),
    }
    notes = [
        f"{counts['in_twilight']:,} stops in twilight, between sunset and dark, are left out of the test by light."
    ]
    if (~rows).any():
        notes.append(
            f"{counts['without_clock_time_or_place']:,} stops have no clock time or place, and are not in it."
        )
    return Light(used, dark, (float(earliest.min()), float(latest.max())), counts, tuple(notes))


def after_dark(records: StopRecords, *, lat: float | None = None, lon: float | None = None) -> Bools:
    """Whether the sun was more than 6 degrees below the horizon, at any time of the day; errors as `light_of`.

    Of stops without a clock time or place, and in an hour that the change of clocks skips or repeats: False.
    """
    if records.clock:
        msg = f"clock times can't be used: {records.clock}"
        raise NotEnoughDataError(msg, hint="correct the times at their source")
    north, east = _where(records, lat, lon)
    frame = records.frame
    wall = frame["day"] + pd.to_timedelta(frame["minute"], unit="m")
    utc = wall.dt.tz_localize(ZoneInfo(records.zone), ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
    when = utc.dt.tz_localize(None).to_numpy().astype("datetime64[ms]")
    known = ~np.isnat(when) & ~np.isnan(north)
    dark = np.zeros(len(frame), dtype=bool)
    dark[known] = sun_altitude(when[known], lat=north[known], lon=east[known]) < CIVIL
    return dark


def around_clock_changes(records: StopRecords, *, weeks: int) -> Bools:
    """Stops within so many weeks of a change of clocks in the zone of the stops."""
    days = records.frame["day"].to_numpy().astype("datetime64[D]")
    known = ~np.isnat(days)
    if not records.zone or not known.any():
        return np.zeros(len(days), dtype=bool)
    span = np.arange(days[known].min() - 100, days[known].max() + 100)
    noon = pd.DatetimeIndex(span.astype("datetime64[s]") + np.timedelta64(12, "h")).tz_localize(
        ZoneInfo(records.zone)
    )
    offset = (noon.tz_localize(None) - noon.tz_convert("UTC").tz_localize(None)).total_seconds().to_numpy()
    changes = span[1:][np.diff(offset) != 0]
    near = np.zeros(len(days), dtype=bool)
    for change in changes:
        apart = (days - change).astype("timedelta64[D]").astype(float)
        near |= known & (apart >= -7 * weeks) & (apart < 7 * weeks)
    return near


def _where(records: StopRecords, lat: float | None, lon: float | None) -> tuple[Floats, Floats]:
    """Latitude and longitude of each stop: of its area, else of the place."""
    if not records.zone:
        msg = "the zone of the clock times is not known, so they can't be held against the sun"
        raise UsageError(msg, hint="--zone America/Chicago")
    if (lat is None) != (lon is None):
        msg = f"latitude {lat} and longitude {lon} were given; expected both or neither"
        raise UsageError(msg, hint="--lat 44.98 --lon -93.27")
    north, east = (records.frame[name].to_numpy(dtype=float) for name in ("lat", "lon"))
    known = ~np.isnan(north) & ~np.isnan(east)
    if lat is None or lon is None:
        if not known.any():
            msg = "neither the stops nor the call say where it is, so where the sun stood can't be told"
            raise UsageError(msg, hint="--lat 44.98 --lon -93.27")
        lat, lon = float(np.median(north[known])), float(np.median(east[known]))
    return np.where(known, north, lat), np.where(known, east, lon)


def _clock(days: npt.NDArray[np.datetime64], places: Floats, zone: str, altitude: float) -> Floats:
    """Minutes after midnight by the clock at which the sun passes an altitude; shape (n_places, n_days)."""
    found = np.empty((len(places), len(days)))
    for k, (lat, lon) in enumerate(places):
        at = pd.DatetimeIndex(sun_crossing(days, lat=lat, lon=lon, altitude=altitude, rising=False))
        never = int(np.sum(np.asarray(at.isna())))
        if never:
            msg = f"at latitude {lat:g} the sun doesn't set, or it doesn't get dark, on {never} days"
            raise NotEnoughDataError(msg, hint="the test by light needs a place where every day has a dusk")
        wall = at.tz_localize("UTC").tz_convert(ZoneInfo(zone)).tz_localize(None)
        found[k] = (wall - pd.DatetimeIndex(days.astype("datetime64[s]"))).total_seconds().to_numpy() / 60
        if found[k].max() >= 24 * 60:
            msg = f"at latitude {lat:g} it gets dark after midnight on {int((found[k] >= 1440).sum())} days"
            raise NotEnoughDataError(
                msg, hint="the test by light needs a place where it gets dark before midnight"
            )
    return found
