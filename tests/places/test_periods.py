"""Half-open civil periods, against brute force over days."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from peelian.errors import NotEnoughDataError, UsageError
from peelian.places import Period, Periods
from peelian.places.periods import as_day
from peelian.units import Frequency

DAYS = st.dates(dt.date(1999, 1, 1), dt.date(2030, 12, 31))
SPANS = st.builds(Frequency, st.integers(1, 40), st.sampled_from(["d", "w", "mo"]))


def covering(start: dt.date, end: dt.date, span: Frequency, align: str) -> Periods:
    try:
        return Periods.covering(start, end, span, align=align)  # type: ignore[arg-type]
    except NotEnoughDataError:
        assume(False)
        raise


@given(start=DAYS, length=st.integers(0, 3000), span=SPANS, align=st.sampled_from(["end", "start"]))
def test_covering_takes_every_whole_period_and_no_other(
    start: dt.date, length: int, span: Frequency, align: str
) -> None:
    end = start + dt.timedelta(days=length)
    found = covering(start, end, span, align)
    assert found.start >= np.datetime64(start)
    assert found.end <= np.datetime64(end)
    for i, period in enumerate(found):
        assert span.add(period.start) == period.end
        assert found[i] == period
    low, high = start, end
    if span.unit == "mo":
        assert found.whole_months
        low = start if start.day == 1 else (start.replace(day=1) + dt.timedelta(days=31)).replace(day=1)
        high = end.replace(day=1)
    # The bound that it is aligned with is an edge, and one more period would not fit at the other.
    if align == "end":
        assert found.end == np.datetime64(high)
        assert span.add(found.start, -1) < np.datetime64(low)
    else:
        assert found.start == np.datetime64(low)
        assert span.add(found.end) > np.datetime64(high)


@given(start=DAYS, length=st.integers(1, 800), span=SPANS, data=st.data())
def test_locate_is_what_a_search_through_all_periods_finds(
    start: dt.date, length: int, span: Frequency, data: st.DataObject
) -> None:
    found = covering(start, start + dt.timedelta(days=length), span, "end")
    first = dt.datetime.combine(start, dt.time()) - dt.timedelta(days=50)
    times = data.draw(
        st.lists(st.datetimes(first, first + dt.timedelta(days=length + 100)), min_size=1, max_size=20)
    )
    # Edges and the last moments before them, too.
    times += [dt.datetime.combine(e.item(), dt.time()) for e in found.edges[:5]]
    times += [dt.datetime.combine(e.item(), dt.time()) - dt.timedelta(seconds=1) for e in found.edges[:5]]
    expected = [
        next((i for i, p in enumerate(found) if p.start.item() <= t.date() < p.end.item()), -1) for t in times
    ]
    for unit in ("s", "us", "ns"):
        assert found.locate(np.array(times, dtype=f"datetime64[{unit}]")).tolist() == expected


def test_locate_puts_unknown_times_outside() -> None:
    weeks = Periods.covering("2016-01-01", "2016-03-01", "1w")
    assert weeks.locate(np.array(["NaT", "2016-02-29T23:59:59"], "datetime64[s]")).tolist() == [-1, 7]
    assert weeks.locate(np.array([], "datetime64[s]")).shape == (0,)


def test_locate_before_1970_is_not_rounded_to_the_next_day() -> None:
    days = Periods.covering("1960-01-01", "1960-01-05", "1d")
    assert days.locate(np.array(["1960-01-02T23:59:59.999999999"], "datetime64[ns]")).tolist() == [1]


def test_months_with_a_leap_day() -> None:
    months = Periods.covering("2015-12-01", "2016-04-01", "1mo")
    assert [p.days for p in months] == [31, 31, 29, 31]
    assert months.locate(np.array(["2016-02-29T12:00"], "datetime64[m]")).tolist() == [2]


def test_months_are_calendar_months_whatever_the_bounds() -> None:
    months = Periods.covering("2016-01-31", "2016-04-30", "1mo")
    assert [str(p) for p in months] == ["2016-02-01 to 2016-02-29", "2016-03-01 to 2016-03-31"]


@given(start=DAYS, length=st.integers(1, 800), span=SPANS, day=DAYS)
def test_before_keeps_the_periods_that_have_ended(
    start: dt.date, length: int, span: Frequency, day: dt.date
) -> None:
    found = covering(start, start + dt.timedelta(days=length), span, "end")
    kept = found.before(day)
    assert [p.end for p in kept] == [p.end for p in found if p.end.item() <= day]


@given(start=DAYS, length=st.integers(1, 800), span=SPANS, k=st.integers(0, 5))
def test_following_goes_on_where_these_end(start: dt.date, length: int, span: Frequency, k: int) -> None:
    found = covering(start, start + dt.timedelta(days=length), span, "end")
    later = found.following(k)
    assert len(later) == k
    assert later.start == found.end
    assert all(span.add(p.start) == p.end for p in later)


def test_slices_are_runs() -> None:
    weeks = Periods.covering("2016-01-01", "2016-03-01", "1w")
    assert len(weeks) == 8
    assert weeks[2:4] == Periods(weeks.edges[2:5], weeks.frequency)
    assert weeks[-1] == Period(weeks.edges[-2], weeks.edges[-1])
    assert len(weeks[5:2]) == 0
    assert weeks[5:2].start == weeks[5].start
    with pytest.raises(UsageError, match="step of 2"):
        weeks[::2]
    with pytest.raises(IndexError):
        weeks[8]


def test_equality_is_by_edges_and_span() -> None:
    weeks = Periods.covering("2016-01-01", "2016-03-01", "1w")
    assert weeks == Periods.covering("2016-01-01", "2016-03-01", "1w")
    assert weeks != weeks[1:]
    assert weeks != Periods(weeks.edges, Frequency(7, "d"))
    assert weeks != "1w"


def test_edges_are_a_copy_that_nobody_can_change() -> None:
    given_ = np.array(["2016-01-01", "2016-01-08"], dtype="datetime64[D]")
    weeks = Periods(given_, Frequency(1, "w"))
    given_[0] = np.datetime64("2015-01-01")
    assert str(weeks.start) == "2016-01-01"
    with pytest.raises(ValueError, match="read-only"):
        weeks.edges[0] = np.datetime64("2015-01-01")


@pytest.mark.parametrize(
    "edges", [[], ["2016-01-02", "2016-01-01"], ["2016-01-01"] * 2, ["2016-01-01", "NaT"]]
)
def test_edges_must_increase(edges: list[str]) -> None:
    with pytest.raises(UsageError, match="expected dates that increase"):
        Periods(np.array(edges, dtype="datetime64[D]"), Frequency(1, "w"))


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [
        ("2016-01-01", "2016-01-07", "1w"),
        ("2016-01-02", "2016-02-29", "1mo"),
        ("2016-01-05", "2016-01-01", "1d"),
        ("2016-01-01", "2016-01-01", "1d"),
    ],
)
def test_not_one_whole_period_is_an_error_that_says_so(start: str, end: str, span: str) -> None:
    with pytest.raises(NotEnoughDataError, match="not one whole period") as caught:
        Periods.covering(start, end, span)
    assert start in caught.value.message


def test_alignment_is_one_of_two() -> None:
    with pytest.raises(UsageError, match="middle"):
        Periods.covering("2016-01-01", "2016-02-01", "1w", align="middle")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "day",
    [
        "2016-01-31",
        " 2016-01-31 ",
        "2016-01-31T23:59:59.9",
        "2016-01-31 10:00",
        dt.date(2016, 1, 31),
        dt.datetime(2016, 1, 31, 23, 59),  # noqa: DTZ001
        np.datetime64("2016-01-31T23:59:59.999999999"),
    ],
)
def test_a_day_is_read_and_its_time_cut_off(day: str) -> None:
    found = as_day(day)
    assert found == np.datetime64("2016-01-31")
    assert found.dtype == np.dtype("datetime64[D]")


@pytest.mark.parametrize(
    "day",
    [
        *("now", "today", "", "NaT", "2016", "2016-01", "2016-02-30", "31/01/2016", 5, None),
        *("2016-01-31T10:00Z", "2016-01-31T10:00+01:00"),
        np.datetime64("NaT"),
        dt.datetime(2016, 1, 31, tzinfo=dt.UTC),
    ],
)
def test_what_is_no_civil_date_is_refused(day: str) -> None:
    with pytest.raises(UsageError, match="expected YYYY-MM-DD"):
        as_day(day)


def test_a_period_reads_with_its_last_day() -> None:
    week = Period("2016-02-26", "2016-03-04")  # type: ignore[arg-type]
    assert str(week) == "2016-02-26 to 2016-03-03"
    assert week.days == 7
    with pytest.raises(UsageError, match="an end after its start"):
        Period("2016-03-04", "2016-03-04")  # type: ignore[arg-type]
