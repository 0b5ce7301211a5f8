"""Spans, lengths and areas as people write them."""

from __future__ import annotations

import calendar
import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import UsageError
from peelian.units import Frequency, area_text, parse_area, parse_length

DAYS = st.dates(dt.date(1950, 1, 1), dt.date(2100, 12, 31))


@given(n=st.integers(1, 9999), unit=st.sampled_from(["d", "w", "mo"]), blank=st.sampled_from(["", " ", "  "]))
def test_a_frequency_is_read_back_as_it_is_written(n: int, unit: str, blank: str) -> None:
    found = Frequency.parse(f"{blank}{n}{blank}{unit}{blank}")
    assert found == Frequency(n, unit)
    assert Frequency.parse(str(found)) == found
    assert Frequency.parse(found) is found


@pytest.mark.parametrize(
    "text", ["", "w", "0w", "1", "1y", "-1w", "1.5w", "1w1d", "one week", "1W", "12345d", "١w"]
)
def test_other_spans_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="time span") as caught:
        Frequency.parse(text)
    assert repr(text) in caught.value.message
    assert "at least 1" in caught.value.message
    assert ("12mo" if text == "1y" else "1w") in (caught.value.hint or "")


def test_years_are_written_in_months() -> None:
    with pytest.raises(UsageError) as caught:
        Frequency.parse(" 5y")
    assert caught.value.hint == "write years in months, 5y as 60mo"
    assert Frequency.parse("60mo").days == pytest.approx(5 * 365.2425)


@given(st.floats(1e-7, 1e5))
def test_an_area_is_told_in_units_that_fit_and_read_back(km2: float) -> None:
    said = area_text(km2)
    assert parse_area(said) == pytest.approx(km2, rel=6e-4)
    if km2 > 1e-6:
        assert "e-" not in said


def test_a_square_metre_is_told_as_one() -> None:
    assert (area_text(1e-6), area_text(0.0625), area_text(161.2)) == ("1 m2", "0.0625 km2", "161.2 km2")


@pytest.mark.parametrize(("n", "unit"), [(0, "w"), (-1, "d"), (1, "y"), (1, "")])
def test_no_frequency_is_made_that_could_not_be_read(n: int, unit: str) -> None:
    with pytest.raises(UsageError, match="expected at least 1"):
        Frequency(n, unit)


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused_on_purpose(text: str) -> None:
    for parse in (Frequency.parse, parse_length, parse_area):
        try:
            found = parse(text)
        except UsageError:
            continue
        assert isinstance(found, Frequency) or 0 < found < math.inf


@given(day=DAYS, n=st.integers(1, 60), unit=st.sampled_from(["d", "w"]), k=st.integers(-20, 20))
def test_days_and_weeks_are_calendar_days(day: dt.date, n: int, unit: str, k: int) -> None:
    expected = day + dt.timedelta(days=k * n * (7 if unit == "w" else 1))
    assert Frequency(n, unit).add(np.datetime64(day), k).item() == expected


@given(day=DAYS.filter(lambda d: d.day <= 28), n=st.integers(1, 30), k=st.integers(-20, 20))
def test_months_keep_the_day(day: dt.date, n: int, k: int) -> None:
    year, month = divmod(day.year * 12 + day.month - 1 + k * n, 12)
    assert Frequency(n, "mo").add(np.datetime64(day), k).item() == dt.date(year, month + 1, day.day)


@pytest.mark.parametrize("day", ["2016-01-29", "2016-01-30", "2016-01-31"])
def test_months_from_a_day_that_not_every_month_has_are_refused(day: str) -> None:
    with pytest.raises(UsageError, match="from 1 to 28"):
        Frequency(1, "mo").add(np.datetime64(day))


def test_edges_of_months_follow_the_calendar_in_a_leap_year() -> None:
    edges = Frequency.parse("1mo").edges(np.datetime64("2016-01-01"), 12)
    lengths = np.diff(edges).astype(int).tolist()
    assert lengths == [calendar.monthrange(2016, month)[1] for month in range(1, 13)]
    assert sum(lengths) == 366


def test_edges_of_none_are_the_start_alone() -> None:
    assert Frequency.parse("1w").edges(np.datetime64("2016-01-01"), 0).tolist() == [dt.date(2016, 1, 1)]


@pytest.mark.parametrize(
    ("text", "days", "resolution"), [("10d", 10, "day"), ("2w", 14, "day"), ("12mo", 365.2425, "month")]
)
def test_length_and_resolution(text: str, days: float, resolution: str) -> None:
    found = Frequency.parse(text)
    assert found.days == pytest.approx(days)
    assert found.resolution == resolution


@pytest.mark.parametrize(
    ("given_", "metres"),
    [
        (250, 250),
        (0.5, 0.5),
        ("250", 250),
        ("250 m", 250),
        (" .5km ", 500),
        ("1e3m", 1000),
        ("500 ft", 152.4),
        ("3937 us-ft", 1200),
        ("0.1 mi", 160.9344),
        (np.float64(250.0), 250),
    ],
)
def test_lengths_in_metres(given_: str | float, metres: float) -> None:
    assert parse_length(given_) == pytest.approx(metres, rel=1e-14)


@pytest.mark.parametrize(
    "given_",
    ["", "0", "-1", "-250 m", "m", "250 yards", "1 000", "nan", "inf", "1e999", math.nan, math.inf, True],
)
def test_other_lengths_are_refused(given_: str | float) -> None:
    with pytest.raises(UsageError, match="a number above 0"):
        parse_length(given_)


@given(st.floats(1e-6, 1e9), st.sampled_from(["m", "km", "ft", "us-ft", "mi"]))
def test_a_length_is_proportional_to_its_number(number: float, unit: str) -> None:
    assert parse_length(f"{number!r} {unit}") == pytest.approx(number * parse_length(f"1 {unit}"), rel=1e-12)


@pytest.mark.parametrize(
    ("given_", "km2"),
    [
        (2, 2),
        (0.5, 0.5),
        ("2", 2),
        ("2 km2", 2),
        (" 2km² ", 2),
        ("2 sq km", 2),
        ("50 ha", 0.5),
        ("800000 m2", 0.8),
        ("8e5 sq m", 0.8),
        ("0.25 sq mi", 0.647497027584),
        ("0.25 sq  mi", 0.647497027584),
        (".25mi2", 0.647497027584),
        ("640 acres", 2.589988110336),
        ("1 acre", 0.0040468564224),
        ("62500 sq ft", 0.0058064400),
        ("62500 ft2", 0.0058064400),
    ],
)
def test_areas_in_km2(given_: str | float, km2: float) -> None:
    assert parse_area(given_) == pytest.approx(km2, rel=1e-14)


def test_areas_are_the_squares_of_lengths() -> None:
    for area, length in (("1 sq mi", "1 mi"), ("1 sq ft", "1 ft"), ("1 m2", "1 m"), ("1 km2", "1 km")):
        assert parse_area(area) == pytest.approx((parse_length(length) / 1000) ** 2, rel=1e-15)
    # A furlong by a chain, 660 by 66 feet; and 640 of them are a square mile.
    assert parse_area("1 acres") == pytest.approx(
        parse_length("660 ft") * parse_length("66 ft") / 1e6, rel=1e-15
    )
    assert parse_area("640 acres") == pytest.approx(parse_area("1 sq mi"), rel=1e-15)


@pytest.mark.parametrize(
    "given_",
    [
        "",
        "0",
        "-1",
        "-2 km2",
        "km2",
        "1 m",
        "1 mi",
        "2 sq",
        "1 square mile",
        "1,5 km2",
        "nan",
        "1e999",
        math.inf,
    ],
)
def test_other_areas_are_refused(given_: str | float) -> None:
    with pytest.raises(UsageError, match="a number above 0") as caught:
        parse_area(given_)
    assert repr(str(given_)) in caught.value.message
    assert "sq mi" in (caught.value.hint or "")


@given(st.floats(1e-6, 1e9), st.sampled_from(["km2", "ha", "m2", "sq mi", "acres", "sq ft", "sq m", "ft²"]))
def test_an_area_is_proportional_to_its_number(number: float, unit: str) -> None:
    assert parse_area(f"{number!r} {unit}") == pytest.approx(number * parse_area(f"1 {unit}"), rel=1e-12)
