from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.places import Period
from peelian.publish.words import (
    day,
    interval,
    listing,
    moment,
    number,
    p_value,
    percent,
    period,
    plural,
    unsure,
)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"), (7, "7"), (1234567, "1,234,567"), (0.316, "0.32"), (0.031, "0.031"), (12.34, "12.3"), (512.7, "513"),
        (-0.45, "−0.45"), (-0.0001, "0.000"), (None, "not known"), (math.nan, "not known"), (math.inf, "not known"),
        ("<5", "<5"), (np.int64(3), "3"), (np.float64(2.5), "2.50"),
    ],
)  # fmt: skip
def test_number(value, said):
    assert number(value) == said


@given(st.floats(-1e12, 1e12))
def test_a_number_reads_back_to_its_digits(value):
    back = float(number(value).replace(",", "").replace("−", "-"))
    assert back == pytest.approx(value, rel=0.053, abs=0.0006)


def test_a_p_value_is_never_0():
    assert p_value(0.0312) == "0.0312"
    assert p_value(0.00004) == "under 0.0001"
    assert p_value(0.00006) == "0.0001"
    assert p_value(0.0004, digits=3) == "under 0.001"
    assert p_value(math.nan) == "not known"
    assert p_value(None) == "not known"


def test_percent():
    assert percent(0.01) == "1\N{NO-BREAK SPACE}%"
    assert percent(0.0714) == "7.1\N{NO-BREAK SPACE}%"
    assert percent(0.931) == "93\N{NO-BREAK SPACE}%"
    assert percent(None) == "not known"


def test_interval_gives_both_ends_the_same_decimals():
    assert interval(1.5, 12.25) == "1.50 to 12.25"
    assert interval(0, 4) == "0 to 4"
    assert interval(-2.3, 1) == "−2.30 to 1.00"
    assert interval(None, 3) == "no interval"


def test_plural_and_listing():
    assert plural(1, "place") == "1 place"
    assert plural(12, "place") == "12 places"
    assert plural(2, "city", "cities") == "2 cities"
    assert listing([]) == ""
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"


def test_dates():
    assert day("2017-12-04") == "4 December 2017"
    assert day("2017-12-04T10:00", year=False) == "4 December"
    assert day("some time") == "some time"
    assert period(Period("2017-12-04", "2017-12-11")) == "4 to 10 December 2017"
    assert period(Period("2017-11-27", "2017-12-04")) == "27 November to 3 December 2017"
    assert period(Period("2017-12-25", "2018-01-01")) == "25 to 31 December 2017"
    assert period(Period("2017-12-27", "2018-01-03")) == "27 December 2017 to 2 January 2018"
    assert period(Period("2017-12-04", "2017-12-05")) == "4 December 2017"
    assert period("the summer") == "the summer"


def test_moments_keep_their_zone():
    assert moment("2018-01-02T15:00:00Z") == "2 January 2018, 15:00 UTC"
    assert moment("2018-01-02T15:00:00-06:00") == "2 January 2018, 15:00 UTC-06:00"
    assert moment("2018-01-02T15:00:00") == "2 January 2018, 15:00"
    assert moment(None) == "not recorded"
    assert moment("soon") == "soon"


@pytest.mark.parametrize(
    ("low", "high", "wide"),
    [
        (1, 5, False),
        (1, 5.01, True),
        (0, 2, True),
        (0, 0, False),
        (None, 3, True),
        (3, None, True),
        (None, None, False),
    ],
)
def test_very_wide_intervals_are_named(low, high, wide):
    assert unsure(low, high) == (" (very unsure)" if wide else "")
