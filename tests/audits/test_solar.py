"""The sun's geometry against published times, an almanac's formula of its own, and what must hold everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.audits.solar import CIVIL, HORIZON, sun_altitude, sun_crossing, sun_times
from peelian.errors import UsageError

LONDON, MINNEAPOLIS, SYDNEY = (51.5074, -0.1278), (44.9778, -93.2650), (-33.8688, 151.2093)


def seconds_apart(one: np.datetime64, other: str) -> float:
    return abs((one - np.datetime64(other, "s")) / np.timedelta64(1, "s"))


@pytest.mark.parametrize(
    ("place", "day", "name", "published"),
    [
        # As almanacs publish them, to the minute. Dusk is held to its own altitude below.
        (LONDON, "2018-06-21", "sunrise", "2018-06-21T03:43"),
        (LONDON, "2018-06-21", "sunset", "2018-06-21T20:21"),
        (LONDON, "2018-12-21", "sunrise", "2018-12-21T08:04"),
        (LONDON, "2018-12-21", "sunset", "2018-12-21T15:53"),
        (MINNEAPOLIS, "2017-12-21", "sunset", "2017-12-21T22:34"),
        (MINNEAPOLIS, "2017-12-21", "sunrise", "2017-12-21T13:48"),
        (MINNEAPOLIS, "2017-06-21", "sunset", "2017-06-22T02:03"),
        (SYDNEY, "2020-12-21", "sunset", "2020-12-21T09:05"),
    ],
)
def test_published_times_of_sun_and_twilight(
    place: tuple[float, float], day: str, name: str, published: str
) -> None:
    row = sun_times([np.datetime64(day)], lat=place[0], lon=place[1]).iloc[0]
    assert seconds_apart(row[name].to_datetime64(), published) <= 90


def test_meeus_example_of_the_suns_declination() -> None:
    """Example 25.a: 1992 October 13 at 0h TD, apparent declination -7.78507 degrees.

    Straight under the sun, which is at the meridian of 12 h less the equation of time, altitude is 90 degrees.
    """
    when = np.array(["1992-10-12T23:59:01"], dtype="datetime64[ms]")  # TD is 59 s ahead of UTC
    best = max(
        float(sun_altitude(when, lat=lat, lon=lon)[0])
        for lat in (-7.78507,)
        for lon in np.arange(176.0, 177.5, 0.01)
    )
    assert best > 89.99
    assert float(sun_altitude(when, lat=-7.84, lon=176.57)[0]) < best


def test_equation_of_time_is_the_published_one() -> None:
    """Meeus, example 28.b: +13 m 42.7 s on 1992 October 13 at 0h: the sun culminates so much before mean noon."""
    noon = sun_crossing(["1992-10-13"], lat=0.0, lon=0.0, altitude=0.0, rising=True)
    evening = sun_crossing(["1992-10-13"], lat=0.0, lon=0.0, altitude=0.0, rising=False)
    middle = noon[0] + (evening[0] - noon[0]) / 2
    # Half a day later the equation has grown by about 7 s.
    assert abs(seconds_apart(middle, "1992-10-13T12:00") - (13 * 60 + 42.7 + 7)) < 5


def test_the_solstices_and_equinoxes_of_2020() -> None:
    """Declination, read as the altitude at a pole: 0 at 2020-03-20 03:50 UTC, 23.437 at 2020-06-20 21:44 UTC."""
    at = np.array(["2020-03-20T03:50", "2020-06-20T21:44", "2020-09-22T13:31"], dtype="datetime64[ms]")
    assert sun_altitude(at, lat=90.0, lon=0.0) == pytest.approx([0.0, 23.437, 0.0], abs=0.01)


def test_no_sunset_in_the_polar_day_and_no_sunrise_in_the_polar_night() -> None:
    days = np.array(["2021-06-21", "2021-12-21", "2021-03-20"], dtype="datetime64[D]")
    times = sun_times(days, lat=78.22, lon=15.65)
    assert times["sunset"].isna().tolist() == [True, True, False]
    assert times["sunrise"].isna().tolist() == [True, True, False]


@given(
    lat=st.floats(-60, 60),
    lon=st.floats(-180, 180),
    day=st.integers(0, 20_000),
    altitude=st.sampled_from([HORIZON, CIVIL]),
    rising=st.booleans(),
)
def test_at_a_crossing_the_sun_stands_at_that_altitude(
    lat: float, lon: float, day: int, altitude: float, rising: bool
) -> None:
    date = np.datetime64("1970-01-01") + np.timedelta64(day, "D")
    at = sun_crossing([date], lat=lat, lon=lon, altitude=altitude, rising=rising)
    assert sun_altitude(at, lat=lat, lon=lon)[0] == pytest.approx(altitude, abs=0.01)
    later = sun_altitude(at + np.timedelta64(60, "s"), lat=lat, lon=lon)[0]
    assert (later > altitude) == rising


@given(day=st.integers(0, 20_000), lat=st.floats(-60, 60))
def test_the_hemispheres_mirror_each_other_in_the_course_of_a_year(day: int, lat: float) -> None:
    date = np.datetime64("1970-01-01") + np.timedelta64(day, "D")
    times = [sun_times([date], lat=place, lon=0.0).iloc[0] for place in (lat, -lat)]
    lengths = [(one["sunset"] - one["sunrise"]).total_seconds() / 3600 for one in times]
    # Refraction and the sun's radius lengthen both days: a little at the equator, up to 20 minutes at 60 degrees.
    assert 24.2 < sum(lengths) < 24.75


def test_dusk_follows_sunset_and_dawn_precedes_sunrise() -> None:
    times = sun_times(
        np.arange("2019-01-01", "2020-01-01", dtype="datetime64[D]"), lat=LONDON[0], lon=LONDON[1]
    )
    assert ((times["dusk"] - times["sunset"]).dt.total_seconds() / 60).between(31, 50).all()
    assert (times["dawn"] < times["sunrise"]).all()


def test_a_place_off_the_globe_is_refused() -> None:
    with pytest.raises(UsageError, match="on the globe"):
        sun_altitude(["2020-01-01"], lat=-93.2, lon=44.9)
    with pytest.raises(UsageError, match="on the globe"):
        sun_crossing(["2020-01-01"], lat=float("nan"), lon=44.9, rising=True)


def test_no_time_has_no_altitude() -> None:
    assert np.isnan(sun_altitude(np.array(["NaT"], dtype="datetime64[ms]"), lat=0.0, lon=0.0)).all()
