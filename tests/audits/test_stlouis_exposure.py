"""A plan for St. Louis burglaries and its exposure, from the bundled records, areas and residents."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from peelian.audits import equal_hours, exposure_audit, hours_by_population
from peelian.demo_data import stlouis_areas, stlouis_incidents
from peelian.methods.counts import CountMap
from peelian.places.areas import Areas, population_by_cell
from peelian.places.counts import Counts, count_incidents
from peelian.places.crs import transform
from peelian.places.grid import Grid
from peelian.places.periods import Periods
from peelian.records.incidents import Incidents
from peelian.response import Plan, make_plan

CRS = "EPSG:26915"


@pytest.fixture(scope="module")
def areas() -> Areas:
    read = Areas.read(stlouis_areas(), id="area_id", name="name", population=["black", "white"])
    return read.to_crs(CRS)


@pytest.fixture(scope="module")
def counts(areas: Areas) -> Counts:
    table = pd.read_parquet(stlouis_incidents()).dropna(subset=["x_ft", "y_ft", "ts"])
    table = table[table["crime"].astype(str).str.zfill(6).str.startswith("05") & (table["count"] == 1)]
    x, y = transform(table["x_ft"], table["y_ft"], source="ESRI:102696", target=CRS)
    incidents = Incidents.of(x, y, table["ts"], crs=CRS, zone="America/Chicago", category="burglary")
    grid = Grid.inside(areas.union(), crs=CRS, cell=250)
    return count_incidents(incidents, grid, Periods.covering("2015-01-05", "2017-12-25", "1w"))


@pytest.fixture(scope="module")
def plan(areas: Areas, counts: Counts) -> Plan:
    past = counts.before("2017-12-18")
    surface = CountMap().fit(past).predict(counts.periods[-1])
    return make_plan(
        surface,
        category="burglary",
        unit_hours=60,
        hours_per_place=2,
        cap_per_area=3,
        areas=areas,
        history=past,
    )


def test_plan_of_a_real_week(plan: Plan, counts: Counts) -> None:
    assert len(plan.places) == 30
    assert plan.hours_used == 60
    names = pd.Series([p.area_name for p in plan.places])
    assert names.notna().all()
    assert names.value_counts().max() <= 3
    dense = counts.before("2017-12-18").last(52).by_cell
    ids = list(plan.grid.ids)
    for place in plan.places:
        assert place.reason.startswith(
            f"{dense[ids.index(place.cell)]} burglary reports here in the past 52 weeks"
        )
        assert len(place.options) >= 5
    assert plan.covered.share_of_expected > 5 * plan.covered.share_of_area


def test_exposure_of_a_real_week(plan: Plan, areas: Areas) -> None:
    population = population_by_cell(areas, plan.grid)
    maps = {
        "equal_coverage": equal_hours(plan.grid, 60),
        "coverage_by_population": hours_by_population(population, 60),
    }
    audit = exposure_audit(
        plan.hours, grid=plan.grid, population=population, reference="white", comparisons=maps
    )
    assert audit.blocks > 150
    by_id = {finding.id: finding for finding in audit.findings}
    equal = by_id["exposure_ratio/equal_coverage/black"]
    assert (equal.value, equal.low, equal.high) == pytest.approx((1, 1, 1))
    ours = by_id["exposure_ratio/plan/black"]
    assert ours.value is not None
    assert ours.low is not None
    assert ours.high is not None
    assert ours.low < ours.value < ours.high
    # The same from the definition, without the audit's code.
    mean = {g: np.average(plan.hours, weights=population[g]) for g in ("black", "white")}
    assert ours.value == pytest.approx(mean["black"] / mean["white"])
    json.dumps(audit.to_dict(), allow_nan=False)
