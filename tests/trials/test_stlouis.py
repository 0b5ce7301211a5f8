"""Real records: three years of St. Louis that come with the package."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest

from peelian.demo_data import stlouis_areas, stlouis_incidents
from peelian.methods import CountMap, DecayedKernelDensity, KernelDensity, check_method, discover
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


@pytest.mark.parametrize("category", ["burglary", "robbery"])
def test_the_default_bandwidth_and_half_life_were_chosen_before_2017(counts_of, category):
    """Among those tried on 2016 alone, the defaults have the highest log skill or are within 0.02 nats of it."""
    bandwidths = (100.0, 150.0, 250.0, 500.0)
    methods = [CountMap()]
    methods += [KernelDensity(bandwidth=b) for b in bandwidths]
    methods += [
        DecayedKernelDensity(bandwidth=b, half_life=h) for b in bandwidths for h in ("8w", "26w", "104w")
    ]
    trial = run_trial(counts_of(category), methods, origins=52, last="2017-01-02", fractions=(0.01,))
    assert trial.to_dict()["from"] == "2016-01-04"
    for method in (KernelDensity(), DecayedKernelDensity()):
        skill = {
            tuple(sorted(m.parameters.items())): trial.score(m.name, "log_skill").value
            for m in trial.methods
            if m.name.startswith(method.name)
        }
        assert skill[tuple(sorted(method.get_params().items()))] >= max(skill.values()) - 0.02


def test_a_trial_of_a_year(counts_of):
    counts = counts_of("burglary")
    told = []
    trial = run_trial(
        counts, [CountMap(), KernelDensity(), DecayedKernelDensity()], progress=lambda *at: told.append(at)
    )
    made = trial.to_dict()
    assert told[-1] == (52, 52)
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


def test_maps_of_real_records_stay_in_the_city(counts_of):
    counts = counts_of("robbery")
    for kind in discover():
        surface = kind().fit(counts).predict(counts.periods.following()[0])
        assert surface.mean.min() > 0
        assert surface.mean.sum() == pytest.approx(counts.last(52).by_period.mean(), rel=0.15)
        assert surface.size >= 0.05
        check_method(kind)
