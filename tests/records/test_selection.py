"""Which incidents something is about, held against a plain loop over rows."""

# ruff: noqa: DTZ001  civil time has no offset

from __future__ import annotations

from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import UsageError
from peelian.records import ARROW_SCHEMA
from peelian.records.selection import Selection, latest

NOON = datetime(2024, 2, 10, 12)


def table(*rows: dict[str, object]) -> pa.Table:
    """Incidents: each a burglary of the source calls at noon on 10 February 2024, but for what is given."""
    plain: dict[str, object] = {
        "id": "a",
        "source": "calls",
        "occurred_from": NOON,
        "resolution": "minute",
        "category": "burglary",
        "label": "BURGLARY-RESIDENCE",
        "x": 0.0,
        "y": 0.0,
        "officer_initiated": False,
    }
    return pa.Table.from_pylist([plain | row for row in rows], schema=ARROW_SCHEMA)


def chosen(selection: Selection, *rows: dict[str, object]) -> list[bool]:
    found: list[bool] = selection.mask(table(*rows)).to_pylist()
    return found


def test_an_empty_one_is_everything() -> None:
    assert Selection().everything
    assert chosen(Selection(), {}, {"category": "theft"}) == [True, True]
    assert str(Selection()) == "all records"
    assert Selection().of_source("any")
    assert Selection().of_category("any")


def test_source_and_category_in_any_case_and_the_source_s_own_label() -> None:
    rows = [{}, {"source": "slmpd"}, {"category": "theft"}, {"category": "theft", "label": "burglary"}]
    assert chosen(Selection(source=" CALLS "), *rows) == [True, False, True, True]
    assert chosen(Selection(category="Burglary"), *rows) == [True, True, False, True]
    assert chosen(Selection(category="burglary-residence"), *rows) == [True, True, True, False]
    assert chosen(Selection(source="slmpd", category="burglary"), *rows) == [False, True, False, False]


def test_days_are_those_on_which_it_may_have_occurred() -> None:
    rows = [
        {},
        {"occurred_to": datetime(2024, 2, 13, 8)},
        {"occurred_to": datetime(2024, 2, 9)},  # a slip: never before it began
        {"occurred_from": datetime(2024, 2, 11), "resolution": "day"},
        {"occurred_from": datetime(2024, 2, 1), "resolution": "month"},
    ]
    on_the_11th = Selection(first=date(2024, 2, 11), last=date(2024, 2, 11))
    assert chosen(on_the_11th, *rows) == [False, True, False, True, True]
    assert chosen(Selection(first=date(2024, 2, 29)), *rows) == [False, False, False, False, True]
    assert chosen(Selection(first=date(2024, 3, 1)), *rows) == [False] * 5
    assert chosen(Selection(last=date(2024, 2, 9)), *rows) == [False, False, False, False, True]


def last_moment(row: dict[str, object]) -> datetime:
    """The same as `latest`, for one row."""
    begin = row["occurred_from"]
    end = row.get("occurred_to") or begin
    assert isinstance(begin, datetime)
    assert isinstance(end, datetime)
    end = max(begin, end)
    if row["resolution"] == "day":
        end = end.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1, microseconds=-1)
    if row["resolution"] == "month":
        first = (end.replace(day=1) + timedelta(days=32)).replace(day=1)
        end = first.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(microseconds=1)
    return end


moments = st.datetimes(datetime(1990, 1, 1), datetime(2030, 12, 31))


@given(moments, st.none() | moments, st.sampled_from(["minute", "day", "month"]))
def test_the_last_moment_as_a_loop_has_it(begin: datetime, end: datetime | None, resolution: str) -> None:
    row: dict[str, object] = {"occurred_from": begin, "occurred_to": end, "resolution": resolution}
    assert latest(table(row)).to_pylist() == [last_moment(row)]


@given(st.dates(), st.dates())
def test_it_reads_back_what_it_writes(one: date, other: date) -> None:
    made = Selection("calls", "burglary", min(one, other), max(one, other))
    assert Selection.from_dict(made.to_dict()) == made
    assert Selection.parse(first=str(made.first), last=str(made.last)).first == made.first


def test_what_is_no_selection() -> None:
    with pytest.raises(UsageError, match="'2024-02-30' was given as a day"):
        Selection.parse(first="2024-02-30")
    with pytest.raises(UsageError, match="the earlier day first"):
        Selection.parse(first="2024-02-02", last="2024-02-01")
    with pytest.raises(UsageError, match="an empty category was given"):
        Selection.parse(category=" ")


def test_it_is_said_in_words() -> None:
    made = Selection("calls", "burglary", date(2024, 1, 1), date(2024, 1, 31))
    assert str(made) == "records of burglary from the source calls from 2024-01-01 to 2024-01-31"
