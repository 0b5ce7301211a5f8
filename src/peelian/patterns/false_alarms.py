"""How often a scan raises an alarm where nothing can emerge: on the data's own past with time shuffled within cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import check_level, check_replicates
from peelian.patterns.emerging import YEAR, scan_of
from peelian.patterns.scan import past_tops, set_up
from peelian.patterns.windows import Windows, grid_windows
from peelian.places.counts import Counts

__all__ = ["FalseAlarms", "false_alarms", "shuffled"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FalseAlarms:
    """How many looks of the latest past raised an alarm, on the data as they are and with time shuffled in each cell.

    Parameters
    ----------
    looks : int
        Past looks, one a period.
    period_days : float
    bar : float
        Score that chance exceeds with probability `level`.
    level : float
    real : int
        Looks with an alarm on the data as they are: false ones, and real ones of the past.
    shuffled : tuple of int
        The same for each shuffling: all false.
    """

    looks: int
    period_days: float
    bar: float
    level: float
    real: int
    shuffled: tuple[int, ...]

    @property
    def real_a_year(self) -> float:
        """Looks with an alarm a year, on the data as they are."""
        return self.real / self.looks * YEAR / self.period_days

    @property
    def shuffled_a_year(self) -> float:
        """Looks with an alarm a year where time was shuffled, the mean of all shufflings."""
        return float(np.mean(self.shuffled)) / self.looks * YEAR / self.period_days

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "looks": self.looks,
            "level": self.level,
            "bar": self.bar,
            "real": self.real,
            "real_a_year": self.real_a_year,
            "shuffled": list(self.shuffled),
            "shuffled_a_year": self.shuffled_a_year,
        }


def false_alarms(
    counts: Counts,
    *,
    method: Literal["expectation", "permutation"] = "expectation",
    how: Literal["shuffle", "shift"] = "shuffle",
    weeks: int = 12,
    nearest: int = 150,
    radius: float | None = None,
    share: float = 0.5,
    fewest: int = 3,
    totals: bool = True,
    scatter: float | None = None,
    replicates: int = 999,
    looks: int = 52,
    shufflings: int = 3,
    level: float = 0.01,
    tops: Floats | None = None,
    windows: Windows | None = None,
    seed: int = 0,
) -> FalseAlarms:
    """Look at each of the latest periods in turn, on the data as they are and with time shuffled within cells.

    Where time is shuffled nothing can emerge, and every alarm is false.

    Parameters
    ----------
    counts : Counts
    how : {"shuffle", "shift"}
        Deal each cell's periods out anew, or turn each cell's run of periods by a random number of them, which keeps
        how its own periods follow each other.
    shufflings : int
    windows : Windows, optional
        Made from `nearest` and `radius` when not given.
    tops : array of float, optional
        Those of what `emerging` found with the same settings; looked for when not given.
    level, scatter, replicates, looks and all others
        As for `emerging`. The bar that an alarm must reach is that of chance at the latest look.

    Raises
    ------
    NotEnoughDataError
        Not one past look.
    """
    check_replicates(replicates)
    check_level(level)
    scan = scan_of(method, weeks=weeks, fewest=fewest, totals=totals)
    matrix, edges = counts.matrix, counts.periods.edges
    if windows is None:
        windows = grid_windows(counts.grid, nearest=nearest, radius=radius)
    ready = set_up(
        scan, matrix, edges, windows, share=share, looks=looks, tops=tops, scatter=scatter, seed=seed
    )
    windows, tops = ready.windows, ready.tops
    if not tops.size:
        msg = f"{len(counts.periods)} periods were given; one past look needs {scan.needs + weeks}"
        raise NotEnoughDataError(msg, hint="import older records, or look at fewer weeks")
    maxima = ready.look.maxima(replicates, scatter=ready.scatter, seed=seed)
    bar = float(np.quantile(maxima, 1 - level, method="higher"))
    alarms = []
    for i in range(shufflings):
        mixed = shuffled(matrix, how=how, rng=np.random.default_rng([seed, i]))
        alarms.append(int((past_tops(scan, mixed, edges, windows, looks=looks) >= bar).sum()))
    days = counts.periods.frequency.days
    return FalseAlarms(tops.size, days, bar, level, int((tops >= bar).sum()), tuple(alarms))


def shuffled(
    matrix: sparse.csc_array, *, how: Literal["shuffle", "shift"], rng: np.random.Generator
) -> sparse.csc_array:
    """Counts whose periods were dealt out anew, or turned, within each cell: each cell keeps its counts."""
    if how not in ("shuffle", "shift"):
        msg = f"how={how!r} was given; expected 'shuffle' or 'shift'"
        raise UsageError(msg)
    n, periods = matrix.shape
    coo = matrix.tocoo()
    if how == "shift":
        to = (coo.coords[1] + rng.integers(periods, size=n)[coo.coords[0]]) % periods
    else:
        # A random order of the periods for each cell, made only for cells that have a report.
        rows, inverse = np.unique(coo.coords[0], return_inverse=True)
        to = np.empty(coo.nnz, dtype=np.int64)
        step = max(20_000_000 // periods, 1)
        for first in range(0, rows.size, step):
            some = (inverse >= first) & (inverse < first + step)
            order = rng.permuted(np.tile(np.arange(periods), (min(step, rows.size - first), 1)), axis=1)
            to[some] = order[inverse[some] - first, coo.coords[1][some]]
    made = sparse.coo_array((coo.data, (coo.coords[0], to)), shape=(n, periods)).tocsc()
    made.sum_duplicates()
    return made
