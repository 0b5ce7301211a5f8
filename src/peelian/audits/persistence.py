"""How long the same places are chosen: overlap from one plan to the next, runs, and who lives where it never ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.log_ratios import LogEstimate, estimate_log, resample
from peelian.audits.partitions import Partition
from peelian.errors import DataError, NotEnoughDataError

__all__ = ["Persistence", "chosen_top", "persistence"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Persistence:
    """How long the same places were chosen.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row a measure: ``measure``, ``meaning``, ``value``, ``low``, ``high``, ``chance`` (of as many places drawn at
        random each time; NaN where that says nothing).
    residents : pandas.DataFrame
        A row a group and number of times: ``group``, ``times``, ``residents``, ``share`` of the group.
    times : int
        How many plans or periods there are.
    """

    frame: pd.DataFrame
    residents: pd.DataFrame
    times: int


def chosen_top(counts: npt.ArrayLike, *, top: float) -> Bools:
    """The units with the most counts of each period, up to a share of all units and at least one.

    Parameters
    ----------
    counts : array of float, shape (n_units, n_periods)
        NaN where not known: not chosen. Ties at the edge are all left out, so that the order of rows decides nothing,
        unless that leaves none.
    top : float

    Returns
    -------
    array of bool, shape (n_units, n_periods)
    """
    given = np.nan_to_num(np.asarray(counts, dtype=float), nan=-1.0)
    most = max(round(top * len(given)), 1)
    edge = -np.sort(-given, axis=0)[most - 1]
    level, above = (given >= edge) & (given > 0), given > edge
    too_many = (level.sum(axis=0) > most) & above.any(axis=0)
    return np.asarray(np.where(too_many, above, level), dtype=bool)


def persistence(
    chosen: npt.ArrayLike,
    residents: pd.DataFrame,
    partitions: Sequence[Partition],
    *,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
    salt: int = 0,
) -> Persistence:
    """Overlap from one period to the next, length of runs, and residents by how often their place was chosen.

    Parameters
    ----------
    chosen : array of bool, shape (n_units, n_periods)
    residents : pandas.DataFrame, shape (n_units, n_groups)
    partitions : sequence of Partition
        Blocks that are drawn anew for the intervals.

    Raises
    ------
    DataError
        Residents of another number of units.
    NotEnoughDataError
        Fewer than two periods.
    """
    was = np.asarray(chosen, dtype=bool)
    if len(residents) != len(was):
        msg = f"residents of {len(residents)} units were given for {len(was)}"
        raise DataError(msg)
    if was.ndim != 2 or was.shape[1] < 2:
        msg = "one period was given; expected two or more, to see what stays"
        raise NotEnoughDataError(msg, hint="name the column that tells periods apart: --period")
    before, after = was[:, :-1], was[:, 1:]
    starts = was[:, :1].sum(axis=1) + (after & ~before).sum(axis=1)
    columns = np.column_stack(
        [
            (before & after).sum(axis=1),
            (before | after).sum(axis=1),
            was.all(axis=1),
            was.any(axis=1),
            was.sum(axis=1),
            starts,
        ]
    ).astype(float)
    drawn = resample(columns, partitions, replicates=replicates, seed=seed, salt=salt)
    rows = [
        _row(name, meaning, estimate_log(drawn, _ratio(i, i + 1), level=level), chance)
        for i, name, meaning, chance in (
            (
                0,
                "overlap",
                "places chosen both times, of those chosen at either, from one to the next",
                _by_chance(was),
            ),
            (2, "always", "places chosen every time, of those chosen at any", np.nan),
            (4, "run", "times in a row that a place is chosen, on average", np.nan),
        )
    ]
    return Persistence(pd.DataFrame(rows), _by_times(was, residents), int(was.shape[1]))


def _ratio(top: int, bottom: int) -> Callable[[Floats], Floats]:
    def logarithm(sums: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log(sums[:, top]) - np.log(sums[:, bottom]))

    return logarithm


def _row(name: str, meaning: str, made: LogEstimate, chance: float) -> dict[str, object]:
    bound = np.inf if name == "run" else 1.0
    missing = np.nan if made.value is None else made.value
    low = np.nan if made.low is None else made.low
    high = np.nan if made.high is None else min(made.high, bound)
    return {"measure": name, "meaning": meaning, "value": missing, "low": low, "high": high, "chance": chance}


def _by_chance(was: Bools) -> float:
    """Overlap of as many units drawn at random each time."""
    held = was.sum(axis=0).astype(float)
    both = held[:-1] * held[1:] / len(was)
    either = (held[:-1] + held[1:] - both).sum()
    return float(both.sum() / either) if either else np.nan


def _by_times(was: Bools, residents: pd.DataFrame) -> pd.DataFrame:
    times = was.sum(axis=1)
    rows = []
    for group in residents.columns:
        lived = residents[group].to_numpy(dtype=float)
        held = np.bincount(times, weights=lived, minlength=was.shape[1] + 1)
        total = lived.sum()
        rows += [
            {
                "group": str(group),
                "times": k,
                "residents": float(n),
                "share": float(n / total) if total else np.nan,
            }
            for k, n in enumerate(held)
        ]
    return pd.DataFrame(rows)
