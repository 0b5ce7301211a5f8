"""Real records: three years of St. Louis that come with the package."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest

from peelian.demo_data import stlouis_areas, stlouis_incidents
from peelian.methods import CountMap, DecayedKernelDensity, KernelDensity, discover
from peelian.methods.mixture import KernelMixture
from peelian.methods.stack import Stack
from peelian.places import Grid, Periods, count_incidents
from peelian.records import read_incidents
from peelian.trials import run_trial

CRS = "ESRI:102696"


@pytest.fixture(scope="module")
def counts_of():
    incidents = read_incidents(stlouis_incidents()).incidents
    grid = Grid.inside(geopandas.read_parquet(stlouis_areas()).union_all(), crs=CRS, cell=250.0)
    periods = Periods.covering("2015-01-01", "2018-01-01", "1w")
    return lambda category: count_incidents(incidents.where(category=category), grid, periods)


def test_a_trial_of_a_year(counts_of):
    counts = counts_of("burglary")
    told = []
    trial = run_trial(
        counts, [CountMap(), KernelDensity(), DecayedKernelDensity()], progress=lambda *at: told.append(at)
    )
    made = trial.to_dict()
    # 52 origins and the 52 folds before the first of them, for three methods.
    assert told[-1] == (312, 312)
    assert (made["origins"], made["from"], made["to"]) == (52, "2017-01-02", "2018-01-01")
    assert made["events"] == int(counts.by_period[-52:].sum()) > 3000
    value = trial.summary.set_index(["method", "metric", "fraction"])["value"]
    for method in ("count_map", "kernel_density", "decayed_kernel_density"):
        # A map that knows something of the place holds a multiple of what chance would, and the more area the more.
        assert value[method, "pai", 0.01] > 3
        assert value[method, "hit_rate", 0.05] > value[method, "hit_rate", 0.01]
        assert 0 < value[method, "pei", 0.01] < 1
    # Counts rank well and are bad densities; kernels are the better ones.
    skill = {m.name: trial.score(m.name, "log_skill").value for m in trial.methods}
    assert (
        skill["decayed_kernel_density"] > skill["count_map"] > 0.2
    )  # above a uniform map, since its luck is taken out
    assert np.isfinite(trial.summary[["value", "low", "high"]]).all(axis=None)
    verdict = trial.verdict
    assert (verdict.method != "count_map") == (verdict.low > 0)


def test_expected_reports_come_where_they_were_expected(counts_of):
    """Over 100 weeks, tenth by tenth of what was expected, and in intervals of the places picked and of the whole."""
    trial = run_trial(
        counts_of("robbery"), [CountMap(), DecayedKernelDensity(), KernelMixture()], origins=100
    )
    for method in trial.methods:
        found = trial.calibration(method.name)
        assert np.all(np.abs(np.array(found["observed_over_expected"]) - 1) < 0.25)
        for of in ("the places picked together", "the whole area"):
            for level in found["coverage"][of]:
                assert abs(level["observed"] - level["expected"]) < 0.13  # 2.6 binomial deviations at a half


@pytest.mark.parametrize("kind", [k for k in discover() if k is not Stack], ids=lambda k: k.name)
def test_maps_of_real_records_stay_in_the_city(counts_of, kind):
    counts = counts_of("robbery")
    surface = kind().fit(counts).predict(counts.periods.following()[0])
    assert surface.mean.min() > 0
    low, high = surface.total_interval(0.99)
    assert low <= counts.last(8).by_period.mean() <= high
    assert surface.size >= 0.05
