"""Pages of repeats and of what goes along: pictures and tables hold what was found, and no NaN."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peelian.patterns.elevated import elevated
from peelian.patterns.exact_repeats import exact_repeats
from peelian.patterns.lags import lags
from peelian.patterns.near_repeat import NearRepeat, near_repeat
from peelian.patterns.risk_factors import RiskFactors, risk_factors
from peelian.places import Counts, Grid, Periods, count_incidents
from peelian.publish import factors as along
from peelian.publish import repeats
from peelian.publish.factors import factors_page
from peelian.publish.repeats import repeats_page
from peelian.publish.wording import check_page
from peelian.records import Incidents

METRES, ZONE = "EPSG:26915", "America/Chicago"
GRID = Grid(METRES, 250.0, 2960, 17120, (20, 20))
LOOKED: dict[str, Any] = {
    "category": "theft_from_vehicle",
    "from": "2023-01-01",
    "to": "2024-01-01",
    "left_out": 0,
    "sentence": "Found.",
    "notes": [],
    "limits": ["It can't tell."],
}


def reports(n: int, *, again: float = 0.0, seed: int = 0) -> Incidents:
    """Reports all over the area and the year, of which some come again at their place within days."""
    rng = np.random.default_rng(seed)
    x, y = 740_000 + rng.uniform(0, 5_000, n), 4_280_000 + rng.uniform(0, 5_000, n)
    day = rng.integers(0, 350, n)
    more = rng.random(n) < again
    x, y = np.append(x, x[more]), np.append(y, y[more])
    day = np.append(day, day[more] + rng.integers(1, 7, more.sum()))
    time = np.datetime64("2023-01-01") + day.astype("timedelta64[D]")
    return Incidents.of(x, y, time, crs=METRES, zone=ZONE)


@pytest.fixture(scope="module")
def table() -> NearRepeat:
    return near_repeat(reports(800, again=0.2), permutations=499)


def page_of(incidents: Incidents, table: NearRepeat, *, where: str = "Mid<town>") -> str:
    zones = elevated(table, incidents, at="2023-12-24", grid=GRID, least_ratio=1.5)
    exact = exact_repeats(incidents, permutations=99)
    places = zones.zones.assign(where=where, place=np.arange(1, len(zones.zones) + 1))
    test = {"mantel": {"sentence": "M.", "limits": []}, "jacquez": {"left_out": "too many are tied"}}
    result = {
        **LOOKED,
        "incidents": len(incidents),
        "near_repeats": table.sentence(),
        "zones": zones.to_dict(),
        "backtest": {"left_out": "Not tried."},
        "exact": exact.to_dict(),
        "other_tests": test,
    }
    return repeats_page(result, table, zones, exact, places, grid=GRID)


def test_a_page_of_repeats_holds_places_bands_and_what_was_not_done(table: NearRepeat) -> None:
    page = page_of(reports(800, again=0.2), table)
    assert check_page(page) == page
    assert "Repeats: theft from vehicle" in page
    assert "Mid&lt;town&gt;" in page
    assert "Mid<town>" not in page
    assert "Jacquez&#39; test was left out: too many are tied." in page
    assert "Not tried." in page
    assert "Being in a zone is no ground to suspect anyone" in page
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_page_of_hardly_a_report_is_a_page(n: int) -> None:
    few = reports(n)
    page = page_of(few, near_repeat(few, permutations=19))
    assert check_page(page) == page
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)
    assert "no ground to suspect" not in page, "there are no places of which that must be said"


def test_each_band_is_a_number_in_the_picture_with_a_star_where_it_stands_out(table: NearRepeat) -> None:
    drawn = ET.fromstring(repeats._picture(table, "Bands"))
    said = [str(e.text) for e in drawn.iter("{http://www.w3.org/2000/svg}text")]
    for ratio, stands_out in zip(table.ratio.ravel(), table.significant.ravel(), strict=True):
        assert f"{ratio:.2f}" + (" *" if stands_out else "") in said
    assert sum(s.endswith("*") for s in said) == table.significant.sum() > 0
    boxes = [e.attrib["class"] for e in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert sum(c != "f-q0" for c in boxes) == sum(
        r > 1 and s for r, s in zip(table.ratio.ravel(), table.significant.ravel(), strict=True)
    )


def test_many_bands_are_a_table_alone() -> None:
    wide = near_repeat(reports(100), days=tuple(range(7, 77, 7)), permutations=19)
    parts = repeats._bands({"near_repeats": "Found."}, wide)
    assert "<svg" not in str(parts)
    assert "64 to 70 days" in str(parts)


def test_parts_of_the_area_are_told_where_there_are_any(table: NearRepeat) -> None:
    said = "stood out by mistake"
    assert said not in str(repeats._bands({"near_repeats": "Found."}, table))
    assert said in str(repeats._bands({"near_repeats": "Found."}, replace(table, parts=8)))


@pytest.mark.parametrize(("several", "shown"), [(0, 10), (3, 10), (15, 15), (40, 25)])
def test_places_around_several_reports_are_in_the_table(table: NearRepeat, several: int, shown: int) -> None:
    incidents = reports(800, again=0.2)
    zones = elevated(table, incidents, at="2023-12-24", grid=GRID, least_ratio=1.0)
    one = zones.zones.iloc[[0]]
    places = pd.concat([one] * 60, ignore_index=True).assign(where="", place=np.arange(1, 61))
    places["sources"] = np.where(np.arange(60) < several, 2, 1)
    parts = repeats._places({"zones": zones.to_dict()}, zones, places, GRID, None)
    assert f"{shown} of 60 places; {several} are around more than one recent report" in str(parts[-2])


def test_the_back_test_names_the_better_one() -> None:
    rows = [
        {"chosen_by": name, "hits": 10 * share, "share_of_reports": share, "share_of_area": 0.02}
        for name, share in (("near repeats", 0.16), ("counting the past", 0.202), ("lot", 0.02))
    ]
    settings = {"start": "2023-07-01", "end": "2023-12-31", "refit": 56}
    told = {"sentence": "S.", "chosen_by": rows, "settings": settings}
    parts = str(repeats._backtest({**told, "difference": -0.042, "low": -0.06, "high": -0.02}))
    assert "20.2" in parts
    assert "\N{MINUS SIGN}6.0 to \N{MINUS SIGN}2.0" in parts
    assert "Raised places less counting" not in str(
        repeats._backtest({**told, "difference": None, "low": None, "high": None})
    )
    for row in rows:
        row["share_of_area"] = 0.0
    assert "<svg" not in str(repeats._backtest({**told, "low": None}))


def counted(seed: int = 0) -> Counts:
    periods = Periods.covering("2023-01-02", "2023-12-25", "1w")
    return count_incidents(reports(3_000, seed=seed), GRID, periods)


@pytest.fixture(scope="module")
def places() -> RiskFactors:
    counts = counted()
    x, y = GRID.centres()
    away = np.hypot(x - x.mean(), y - y.mean()) / 1000
    more = np.random.default_rng(0).poisson(40 * np.exp(-away))
    matrix = counts.matrix.copy()
    matrix = type(matrix)(more[:, None] * (np.arange(len(counts.periods)) == 0))
    made = replace(counts, matrix=matrix, points=None)
    return risk_factors(made, features={"distance_to_bars": away}, past=made, samples=10, replicates=19)


def along_page(places: RiskFactors | None) -> str:
    counts = counted()
    found = lags({"theft_from_vehicle": counts, "fraud": counted(1)}, most=1)
    others = found.table[found.table["leading"] != found.table["following"]].reset_index(drop=True)
    told = {"left_out": "Name some."}
    if places is not None:
        span = {"past_from": "2023-01-01", "from": "2023-07-01", "to": "2024-01-01"}
        told = {**places.to_dict(), "counted": span, "made_from": {"distance_to_bars": ["bars.geojson", "0"]}}
    result = {**LOOKED, "incidents": counts.total, "settings": {"least": 10}, "places": told}
    return factors_page(result, found, others, places, counts)


def test_a_page_of_what_goes_along_holds_both_parts(places: RiskFactors) -> None:
    page = along_page(places)
    assert check_page(page) == page
    assert "What goes along: theft from vehicle" in page
    assert "More theft from vehicle, " in page
    assert "Distance to bars" in page
    assert "distance_to" not in page
    assert "bars.geojson" in page
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)
    row = places.table.iloc[0]
    assert f"{row['rate_ratio']:.2f}" in page


def test_without_features_the_page_says_so() -> None:
    page = along_page(None)
    assert check_page(page) == page
    assert "Name some." in page
    assert "Times as many reports" not in page


@pytest.mark.parametrize(
    ("ours", "counting", "said"), [(0.1, 0.5, "use the count map"), (0.5, 0.1, "Here the features say")]
)
def test_which_is_the_better_guide_is_told(ours: float, counting: float, said: str) -> None:
    rows = [
        {"model": "features", "skill": ours, "low": ours - 0.05, "high": ours + 0.05},
        {"model": "counting the past", "skill": counting, "low": None, "high": None},
    ]
    assert said in str(along._skill({"skill": rows}))


def test_no_feature_that_goes_along_is_no_picture(places: RiskFactors) -> None:
    assert along._ratios({"features": []}, places) == []
