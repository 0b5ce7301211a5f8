"""The incident schema: the allow-list of everything that may ever be kept of an incident.

Charter rule 1: what is not on this list is never written, whatever a file holds. The list has a time, a
place, a kind and five facts about how the record came to be. It has no field for a person, and none can be
added by a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import pandas as pd
import pyarrow as pa

__all__ = [
    "ARROW_SCHEMA",
    "FIELDS",
    "NULLABLE",
    "RESOLUTIONS",
    "Field",
    "Resolution",
    "coarsest",
    "empty_frame",
]

Resolution = Literal["minute", "day", "month"]

#: From fine to coarse. ``resolution`` says how much of ``occurred_from`` may be believed.
RESOLUTIONS: tuple[Resolution, ...] = ("minute", "day", "month")


@dataclass(frozen=True, slots=True)
class Field:
    """One allowed field: its Arrow type, whether it may be null, and what it means."""

    type: pa.DataType
    nullable: bool
    meaning: str


_TIME = pa.timestamp("us")

#: Name -> field, in the order in which they are stored.
FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "id": Field(pa.string(), False, "the source's id of the incident, or a stable hash of its row"),
        "source": Field(
            pa.string(), False, "which source the row came from (slmpd, chicago, police_uk, ...)"
        ),
        "occurred_from": Field(_TIME, False, "earliest time it can have happened; naive local civil time"),
        "occurred_to": Field(_TIME, True, "latest time it can have happened; naive local civil time"),
        "reported": Field(
            _TIME,
            True,
            "when it was reported; naive local civil time; the first of the month if only a month is known",
        ),
        "resolution": Field(pa.string(), False, "what of occurred_from is known: minute, day or month"),
        "category": Field(pa.string(), False, "one of the standard categories"),
        "label": Field(pa.string(), False, "the source's own name of the category"),
        "x": Field(pa.float64(), False, "easting in the workspace's projected CRS, in its unit"),
        "y": Field(pa.float64(), False, "northing in the workspace's projected CRS, in its unit"),
        "officer_initiated": Field(
            pa.bool_(), False, "found by officers' own activity rather than reported to them"
        ),
        "domestic": Field(pa.bool_(), True, "recorded by the source as domestic"),
        "location_type": Field(
            pa.string(), True, "the source's kind of place (street, residence, shop, ...)"
        ),
    }
)

#: Fields that may be null (and may be missing from a frame that is handed in).
NULLABLE: frozenset[str] = frozenset(name for name, field in FIELDS.items() if field.nullable)

ARROW_SCHEMA: pa.Schema = pa.schema(
    [pa.field(name, field.type, field.nullable) for name, field in FIELDS.items()]
)


def coarsest(resolutions: set[str] | frozenset[str]) -> Resolution:
    """Return the coarsest of a set of resolutions; ``"minute"`` for an empty set."""
    for resolution in reversed(RESOLUTIONS):
        if resolution in resolutions:
            return resolution
    return "minute"


def empty_frame() -> pd.DataFrame:
    """Return a frame of no incidents with every field in its type."""
    frame: pd.DataFrame = ARROW_SCHEMA.empty_table().to_pandas()
    return frame
