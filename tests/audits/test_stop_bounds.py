"""Bounds hold whatever the missing were, and are reached by some of it."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.stop_bounds import allocated, gap_bounds, ratio_bounds, share_bounds

small = st.integers(0, 4)
rows = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 3))


@settings(max_examples=40)
@given(
    g=st.integers(1, 20),
    r=st.integers(1, 20),
    m=small,
    under=st.tuples(st.integers(1, 20), st.integers(1, 20), small),
)
def test_ratio_bounds_are_the_ends_of_all_that_could_be(
    g: int, r: int, m: int, under: tuple[int, int, int]
) -> None:
    found = [
        (g + a) / (r + b) / ((under[0] + c) / (under[1] + d))
        for a, b in itertools.product(range(m + 1), repeat=2)
        if a + b <= m
        for c, d in itertools.product(range(under[2] + 1), repeat=2)
        if c + d <= under[2]
    ]
    assert ratio_bounds(g, r, m, under=under) == pytest.approx((min(found), max(found)))


@settings(max_examples=40)
@given(group=rows, missing=st.tuples(small, small, small))
def test_share_bounds_are_the_ends_of_all_that_could_be(
    group: tuple[int, int, int], missing: tuple[int, int, int]
) -> None:
    found = [
        (group[0] + u + h + e) / (sum(group) + h + n + e + f)
        for u in range(group[2] + 1)
        for h in range(missing[0] + 1)
        for n in range(missing[1] + 1)
        for e in range(missing[2] + 1)
        for f in range(missing[2] + 1 - e)
    ]
    assert share_bounds(*group, missing=missing) == pytest.approx((min(found), max(found)))


@settings(max_examples=25)
@given(group=rows, reference=rows, missing=st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 4)))
def test_gap_bounds_hold_and_are_nearly_reached(
    group: tuple[int, int, int], reference: tuple[int, int, int], missing: tuple[int, int, int]
) -> None:
    found = [
        group[0] / (sum(group) + missing[1] + t)
        - (reference[0] + reference[2] + missing[0] + missing[2] - t)
        / (sum(reference) + missing[0] + missing[2] - t)
        for t in range(missing[2] + 1)
    ]
    low, high = gap_bounds(group, reference, missing=missing)
    assert low is not None
    assert low <= min(found) + 1e-12
    assert low > min(found) - 0.05
    assert high == pytest.approx(-gap_bounds(reference, group, missing=missing)[0])


def test_without_missing_there_is_nothing_to_bound() -> None:
    assert share_bounds(3, 7, 0, missing=(0, 0, 0)) == pytest.approx((0.3, 0.3))
    assert gap_bounds((3, 7, 0), (5, 5, 0), missing=(0, 0, 0)) == pytest.approx((-0.2, -0.2))
    assert ratio_bounds(0, 0, 0, under=(0, 0, 0)) == (None, None)


def test_allocation_follows_area_and_part_of_the_day() -> None:
    frame = pd.DataFrame(
        {
            "area": ["a"] * 30 + ["b"] * 30,
            "minute": [60.0] * 60,
            "group": ["X"] * 20 + [None] * 10 + ["X"] * 10 + ["Y"] * 10 + [None] * 10,
        }
    )
    found = allocated(frame, np.ones(60, dtype=bool), ["X", "Y", "Z"])
    assert found.tolist() == [20 + 10 + 10 + 5, 10 + 5, 0]
    assert found.sum() == 60


def test_allocation_without_place_time_or_any_group() -> None:
    frame = pd.DataFrame(
        {"area": [None] * 8, "minute": [np.nan] * 8, "group": ["X"] * 3 + ["Y"] + [None] * 4}
    )
    assert allocated(frame, np.ones(8, dtype=bool), ["X", "Y"]).tolist() == [6.0, 2.0]
    assert allocated(frame, np.zeros(8, dtype=bool), ["X", "Y"]).tolist() == [0.0, 0.0]
