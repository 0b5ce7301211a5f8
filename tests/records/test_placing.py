from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely

from peelian.errors import CRSError
from peelian.records.placing import choose_crs, place_points, same_crs

MISSOURI = "ESRI:102696"
# St. Louis City Hall, in degrees and in the feet of Missouri East.
LON, LAT = -90.1994, 38.6272


def in_feet(lon: float, lat: float) -> tuple[float, float]:
    x, y = pyproj.Transformer.from_crs("EPSG:4326", MISSOURI, always_xy=True).transform(lon, lat)
    return float(x), float(y)


def test_points_keep_their_place_in_the_same_crs() -> None:
    x, y = np.array([890900.0]), np.array([1005700.0])
    placed = place_points(x, y, source_crs=MISSOURI, crs=MISSOURI)
    assert placed.x.tolist() == [890900.0]
    assert placed.reason.tolist() == [""]


def test_points_are_projected() -> None:
    placed = place_points(np.array([LON]), np.array([LAT]), source_crs="EPSG:4326", crs="EPSG:26915")
    x, y = pyproj.Proj("EPSG:26915")(LON, LAT)
    assert abs(placed.x[0] - x) < 0.01
    assert abs(placed.y[0] - y) < 0.01


def test_points_out_of_the_area_of_use_are_outside() -> None:
    fx, fy = in_feet(LON, LAT)
    x = np.array([fx, fx, 5e6, 1e12, -89.0])
    y = np.array([fy, 4e6, fy, 1e12, 38.0])
    placed = place_points(x[:4], y[:4], source_crs=MISSOURI, crs="EPSG:26915")
    assert placed.reason.tolist() == ["", "outside_crs", "outside_crs", "outside_crs"]


def test_degrees_out_of_range_are_outside() -> None:
    placed = place_points(
        np.array([LON, 200.0, LON]), np.array([LAT, LAT, 95.0]), source_crs="EPSG:4326", crs="EPSG:26915"
    )
    assert placed.reason.tolist() == ["", "outside_crs", "outside_crs"]


def test_the_study_area_has_its_border() -> None:
    area = shapely.box(890000, 1000000, 891000, 1001000)
    x = np.array([890500.0, 890000.0, 889999.0, 5e9])
    y = np.array([1000500.0, 1000000.0, 1000500.0, 0.0])
    placed = place_points(x, y, source_crs=MISSOURI, crs=MISSOURI, study_area=area)
    assert placed.reason.tolist() == ["", "", "outside_study_area", "outside_crs"]


def test_a_wrong_crs_is_an_error_rather_than_a_quarantine_of_everything() -> None:
    fx, fy = in_feet(LON, LAT)
    x, y = np.full(20, fx * 4), np.full(20, fy * 4)
    with pytest.raises(CRSError, match="100% of the 20 places"):
        place_points(x, y, source_crs=MISSOURI, crs=MISSOURI)


def test_a_few_wrong_points_are_only_points() -> None:
    placed = place_points(np.array([1e9]), np.array([1e9]), source_crs=MISSOURI, crs=MISSOURI)
    assert placed.reason.tolist() == ["outside_crs"]


def test_the_target_is_the_one_given_then_the_sources_own_then_utm() -> None:
    lon, lat = np.array([LON]), np.array([LAT])
    assert choose_crs("EPSG:26915", "EPSG:4326", lon, lat) == ("EPSG:4326", "EPSG:26915")
    assert choose_crs(None, MISSOURI, *map(np.array, ([890900.0], [1005700.0]))) == (MISSOURI, MISSOURI)
    assert choose_crs(None, "EPSG:4326", lon, lat) == ("EPSG:4326", "EPSG:32615")
    assert choose_crs(None, "EPSG:4326", np.array([-1.1]), np.array([52.6]))[1] == "EPSG:32630"
    assert choose_crs(None, "EPSG:4326", np.array([151.2]), np.array([-33.9]))[1] == "EPSG:32756"


def test_coordinates_of_no_stated_crs_are_in_the_target() -> None:
    assert choose_crs("EPSG:26910", None, np.array([5e5]), np.array([4e6])) == ("EPSG:26910", "EPSG:26910")


def test_no_crs_at_all_is_an_error_with_a_remedy() -> None:
    with pytest.raises(CRSError, match="source_crs='EPSG:4326'"):
        choose_crs(None, None, np.array([1.0]), np.array([1.0]))


def test_degrees_given_as_lengths_are_an_error() -> None:
    rng = np.random.default_rng(1)
    lon, lat = LON + rng.normal(0, 0.05, 50), LAT + rng.normal(0, 0.05, 50)
    with pytest.raises(CRSError, match="look like degrees"):
        choose_crs("EPSG:26915", None, lon, lat)
    with pytest.raises(CRSError, match="look like degrees"):
        choose_crs("EPSG:26915", MISSOURI, lon, lat)


def test_a_tiny_file_of_degrees_is_an_error_too() -> None:
    with pytest.raises(CRSError, match="100% of the points look like degrees") as caught:
        choose_crs("EPSG:26915", None, np.array([LON, LON + 0.01]), np.array([LAT, LAT]))
    assert "EPSG:4326" in str(caught.value.hint)


def test_one_odd_point_of_a_tiny_file_is_only_a_point() -> None:
    for x, y in (([LON], [LAT]), ([LON, LON, 0.0], [LAT, LAT, 0.0]), ([LON, LON + 1, 5e5], [LAT, LAT, 4e6])):
        assert choose_crs("EPSG:26915", None, np.array(x), np.array(y)) == ("EPSG:26915", "EPSG:26915")


def test_a_target_in_degrees_is_refused() -> None:
    with pytest.raises(CRSError, match="not projected"):
        choose_crs("EPSG:4326", "EPSG:4326", np.array([LON]), np.array([LAT]))


def test_an_unknown_crs_is_refused() -> None:
    with pytest.raises(CRSError, match="EPSG:1"):
        choose_crs("EPSG:1", "EPSG:4326", np.array([LON]), np.array([LAT]))


def test_no_points_at_all() -> None:
    none = np.array([], dtype=np.float64)
    _, crs = choose_crs(None, "EPSG:4326", none, none)
    assert pyproj.CRS(crs).is_projected
    assert place_points(none, none, source_crs="EPSG:4326", crs=crs).reason.tolist() == []


def test_same_crs_by_meaning() -> None:
    assert same_crs("EPSG:26915", "epsg:26915")
    assert same_crs("EPSG:4326", "OGC:CRS84")
    assert not same_crs("EPSG:26915", "EPSG:26916")
