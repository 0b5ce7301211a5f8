"""Jacquez' test against pointpats where nothing is tied, and against random tie-breaking where something is."""

from __future__ import annotations

import json

import libpysal
import numpy as np
import pytest
from numpy.testing import assert_allclose
from pointpats.spacetime import jacquez as peer

from peelian.errors import DataError, UsageError
from peelian.patterns.jacquez import jacquez
from peelian.records import Incidents

UTM = "EPSG:32636"


def incidents(x, y, time, *, unit: str = "D") -> Incidents:
    when = np.datetime64("2016-01-01") + np.asarray(time).astype(f"timedelta64[{unit}]")
    return Incidents.of(x, y, when, crs=UTM, zone="UTC", resolution="day" if unit == "D" else "minute")


def untied(n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, and minutes of which no two gaps are the same as seen from one event."""
    rng = np.random.default_rng(seed)
    return *rng.uniform(0, 5000, (2, n)), np.cumsum(rng.permutation(2 * n)[:n] + 1)[rng.permutation(n)]


def drawn(x, y, time, k: int, rng: np.random.Generator) -> int:
    """The count with ties broken by chance, by way of all n x n distances."""
    n = len(x)
    noise = rng.random((2, n, n))
    far = np.hypot(np.subtract.outer(x, x), np.subtract.outer(y, y))
    gap = np.abs(np.subtract.outer(time, time)).astype(float)
    near = []
    for d, tie in ((far, noise[0]), (gap, noise[1])):
        np.fill_diagonal(d, np.inf)
        first = np.lexsort((tie, np.round(d, 6)), axis=1)[:, :k]
        held = np.zeros((n, n), dtype=bool)
        np.put_along_axis(held, first, True, axis=1)
        near.append(held)
    return int((near[0] & near[1]).sum())


@pytest.mark.filterwarnings("ignore:The weights matrix")
@pytest.mark.parametrize("k", [1, 3, 7])
def test_counts_are_those_of_pointpats_without_ties(k: int) -> None:
    x, y, minute = untied(120)
    ours = jacquez(incidents(x, y, minute, unit="m"), k=k, permutations=19)
    assert ours.count == peer(np.c_[x, y], minute[:, None].astype(float), k, permutations=0)


@pytest.mark.filterwarnings("ignore:Objects based on")
def test_the_published_count_of_burkitts_lymphoma() -> None:
    # The documentation of pointpats.jacquez prints 12 for k = 3; its ties are few, and broken by a tree.
    points = libpysal.io.open(libpysal.examples.get_path("burkitt.shp"))
    day = np.array(libpysal.io.open(libpysal.examples.get_path("burkitt.dbf")).by_col("T"), dtype=int)
    found = jacquez(incidents(*np.array(list(points)).T, day), k=3)
    assert abs(found.count - 12) < 0.5
    assert 0.1 < found.p < 0.4


@pytest.mark.parametrize("k", [1, 4])
def test_ties_count_as_drawing_lots_does_on_average(k: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, (2, 60)) * 100.0
    day = rng.integers(0, 12, 60)
    found = jacquez(incidents(x, y, day), k=k, permutations=19)
    lots = np.array([drawn(x, y, day, k, rng) for _ in range(400)])
    assert abs(found.count - lots.mean()) < 4 * lots.std() / np.sqrt(lots.size)
    assert found.tied_share > 0.5


def test_chance_makes_what_is_expected() -> None:
    x, y, minute = untied(80)
    k = 5
    found = jacquez(incidents(x, y, minute, unit="m"), k=k, permutations=1999)
    # Each of n k nearest in space is one of the k nearest in time with a chance of k / (n - 1).
    expected = 80 * k * k / 79
    assert abs(found.permuted.mean() - expected) < 5 * found.permuted.std() / np.sqrt(1999)


def test_what_is_planted_is_found() -> None:
    rng = np.random.default_rng(0)
    x, day = rng.uniform(0, 5000, 80), rng.integers(0, 900, 80)
    found = jacquez(incidents(np.r_[x, x + 20], np.r_[x, x], np.r_[day, day + 1]), permutations=199)
    assert found.p == 1 / 200
    assert found.frame.loc[0, "ratio"] > 3


def test_neither_threads_nor_another_run_change_a_byte() -> None:
    made = incidents(*untied(60), unit="m")
    found = [jacquez(made, permutations=199, threads=t) for t in (1, 2, 2)]
    assert len({f.permuted.tobytes() for f in found}) == 1
    assert_allclose(jacquez(made, permutations=199, seed=1).count, found[0].count)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_too_few_for_k_neighbours_is_an_empty_result(n: int) -> None:
    found = jacquez(incidents(np.arange(n), np.zeros(n), np.arange(n)), k=3, permutations=19)
    assert "nothing to look at" in found.sentence()
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["p"] is None


def test_all_at_one_place_and_day_is_no_finding() -> None:
    found = jacquez(incidents(np.ones(30), np.ones(30), np.ones(30)), permutations=19)
    assert found.p == 1
    assert_allclose(found.count, found.permuted.mean())


def test_bad_settings_and_too_many_ties() -> None:
    with pytest.raises(UsageError, match="k=0"):
        jacquez(incidents([0], [0], [0]), k=0)
    n = 5000
    with pytest.raises(DataError, match="25,000,000 neighbours are tied"):
        jacquez(incidents(np.zeros(n), np.zeros(n), np.arange(n)))


def test_how_it_is_shown() -> None:
    found = jacquez(incidents(*untied(40), unit="m"), permutations=19)
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["settings"] == {"k": 3, "permutations": 19, "seed": 0}
    assert data["limits"]
    assert "nearest" in found.sentence()
    assert len(found.plot().lines) == 1
