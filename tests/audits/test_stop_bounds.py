"""Bounds hold whatever the missing were, and are reached by some of it."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.stop_bounds import allocated, gap_bounds, kind_bounds, ratio_bounds, share_bounds

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


few = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2))


def split(n: int, parts: int) -> list[tuple[int, ...]]:
    return [one for one in itertools.product(range(n + 1), repeat=parts) if sum(one) <= n]


@settings(max_examples=25)
@given(
    group=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2)),
    reference=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2)),
    missing=few,
    of_all=st.booleans(),
)
def test_kind_bounds_are_the_ends_of_all_that_could_be(
    group: tuple[int, int, int], reference: tuple[int, int, int], missing: tuple[int, int, int], of_all: bool
) -> None:
    found = [
        (group[0] + u + y[0] + e[0])
        / (group[1] + group[2] - u + n[0] + e[1] + (group[0] + u + y[0] + e[0]) * of_all)
        / (
            (reference[0] + v + y[1] + e[2])
            / (reference[1] + reference[2] - v + n[1] + e[3] + (reference[0] + v + y[1] + e[2]) * of_all)
        )
        for u in range(group[2] + 1)
        for v in range(reference[2] + 1)
        for y in split(missing[0], 2)
        for n in split(missing[1], 2)
        for e in split(missing[2], 4)
    ]
    assert kind_bounds(group, reference, missing=missing, of_all=of_all) == pytest.approx(
        (min(found), max(found))
    )


def test_kind_bounds_that_are_open_or_nowhere() -> None:
    assert kind_bounds((3, 5, 0), (0, 4, 0), missing=(0, 0, 0), of_all=False) == (None, None)
    low, high = kind_bounds((3, 5, 0), (0, 4, 1), missing=(0, 0, 0), of_all=False)
    assert (low, high) == (pytest.approx(3 / 5 / (1 / 4)), None)


@settings(max_examples=25)
@given(group=rows, reference=rows, missing=few, maybe=st.tuples(few, few))
def test_rows_that_may_not_count_are_in_the_bounds_of_a_gap(
    group: tuple[int, int, int],
    reference: tuple[int, int, int],
    missing: tuple[int, int, int],
    maybe: tuple[tuple[int, int, int], tuple[int, int, int]],
) -> None:
    found = []
    for (h, m, e, f), (i, k, a, b) in itertools.product(
        *(itertools.product(range(x + 1), range(y + 1), range(z + 1), range(z + 1)) for x, y, z in maybe)
    ):
        if e + f > maybe[0][2] or a + b > maybe[1][2]:
            continue
        more = gap_bounds(
            (group[0] + h + e, group[1] + m + f, group[2]),
            (reference[0] + i + a, reference[1] + k + b, reference[2]),
            missing=missing,
        )
        found.append(more)
    low, high = gap_bounds(group, reference, missing=missing, maybe=maybe)
    assert low == pytest.approx(min(one[0] for one in found if one[0] is not None))
    assert high == pytest.approx(max(one[1] for one in found if one[1] is not None))


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
