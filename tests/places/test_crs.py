"""CRS mistakes are errors that say what is probably wrong."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import CRSError
from peelian.places import (
    check_points,
    choose_crs,
    metres_per_unit,
    projected,
    same_crs,
    transform,
    within_area_of_use,
)
from peelian.places.crs import area_of_use

FEET, UTM = "ESRI:102696", "EPSG:32615"
RNG = np.random.default_rng(20261)
LON, LAT = RNG.uniform(-90.32, -90.17, 200), RNG.uniform(38.53, 38.77, 200)  # St. Louis
X_FT, Y_FT = transform(LON, LAT, source="EPSG:4326", target=FEET)
X_M, Y_M = transform(LON, LAT, source="EPSG:4326", target=UTM)


@pytest.mark.parametrize(
    ("crs", "metres"),
    [("EPSG:26915", 1.0), ("EPSG:2913", 0.3048), ("EPSG:3435", 1200 / 3937), (FEET, 1200 / 3937)],
)
def test_metres_in_a_unit(crs: str, metres: float) -> None:
    assert projected(crs) == crs
    assert metres_per_unit(crs) == pytest.approx(metres, rel=1e-15)


@pytest.mark.parametrize("crs", ["EPSG:4326", "OGC:CRS84", "EPSG:4269"])
def test_degrees_are_no_projected_crs(crs: str) -> None:
    for ask in (projected, metres_per_unit):
        with pytest.raises(CRSError, match="in degrees") as caught:
            ask(crs)
        assert "--crs EPSG:26915" in (caught.value.hint or "")


def test_earth_centred_coordinates_are_not_called_degrees() -> None:
    with pytest.raises(CRSError, match="not projected"):
        projected("EPSG:4978")


@pytest.mark.parametrize("crs", ["", "EPSG:0", "nonsense", "EPSG", "26915:EPSG"])
def test_an_unknown_crs_is_named_in_the_error(crs: str) -> None:
    with pytest.raises(CRSError, match="a code that PROJ knows") as caught:
        projected(crs)
    assert repr(crs) in caught.value.message


def test_the_same_crs_by_another_name() -> None:
    assert same_crs("EPSG:26915", "epsg:26915")
    assert same_crs("EPSG:4326", "OGC:CRS84")
    assert same_crs("EPSG:26915", pyproj.CRS("EPSG:26915").to_wkt())
    assert not same_crs("EPSG:26915", "EPSG:32615")
    assert not same_crs("EPSG:26996", FEET)


@given(
    st.lists(st.tuples(st.floats(-95.9, -90.1), st.floats(20, 60)), min_size=1, max_size=20),
    st.sampled_from([UTM, "EPSG:3857"]),
)
def test_there_and_back_again(points: list[tuple[float, float]], crs: str) -> None:
    lon, lat = np.array(points).T
    x, y = transform(lon, lat, source="EPSG:4326", target=crs)
    back = transform(x, y, source=crs, target="EPSG:4326")
    assert np.allclose(back, (lon, lat), atol=1e-7)


def test_transform_is_east_then_north_and_copies() -> None:
    x, y = transform([-90.2], [38.6], source="EPSG:4326", target=UTM)
    # Snyder (1987), Map Projections, USGS 1395, is what PROJ implements: an independent value from pyproj.Proj.
    assert (x[0], y[0]) == pytest.approx(
        pyproj.Proj("+proj=utm +zone=15 +ellps=WGS84")(-90.2, 38.6), abs=1e-3
    )
    given_ = np.array([1.0])
    same, _ = transform(given_, given_, source=UTM, target=UTM)
    same[0] = 2.0
    assert given_[0] == 1.0


def test_what_cannot_be_transformed_is_nan_in_both() -> None:
    x, y = transform([np.nan, -90.2, np.inf, 0.0], [38.6, np.nan, 38.6, 95.0], source="EPSG:4326", target=UTM)
    assert np.isnan(x).all()
    assert np.isnan(y).all()


def test_area_of_use_with_a_margin() -> None:
    west, _, east, _ = area_of_use(UTM) or (0, 0, 0, 0)
    assert (west, east) == (-96, -90)
    lon = np.array([-97.0, -96.4, -93.0, -89.6, -89.0, np.nan])
    x, y = transform(lon, np.full(6, 40.0), source="EPSG:4326", target=UTM)
    assert within_area_of_use(x, y, UTM).tolist() == [False, True, True, True, False, False]
    assert within_area_of_use(x, y, UTM, margin=0).tolist() == [False, False, True, False, False, False]


def test_area_of_use_across_the_antimeridian() -> None:
    west, _, east, _ = area_of_use("EPSG:3832") or (0, 0, 0, 0)  # WGS 84 / PDC Mercator
    if not east < west:
        pytest.skip("this version of the database states another area")
    x, y = transform([179.9, -179.9, 0.0], [-17.0, -17.0, 10.0], source="EPSG:4326", target="EPSG:3832")
    assert within_area_of_use(x, y, "EPSG:3832").tolist() == [True, True, False]


def test_a_crs_without_area_of_use_takes_every_finite_point() -> None:
    own = "+proj=utm +zone=15 +ellps=WGS84"
    assert area_of_use(own) is None
    assert within_area_of_use([1e6, np.nan, 2e6], [1e6, 1e6, np.inf], own).tolist() == [True, False, False]


@pytest.mark.parametrize(("x", "y", "crs"), [(X_FT, Y_FT, FEET), (X_M, Y_M, UTM), (LON, LAT, "EPSG:4326")])
def test_points_that_fit_pass(x: np.ndarray, y: np.ndarray, crs: str) -> None:
    assert check_points(x, y, crs).all()


def test_a_few_wrong_points_are_told_apart_and_no_error() -> None:
    x, y = X_M.copy(), Y_M.copy()
    x[:3] += 3e6
    x[3] = np.nan
    ok = check_points(x, y, UTM)
    assert ok.tolist() == [False] * 4 + [True] * 196
    with pytest.raises(CRSError, match=r"2%"):
        check_points(x, y, UTM, most=0.01)


def test_nothing_known_is_no_error() -> None:
    assert check_points([np.nan], [1.0], UTM).tolist() == [False]
    assert check_points([], [], UTM).shape == (0,)


@pytest.mark.parametrize(("x", "y"), [(LON, LAT), (LAT, LON)])
@pytest.mark.parametrize("crs", [FEET, UTM, "EPSG:3857"])
def test_degrees_given_as_metres_or_feet(x: np.ndarray, y: np.ndarray, crs: str) -> None:
    with pytest.raises(CRSError, match="look like degrees") as caught:
        check_points(x, y, crs)
    assert "--source-crs EPSG:4326" in (caught.value.hint or "")
    assert f"{x[0]:.7g}" in caught.value.message


def test_swapped_axes_of_a_projected_crs() -> None:
    with pytest.raises(CRSError, match="x and y look swapped"):
        check_points(Y_M, X_M, UTM)


def test_swapped_degrees_of_a_crs_with_a_small_area() -> None:
    with pytest.raises(CRSError, match="x and y look swapped"):
        check_points(LAT, LON, "EPSG:4269")  # NAD83, North America


def test_degrees_that_were_swapped_before_they_were_projected() -> None:
    # Leicester, taken for a place off East Africa.
    lon, lat = np.full(50, -1.13), np.full(50, 52.63)
    x, y = transform(lat, lon, source="EPSG:4326", target="EPSG:27700")
    assert np.isfinite(x).all()
    with pytest.raises(CRSError, match="x and y look swapped"):
        check_points(x, y, "EPSG:27700")


def test_feet_given_as_metres() -> None:
    with pytest.raises(CRSError, match="feet given as metres"):
        check_points(X_FT, Y_FT, "EPSG:26996")  # the same state plane in metres


def test_metres_given_as_feet() -> None:
    # Chicago in the metres of Illinois East, said to be in its feet.
    x, y = transform(LON + 2.5, LAT + 3.2, source="EPSG:4326", target="EPSG:26971")
    with pytest.raises(CRSError, match="metres given as feet"):
        check_points(x, y, "EPSG:3435")


def test_feet_given_as_metres_where_only_the_study_area_tells() -> None:
    # All of these lie in the area of use of the zone, which reaches from the equator to the Arctic.
    x, y = X_M / 0.3048 * 0.9, Y_M / 0.3048
    inside = within_area_of_use(x, y, "EPSG:3857")
    assert inside.all()
    bounds = (X_M.min() * 0.9, Y_M.min(), X_M.max() * 0.9, Y_M.max())
    with pytest.raises(CRSError, match="study area.*feet given as metres"):
        check_points(x, y, "EPSG:3857", bounds=bounds)


def test_swapped_axes_where_only_the_study_area_tells() -> None:
    bounds = (X_FT.min(), Y_FT.min(), X_FT.max(), Y_FT.max())
    assert check_points(Y_FT, X_FT, FEET).all()
    with pytest.raises(CRSError, match="study area.*swapped"):
        check_points(Y_FT, X_FT, FEET, bounds=bounds)
    assert check_points(X_FT, Y_FT, FEET, bounds=bounds).all()


def test_another_zone_is_not_guessed_at() -> None:
    with pytest.raises(CRSError, match="outside the area of use") as caught:
        check_points(X_M + 2e6, Y_M, UTM)
    assert "swapped" not in caught.value.message
    assert "--source-crs" in (caught.value.hint or "")


def test_no_degrees_given_as_degrees() -> None:
    with pytest.raises(CRSError, match="no degrees"):
        check_points(X_FT, Y_FT, "EPSG:4326")


@pytest.mark.parametrize(
    ("lon", "lat", "crs"),
    [
        (-90.2, 38.6, "EPSG:32615"),
        (-87.6, 41.8, "EPSG:32616"),
        (-0.1, 51.5, "EPSG:32630"),
        (151.2, -33.9, "EPSG:32756"),
        (5.3, 60.4, "EPSG:32632"),  # Bergen: Norway's wide zone
        (-90.0, 38.6, "EPSG:32615"),  # on the line between two zones
    ],
)
def test_the_zone_of_a_city(lon: float, lat: float, crs: str) -> None:
    found = choose_crs([lon, lon, np.nan], [lat, lat, lat])
    if lon == 5.3:
        assert found in ("EPSG:32631", crs)
    else:
        assert found == crs
    assert within_area_of_use(*transform([lon], [lat], source="EPSG:4326", target=found), found).all()


def test_the_zone_of_points_on_both_sides_of_the_antimeridian() -> None:
    assert choose_crs([179.8, -179.9, -179.8], [-16.8] * 3) == "EPSG:32701"
    assert choose_crs([179.8, 179.9, -179.9], [-16.8] * 3) == "EPSG:32760"


@pytest.mark.parametrize(("lon", "lat"), [([], []), ([np.nan], [1.0]), (X_FT, Y_FT)])
def test_no_zone_without_degrees(lon: list[float], lat: list[float]) -> None:
    with pytest.raises(CRSError, match="not one point in degrees"):
        choose_crs(lon, lat)


def test_no_zone_at_the_pole() -> None:
    with pytest.raises(CRSError, match="no UTM zone"):
        choose_crs([0.0], [89.0])
