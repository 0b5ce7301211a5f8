"""Intervals of ratios of stops: areas drawn anew, and days drawn anew.

Stops come in bunches: an operation on one evening, a squad in one area. Taking each for a new piece of evidence gives
intervals that are too narrow, so whole areas and whole days are drawn instead, and the wider interval of both is told
(Cameron and Miller 2015, A practitioner's guide to cluster-robust inference, Journal of Human Resources 50).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.audits.blocks import quantile_interval, resampled_sums
from peelian.audits.stop_records import StopRecords

__all__ = ["Interval", "StopDraws", "wider"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FEWEST_CLUSTERS = 10


@dataclass(frozen=True)
class Interval:
    """Ends of an interval, by what was drawn, and a p-value for a ratio of 1; None where there are too few clusters."""

    low: float | None
    high: float | None
    by: str
    p: float | None = None
    why: str = ""

    @property
    def width(self) -> float:
        """On the scale of logarithms; infinite where an end is open, under 0 where there is none at all."""
        if self.low is None and self.high is None:
            return -1.0
        if self.low is None or self.high is None or self.low <= 0:
            return float("inf")
        return float(np.log(self.high / self.low))


def wider(*intervals: Interval) -> Interval:
    """The widest of several intervals of the same number."""
    return max(intervals, key=lambda one: one.width)


class StopDraws:
    """Draws of areas and of days, shared by all ratios of one set of stops.

    Parameters
    ----------
    records : StopRecords
        Stops without an area are drawn by their day, so that the many without a place are not one cluster.
    replicates, seed : int
    level : float
    """

    def __init__(self, records: StopRecords, *, replicates: int, seed: int, level: float) -> None:
        self.replicates, self.seed, self.level = replicates, seed, level
        area, day = records.frame["area"], records.frame["day"].astype("string").fillna("no day")
        self.areas = sorted(str(one) for one in area.dropna().unique())
        self._area = pd.factorize(area.where(area.notna(), "no place on " + day.astype(object)))
        self._day = pd.factorize(day)

    def by_area(
        self, above: Sequence[Bools], below: Sequence[Bools] | None, table: pd.DataFrame | None
    ) -> Interval:
        """Areas drawn anew, with their stops and their residents."""
        code, names = self._area
        sums = [_sums(code, rows, len(names)) for rows in above]
        if below is not None:
            sums += [_sums(code, rows, len(names)) for rows in below]
        if table is not None:
            held = table.reindex([str(name) for name in names]).fillna(0.0)
            others = table[~table.index.isin(names)]
            lower = [np.concatenate([held[c].to_numpy(), others[c].to_numpy()]) for c in table.columns]
            sums = [np.concatenate([one, np.zeros(len(others))]) for one in sums] + lower
        return self._interval(np.stack(sums, axis=1), "areas")

    def by_day(
        self, above: Sequence[Bools], below: Sequence[Bools] | None, fixed: Sequence[float]
    ) -> Interval:
        """Days drawn anew; residents stay."""
        code, names = self._day
        sums = [_sums(code, rows, len(names)) for rows in [*above, *(below or ())]]
        return self._interval(np.stack(sums, axis=1), "days", None if below is not None else fixed)

    def _interval(self, sums: Floats, by: str, fixed: Sequence[float] | None = None) -> Interval:
        sums = sums[sums.any(axis=1)]
        if len(sums) < FEWEST_CLUSTERS:
            return Interval(
                None, None, by, why=f"There are {len(sums)} {by}: too few to be drawn anew for an interval."
            )
        drawn = resampled_sums(sums, replicates=self.replicates, seed=self.seed)
        ratio, point = _ratio(drawn, fixed), float(_ratio(sums.sum(axis=0, keepdims=True), fixed)[0])
        known = ratio[~np.isnan(ratio)]
        if known.size < self.level * ratio.size:
            return Interval(
                None, None, by, why="The ratio is not defined in many of the draws, so it has no interval."
            )
        low, high = quantile_interval(known, level=self.level)
        with np.errstate(divide="ignore"):
            logs = np.log(known[(known > 0) & np.isfinite(known)])
        spread = float(np.std(logs, ddof=1)) if logs.size > 1 else 0.0
        p = float(2 * stats.norm.sf(abs(np.log(point)) / spread)) if spread > 0 and point > 0 else None
        return Interval(low, high if np.isfinite(high) else None, by, p)


def _sums(code: npt.NDArray[np.intp], rows: Bools, n: int) -> Floats:
    return np.bincount(code[rows], minlength=n).astype(float)


def _ratio(sums: Floats, fixed: Sequence[float] | None) -> Floats:
    """Of columns: stops of the group, of the reference, and then what each is counted against."""
    below = sums[:, 2:4].T if fixed is None else np.asarray(fixed, dtype=float)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((sums[:, 0] / below[0]) / (sums[:, 1] / below[1]))
