from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.errors import DataError, UsageError
from peelian.patterns.windows import grid_windows, point_windows
from peelian.places import Grid

CRS = "EPSG:26915"


def plain(grid: Grid, k: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of cells, sorted by squared distance in whole cells, then row, then column."""
    r, c = grid.rows, grid.columns
    squared = (r[:, None] - r) ** 2 + (c[:, None] - c) ** 2
    near = np.array([np.lexsort((c, r, row))[:k] for row in squared])
    return near, np.take_along_axis(squared, near, axis=1)


@settings(max_examples=25)
@given(
    rows=st.integers(1, 12),
    columns=st.integers(1, 12),
    k=st.integers(1, 160),
    seed=st.integers(0, 100),
    share=st.floats(0.2, 1),
)
def test_grid_windows_are_the_plain_ones(rows: int, columns: int, k: int, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    inside = (rng.random(rows * columns) < share).astype(float)
    inside[rng.integers(inside.size)] = 1.0
    grid = Grid(CRS, 250.0, -3, 7, (rows, columns), inside)
    windows = grid_windows(grid, nearest=k)
    k = min(k, len(grid))
    near, squared = plain(grid, k)
    assert (windows.length == k).all()
    np.testing.assert_array_equal(windows.near, near)
    np.testing.assert_allclose(windows.distance, 250 * np.sqrt(squared), rtol=1e-6)


def test_a_cell_comes_first_in_its_own_window() -> None:
    windows = grid_windows(Grid(CRS, 100.0, 0, 0, (30, 40)))
    np.testing.assert_array_equal(windows.near[:, 0], np.arange(1200))
    assert windows.near.shape == (1200, 150)
    assert windows.radius(620, 150) == pytest.approx(100 * np.sqrt(150 / np.pi), rel=0.05)


def test_a_radius_ends_a_window() -> None:
    windows = grid_windows(Grid(CRS, 100.0, 0, 0, (20, 20)), radius=200.0)
    middle = 20 * 10 + 10
    assert windows.length[middle] == 13
    assert windows.length[0] == 6
    assert windows.distance[middle, :13].max() == pytest.approx(200)


def test_a_share_ends_a_window_and_keeps_its_own_place() -> None:
    grid = Grid(CRS, 100.0, 0, 0, (10, 10))
    whole = grid_windows(grid)
    assert (whole.within_share(np.ones(100), 0.25).length == 25).all()
    heavy = np.ones(100)
    heavy[0] = 1000
    cut = whole.within_share(heavy, 0.05)
    assert cut.length[0] == 1
    assert cut.length[99] == 54


def test_windows_end_before_what_is_taken() -> None:
    windows = grid_windows(Grid(CRS, 100.0, 0, 0, (1, 9)))
    taken = np.zeros(9, dtype=bool)
    taken[4] = True
    assert windows.without(taken).length.tolist() == [4, 4, 4, 2, 0, 1, 3, 4, 4]


@settings(max_examples=20)
@given(n=st.integers(1, 60), k=st.integers(1, 70), seed=st.integers(0, 50), coarse=st.booleans())
def test_point_windows_are_the_plain_ones(n: int, k: int, seed: int, coarse: bool) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 3000, (2, n))
    if coarse:
        x, y = np.round(x, -3), np.round(y, -3)
    windows = point_windows(x, y, crs=CRS, nearest=k)
    k = min(n, k)
    away = np.round(np.hypot(x[:, None] - x, y[:, None] - y), 6)
    own = ~np.eye(n, dtype=bool)
    near = np.array([np.lexsort((np.arange(n), away[i], own[i]))[:k] for i in range(n)])
    np.testing.assert_array_equal(windows.near, near)


def test_points_in_feet_are_metres_apart() -> None:
    windows = point_windows([0.0, 1000.0], [0.0, 0.0], crs="EPSG:3435", radius=304.0)
    assert windows.distance[0, 1] == pytest.approx(304.8006, rel=1e-5)
    assert windows.length.tolist() == [1, 1]


def test_what_cannot_be_is_refused() -> None:
    grid = Grid(CRS, 100.0, 0, 0, (3, 3))
    with pytest.raises(UsageError, match="0 places"):
        grid_windows(grid, nearest=0)
    with pytest.raises(UsageError, match="radius"):
        grid_windows(grid, radius=0.0)
    with pytest.raises(UsageError, match="share"):
        grid_windows(grid).within_share(np.ones(9), 0.0)
    with pytest.raises(UsageError, match="9 places"):
        grid_windows(grid).within_share(np.ones(4), 0.5)
    with pytest.raises(DataError, match="finite"):
        point_windows([0.0, np.nan], [0.0, 0.0], crs=CRS)
    with pytest.raises(DataError, match="no place"):
        point_windows([], [], crs=CRS)
    with pytest.raises(DataError, match="limit"):
        grid_windows(Grid(CRS, 100.0, 0, 0, (1000, 1000)), nearest=5000)
