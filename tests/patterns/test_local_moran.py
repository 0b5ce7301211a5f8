"""Local Moran's I against esda, planted kinds of cells, and odd input."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from libpysal.weights import lat2W

from peelian.errors import UsageError
from peelian.patterns.local_moran import QUADRANTS, local_moran
from peelian.patterns.neighbours import contiguous
from peelian.patterns.permutation import tails, whole
from peelian.places import Grid

CRS = "EPSG:26915"
SIDE = 25


def grid_of(rows: int, columns: int) -> Grid:
    return Grid(CRS, 250.0, 0, 0, (rows, columns))


def planted() -> tuple[Grid, np.ndarray]:
    """A quiet map with a busy corner, a busy cell on its own and a quiet cell in the busy corner."""
    rate = np.full((SIDE, SIDE), 4.0)
    rate[:10, :10] = 30.0
    rate[5, 5] = 0.0
    rate[19, 19] = 60.0
    rate[18:21, 18:21] = np.where(rate[18:21, 18:21] > 50, 60.0, 0.3)
    return grid_of(SIDE, SIDE), np.random.default_rng(0).poisson(rate).ravel()


SMALL = [
    *([2, 3, 1, 1, 1, 0, 2], [3, 0, 2, 6, 3, 3, 3], [1, 2, 7, 4, 5, 2, 2]),
    *([0, 0, 6, 8, 7, 3, 0], [4, 1, 0, 4, 1, 2, 0], [0, 0, 1, 4, 2, 0, 0]),
]
# Without ties, which esda decides by rounding.
UNTIED = np.ravel(SMALL) + np.sqrt(np.arange(42) + 2) / 1000
# esda 2.9.0: Moran_Local(UNTIED, lat2W(6, 7, rook=False), permutations=99999, seed=6).p_sim
ESDA_P = [
    *(0.39548, 0.21612, 0.48248, 0.4007, 0.4002, 0.49059, 0.40573, 0.21697, 0.36812, 0.18103, 0.14031),
    *(0.27145, 0.4736, 0.29877, 0.0551, 0.46242, 0.03111, 1e-05, 0.00101, 0.09291, 0.48988, 0.23669),
    *(0.31689, 0.06039, 0.00065, 0.01475, 0.39615, 0.3326, 0.00321, 0.1014, 0.15365, 0.0249, 0.02082),
    *(0.20313, 0.0796, 0.37433, 0.12853, 0.35191, 0.30141, 0.47313, 0.08022, 0.09504),
]


def test_statistic_and_quadrants_are_those_of_esda():
    from esda.moran import Moran_Local

    grid, counts = planted()
    weights = lat2W(SIDE, SIDE, rook=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        esda = Moran_Local(counts.astype(float), weights, permutations=0)
    found = local_moran(counts, grid, permutations=None)
    assert np.allclose(found.statistic, esda.Is, rtol=1e-9)
    assert np.array_equal(found.quadrant, esda.q)


def test_p_is_that_of_esda_within_monte_carlo_error():
    """Its compiled code takes half a minute to compile, so its values stand here."""
    n = 99_999
    # Ours is two-sided, esda's the smaller of the two sides.
    directed = local_moran(UNTIED, grid_of(6, 7), permutations=n, seed=1).p / 2
    error = np.abs(np.array(ESDA_P) - directed) / np.sqrt(2 * directed * (1 - directed) / n + 1e-9)
    assert error.max() < 4


def test_p_of_counts_lies_where_all_arrangements_put_it():
    counts, grid = np.ravel(SMALL), grid_of(6, 7)
    high, low = tails(whole(counts), contiguous(grid), permutations=None, seed=0)
    exact = local_moran(counts, grid, permutations=None).p
    assert np.allclose(exact, np.minimum(2 * np.minimum(high, low), 1))
    ours = local_moran(counts, grid, seed=1).p
    assert np.abs(ours - exact).max() < 2 * 4 * np.sqrt(0.25 / 999)


def test_moran_of_the_whole_map_is_that_of_esda():
    from esda.moran import Moran

    grid, counts = planted()
    expected = Moran(counts.astype(float), lat2W(SIDE, SIDE, rook=False), permutations=0).I
    assert local_moran(counts, grid, permutations=19).moran == pytest.approx(expected, rel=1e-9)


def test_each_kind_is_found_where_it_was_planted():
    grid, counts = planted()
    found = local_moran(counts, grid, permutations=None)
    called = found.called.reshape(SIDE, SIDE)
    assert QUADRANTS[called[2, 2]] == "high among high"
    assert QUADRANTS[called[5, 5]] == "low among high"
    assert QUADRANTS[called[19, 19]] == "high among low"
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert sum(told["found"].values()) == (called > 0).sum() == len(told["cells"])
    assert "many reports" in found.sentence()
    assert found.frame["p"].is_monotonic_increasing
    assert "<table" in found._repr_html_()


def test_under_chance_alone_few_cells_are_called():
    rng = np.random.default_rng(6)
    grid = grid_of(12, 12)
    any_found = [
        (local_moran(rng.poisson(3, 144), grid, permutations=None).called != 0).any() for _ in range(60)
    ]
    assert np.mean(any_found) < 0.15


@pytest.mark.parametrize("permutations", [99, None])
def test_nothing_to_look_at_is_said(permutations):
    none = local_moran(np.zeros(20), grid_of(4, 5), permutations=permutations)
    assert "nothing to look at" in none.sentence()
    same = local_moran(np.full(20, 0.1), grid_of(4, 5), permutations=99)
    assert "same count" in same.sentence()
    one = local_moran([5], grid_of(1, 1), permutations=permutations)
    for found in (none, same, one):
        assert (found.called == 0).all()
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["moran"] in (None, 0.0)
        assert len(found.frame) == len(found.grid)


def test_islands_are_left_out_and_told():
    share = np.ones(5)
    share[1] = 0
    grid = Grid(CRS, 250.0, 0, 0, (1, 5), share)
    found = local_moran([9, 1, 2, 3], grid, permutations=99)
    assert np.isnan(found.statistic).tolist() == [True, False, False, False]
    assert any("1 cells have no neighbour" in text for text in found.limits)
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_picture_and_settings():
    grid, counts = planted()
    with pytest.raises(UsageError, match="625 cells"):
        local_moran(counts[:4], grid)
    with pytest.raises(UsageError, match="same grid"):
        local_moran(counts, grid, neighbours=contiguous(grid_of(2, 2)))
    pytest.importorskip("matplotlib")
    assert local_moran(counts, grid, permutations=99).plot().get_legend() is not None
