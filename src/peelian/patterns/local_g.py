"""Hot and cold places: cells whose surroundings have more, or fewer, reports than chance alone would give them.

Getis and Ord (1992), "The analysis of spatial association by use of distance statistics"; Ord and Getis (1995), "Local
spatial autocorrelation statistics", both Geographical Analysis. The statistic Gi* is the sum of the reports of a cell
and its neighbours; its p-value comes from dealing the counts of all other cells out at random around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import UsageError
from peelian.patterns.base import (
    Pattern,
    axes,
    check_level,
    false_discovery,
    monte_carlo_p,
)
from peelian.patterns.clusters import check_names, places
from peelian.patterns.neighbours import Neighbours, contiguous
from peelian.patterns.permutation import tails, whole
from peelian.places.grid import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HotCells", "hot_cells"]

Floats = npt.NDArray[np.float64]
Side = Literal["hot", "cold", "both"]

NULL = (
    "Chance means that every arrangement of the counts over the cells is alike likely: a place where more people live, "
    "shop or go out is hot for that alone."
)
OWN = (
    "The cell's own count is held fixed: a single high cell among quiet ones is not called hot by its own count, and a "
    "quiet cell beside high ones can be."
)
SIDES = {"hot": "more reports", "cold": "fewer reports", "both": "more or fewer reports"}


@dataclass(frozen=True, eq=False)
class HotCells(Pattern):
    """Which cells are hot or cold, and the places that the hot ones make up.

    Parameters
    ----------
    grid : Grid
    counts : array of float, shape (n_cells,)
        Reports of each cell.
    z : array of float, shape (n_cells,)
        Gi* in standard deviations; NaN where the counts don't vary.
    p, q : array of float, shape (n_cells,)
        p-value, and the smallest false-discovery rate at which the cell is a finding; NaN for cells without neighbours.
    more : array of bool, shape (n_cells,)
        Whether p is that of more reports around the cell, in place of fewer. Not always the sign of z, in which the
        cell's own count has a part.
    level : float
        The false-discovery rate that is accepted.
    side : {"hot", "cold", "both"}
        What was looked for; p is one-sided but for ``"both"``, where it is twice the smaller of the two sides.
    neighbours : Neighbours
    permutations : int or None
        Random replicates, or None: all arrangements were counted.
    dependent : bool
        Whether the false-discovery rate holds under any dependence between cells.
    seed : int
    names : sequence of str or None
        Of each cell.
    """

    grid: Grid
    counts: Floats
    z: Floats
    p: Floats
    q: Floats
    more: npt.NDArray[np.bool_]
    level: float
    side: Side
    neighbours: Neighbours
    permutations: int | None
    dependent: bool
    seed: int
    names: Sequence[str] | None = None

    @cached_property
    def called(self) -> npt.NDArray[np.int8]:
        """1 where a cell is hot, -1 where it is cold, 0 otherwise, shape (n_cells,)."""
        found = np.nan_to_num(self.q, nan=1.0) <= self.level
        return np.where(found, np.where(self.more, 1, -1), 0).astype(np.int8)

    @cached_property
    def places(self) -> pd.DataFrame:
        """Hot cells joined where they touch, most reports first; see `peelian.patterns.clusters.places`."""
        return places(self.grid, self.called == 1, self.counts, names=self.names)

    @property
    def frame(self) -> pd.DataFrame:
        """A row a cell: id, centre, reports, mean of cell and neighbours, z, p, q, called; hottest first."""
        x, y = self.grid.centres()
        around = (self.neighbours.matrix() @ self.counts + self.counts) / (self.neighbours.counts + 1)
        found = pd.DataFrame(
            {
                "cell": self.grid.ids,
                "x": x,
                "y": y,
                "count": self.counts,
                "mean_around": around,
                "z": self.z,
                "p": self.p,
                "q": self.q,
                "called": np.array(["cold", "neither", "hot"])[self.called + 1],
            }
        )
        return found.sort_values(["z", "count"], ascending=False, kind="stable", ignore_index=True)

    def sentence(self) -> str:
        """What was found and how sure that is."""
        total = self.counts.sum()
        if not total:
            return f"No report is in any of the {len(self.grid):,} cells: there was nothing to look at."
        if np.all(np.isnan(self.z)):
            return f"All {len(self.grid):,} cells have the same count: no place stands out."
        sure = f"at a false-discovery rate of {self.level:.0%}"
        if self.side == "cold":
            n = int((self.called == -1).sum())
            return f"{n:,} of {len(self.grid):,} cells have fewer reports in and around them than chance gives, {sure}."
        hot = self.called == 1
        if not hot.any():
            return f"None of {len(self.grid):,} cells has more reports in and around it than chance gives, {sure}."
        area = self.grid.area[hot].sum() / self.grid.area.sum()
        share, n = self.counts[hot].sum() / total, len(self.places)
        return (
            f"{hot.sum():,} of {len(self.grid):,} cells, {area:.1%} of the area in {n:,} "
            f"{'place' if n == 1 else 'places'}, have more reports in and around them than chance gives, {sure}; "
            f"they hold {share:.0%} of {total:,.0f} reported incidents."
        )

    @property
    def limits(self) -> list[str]:
        """What this can't tell."""
        said = [
            "A place with many reports is a statement about reports, not about those who live there or pass through.",
            NULL,
            OWN,
        ]
        if self.permutations is not None and np.isfinite(self.p).any():
            least = monte_carlo_p(0, self.permutations).item() * (2 if self.side == "both" else 1)
            needed = int(np.ceil(least * np.isfinite(self.p).sum() / self.level))
            if needed > 1:
                said.append(
                    f"With {self.permutations:,} permutations no p-value is below {least:.2g}, so fewer than "
                    f"{needed:,} cells can't be findings however hot they are; permutations=None counts all "
                    "arrangements."
                )
        if self.neighbours.islands.size:
            said.append(f"{self.neighbours.islands.size:,} cells have no neighbour and were not tested.")
        cut = int((self.grid.area < (self.grid.cell / 1000) ** 2 * 0.5).sum())
        if cut:
            said.append(
                f"{cut:,} cells lie in the study area by less than half and have fewer reports for that."
            )
        return said

    def to_dict(self) -> dict[str, Any]:
        """Settings, the places, the cells that are findings, and the limits."""
        cells = self.frame
        cells = cells[cells["called"] != "neither"]
        return {
            "pattern": "hot cells",
            "statistic": "Getis-Ord Gi*",
            "grid": self.grid.to_dict(),
            "neighbours": self.neighbours.to_dict(),
            "permutations": "all" if self.permutations is None else self.permutations,
            "side": self.side,
            "sided": 2 if self.side == "both" else 1,
            "false_discovery_rate": self.level,
            "any_dependence": self.dependent,
            "seed": self.seed,
            "reports": float(self.counts.sum()),
            "hot": int((self.called == 1).sum()),
            "cold": int((self.called == -1).sum()),
            "not_tested": int(np.isnan(self.p).sum()),
            "places": self.places.to_dict("records"),
            "cells": cells.to_dict("records"),
            "sentence": self.sentence(),
            "limits": self.limits,
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Map of z, cut off at 5, with the hot cells outlined by a mark."""
        ax = axes(ax)
        xmin, ymin, xmax, ymax = self.grid.bounds()
        image = self.grid.image(np.nan_to_num(self.z))
        shown = ax.imshow(
            image, origin="lower", extent=(xmin, xmax, ymin, ymax), cmap="RdBu_r", vmin=-5, vmax=5
        )
        x, y = self.grid.centres()
        hot = self.called == 1
        ax.plot(x[hot], y[hot], ".", color="black", markersize=1.5, label=f"hot, q ≤ {self.level:g}")
        ax.figure.colorbar(shown, ax=ax, label="Gi* (standard deviations)")
        ax.set_title("Reports in and around each cell")
        ax.set_xlabel(self.grid.crs)
        if hot.any():
            ax.legend(loc="upper right", fontsize="small")
        return ax


def hot_cells(
    counts: npt.ArrayLike,
    grid: Grid,
    *,
    neighbours: Neighbours | None = None,
    permutations: int | None = 999,
    side: Side = "both",
    level: float = 0.05,
    dependent: bool = False,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> HotCells:
    """Cells that are hot or cold by Getis-Ord Gi*, with permutation p-values and false-discovery control.

    Parameters
    ----------
    counts : array, shape (n_cells,)
        Reports of each cell, such as ``Counts.by_cell``, or rates.
    grid : Grid
    neighbours : Neighbours, optional
        Default: cells that share an edge or a corner.
    permutations : int or None
        Replicates; p is ``(r + 1) / (n + 1)``. None counts all arrangements, exactly and without a seed, which needs
        counts (whole, none below 0): p-values as small as the data bear out, where replicates end at 1 / (n + 1).
    side : {"both", "hot", "cold"}
        Two-sided, or one of the sides.
    level : float
        False-discovery rate up to which a cell is a finding.
    dependent : bool
        Benjamini-Yekutieli in place of Benjamini-Hochberg; neighbouring cells share reports and depend positively on
        each other, for which the latter holds.
    names : sequence of str, optional
        Name of each cell, such as its neighbourhood.
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
    if side not in SIDES:
        msg = f"side={side!r} was given; expected one of {', '.join(SIDES)}"
        raise UsageError(msg)
    check_level(level, what="false-discovery rate")
    check_names(names, len(grid))
    near = contiguous(grid) if neighbours is None else neighbours
    high, low = tails(values, near, permutations=permutations, seed=seed)
    p = {"hot": high, "cold": low, "both": np.minimum(2 * np.minimum(high, low), 1.0)}[side]
    given = np.asarray(counts, dtype=np.float64)
    return HotCells(
        grid=grid,
        counts=given,
        z=_z(given, near),
        p=p,
        q=false_discovery(p, dependent=dependent),
        more=np.full(p.size, side == "hot") if side != "both" else high <= low,
        level=level,
        side=side,
        neighbours=near,
        permutations=permutations,
        dependent=dependent,
        seed=seed,
        names=names,
    )


def _z(counts: Floats, near: Neighbours) -> Floats:
    """Gi* of Ord and Getis (1995), equation 14, with binary weights and the cell among its own neighbours."""
    n, k = counts.size, near.counts + 1.0
    spread = counts.std()
    if n < 2 or spread <= 1e-12 * max(np.abs(counts).max(), 1e-300):
        return np.full(n, np.nan)
    sums = near.matrix() @ counts + counts
    scale = spread * np.sqrt(np.maximum(n * k - k**2, 0.0) / (n - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        z: Floats = np.where(scale > 0, (sums - k * counts.mean()) / scale, np.nan)
    return z
