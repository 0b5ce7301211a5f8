"""The audit on a grid in US survey feet, and on a plan's own hours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peelian.audits import exposure_audit
from peelian.methods.surface import Surface
from peelian.places.grid import Grid
from peelian.places.periods import Period
from peelian.response import make_plan


def test_a_grid_in_feet_has_the_same_blocks_and_numbers_as_one_in_metres() -> None:
    metres = Grid("EPSG:26915", 250.0, 2960, 17120, (8, 8))
    feet = Grid("ESRI:102696", 250.0, 1088, 1244, (8, 8))
    rng = np.random.default_rng(0)
    population = pd.DataFrame({"black": rng.gamma(2, 50, 64), "white": rng.gamma(2, 50, 64)})
    hours = rng.poisson(1.0, 64).astype(float)
    a, b = (exposure_audit(hours, grid=g, population=population, reference="white") for g in (metres, feet))
    assert a.blocks == b.blocks == 4
    assert a.findings[0].value == b.findings[0].value
    assert (a.findings[0].low, a.findings[0].high) == (b.findings[0].low, b.findings[0].high)


def test_the_hours_of_a_plan_and_of_its_baseline_can_be_compared() -> None:
    grid = Grid("EPSG:26915", 250.0, 2960, 17120, (10, 10))
    week = Period("2017-01-02", "2017-01-09")
    mean = np.arange(100.0)
    surface, baseline = Surface(grid, week, mean), Surface(grid, week, mean[::-1].copy())
    plan = make_plan(surface, category="theft", unit_hours=10, baseline=baseline)
    assert plan.baseline is not None
    # Rows from the south: black residents live in the north, where the plan is, white ones where the baseline is.
    population = pd.DataFrame({"black": 1.0 + grid.rows, "white": 10.0 - grid.rows})
    audit = exposure_audit(
        plan.hours, grid=grid, population=population * 10, reference="white",
        comparisons={"count_map": plan.baseline.hours}, block_km=0.5,
    )  # fmt: skip
    ours, theirs, against = (f.value for f in audit.findings)
    assert (ours, theirs, against) == pytest.approx((10, 0.1, 100))
