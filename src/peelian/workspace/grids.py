"""A grid as a table that a run stores: later work has to be on the same places, also where the grid has grown since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from peelian.places import Grid

__all__ = ["grid_from", "grid_table"]


def grid_table(grid: Grid) -> pd.DataFrame:
    """The cells of a grid: ``row``, ``column`` and ``share``, how much of the cell is in the study area."""
    share = np.ones(len(grid)) if grid.share is None else grid.share[grid.rows * grid.shape[1] + grid.columns]
    return pd.DataFrame({"row": grid.rows, "column": grid.columns, "share": share})


def grid_from(table: pd.DataFrame, defined: Mapping[str, Any]) -> Grid:
    """The grid behind a table with those columns and what `Grid.to_dict` says of it."""
    shape = (int(defined["rows"]), int(defined["columns"]))
    share = np.zeros(shape[0] * shape[1])
    share[table["row"].to_numpy() * shape[1] + table["column"].to_numpy()] = table["share"].to_numpy()
    return Grid(defined["crs"], defined["cell_m"], defined["ix0"], defined["iy0"], shape, share)
