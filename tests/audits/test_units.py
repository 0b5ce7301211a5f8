"""Tables of units: what is read, and what is refused with a reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from peelian.audits.margins import CONTROLLED
from peelian.audits.units import read_units
from peelian.errors import DataError, PeelianError, UsageError

NAMED: dict[str, Any] = {"unit": "id", "count": "n", "groups": ["green", "blue"]}


def table(**columns: Any) -> pd.DataFrame:
    made = {
        "id": ["a", "b", "c"],
        "n": [1, 2, 3],
        "green": [10, 20, 30],
        "blue": [5, 5, 5],
        "all": [20, 25, 30],
    }
    return pd.DataFrame({**made, **columns})


def test_read() -> None:
    units = read_units(table(), **NAMED, population="all")
    assert units.ids.tolist() == ["a", "b", "c"]
    assert units.counts.tolist() == [1, 2, 3]
    assert units.groups == ["green", "blue"]
    assert units.total is not None
    assert units.total.tolist() == [20, 25, 30]
    assert units.parts() == ["all"]
    assert len(units) == 3


def test_a_unit_may_be_in_two_areas_and_not_twice_in_one() -> None:
    twice = table(id=["a", "a", "b"], where=["x", "y", "x"])
    assert read_units(twice, **NAMED, by="where").parts() == ["x", "y"]
    with pytest.raises(DataError, match="1 rows name a unit that was there before: a"):
        read_units(twice, **NAMED)


def test_an_empty_count_is_not_known_and_not_0() -> None:
    assert np.isnan(read_units(table(n=[1, None, 3]), **NAMED).counts[1])
    assert np.isnan(read_units(table(n=["1", " ", "3"]), **NAMED).counts[1])


def test_margins() -> None:
    made = read_units(table(moe=[16.45, 32.9, CONTROLLED]), **NAMED, margins={"blue": "moe"}).margins["all"]
    assert made.variance == pytest.approx(np.array([[0, 100], [0, 400], [0, 0]]))


def test_periods_are_added_up() -> None:
    long = pd.concat([table(when="2"), table(when="1", n=[10, 0, 4])])
    units = read_units(long, **NAMED, period="when")
    assert units.periods is not None
    assert list(units.periods.columns) == ["1", "2"]
    assert units.counts.tolist() == [11, 2, 7]
    assert units.residents["green"].tolist() == [10, 20, 30]
    short = read_units(long.iloc[:-1], **NAMED, period="when")
    assert np.isnan(short.counts[2]), "a period that isn't there is not a 0"
    assert "1 counts of a unit in a period are not there" in short.notes[0]
    moved = pd.concat([table(when=1), table(when=2, green=[10, 20, 31])])
    with pytest.raises(DataError, match="'green' changes from one when to another in 1 units: c"):
        read_units(moved, **NAMED, period="when")


@pytest.mark.parametrize(
    ("columns", "named", "error", "said"),
    [
        ({"n": [1, -2, 3]}, {}, DataError, "'n' of 1 units is negative or infinite: b"),
        ({"n": ["1", "many", "3"]}, {}, DataError, "'n' of 1 units is not a number: b"),
        ({"n": [1, np.inf, 3]}, {}, DataError, "negative or infinite"),
        ({"green": [1, None, 3]}, {}, DataError, "residents 'green' of 1 areas are unknown: b"),
        ({"green": [1, -666666666, 3]}, {}, DataError, "negative or infinite: b"),
        ({"id": ["a", None, "c"]}, {}, DataError, "1 of 3 rows have no id; the first is row 2"),
        ({}, {"count": "m"}, DataError, "column 'm' was named"),
        ({}, {"groups": ["green", "bleu"]}, DataError, "column 'bleu' was named"),
        ({}, {"groups": ["green"]}, UsageError, "expected two or more"),
        ({}, {"groups": ["green", "green"]}, UsageError, "each once"),
        ({}, {"margins": {"red": "all"}}, UsageError, "a margin was given for 'red'"),
        (
            {"moe": [1, None, 3]},
            {"margins": {"blue": "moe"}},
            DataError,
            "margins 'moe' of 1 units are missing",
        ),
        ({"moe": [1, -3, 3]}, {"margins": {"blue": "moe"}}, DataError, "missing or negative: b"),
    ],
)
def test_refused(
    columns: dict[str, Any], named: dict[str, Any], error: type[PeelianError], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        read_units(table(**columns), **{**NAMED, **named})
    assert caught.value.hint


def test_what_was_meant_is_asked() -> None:
    with pytest.raises(DataError) as caught:
        read_units(table(), **{**NAMED, "groups": ["green", "blu"]})
    assert "did you mean blue?" in caught.value.hint


def test_no_rows() -> None:
    with pytest.raises(DataError, match="without rows"):
        read_units(table().iloc[:0], **NAMED)
