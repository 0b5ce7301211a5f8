"""A surface: how many incidents a method expects to be reported in each cell of a grid in one period.

A surface speaks of *reports*. That a cell ranks high says that incidents were reported there and may be
reported there again; it says nothing about the people who live there.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.errors import DataError, UsageError
from peelian.places.grid import Grid
from peelian.places.periods import Period

__all__ = ["Surface", "size_of_sum"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Surface:
    """Expected reports by cell, with a predictive distribution.

    Parameters
    ----------
    grid : Grid
    period : Period
        The period that the numbers are about.
    mean : array of float, shape (n_cells,)
        Expected number of reported incidents in the period, at least 0.
    size : float, optional
        Size parameter r of each cell's negative binomial where the common factor is 1, variance = mean +
        mean^2 / r. Infinite (the default) is Poisson.
    method : str
        Name of the method that made it.
    origin : dict
        Parameters and what they were fitted on, enough to make the surface again.
    common : float, optional
        Variance of a factor with mean 1 by which every cell's mean is multiplied: what the whole area has
        in common in a period, such as the season. 0 (the default) takes the cells as independent.

    Notes
    -----
    A factor that all units of a group share is the shared frailty of Clayton (1978), "A model for
    association in bivariate life tables", Biometrika 65. With it the count of any set of cells has the
    variance ``M + M^2 ((1 + c / r) (1 + common) - 1)``, where M is the sum of their means and c the sum of
    the squares of their shares of M. It is taken as negative binomial with that variance.
    """

    grid: Grid
    period: Period
    mean: Floats
    size: float = np.inf
    method: str = ""
    origin: dict[str, Any] = field(default_factory=dict)
    common: float = 0.0

    def __post_init__(self) -> None:
        mean = np.array(self.mean, dtype=float)
        if mean.shape != (len(self.grid),):
            msg = f"means of shape {mean.shape} were given for {len(self.grid)} cells"
            raise UsageError(msg)
        if not np.all(np.isfinite(mean)) or np.any(mean < 0):
            bad = int(np.sum(~np.isfinite(mean) | (mean < 0)))
            msg = f"{self.method or 'a method'} gave {bad} cells no number of at least 0"
            raise DataError(msg, hint="fit it on more incidents, or use CountMap")
        if not self.size > 0:
            msg = f"a negative binomial size of {self.size} was given; expected more than 0"
            raise UsageError(msg)
        if not (np.isfinite(self.common) and self.common >= 0):
            msg = f"a variance of {self.common} was given for the common factor; expected a number of at least 0"
            raise UsageError(msg)
        mean.setflags(write=False)
        object.__setattr__(self, "mean", mean)

    @property
    def cell_size(self) -> float:
        """Negative binomial size of a cell's count by itself: its own scatter and the common factor's."""
        return _size(1.0, self.size, self.common)

    @property
    def distribution(self) -> Any:
        """The frozen scipy distribution of each cell's count: Poisson, or a negative binomial."""
        return _distribution(self.mean, self.cell_size)

    def interval(self, level: float = 0.9) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Central predictive interval of the count in each cell.

        Parameters
        ----------
        level : float
            Between 0 and 1. Counts are whole numbers, so the interval covers at least this much.

        Returns
        -------
        low, high : arrays of int, shape (n_cells,)
        """
        _check_level(level)
        low, high = self.distribution.interval(level)
        # scipy gives -1 as the lower end where the mean is 0.
        return np.maximum(low, 0).astype(np.int64), np.maximum(high, 0).astype(np.int64)

    def total_interval(
        self, level: float = 0.9, *, cells: npt.NDArray[np.bool_] | None = None
    ) -> tuple[int, int]:
        """Central predictive interval of the count in several cells together.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        cells : array of bool, shape (n_cells,), optional
            Which cells; all of them when it is not given.

        Returns
        -------
        low, high : int
        """
        _check_level(level)
        mean = self.mean if cells is None else self.mean[cells]
        total = float(mean.sum())
        if total == 0:
            return 0, 0
        size = size_of_sum(mean, size=self.size, common=self.common)
        low, high = _distribution(total, size).interval(level)
        return int(low), int(high)

    def order(self, *, seed: int = 0) -> npt.NDArray[np.int64]:
        """Cells from the highest mean to the lowest, shape (n_cells,).

        Many cells tie in a count map. Ties are broken by a fixed shuffle rather than by cell number, which
        would favour one side of the city.
        """
        shuffle = np.random.default_rng(seed).permutation(len(self.grid))
        return np.lexsort((shuffle, -self.mean)).astype(np.int64)

    def top(
        self, *, fraction: float | None = None, area: float | None = None, n: int | None = None, seed: int = 0
    ) -> npt.NDArray[np.bool_]:
        """The cells with the highest means, under one limit.

        Parameters
        ----------
        fraction : float
            Share of the study area, 0 to 1.
        area : float
            In km2.
        n : int
            Number of cells.

        Returns
        -------
        array of bool, shape (n_cells,)
            Cells are taken in order while the limit holds, at least one.
        """
        if sum(v is not None for v in (fraction, area, n)) != 1:
            msg = "expected exactly one of fraction, area and n"
            raise UsageError(msg)
        order = self.order(seed=seed)
        if n is not None:
            k = n
        else:
            total = float(self.grid.area.sum())
            if fraction is not None and not 0 < fraction <= 1:
                msg = (
                    f"a fraction of {fraction} was given; expected a share of the area above 0 and at most 1"
                )
                raise UsageError(msg, hint="write 1 % as 0.01")
            limit = total * fraction if fraction is not None else area
            assert limit is not None
            if not 0 < limit <= total * (1 + 1e-9):
                msg = f"an area of {limit} km2 was given; the study area has {total:.2f} km2"
                raise UsageError(msg)
            k = int(np.searchsorted(np.cumsum(self.grid.area[order]), limit * (1 + 1e-9), side="right"))
        if not 0 <= k <= len(self.grid):
            msg = f"{k} cells were asked for; the grid has {len(self.grid)}"
            raise UsageError(msg)
        chosen = np.zeros(len(self.grid), dtype=bool)
        chosen[order[: max(k, 1)]] = True
        return chosen

    @property
    def frame(self) -> pd.DataFrame:
        """One row a cell: id, centre, expected reports, 90 % predictive interval, rank (1 is the highest)."""
        x, y = self.grid.centres()
        low, high = self.interval(0.9)
        rank = np.empty(len(self.grid), dtype=np.int64)
        rank[self.order()] = np.arange(1, len(self.grid) + 1)
        return pd.DataFrame(
            {
                "cell": self.grid.ids,
                "x": x,
                "y": y,
                "expected": self.mean,
                "low": low,
                "high": high,
                "rank": rank,
            }
        )

    def _repr_html_(self) -> str:
        low, high = self.total_interval()
        head = (
            f"<p><b>{html.escape(self.method)}</b>: {self.mean.sum():.1f} reports expected "
            f"({low} to {high}, 90 %) in {len(self.grid):,} cells, {self.period}</p>"
        )
        table: str = self.frame.nsmallest(10, "rank").to_html(index=False, float_format=lambda v: f"{v:.2f}")
        return head + table


def size_of_sum(mean: Floats, *, size: float = np.inf, common: float = 0.0) -> float:
    """Negative binomial size of the sum of cells' counts; infinite is Poisson.

    Parameters
    ----------
    mean : array of float, shape (k,)
        Expected reports of the cells that are summed.
    size, common : float
        A `Surface`'s: each cell's own scatter, and the variance of the factor that they have in common.
    """
    total = float(mean.sum())
    return _size(float(np.sum((mean / total) ** 2)), size, common) if total > 0 else float(np.inf)


def _size(concentration: float, size: float, common: float) -> float:
    """Size of the negative binomial of a sum; `concentration` is the sum of its squared shares, 1 for one cell."""
    excess = (1 + concentration / size) * (1 + common) - 1
    # Below, it can't be told from Poisson, and the arithmetic would lose its digits.
    return 1 / excess if excess > 1e-9 else float(np.inf)


def _distribution(mean: float | Floats, size: float) -> Any:
    if np.isinf(size):
        return stats.poisson(mean)
    return stats.nbinom(size, size / (size + mean))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        msg = f"a level of {level} was given; expected a share between 0 and 1"
        raise UsageError(msg, hint="write 90 % as 0.9")
