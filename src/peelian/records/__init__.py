"""Records: from any city's raw files to incidents with every row accounted for.

The room holds the allow-list of fields (:data:`FIELDS`), the table type (:class:`Incidents`), the readers
(:func:`read_incidents`), the store (:class:`IncidentStore`) and the quality checks (:func:`assess`).
"""

from __future__ import annotations

from peelian.records.categories import STANDARD, CategoryTable, StandardCategory, load_table
from peelian.records.incidents import CivilTime, Incidents
from peelian.records.schema import ARROW_SCHEMA, FIELDS, NULLABLE, RESOLUTIONS, Field, Resolution, empty_frame

__all__ = [
    "ARROW_SCHEMA",
    "FIELDS",
    "NULLABLE",
    "RESOLUTIONS",
    "STANDARD",
    "CategoryTable",
    "CivilTime",
    "Field",
    "Incidents",
    "Resolution",
    "StandardCategory",
    "empty_frame",
    "load_table",
]
