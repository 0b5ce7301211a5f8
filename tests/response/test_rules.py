from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from peelian.errors import UsageError
from peelian.places.areas import Areas
from peelian.places.grid import Grid
from peelian.response.rules import Rules


def make(grid: Grid, areas: Areas | None = None, **change: Any) -> Rules:
    given: dict[str, Any] = {"unit_hours": 10, "hours_per_place": 2, "cap_per_area": None} | change
    return Rules.of(grid, areas=areas, **given)


def test_hours_are_given_to_every_cell(grid: Grid) -> None:
    rules = make(grid)
    assert rules.hours_per_place.shape == (30,)
    assert set(rules.hours_per_place) == {2.0}
    assert rules.unit_hours == 10.0


def test_cells_know_their_area_and_none_is_none(grid: Grid, areas: Areas) -> None:
    rules = make(grid, areas)
    names = [rules.named(int(a)) for a in rules.area]
    for column, name in zip(grid.columns, names, strict=True):
        expected = [
            ("w", "West"),
            ("w", "West"),
            ("m", "Middle"),
            ("m", "Middle"),
            ("e", "East"),
            (None, None),
        ]
        assert name == expected[column]
    assert set(make(grid).area) == {-1}


def test_a_cell_belongs_to_the_area_with_its_largest_part(grid: Grid, areas: Areas) -> None:
    shifted = areas.frame.copy()
    shifted["geometry"] = shifted.geometry.translate(xoff=100)  # 100 of 250 m: most of each cell stays
    assert np.array_equal(
        make(grid, Areas(shifted)).area[grid.columns < 5], make(grid, areas).area[grid.columns < 5]
    )


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([0, 1, 2, 3, 4], None),
        ([0, 1, 2, 3, 4, 8], "needs 12 unit-hours; the budget is 10"),
        ([0, 1, 6, 2], "3 places in West; the cap is 2"),
        ([5, 11, 17], "3 places in no area; the cap is 2"),
    ],
)
def test_check(grid: Grid, areas: Areas, cells: list[int], message: str | None) -> None:
    attended = np.zeros(30, dtype=bool)
    attended[cells] = True
    rules = make(grid, areas, cap_per_area=2)
    if message is None:
        rules.check(attended)
    else:
        with pytest.raises(UsageError, match=message) as caught:
            rules.check(attended)
        assert caught.value.hint


def test_without_a_cap_only_the_hours_bind(grid: Grid, areas: Areas) -> None:
    attended = np.zeros(30, dtype=bool)
    attended[[0, 1, 6, 7, 12]] = True
    make(grid, areas).check(attended)


@pytest.mark.parametrize(
    "change",
    [
        {"unit_hours": -1},
        {"unit_hours": float("inf")},
        {"hours_per_place": np.ones((2, 15))},
        {"hours_per_place": float("nan")},
        {"hours_per_place": 11},
        {"cap_per_area": -1},
    ],
)
def test_what_is_out_of_range_is_refused(grid: Grid, areas: Areas, change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="given"):
        make(grid, areas, **change)
