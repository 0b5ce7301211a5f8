"""Where the records begin and end to be complete."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.demo_data import stlouis_incidents
from peelian.errors import NotEnoughDataError
from peelian.records.coverage import covered_span, incidents_outside, span_of_table


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


def test_of_two_parts_the_later_one_is_covered_however_small() -> None:
    later = days("2017-12-01", "2018-05-01")
    assert span(days("2015-01-01", "2017-11-01"), later) == ("2017-12-01", "2018-05-01")
    assert span(days("2012-01-01", "2012-04-01"), days("2014-01-01", "2016-01-01")) == (
        "2014-01-01",
        "2016-01-01",
    )


def test_records_that_resume_in_a_month_s_middle_start_there() -> None:
    steady, later = (
        np.repeat(days("2015-01-01", "2017-11-01"), 9),
        np.repeat(days("2017-12-11", "2018-05-01"), 9),
    )
    assert span(steady, later) == ("2017-12-11", "2018-05-01")


def test_a_few_strays_long_after_a_sparse_feed_are_not_its_end() -> None:
    weekly = days("2014-01-01", "2017-01-01")[::7]
    start, end = span(weekly, np.array(["2019-06-03", "2019-06-04"], dtype="datetime64[D]"))
    assert (start, end[:7]) == ("2014-01-01", "2017-01")
    daily = days("2014-01-01", "2016-01-01")
    assert span(daily, np.array(["2016-01-30"], dtype="datetime64[D]")) == ("2014-01-01", "2016-01-01")
    assert span(daily, np.array(["2016-01-05"], dtype="datetime64[D]")) == ("2014-01-01", "2016-01-06")


@pytest.mark.parametrize("rate", [0.1, 0.2, 1.0, 40.0])
def test_chance_cuts_no_sparse_feed(rate: float) -> None:
    """Ten years of a steady Poisson feed: the whole of it is found, and its end neither early nor late."""
    rng = np.random.default_rng(7)
    window = days("2010-01-01", "2019-12-20")
    late = []
    for _ in range(40):
        n = rng.poisson(rate, window.size)
        start, end = covered_span(window[n > 0], n[n > 0])
        assert start <= np.datetime64("2010-06-01")
        late.append(float((end - np.datetime64("2019-12-20")) / np.timedelta64(1, "D")))
    # Without the silence added, the mean would be -9.5, -4.5, -0.6 and 0; the month's end caps some of it.
    assert -9 < np.mean(late) <= 1.5
    assert np.mean(late) > -0.75 * np.exp(-rate) / (1 - np.exp(-rate)) - 0.1


def test_the_silence_at_the_end_stays_within_the_month() -> None:
    first_of_months = np.arange("2020-03", "2022-03", dtype="datetime64[M]").astype("datetime64[D]")
    assert span(first_of_months) == ("2020-03-01", "2022-03-01")


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
    month_end = (given_days.max().astype("datetime64[M]") + 1).astype("datetime64[D]")
    assert end <= month_end


def test_nothing_is_an_error() -> None:
    with pytest.raises(NotEnoughDataError):
        covered_span(np.array([], dtype="datetime64[D]"))


def test_three_years_of_st_louis_are_three_years() -> None:
    rows = pd.read_parquet(stlouis_incidents(), columns=["ts"])
    assert rows["ts"].min().year == 1900
    start, end = covered_span(rows["ts"].to_numpy().astype("datetime64[D]"))
    assert (str(start), str(end)) == ("2015-01-01", "2018-01-01")


# -- tables -----------------------------------------------------------------------------------------------------------


def table(*parts: tuple[str, str, str, int], resolution: str = "minute") -> ibis.Table:
    """Incidents of sources, each `n` a day from a first day up to a last."""
    frames = [
        pd.DataFrame(
            {"source": name, "occurred_from": np.repeat(days(start, end), n), "resolution": resolution}
        )
        for name, start, end, n in parts
    ]
    return ibis.memtable(
        pd.concat(frames).astype({"occurred_from": "datetime64[us]"}),
        schema={"source": "string", "occurred_from": "timestamp", "resolution": "string"},
    )


def of_table(records: ibis.Table, *sources: str) -> tuple[str, str]:
    start, end = span_of_table(records, sources=sources or None)
    return str(start), str(end)


CITY = ("city", "2015-01-01", "2018-01-01", 9)
CALLS = ("calls", "2016-05-01", "2018-04-01", 2)


def test_the_span_of_a_table_is_that_of_all_its_sources() -> None:
    both = table(CITY, CALLS)
    assert of_table(both) == ("2016-05-01", "2018-01-01")
    assert of_table(both, "city") == of_table(table(CITY)) == ("2015-01-01", "2018-01-01")
    assert of_table(both, "calls") == ("2016-05-01", "2018-04-01")


def test_a_busy_source_does_not_hide_that_another_ended() -> None:
    """Of the two together every month looks covered: the small one is a hundredth of them."""
    records = table(("busy", "2015-01-01", "2018-01-01", 100), ("small", "2015-01-01", "2016-07-01", 1))
    assert of_table(records) == ("2015-01-01", "2016-07-01")


def test_sources_that_share_no_day_are_named_with_their_spans() -> None:
    apart = table(("old", "2012-01-01", "2014-01-01", 9), ("new", "2015-01-01", "2016-01-01", 9))
    with pytest.raises(NotEnoughDataError) as caught:
        span_of_table(apart)
    assert "new from 2015-01-01 to 2015-12-31; old from 2012-01-01 to 2013-12-31" in str(caught.value)
    assert of_table(apart, "new") == ("2015-01-01", "2016-01-01")


def test_a_source_that_is_not_there_is_an_error() -> None:
    with pytest.raises(NotEnoughDataError, match="'nowhere' is there; the records have city"):
        span_of_table(table(CITY), sources=["nowhere"])
    with pytest.raises(NotEnoughDataError, match="no incident"):
        span_of_table(table(("city", "2015-01-01", "2015-01-01", 1)))


def test_months_are_covered_whole() -> None:
    monthly = table(
        ("uk", "2021-04-01", "2021-04-02", 30), ("uk", "2021-05-01", "2021-05-02", 40), resolution="month"
    )
    assert of_table(monthly) == ("2021-04-01", "2021-06-01")


def test_what_lies_outside_is_counted() -> None:
    gap = table(("city", "2015-01-01", "2017-11-01", 2), ("city", "2017-12-01", "2018-05-01", 2), CALLS)
    start, end = span_of_table(gap, sources=["city"])
    assert (str(start), str(end)) == ("2017-12-01", "2018-05-01")
    assert incidents_outside(gap, start=start, end=end, sources=["city"]) == (2 * 1035, 0)
    assert incidents_outside(gap, start=start, end=np.datetime64("2018-03-31")) == (
        2 * 1035 + 2 * 579,
        2 * 31 + 2,
    )
    assert incidents_outside(table(CITY), start=start, end=end) == (9 * 1065, 0)
    assert incidents_outside(gap, start=start, end=end, sources=["none"]) == (0, 0)
