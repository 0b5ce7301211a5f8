"""Manner as codes: what is taken, what is refused, and what is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peelian.errors import DataError, UsageError
from peelian.patterns.manner import encode_manner

IDS = np.array([f"i{k}" for k in range(40)], dtype=object)


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns, index=IDS)


def test_codes_are_numbered_and_missing_is_missing() -> None:
    entry = ["door", "window", None, " door "] * 10
    manner = encode_manner(table(entry=entry, floors=[1, 2, np.nan, 3] * 10), IDS, numeric=["floors"])
    assert manner.fields == ("entry",)
    assert manner.numbers == ("floors",)
    assert manner.levels == (("door", "window"),)
    assert manner.codes[0, :4].tolist() == [0, 1, -1, 0]
    assert manner.values[0, :2].tolist() == [1, 2]
    assert np.isnan(manner.values[0, 2])
    assert manner.shares(0).tolist() == [2 / 3, 1 / 3]


def test_whole_numbers_as_codes_are_the_same_with_and_without_a_missing_one() -> None:
    whole = encode_manner(table(kind=[1, 2] * 20), IDS)
    broken = encode_manner(table(kind=[1.0, np.nan] * 20), IDS)
    assert whole.levels == (("1", "2"),)
    assert broken.levels == (("1",),)


def test_incidents_without_a_row_have_all_fields_missing() -> None:
    manner = encode_manner(table(entry=["a", "b"] * 20).iloc[:30], IDS)
    assert (manner.codes[0, 30:] == -1).all()
    assert (manner.codes[0, :30] >= 0).all()


def test_a_code_that_the_model_never_saw_is_like_no_other() -> None:
    manner = encode_manner(table(entry=["a", "z"] * 20), IDS, fields=["entry"], levels=[["a", "b"]])
    assert manner.codes[0, :2].tolist() == [0, -2]


def test_no_manner_is_no_fields() -> None:
    manner = encode_manner(None, IDS)
    assert manner.fields == manner.numbers == ()
    assert manner.codes.shape == (0, 40)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (
            {"narrative": ["he came in by the back door and took what was in the drawer of the desk"] * 40},
            "characters",
        ),
        ({"what": [f"text {k}" for k in range(40)]}, "expected codes that recur"),
        ({"suspect_name": ["a"] * 40}, "suspect"),
        ({"victim_age": [30] * 40}, "victim"),
        ({"Offender ID": ["a"] * 40}, "offender"),
    ],
)
def test_text_identifiers_and_persons_are_refused(columns: dict[str, object], says: str) -> None:
    with pytest.raises(DataError, match=says) as no:
        encode_manner(table(**columns), IDS)
    assert no.value.hint


def test_a_numeric_column_of_identifiers_is_refused() -> None:
    with pytest.raises(DataError, match="a number of its own"):
        encode_manner(table(number=[5_550_000_000 + k for k in range(40)]), IDS, numeric=["number"])


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(DataError, match="no numbers"):
        encode_manner(table(floors=["two", "1"] * 20), IDS, numeric=["floors"])


def test_columns_that_are_not_there_and_two_rows_of_an_incident() -> None:
    with pytest.raises(UsageError, match="floors"):
        encode_manner(table(entry=["a"] * 40), IDS, numeric=["floors"])
    twice = pd.concat([table(entry=["a"] * 40)] * 2)
    with pytest.raises(DataError, match="more than one row"):
        encode_manner(twice, IDS)
    with pytest.raises(DataError, match="no row of the manner"):
        encode_manner(table(entry=["a"] * 40).set_axis([f"x{k}" for k in range(40)]), IDS)
    with pytest.raises(DataError, match="no manner was given"):
        encode_manner(None, IDS, fields=["entry"], levels=[["a"]])


def test_a_few_different_values_are_no_text_yet() -> None:
    few = pd.DataFrame({"entry": list("abcde")}, index=IDS[:5])
    assert encode_manner(few, IDS[:5]).levels == (tuple("abcde"),)
