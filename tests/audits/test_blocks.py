from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.audits import blocks
from peelian.audits.blocks import quantile_interval, resampled_sums, spatial_blocks
from peelian.errors import UsageError
from peelian.places.grid import Grid


def grid(rows: int = 12, columns: int = 20, ix0: int = 2960, iy0: int = 17120) -> Grid:
    return Grid("EPSG:26915", 250.0, ix0, iy0, (rows, columns))


def test_blocks_are_squares_counted_from_the_origin() -> None:
    g = grid()
    block = spatial_blocks(g, block_km=1.0)
    assert block.shape == (240,)
    assert sorted(set(block)) == list(range(15))
    x, y = g.centres()
    for b in range(15):
        held = block == b
        assert np.ptp(x[held]) <= 750
        assert np.ptp(y[held]) <= 750
        assert held.sum() == 16


def test_the_same_place_is_in_the_same_block_whatever_the_extent() -> None:
    small, large = grid(4, 4, 2962, 17122), grid()
    same = np.isin(large.ids, small.ids)
    a, b = spatial_blocks(small, block_km=1.0), spatial_blocks(large, block_km=1.0)[same]
    assert np.array_equal(a[:, None] == a[None, :], b[:, None] == b[None, :])


def test_blocks_on_a_grid_in_feet() -> None:
    g = Grid("ESRI:102696", 250.0, 1088, 1244, (8, 8))
    assert spatial_blocks(g, block_km=1.0).max() == 3


@pytest.mark.parametrize("block_km", [0, -1, 0.1, np.nan, np.inf])
def test_blocks_smaller_than_a_cell_are_refused(block_km: float) -> None:
    with pytest.raises(UsageError, match="at least a cell's side"):
        spatial_blocks(grid(), block_km=block_km)


def test_resampled_sums_equal_a_naive_loop_and_do_not_depend_on_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sums = np.random.default_rng(0).gamma(1.0, 1.0, (7, 3))
    drawn = resampled_sums(sums, replicates=40, seed=9)
    rng = np.random.default_rng(9)
    for row in drawn:
        weight = rng.multinomial(7, np.full(7, 1 / 7))
        assert row == pytest.approx(sum(weight[b] * sums[b] for b in range(7)))
    monkeypatch.setattr(blocks, "CHUNK", 7 * 9)
    assert np.array_equal(resampled_sums(sums, replicates=40, seed=9), drawn)


def test_resampling_has_the_mean_and_variance_of_theory() -> None:
    sums = np.random.default_rng(1).normal(3.0, 1.0, (30, 1))
    drawn = resampled_sums(sums, replicates=20_000, seed=0)
    assert drawn.mean() == pytest.approx(sums.sum(), rel=0.005)
    assert drawn.var() == pytest.approx(30 * sums.var(), rel=0.05)


def test_no_replicates_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        resampled_sums(np.ones((2, 1)), replicates=0, seed=0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.floats(0.05, 0.99))
def test_interval_ends_are_drawn_values_that_hold_the_level(draws: list[float], level: float) -> None:
    low, high = quantile_interval(np.array(draws), level=level)
    assert low in draws
    assert high in draws
    held = np.mean([low <= d <= high for d in draws])
    assert held >= level - 1e-9


def test_interval_with_infinite_draws() -> None:
    draws = np.r_[np.arange(90.0), np.full(10, np.inf)]
    assert quantile_interval(draws, level=0.95) == (2.0, np.inf)
    assert quantile_interval(draws, level=0.5) == (24.0, 75.0)
