"""data.police.uk street-level crime: month only, at anonymised snap points.

The points are not where anything happened: each is the nearest of a list of places that stand for at least
eight addresses. Only the month is published, so nothing finer may be asked of these records. ``Location`` is
a street's name and ``Last outcome category`` is about persons; neither is read. Crime ids are absent for
antisocial behaviour.
"""

from __future__ import annotations

from peelian.records.sources.base import Layout, Source

__all__ = ["POLICE_UK"]

POLICE_UK = Source(
    name="police_uk",
    title="data.police.uk street-level crime",
    crs="EPSG:4326",
    zone="Europe/London",
    date_order="dmy",
    layouts=(
        Layout(
            {
                "id": "Crime ID",
                "occurred_from": "Month",
                "label": "Crime type",
                "x": "Longitude",
                "y": "Latitude",
            },
            frozenset({"Crime ID", "Falls within"}),
        ),
        Layout(
            {"occurred_from": "month", "label": "crime_type", "x": "longitude", "y": "latitude"},
            frozenset({"lsoa_code"}),
        ),
    ),
)
