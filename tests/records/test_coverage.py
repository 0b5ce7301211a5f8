"""Where the records begin and end to be complete."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.demo_data import stlouis_incidents
from peelian.errors import NotEnoughDataError
from peelian.records.coverage import covered_span


def days(start: str, end: str) -> np.ndarray:
    return np.arange(start, end, dtype="datetime64[D]")


def span(*parts: np.ndarray) -> tuple[str, str]:
    start, end = covered_span(np.concatenate(parts))
    return str(start), str(end)


def test_steady_records_are_covered_from_first_to_last() -> None:
    assert span(days("2016-03-10", "2017-02-04")) == ("2016-03-10", "2017-02-04")


def test_stray_old_days_don_t_stretch_it() -> None:
    strays = np.array(["1989-05-18", "2003-01-01", "2014-11-30", "2014-12-30"], dtype="datetime64[D]")
    assert span(strays, np.repeat(days("2015-01-01", "2016-01-01"), 5)) == ("2015-01-01", "2016-01-01")


def test_a_stray_day_next_month_doesn_t_make_the_last_weeks_look_quiet() -> None:
    steady = np.repeat(days("2015-01-01", "2016-01-01"), 30)
    assert span(steady, np.array(["2016-01-17"], dtype="datetime64[D]")) == ("2015-01-01", "2016-01-01")


def test_the_month_under_way_counts_up_to_its_last_day() -> None:
    steady = np.repeat(days("2015-01-01", "2016-01-01"), 30)
    assert span(steady, np.repeat(days("2016-01-01", "2016-01-04"), 28)) == ("2015-01-01", "2016-01-04")


def test_a_gap_leaves_the_part_with_the_most() -> None:
    assert span(days("2012-01-01", "2012-04-01"), days("2014-01-01", "2016-01-01")) == (
        "2014-01-01",
        "2016-01-01",
    )


def test_weights_are_repeats() -> None:
    some = days("2016-01-01", "2016-06-01")
    n = np.random.default_rng(0).integers(1, 9, some.size)
    assert covered_span(some, n) == covered_span(np.repeat(some, n))


@given(st.lists(st.integers(-20_000, 20_000), min_size=1, max_size=60))
def test_any_days_give_a_span_that_holds_one_of_them(numbers: list[int]) -> None:
    given_days = np.array(numbers, dtype="datetime64[D]")
    start, end = covered_span(given_days)
    assert start < end
    assert np.any((given_days >= start) & (given_days < end))
    assert end <= given_days.max() + np.timedelta64(1, "D")


def test_nothing_is_an_error() -> None:
    with pytest.raises(NotEnoughDataError):
        covered_span(np.array([], dtype="datetime64[D]"))


def test_three_years_of_st_louis_are_three_years() -> None:
    rows = pd.read_parquet(stlouis_incidents(), columns=["ts"])
    assert rows["ts"].min().year == 1900
    start, end = covered_span(rows["ts"].to_numpy().astype("datetime64[D]"))
    assert (str(start), str(end)) == ("2015-01-01", "2018-01-01")
