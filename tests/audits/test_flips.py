from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from peelian.audits.flips import crossings, extreme_ratios, flip, gaps, undo


def test_gaps_are_even_on_a_logarithmic_axis_and_hold_1() -> None:
    gap = gaps(8.0)
    assert gap[0] == pytest.approx(1 / 8)
    assert gap[-1] == pytest.approx(8)
    assert 1.0 in gap
    assert np.ptp(np.diff(np.log(gap))) < 1e-12


def test_undoing_a_gap_gives_incidents_back() -> None:
    share, incidents = np.array([0.0, 0.3, 1.0]), np.array([10.0, 20.0, 30.0])
    reports = incidents * (1 - share + 0.4 * share)
    assert reports * undo(share, np.array([0.4]))[:, 0] == pytest.approx(incidents)


def test_the_crossing_nearest_to_no_gap_is_found() -> None:
    gap = gaps(10.0)
    falling, rising = 2.0 / gap, gap / 0.3
    assert crossings(np.stack([falling]), gap, falls=True) == pytest.approx([2.0], rel=1e-9)
    assert crossings(np.stack([rising]), gap, falls=False) == pytest.approx([0.3], rel=1e-9)
    wave = np.exp(np.sin(3 * (np.log(gap) - 0.2)))
    assert crossings(wave[None], gap, falls=True) == pytest.approx([np.exp(0.2)], rel=1e-3)


def test_beyond_reach_is_told_with_its_side() -> None:
    gap = gaps(10.0)
    high, low, level = 20.0 / gap, 0.01 / gap, np.full(gap.size, 3.0)
    found = crossings(np.stack([high, low, level, np.zeros(gap.size)]), gap, falls=True)
    assert found.tolist() == [np.inf, 0.0, np.inf, 0.0]
    assert crossings(level[None], gap, falls=False).tolist() == [0.0]
    assert np.isnan(crossings(np.full((1, gap.size), np.nan), gap, falls=True))[0]


def test_the_margin_is_where_the_interval_first_holds_1() -> None:
    gap = gaps(20.0)
    at = np.exp(np.random.default_rng(0).normal(1.0, 0.3, 4000))
    draws = at[:, None] / gap[None, :]
    found = flip(np.exp(1.0) / gap, draws, gap, falls=True, level=0.95, interval=True)
    assert found.gap == pytest.approx(np.e, rel=1e-6)
    assert found.low == pytest.approx(np.quantile(at, 0.025), rel=0.01)
    assert found.margin == found.low
    low = np.quantile(draws, 0.025, axis=0)
    assert np.interp(np.log(found.margin), np.log(gap), low) == pytest.approx(1.0, abs=0.01)
    mirrored = flip(gap / np.exp(-1.0), draws[:, ::-1], gap, falls=False, level=0.95, interval=True)
    assert mirrored.margin == pytest.approx(found.margin, rel=1e-6)


def test_an_interval_that_holds_1_has_no_margin() -> None:
    gap = gaps(10.0)
    draws = np.exp(np.random.default_rng(1).normal(0.1, 0.3, 2000))[:, None] / gap
    assert flip(1.1 / gap, draws, gap, falls=True, level=0.95, interval=True).margin == 1.0
    alone = flip(1.1 / gap, draws, gap, falls=True, level=0.95, interval=False)
    assert (alone.low, alone.margin) == (None, None)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0.01, 9)), min_size=1, max_size=7), st.floats(1, 8))
def test_extreme_weights_are_those_of_all_corners(pairs: list[tuple[float, float]], span: float) -> None:
    top, bottom = np.array(pairs).T
    corners = [np.array(w) for w in itertools.product([1.0, span], repeat=top.size)]
    ratios = [w @ top / (w @ bottom) for w in corners]
    least, most = extreme_ratios(top, bottom, span=span)
    assert least @ top / (least @ bottom) == pytest.approx(min(ratios))
    assert most @ top / (most @ bottom) == pytest.approx(max(ratios))


def test_extreme_ratios_agree_with_a_linear_programme() -> None:
    rng = np.random.default_rng(3)
    top, bottom, span = rng.gamma(1, 1, 40), rng.gamma(1, 1, 40), 2.5
    # Charnes and Cooper: w = v / t with bottom . v = 1 and t <= v <= span t.
    n = top.size
    upper = np.hstack([np.eye(n), -span * np.ones((n, 1))])
    lower = np.hstack([-np.eye(n), np.ones((n, 1))])
    solved = linprog(
        np.r_[-top, 0.0],
        A_ub=np.vstack([upper, lower]),
        b_ub=np.zeros(2 * n),
        A_eq=np.r_[bottom, 0.0][None],
        b_eq=[1.0],
    )
    _, most = extreme_ratios(top, bottom, span=span)
    assert most @ top / (most @ bottom) == pytest.approx(-solved.fun)
