"""What goes along with what: whether reports of one kind are high where, and after, those of another kind were high."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import fft

from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.patterns.base import (
    Pattern,
    axes,
    check_level,
    check_replicates,
    false_discovery,
    monte_carlo_p,
)
from peelian.patterns.point_events import plain
from peelian.places.counts import Counts
from peelian.places.grid import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Lags", "lags", "residuals"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Shifts = Literal["time", "space-time"]

MAX_ENTRIES = 50_000_000
FEWEST = 19
SHOWN = 12

LIMITS = (
    "Association is not causation: a third thing may raise both, such as weather, events, or how reports are taken.",
    "What is regular is taken out: how busy a cell is as a whole, and how busy a period is in the whole area.",
    "Cells with few reports are left out: nothing is said of them.",
    "Time is taken as a ring: a lag joins the last periods to the first, a small share of all.",
)


@dataclass(frozen=True, eq=False)
class Lags(Pattern):
    """Correlations of categories over cells and periods, and what chance makes of them.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a test: ``leading`` and ``following`` category, ``lag`` in periods, ``where`` ("same cell" or
        "neighbours", whose leading reports are those of the cells around), ``r``, ``chance_low`` and ``chance_high``,
        ``p``, ``q``, ``p_family``, ``stands_out``.
    left_out : dict of str to str
        Categories without enough reports, and why.
    shifts : int
        Shifts that chance is made of.
    """

    table: pd.DataFrame
    left_out: dict[str, str]
    shifts: int
    period: str
    periods: int
    cells: int
    settings: dict[str, Any]

    @property
    def frame(self) -> pd.DataFrame:
        """One row a test, those that stand out first."""
        return self.table

    def sentence(self) -> str:
        """What was found and how sure that is."""
        if not len(self.table):
            return "No category has enough reports in any cell to compare: nothing to look at."
        found = self.table[self.table["stands_out"]]
        among = f"Of {len(self.table):,} pairs of categories, lags and places"
        if not len(found):
            return (
                f"{among}, none goes along with each other more than chance makes ({self.shifts:,} shifts)."
            )
        row = found.iloc[0]
        when = "in the same period" if row["lag"] == 0 else f"{row['lag']} x {self.period} later"
        where = "in the same cell" if row["where"] == "same cell" else "in the cells around"
        way = "goes along with more" if row["r"] > 0 else "goes along with less"
        return (
            f"{among}, {len(found):,} stand out from chance. Most of all, more {row['leading']} than usual {way} "
            f"{row['following']} {where} {when} (correlation {row['r']:.3f}; by chance {row['chance_low']:.3f} to "
            f"{row['chance_high']:.3f}; p {row['p']:.2g}, over all tests {row['p_family']:.2g}). This is association: "
            "it does not say why."
        )

    def to_dict(self) -> dict[str, Any]:
        """Settings, tests and limits as plain data."""
        made: dict[str, Any] = plain(
            {
                "settings": self.settings,
                "tests": self.table.to_dict("records"),
                "left_out": self.left_out,
                "shifts": self.shifts,
                "periods": self.periods,
                "cells": self.cells,
                "sentence": self.sentence(),
                "limits": list(LIMITS),
            }
        )
        return made

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The tests that stand out most, above what chance makes; a filled mark stands out."""
        ax = axes(ax)
        rows = self.table.head(SHOWN).iloc[::-1]
        at = np.arange(len(rows))
        ax.hlines(at, rows["chance_low"], rows["chance_high"], color="0.8", linewidth=7, label="by chance")
        colour = np.where(rows["stands_out"].astype(bool), "black", "white")
        ax.scatter(rows["r"], at, c=list(colour), edgecolors="black", zorder=3)
        names = [
            f"{r.leading} → {r.following}, {r.lag} x {self.period}, {r.where}" for r in rows.itertuples()
        ]
        ax.set_yticks(at, names, fontsize="small")
        ax.set_xlabel("correlation (association)")
        return ax


def residuals(counts: Counts, *, least: int) -> Floats:
    """What is left of counts beyond how busy the cell and the period are, shape (n_cells, n_periods).

    ``(n - e) / sqrt(e)``, with e the product of the shares of cell and period. 0 in cells with fewer than `least`.
    """
    n = counts.dense().astype(np.float64)
    n[n.sum(axis=1) < least] = 0
    total = n.sum()
    if total == 0:
        return n
    e = np.outer(n.sum(axis=1), n.sum(axis=0)) / total
    left: Floats = np.divide(n - e, np.sqrt(e), out=np.zeros_like(n), where=e > 0)
    return left


def lags(
    categories: Mapping[str, Counts],
    *,
    most: int = 4,
    shifts: Shifts = "time",
    replicates: int = 999,
    least: int = 10,
    level: float = 0.05,
    seed: int = 0,
) -> Lags:
    """Cross-correlation of categories over space and time.

    Parameters
    ----------
    categories : mapping of str to Counts
        On one grid, over the same periods.
    most : int
        The longest lag, in periods.
    shifts : {"time", "space-time"}
        What chance is made of: one category is moved against the other in time, round the ring of periods, by each
        number of periods that is beyond the lags; or by such a number and to another place at once, by `replicates`
        draws. The former keeps all that holds within a place and between neighbours, and gives as many p-values as
        there are periods; the latter gives finer ones, and takes it that places are alike.
    replicates : int
        Draws of shifts in space and time.
    least : int
        Cells with fewer reports of a category over all periods are left out of it.
    level : float
        The p over all tests at which one stands out. (A false-discovery rate is given too; with so few shifts in time
        as there are periods it can't become low.)
    seed : int

    Raises
    ------
    UsageError
        No category, a negative lag, or counts on different grids or periods.
    NotEnoughDataError
        Fewer periods than 20 and three times the longest lag.
    DataError
        The cells and periods are more than 50 million.

    Notes
    -----
    Random shifts keep the dependence of each pattern on itself: Lotwick and Silverman (1982), "Methods for analysing
    spatial processes of several types of points", Journal of the Royal Statistical Society B 44. Over all tests at
    once, p is that of the largest standardised correlation in the same shift (Westfall and Young 1993).
    """
    grid, period, n = _checked(categories, most)
    check_replicates(replicates)
    check_level(level)
    if shifts not in ("time", "space-time"):
        msg = f"shifts={shifts!r} was given; expected time or space-time"
        raise UsageError(msg)
    panels, left_out = {}, {}
    for name, counts in categories.items():
        panel = residuals(counts, least=least)
        if np.any(panel):
            panels[name] = panel
        else:
            left_out[name] = f"no cell has {least} reports that differ from what cell and period make"
    moves = _moves(grid, n, most, shifts, replicates, seed)
    rows, nulls = [], []
    for row, r, null in _tests(panels, grid, most, moves):
        low, high = np.quantile(null, [level / 2, 1 - level / 2])
        p = float(monte_carlo_p((np.abs(null) >= abs(r) - 1e-12).sum(), null.size))
        rows.append({**row, "r": r, "chance_low": low, "chance_high": high, "p": p})
        nulls.append(null)
    table = _ranked(rows, nulls, level)
    settings = {
        "categories": list(categories),
        "most": most,
        "shifts": shifts,
        "replicates": len(moves),
        "least": least,
        "level": level,
        "seed": seed,
        "period": period,
        "grid": grid.to_dict(),
    }
    return Lags(table, left_out, len(moves), period, n, len(grid), settings)


def _checked(categories: Mapping[str, Counts], most: int) -> tuple[Grid, str, int]:
    if not categories or most < 0:
        msg = (
            f"{len(categories)} categories and a longest lag of {most} were given; expected at least 1 and 0"
        )
        raise UsageError(msg)
    first = next(iter(categories.values()))
    for name, counts in categories.items():
        if counts.grid != first.grid or not np.array_equal(counts.periods.edges, first.periods.edges):
            msg = f"{name} is counted on another grid or in other periods than {next(iter(categories))}"
            raise UsageError(msg, hint="count all with the same grid and periods")
    n = len(first.periods)
    if n < 3 * most + 1 + FEWEST:
        msg = f"{n} periods were given for lags of up to {most}; expected at least {3 * most + 1 + FEWEST}"
        raise NotEnoughDataError(msg, hint="a longer span, shorter periods or shorter lags")
    if len(first.grid) * n > MAX_ENTRIES:
        msg = f"{len(first.grid):,} cells x {n:,} periods were given; at most {MAX_ENTRIES:,} are compared"
        raise DataError(msg, hint="larger cells, longer periods or a shorter span")
    return first.grid, str(first.periods.frequency), n


def _moves(grid: Grid, n: int, most: int, shifts: Shifts, replicates: int, seed: int) -> Ints:
    """Rows, columns and periods by which one pattern is moved, shape (k, 3); always beyond the lags either way."""
    free = np.arange(most + 1, n - 2 * most)
    if shifts == "time":
        return np.stack([0 * free, 0 * free, free], axis=1)
    # Where at least half of the cells still lie on cells.
    held = grid.image(np.ones(len(grid)), fill=0.0)
    on = fft.irfft2(np.abs(fft.rfft2(held)) ** 2, s=grid.shape)
    places = np.argwhere(on >= 0.5 * len(grid))
    rng = np.random.default_rng(seed)
    return np.column_stack([places[rng.integers(0, len(places), replicates)], rng.choice(free, replicates)])


def _tests(
    panels: dict[str, Floats], grid: Grid, most: int, moves: Ints
) -> Iterator[tuple[dict[str, Any], float, Floats]]:
    """Each test with its correlation and those of the shifts."""
    still = not np.any(moves[:, :2])
    order = list(panels)
    n = next(iter(panels.values())).shape[1] if panels else 0
    for leading in order:
        for where in ("same cell", "neighbours"):
            led = panels[leading] if where == "same cell" else _around(panels[leading], grid)
            for following in order:
                both = _Ring(led, panels[following], grid, still=still)
                for lag in range(most + 1):
                    same = lag == 0 and order.index(following) < order.index(leading)
                    itself = lag == 0 and leading == following
                    # With itself at no lag, a cell is the same and its neighbours are what near repeats and hot places
                    # are about; and at no lag, either order is the same pair.
                    if same or itself:
                        continue
                    # A cell's mean was taken from its periods: what is left of one is a little less in all others.
                    drawn = 1 / (n - 1) if leading == following and where == "same cell" else 0.0
                    r = float(both.at(np.array([[0, 0, lag]]))[0]) + drawn
                    row = {"leading": leading, "following": following, "lag": lag, "where": where}
                    here = (moves[:, 0] == 0) & (moves[:, 1] == 0)
                    yield row, r, both.at(moves + np.array([0, 0, lag])) + np.where(here, drawn, 0.0)


def _around(panel: Floats, grid: Grid) -> Floats:
    """Sum over the up to eight cells around each."""
    image = np.zeros((grid.shape[0] + 2, grid.shape[1] + 2, panel.shape[1]))
    image[grid.rows + 1, grid.columns + 1] = panel
    rows = image[:-2] + image[1:-1] + image[2:]
    whole = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return np.asarray(whole[grid.rows, grid.columns] - panel, dtype=np.float64)


class _Ring:
    """Correlation of two panels with one of them moved, for all moves at once by way of Fourier transforms."""

    def __init__(self, led: Floats, follow: Floats, grid: Grid, *, still: bool) -> None:
        if still:
            n = led.shape[1]
            product = (fft.rfft(led, axis=1).conj() * fft.rfft(follow, axis=1)).sum(axis=0)
            top: Floats = fft.irfft(product, n=n)[None, None, :]
            under = np.array([[np.sqrt((led**2).sum() * (follow**2).sum())]])
        else:
            a, b = (_image(p, grid) for p in (led, follow))
            top = fft.irfftn(fft.rfftn(a).conj() * fft.rfftn(b), s=a.shape)
            # Where a moved cell meets none, neither counts.
            held = grid.image(np.ones(len(grid)), fill=0.0)
            under = np.sqrt(np.maximum(_meet((a**2).sum(axis=2), held) * _meet(held, (b**2).sum(axis=2)), 0))
        whole = np.sqrt((led**2).sum() * (follow**2).sum())
        self._r = top / np.where(under > 1e-9 * whole, under, np.inf)[:, :, None]

    def at(self, moves: Ints) -> Floats:
        """Correlations after moves of shape (k, 3)."""
        d, c, t = moves.T
        return np.asarray(self._r[d, c, t % self._r.shape[2]], dtype=np.float64)


def _image(panel: Floats, grid: Grid) -> Floats:
    image = np.zeros((*grid.shape, panel.shape[1]))
    image[grid.rows, grid.columns] = panel
    return image


def _meet(one: Floats, other: Floats) -> Floats:
    return np.asarray(fft.irfft2(fft.rfft2(one).conj() * fft.rfft2(other), s=one.shape), dtype=np.float64)


def _ranked(rows: list[dict[str, Any]], nulls: list[Floats], level: float) -> pd.DataFrame:
    """The tests with q and the p over all of them, those that stand out first."""
    columns = ["leading", "following", "lag", "where", "r", "chance_low", "chance_high", "p"]
    if not rows:
        return pd.DataFrame({name: [] for name in [*columns, "q", "p_family", "stands_out"]})
    table = pd.DataFrame(rows)[columns]
    chance = np.stack(nulls)
    spread = np.sqrt((chance**2).mean(axis=1))
    spread[spread == 0] = np.inf
    largest = np.abs(chance / spread[:, None]).max(axis=0)
    size = np.abs(table["r"].to_numpy()) / spread
    table["q"] = false_discovery(table["p"], dependent=True)
    table["p_family"] = monte_carlo_p((largest[None] >= size[:, None] - 1e-9).sum(axis=1), largest.size)
    table["stands_out"] = table["p_family"] <= level
    order = np.lexsort((-size, table["p_family"], ~table["stands_out"]))
    return table.iloc[order].reset_index(drop=True)
