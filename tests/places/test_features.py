"""How far places are from something: against distances worked out by hand."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from peelian.errors import CRSError, DataError
from peelian.places import Grid, distance_to, transform

UTM, FEET = "EPSG:26915", "ESRI:102696"


def grid(crs: str = UTM) -> Grid:
    return Grid.covering((740_000, 4_280_000, 742_000, 4_283_000), crs=crs, cell=250.0)


def frame(shapes: list[object], crs: str | None = UTM) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=gpd.GeoSeries(shapes, crs=crs))


def test_the_nearest_of_several_points_counts() -> None:
    points = np.array([[740_130.0, 4_280_500.0], [741_900.0, 4_282_800.0], [760_000.0, 4_200_000.0]])
    x, y = grid().centres()
    by_hand = np.min([np.hypot(x - px, y - py) for px, py in points], axis=0) / 1000
    found = distance_to(frame([shapely.Point(p) for p in points]), grid())
    assert found.shape == (len(grid()),)
    np.testing.assert_allclose(found, by_hand)


def test_inside_a_polygon_and_on_a_line_it_is_zero() -> None:
    x, y = grid().centres()
    line = shapely.LineString([(x.min(), y.min()), (x.max(), y.min())])
    park = shapely.box(x.min() - 1, y.max() - 300, x.max() + 1, y.max() + 1)
    found = distance_to(frame([line, park]), grid())
    np.testing.assert_allclose(found[(y == y.min()) | (y > y.max() - 300)], 0)
    assert (found[(y > y.min()) & (y < y.max() - 300)] > 0).all()


def test_degrees_and_feet_come_to_kilometres() -> None:
    x, y = transform([740_130.0], [4_280_500.0], source=UTM, target="EPSG:4326")
    point = shapely.Point(740_130.0, 4_280_500.0)
    np.testing.assert_allclose(
        distance_to(frame([shapely.Point(x[0], y[0])], "EPSG:4326"), grid()),
        distance_to(frame([point]), grid()),
        atol=1e-6,
    )
    feet = Grid.covering((880_000, 1_000_000, 890_000, 1_010_000), crs=FEET, cell=250.0)
    fx, fy = feet.centres()
    away = distance_to(frame([shapely.Point(fx[0], fy[0])], FEET), feet)
    np.testing.assert_allclose(away, np.hypot(fx - fx[0], fy - fy[0]) * 1200 / 3937 / 1000)


@pytest.mark.parametrize("shapes", [[], [None], [shapely.Point()]])
def test_nothing_to_be_far_from_is_refused(shapes: list[object]) -> None:
    with pytest.raises(DataError, match="expected at least one shape"):
        distance_to(frame(shapes), grid())


def test_shapes_of_nowhere_are_refused() -> None:
    with pytest.raises(CRSError, match="without a CRS"):
        distance_to(frame([shapely.Point(0, 0)], None), grid())
