"""Ids and residents as tables have them."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import DataError
from peelian.places.residents import ids_of, listed, refuse_doubles, refuse_unknown, residents


@given(st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=20))
def test_whole_numbers_read_the_same_however_they_are_stored(numbers: list[int]) -> None:
    expected = [str(n) for n in numbers]
    for column in (
        pd.Series(numbers),
        pd.Series(numbers, dtype="Int64"),
        pd.Series(numbers, dtype="float64"),
    ):
        assert ids_of(column).tolist() == expected
    assert ids_of(pd.Series([f" {n} " for n in numbers])).tolist() == expected


def test_a_missing_id_does_not_make_fractions_of_the_others() -> None:
    assert ids_of(pd.Series([1, None, 3]))[[0, 2]].tolist() == ["1", "3"]
    assert ids_of(pd.Series([1, None, 3])).isna().tolist() == [False, True, False]


def test_text_keeps_its_zeros() -> None:
    assert ids_of(pd.Series(["007", "7"])).tolist() == ["007", "7"]


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=20))
def test_known_residents_are_left_as_they_are(numbers: list[float]) -> None:
    ids = pd.Series([str(i) for i in range(len(numbers))])
    found, notes = residents(pd.Series(numbers, name="n"), ids, unknown="refuse")
    assert found.tolist() == numbers
    assert notes == []
    assert residents(pd.Series([str(n) for n in numbers]), ids, unknown="refuse")[0].tolist() == numbers


def test_codes_for_unknown_are_not_counted_as_people() -> None:
    with pytest.raises(DataError, match="negative") as caught:
        residents(pd.Series([5, -666666666], name="n"), pd.Series(["a", "b"]), unknown="empty")
    assert "-666666666" in (caught.value.hint or "")


def test_long_lists_are_cut() -> None:
    assert listed(pd.Series(list("abc"))) == "a, b, c"
    assert listed(pd.Series(list("abcdefg"))) == "a, b, c, d, e and 2 more"


def test_doubles_and_unknown_columns() -> None:
    refuse_doubles(pd.Series(["a", "b"]))
    with pytest.raises(DataError, match="2 ids are used more than once: a, b"):
        refuse_doubles(pd.Series(list("aabbbc")))
    refuse_unknown("a", ["a"])
    with pytest.raises(DataError, match="the columns are TOTAL, other") as caught:
        refuse_unknown("totl", ["TOTAL", "other"])
    assert caught.value.hint == "did you mean TOTAL?"
    with pytest.raises(DataError) as caught:
        refuse_unknown("xyz", ["TOTAL"])
    assert caught.value.hint == "name one of these"
