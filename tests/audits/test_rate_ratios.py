"""Ratios across groups: worked by hand, and honest about the highest of several uncertain rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.rate_ratios import by_chance, for_all, max_geometric_mean, max_min
from peelian.errors import UsageError


def test_the_ratios_of_a_published_row() -> None:
    # NIST FRVT 1:1, 2020, acisw-003: same-sex, same-race false match rates of black and white men and women.
    rates = [0.0005, 0.0014, 0.0044, 0.0010]
    lowest, mean = max_min(rates), max_geometric_mean(rates)
    assert lowest.value == pytest.approx(0.0044 / 0.0005) == pytest.approx(8.8)
    assert mean.value == pytest.approx(0.0044 / (0.0005 * 0.0014 * 0.0044 * 0.0010) ** 0.25)
    assert (lowest.highest, lowest.lowest, lowest.low) == (2, 0, None)


def test_the_interval_is_every_ratio_that_the_rates_leave_room_for() -> None:
    made = max_min([0.1, 0.2], [0.08, 0.15], [0.12, 0.26])
    assert (made.low, made.high) == pytest.approx((0.15 / 0.12, 0.26 / 0.08))
    mean = max_geometric_mean([0.1, 0.2], [0.08, 0.15], [0.12, 0.26])
    assert (mean.low, mean.high) == pytest.approx((np.sqrt(0.15 / 0.12), np.sqrt(0.26 / 0.08)))
    both = max_min([0.1, 0.1], [0.05, 0.05], [0.2, 0.2])
    assert (both.value, both.low, both.high) == pytest.approx((1.0, 1.0, 4.0))


def test_a_lowest_rate_of_nothing_has_no_ratio_and_no_upper_end() -> None:
    for ratio in (max_min, max_geometric_mean):
        made = ratio([0.0, 0.02], [0.0, 0.01], [0.001, 0.03])
        assert made.value is None
        assert made.high is None
        assert made.low > 1
    assert max_min([0.0, 0.0], [0.0, 0.0], [0.0, 0.0]).value is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(1e-4, 0.5), st.floats(0.1, 1.0), st.floats(1.0, 2.0), st.floats(0, 1)),
        min_size=2,
        max_size=6,
    )
)
def test_any_rates_within_the_intervals_have_a_ratio_within_the_interval(
    rows: list[tuple[float, float, float, float]],
) -> None:
    rates = np.array([r[0] for r in rows])
    low, high = rates * [r[1] for r in rows], rates * [r[2] for r in rows]
    inside = low + (high - low) * [r[3] for r in rows]
    for ratio in (max_min, max_geometric_mean):
        made, truth = ratio(rates, low, high), ratio(inside)
        assert made.low - 1e-9 <= truth.value <= made.high + 1e-9
        assert ratio(rates * 7).value == pytest.approx(made.value)
        assert made.value >= 1 - 1e-12


def test_equal_groups_show_a_ratio_by_chance() -> None:
    median, most = by_chance([1000, 1000, 1000, 1000], 0.01)
    assert 1.5 < median < 2.5 < most
    many, _ = by_chance([1e7] * 4, 0.01)
    assert many < 1.02
    assert by_chance([300, 300], 0.001)[1] == np.inf
    assert by_chance([1000, 1000], 0.01, seed=3) == by_chance([1000, 1000], 0.01, seed=3)


def test_wrong_rates_are_refused() -> None:
    for rates in ([0.1], [0.1, np.nan], [0.1, -0.1]):
        with pytest.raises(UsageError, match="two groups or more"):
            max_min(rates)
    with pytest.raises(UsageError, match="intervals"):
        max_min([0.1, 0.2], [0.2, 0.3], [0.1, 0.4])
    assert for_all(0.95, 5) == pytest.approx(0.99)
