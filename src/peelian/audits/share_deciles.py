"""Deciles of a group's share: from where fewest to where most of the residents belong to the group.

Each decile is to hold a tenth of the residents of all groups. Cells of one share stay together, since within an area
residents were spread evenly and nothing tells its cells apart: so a decile may hold more than a tenth, or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import DataError, NotEnoughDataError, UsageError

__all__ = ["PARTS", "Deciles", "deciles_of_share", "residents_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PARTS = 10

DIGITS = 9
"""Of a share: areal weighting gives the cells of one area shares that differ in the last ones."""


@dataclass(frozen=True, eq=False)
class Deciles:
    """Which decile of a group's share each cell is in.

    Parameters
    ----------
    group : str
    number : array of int, shape (n_cells,)
        From 0, the lowest share, to 9; -1 where nobody lives.
    frame : pandas.DataFrame
        One row a decile: ``decile`` (1 to 10), ``share_from`` and ``share_to`` (lowest and highest share of a cell in
        it, NaN without cells), ``cells``, ``residents``, ``group_residents``.
    """

    group: str
    number: Ints
    frame: pd.DataFrame

    @property
    def outermost(self) -> tuple[int, int] | None:
        """The lowest and the highest decile that holds a cell, from 0; None where that is one and the same."""
        held = np.flatnonzero(self.frame["cells"].to_numpy() > 0)
        return (int(held[0]), int(held[-1])) if held.size > 1 else None


def residents_of(
    population: pd.DataFrame, n: int, *, total: str | None = None
) -> tuple[pd.DataFrame, Floats]:
    """Residents by group, and all residents of each cell, checked.

    Parameters
    ----------
    population : pandas.DataFrame, shape (n_cells, n_groups)
        Residents of each cell by group.
    n : int
        Cells that are expected.
    total : str, optional
        The column that holds all residents; the sum of the groups when not given.

    Returns
    -------
    groups : pandas.DataFrame
        Without the total.
    everybody : array of float, shape (n_cells,)

    Raises
    ------
    UsageError
        There is no group, a name is given twice, the total is not among them, or the number of cells is another one.
    DataError
        Residents are negative or unknown, or a group has more residents than there are.
    NotEnoughDataError
        Nobody lives there.
    """
    names = [str(c) for c in population.columns]
    if (
        not names
        or len(set(names)) < len(names)
        or (total is not None and (total not in names or len(names) < 2))
    ):
        beside = "" if total is None else f" with {total!r} as all residents"
        msg = f"residents of the groups {', '.join(names) or 'none'} were given{beside}; expected each once"
        raise UsageError(msg, hint="population_by_cell(areas, grid), of areas with residents by group")
    if len(population) != n:
        msg = f"residents of {len(population)} cells were given; expected {n}"
        raise UsageError(msg, hint="population_by_cell(areas, grid), with the grid of the forecasts")
    counted = population.set_axis(names, axis=1).astype(float)
    values = counted.to_numpy()
    wrong = int(np.sum(~np.isfinite(values) | (values < 0)))
    if wrong:
        msg = f"{wrong} numbers of residents are negative or unknown; expected at least 0 in every cell"
        raise DataError(msg, hint="an unknown number is not zero: leave those areas out of the study area")
    groups = counted if total is None else counted.drop(columns=total)
    everybody = (groups.sum(axis=1) if total is None else counted[total]).to_numpy(dtype=float)
    if not everybody.sum() > 0:
        msg = "cells without residents were given; expected somebody to live there"
        raise NotEnoughDataError(msg, hint="population_by_cell(areas, grid)")
    more = int(np.sum(np.any(groups.to_numpy() > everybody[:, None] * (1 + 1e-6) + 1e-6, axis=1)))
    if more:
        msg = f"in {more} cells a group has more residents than there are in all ({total!r})"
        raise DataError(msg, hint="check which column holds all residents")
    return groups, everybody


def deciles_of_share(of_group: Floats, everybody: Floats, *, group: str, parts: int = PARTS) -> Deciles:
    """Sort cells by a group's share of their residents, and cut where tenths of all residents are reached.

    Parameters
    ----------
    of_group, everybody : array of float, shape (n_cells,)
        Residents of the group, and of all groups.
    group : str
    parts : int

    Notes
    -----
    Cells of one share go to the decile that the middle of their residents falls in.
    """
    lived = everybody > 0
    share = np.full(everybody.size, np.nan)
    share[lived] = np.round(of_group[lived] / everybody[lived], DIGITS)
    at = np.unique(share[lived], return_inverse=True)[1]
    weight = np.bincount(at, weights=everybody[lived])
    middle = (np.cumsum(weight) - weight / 2) / weight.sum()
    number = np.full(everybody.size, -1, dtype=np.int64)
    number[lived] = np.minimum((middle * parts).astype(np.int64), parts - 1)[at]
    rows = []
    for d in range(parts):
        held = number == d
        some = bool(held.any())
        rows.append(
            {
                "decile": d + 1,
                "share_from": float(share[held].min()) if some else np.nan,
                "share_to": float(share[held].max()) if some else np.nan,
                "cells": int(held.sum()),
                "residents": float(everybody[held].sum()),
                "group_residents": float(of_group[held].sum()),
            }
        )
    return Deciles(group, number, pd.DataFrame(rows))
