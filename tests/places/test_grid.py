"""Square grids: stable names, edges that belong to one cell, and areas that add up."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.errors import CRSError, DataError, UsageError
from peelian.places import Grid

METRES, FEET, INTERNATIONAL = "EPSG:26915", "ESRI:102696", "EPSG:2913"
CRS = st.sampled_from([METRES, FEET, INTERNATIONAL])
CELLS = st.sampled_from([50.0, 100.0, 250.0, 333.3, 1000 / 3])
COORDINATE = st.floats(-3e6, 3e6)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    x, y = draw(COORDINATE), draw(COORDINATE)
    width, height = draw(st.floats(0, 20_000)), draw(st.floats(0, 20_000))
    return Grid.covering((x, y, x + width, y + height), crs=draw(CRS), cell=draw(CELLS))


@st.composite
def polygons(draw: st.DrawFn) -> shapely.Polygon:
    x, y, n = draw(COORDINATE), draw(COORDINATE), draw(st.integers(3, 9))
    radius = draw(st.lists(st.floats(200, 4000), min_size=n, max_size=n))
    angle = np.arange(n) / n * 2 * np.pi
    ring = np.column_stack([x + np.array(radius) * np.cos(angle), y + np.array(radius) * np.sin(angle)])
    return shapely.Polygon(ring)


@given(grids())
def test_centres_are_located_in_their_own_cell(grid: Grid) -> None:
    assert np.array_equal(grid.locate(*grid.centres()), np.arange(len(grid)))


@given(grids(), st.data())
def test_a_cell_has_the_same_name_in_every_extent(grid: Grid, data: st.DataObject) -> None:
    xmin, ymin, xmax, ymax = grid.bounds()
    moved = [data.draw(st.floats(-0.9, 5.0)) * grid.side for _ in range(4)]
    other = Grid.covering(
        (xmin - abs(moved[0]), ymin - abs(moved[1]), xmax + abs(moved[2]), ymax + abs(moved[3])),
        crs=grid.crs,
        cell=grid.cell,
    )
    x, y = grid.centres()
    assert np.array_equal(other.ids[other.locate(x, y)], grid.ids)
    assert len(set(other.ids.tolist())) == len(other)


@given(grids(), st.data())
def test_a_point_on_an_edge_is_in_the_cell_east_and_north_of_it(grid: Grid, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, grid.shape[0] - 1))
    column = data.draw(st.integers(0, grid.shape[1] - 1))
    x, y = (grid.ix0 + column) * grid.side, (grid.iy0 + row) * grid.side
    cell = row * grid.shape[1] + column
    assert grid.locate([x], [y])[0] == cell
    # The last number before the edge is in the neighbour, or outside.
    west = cell - 1 if column else -1
    south = cell - grid.shape[1] if row else -1
    assert grid.locate([np.nextafter(x, -np.inf)], [y])[0] == west
    assert grid.locate([x], [np.nextafter(y, -np.inf)])[0] == south
    # And the box says the same.
    assert grid.polygons()[cell].bounds[:2] == (x, y)


@given(grids())
def test_neighbours_share_their_edge_to_the_last_bit(grid: Grid) -> None:
    bounds = shapely.bounds(grid.polygons()).reshape(*grid.shape, 4)
    assert np.array_equal(bounds[:, 1:, 0], bounds[:, :-1, 2])
    assert np.array_equal(bounds[1:, :, 1], bounds[:-1, :, 3])
    assert (bounds[0, 0, 0], bounds[0, 0, 1], bounds[-1, -1, 2], bounds[-1, -1, 3]) == grid.bounds()


@given(grids(), st.lists(st.tuples(COORDINATE, COORDINATE), min_size=1, max_size=20))
def test_locate_against_the_boxes(grid: Grid, points: list[tuple[float, float]]) -> None:
    x0, y0, x1, y1 = grid.bounds()
    near = [(x0 + (x % 1e5) / 1e5 * (x1 - x0), y0 + (y % 1e5) / 1e5 * (y1 - y0)) for x, y in points]
    x, y = np.array(points + near).T
    low = shapely.bounds(grid.polygons())
    for px, py, found in zip(x, y, grid.locate(x, y), strict=True):
        held = (low[:, 0] <= px) & (px < low[:, 2]) & (low[:, 1] <= py) & (py < low[:, 3])
        assert np.flatnonzero(held).tolist() == ([found] if found >= 0 else [])


@settings(max_examples=60)
@given(polygons(), CRS, CELLS)
def test_the_area_of_the_cells_is_the_area_of_the_polygon(
    polygon: shapely.Polygon, crs: str, cell: float
) -> None:
    grid = Grid.inside(polygon, crs=crs, cell=cell)
    km2 = polygon.area * (grid.cell / grid.side) ** 2 / 1e6
    assert grid.area.sum() == pytest.approx(km2, rel=1e-6)
    # Every point of the polygon is in a cell, every cell touches the polygon.
    inside = polygon.representative_point()
    assert grid.locate([inside.x], [inside.y])[0] >= 0
    assert shapely.intersects(polygon, grid.polygons()).all()


@settings(max_examples=60)
@given(polygons(), polygons(), CRS)
def test_overlap_is_what_brute_force_finds(one: shapely.Polygon, other: shapely.Polygon, crs: str) -> None:
    other = shapely.transform(
        other, lambda c: c - np.array(other.centroid.coords) + np.array(one.centroid.coords) + 700
    )
    grid = Grid.inside(one, crs=crs, cell=250)
    cells, share = grid.overlap(other)
    expected = shapely.area(shapely.intersection(grid.polygons(), other)) / grid.side**2
    found = np.zeros(len(grid))
    found[cells] = share
    assert np.allclose(found, expected, atol=1e-8)
    assert np.all(np.diff(cells) > 0)
    assert np.all((share > 0) & (share <= 1))


def test_overlap_far_away_is_none() -> None:
    grid = Grid.covering((0, 0, 1000, 1000), crs=METRES, cell=250)
    for far in (2000.0, 1e18, 1e300):
        cells, share = grid.overlap(shapely.box(far, far, far * 1.1, far * 1.1))
        assert cells.shape == share.shape == (0,)
        assert cells.dtype == np.int64


def test_overlap_in_runs_is_overlap_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    disc = shapely.Point(5000, 5000).buffer(4000)
    grid = Grid.covering((0, 0, 9999, 9999), crs=METRES, cell=100)
    cells, share = grid.overlap(disc)
    monkeypatch.setattr("peelian.places.grid.AT_ONCE", 7)
    again, parts = grid.overlap(disc)
    assert np.array_equal(cells, again)
    assert np.array_equal(share, parts)


def test_a_hand_made_study_area() -> None:
    # Two cells wide and one and a half high, with a hole that takes a quarter of the first cell.
    area = shapely.box(0, 0, 200, 150) - shapely.box(25, 25, 75, 75)
    grid = Grid.inside(area, crs=METRES, cell=100)
    assert grid.ids.tolist() == ["E0N0", "E1N0", "E0N1", "E1N1"]
    assert grid.area.tolist() == pytest.approx([0.0075, 0.01, 0.005, 0.005])
    assert grid.rows.tolist() == [0, 0, 1, 1]
    assert grid.columns.tolist() == [0, 1, 0, 1]
    assert grid.shape == (2, 3)  # the eastern edge belongs to a third column, which holds no area
    assert grid.locate([200.0], [50.0]).tolist() == [-1]


def test_negative_columns_have_names_too() -> None:
    grid = Grid.covering((-250, -1, -1, 0), crs=METRES, cell=250)
    assert grid.ids.tolist() == ["E-1N-1", "E-1N0"]


@pytest.mark.parametrize(
    ("crs", "side"),
    [(METRES, 250.0), (FEET, 250 * 3937 / 1200), (INTERNATIONAL, 250 / 0.3048)],
)
def test_a_cell_of_250_metres_in_units_of_the_crs(crs: str, side: float) -> None:
    grid = Grid.covering((0, 0, 1, 1), crs=crs, cell=250)
    assert grid.side == pytest.approx(side, rel=1e-15)
    assert grid.area.tolist() == pytest.approx([0.0625])
    if crs == FEET:
        assert round(grid.side, 1) == 820.2


@given(polygons(), CRS)
def test_image_puts_values_where_locate_finds_them(polygon: shapely.Polygon, crs: str) -> None:
    grid = Grid.inside(polygon, crs=crs, cell=500)
    image = grid.image(np.arange(len(grid)), fill=-1)
    x0, y0, _, _ = grid.bounds()
    row, column = np.divmod(np.arange(image.size), grid.shape[1])
    found = grid.locate(x0 + (column + 0.5) * grid.side, y0 + (row + 0.5) * grid.side)
    assert np.array_equal(image.ravel(), found)
    assert np.array_equal(image[grid.rows, grid.columns], np.arange(len(grid)))
    assert np.isnan(grid.image(np.ones(len(grid)))).sum() == image.size - len(grid)


def test_an_image_needs_a_value_a_cell() -> None:
    with pytest.raises(UsageError, match="for 1 cells"):
        Grid.covering((0, 0, 1, 1), crs=METRES, cell=250).image([1, 2])


def test_points_without_a_place_or_far_away_are_outside() -> None:
    grid = Grid.covering((0, 0, 1, 1), crs=METRES, cell=250)
    far = [np.nan, 1.0, np.inf, -np.inf, 1e300, -1e300, 1e19]
    assert grid.locate(far, [1.0, np.nan, 1.0, 1.0, 1.0, 1.0, 1e19]).tolist() == [-1] * 7
    assert grid.locate([], []).shape == (0,)


@given(grids())
def test_locate_index_agrees_with_rows_and_columns(grid: Grid) -> None:
    found = grid.locate_index(grid.ix0 + grid.columns, grid.iy0 + grid.rows)
    assert np.array_equal(found, np.arange(len(grid)))
    rows, columns = grid.shape
    outside = grid.locate_index(
        [grid.ix0 - 1, grid.ix0 + columns, grid.ix0], [grid.iy0, grid.iy0, grid.iy0 + rows]
    )
    assert outside.tolist() == [-1, -1, -1]


def test_grids_are_equal_when_they_name_the_same_cells() -> None:
    grid = Grid.covering((0, 0, 999, 999), crs=METRES, cell=250)
    assert grid == Grid.covering((1, 1, 998, 998), crs="epsg:26915", cell=250)
    assert grid != Grid.covering((0, 0, 999, 999), crs="EPSG:32615", cell=250)
    assert grid != Grid.covering((0, 0, 1000, 999), crs=METRES, cell=250)
    assert grid != Grid.inside(shapely.box(0, 0, 900, 999), crs=METRES, cell=250)
    assert grid != "grid"


def test_what_defines_a_grid_is_told() -> None:
    grid = Grid.inside(shapely.box(0, 0, 999, 499), crs=METRES, cell=250)
    assert grid.to_dict() == {
        "crs": METRES,
        "cell_m": 250.0,
        "ix0": 0,
        "iy0": 0,
        "rows": 2,
        "columns": 4,
        "cells": 8,
        "area_km2": 0.498501,
    }


@pytest.mark.parametrize("cell", [0, -250, math.nan, math.inf])
def test_a_cell_needs_a_size(cell: float) -> None:
    with pytest.raises(UsageError, match="a length above 0"):
        Grid.covering((0, 0, 1, 1), crs=METRES, cell=cell)
    with pytest.raises(UsageError, match="a length above 0"):
        Grid(METRES, cell, 0, 0, (1, 1))


@pytest.mark.parametrize("bounds", [(0, 0, math.nan, 1), (0, 0, math.inf, 1), (1, 0, 0, 1), (0, 1, 1, 0)])
def test_bounds_must_be_finite_and_in_order(bounds: tuple[float, float, float, float]) -> None:
    with pytest.raises(UsageError, match="expected finite"):
        Grid.covering(bounds, crs=METRES, cell=250)


@pytest.mark.parametrize("far", [1e7, 1e12, 1e300])
def test_a_point_far_off_makes_no_grid_of_the_ocean(far: float) -> None:
    with pytest.raises(DataError, match="the limit is 20,000,000 cells"):
        Grid.covering((0, 0, far, far), crs=METRES, cell=250)


def test_a_grid_in_degrees_is_refused() -> None:
    with pytest.raises(CRSError, match="in degrees"):
        Grid.covering((-90, 38, -89, 39), crs="EPSG:4326", cell=250)


@pytest.mark.parametrize(
    "shape", [shapely.Polygon(), shapely.Point(1, 1), shapely.LineString([(0, 0), (1, 1)])]
)
def test_a_study_area_needs_area(shape: shapely.Geometry) -> None:
    with pytest.raises(DataError, match="study area is empty"):
        Grid.inside(shape, crs=METRES, cell=250)


@pytest.mark.parametrize(
    ("share", "error", "match"),
    [
        (np.ones(3), UsageError, "for 4 cells"),
        (np.array([1, 1, 1, 1.1]), UsageError, "from 0 to 1"),
        (np.array([1, 1, 1, -0.1]), UsageError, "from 0 to 1"),
        (np.array([1, 1, 1, np.nan]), UsageError, "from 0 to 1"),
        (np.zeros(4), DataError, "not one cell"),
    ],
)
def test_shares_must_fit(share: np.ndarray, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        Grid(METRES, 250, 0, 0, (2, 2), share)


def test_shares_are_a_copy_that_nobody_can_change() -> None:
    share = np.ones(4)
    grid = Grid(METRES, 250, 0, 0, (2, 2), share)
    share[0] = 0
    assert len(grid) == 4
    assert grid.share is not None
    with pytest.raises(ValueError, match="read-only"):
        grid.share[0] = 0


@pytest.mark.parametrize("shape", [(0, 1), (1, 0), (-1, 2)])
def test_a_grid_has_at_least_one_cell(shape: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="at least one cell"):
        Grid(METRES, 250, 0, 0, shape)
