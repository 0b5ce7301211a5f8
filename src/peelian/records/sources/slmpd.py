"""St. Louis Metropolitan Police Department: the monthly public crime files.

``CodedMonth`` is the month in which a record was coded, known only as a month. ``Count`` is 1 for an
incident and -1 for the correction of an earlier row. ``Complaint`` repeats: one case can hold several
charges and several victims. Coordinates are NAD83 StatePlane Missouri East in US feet, snapped to 100 ft;
sex offences have none.
"""

from __future__ import annotations

from peelian.records.sources.base import Layout, Source

__all__ = ["SLMPD"]

SLMPD = Source(
    name="slmpd",
    title="St. Louis Metropolitan Police Department public crime files",
    crs="ESRI:102696",
    zone="America/Chicago",
    date_order="mdy",
    zero_is_no_place=True,
    domestic_suffix="DOMESTIC",
    layouts=(
        Layout(
            {
                "key": "Complaint",
                "reported": "CodedMonth",
                "occurred_from": "DateOccur",
                "code": "Crime",
                "label": "Description",
                "count": "Count",
                "x": "XCoord",
                "y": "YCoord",
            },
            frozenset({"Complaint", "CodedMonth", "Crime", "Count"}),
        ),
        Layout(
            {
                "key": "case_key",
                "reported": "reported_month",
                "occurred_from": "ts",
                "code": "crime",
                "label": "description",
                "count": "count",
                "x": "x_ft",
                "y": "y_ft",
            },
            frozenset({"case_key", "reported_month", "crime", "count"}),
        ),
    ),
)
