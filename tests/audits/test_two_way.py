"""Two-way intervals: held to worlds of which the truth and the sources of chance are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.two_way import TwoWay, effective_blocks, runs_of, two_sided_p
from peelian.errors import UsageError

Floats = npt.NDArray[np.float64]


def _ratio(sums: Floats) -> Floats:
    return np.asarray(sums[:, 0] / sums[:, 1])


def _held(*, of_blocks: float, of_runs: float, worlds: int = 120, one_way: bool = False) -> float:
    """How often the interval of a ratio held 1 where blocks and runs of periods have chance of their own."""
    blocks, runs = 40, 20
    inside = 0
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        factor = rng.lognormal(-(of_blocks**2) / 2, of_blocks, (blocks, 1)) * rng.lognormal(
            -(of_runs**2) / 2, of_runs, (1, runs)
        )
        expected = rng.uniform(5, 15, (blocks, runs))
        sums = np.stack([rng.poisson(expected * factor), expected], axis=2).astype(float)
        if one_way:
            sums = sums.sum(axis=1, keepdims=True)
        drawn = TwoWay.of(sums, replicates=300, seed=seed)
        made = drawn.estimate(_ratio, effective=blocks, level=0.9, logarithmic=True)
        assert made.low is not None
        assert made.high is not None
        inside += made.low <= 1 <= made.high
    return inside / worlds


def test_intervals_hold_the_truth_where_only_reports_are_chance() -> None:
    assert 0.85 <= _held(of_blocks=0.0, of_runs=0.0) <= 0.98


def test_intervals_hold_the_truth_where_blocks_and_periods_have_chance_of_their_own() -> None:
    assert 0.83 <= _held(of_blocks=0.2, of_runs=0.2) <= 0.98


def test_blocks_alone_would_miss_what_periods_have_in_common() -> None:
    assert _held(of_blocks=0.0, of_runs=0.3, one_way=True) < 0.5
    assert _held(of_blocks=0.0, of_runs=0.3) > 0.8


def test_few_blocks_give_wider_intervals_by_student() -> None:
    rng = np.random.default_rng(0)
    sums = np.stack([rng.poisson(20, (30, 1)), np.full((30, 1), 20)], axis=2).astype(float)
    drawn = TwoWay.of(sums, replicates=999, seed=0)
    many = drawn.estimate(_ratio, effective=30, level=0.95, logarithmic=True)
    few = drawn.estimate(_ratio, effective=4, level=0.95, logarithmic=True)
    widths = [np.log(made.high / made.low) for made in (few, many) if made.high and made.low]
    # Student's t with 3 degrees of freedom reaches 3.182, with 29 it is 2.045.
    assert widths[0] / widths[1] == pytest.approx(
        np.sqrt(4 / 3) * 3.1824 / (np.sqrt(30 / 29) * 2.0452), rel=1e-3
    )


def test_what_is_undefined_or_rests_on_one_block_has_no_interval() -> None:
    drawn = TwoWay.of(np.array([[[0.0, 0.0]], [[0.0, 0.0]]]), replicates=100, seed=0)
    none = drawn.estimate(_ratio, effective=2, level=0.9, undefined="nothing came")
    assert none.value is None
    assert none.why == ("nothing came",)
    held = TwoWay.of(np.array([[[3.0, 2.0]], [[0.0, 0.0]]]), replicates=100, seed=0)
    alone = held.estimate(_ratio, effective=1.0, level=0.9)
    assert alone.value == 1.5
    assert alone.low is None
    assert "too few" in alone.why[0]


def test_sums_put_together_share_the_resampled_cities() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.poisson(9, (12, 6, 2)).astype(float), rng.poisson(9, (12, 6, 3)).astype(float)
    apart = [TwoWay.of(sums, replicates=200, seed=4) for sums in (one, other)]
    both = apart[0].beside(apart[1])
    whole = TwoWay.of(np.concatenate([one, other], axis=2), replicates=200, seed=4)
    np.testing.assert_allclose(both.places, whole.places)
    assert both.periods is not None
    assert whole.periods is not None
    np.testing.assert_allclose(both.periods, whole.periods)
    with pytest.raises(UsageError, match="expected the same"):
        apart[0].beside(TwoWay.of(other[:5], replicates=200, seed=4))


def test_a_p_value_is_never_0_and_is_1_in_the_middle() -> None:
    draws = np.linspace(1, 2, 999)
    assert two_sided_p(draws, 0.0) == pytest.approx(2 / 1000)
    assert two_sided_p(draws, 1.5) == 1.0
    assert np.isnan(two_sided_p(np.full(9, np.nan), 1.0))


def test_effective_blocks() -> None:
    assert effective_blocks(np.ones(7)) == pytest.approx(7)
    assert effective_blocks(np.array([5.0, 0, 0])) == pytest.approx(1)
    assert effective_blocks(np.zeros(3)) == 0


@given(st.integers(1, 400), st.integers(1, 60))
@settings(max_examples=30)
def test_runs_follow_each_other_and_are_even(periods: int, length: int) -> None:
    run = runs_of(periods, length)
    assert run[0] == 0
    assert set(np.diff(run).tolist()) <= {0, 1}
    sizes = np.bincount(run)
    assert sizes.max() - sizes.min() <= 1


def test_sums_of_another_shape_are_refused() -> None:
    with pytest.raises(UsageError, match="blocks, runs, k"):
        TwoWay.of(np.ones((3, 2)), replicates=100, seed=0)
