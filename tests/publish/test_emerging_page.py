"""What emerges, in words and on its page: with a rise that was planted, with nothing, with too short a past."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from peelian.places import Areas, Grid
from peelian.publish.emerging import IDS, emerging_page
from peelian.publish.emerging_words import AGAINST, LOOKS_AT, NAMES, details, headline, rate_words
from peelian.records import Incidents
from peelian.workspace.chosen import Chosen
from peelian.workspace.emerging import METHODS, _looked, _tables, _told, _wanted, _weeks
from peelian.workspace.emerging_parts import Ground

CRS, ZONE = "EPSG:26915", "America/Chicago"
X, Y = 480_000.0, 4_980_000.0
GRID = Grid(CRS, 250.0, 1920, 19920, (12, 12))
END = np.datetime64("2018-01-01")
WEEKS = 130
RISEN = 65
"""A square in the ward of the middle."""


def wards() -> Areas:
    boxes = [
        shapely.box(X + x, Y + y, X + x + 1000, Y + y + 1000)
        for y in (0.0, 1000.0, 2000.0)
        for x in (0.0, 1000.0, 2000.0)
    ]
    names = [f"Ward {i}" for i in range(9)]
    shapes = gpd.GeoDataFrame(
        {"area_id": [f"a{i}" for i in range(9)], "name": names}, geometry=boxes, crs=CRS
    )
    return Areas(shapes)


def town(*, more: int = 0, weeks: int = WEEKS, areas: bool = True, seed: int = 0) -> Ground:
    """0.4 reports a week in each of 144 squares, and `more` in the latest week in one of them."""
    rng = np.random.default_rng(seed)
    cell, week = np.nonzero(rng.poisson(0.4, (len(GRID), weeks)))
    cell, week = np.append(cell, np.full(more, RISEN)), np.append(week, np.full(more, weeks - 1))
    x, y = GRID.centres()
    time = (END - 7 * weeks + 7 * week + rng.integers(0, 7, cell.size)).astype("datetime64[s]")
    reports = Incidents.of(x[cell], y[cell], time, crs=CRS, zone=ZONE)
    named = wards() if areas else None
    places = wards() if areas else Grid(CRS, 1000.0, 480, 4980, (3, 3))
    return Ground(reports, END, "1w", GRID, places, named, looks=22, seed=0)


def told(ground: Ground, method: str = "all") -> tuple[dict[str, Any], str]:
    """The result and its page."""
    setting = {"weeks": 3, "radius": 600.0, "replicates": 99, "level": 0.05}
    parts, left_out = _looked(ground, _wanted(method), setting, lambda *_: None)
    chosen = Chosen("theft", ground.reports, END - 7 * WEEKS, END, 0)
    result = _told(chosen, ground, parts, left_out)
    tables = {**_tables(parts), "weeks": _weeks(ground, result)}
    page = emerging_page(result, tables, grid=GRID, places=ground.places, areas=ground.areas)
    return json.loads(json.dumps(result, allow_nan=False)), unescape(page)


@pytest.fixture(scope="module")
def risen() -> tuple[dict[str, Any], str]:
    return told(town(more=16))


def test_a_rise_is_told_with_where_since_when_and_how_sure(risen: tuple[dict[str, Any], str]) -> None:
    result, page = risen
    said = result["sentence"]
    assert said.startswith(
        "1 emerging cluster and 1 of 9 areas stand out from chance and from these records'"
    )
    assert "around Ward 4 since" in said
    assert "p = 0.010" in said
    assert "Ward 4 with" in said
    more = " ".join(result["details"])
    assert "95 % interval" in more
    assert "false-discovery rate" in more
    assert "in these records' own past" in more
    for sentence in (said, *result["details"], *result["limits"]):
        assert sentence in page


def test_the_page_has_a_map_a_table_the_reports_and_the_weeks(risen: tuple[dict[str, Any], str]) -> None:
    result, page = risen
    assert "<title>What emerges up to 1 January 2018" in page or "What emerges up to 1 January 2018" in page
    assert "emerging cluster" in page
    assert "area that stands out" in page
    assert "Ward 4: reports by week" in page
    assert "Band: up to the bound of" in page
    reports = town(more=16).reports
    latest = reports.frame["id"].astype(str).tolist()[-16:]
    assert all(name in page for name in latest), "each report of the cluster is named"
    for method in METHODS:
        if method not in result["not_looked"]:
            assert NAMES[method] in page


def test_where_nothing_emerged_the_page_says_so_and_what_came_nearest() -> None:
    result, page = told(town(seed=3), "scan")
    assert result["scans"][0]["signals"] == 0
    assert result["sentence"].startswith("Nothing stands out")
    assert "no emerging cluster in the 3 weeks up to 1 January 2018" in result["sentence"]
    assert "The highest cluster" in result["details"][0]
    assert "None stands out" in page
    assert "emerging cluster</text>" not in page


def test_without_areas_squares_are_watched() -> None:
    result, page = told(town(more=16, areas=False), "ears_c1")
    assert result["places"] == {"one": "square", "n": 9, "cell_m": 1000.0}
    assert "1 of 9 squares stands out" in result["sentence"]
    assert "looked at</text>" in page
    assert "Squares above their own bound" in page


def test_with_too_short_a_past_nothing_is_said_of_it() -> None:
    result, page = told(town(more=30, weeks=14), "scan")
    assert result["scans"][0]["past"] is None
    assert "though the past is too short to say how often that is a false alarm" in result["sentence"]
    assert "own past up to" not in result["sentence"]
    assert "The past is too short to count" in page


def test_where_nothing_was_reported_there_is_nothing_to_look_at() -> None:
    whole = town()
    none = Ground(whole.reports.where(start=END), END, "1w", GRID, wards(), wards(), looks=4, seed=0)
    for method in METHODS:
        result, page = told(none, method)
        assert (
            result["sentence"] == "Nothing was reported in the latest weeks, so that nothing can stand out."
        )
        assert result["sentence"] in page


def test_hundreds_of_reports_are_named_as_far_as_a_page_can(risen: tuple[dict[str, Any], str]) -> None:
    _, page = told(town(more=IDS + 40), "scan")
    assert "more in the run's table" in page


def test_many_findings_stay_a_short_headline(risen: tuple[dict[str, Any], str]) -> None:
    result, _ = risen
    watch = next(one for one in result["watched"] if one["signals"])
    rows = [{**watch["places"][0], "name": f"Ward {i}"} for i in range(300)]
    many = {**result, "watched": [{**watch, "places": rows, "signals": 300, "above_bound": 300}]}
    many["places"] = {"one": "area", "n": 400, "cell_m": None}
    said = headline(many)
    assert "300 of 400 areas stand out" in said
    assert len(said) < 500
    assert len(details(many)) <= 3


def test_each_method_has_words() -> None:
    assert set(NAMES) == set(AGAINST) == set(LOOKS_AT) == set(METHODS)


@pytest.mark.parametrize(
    ("rate", "said"), [(None, "not known"), (0.0, "0"), (0.01, "under 0.1"), (4.0, "4.0"), (12.34, "12.3")]
)
def test_a_rate_is_never_rounded_to_nothing(rate: float | None, said: str) -> None:
    assert rate_words(rate) == said


def test_the_same_is_the_same_page() -> None:
    one, other = (told(town(more=8), "ears_c2") for _ in range(2))
    assert one == other
    assert isinstance(one[0]["watched"][0]["places"], list)
    assert pd.notna(one[0]["watched"][0]["reports"])
