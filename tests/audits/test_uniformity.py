"""Probability integral transforms by cell, and whether they are spread evenly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.audits.uniformity import PIT_BINS, pit_masses, uniformity_p
from peelian.trials.calibration import tally_pit


@given(st.integers(0, 10_000), st.sampled_from([np.inf, 0.3, 5.0]))
@settings(max_examples=30)
def test_masses_add_up_to_what_a_trial_tallies(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    mean = rng.lognormal(-1, 2, 50)
    counts = rng.poisson(mean * rng.uniform(0.5, 3)).astype(np.int64)
    masses = pit_masses(counts, mean, size=size)
    np.testing.assert_allclose(masses.sum(axis=1), 1)
    assert (masses >= 0).all()
    np.testing.assert_allclose(mean @ masses, tally_pit(counts, mean, size=size, weight=mean), atol=1e-9)


def test_a_randomised_transform_has_the_same_expected_value() -> None:
    rng = np.random.default_rng(0)
    mean, counts = np.full(20_000, 1.3), rng.poisson(2.0, 20_000)
    below, upto = stats.poisson.cdf(counts - 1, mean), stats.poisson.cdf(counts, mean)
    drawn = np.histogram(rng.uniform(below, upto), bins=PIT_BINS, range=(0, 1))[0] / 20_000
    ours = pit_masses(counts.astype(np.int64), mean, size=np.inf).mean(axis=0)
    np.testing.assert_allclose(ours, drawn, atol=0.012)


def test_what_was_called_impossible_is_last() -> None:
    masses = pit_masses(np.array([3, 0]), np.array([0.0, 0.0]), size=np.inf)
    assert masses[0].tolist() == [0] * 9 + [1]
    np.testing.assert_allclose(masses[1], 0.1)


def _by_block(factor: float, *, seed: int, alike: float = 0.0, blocks: int = 40) -> tuple[float, np.ndarray]:
    rng = np.random.default_rng(seed)
    sums = []
    for _ in range(blocks):
        mean = rng.lognormal(0, 0.5, 60)
        shared = rng.lognormal(-(alike**2) / 2, alike)
        counts = rng.poisson(mean * factor * shared).astype(np.int64)
        sums.append(mean @ pit_masses(counts, mean, size=np.inf))
    return uniformity_p(np.array(sums))


def test_right_forecasts_are_called_wrong_as_often_as_the_level_says() -> None:
    p = np.array([_by_block(1.0, seed=s)[0] for s in range(150)])
    assert 0.01 <= np.mean(p < 0.05) <= 0.10
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_reports_that_go_together_within_a_block_fool_the_usual_test_and_not_this_one() -> None:
    ours, usual = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        sums = []
        for _ in range(40):
            # Each block is one draw of the transform, told 60 times over: uniform, but far from independent.
            sums.append(np.bincount([rng.integers(0, 10)], weights=[60.0], minlength=10))
        by_block = np.array(sums)
        ours.append(uniformity_p(by_block)[0])
        usual.append(stats.chisquare(by_block.sum(axis=0)).pvalue)
    assert np.mean(np.array(usual) < 0.05) > 0.9
    assert np.mean(np.array(ours) < 0.05) < 0.15


def test_too_low_and_too_narrow_forecasts_are_found_and_told_apart() -> None:
    low, components = _by_block(1.3, seed=1)
    assert low < 0.001
    assert components[0] > 0
    rng = np.random.default_rng(2)
    narrow = []
    for _ in range(40):
        mean = np.full(60, 5.0)
        counts = rng.negative_binomial(1.0, 1 / 6, 60).astype(np.int64)
        narrow.append(mean @ pit_masses(counts, mean, size=np.inf))
    p, components = uniformity_p(np.array(narrow))
    assert p < 0.001
    assert components[1] > 0.1


def test_small_counts_that_tell_of_one_bin_alone_are_tested_by_it() -> None:
    rng = np.random.default_rng(3)
    sums = [
        np.full(200, 0.01) @ pit_masses((rng.uniform(size=200) < 0.04) * 1, np.full(200, 0.01), size=np.inf)
        for _ in range(30)
    ]
    p, _ = uniformity_p(np.array(sums))
    assert p < 0.01


def test_few_blocks_give_no_test() -> None:
    assert np.isnan(uniformity_p(np.ones((7, 10)))[0])
    p, components = uniformity_p(np.zeros((20, 10)))
    assert np.isnan(p)
    assert np.isnan(components).all()
    assert uniformity_p(np.ones((20, 10)))[1] == pytest.approx(np.zeros(3), abs=1e-12)
