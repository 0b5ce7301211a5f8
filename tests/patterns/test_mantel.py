"""Mantel's test: a published number, the plain correlation of two matrices, and chance."""

from __future__ import annotations

import json

import libpysal
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import pdist

from peelian.errors import DataError, UsageError
from peelian.patterns.mantel import Mantel, mantel
from peelian.records import Incidents

UTM = "EPSG:32636"


def incidents(x, y, day) -> Incidents:
    time = np.datetime64("2016-01-01") + np.asarray(day).astype("timedelta64[D]")
    return Incidents.of(x, y, time, crs=UTM, zone="Africa/Kampala", resolution="day")


def scattered(n: int, *, seed: int = 0) -> Incidents:
    rng = np.random.default_rng(seed)
    return incidents(*rng.uniform(0, 5000, (2, n)), rng.integers(0, 200, n))


def burkitt() -> Incidents:
    """Burkitt's lymphoma in Uganda, 188 cases: what tests of interaction have been tried on since Knox and Mantel."""
    points = libpysal.io.open(libpysal.examples.get_path("burkitt.shp"))
    table = libpysal.io.open(libpysal.examples.get_path("burkitt.dbf"))
    x, y = np.array(list(points)).T
    return incidents(x, y, np.array(table.by_col("T"), dtype=int))


@pytest.mark.filterwarnings("ignore:Objects based on")
def test_the_published_correlation_of_burkitts_lymphoma() -> None:
    # The documentation of pointpats.mantel prints 0.048368 and p = .01 of 99 permutations.
    found = mantel(burkitt(), space_constant=1, permutations=999)
    assert_allclose(found.r, 0.048368, atol=5e-7)
    assert found.p < 0.02


@pytest.mark.parametrize(("space_power", "time_power"), [(-1, -1), (-0.5, 1), (1, -2)])
def test_r_is_the_correlation_of_both_closenesses(space_power: float, time_power: float) -> None:
    made = scattered(150)
    day = (made.time.astype("datetime64[D]")).astype(int)[:, None]
    plain = np.corrcoef((pdist(np.c_[made.x, made.y]) + 50) ** space_power, (pdist(day) + 2.0) ** time_power)[
        0, 1
    ]
    found = mantel(
        made,
        space_constant=50,
        space_power=space_power,
        time_constant=2,
        time_power=time_power,
        permutations=19,
    )
    assert_allclose(found.r, plain, atol=1e-9)


def test_chance_makes_no_correlation_and_even_p_values() -> None:
    many = [mantel(scattered(60, seed=s), permutations=39) for s in range(80)]
    assert abs(np.mean(np.concatenate([m.permuted for m in many]))) < 0.003
    p = np.array([m.p for m in many])
    assert 0.3 < np.mean(p <= 0.5) < 0.7
    assert p.min() >= 1 / 40


def test_what_is_planted_is_found() -> None:
    rng = np.random.default_rng(0)
    x, day = rng.uniform(0, 5000, 60), rng.integers(0, 300, 60)
    found = mantel(incidents(np.r_[x, x + 20], np.r_[x, x], np.r_[day, day + 1]), permutations=199)
    assert found.p == 1 / 200
    assert "goes along with" in found.sentence()
    assert "cause" not in found.sentence()


def test_neither_threads_nor_another_run_change_a_byte() -> None:
    found = [mantel(scattered(80), permutations=99, threads=k) for k in (1, 2, 2)]
    assert len({f.permuted.tobytes() for f in found}) == 1
    assert mantel(scattered(80), permutations=99, seed=1).permuted.tobytes() != found[0].permuted.tobytes()


@pytest.mark.parametrize(
    "made",
    [
        scattered(0),
        scattered(1),
        incidents([1, 1, 1], [2, 2, 2], [0, 4, 9]),
        incidents([1, 2, 4], [2, 2, 2], [3, 3, 3]),
    ],
    ids=["none", "one", "one place", "one day"],
)
def test_without_a_difference_the_result_is_empty_and_says_so(made: Incidents) -> None:
    found = mantel(made, permutations=19)
    assert np.isnan(found.r)
    assert np.isnan(found.p)
    assert "nothing to look at" in found.sentence()
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["r"] is None
    found.plot()


@pytest.mark.parametrize(
    "setting",
    [{"space_constant": 0}, {"time_constant": -1}, {"space_power": 0}, {"time_power": float("inf")}],
)
def test_a_closeness_without_bounds_is_refused(setting) -> None:
    with pytest.raises(UsageError, match=next(iter(setting))):
        mantel(scattered(5), **setting)


def test_too_many_are_refused() -> None:
    n = 50_001
    made = Incidents.of(
        np.arange(n), np.zeros(n), pd.date_range("2016", periods=n, freq="h"), crs=UTM, zone="UTC"
    )
    with pytest.raises(DataError, match="50,001 incidents"):
        mantel(made)


def test_how_it_is_shown() -> None:
    found = mantel(scattered(40), permutations=19)
    assert isinstance(found, Mantel)
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["settings"]["space_constant"] == 100
    assert data["limits"]
    assert found.frame.loc[0, "permutations"] == 19
    assert len(found.plot().lines) == 1
