"""What a plan says: a place, how much is covered, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peelian.response.options import Option

__all__ = ["Covered", "LeftOut", "Place"]


@dataclass(frozen=True)
class Place:
    """One place of a plan.

    Parameters
    ----------
    rank : int
        1 has the most expected reports.
    cell : str
        Id of the cell.
    x, y : float
        Centre, in the units of the grid's CRS.
    lon, lat : float
        Centre, in degrees.
    area_id, area_name : str or None
        Area with the largest part of the cell.
    expected : float
        Expected reports in the period.
    low, high : int
        Predictive interval of the reports in the period.
    hours : float
        Unit-hours planned in the period.
    reason : str
        Why it is here, in words and numbers.
    options : tuple of Option
        What could be done here that is not patrol; at least one.
    added : bool
        It was added by an amendment, not chosen by the method.
    """

    rank: int
    cell: str
    x: float
    y: float
    lon: float
    lat: float
    area_id: str | None
    area_name: str | None
    expected: float
    low: int
    high: int
    hours: float
    reason: str
    options: tuple[Option, ...]
    added: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        plain = {name: value for name, value in vars(self).items() if name != "options"}
        return {**plain, "options": [option.to_dict() for option in self.options]}


@dataclass(frozen=True)
class Covered:
    """How much of the expected reports falls in the chosen places.

    Parameters
    ----------
    expected : float
    low, high : int
        Predictive interval of the reports in the chosen places together.
    level : float
    share_of_expected, share_of_area : float
        0 to 1.
    area_km2 : float
    """

    expected: float
    low: int
    high: int
    level: float
    share_of_expected: float
    share_of_area: float
    area_km2: float


@dataclass(frozen=True)
class LeftOut:
    """What the plan could not use or had to pass by.

    Parameters
    ----------
    hours : float
        Unit-hours of the budget that are not used.
    why : str
        Why they are not used; empty when all are.
    capped : tuple of dict
        Areas whose cap kept places out: ``area_id``, ``area_name``, ``places`` (chosen) and ``kept_out``.
    cost_of_cap : float
        Expected reports that the best plan without the cap would cover beyond this one.
    """

    hours: float
    why: str
    capped: tuple[dict[str, Any], ...] = ()
    cost_of_cap: float = 0.0
