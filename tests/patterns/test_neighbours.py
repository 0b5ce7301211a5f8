"""Neighbours of a grid's cells, against libpysal and against all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.weights import lat2W

from peelian.errors import DataError, UsageError
from peelian.patterns.neighbours import contiguous, within_distance
from peelian.places import Grid

CRS = "EPSG:26915"


def holed(seed: int, shape: tuple[int, int], share: float) -> Grid:
    held = np.random.default_rng(seed).random(shape[0] * shape[1]) < share
    held[0] = True
    return Grid(CRS, 250.0, -3, 7, shape, held.astype(float))


@pytest.mark.parametrize("kind", ["queen", "rook"])
def test_on_a_full_grid_they_are_those_of_libpysal(kind):
    found = contiguous(Grid(CRS, 250.0, 5, 9, (6, 4)), kind=kind)
    expected = lat2W(6, 4, rook=kind == "rook").sparse.toarray()
    assert np.array_equal(found.matrix().toarray(), expected)


@settings(max_examples=20)
@given(
    st.integers(0, 1000),
    st.integers(1, 7),
    st.integers(1, 7),
    st.floats(0.1, 1.0),
    st.sampled_from(["queen", "rook", 250.0, 400.0, 800.0, 5000.0]),
)
def test_they_are_what_all_pairs_give(seed, rows, columns, share, kind):
    grid = holed(seed, (rows, columns), share)
    x, y = grid.centres()
    dx, dy = np.abs(x[:, None] - x), np.abs(y[:, None] - y)
    if kind == "queen":
        near = np.maximum(dx, dy) < 251
    elif kind == "rook":
        near = dx + dy < 251
    else:
        near = np.hypot(dx, dy) <= kind + 1e-6
    np.fill_diagonal(near, False)
    found = contiguous(grid, kind=kind) if isinstance(kind, str) else within_distance(grid, distance=kind)
    assert np.array_equal(found.matrix().toarray(), near.astype(float))
    assert np.array_equal(found.counts, near.sum(axis=1))
    assert np.array_equal(found.islands, np.flatnonzero(~near.any(axis=1)))
    assert all(np.all(np.diff(found.of(i)) > 0) for i in range(len(found)))
    values = np.random.default_rng(seed).integers(-5, 2_000_000, len(grid))
    assert np.array_equal(found.sums(values), near @ values)
    rows_sum = found.matrix(row_standardised=True).sum(axis=1)
    assert np.allclose(rows_sum, found.counts > 0)


def test_one_cell_is_an_island():
    grid = Grid(CRS, 250.0, 0, 0, (1, 1))
    for found in (contiguous(grid), within_distance(grid, distance=1e9)):
        assert found.to_dict()["without_any"] == 1
        assert found.islands.tolist() == [0]
        assert found.matrix(row_standardised=True).sum() == 0


def test_a_cell_across_a_gap_is_near_but_not_contiguous():
    grid = Grid(CRS, 250.0, 0, 0, (1, 3), np.array([1.0, 0.0, 1.0]))
    assert contiguous(grid).islands.tolist() == [0, 1]
    assert within_distance(grid, distance=500).of(0).tolist() == [1]


def test_settings_that_make_no_sense_are_told():
    grid = Grid(CRS, 250.0, 0, 0, (3, 3))
    with pytest.raises(UsageError, match="queen or rook"):
        contiguous(grid, kind="bishop")
    for distance in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="above 0"):
            within_distance(grid, distance=distance)
    with pytest.raises(DataError, match="too many pairs"):
        within_distance(Grid(CRS, 10.0, 0, 0, (1000, 1000)), distance=500)
