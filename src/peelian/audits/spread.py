"""How concentrated a plan is, and how long the same places are chosen: whoever bears it may bear it always."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.base import ECOLOGICAL, Audit, plain_rows
from peelian.audits.concentration import concentration
from peelian.audits.finding import Finding, Threshold
from peelian.audits.partitions import compact_partitions
from peelian.audits.persistence import Persistence, persistence
from peelian.audits.thresholds import keeps_within
from peelian.errors import UsageError

__all__ = ["SpreadAudit", "spread_audit"]

Floats = npt.NDArray[np.float64]

BOUNDED = {("top_5", "units"): "top_share", ("gini", "units"): "gini"}
NAMES = {"units": "cells", "residents": "residents"}
LIMITS = (
    ECOLOGICAL,
    "Few places are chosen on purpose: how concentrated a plan is says nothing about whether that is right.",
    "What was planned was counted, not what was done.",
)
ALONE = "There are plans of one period of this category so far: how long the same places are chosen can't be told yet."


@dataclass(frozen=True, eq=False)
class SpreadAudit(Audit):
    """How concentrated a plan is, and how long the same places are chosen.

    Parameters
    ----------
    hours : float
        Planned in all.
    attended, cells : int
        Cells with hours, and cells with residents or hours.
    reached : float
        Share of all residents who live in a cell with hours.
    lasting : Persistence or None
        Over this plan and those before it.
    level : float
    thresholds : mapping of str to Threshold
    """

    hours: float
    attended: int
    cells: int
    reached: float
    lasting: Persistence | None
    level: float
    thresholds: Mapping[str, Threshold]
    _frame: pd.DataFrame = field(repr=False)

    @property
    def frame(self) -> pd.DataFrame:
        """See `peelian.audits.concentration.concentration`."""
        return self._frame

    @property
    def limits(self) -> tuple[str, ...]:
        """What this can't tell."""
        return LIMITS if self.lasting is not None else (*LIMITS, ALONE)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Each measure of concentration, then of how long places are chosen."""
        found = [self._concentrated(row) for row in plain_rows(self.frame)]
        if self.lasting is not None:
            found += [self._lasting(row) for row in plain_rows(self.lasting.frame)]
        return tuple(found)

    def _concentrated(self, row: Mapping[str, Any]) -> Finding:
        basis, measure = NAMES[row["basis"]], str(row["measure"])
        said = "Gini coefficient" if measure == "gini" else f"share of the hours in the top {measure[4:]} %"
        name = BOUNDED.get((measure, row["basis"]))
        bound = self.thresholds.get(name) if name else None
        kind = "gini" if measure == "gini" else "top_share"
        return Finding(
            id=f"{kind}/{measure}/{row['basis']}",
            measure=said,
            subject=f"of {basis}, under the plan",
            value=row["value"],
            low=row["low"],
            high=row["high"],
            level=self.level,
            threshold=bound,
            passes=keeps_within(name, row["value"], bound) if name else None,
            limits=() if row["value"] is not None else ("Nothing is planned.",),
        )

    def _lasting(self, row: Mapping[str, Any]) -> Finding:
        overlap = row["measure"] == "overlap"
        bound = self.thresholds.get("place_overlap") if overlap else None
        return Finding(
            id=f"{'place_overlap' if overlap else 'persistence'}/{row['measure']}",
            measure=str(row["meaning"]),
            subject="over the plans of this category",
            value=row["value"],
            low=row["low"],
            high=row["high"],
            level=self.level,
            threshold=bound,
            passes=keeps_within("place_overlap", row["value"], bound) if overlap else None,
            limits=()
            if row["low"] is not None
            else ("Too few places are chosen more than once for an interval.",),
            details={"by_chance": row["chance"]},
        )

    def sentences(self) -> list[str]:
        """How few cells have the hours, who lives there, and how long that stays so."""
        share = 100 * self.attended / self.cells if self.cells else 0.0
        gini = float(self.frame.query("measure == 'gini' and basis == 'residents'")["value"].iloc[0])
        said = [
            f"{self.hours:,.0f} hours go to {self.attended:,} of {self.cells:,} cells ({share:.2g} %), where "
            f"{100 * self.reached:.2g} % of the residents live"
            + ("." if np.isnan(gini) else f"; over residents their Gini coefficient is {gini:.2f}.")
        ]
        if self.lasting is None:
            return [*said, ALONE]
        return [*said, *self._stays()]

    def _stays(self) -> list[str]:
        assert self.lasting is not None
        row = plain_rows(self.lasting.frame[self.lasting.frame["measure"] == "overlap"])[0]
        if row["value"] is None:
            return [f"Over {self.lasting.times} plans no place was chosen twice in a row."]
        ends = (
            ""
            if row["low"] is None
            else f" ({self.level * 100:g} % interval {row['low']:.2f} to {row['high']:.2f})"
        )
        chance = "" if row["chance"] is None else f"; drawn at random it would be {row['chance']:.2g}"
        first = (
            f"From one plan to the next, over {self.lasting.times}, {row['value']:.2f} of the places that either has "
            f"are in both{ends}{chance}."
        )
        return [first, *self._always()]

    def _always(self) -> list[str]:
        """For each group how many live where every plan went."""
        assert self.lasting is not None
        rows = self.lasting.residents
        last = rows[rows["times"] == self.lasting.times]
        parts = [
            f"{row['group']} {100 * row['share']:.2g} %"
            for row in plain_rows(last)
            if row["share"] is not None
        ]
        return (
            [f"Residents of places that every one of these plans chose: {', '.join(parts)}."] if parts else []
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        lasting = self.lasting
        return {
            **super().to_dict(),
            "level": self.level,
            "hours": self.hours,
            "attended": self.attended,
            "cells": self.cells,
            "reached": self.reached,
            "concentration": plain_rows(self.frame),
            "plans": 1 if lasting is None else lasting.times,
            "persistence": [] if lasting is None else plain_rows(lasting.frame),
            "times": [] if lasting is None else plain_rows(lasting.residents),
        }


def spread_audit(
    hours: npt.ArrayLike,
    residents: pd.DataFrame,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    before: Sequence[npt.ArrayLike] = (),
    thresholds: Mapping[str, Threshold] | None = None,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> SpreadAudit:
    """Measure how concentrated a plan is, and how long the same places have been chosen.

    Parameters
    ----------
    hours : array of float, shape (n_cells,)
    residents : pandas.DataFrame, shape (n_cells, n_groups)
    x, y : array of float, shape (n_cells,)
        Centres of the cells.
    before : sequence of array of bool, shape (n_cells,)
        Cells that earlier plans chose, oldest first.
    thresholds : mapping of str to Threshold, optional
        Of ``top_share`` (top 5 % of cells), ``gini`` (over cells) and ``place_overlap``.
    level, replicates, seed
        Of the intervals: blocks of cells of several sizes are drawn, and the widest counts.

    Raises
    ------
    UsageError
        Arrays of another length.
    """
    h = np.asarray(hours, dtype=float)
    places = [np.asarray(one, dtype=bool) for one in before] + [h > 0]
    if len(residents) != h.size or any(one.shape != h.shape for one in places):
        msg = (
            f"hours of {h.size} cells were given with residents of {len(residents)}, or plans of other cells"
        )
        raise UsageError(msg, hint="all on the plan's own grid")
    lived = residents.to_numpy(dtype=float).sum(axis=1)
    used = (lived > 0) | np.any(places, axis=0)
    partitions = compact_partitions(np.asarray(x, dtype=float)[used], np.asarray(y, dtype=float)[used])
    found = concentration(h[used], lived[used], partitions, level=level, seed=seed)
    lasting = None
    if len(places) > 1:
        chosen = np.column_stack(places)[used]
        draws = {"replicates": replicates, "seed": seed}
        lasting = persistence(
            chosen, residents[used].reset_index(drop=True), partitions, level=level, **draws
        )
    return SpreadAudit(
        hours=float(h.sum()),
        attended=int((h > 0).sum()),
        cells=int(used.sum()),
        reached=float(lived[h > 0].sum() / lived.sum()) if lived.sum() else 0.0,
        lasting=lasting,
        level=level,
        thresholds=dict(thresholds or {}),
        _frame=found,
    )
