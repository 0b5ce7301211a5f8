"""Expected differences of times: against a simulation, the published package's figures, and what must hold always."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.patterns.differences import (
    circular_table,
    expected_circular,
    expected_difference,
    least_difference,
)

moments = st.integers(0, 20_000).map(lambda v: v / 60)
lengths = st.one_of(st.just(0.0), st.integers(1, 3_000).map(lambda v: v / 60))


def spread(a: float, b: float, n: int = 1001) -> np.ndarray:
    """Middles of n equal parts of an interval."""
    return a + (b - a) * (np.arange(n) + 0.5) / n


@settings(max_examples=60, deadline=None)
@given(moments, lengths, moments, lengths)
def test_expected_differences_are_those_of_a_fine_sum(a: float, p: float, c: float, q: float) -> None:
    one, two = spread(a, a + p), spread(c, c + q)
    apart = np.abs(one[:, None] - two[None, :])
    assert expected_difference(a, a + p, c, c + q) == pytest.approx(apart.mean(), abs=2e-4 * max(p, q, 1))
    round_the_clock = np.mod(apart, 24)
    round_the_clock = np.minimum(round_the_clock, 24 - round_the_clock)
    wanted = 6.0 if max(p, q) >= 24 else round_the_clock.mean()
    assert expected_circular(a, a + p, c, c + q, 24.0) == pytest.approx(wanted, abs=5e-3)
    assert least_difference(a, a + p, c, c + q) == pytest.approx(max(0, a - c - q, c - a - p))


@settings(max_examples=60, deadline=None)
@given(moments, lengths, moments, lengths, st.integers(-5, 5))
def test_differences_are_symmetric_and_the_circle_has_no_beginning(
    a: float, p: float, c: float, q: float, turns: int
) -> None:
    forth, back = expected_difference(a, a + p, c, c + q), expected_difference(c, c + q, a, a + p)
    assert forth == pytest.approx(back, abs=1e-9)
    assert least_difference(a, a + p, c, c + q) <= forth + 1e-9
    round_ = expected_circular(a, a + p, c, c + q, 24.0)
    assert 0 <= round_ <= 12 + 1e-9
    assert round_ == pytest.approx(expected_circular(c, c + q, a, a + p, 24.0), abs=1e-6)
    assert round_ == pytest.approx(
        expected_circular(a + 24 * turns, a + p + 24 * turns, c, c + q, 24.0), abs=1e-6
    )
    assert round_ <= forth + 1e-6


@pytest.mark.parametrize(
    ("one", "two", "wanted"),
    [
        ((0, 0), (5, 5), 5.0),
        ((0, 2), (0, 2), 2 / 3),  # two even on [0, L]: L / 3
        ((0, 10), (3, 3), (9 + 49) / 20),
        ((0, 4), (6, 10), 6.0),
        ((0, 4), (4, 8), 4.0),
        ((7, 7), (7, 7), 0.0),
    ],
)
def test_differences_by_hand(one: tuple[float, float], two: tuple[float, float], wanted: float) -> None:
    assert expected_difference(*map(float, one), *map(float, two)) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    ("one", "two", "wanted"),
    [
        ((23, 23), (1, 1), 2.0),
        ((0, 24), (3, 3), 6.0),
        ((22, 26), (0, 0), 1.0),  # four hours around midnight, from midnight
        ((12, 12), (0, 12), 6.0),
        ((0, 12), (0, 12), 4.0),
    ],
)
def test_circular_differences_by_hand(
    one: tuple[float, float], two: tuple[float, float], wanted: float
) -> None:
    assert expected_circular(*map(float, one), *map(float, two), 24.0) == pytest.approx(wanted, abs=1e-9)


def convolved(one: tuple[float, float], two: tuple[float, float], mod: float, n: int = 4000) -> float:
    """The published approximation: both intervals on a grid of the circle, and the circular correlation of the two."""
    edge = np.linspace(0, mod, n + 1)

    def mass(interval: tuple[float, float]) -> np.ndarray:
        below = np.clip((edge - interval[0]) / (interval[1] - interval[0]), 0, 1)
        beyond = np.clip((edge + mod - interval[0]) / (interval[1] - interval[0]), 0, 1)
        return np.diff(below) + np.diff(beyond)

    x, y = np.fft.rfft(mass(one)), np.fft.rfft(mass(two))
    together = np.fft.irfft(x * np.conj(y), n)
    return float(np.minimum(edge, mod - edge)[:-1] @ together)


def test_circular_differences_agree_with_the_published_convolution() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, c = rng.uniform(0, 7, 2)
        p, q = rng.uniform(0.01, 6.9, 2)
        ours = expected_circular(a, a + p, c, c + q, 7.0)
        assert ours == pytest.approx(convolved((a, a + p), (c, c + q), 7.0), abs=2e-3)


def test_the_table_holds_the_differences_in_whole_slots() -> None:
    table = circular_table(8, 99)
    assert table.shape == (9, 9, 8)
    assert (table[8] == 99).all()
    assert (table[:, 8] == 99).all()
    assert table[0, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]
    for _ in range(100):
        one, two, apart = np.random.default_rng(_).integers(0, 8, 3)
        exact = expected_circular(0.0, float(one), float(apart), float(apart + two), 8.0)
        assert abs(table[one, two, apart] - exact) <= 0.5 + 1e-9
