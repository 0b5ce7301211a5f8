"""A record goes when all of it is past."""

# ruff: noqa: DTZ001  civil time has no offset

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from peelian.records import ARROW_SCHEMA
from peelian.records.retention import expired, may_hold_expired


def row(begin: datetime, end: datetime | None = None, resolution: str = "minute") -> dict[str, object]:
    text = dict.fromkeys(("id", "source", "category", "label"), "a")
    return {
        **text,
        "occurred_from": begin,
        "occurred_to": end,
        "resolution": resolution,
        "x": 0.0,
        "y": 0.0,
        "officer_initiated": False,
    }


def test_a_record_goes_when_all_of_it_is_past() -> None:
    limit = datetime(2024, 2, 10, 12)
    rows = [
        row(datetime(2024, 2, 10, 11, 59)),
        row(datetime(2024, 2, 10, 12)),
        row(datetime(2024, 2, 1), datetime(2024, 2, 11)),
        row(datetime(2024, 2, 9), resolution="day"),
        row(datetime(2024, 2, 10), resolution="day"),
        row(datetime(2024, 1, 1), resolution="month"),
        row(datetime(2024, 2, 1), resolution="month"),
    ]
    found = expired(pa.Table.from_pylist(rows, schema=ARROW_SCHEMA), limit)
    assert found.to_pylist() == [True, False, False, True, False, True, False]


def test_files_are_looked_into_up_to_the_month_of_the_limit() -> None:
    names = [f"incidents/source=a/month=2024-{month}/i.parquet" for month in ("01", "02", "03")]
    assert [may_hold_expired(name, datetime(2024, 2, 10)) for name in names] == [True, True, False]
    assert may_hold_expired("incidents/elsewhere.parquet", datetime(2024, 2, 10))
