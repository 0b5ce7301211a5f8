"""Incidents as bare points in metres and whole units of time, for the tests of interaction of space and time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from peelian.places.crs import metres_per_unit

if TYPE_CHECKING:
    from peelian.records.incidents import Incidents

__all__ = ["MINUTES", "PointEvents", "plain", "point_events", "span_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MINUTES = 24 * 60
"""Minutes of a day."""


@dataclass(frozen=True, eq=False)
class PointEvents:
    """Where and when, without anything else.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Metres from the south-western corner of the points.
    time : array of int, shape (n,)
        Calendar days (or minutes, where `minutes`) since the first.
    minutes : bool
    """

    x: Floats
    y: Floats
    time: Ints
    minutes: bool = False

    def __len__(self) -> int:
        return int(self.time.size)

    @property
    def per_day(self) -> int:
        """Units of `time` in a day."""
        return MINUTES if self.minutes else 1

    def tied(self) -> tuple[int, int]:
        """How many share both point and time with another, and how many pairs these make."""
        if not len(self):
            return 0, 0
        rows = np.column_stack([self.x, self.y, self.time])
        _, n = np.unique(rows, axis=0, return_counts=True)
        return int(n[n > 1].sum()), int((n * (n - 1) // 2).sum())


def point_events(incidents: Incidents, *, minutes: bool = False) -> PointEvents:
    """The points of incidents in metres, and their times in calendar days, or in minutes.

    Raises
    ------
    ResolutionError
        The times are known only to the month, or to the day where minutes are asked for.
    """
    incidents.require("minute" if minutes else "day")
    scale = metres_per_unit(incidents.crs)
    x, y = incidents.x, incidents.y
    time = incidents.time.astype("datetime64[m]" if minutes else "datetime64[D]").astype(np.int64)
    if time.size:
        # From a corner near by: a metre far from the origin has fewer digits left.
        x, y, time = x - x.min(), y - y.min(), time - time.min()
    return PointEvents(x * scale, y * scale, time, minutes)


def span_of(incidents: Incidents) -> tuple[str, str] | None:
    """First and last day, as text; None of no incidents."""
    if not len(incidents):
        return None
    time = incidents.time.astype("datetime64[D]")
    return str(time.min()), str(time.max())


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: no NumPy type, and None for what is not a finite number."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
