"""Shares by area and by group."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peelian.audits.contrasts import by_area, by_group, group_gap
from peelian.errors import UsageError

RESIDENTS = pd.DataFrame({"a": [900.0, 100.0, 0.0, 500.0], "b": [100.0, 900.0, 50.0, 500.0]})


def test_a_groups_value_is_the_mean_over_its_residents() -> None:
    values = np.array([0.1, 0.5, np.nan, 0.3])
    found = by_group(values, RESIDENTS, level=0.9).set_index("group")
    # 900 x 0.1 + 100 x 0.5 + 500 x 0.3 over 1500; the area without a value is left out, with its residents.
    assert found.loc["a", "value"] == pytest.approx(290 / 1500)
    assert found.loc["b", "value"] == pytest.approx(610 / 1500)
    assert found.loc["b", "residents"] == 1500
    gap = group_gap(values, RESIDENTS, group="b", reference="a", level=0.9)
    assert gap.value == pytest.approx(320 / 1500)
    assert gap.low is not None
    assert gap.high is not None
    assert gap.low <= gap.value <= gap.high


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        people = pd.DataFrame({"a": rng.gamma(2, 100, 60), "b": rng.gamma(2, 100, 60)})
        truth = 0.05
        values = 0.2 + truth * people["b"] / people.sum(axis=1) + rng.normal(0, 0.05, 60)
        share = people["b"] / people.sum(axis=1)
        wanted = truth * (
            (people["b"] * share).sum() / people["b"].sum() - (people["a"] * share).sum() / people["a"].sum()
        )
        gap = group_gap(values, people, group="b", reference="a", level=0.9, replicates=300, seed=seed)
        assert gap.low is not None
        assert gap.high is not None
        covered += gap.low <= wanted <= gap.high
    assert 80 <= covered <= 99


def test_one_area_gives_no_interval_and_none_no_number() -> None:
    one = group_gap([0.2, np.nan, np.nan, np.nan], RESIDENTS, group="b", reference="a", level=0.9)
    assert (one.value, one.low, one.high) == (0.0, None, None)
    none = group_gap([np.nan] * 4, RESIDENTS, group="b", reference="a", level=0.9)
    assert none.value is None


def test_unknown_groups_are_refused() -> None:
    with pytest.raises(UsageError, match="expected two of a, b"):
        group_gap([0.1] * 4, RESIDENTS, group="c", reference="a", level=0.9)


def test_areas_come_highest_first_and_without_those_that_have_no_record() -> None:
    found = by_area(np.array([1, 5, 0]), np.array([10, 10, 0]), ["x", "y", "z"], level=0.95)
    assert found["area"].tolist() == ["y", "x"]
    assert np.all((found["low"] < found["share"]) & (found["share"] < found["high"]))
