"""Hot cells: z and p against esda, a planted place found, chance alone not, and odd input."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.weights import lat2W

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.clusters import merged, places
from peelian.patterns.local_g import hot_cells
from peelian.patterns.neighbours import contiguous, within_distance
from peelian.places import Grid

CRS = "EPSG:26915"


def grid_of(rows: int, columns: int) -> Grid:
    return Grid(CRS, 250.0, 0, 0, (rows, columns))


def planted(seed: int = 0) -> tuple[Grid, np.ndarray]:
    """A map of 30 x 30 cells with one of 4 x 4 that has eight times the reports."""
    rng = np.random.default_rng(seed)
    rate = np.full((30, 30), 2.0)
    rate[10:14, 20:24] *= 8
    return grid_of(30, 30), rng.poisson(rate).ravel()


SMALL = [
    *([2, 3, 1, 1, 1, 0, 2], [3, 0, 2, 6, 3, 3, 3], [1, 2, 7, 4, 5, 2, 2]),
    *([0, 0, 6, 8, 7, 3, 0], [4, 1, 0, 4, 1, 2, 0], [0, 0, 1, 4, 2, 0, 0]),
]
# Without ties, which esda decides by rounding.
UNTIED = np.ravel(SMALL) + np.sqrt(np.arange(42) + 2) / 1000
# esda 2.9.0: G_Local(UNTIED, lat2W(6, 7, rook=False), transform="B", star=True, permutations=99999, seed=5).p_sim
ESDA_P = [
    *(0.39874, 0.21778, 0.4822, 0.40073, 0.40024, 0.49056, 0.40889, 0.21827, 0.36334, 0.1801, 0.13996),
    *(0.26918, 0.47276, 0.30037, 0.05537, 0.46232, 0.03148, 2e-05, 0.00085, 0.09322, 0.48914, 0.23743),
    *(0.31567, 0.05919, 0.00055, 0.01433, 0.39391, 0.3307, 0.00331, 0.1026, 0.15293, 0.02442, 0.02089),
    *(0.20242, 0.07863, 0.37328, 0.12634, 0.34922, 0.30077, 0.47299, 0.07884, 0.09272),
]


def test_z_is_that_of_esda():
    from esda.getisord import G_Local

    grid, counts = planted()
    weights = lat2W(30, 30, rook=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        esda = G_Local(counts.astype(float), weights, transform="B", star=True, permutations=0)
    assert np.allclose(hot_cells(counts, grid, permutations=None).z, esda.Zs, rtol=1e-9)


def test_p_is_that_of_esda_within_monte_carlo_error():
    """Its compiled code takes half a minute to compile, so its values stand here; bench/hot_places.py runs it."""
    n = 99_999
    high = hot_cells(UNTIED, grid_of(6, 7), side="hot", permutations=n, seed=2).p
    low = hot_cells(UNTIED, grid_of(6, 7), side="cold", permutations=n, seed=3).p
    directed = np.minimum(high, low)
    error = np.abs(np.array(ESDA_P) - directed) / np.sqrt(2 * directed * (1 - directed) / n + 1e-9)
    assert error.max() < 4


def test_p_of_counts_lies_where_all_arrangements_put_it():
    counts = np.ravel(SMALL)
    exact = hot_cells(counts, grid_of(6, 7), permutations=None, side="hot").p
    ours = hot_cells(counts, grid_of(6, 7), side="hot", seed=2).p
    error = (ours - exact) / np.sqrt(np.maximum(exact * (1 - exact), 1e-3) / 999)
    assert np.abs(error).max() < 4


def test_the_example_of_pysal():
    """Six points of libpysal's documentation and their published Gi* z-scores, as cells of an odd grid."""
    from libpysal.weights import DistanceBand

    w = DistanceBand([(10, 10), (20, 10), (40, 10), (15, 20), (30, 20), (30, 30)], threshold=15)
    dense = w.sparse.toarray()
    near = contiguous(grid_of(2, 3))
    indptr = np.concatenate([[0], np.cumsum((dense > 0).sum(axis=1))])
    given_ = type(near)(indptr.astype(np.int64), np.nonzero(dense)[1].astype(np.int64), "given")
    found = hot_cells([2, 3, 3.2, 5, 8, 7], grid_of(2, 3), neighbours=given_)
    published = [-1.39727626, -0.28917762, 0.65064964, -0.28917762, 1.23452088, 2.02424331]
    assert np.allclose(found.z, published, atol=1e-7)


@pytest.mark.parametrize("permutations", [999, None])
def test_a_planted_place_is_found_whole_and_named(permutations):
    grid, counts = planted()
    names = ["east side" if c >= 15 else "west side" for c in grid.columns]
    found = hot_cells(counts, grid, permutations=permutations, names=names, side="hot")
    inside = np.zeros((30, 30), bool)
    inside[10:14, 20:24] = True
    called = (found.called == 1).reshape(30, 30)
    assert called[inside].mean() > 0.9
    # What else is called touches it: the surroundings of a hot place have it among their neighbours.
    halo = np.zeros((30, 30), bool)
    halo[9:15, 19:25] = True
    assert called[~halo].sum() <= 3
    top = found.places.iloc[0]
    assert top["name"] == "east side"
    assert top["cells"] >= 15
    assert (
        top["count"]
        == counts[(merged(grid, found.called == 1) == merged(grid, found.called == 1)[320])].sum()
    )
    x, _ = grid.centres()
    assert abs(top["x"] - x.reshape(30, 30)[10:14, 20:24].mean()) < 150
    assert "reported incidents" in found.sentence()
    assert found.frame["called"].iloc[0] == "hot"


def test_under_chance_alone_few_cells_are_called():
    """The false-discovery rate is the chance of any finding where there is nothing to find."""
    rng = np.random.default_rng(3)
    grid = grid_of(15, 15)
    any_found = [
        (hot_cells(rng.poisson(3, 225), grid, permutations=None).called != 0).any() for _ in range(60)
    ]
    assert np.mean(any_found) < 0.15


def test_p_values_are_uniform_under_chance():
    rng = np.random.default_rng(4)
    grid = grid_of(15, 15)
    p = np.concatenate(
        [hot_cells(rng.poisson(60, 225), grid, side="hot", permutations=199, seed=s).p for s in range(8)]
    )
    assert p.min() >= 1 / 200
    for level in (0.05, 0.2, 0.5, 0.8):
        assert abs(np.mean(p <= level) - level) < 0.06


def test_a_lone_high_cell_is_not_hot_by_its_own_count_and_not_called_by_its_z():
    grid = grid_of(20, 20)
    counts = np.random.default_rng(0).poisson(5, 400)
    counts[210] = 500
    near = contiguous(grid)
    counts[near.of(210)] = 0
    found = hot_cells(counts, grid, permutations=None, level=0.2)
    assert found.z[210] > 3
    assert not found.more[210]
    assert found.called[210] <= 0


def test_cold_places_and_sides():
    grid, counts = planted()
    counts = counts.reshape(30, 30)
    counts[0:8, 0:8] = 0
    cold = hot_cells(counts.ravel(), grid, side="cold")
    assert set(np.unique(cold.called)) == {-1, 0}
    assert "fewer reports" in cold.sentence()
    assert cold.places.empty
    hot = hot_cells(counts.ravel(), grid, side="hot")
    both = hot_cells(counts.ravel(), grid)
    assert np.allclose(both.p, np.minimum(2 * np.minimum(hot.p, cold.p), 1))
    assert {-1, 1} <= set(np.unique(both.called))
    assert "2" in str(both.to_dict()["sided"])


def test_results_are_plain_data_without_nan_and_say_what_they_cannot_tell():
    grid, counts = planted()
    found = hot_cells(counts, grid)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["permutations"] == 999
    assert told["hot"] == int((found.called == 1).sum()) == sum(c["called"] == "hot" for c in told["cells"])
    assert any("not about those who live there" in text for text in told["limits"])
    assert any("permutations=None" in text for text in told["limits"])
    exact = hot_cells(counts, grid, permutations=None)
    assert exact.to_dict()["permutations"] == "all"
    assert not any("permutations=None" in text for text in exact.limits)
    assert "Gi*" in str(found.to_dict()["statistic"])
    assert "<table" in found._repr_html_()
    pytest.importorskip("matplotlib")
    assert found.plot().get_title()


def test_cut_cells_and_islands_are_told():
    share = np.ones(16)
    share[[1, 2, 4, 5, 6, 8, 9, 10]] = 0
    share[3] = 0.2
    grid = Grid(CRS, 250.0, 0, 0, (4, 4), share)
    found = hot_cells(np.arange(len(grid)), grid, permutations=99)
    assert found.to_dict()["not_tested"] == np.isnan(found.p).sum() == 1
    said = " ".join(found.limits)
    assert "1 cells have no neighbour" in said
    assert "by less than half" in said
    assert found.called[np.isnan(found.p)].tolist() == [0]


@pytest.mark.parametrize("permutations", [99, None])
def test_nothing_to_look_at_is_said(permutations):
    grid = grid_of(4, 5)
    none = hot_cells(np.zeros(20), grid, permutations=permutations)
    assert "nothing to look at" in none.sentence()
    assert none.places.empty
    assert (none.called == 0).all()
    same = hot_cells(np.full(20, 7), grid, permutations=permutations)
    assert "no place stands out" in same.sentence()
    assert (same.called == 0).all()
    one = hot_cells([5], grid_of(1, 1), permutations=permutations)
    assert "no place stands out" in one.sentence()
    for found in (none, same, one):
        json.dumps(found.to_dict(), allow_nan=False)
        assert found.plot() is not None
        assert len(found.frame) == len(found.grid)


def test_two_million_reports_in_one_cell():
    grid = grid_of(12, 12)
    counts = np.zeros(144)
    counts[70] = 2_000_000
    found = hot_cells(counts, grid, permutations=99)
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.called[70] == 0
    assert found.p.min() >= 1 / 100


def test_settings_that_make_no_sense_are_told():
    grid = grid_of(3, 3)
    with pytest.raises(UsageError, match="9 cells"):
        hot_cells([1, 2], grid)
    with pytest.raises(NotEnoughDataError):
        hot_cells([], grid)
    with pytest.raises(UsageError, match="side="):
        hot_cells(np.ones(9), grid, side="warm")
    with pytest.raises(UsageError, match="false-discovery rate"):
        hot_cells(np.ones(9), grid, level=5)
    with pytest.raises(UsageError, match="names"):
        hot_cells(np.ones(9), grid, names=["a"])
    with pytest.raises(UsageError, match="replicates"):
        hot_cells(np.ones(9), grid, permutations=5)
    with pytest.raises(UsageError, match="same grid"):
        hot_cells(np.ones(9), grid, neighbours=contiguous(grid_of(2, 2)))


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_a_scale_of_the_counts_changes_nothing(seed):
    grid = grid_of(6, 6)
    counts = np.random.default_rng(seed).poisson(1.5, 36)
    near = within_distance(grid, distance=500)
    one, two = (hot_cells(c, grid, neighbours=near, permutations=49) for c in (counts, counts * 7.0))
    assert np.array_equal(one.p, two.p)
    assert np.allclose(one.z, two.z, equal_nan=True)
    assert np.array_equal(one.q, two.q)


def test_places_are_the_connected_groups():
    grid = grid_of(4, 5)
    held = np.zeros((4, 5), bool)
    held[0, 0] = held[1, 1] = True  # touch at a corner
    held[3, 4] = True
    counts = np.arange(20.0)
    found = places(grid, held.ravel(), counts)
    assert found["cells"].tolist() == [1, 2]
    assert found["count"].tolist() == [19.0, 6.0]
    assert found["place"].tolist() == [1, 2]
    assert found["at"].tolist() == ["E4N3", "E1N1"]
    assert found["name"].tolist() == ["around E4N3", "around E1N1"]
    assert found["share"].sum() == pytest.approx(25 / 190)
    assert found["area_km2"].tolist() == pytest.approx([0.0625, 0.125])
    assert places(grid, np.zeros(20, bool), counts).columns.tolist() == found.columns.tolist()
