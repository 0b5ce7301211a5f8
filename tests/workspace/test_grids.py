"""Grids as tables: the same cells, shares and areas come back."""

from __future__ import annotations

import numpy as np

from peelian.places import Grid
from peelian.workspace.grids import grid_from, grid_table


def test_a_grid_can_be_made_again_from_its_table() -> None:
    grid = Grid("EPSG:26915", 100.0, 3, 4, (3, 4), np.array([0, 1, 1, 0.5, 0, 1, 0, 0, 0.25, 0, 0, 1.0]))
    again = grid_from(grid_table(grid), grid.to_dict())
    assert again == grid
    assert np.array_equal(again.area, grid.area)


def test_a_grid_without_shares_is_whole_cells() -> None:
    grid = Grid("EPSG:26915", 100.0, 0, 0, (2, 3))
    table = grid_table(grid)
    assert table["share"].tolist() == [1.0] * 6
    assert np.array_equal(grid_from(table, grid.to_dict()).area, grid.area)
