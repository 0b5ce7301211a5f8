from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import NotEnoughDataError, UsageError
from peelian.places import Periods
from peelian.trials import rolling_origins
from peelian.units import Frequency


def weeks(n):
    return Periods(Frequency.parse("1w").edges(np.datetime64("2015-01-05"), n), Frequency.parse("1w"))


def test_the_latest_origins_in_order():
    splits = rolling_origins(weeks(10), origins=3)
    assert [(s.train_end, s.index) for s in splits] == [(7, 7), (8, 8), (9, 9)]
    assert splits[-1].test == weeks(10)[9]


def test_a_gap_is_not_learned_from():
    assert [(s.train_end, s.index) for s in rolling_origins(weeks(10), origins=2, gap=3)] == [(5, 8), (6, 9)]


def test_bounds():
    splits = rolling_origins(weeks(20), origins=3, first="2015-02-02", last="2015-03-02")
    assert splits[-1].test.end == np.datetime64("2015-03-02")
    assert splits[0].test.start == np.datetime64("2015-02-09")
    assert rolling_origins(weeks(20), origins=3, last="2015-03-05")[-1].test.end == np.datetime64(
        "2015-03-02"
    )
    with pytest.raises(NotEnoughDataError, match="hold 4 from 2015-02-02 up to 2015-03-02"):
        rolling_origins(weeks(20), origins=5, first="2015-02-02", last="2015-03-02")


def test_too_few_says_how_many_there_are():
    with pytest.raises(NotEnoughDataError, match="the 30 periods of 1w hold 29") as e:
        rolling_origins(weeks(30), origins=52)
    assert e.value.hint == "ask for 29 origins or fewer"
    with pytest.raises(NotEnoughDataError, match="hold 0") as e:
        rolling_origins(weeks(1), origins=1)
    assert "import more records" in e.value.hint
    with pytest.raises(NotEnoughDataError, match="hold 1 ") as e:
        rolling_origins(weeks(2), origins=52)
    assert e.value.hint == "import more records, or use shorter periods", (
        "one origin is not enough for a trial"
    )


@pytest.mark.parametrize(
    ("first", "last"), [("2030-01-01", "2030-03-01"), ("2015-02-03", "2015-02-10"), (None, "2015-01-06")]
)
def test_dates_between_which_no_period_lies_are_named_with_those_that_can_be_tried(first, last):
    with pytest.raises(NotEnoughDataError) as e:
        rolling_origins(weeks(20), origins=52, gap=1, first=first, last=last)
    said = f"no whole period of 1w lies from {first or '2015-01-05'} up to {last}; those that can be tried go from "
    assert e.value.message == said + "2015-01-19 up to 2015-05-25"
    assert e.value.hint.startswith("--from 2015-01-19 --to 2015-05-25")
    assert len(rolling_origins(weeks(20), origins=18, gap=1, first="2015-01-19", last="2015-05-25")) == 18


@pytest.mark.parametrize(("origins", "gap"), [(0, 0), (3, -1)])
def test_refuses_what_makes_no_sense(origins, gap):
    with pytest.raises(UsageError, match="expected at least 1 and at least 0"):
        rolling_origins(weeks(10), origins=origins, gap=gap)


@given(st.integers(2, 60), st.integers(1, 60), st.integers(0, 10))
def test_no_split_knows_its_test(n, origins, gap):
    periods = weeks(n)
    try:
        splits = rolling_origins(periods, origins=origins, gap=gap)
    except NotEnoughDataError:
        assert n - 1 - gap < origins
        return
    assert len(splits) == origins
    for split in splits:
        assert split.train_end >= 1
        assert split.index - split.train_end == gap
        assert periods[: split.train_end].end <= split.test.start
