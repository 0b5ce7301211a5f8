"""The exact division of a series, against going through all of them, and the noise of simulated series."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from peelian.patterns.segmentation import Noise, best_steps, gains, levels, noise_of, segment, simulated


def cost(y, e, starts):
    """Twice the negative log-likelihood, stretch by stretch, less what all divisions share."""
    edges = [0, *starts, len(y)]
    total = 0.0
    for a, b in pairwise(edges):
        n, span = y[a:b].sum(), e[a:b].sum()
        total -= 2 * (special.xlogy(n, n / span))
    return total


def brute(y, e, penalty, shortest):
    best, found = np.inf, ()
    for k in range(len(y) // shortest):
        for starts in combinations(range(shortest, len(y) - shortest + 1), k):
            if all(b - a >= shortest for a, b in pairwise(starts)):
                value = cost(y, e, starts) + penalty * k
                if value < best - 1e-9:
                    best, found = value, starts
    return best, found


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 12), min_size=4, max_size=11),
    st.floats(0.5, 12),
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_it_is_the_best_of_all_divisions(counts, penalty, shortest, seed):
    y = np.array(counts, float)
    e = np.random.default_rng(seed).uniform(0.5, 2, y.size)
    if y.size < 2 * shortest:
        return
    found = segment(y, e, penalty=penalty, shortest=shortest)
    best, _ = brute(y, e, penalty, shortest)
    assert cost(y, e, found) + penalty * found.size == pytest.approx(best, abs=1e-7)
    assert np.all(np.diff([0, *found, y.size]) >= shortest)


def test_pruning_loses_nothing_on_a_long_series():
    """Against the same dynamic programme without pruning."""
    rng = np.random.default_rng(0)
    y = rng.poisson(np.repeat([5, 9, 4, 4, 12], 60)).astype(float)
    e, penalty, shortest = np.ones(300), 8.0, 3
    ys = np.concatenate([[0], np.cumsum(y)])
    best = np.full(301, np.inf)
    best[0] = -penalty
    for t in range(shortest, 301):
        s = np.arange(t - shortest + 1)
        n = ys[t] - ys[s]
        best[t] = np.min(best[s] - 2 * special.xlogy(n, n / (t - s)) + penalty)
    found = segment(y, e, penalty=penalty, shortest=shortest)
    assert cost(y, e, found) + penalty * found.size == pytest.approx(best[300])
    assert {60, 120, 240} <= set(found.tolist())


def test_gains_and_levels_are_those_of_the_definition():
    rng = np.random.default_rng(1)
    y, e = rng.poisson(4, 20).astype(float), rng.uniform(0.5, 2, 20)
    found = gains(y, e, 3)
    assert found.size == 15
    assert found == pytest.approx([cost(y, e, []) - cost(y, e, [t]) for t in range(3, 18)])
    starts = np.array([5, 9])
    level = levels(y, e, starts)
    assert level[0] == pytest.approx(y[:5].sum() / e[:5].sum())
    assert level[8] == pytest.approx(y[5:9].sum() / e[5:9].sum())
    assert level[-1] == pytest.approx(y[9:].sum() / e[9:].sum())
    best = best_steps(np.vstack([y, y]), e, 3)
    assert best.start.tolist() == [3 + int(np.argmax(found))] * 2
    assert best.gain == pytest.approx([found.max()] * 2)


def test_a_step_of_zeros_costs_nothing_odd():
    y = np.r_[np.zeros(10), np.full(10, 5.0)]
    assert segment(y, np.ones(20), penalty=5.0, shortest=2).tolist() == [10]
    assert np.isfinite(gains(y, np.ones(20), 2)).all()
    assert best_steps(y[None], np.ones(20), 2).dispersion.tolist() == [1.0]


@pytest.mark.parametrize(("dispersion", "together"), [(1.0, 0.0), (2.0, 0.0), (3.0, 0.4), (4.0, 0.6)])
def test_simulated_counts_have_the_noise_that_was_asked_for(dispersion, together):
    mean = np.full(400, 30.0)
    drawn = simulated(mean, Noise(dispersion, together), 300, np.random.default_rng(2))
    assert drawn.mean() == pytest.approx(30, rel=0.02)
    assert drawn.var() / drawn.mean() == pytest.approx(dispersion, rel=0.06)
    off = drawn - drawn.mean()
    assert (off[:, 1:] * off[:, :-1]).mean() / off.var() == pytest.approx(together, abs=0.03)
    found, memory = noise_of(drawn, np.broadcast_to(mean, drawn.shape), fitted=0)
    assert found.mean() == pytest.approx(max(dispersion, 1), rel=0.06)
    assert memory.mean() == pytest.approx(together, abs=0.03)


def test_what_is_left_after_waves_were_taken_out():
    rng = np.random.default_rng(3)
    turn = np.arange(200) * 2 * np.pi / 50
    waves = np.column_stack([np.sin(turn), np.cos(turn)])
    y = rng.poisson(20 * np.exp(0.5 * np.sin(turn)), (50, 200)).astype(float)
    flat = np.full(y.shape, 20.0)
    with_waves, without = noise_of(y, flat, fitted=1), noise_of(y, flat, fitted=1, waves=waves)
    assert with_waves[0].mean() > 2.5
    assert without[0].mean() < 1.6
    assert without[1].mean() < 0.3 < with_waves[1].mean()


def test_sums_of_what_hangs_together_vary_more():
    assert Noise(2.0, 0.0).of_sums == 2.0
    assert Noise(2.0, 0.5).of_sums == 6.0
