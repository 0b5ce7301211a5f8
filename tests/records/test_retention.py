"""How long is long: spans of the calendar, against the calendar of pandas."""

# ruff: noqa: DTZ001  civil time has no offset

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import UsageError
from peelian.records import ARROW_SCHEMA
from peelian.records.retention import KeptFor, expired, may_hold_expired

UNITS = {"d": "days", "w": "weeks", "mo": "months", "y": "years"}


@given(
    st.integers(1, 99),
    st.sampled_from(sorted(UNITS)),
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 12, 31)),
)
def test_so_long_before_as_pandas_has_it(n: int, unit: str, moment: datetime) -> None:
    expected = pd.Timestamp(moment) - pd.DateOffset(**{UNITS[unit]: n})
    assert KeptFor(n, unit).before(moment) == expected.to_pydatetime()


@given(st.integers(1, 9999), st.sampled_from(sorted(UNITS)))
def test_it_reads_what_it_writes(n: int, unit: str) -> None:
    assert KeptFor.parse(str(KeptFor(n, unit))) == KeptFor(n, unit)


@pytest.mark.parametrize("text", ["", "0d", "5", "5 years", "-1d", "1.5y", "99999d", "1h"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(UsageError, match="was given as how long to keep") as no:
        KeptFor.parse(text)
    assert no.value.hint == "write it as 90d, 12w, 18mo or 5y"


def test_longer_than_the_calendar() -> None:
    with pytest.raises(UsageError, match="before the calendar begins"):
        KeptFor(3000, "y").before(datetime(2024, 1, 1))


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
