"""Cells joined into places: against a flood fill, with names, counts and shares that add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.errors import UsageError
from peelian.patterns.clusters import check_names, merged, places
from peelian.places import Grid

CRS = "EPSG:26915"


def flooded(held: np.ndarray) -> list[set[tuple[int, int]]]:
    """Groups of cells that touch, by walking from one to the next."""
    left = {(int(r), int(c)) for r, c in np.argwhere(held)}
    groups = []
    while left:
        todo, group = [min(left)], set()
        while todo:
            cell = todo.pop()
            if cell in left:
                left.remove(cell)
                group.add(cell)
                todo += [(cell[0] + a, cell[1] + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
        groups.append(group)
    return groups


@settings(max_examples=30)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 10_000), st.floats(0, 1))
def test_places_are_what_a_flood_fill_gives(rows, columns, seed, share):
    held = np.random.default_rng(seed).random((rows, columns)) < share
    grid = Grid(CRS, 250.0, 0, 0, (rows, columns))
    number = merged(grid, held.ravel()).reshape(rows, columns)
    assert np.array_equal(number >= 0, held)
    ours = [
        {(int(r), int(c)) for r, c in np.argwhere(number == k)} for k in range(number.max(initial=-1) + 1)
    ]
    assert sorted(map(sorted, ours)) == sorted(map(sorted, flooded(held)))


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.1, 0.9))
def test_counts_areas_and_shares_add_up(seed, share):
    rng = np.random.default_rng(seed)
    inside = rng.choice([0.0, 0.4, 1.0], 42, p=[0.1, 0.2, 0.7])
    inside[0] = 1.0
    grid = Grid(CRS, 250.0, 3, 4, (7, 6), inside)
    n = len(grid)
    held, counts = rng.random(n) < share, rng.poisson(4, n).astype(float)
    found = places(grid, held, counts)
    assert found["cells"].sum() == held.sum()
    assert found["count"].sum() == counts[held].sum()
    assert found["area_km2"].sum() == pytest.approx(grid.area[held].sum())
    assert found["share"].sum() == pytest.approx(counts[held].sum() / counts.sum())
    assert found["share_of_area"].sum() == pytest.approx(grid.area[held].sum() / grid.area.sum())
    assert found["count"].is_monotonic_decreasing
    assert found["place"].tolist() == list(range(1, len(found) + 1))
    assert set(found["at"]) <= set(grid.ids[held])


def test_a_place_is_called_after_the_name_of_most_of_its_reports():
    grid = Grid(CRS, 250.0, 0, 0, (1, 5))
    held = np.array([True, True, True, False, True])
    names = ["Hill", "Hill", "Dale", "Dale", ""]
    found = places(grid, held, np.array([1.0, 1.0, 9.0, 0.0, 2.0]), names=names)
    # Most cells lie in Hill, most reports in Dale; where there is no name, the cell stands for it.
    assert found["name"].tolist() == ["Dale", "around E4N0"]
    still = places(grid, held, np.zeros(5), names=names)
    assert still["name"].tolist() == ["Hill", "around E4N0"]
    assert still["share"].tolist() == [0.0, 0.0]


def test_the_centre_lies_where_the_reports_are():
    grid = Grid(CRS, 100.0, 0, 0, (1, 3))
    found = places(grid, np.ones(3, bool), np.array([0.0, 0.0, 5.0])).iloc[0]
    assert (found["x"], found["y"]) == (pytest.approx(250), pytest.approx(50))


def test_names_must_fit():
    check_names(None, 4)
    with pytest.raises(UsageError, match="3 names were given for 4 cells"):
        check_names(["a", "b", "c"], 4)
