"""Spreading over the hours of the week, against going through the intervals minute by minute in true time."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.errors import ResolutionError, UsageError
from peelian.patterns.hours import hour_name, hour_of_week, known_times, spread
from peelian.records import Incidents

CHICAGO = "America/Chicago"


def incidents_of(rows, *, resolution="minute", source="test", zone=CHICAGO) -> Incidents:
    """From pairs of earliest and latest time."""
    frame = pd.DataFrame(rows, columns=["occurred_from", "occurred_to"])
    for name in frame.columns:
        frame[name] = pd.to_datetime(frame[name], format="mixed")
    frame["id"] = [str(i) for i in range(len(frame))]
    frame["source"], frame["resolution"] = source, resolution
    frame["category"], frame["label"], frame["officer_initiated"] = "burglary", "burglary", False
    frame["x"] = frame["y"] = 0.0
    return Incidents(frame, "EPSG:26915", zone)


def by_minute(start: str, end: str, zone: str = CHICAGO) -> np.ndarray:
    """Weights of one report, from each minute that truly passed."""
    info = ZoneInfo(zone)
    first = dt.datetime.fromisoformat(start).replace(tzinfo=info).astimezone(dt.UTC)
    last = dt.datetime.fromisoformat(end).replace(tzinfo=info).astimezone(dt.UTC)
    if last < first:
        last = dt.datetime.fromisoformat(end).replace(tzinfo=info, fold=1).astimezone(dt.UTC)
    found = np.zeros(168)
    while first < last:
        local = first.astimezone(info)
        found[local.weekday() * 24 + local.hour] += 1
        first += dt.timedelta(minutes=1)
    return found / found.sum()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2017-06-02T22:30", "2017-06-03T01:15"),
        ("2017-06-04T23:59", "2017-06-05T00:01"),  # Sunday into Monday
        ("2017-03-12T00:30", "2017-03-12T05:00"),  # over the hour that was skipped
        ("2017-03-11T20:00", "2017-03-12T03:30"),
        ("2017-03-12T01:30", "2017-03-12T03:10"),
        ("2017-11-05T00:30", "2017-11-05T03:00"),  # over the hour that came twice
        ("2017-11-05T01:10", "2017-11-05T04:00"),  # from within its first
        ("2017-11-05T00:10", "2017-11-05T01:40"),  # into its first
        ("2017-11-05T01:50", "2017-11-05T01:20"),  # from its first into its second
        ("2017-11-04T12:00", "2017-11-06T11:00"),
    ],
)
def test_an_interval_is_spread_as_the_clock_ran(start, end):
    known = known_times(incidents_of([(start, end)]))
    weights, squares = spread(known)
    expected = by_minute(start, end)
    assert np.allclose(weights[0], expected, atol=1e-12)
    assert np.allclose(squares[0], expected**2, atol=1e-12)


def test_a_zone_with_half_an_hour():
    """Lord Howe Island puts its clocks forward by thirty minutes."""
    zone = "Australia/Lord_Howe"
    for start, end in (
        ("2018-10-07T01:00", "2018-10-07T04:00"),
        ("2018-04-01T00:30", "2018-04-01T03:00"),
        ("2018-04-01T01:40", "2018-04-01T02:10"),
    ):
        weights, _ = spread(known_times(incidents_of([(start, end)], zone=zone)))
        assert np.allclose(weights[0], by_minute(start, end, zone))


@settings(max_examples=30)
@given(
    st.integers(0, 60 * 24 * 13),
    st.integers(1, 60 * 47),
)
def test_any_interval_of_the_weeks_about_a_change(start, minutes):
    start = pd.Timestamp("2017-10-30") + pd.Timedelta(start, "min")
    end = start + pd.Timedelta(minutes, "min")
    weights, _ = spread(known_times(incidents_of([(start, end)])))
    assert np.allclose(weights[0], by_minute(start.isoformat(), end.isoformat()))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(-500, 200_000)), max_size=30))
def test_every_report_is_accounted_for_and_counts_once(pairs):
    base = pd.Timestamp("2017-01-02")
    rows = [
        (base + pd.Timedelta(a, "s"), None if b % 7 == 0 else base + pd.Timedelta(a + b, "s"))
        for a, b in pairs
    ]
    known = known_times(incidents_of(rows))
    a = known.account
    assert a.given == len(rows) == a.points + a.intervals + a.too_long + a.reversed + a.coarse
    assert a.reversed == sum(b % 7 != 0 and b < 0 for _, b in pairs)
    assert a.too_long == sum(b % 7 != 0 and b > 48 * 3600 for _, b in pairs)
    weights, squares = spread(known)
    assert weights.sum() == pytest.approx(a.used)
    assert np.all(squares <= weights + 1e-12)


def test_a_point_counts_whole_in_its_hour():
    rows = [("2017-06-02T22:30", None), ("2017-06-02T22:59:59", "2017-06-02T22:59:59")]
    known = known_times(incidents_of(rows))
    assert (known.account.points, known.account.without_end) == (2, 1)
    weights, _ = spread(known)
    at = 4 * 24 + 22
    assert weights[0, at] == weights.sum() == 2
    assert hour_of_week(known.start).tolist() == [at, at]
    assert hour_name(at) == "Friday 22:00-23:00"


def test_rows_are_kept_apart_and_may_be_left_out():
    rows = [
        ("2017-06-02T22:30", "2017-06-02T23:30"),
        ("2017-06-02T22:30", None),
        ("2017-06-02T22:30", None),
    ]
    weights, _ = spread(known_times(incidents_of(rows)), row=np.array([1, 0, -1]), rows=2)
    assert weights.sum(axis=1).tolist() == [1, 1]
    assert weights[1, 118] == 0.5


def test_coarse_times_are_refused_with_how_many_and_of_which_source():
    fine = incidents_of([("2017-06-02T22:30", None)] * 3).frame
    days = incidents_of([("2017-06-02", None)] * 2, resolution="day", source="slmpd").frame
    months = incidents_of([("2017-06-01", None)], resolution="month", source="police_uk").frame
    mixed = Incidents(pd.concat([fine, days, months]), "EPSG:26915", CHICAGO)
    with pytest.raises(ResolutionError, match=r"3 of 6 reports.*2 of slmpd known to the day.*1 of police_uk"):
        known_times(mixed)
    kept = known_times(mixed, coarse="leave_out").account
    assert (kept.used, kept.coarse, kept.given) == (3, 3, 6)
    assert any("3 reports have no time of day" in text for text in kept.limits(48))
    by_day = known_times(mixed, resolution="day", coarse="leave_out").account
    assert (by_day.used, by_day.coarse) == (5, 1)
    only_months = Incidents(months, "EPSG:26915", CHICAGO)
    for coarse in ("refuse", "leave_out"):
        with pytest.raises(ResolutionError, match="1 of 1 reports"):
            known_times(only_months, coarse=coarse)


def test_days_reach_to_the_end_of_the_last():
    known = known_times(incidents_of([("2017-06-02", "2017-06-03")], resolution="day"), resolution="day")
    weights, _ = spread(known)
    assert weights[0, 4 * 24 : 6 * 24].sum() == pytest.approx(1)
    assert weights[0, 5 * 24] == pytest.approx(1 / 48)


def test_many_midnights_are_told():
    rows = [("2017-06-02T00:00", None)] * 40 + [("2017-06-02T13:17", None)] * 60
    said = known_times(incidents_of(rows)).account
    assert said.midnight == 40
    assert any("exactly midnight" in text for text in said.limits(48))


def test_none_and_settings():
    none = incidents_of([])
    known = known_times(none)
    assert known.account.given == known.account.used == 0
    assert spread(known)[0].sum() == 0
    for longest in (0, -1, 1e9):
        with pytest.raises(UsageError, match="longest interval"):
            known_times(none, longest=longest)
    with pytest.raises(UsageError, match="coarse="):
        known_times(none, coarse="guess")
