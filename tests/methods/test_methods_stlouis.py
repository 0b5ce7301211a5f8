"""On real records the interval of the whole city's count covers what it says: St. Louis, the last 100 weeks."""

from __future__ import annotations

from dataclasses import replace

import geopandas
import numpy as np
import pytest

from peelian.demo_data import stlouis_areas, stlouis_incidents
from peelian.methods import CountMap, Surface
from peelian.methods.base import first_fold, rolled
from peelian.methods.calibration import Calibration, tally
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
    method = CountMap()
    means = dict(rolled(method, counts, first=20, last=n))
    held = alone = 0
    for t in range(n - WEEKS, n):
        folds = [tally(means[i], counts.column(i)) for i in range(first_fold(t, 0), t)]
        surface = Surface(counts.grid, counts.periods[t], *_told(Calibration.fit(np.array(folds)), means[t]))
        total = int(counts.column(t).sum())
        low, high = surface.total_interval(0.9)
        held += low <= total <= high
        low, high = replace(surface, common=0.0).total_interval(0.9)
        alone += low <= total <= high
    # 90 of 100 give or take what a binomial would, and what drifts within a year, which no past tells.
    assert 82 <= held <= 97
    # Cells taken as independent promise what they don't keep.
    assert alone < held - 3


def _told(calibration, mean):
    return calibration.apply(mean), calibration.size, "", {}, calibration.common


def test_the_highest_places_get_what_is_expected_of_them(counts_of):
    """The plain average of the 20 highest of 2,700 places is mostly luck that does not come again."""
    counts = counts_of("burglary")
    n = len(counts.periods)
    means = dict(rolled(CountMap(background=0.0), counts, first=20, last=n))
    observed = expected = plain = 0.0
    for t in range(n - 52, n):
        folds = [tally(means[i], counts.column(i)) for i in range(first_fold(t, 0), t)]
        told = Calibration.fit(np.array(folds)).apply(means[t])
        top = np.argsort(-means[t], kind="stable")[:20]
        observed += counts.column(t)[top].sum() / 52
        expected += told[top].sum() / 52
        plain += means[t][top].sum() / 52
    assert expected == pytest.approx(observed, rel=0.2)
    assert plain > 1.3 * observed
