"""Bounds on intersections, against every possible split."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.crossed import extreme_members, joint_bounds
from peelian.errors import DataError


def test_frechet() -> None:
    low, high = joint_bounds([60, 20, 100], [70, 30, 5], [100, 100, 100])
    assert low.tolist() == [30, 0, 5]
    assert high.tolist() == [60, 20, 5]


def test_more_than_all_are_refused() -> None:
    with pytest.raises(DataError, match="in 1 units"):
        joint_bounds([60, 20], [120, 10], [100, 100])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(0, 9)), min_size=1, max_size=4).filter(
        lambda rows: sum(a + b for a, b, _ in rows) > 0
    )
)
def test_extremes_are_those_of_every_split(rows: list[tuple[int, int, float]]) -> None:
    low = np.array([a for a, _, _ in rows], dtype=float)
    high = low + np.array([b for _, b, _ in rows])
    rate = np.array([r for _, _, r in rows])
    least, greatest = extreme_members(low, high, rate)
    splits = itertools.product(*(range(int(a), int(b) + 1) for a, b in zip(low, high, strict=True)))
    means = [np.dot(one, rate) / sum(one) for one in splits if sum(one)]
    assert np.all((least >= low) & (least <= high))
    assert np.dot(least, rate) / least.sum() == pytest.approx(min(means))
    assert np.dot(greatest, rate) / greatest.sum() == pytest.approx(max(means))
