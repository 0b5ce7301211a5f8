"""City of Chicago: "Crimes - 2001 to Present", as the data portal exports it (Socrata CSV).

Points are block-level, NAD83 StatePlane Illinois East in US feet. The FBI code splits battery and assault
into aggravated and simple.
"""

from __future__ import annotations

from peelian.records.sources.base import Layout, Source

__all__ = ["CHICAGO"]

CHICAGO = Source(
    name="chicago",
    title="City of Chicago data portal, Crimes",
    crs="EPSG:3435",
    zone="America/Chicago",
    date_order="mdy",
    zero_is_no_place=True,
    layouts=(
        Layout(
            {
                "id": "ID",
                "occurred_from": "Date",
                "label": "Primary Type",
                "code": "FBI Code",
                "x": "X Coordinate",
                "y": "Y Coordinate",
                "domestic": "Domestic",
                "location_type": "Location Description",
            },
            frozenset({"ID", "IUCR", "Domestic"}),
        ),
        Layout(
            {
                "id": "id",
                "occurred_from": "ts",
                "label": "primary_type",
                "code": "fbi_code",
                "x": "x_ft",
                "y": "y_ft",
                "domestic": "domestic",
                "location_type": "location",
            },
            frozenset({"id", "iucr", "domestic"}),
        ),
    ),
)
