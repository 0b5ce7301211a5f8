from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peelian.errors import UsageError
from peelian.places import Grid, Period
from peelian.publish import Evidence, reported_by_area
from peelian.records import Incidents


def test_periods_come_in_three_forms(town):
    assert Evidence(**town).period == Period(town["period"]["start"], town["period"]["end"])
    week = Period("2018-01-01", "2018-01-08")
    assert Evidence(**{**town, "period": week}).period == week
    assert Evidence(**{**town, "period": "next week"}).period == "next week"


def test_what_does_not_fit_is_refused(town):
    with pytest.raises(UsageError, match="at least 3"):
        Evidence(**{**town, "threshold": 2})
    with pytest.raises(UsageError, match="columns"):
        Evidence(**{**town, "reported": pd.DataFrame({"a": [1]})})
    other = Grid.covering((738_000, 4_278_000, 739_000, 4_279_000), crs="EPSG:26915", cell=500.0)
    with pytest.raises(UsageError, match="another grid"):
        Evidence(**{**town, "grid": other})


def test_reports_are_counted_by_the_area_that_holds_them(town):
    rng = np.random.default_rng(3)
    x, y = 737_500 + 5000 * rng.random(400), 4_277_500 + 5000 * rng.random(400)
    time = np.full(400, np.datetime64("2017-05-01T10:00"))
    incidents = Incidents.of(x, y, time, crs="EPSG:26915", zone="America/Chicago", category="burglary")
    found = reported_by_area(incidents, town["areas"])
    inside = (np.abs(x - 740_000) < 2000) & (np.abs(y - 4_280_000) < 2000)
    west, north = x < 740_000, y > 4_280_000
    expected = [np.sum(inside & (west == w) & (north == n)) for w, n in ((1, 1), (0, 1), (1, 0), (0, 0))]
    assert found["reported"].tolist() == expected
    assert found["name"].tolist() == ["North West", "North East", "South West", "South East"]


def test_areas_in_another_crs_are_brought_over(town):
    areas = town["areas"].to_crs("EPSG:26916")
    incidents = Incidents.of(
        [739_000.0],
        [4_281_000.0],
        [np.datetime64("2017-05-01T10:00")],
        crs="EPSG:26915",
        zone="America/Chicago",
    )
    assert reported_by_area(incidents, areas)["reported"].tolist() == [1, 0, 0, 0]
