"""A small made-up city of 6 x 5 cells with three areas, shared by the tests of plans."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from scipy import sparse
from shapely.geometry import box

from peelian.methods.surface import Surface
from peelian.places.areas import Areas
from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.places.periods import Period, Periods

CRS = "EPSG:26915"
X0, Y0, SIDE = 740_000.0, 4_280_000.0, 250.0


@pytest.fixture
def grid() -> Grid:
    return Grid.covering((X0, Y0, X0 + 6 * SIDE - 1, Y0 + 5 * SIDE - 1), crs=CRS, cell=SIDE)


@pytest.fixture
def areas() -> Areas:
    """Columns 0-1 are West, 2-3 are Middle, 4 is East; column 5 is in no area."""
    edges = [(0, 2, "w", "West"), (2, 4, "m", "Middle"), (4, 5, "e", "East")]
    shapes = [box(X0 + a * SIDE, Y0, X0 + b * SIDE, Y0 + 5 * SIDE) for a, b, _, _ in edges]
    frame = gpd.GeoDataFrame(
        {"area_id": [e[2] for e in edges], "name": [e[3] for e in edges]}, geometry=shapes, crs=CRS
    )
    return Areas(frame)


@pytest.fixture
def period() -> Period:
    return Period(np.datetime64("2017-01-02"), np.datetime64("2017-01-09"))


@pytest.fixture
def surface(grid: Grid, period: Period) -> Surface:
    mean = np.random.default_rng(5).gamma(0.5, 0.6, len(grid))
    return Surface(grid, period, mean, 2.0, "count_map", {"method": "count_map"})


@pytest.fixture
def history(grid: Grid) -> Counts:
    """Sixty weeks up to 2017-01-09: the last of them is the surface's own period."""
    periods = Periods.covering("2015-11-16", "2017-01-09", "1w")
    matrix = sparse.csc_array(np.random.default_rng(6).poisson(0.2, (len(grid), len(periods))))
    return Counts(grid, periods, matrix)
