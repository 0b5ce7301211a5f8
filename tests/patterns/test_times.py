"""All that times tell: planted rhythms, seasons and changes are found, and what can't be told has its reason."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from peelian.errors import NotEnoughDataError, ResolutionError, UsageError
from peelian.patterns.hours import stretch_name
from peelian.patterns.times import Times, times
from peelian.records import Incidents

START, END = "2015-01-01", "2018-01-01"
DAYS = np.arange(START, END, dtype="datetime64[D]")
QUICK = {"replicates": 99}


def incidents_of(time, *, to=None, resolution="minute") -> Incidents:
    time = np.asarray(time, dtype="datetime64[s]")
    frame = pd.DataFrame({"x": 0.0, "y": 0.0, "occurred_from": time.astype("datetime64[us]")})
    if to is not None:
        frame["occurred_to"] = np.asarray(to, dtype="datetime64[us]")
    frame["id"] = [str(i) for i in range(len(frame))]
    frame["source"], frame["category"], frame["label"] = "made up", "burglary", "burglary"
    frame["resolution"], frame["officer_initiated"] = resolution, False
    return Incidents(frame, "EPSG:26915", "America/Chicago")


def planted(seed: int = 0) -> np.ndarray:
    """About ten a day, twice as many in August, half as many from July 2016 on, and a third of them on Friday night."""
    rng = np.random.default_rng(seed)
    month = (DAYS.astype("datetime64[M]") - DAYS.astype("datetime64[Y]")).astype(int)
    mean = 10.0 * np.where(month == 7, 2.0, 1.0) * np.where(DAYS.astype(str) < "2016-07-01", 1.0, 0.5)
    day = np.repeat(DAYS, rng.poisson(mean))
    minute = rng.integers(0, 1440, day.size)
    friday = (day.astype(int) + 3) % 7 == 4
    minute[friday & (rng.random(day.size) < 0.6)] = 22 * 60 + 17
    return day + minute.astype("timedelta64[m]")


@pytest.fixture(scope="module")
def found() -> Times:
    return times(incidents_of(planted()), start=START, end=END, **QUICK)


def test_what_was_planted_is_found(found: Times) -> None:
    assert found.untold == {}
    week, season, changes = found.hour_of_week, found.season, found.changes
    assert week is not None
    assert season is not None
    assert changes is not None
    assert week.stretches["when"].iloc[0] == "Friday 22:00-23:00"
    assert int(np.argmax(season.ratio)) == 7
    assert len(changes.changes) == 1
    assert changes.changes[0].low <= "2016-07-01" <= changes.changes[0].high
    assert changes.changes[0].ratio_low < 0.5 < changes.changes[0].ratio_high
    for said in ("Friday 22:00-23:00", "August", "2016-0", "one change"):
        assert said in found.sentence()


def test_the_tables_hold_what_the_plain_data_leaves_out(found: Times) -> None:
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(json.dumps(told)) < 20_000
    assert "ratio" not in told["hour_of_week"]
    assert told["season"]["names"][0] == "January"
    tables = found.tables
    assert set(tables) == {
        "hours",
        "hours_of_day",
        "weekdays",
        "months_of_year",
        "months",
        "changes",
        "periods",
    }
    assert list(tables["hours"]["when"].iloc[[0, 167]]) == ["Monday 00:00-01:00", "Sunday 23:00-24:00"]
    assert tables["hours"]["reports"].sum() == pytest.approx(found.incidents)
    assert found.changes is not None
    assert tables["periods"]["reports"].sum() == found.changes.counts.sum()
    assert len(tables["months"]) == 36
    assert found.frame.equals(found.parts["hour_of_week"].frame)


def test_the_same_reports_tell_the_same(found: Times) -> None:
    again = times(incidents_of(planted()), start=START, end=END, **QUICK)
    assert again.to_dict() == found.to_dict()
    assert all(again.tables[name].equals(table) for name, table in found.tables.items())


def test_months_alone_tell_season_and_changes_and_no_hours() -> None:
    months = planted().astype("datetime64[M]")
    coarse = incidents_of(months, resolution="month")
    with pytest.raises(ResolutionError, match="hour") as refused:
        times(coarse, start=START, end=END)
    assert "--no-hours" in str(refused.value.hint)
    found = times(coarse, start=START, end=END, hours=False, **QUICK)
    assert set(found.untold) == {"weekdays"}
    assert set(found.parts) == {"season", "changes"}
    assert found.changes is not None
    assert str(found.changes.periods.frequency) == "1mo"
    assert found.changes.changes[0].date == "2016-07-01"
    assert "can't be told" in found.sentences[-1]
    assert "August" in found.sentences[0]
    assert found.notes == ["The reports know only the month, so changes are looked for in months."]
    assert found.frame["month"].iloc[0] == "August"
    with pytest.raises(ResolutionError, match="known only to the month"):
        times(coarse, start=START, end=END, hours=False, period="1w")


def test_days_alone_tell_weekdays() -> None:
    found = times(
        incidents_of(planted().astype("datetime64[D]"), resolution="day"),
        start=START,
        end=END,
        hours=False,
        **QUICK,
    )
    assert found.untold == {}
    assert found.spread is None
    assert found.weekday is not None
    assert "weekdays" in found.sentence() or "weekday" in found.sentence()
    assert "hours_of_day" not in found.tables
    assert not found.notes


def test_of_mixed_reports_hours_are_refused_or_those_without_left_out() -> None:
    time = planted()
    mixed = np.where(np.arange(time.size) % 5 == 0, "month", "minute")
    time = np.where(mixed == "month", time.astype("datetime64[M]").astype("datetime64[m]"), time)
    reports = incidents_of(time, resolution=mixed)
    with pytest.raises(ResolutionError, match="don't tell it") as refused:
        times(reports, start=START, end=END)
    assert "--coarse leave_out" in str(refused.value.hint)
    found = times(reports, start=START, end=END, coarse="leave_out", **QUICK)
    assert found.spread is not None
    assert found.season is not None
    assert found.spread.account.coarse == found.month_only == (mixed == "month").sum()
    assert found.season.counts.sum() == time.size  # the season takes all of them
    assert f"{found.month_only:,} of {time.size:,} reports know only the month" in found.notes[-1]


def test_too_little_has_its_reason() -> None:
    few = incidents_of(planted()[:100])
    found = times(few, start="2015-01-01", end="2015-01-12")
    assert set(found.untold) == {"hours", "weekdays", "season", "changes"}
    assert "24" in found.untold["season"]
    assert set(found.parts) == {"spread"}
    assert found.sentence().count("can't be told") == 3
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert set(found.tables) == {"hours"}


def test_no_report_at_all_is_an_honest_nothing() -> None:
    found = times(incidents_of([]), start=START, end=END, **QUICK)
    assert found.sentence() == "There is no report: there was nothing to look at."
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert found.changes is not None
    assert found.changes.changes == ()


def test_times_at_full_hours_are_noted_and_others_not(found: Times) -> None:
    assert not found.notes
    hours = planted().astype("datetime64[h]")
    said = times(incidents_of(hours), start=START, end=END, **QUICK).notes
    assert said[0].startswith("100% of the times are at a full hour")


def test_a_reversed_interval_and_a_long_one_are_set_apart() -> None:
    time = planted()[:3000]
    to = time + np.timedelta64(90, "m")
    to[:10] = time[:10] - np.timedelta64(5, "h")
    to[10:30] = time[10:30] + np.timedelta64(9, "D")
    found = times(incidents_of(time, to=to), start=START, end=END, **QUICK)
    assert found.spread is not None
    assert (found.spread.account.reversed, found.spread.account.too_long) == (10, 20)
    assert found.spread.moved["end"] > 300
    assert any("set apart" in limit for limit in found.limits)
    assert len(found.limits) == len(set(found.limits))


@pytest.mark.parametrize(
    "setting",
    [{"rate": 0}, {"level": 1.5}, {"replicates": 5}, {"longest": 0}, {"coarse": "guess"}, {"period": "soon"}],
)
def test_wrong_settings_are_refused(setting: dict) -> None:
    with pytest.raises(UsageError):
        times(incidents_of(planted()[:500]), start=START, end=END, **setting)


def test_there_is_a_picture_of_what_there_is(found: Times) -> None:
    pytest.importorskip("matplotlib")
    assert "reported incidents" in found.plot().get_title()
    short = times(incidents_of([]), start="2015-01-01", end="2015-01-12", hours=False)
    assert short.frame.empty
    with pytest.raises(NotEnoughDataError):
        short.plot()


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("Friday 22:00-23:00", "Friday 22:00-23:00", "Friday 22:00-23:00"),
        ("Friday 07:00-08:00", "Friday 19:00-20:00", "Friday 07:00-20:00"),
        ("Friday 22:00-23:00", "Saturday 01:00-02:00", "Friday 22:00 to Saturday 02:00"),
        ("Monday 10:00-11:00", "Monday 08:00-09:00", "Monday 10:00 to Monday 09:00"),
        ("07:00-08:00", "18:00-19:00", "07:00-19:00"),
        ("22:00-23:00", "02:00-03:00", "22:00 to 03:00"),
        ("Monday", "Friday", "Monday to Friday"),
    ],
)
def test_hours_in_a_row_have_one_name(first: str, last: str, said: str) -> None:
    assert stretch_name(first, last) == said
