from __future__ import annotations

import peelian.records as records


def test_the_public_surface_is_pinned() -> None:
    assert records.__all__ == [
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
    assert all(hasattr(records, name) for name in records.__all__)
