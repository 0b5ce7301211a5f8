"""Cells that stand out, joined into places where they touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csgraph

from peelian.errors import UsageError
from peelian.patterns.neighbours import contiguous
from peelian.places.grid import Grid

__all__ = ["check_names", "merged", "places"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

COLUMNS = ("place", "name", "cells", "area_km2", "x", "y", "count", "share", "share_of_area", "at")


def check_names(names: Sequence[str] | None, cells: int) -> None:
    """Raise UsageError unless there is a name for each cell, or none at all."""
    if names is not None and len(names) != cells:
        msg = f"{len(names)} names were given for {cells} cells; expected one a cell"
        raise UsageError(
            msg, hint="the name of the neighbourhood that each cell lies in, '' where it is in none"
        )


def merged(grid: Grid, held: Bools) -> Ints:
    """Number of the place that each held cell belongs to, -1 for others, shape (n_cells,).

    Cells that share an edge or a corner make up one place. Numbers follow the lowest cell.
    """
    found = np.full(len(grid), -1, dtype=np.int64)
    cells = np.flatnonzero(held)
    if cells.size:
        near = contiguous(grid).matrix()[cells][:, cells]
        found[cells] = csgraph.connected_components(near, directed=False)[1]
    return found


def places(
    grid: Grid, held: Bools, counts: npt.NDArray[np.float64], *, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """The places that the held cells make up, the one with most reports first.

    Parameters
    ----------
    grid : Grid
    held : array of bool, shape (n_cells,)
    counts : array of float, shape (n_cells,)
        Reports of each cell.
    names : sequence of str, optional
        Of each cell, such as its neighbourhood. A place is called after the name of most of its reports.

    Returns
    -------
    pandas.DataFrame
        ``place`` from 1, ``name``, ``cells``, ``area_km2``, centre ``x`` and ``y`` (weighted by reports), ``count``,
        ``share`` of all reports, ``share_of_area``, and ``at``, the id of the cell with most reports.
    """
    check_names(names, len(grid))
    number = merged(grid, held)
    (x, y), area, total = grid.centres(), grid.area, float(counts.sum())
    ids = grid.ids if held.any() else np.zeros(0, dtype=np.str_)
    rows: list[dict[str, Any]] = []
    for i in range(int(number.max(initial=-1)) + 1):
        of = np.flatnonzero(number == i)
        n, weight = float(counts[of].sum()), np.maximum(counts[of], 1e-12)
        top = of[np.argmax(counts[of])]
        rows.append(
            {
                "name": _name(of, counts, names) or f"around {ids[top]}",
                "cells": of.size,
                "area_km2": float(area[of].sum()),
                "x": float(np.average(x[of], weights=weight)),
                "y": float(np.average(y[of], weights=weight)),
                "count": n,
                "share": n / total if total else 0.0,
                "share_of_area": float(area[of].sum() / area.sum()),
                "at": str(ids[top]),
            }
        )
    rows.sort(key=lambda row: (-row["count"], row["at"]))
    return pd.DataFrame([{"place": k + 1, **row} for k, row in enumerate(rows)], columns=list(COLUMNS))


def _name(cells: Ints, counts: npt.NDArray[np.float64], names: Sequence[str] | None) -> str:
    if names is None:
        return ""
    weight: dict[str, float] = {}
    for cell in cells:
        weight[str(names[cell])] = weight.get(str(names[cell]), 0.0) + float(counts[cell]) + 1e-9
    return max(weight, key=lambda name: (weight[name], name))
