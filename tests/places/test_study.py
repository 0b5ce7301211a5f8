"""The grid of a workspace, and the mistakes that only its areas can show."""

from __future__ import annotations

import numpy as np
import pytest

import peelian.places
from peelian.demo_data import stlouis_areas
from peelian.errors import CRSError, DataError, NotEnoughDataError, UsageError
from peelian.places import Areas, Grid, study_grid, transform

FEET, UTM = "ESRI:102696", "EPSG:32615"


@pytest.fixture(scope="module")
def areas() -> Areas:
    return Areas.read(stlouis_areas())


@pytest.fixture(scope="module")
def points(areas: Areas) -> tuple[np.ndarray, np.ndarray]:
    """Feet; one of them has no place, one is far out."""
    x0, y0, x1, y1 = areas.union().bounds
    rng = np.random.default_rng(2)
    return np.append(rng.uniform(x0, x1, 300), [np.nan, x1 + 3e5]), np.append(
        rng.uniform(y0, y1, 300), [y0, y1]
    )


def test_inside_the_areas(areas: Areas, points: tuple[np.ndarray, np.ndarray]) -> None:
    grid = study_grid(crs=FEET, cell=250, areas=areas)
    assert grid == Grid.inside(areas.union(), crs=FEET, cell=250)
    assert grid == study_grid(crs=FEET, cell=250, areas=areas, x=points[0], y=points[1])
    assert grid.area.sum() == pytest.approx(areas.area.sum(), rel=1e-4)


def test_areas_in_another_crs_are_moved(areas: Areas) -> None:
    grid = study_grid(crs=UTM, cell=500, areas=areas)
    assert grid.crs == UTM
    assert grid.area.sum() == pytest.approx(areas.area.sum(), rel=2e-3)


def test_around_the_points_where_there_are_no_areas(points: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = points
    grid = study_grid(crs=FEET, cell=250, x=x, y=y)
    assert len(grid) == grid.shape[0] * grid.shape[1]
    found = grid.locate(x, y)
    assert np.array_equal(found >= 0, np.isfinite(x) & np.isfinite(y))
    rows, columns = grid.shape
    assert set(grid.rows[found[found >= 0]]) >= {0, rows - 1}
    assert set(grid.columns[found[found >= 0]]) >= {0, columns - 1}


def test_feet_given_as_metres_are_seen_by_the_areas(
    areas: Areas, points: tuple[np.ndarray, np.ndarray]
) -> None:
    x, y = transform(*points, source=FEET, target=UTM)
    assert len(study_grid(crs=UTM, cell=250, areas=areas, x=x, y=y)) > 2000
    with pytest.raises(CRSError, match="feet given as metres"):
        study_grid(crs=UTM, cell=250, areas=areas, x=x / 0.3048, y=y / 0.3048)


def test_swapped_axes_are_seen_by_the_areas(areas: Areas, points: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = points
    with pytest.raises(CRSError, match="x and y look swapped"):
        study_grid(crs=FEET, cell=250, areas=areas, x=y, y=x)


def test_degrees_given_as_feet(areas: Areas, points: tuple[np.ndarray, np.ndarray]) -> None:
    lon, lat = transform(*points, source=FEET, target="EPSG:4326")
    for held in (areas, None):
        with pytest.raises(CRSError, match="look like degrees"):
            study_grid(crs=FEET, cell=250, areas=held, x=lon, y=lat)


def test_a_grid_in_degrees_is_refused(areas: Areas) -> None:
    with pytest.raises(CRSError, match="in degrees"):
        study_grid(crs="EPSG:4326", cell=250, areas=areas)


def test_without_anything_to_cover() -> None:
    with pytest.raises(UsageError, match="without areas and without points"):
        study_grid(crs=FEET, cell=250)
    with pytest.raises(UsageError, match="without points"):
        study_grid(crs=FEET, cell=250, x=[1.0])
    with pytest.raises(NotEnoughDataError, match="none has a place"):
        study_grid(crs=FEET, cell=250, x=[np.nan], y=[1.0])
    with pytest.raises(UsageError, match="one of each a point"):
        study_grid(crs=FEET, cell=250, x=[1.0, 2.0], y=[1.0])


def test_tiny_cells_are_refused_before_they_fill_the_memory(points: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(DataError, match="the limit is"):
        study_grid(crs=FEET, cell=1, x=points[0], y=points[1])


def test_the_public_names_of_the_room() -> None:
    assert peelian.places.__all__ == [
        "Areas",
        "Counts",
        "Grid",
        "Period",
        "Periods",
        "Points",
        "Spread",
        "check_points",
        "choose_crs",
        "count_incidents",
        "count_table",
        "distance_to",
        "metres_per_unit",
        "population_by_cell",
        "projected",
        "same_crs",
        "study_grid",
        "transform",
        "within_area_of_use",
    ]
    assert all(hasattr(peelian.places, name) for name in peelian.places.__all__)
