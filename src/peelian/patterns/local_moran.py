"""Which cells are alike their neighbours, and which stand apart: local Moran's I.

Anselin (1995), "Local indicators of spatial association", Geographical Analysis 27. Where Gi* says that there are many
reports in and around a cell, this tells a high cell among high ones from a high cell among low ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import UsageError
from peelian.patterns.base import Pattern, axes, check_level, false_discovery
from peelian.patterns.neighbours import Neighbours, contiguous
from peelian.patterns.permutation import tails, whole
from peelian.places.grid import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["QUADRANTS", "LocalMoran", "local_moran"]

Floats = npt.NDArray[np.float64]

QUADRANTS = ("neither", "high among high", "low among high", "low among low", "high among low")
"""Numbered as Anselin's: 1 HH, 2 LH, 3 LL, 4 HL."""
COLOURS = ("#eeeeee", "#b2182b", "#92c5de", "#2166ac", "#f4a582")


@dataclass(frozen=True, eq=False)
class LocalMoran(Pattern):
    """Each cell beside its neighbours.

    Parameters
    ----------
    grid : Grid
    counts : array of float, shape (n_cells,)
    statistic : array of float, shape (n_cells,)
        Local I; their sum over n - 1 is Moran's I. NaN where the counts don't vary.
    around : array of float, shape (n_cells,)
        Mean count of the neighbours.
    p, q : array of float, shape (n_cells,)
        Two-sided p-value, and the smallest false-discovery rate at which the cell is a finding; NaN without neighbours.
    level : float
    neighbours : Neighbours
    permutations : int or None
    dependent : bool
    seed : int
    """

    grid: Grid
    counts: Floats
    statistic: Floats
    around: Floats
    p: Floats
    q: Floats
    level: float
    neighbours: Neighbours
    permutations: int | None
    dependent: bool
    seed: int

    @cached_property
    def quadrant(self) -> npt.NDArray[np.int8]:
        """Index into `QUADRANTS` of each cell, whether or not it is a finding, shape (n_cells,)."""
        high, around = self.counts > self.counts.mean(), self.around > self.counts.mean()
        return np.where(around, np.where(high, 1, 2), np.where(high, 4, 3)).astype(np.int8)

    @cached_property
    def called(self) -> npt.NDArray[np.int8]:
        """The quadrant of cells that are findings, 0 for others, shape (n_cells,)."""
        found = np.nan_to_num(self.q, nan=1.0) <= self.level
        return np.where(found, self.quadrant, 0).astype(np.int8)

    @property
    def moran(self) -> float:
        """Moran's I of the whole map, with row-standardised weights."""
        tested = int((self.neighbours.counts > 0).sum())
        n = self.counts.size
        # Islands have no row: the weights then sum to fewer than n.
        return float(np.nansum(self.statistic) / (n - 1) * n / tested) if tested and n > 1 else float("nan")

    @property
    def frame(self) -> pd.DataFrame:
        """A row a cell: id, count, mean of its neighbours, local I, p, q, called; surest first."""
        found = pd.DataFrame(
            {
                "cell": self.grid.ids,
                "count": self.counts,
                "mean_around": self.around,
                "local_i": self.statistic,
                "p": self.p,
                "q": self.q,
                "called": np.array(QUADRANTS)[self.called],
            }
        )
        order = np.lexsort((np.arange(len(found)), -np.nan_to_num(np.abs(self.statistic)), self.p))
        return found.iloc[order].reset_index(drop=True)

    def sentence(self) -> str:
        """What was found and how sure that is."""
        if not self.counts.any():
            return f"No report is in any of the {len(self.grid):,} cells: there was nothing to look at."
        if np.all(np.isnan(self.statistic)):
            return f"All {len(self.grid):,} cells have the same count: none differs from its neighbours."
        n = [int((self.called == i).sum()) for i in range(len(QUADRANTS))]
        return (
            f"Of {len(self.grid):,} cells {n[1]:,} have many reports and neighbours that have many too, {n[4]:,} have "
            f"many where the neighbours have few, {n[2]:,} have few where the neighbours have many, and {n[3]:,} have "
            f"few as their neighbours do, at a false-discovery rate of {self.level:.0%}."
        )

    @property
    def limits(self) -> list[str]:
        """What this can't tell."""
        said = [
            "A place with many reports is a statement about reports, not about those who live there or pass through.",
            "Many and few are above and below the mean cell, which says nothing of how many live or come there.",
            "The mean of very uneven counts is far above most cells: most cells count as low.",
        ]
        if self.neighbours.islands.size:
            said.append(f"{self.neighbours.islands.size:,} cells have no neighbour and were not tested.")
        return said

    def to_dict(self) -> dict[str, Any]:
        """Settings, the cells that are findings, and the limits."""
        cells = self.frame
        cells = cells[cells["called"] != QUADRANTS[0]]
        moran = self.moran
        return {
            "pattern": "alike or apart",
            "statistic": "local Moran's I",
            "grid": self.grid.to_dict(),
            "neighbours": self.neighbours.to_dict(),
            "permutations": "all" if self.permutations is None else self.permutations,
            "sided": 2,
            "false_discovery_rate": self.level,
            "any_dependence": self.dependent,
            "seed": self.seed,
            "reports": float(self.counts.sum()),
            "moran": None if np.isnan(moran) else moran,
            "found": {name: int((self.called == i).sum()) for i, name in enumerate(QUADRANTS) if i},
            "cells": cells.to_dict("records"),
            "sentence": self.sentence(),
            "limits": self.limits,
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Map of the findings by kind."""
        ax = axes(ax)
        from matplotlib.colors import ListedColormap
        from matplotlib.patches import Patch

        xmin, ymin, xmax, ymax = self.grid.bounds()
        ax.imshow(
            self.grid.image(self.called),
            origin="lower",
            extent=(xmin, xmax, ymin, ymax),
            cmap=ListedColormap(COLOURS),
            vmin=-0.5,
            vmax=len(QUADRANTS) - 0.5,
            interpolation="nearest",
        )
        marks = [
            Patch(color=c, label=name)
            for c, name in zip(COLOURS, QUADRANTS, strict=True)
            if name != QUADRANTS[0]
        ]
        ax.legend(handles=marks, loc="upper left", bbox_to_anchor=(1.02, 1), fontsize="small")
        ax.set_title("Cells beside their neighbours")
        ax.set_xlabel(self.grid.crs)
        return ax


def local_moran(
    counts: npt.ArrayLike,
    grid: Grid,
    *,
    neighbours: Neighbours | None = None,
    permutations: int | None = 999,
    level: float = 0.05,
    dependent: bool = False,
    seed: int = 0,
) -> LocalMoran:
    """Local Moran's I of each cell with two-sided permutation p-values and false-discovery control.

    Parameters
    ----------
    counts : array, shape (n_cells,)
        Reports of each cell, such as ``Counts.by_cell``, or rates.
    grid : Grid
    neighbours : Neighbours, optional
        Default: cells that share an edge or a corner.
    permutations : int or None
        Replicates; None counts all arrangements, see `peelian.patterns.local_g.hot_cells`.
    level : float
        False-discovery rate up to which a cell is a finding.
    dependent : bool
        Benjamini-Yekutieli in place of Benjamini-Hochberg.
    seed : int

    Raises
    ------
    UsageError
        Not one finite number a cell, or a setting is off.
    NotEnoughDataError
        No cell.
    """
    values = whole(counts)
    if values.size != len(grid):
        msg = f"{values.size} counts were given for {len(grid)} cells; expected one a cell"
        raise UsageError(msg)
    check_level(level, what="false-discovery rate")
    near = contiguous(grid) if neighbours is None else neighbours
    high, low = tails(values, near, permutations=permutations, seed=seed)
    # With the cell's own count held fixed, I rises or falls with the sum over its neighbours alone.
    p = np.minimum(2 * np.minimum(high, low), 1.0)
    given = np.asarray(counts, dtype=np.float64)
    around = near.matrix(row_standardised=True) @ given
    return LocalMoran(
        grid=grid,
        counts=given,
        statistic=_local_i(given, around, near),
        around=around,
        p=p,
        q=false_discovery(p, dependent=dependent),
        level=level,
        neighbours=near,
        permutations=permutations,
        dependent=dependent,
        seed=seed,
    )


def _local_i(counts: Floats, around: Floats, near: Neighbours) -> Floats:
    n = counts.size
    off = counts - counts.mean()
    square = float(off @ off)
    if n < 2 or counts.max() - counts.min() <= 1e-12 * np.abs(counts).max(initial=1e-300):
        return np.full(n, np.nan)
    found: Floats = np.where(near.counts > 0, (n - 1) * off * (around - counts.mean()) / square, np.nan)
    return found
