"""What a scan for emerging clusters found: places, weeks, how many more reports, how sure, how often falsely."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.patterns.base import Pattern, axes, few
from peelian.places.grid import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Cluster", "Clusters"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cluster:
    """One cluster.

    Parameters
    ----------
    place : str
        Id of the cell in its middle.
    x, y : float
        Its centre, in CRS units.
    radius : float
        Metres to the farthest cell's centre, and half a cell.
    cells : tuple of str
        Ids, nearest first.
    start, end : date
        Half-open.
    weeks : int
        Periods.
    observed : int
    expected : float
    low, high : float
        95 % interval of observed over expected, as if this place and span had been chosen beforehand.
    score, p, q : float
    recurrence : float
        In days: how rarely chance alone would show anything as high, looked at once a period.
    alarms_a_year : float or None
        How many looks a year at this data's own past showed anything as high; None where the past is too short.
    incidents : tuple of str
        Ids of the incidents in it; empty where only counts were given.
    """

    place: str
    x: float
    y: float
    radius: float
    cells: tuple[str, ...]
    start: np.datetime64
    end: np.datetime64
    weeks: int
    observed: int
    expected: float
    low: float
    high: float
    score: float
    p: float
    q: float
    recurrence: float
    alarms_a_year: float | None
    incidents: tuple[str, ...]

    @property
    def ratio(self) -> float:
        """Observed over expected."""
        return self.observed / self.expected

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "place": self.place,
            "x": self.x,
            "y": self.y,
            "radius_m": self.radius,
            "cells": list(self.cells),
            "from": str(self.start),
            "until": str(self.end),
            "periods": self.weeks,
            "observed": self.observed,
            "expected": self.expected,
            "ratio": self.ratio,
            "low": self.low,
            "high": self.high,
            "score": self.score,
            "p": self.p,
            "q": self.q,
            "recurrence_days": self.recurrence,
            "alarms_a_year": self.alarms_a_year,
            "incidents": list(self.incidents),
        }


@dataclass(frozen=True, eq=False)
class Clusters(Pattern):
    """Emerging clusters, highest first, of which some are signals.

    Parameters
    ----------
    found : tuple of Cluster
        Without a cell in common.
    grid : Grid
    settings : dict
        What was asked for, as plain data.
    scatter : float
        Variance over mean that chance was given.
    level, alarms : float
        What makes a cluster a signal: its greatest p-value, and its most alarms a year in the past.
    reports : int
        Reports in the periods scanned.
    tops : array of float, shape (looks,)
        Highest scores of the same scan at past moments.
    notes : tuple of str
    """

    found: tuple[Cluster, ...]
    grid: Grid
    settings: dict[str, Any]
    scatter: float
    level: float
    alarms: float
    reports: int
    tops: Floats
    notes: tuple[str, ...] = field(default=())

    @property
    def signals(self) -> tuple[Cluster, ...]:
        """Those that stand out more than chance does, and more than this data's own past used to."""
        return tuple(
            c
            for c in self.found
            if c.p <= self.level and (c.alarms_a_year is None or c.alarms_a_year <= self.alarms)
        )

    @property
    def frame(self) -> pd.DataFrame:
        """A row a cluster, highest first."""
        rows = [c.to_dict() for c in self.found]
        columns = [name for name in _columns() if name not in ("cells", "incidents")]
        frame = pd.DataFrame(rows, columns=_columns())
        frame["signal"] = [c in self.signals for c in self.found]
        frame["cell_count"] = [len(c.cells) for c in self.found]
        return frame[[*columns, "cell_count", "signal"]]

    def sentence(self) -> str:
        """What was found and how sure that is."""
        if not self.reports:
            return "Nothing was reported in the periods looked at, so no cluster can emerge."
        if not self.found:
            return "No place had more reports of late than was expected there: nothing to look at."
        signals, first = self.signals, self.found[0]
        what = (
            f"{first.observed:,} reports within {first.radius:,.0f} m of cell {first.place} from {first.start}, where "
            f"{few(first.expected)} were expected (ratio {first.ratio:.1f}, 95 % interval {first.low:.1f} to "
            f"{first.high:.1f})"
        )
        past = "" if first.alarms_a_year is None else f", and {_alarms(first.alarms_a_year)}"
        if not signals:
            none = f"No cluster stands out from chance (p at most {self.level:g})"
            if first.p <= self.level:
                # Chance alone would not reach it, but the data's own past did, too often to call it news.
                none = (
                    f"No cluster stands out from this data's own past (at most {self.alarms:g} alarms a year)"
                )
            return f"{none}: the highest is {what}; p = {first.p:.3g}{past}."
        more = "1 emerging cluster" if len(signals) == 1 else f"{len(signals)} emerging clusters"
        return f"{more}: the highest is {what}; p = {first.p:.3g}{past}."

    def to_dict(self) -> dict[str, Any]:
        """Settings, clusters, and what they can't tell."""
        limits = [
            "Clusters are of reports: what was not reported, or not yet, is not in them.",
            "The highest of many places and spans is picked, so its ratio is too high; its p-value allows for that.",
            "A cluster says that reports rose there, not why, and not that they will go on.",
            "A round window covers places that had no rise: the map of its cells is a lead to check, no border.",
        ]
        if any(c.alarms_a_year is None for c in self.found):
            limits.append("The past is too short to count how often this setting would have raised an alarm.")
        if self.found and not any(c.incidents for c in self.found):
            limits.append("Only counts were given, so the incidents in a cluster are not named.")
        return {
            "pattern": "emerging clusters",
            "settings": self.settings,
            "scatter": self.scatter,
            "reports": self.reports,
            "signals": len(self.signals),
            "clusters": [{**c.to_dict(), "signal": c in self.signals} for c in self.found],
            "past_looks": int(self.tops.size),
            "sentence": self.sentence(),
            "notes": list(self.notes),
            "limits": limits,
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The clusters' cells on the study area: signals filled, others as outlines."""
        ax = axes(ax)
        xmin, ymin, xmax, ymax = self.grid.bounds()
        ax.imshow(
            np.where(np.isnan(self.grid.image(np.ones(len(self.grid)))), np.nan, 0.0),
            extent=(xmin, xmax, ymin, ymax), origin="lower", cmap="Greys", vmin=-0.5, vmax=4,
        )  # fmt: skip
        number = {name: i for i, name in enumerate(self.grid.ids)}
        for rank, cluster in enumerate(self.found, 1):
            for shape in self.grid.polygons()[[number[name] for name in cluster.cells]]:
                signal = cluster in self.signals
                ax.fill(
                    *shape.exterior.xy, facecolor="#b2182b" if signal else "none", edgecolor="#b2182b", lw=0.4
                )
            ax.annotate(str(rank), (cluster.x, cluster.y), (6, 6), textcoords="offset points", fontsize=8)
        ax.set_title(f"Emerging clusters of reports until {self.settings['until']}", fontsize=10)
        ax.set_aspect("equal")
        ax.set_xticks([])
        ax.set_yticks([])
        return ax


def _alarms(rate: float) -> str:
    if rate == 0:
        return "nothing as high in this data's own past"
    return f"anything as high in {rate:.1f} looks a year at this data's own past"


def _columns() -> list[str]:
    return [
        *(
            "place",
            "x",
            "y",
            "radius_m",
            "cells",
            "from",
            "until",
            "periods",
            "observed",
            "expected",
            "ratio",
            "low",
        ),
        *("high", "score", "p", "q", "recurrence_days", "alarms_a_year", "incidents"),
    ]
