"""How long the same places are chosen: by hand, at the extremes, and by chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peelian.audits.partitions import separate_partition
from peelian.audits.persistence import chosen_top, persistence
from peelian.errors import NotEnoughDataError


def measure(found: pd.DataFrame, name: str) -> pd.Series:
    return found.set_index("measure").loc[name]


def test_by_hand() -> None:
    chosen = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 1], [0, 0, 0]], dtype=bool)
    lived = pd.DataFrame({"a": [10.0, 20, 30, 40], "b": [0.0, 0, 0, 5]})
    found = persistence(chosen, lived, separate_partition(4), replicates=100)
    # From 1 to 2: one of three; from 2 to 3: two of three.
    assert measure(found.frame, "overlap")["value"] == pytest.approx(3 / 6)
    assert measure(found.frame, "always")["value"] == pytest.approx(1 / 3)
    # Runs: 3; 1 and 1; 2.
    assert measure(found.frame, "run")["value"] == pytest.approx(7 / 4)
    held = found.residents.set_index(["group", "times"])["residents"]
    assert held["a"].to_dict() == {0: 40, 1: 0, 2: 50, 3: 10}
    assert found.residents.groupby("group")["share"].sum().tolist() == pytest.approx([1, 1])
    assert found.times == 3


def test_always_the_same_and_always_others() -> None:
    same = np.zeros((40, 5), dtype=bool)
    same[:10] = True
    lived = pd.DataFrame({"a": np.ones(40)})
    found = persistence(same, lived, separate_partition(40), replicates=100).frame
    assert measure(found, "overlap")["value"] == pytest.approx(1)
    assert measure(found, "run")["value"] == pytest.approx(5)
    assert measure(found, "overlap")["chance"] == pytest.approx(2.5 / 17.5)
    apart = np.zeros((40, 4), dtype=bool)
    for t in range(4):
        apart[10 * t : 10 * t + 10, t] = True
    other = persistence(apart, lived, separate_partition(40), replicates=100).frame
    assert np.isnan(measure(other, "overlap")["value"])
    assert measure(other, "run")["value"] == pytest.approx(1)


def test_random_choices_overlap_as_chance_says() -> None:
    rng = np.random.default_rng(2)
    chosen = rng.random((2000, 12)) < 0.2
    found = persistence(chosen, pd.DataFrame({"a": np.ones(2000)}), separate_partition(2000), replicates=200)
    row = measure(found.frame, "overlap")
    assert row["low"] < row["chance"] < row["high"]
    assert row["chance"] == pytest.approx(0.2 * 0.2 / (0.4 - 0.04), rel=0.05)


def test_top_units_of_each_period() -> None:
    counts = np.array([[9.0, 0], [8, 5], [7, 5], [1, 0], [0, 0]])
    assert chosen_top(counts, top=0.4).T.tolist() == [
        [True, True, False, False, False],
        [False, True, True, False, False],
    ]
    ties = chosen_top(np.array([[3.0], [2], [2], [2], [0]]), top=0.4)
    assert ties.ravel().tolist() == [True, False, False, False, False], (
        "which of the tied is first decides nothing"
    )
    assert chosen_top(np.array([[2.0], [2], [2], [0]]), top=0.25).ravel().tolist() == [
        True,
        True,
        True,
        False,
    ]
    assert not chosen_top(np.array([[np.nan], [0.0]]), top=0.5).any()


def test_one_period_is_not_enough() -> None:
    with pytest.raises(NotEnoughDataError, match="one period"):
        persistence(np.ones((4, 1), dtype=bool), pd.DataFrame({"a": np.ones(4)}), separate_partition(4))
