"""The best plan for St. Louis under a cap, against an integer program, on the bundled areas and records."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, sparse

from peelian.demo_data import stlouis_areas, stlouis_incidents
from peelian.methods.surface import Surface
from peelian.places.areas import Areas
from peelian.places.crs import transform
from peelian.places.grid import Grid
from peelian.places.periods import Period
from peelian.response import make_plan

CRS = "EPSG:26915"


@pytest.fixture(scope="module")
def city() -> tuple[Surface, Areas]:
    """A week's expected reports: the mean of 2017 in each cell, with cells that tie as real counts do."""
    areas = Areas.read(stlouis_areas(), id="area_id", name="name").to_crs(CRS)
    grid = Grid.inside(areas.union(), crs=CRS, cell=250)
    table = pd.read_parquet(stlouis_incidents()).dropna(subset=["x_ft", "y_ft", "ts"])
    table = table[(table["ts"] >= "2017-01-01") & (table["count"] == 1)]
    cell = grid.locate(*transform(table["x_ft"], table["y_ft"], source="ESRI:102696", target=CRS))
    mean = np.bincount(cell[cell >= 0], minlength=len(grid)) / 52
    return Surface(grid, Period("2018-01-01", "2018-01-08"), mean), areas


@pytest.mark.parametrize(("hours", "cap"), [(40.0, 1), (120.0, 3)])
def test_no_plan_is_better(city: tuple[Surface, Areas], hours: float, cap: int) -> None:
    surface, areas = city
    plan = make_plan(surface, category="theft", unit_hours=hours, cap_per_area=cap, areas=areas)
    n, area = len(surface.grid), areas.of_cells(surface.grid)
    assert area.min() >= 0
    members = sparse.csr_array((np.ones(n), (area, np.arange(n))), shape=(len(areas), n))
    rows = sparse.vstack([sparse.csr_array(np.ones((1, n))), members])
    solved = optimize.milp(
        -surface.mean,
        integrality=np.ones(n, dtype=int),
        bounds=optimize.Bounds(0, 1),
        constraints=optimize.LinearConstraint(rows, -np.inf, np.r_[hours, np.full(len(areas), cap)]),
    )
    assert plan.covered.expected == pytest.approx(-solved.fun, rel=1e-6)
    assert plan.left_out.cost_of_cap == pytest.approx(
        np.sort(surface.mean)[-int(hours) :].sum() + solved.fun, rel=1e-4
    )


def test_every_capped_area_is_named_and_full(city: tuple[Surface, Areas]) -> None:
    surface, areas = city
    plan = make_plan(surface, category="theft", unit_hours=60, cap_per_area=2, areas=areas)
    held = pd.Series([p.area_id for p in plan.places]).value_counts()
    assert held.max() == 2
    assert plan.left_out.capped
    known = dict(zip(areas.frame["area_id"], areas.frame["name"], strict=True))
    for capped in plan.left_out.capped:
        assert known[capped["area_id"]] == capped["area_name"]
        assert held[capped["area_id"]] == 2
        assert capped["kept_out"] >= 1
