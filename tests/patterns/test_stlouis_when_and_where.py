"""Time and hot places on the reports of St. Louis that come with the package."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest

from peelian.demo_data import stlouis_areas, stlouis_incidents
from peelian.patterns.changes import change_points
from peelian.patterns.concentration import concentration
from peelian.patterns.local_g import hot_cells
from peelian.patterns.local_moran import local_moran
from peelian.patterns.profile import time_profile
from peelian.patterns.seasonality import seasonality
from peelian.places import Grid, Periods, count_incidents
from peelian.records import read_incidents

WEEKS = Periods.covering("2015-01-01", "2018-01-01", "1w")


@pytest.fixture(scope="module")
def city():
    shape = geopandas.read_parquet(stlouis_areas()).union_all()
    grid = Grid.inside(shape, crs="ESRI:102696", cell=250.0)
    return read_incidents(stlouis_incidents()).incidents, grid


def test_burglary_is_hot_in_the_south_and_three_ways_of_looking_agree(city):
    incidents, grid = city
    counts = count_incidents(incidents.where(category="burglary"), grid, WEEKS).by_cell
    drawn, exact = hot_cells(counts, grid), hot_cells(counts, grid, permutations=None)
    top = exact.places.iloc[0]
    assert top["cells"] > 80
    assert 0.1 < top["share"] < 0.3
    y = grid.centres()[1]
    assert top["y"] < np.median(y)
    both = (drawn.called == 1) & (exact.called == 1)
    assert both.sum() > 0.9 * (drawn.called == 1).sum()
    moran = local_moran(counts, grid, permutations=None)
    alike = moran.called == 1
    assert (alike & (exact.called == 1)).sum() > 0.8 * alike.sum()
    assert 0.4 < moran.moran < 0.7


def test_counts_dealt_at_random_over_cells_leave_nothing_hot(city):
    """The same counts on the same map, shuffled over its cells: what is then found is found by chance."""
    incidents, grid = city
    counts = count_incidents(incidents.where(category="burglary"), grid, WEEKS).by_cell
    rng = np.random.default_rng(0)
    called = [
        int((hot_cells(rng.permutation(counts), grid, permutations=None).called != 0).sum())
        for _ in range(10)
    ]
    assert np.mean(np.array(called) > 0) <= 0.3
    assert max(called) <= 5


def test_robbery_is_of_the_evening_and_burglary_of_the_day(city):
    incidents, _ = city
    years = incidents.where(start="2015-01-01", end="2018-01-01")
    robbery = time_profile(years.where(category="robbery"), by="hour", coarse="leave_out")
    burglary = time_profile(years.where(category="burglary"), by="hour", coarse="leave_out")
    assert {20, 21, 22} <= set(np.flatnonzero(robbery.above))
    assert {7, 8, 12} <= set(np.flatnonzero(burglary.above))
    assert not burglary.above[3]
    assert robbery.weeks == 156


def test_stray_dates_of_long_ago_neither_stretch_the_season_nor_go_unsaid(city):
    incidents, _ = city
    theft = incidents.where(category="theft")
    assert str(theft.time.min()) < "2010"
    found = seasonality(theft)
    assert str(found.first) == "2015-01"
    assert found.counts.size == 36
    assert found.outside == len(theft) - found.counts.sum() > 0
    assert any("left out" in text for text in found.limits)
    assert found.frame["month"].iloc[-1] == "February"
    weeks = time_profile(theft, by="weekday", coarse="leave_out", permutations=99)
    assert weeks.empty > 0.05 * weeks.weeks
    assert any("dated before the records begin" in text for text in weeks.limits)


def test_fewer_burglaries_from_the_end_of_2015_on(city):
    incidents, grid = city
    counts = count_incidents(incidents.where(category="burglary"), grid, WEEKS)
    found = change_points(counts.by_period, WEEKS)
    assert len(found.changes) == 1
    change = found.changes[0]
    assert change.low < "2016-01-15" < change.high
    assert 0.65 < change.ratio < 0.85
    homicide = count_incidents(incidents.where(category="homicide"), grid, WEEKS)
    assert change_points(homicide.by_period, WEEKS, replicates=199).changes == ()


def test_half_of_the_reports_are_in_an_eighth_of_the_cells(city):
    incidents, grid = city
    counts = count_incidents(incidents.where(category="burglary"), grid, WEEKS).by_cell
    found = concentration(counts, area=grid.area, replicates=99)
    assert found.measure("cells_0.5").value == pytest.approx(0.129, abs=0.003)
    assert found.measure("cells_0.5").chance > 2 * found.measure("cells_0.5").value
    homicide = count_incidents(incidents.where(category="homicide"), grid, WEEKS).by_cell
    sparse = concentration(homicide, replicates=99)
    gini, general = sparse.measure("gini").value, sparse.measure("generalised_gini").value
    # Few reports look concentrated by the plain Gini; chance alone gives most of it.
    assert gini > 0.8 > general + 0.1
    assert sparse.measure("gini").chance > 0.75
