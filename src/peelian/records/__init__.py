"""Records: from any city's raw files to incidents with every row accounted for.

The room holds the allow-list of fields (:data:`FIELDS`), the table type (:class:`Incidents`), the readers
(:func:`read_incidents`), the store (:class:`IncidentStore`) and the quality checks (:func:`assess`).
"""

from __future__ import annotations

from peelian.records.categories import STANDARD, CategoryTable, StandardCategory, load_table
from peelian.records.incidents import CivilTime, Incidents
from peelian.records.pipeline import Progress
from peelian.records.quality import Quality, assess
from peelian.records.reading import EARLIEST, Reading, ReadOptions, read_incidents
from peelian.records.report import QUARANTINE_COLUMNS, REASONS, ImportReport
from peelian.records.schema import (
    ARROW_SCHEMA,
    FIELDS,
    NULLABLE,
    RESOLUTIONS,
    Field,
    Resolution,
    empty_frame,
)
from peelian.records.sources import MAPPABLE, SOURCES, DateOrder, Source, recognise
from peelian.records.store import IncidentStore, Staged

__all__ = [
    "ARROW_SCHEMA",
    "EARLIEST",
    "FIELDS",
    "MAPPABLE",
    "NULLABLE",
    "QUARANTINE_COLUMNS",
    "REASONS",
    "RESOLUTIONS",
    "SOURCES",
    "STANDARD",
    "CategoryTable",
    "CivilTime",
    "DateOrder",
    "Field",
    "ImportReport",
    "IncidentStore",
    "Incidents",
    "Progress",
    "Quality",
    "ReadOptions",
    "Reading",
    "Resolution",
    "Source",
    "Staged",
    "StandardCategory",
    "assess",
    "empty_frame",
    "load_table",
    "read_incidents",
    "recognise",
]
