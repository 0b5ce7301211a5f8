from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import CRSError, DataError, ResolutionError
from peelian.records import FIELDS, Incidents, empty_frame

TIMES = np.array(["2020-01-31T23:59:59", "2020-02-01T00:00:00", "2020-02-02T12:30:00"], dtype="datetime64[s]")


def three(**changes: object) -> Incidents:
    arguments: dict[str, object] = {"category": ["theft", "burglary", "drugs"], **changes}
    return Incidents.of(
        [1.0, 2.0, 3.0], [4.0, 5.0, 6.0], TIMES, crs="EPSG:26915", zone="America/Chicago", **arguments
    )


def test_arrays_come_back_as_given() -> None:
    rows = three()
    assert len(rows) == 3
    assert rows.x.dtype == np.float64
    assert rows.x.tolist() == [1.0, 2.0, 3.0]
    assert rows.y.tolist() == [4.0, 5.0, 6.0]
    assert rows.time.dtype == np.dtype("datetime64[s]")
    assert (rows.time == TIMES).all()
    assert list(rows.frame.columns) == list(FIELDS)
    assert (rows.crs, rows.zone) == ("EPSG:26915", "America/Chicago")


def test_frame_is_a_copy() -> None:
    rows = three()
    taken = rows.frame
    taken["x"] = 0.0
    taken.loc[0, "category"] = "arson"
    assert rows.x.tolist() == [1.0, 2.0, 3.0]
    frame = rows.frame
    again = Incidents(frame, rows.crs, rows.zone)
    frame.loc[0, "x"] = 99.0
    assert again.x[0] == 1.0


def test_incidents_travel_to_other_processes() -> None:
    rows = pickle.loads(pickle.dumps(three()))
    assert rows.frame.equals(three().frame)


def test_a_column_that_is_not_on_the_allow_list_is_refused() -> None:
    frame = three().frame
    frame["victim_name"] = "x"
    with pytest.raises(DataError, match="victim_name are not on the allow-list"):
        Incidents(frame, "EPSG:26915", "America/Chicago")


@pytest.mark.parametrize("name", ["id", "occurred_from", "category", "x", "officer_initiated"])
def test_a_missing_column_is_named(name: str) -> None:
    with pytest.raises(DataError, match=name):
        Incidents(three().frame.drop(columns=name), "EPSG:26915", "America/Chicago")


def test_nullable_columns_may_be_missing() -> None:
    frame = three().frame.drop(columns=["occurred_to", "reported", "domestic", "location_type"])
    assert Incidents(frame, "EPSG:26915", "America/Chicago").frame["domestic"].isna().all()


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("x", np.nan, "x is null"),
        ("x", np.inf, "not finite"),
        ("occurred_from", pd.NaT, "occurred_from is null"),
        ("category", "theftt", "'theftt' is not one of"),
        ("resolution", "week", "'week' is not one of"),
    ],
)
def test_bad_values_are_named(column: str, value: object, words: str) -> None:
    frame = three().frame
    frame.loc[1, column] = value
    with pytest.raises(DataError, match=words):
        Incidents(frame, "EPSG:26915", "America/Chicago")


def test_text_where_numbers_belong_is_refused() -> None:
    frame = three().frame
    frame["x"] = ["1", "two", "3"]
    with pytest.raises(DataError, match="x holds"):
        Incidents(frame, "EPSG:26915", "America/Chicago")


def test_times_with_an_offset_are_refused() -> None:
    frame = three().frame
    frame["occurred_from"] = frame["occurred_from"].dt.tz_localize("UTC")
    with pytest.raises(DataError, match="offset"):
        Incidents(frame, "EPSG:26915", "America/Chicago")


def test_degrees_are_refused() -> None:
    with pytest.raises(CRSError, match="not projected"):
        Incidents(three().frame, "EPSG:4326", "America/Chicago")
    with pytest.raises(CRSError, match="not known"):
        Incidents(three().frame, "EPSG:nothing", "America/Chicago")


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(DataError, match="Mars/Olympus"):
        Incidents(three().frame, "EPSG:26915", "Mars/Olympus")


def test_where_bounds_are_half_open() -> None:
    rows = three()
    assert rows.where(start="2020-02-01").time.tolist() == TIMES[1:].tolist()
    assert rows.where(end="2020-02-01").time.tolist() == TIMES[:1].tolist()
    assert len(rows.where(start="2020-02-01", end="2020-02-01")) == 0
    assert len(rows.where(start=pd.Timestamp("2020-01-31 23:59:59"), end=np.datetime64("2020-02-01"))) == 1


def test_where_bound_must_be_civil() -> None:
    with pytest.raises(DataError, match="without an offset"):
        three().where(start="2020-02-01T00:00:00Z")
    with pytest.raises(DataError, match="not a civil date"):
        three().where(end="soon")


def test_where_takes_standard_names_and_labels_in_any_case() -> None:
    frame = three().frame
    frame["label"] = ["LARCENY-SHOPLIFT", "BURGLARY-RESIDENCE", "LARCENY-SHOPLIFT"]
    rows = Incidents(frame, "EPSG:26915", "America/Chicago")
    assert rows.where(category="Theft").frame["id"].tolist() == ["0"]
    assert rows.where(category="larceny-shoplift").frame["id"].tolist() == ["0", "2"]
    assert rows.where(category=["burglary", "LARCENY-SHOPLIFT"]).frame["id"].tolist() == ["0", "1", "2"]
    assert len(rows.where(category="arson")) == 0


def test_an_unknown_category_lists_near_names() -> None:
    with pytest.raises(DataError, match="near: burglary") as caught:
        three().where(category="burglery")
    assert caught.value.hint == "category='burglary'"


def test_an_unknown_category_lists_only_what_is_held() -> None:
    rows = three()
    held = set(rows.frame["category"])
    assert "violence" not in held
    with pytest.raises(DataError) as caught:
        rows.where(category="violense")
    assert "violence" not in caught.value.message
    _, _, listed = caught.value.message.partition("standard: ")
    assert set(listed.split(", ")) == held
    assert caught.value.hint == f"use one of the names listed, such as category={listed.split(', ')[0]!r}"
    with pytest.raises(DataError, match="; near: burglary\n"):
        rows.where(category="burglarry")


def test_officer_initiated_filter() -> None:
    rows = three(officer_initiated=[False, False, True])
    assert len(rows.where()) == 3
    assert rows.where(officer_initiated=False).frame["id"].tolist() == ["0", "1"]
    assert rows.where(officer_initiated=True).frame["id"].tolist() == ["2"]


def test_month_only_records_have_no_weeks() -> None:
    rows = three(resolution="month")
    assert rows.resolution == "month"
    assert rows.require("month") is rows
    with pytest.raises(ResolutionError, match="no weeks or days"):
        rows.require("day")
    with pytest.raises(ResolutionError, match="inside a month"):
        rows.where(start="2020-01-15")
    assert len(rows.where(start="2020-02-01")) == 2


def test_resolution_is_the_coarsest() -> None:
    frame = three().frame
    frame["resolution"] = ["minute", "day", "minute"]
    rows = Incidents(frame, "EPSG:26915", "America/Chicago")
    assert rows.resolution == "day"
    with pytest.raises(ResolutionError, match="1 of 3"):
        rows.require("minute")
    with pytest.raises(ResolutionError, match="inside a day"):
        rows.where(end="2020-02-01T10:00")


def test_an_unknown_resolution_is_refused() -> None:
    with pytest.raises(DataError, match="fortnight"):
        three().require("fortnight")  # type: ignore[arg-type]


def test_empty_works() -> None:
    rows = Incidents(empty_frame(), "EPSG:26915", "America/Chicago")
    assert len(rows) == 0
    assert rows.resolution == "minute"
    assert rows.x.shape == (0,)
    assert len(rows.where(category="theft", start="2020-01-01")) == 0
    assert "empty" in repr(rows)
    assert "reported incidents" in rows._repr_html_()


def test_html_is_escaped_and_says_what_a_report_is() -> None:
    html = three()._repr_html_()
    assert "reports, not all that happened" in html
    assert "burglary 1" in html


@given(
    st.lists(
        st.tuples(st.datetimes(), st.sampled_from(["theft", "arson", "drugs"]), st.booleans()), max_size=30
    ),
    st.datetimes(),
    st.datetimes(),
)
def test_where_agrees_with_a_plain_loop(
    rows: list[tuple[object, str, bool]], start: object, end: object
) -> None:
    n = len(rows)
    times = np.array([r[0] for r in rows], dtype="datetime64[us]").astype("datetime64[s]")
    low, high = np.datetime64(start, "s"), np.datetime64(end, "s")
    incidents = Incidents.of(
        np.arange(n),
        np.zeros(n),
        times,
        crs="EPSG:26915",
        zone="Europe/London",
        category=[r[1] for r in rows],
        officer_initiated=[r[2] for r in rows],
    )
    got = incidents.where(category="theft", start=low, end=high, officer_initiated=False)
    expected = [str(i) for i, r in enumerate(rows) if r[1] == "theft" and not r[2] and low <= times[i] < high]
    assert got.frame["id"].tolist() == expected
