from __future__ import annotations

import numpy as np
import pytest

from peelian.audits.conditions import conditions, subsets
from peelian.errors import DataError, UsageError


def test_fifths_and_halves_hold_what_they_say() -> None:
    found = {one.part: one for one in conditions({"share_of_a": np.arange(100.0)}, 100)}
    assert [int(one.held.sum()) for one in found.values()] == [20, 50, 50, 20]
    assert found["the top fifth"].held[80:].all()
    assert found["the top fifth"].sentence() == "share of a in the top fifth"


def test_ties_stay_together_and_an_attribute_without_difference_says_nothing() -> None:
    values = np.repeat([0.0, 1.0], [70, 30])
    found = {one.part: int(one.held.sum()) for one in conditions({"v": values}, 100)}
    assert found == {"the lowest fifth": 70, "the lower half": 70, "the top fifth": 30}
    assert conditions({"v": np.ones(100)}, 100) == ()


def test_all_conjunctions_of_different_attributes_once() -> None:
    rng = np.random.default_rng(0)
    two = subsets({"a": rng.random(900), "b": rng.random(900)}, n=900, depth=2)
    assert len(two) == 4 + 4 + 16
    assert len({row.tobytes() for row in two.member}) == len(two)
    same = rng.random(200)
    assert len(subsets({"a": same, "b": same}, n=200, depth=2)) < 12
    i = next(i for i, of in enumerate(two.of) if len(of) == 2)
    assert (two.member[i] == (two.conditions[two.of[i][0]].held & two.conditions[two.of[i][1]].held)).all()
    assert two.sentence(i) == "a in the lowest fifth and b in the lowest fifth"


def test_what_is_off_is_refused() -> None:
    with pytest.raises(DataError, match="unknown in 1 of 20"):
        subsets({"a": np.r_[np.nan, np.arange(19)]}, n=20)
    with pytest.raises(UsageError, match="1, 2 or 3"):
        subsets({"a": np.arange(20)}, n=20, depth=4)
    with pytest.raises(UsageError, match="one number a place"):
        subsets({"a": np.arange(3)}, n=20)
    many = np.random.default_rng(0).random((20, 400))
    with pytest.raises(UsageError, match="more than 20,000"):
        subsets({str(i): v for i, v in enumerate(many)}, n=400, depth=3)
