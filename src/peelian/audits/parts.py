"""One part of the audit of the data: what it looked for, what stands out, and what it can't tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pandas as pd

from peelian.audits.base import Audit, plain_rows
from peelian.audits.finding import Finding, Threshold
from peelian.audits.thresholds import keeps_within

__all__ = ["Measured", "Part", "Thresholds", "finding"]

Thresholds = Mapping[str, Threshold]

SHOWN = 40
"""Rows of a table in a result; the whole of it stands beside the result."""


@dataclass(frozen=True)
class Measured:
    """A value with the ends of its interval; None for what is not known."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """As plain values."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, eq=False)
class Part(Audit):
    """What one look at the data found.

    Parameters
    ----------
    name : str
        Such as ``"delay"``.
    said : tuple of str
        What was found, the headline first.
    found : tuple of Finding
    untold : tuple of str
        What it can't tell.
    tables : mapping of str to pandas.DataFrame
        The first is the part's frame.
    standing : int
        How many places, areas or labels stand out beyond chance.
    looked : int
        Among how many.
    numbers : mapping
        Plain values beside the tables.
    """

    name: str
    said: tuple[str, ...]
    found: tuple[Finding, ...] = ()
    untold: tuple[str, ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    standing: int = 0
    looked: int = 0
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))
        object.__setattr__(self, "numbers", MappingProxyType(dict(self.numbers)))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was measured."""
        return self.found

    @property
    def limits(self) -> tuple[str, ...]:
        """What this can't tell."""
        return self.untold

    @property
    def frame(self) -> pd.DataFrame:
        """The first table; empty where there is none."""
        return next(iter(self.tables.values()), pd.DataFrame())

    def sentences(self) -> list[str]:
        """What was found, the headline first."""
        return list(self.said)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, with the first rows of each table."""
        tables = {
            name: {"rows": plain_rows(table.head(SHOWN)), "of": len(table)}
            for name, table in self.tables.items()
        }
        return {
            **super().to_dict(),
            "name": self.name,
            "standing": self.standing,
            "looked": self.looked,
            "numbers": dict(self.numbers),
            "tables": tables,
        }


def finding(
    measure: str,
    what: str,
    subject: str,
    measured: Measured,
    *,
    level: float,
    thresholds: Thresholds | None,
    unit: str = "",
    limits: tuple[str, ...] = (),
    details: Mapping[str, Any] | None = None,
) -> Finding:
    """A finding of a named measure, held against its threshold where one is set."""
    threshold = (thresholds or {}).get(measure)
    return Finding(
        id=f"{measure}/{what}",
        measure=measure.replace("_", " "),
        subject=subject,
        value=measured.value,
        low=measured.low,
        high=measured.high,
        level=level,
        unit=unit,
        threshold=threshold,
        passes=keeps_within(measure, measured.value, threshold),
        limits=limits,
        details=details or {},
    )
