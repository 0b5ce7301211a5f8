"""On real records the interval of the whole city's count covers what it says: St. Louis, the last 100 weeks."""

from __future__ import annotations

from dataclasses import replace

import geopandas
import pytest

from peelian.demo_data import stlouis_areas, stlouis_incidents
from peelian.methods import CountMap
from peelian.places import Grid, Periods, count_incidents
from peelian.records import read_incidents

WEEKS = 100


@pytest.fixture(scope="module")
def counts_of():
    incidents = read_incidents(stlouis_incidents()).incidents
    shape = geopandas.read_parquet(stlouis_areas()).union_all()
    grid = Grid.inside(shape, crs="ESRI:102696", cell=250.0)
    periods = Periods.covering("2015-01-01", "2018-01-01", "1w")
    return lambda category: count_incidents(incidents.where(category=category), grid, periods)


@pytest.mark.parametrize("category", ["burglary", "motor_vehicle_theft", "robbery"])
def test_the_interval_of_the_total_covers_what_it_says(counts_of, category):
    counts = counts_of(category)
    n = len(counts.periods)
    held = alone = 0
    for t in range(n - WEEKS, n):
        surface = CountMap().fit(counts[:t]).predict(counts.periods[t])
        total = int(counts.column(t).sum())
        low, high = surface.total_interval(0.9)
        held += low <= total <= high
        low, high = replace(surface, common=0.0).total_interval(0.9)
        alone += low <= total <= high
    # 90 of 100 give or take what a binomial would.
    assert 85 <= held <= 95
    # Cells taken as independent promise what they don't keep.
    assert alone < 80


def test_the_highest_places_get_what_is_expected_of_them(counts_of):
    """The plain average of the 20 highest of 2,700 places is mostly luck that does not come again."""
    counts = counts_of("burglary")
    n = len(counts.periods)
    observed = expected = plain = 0.0
    for t in range(n - 52, n):
        past, period = counts[:t], counts.periods[t]
        surface = CountMap().fit(past).predict(period)
        top = surface.top(n=20)
        observed += counts.column(t)[top].sum() / 52
        expected += surface.mean[top].sum() / 52
        plain += CountMap(background=0.0).fit(past).predict(period).mean[top].sum() / 52
    print(
        f"a week in the 20 highest: plain average {plain:.2f}, expected {expected:.2f}, reported {observed:.2f}"
    )
    assert expected == pytest.approx(observed, rel=0.2)
    assert plain > 1.3 * observed
