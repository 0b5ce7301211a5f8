"""Pairs nearer than chance: none where there are none, and those that were planted where there are."""

from __future__ import annotations

import json

import numpy as np
import pytest

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.chance_links import nearer_than_chance
from peelian.records import Incidents

CRS, ZONE = "EPSG:26915", "America/Chicago"


def made(n: int = 600, planted: int = 0, seed: int = 0) -> Incidents:
    rng = np.random.default_rng(seed)
    place, day = rng.uniform(0, 8000, (n, 2)), rng.uniform(0, 200, n)
    first = rng.choice(n, planted, replace=False)
    place = np.concatenate([place, place[first] + rng.normal(0, 20, (planted, 2))])
    day = np.concatenate([day, day[first] + rng.uniform(0, 2, planted)])
    time = np.datetime64("2024-01-01T00:00", "m") + (day * 1440).astype("timedelta64[m]")
    return Incidents.of(*place.T, time, crs=CRS, zone=ZONE)


def test_where_there_is_nothing_nothing_is_found() -> None:
    found = nearer_than_chance(made(), replicates=199)
    assert found.pairs.empty
    assert found.chains == ()
    assert "no distance and time" in found.sentence()


def test_planted_pairs_are_found_and_counted() -> None:
    found = nearer_than_chance(made(planted=60))
    assert found.pairs["share"].sum() == pytest.approx(60, rel=0.2)
    true = found.pairs[(found.pairs["two"].astype(int) >= 600) & (found.pairs["one"].astype(int) < 600)]
    assert len(true) / len(found.pairs) > 0.8
    assert (found.pairs["metres"] <= 100).all()
    assert found.frame.iloc[0]["share"] > 0.8
    assert (found.bands["p"] > 0).all()
    assert sum(len(chain) for chain in found.chains) == len({*found.pairs["one"], *found.pairs["two"]})
    assert "does not mean that they are one series" in found.sentence()


def test_pairs_are_those_of_a_plain_count() -> None:
    incidents = made(planted=60)
    found = nearer_than_chance(incidents, distances=(50, 200), days=(1, 7), replicates=99, at_least=0.01)
    i, j = np.triu_indices(len(incidents), 1)
    metres = np.hypot(incidents.x[i] - incidents.x[j], incidents.y[i] - incidents.y[j])
    day = incidents.time.astype("M8[D]").astype(int)
    apart = np.abs(day[i] - day[j])
    for _, row in found.bands.iterrows():
        low_m, low_d = (0 if row["metres"] == 50 else 50), (-1 if row["days"] == 1 else 1)
        near = (metres <= row["metres"]) & ((metres > low_m) | (low_m == 0))
        count = (near & (apart <= row["days"]) & (apart > low_d)).sum()
        assert row["observed"] == count
    chosen = found.bands[(found.bands["share"] >= 0.01) & (found.bands["q"] <= 0.05)]
    assert len(found.pairs) == chosen["observed"].sum()


def test_the_interval_holds_the_expected_share() -> None:
    bands = nearer_than_chance(made(planted=60), replicates=199).bands
    some = bands[bands["observed"] > 0]
    assert (some["share_low"] <= some["share"]).all()
    assert (some["share"] <= some["share_high"]).all()


def test_plain_data_and_the_same_again() -> None:
    incidents = made(200, planted=20)
    one, two = (nearer_than_chance(incidents, replicates=99, seed=4) for _ in range(2))
    assert json.dumps(one.to_dict(), allow_nan=False) == json.dumps(two.to_dict(), allow_nan=False)
    assert one.to_dict()["limits"]
    assert one.plot().get_xlabel()
    assert "<table" in one._repr_html_()


def test_ties_at_one_place() -> None:
    time = np.datetime64("2024-01-01", "D") + np.arange(40) % 20
    tied = Incidents.of([1.0] * 40, [1.0] * 40, time, crs=CRS, zone=ZONE)
    found = nearer_than_chance(tied, replicates=99)
    assert found.pairs.empty, "all are at one place, and times shuffled among them are the same"


@pytest.mark.parametrize(
    "wrong",
    [
        {"distances": (100, 50)},
        {"distances": ()},
        {"days": (1, 1)},
        {"days": (0.5, 1)},
        {"replicates": 5},
        {"at_least": 0},
    ],
)
def test_settings_that_are_off(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        nearer_than_chance(made(50), **wrong)


def test_too_few_or_all_of_one_day() -> None:
    time = np.array(["2024-01-01"] * 10, "M8[D]")
    with pytest.raises(NotEnoughDataError, match="one day"):
        nearer_than_chance(Incidents.of(np.arange(10.0), np.arange(10.0), time, crs=CRS, zone=ZONE))
    with pytest.raises(NotEnoughDataError):
        nearer_than_chance(Incidents.of([1.0], [1.0], time[:1], crs=CRS, zone=ZONE))
