"""A small town that went through every step, and what every published page must keep to."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy import sparse

from peelian.audits import equal_hours, exposure_audit, hours_by_population
from peelian.charter import Decision
from peelian.methods import CountMap, KernelDensity
from peelian.methods.counts import SeasonalNaive
from peelian.places import Areas, Counts, Grid, Periods, population_by_cell
from peelian.publish import Evidence
from peelian.response import make_plan
from peelian.trials import run_trial

CRS = "EPSG:26915"
VOID = {"meta", "link", "img", "br", "hr", "input", "base", "source", "col", "wbr", "embed", "area", "track"}
FETCHES = {
    "link",
    "script",
    "img",
    "iframe",
    "object",
    "embed",
    "video",
    "audio",
    "source",
    "image",
    "use",
    "form",
}


class Outline(HTMLParser):
    """Reads a page strictly: tags must close in order, and everything that a test asks for is collected."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.faults: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.faults.append(f"<{tag}> has an attribute twice")
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID and "svg" not in self.open:
            self.faults.append(f"<{tag}/> closes itself outside a drawing")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            level, said = self.headings[-1]
            self.headings[-1] = (level, said + data)
        if "style" not in self.open:
            self.text.append(data)


def read_page(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    outline.close()
    return outline


def check_accessible(page: str) -> Outline:
    """Landmarks, one h1, headings without a gap, named tables and pictures, no id twice, no dead link inside."""
    outline = read_page(page)
    assert outline.faults == []
    assert outline.open == []
    tags = [tag for tag, _ in outline.tags]
    assert [tags.count(t) for t in ("main", "header", "footer", "h1", "title")][:4] == [1, 1, 1, 1]
    assert dict(outline.tags)["html"]["lang"] == "en"
    levels = [level for level, _ in outline.headings]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert all(said.strip() for _, said in outline.headings)
    ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in outline.tags:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(attrs.get(name, "").split()) <= set(ids), (tag, attrs)
        if attrs.get("href", "").startswith("#"):
            assert attrs["href"][1:] in ids
        if tag == "th":
            assert attrs["scope"] in ("row", "col")
        if tag == "svg":
            assert attrs["role"] == "img"
            assert attrs["aria-labelledby"]
    assert tags.count("table") == tags.count("caption")
    return outline


def check_closed(page: str) -> None:
    """Nothing in the page makes a browser ask the network, and nothing in it can run."""
    for tag, attrs in read_page(page).tags:
        assert tag != "script"
        assert not any(name.startswith("on") for name in attrs), attrs
        assert "style" not in attrs, "the policy allows no style attribute"
        for name in ("src", "srcset", "data", "poster", "background", "action", "xlink:href"):
            assert name not in attrs, (tag, attrs)
        if tag in FETCHES:
            pytest.fail(f"<{tag}> asks for something: {attrs}")
        if tag == "a":
            assert not re.match(r"(?i)\s*(https?:|//|javascript:|data:)", attrs["href"])
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    assert not re.search(r"@import|url\(|@font-face|expression\(", style[1])
    assert re.findall(r"url\((?!#)", page) == []


def drawings(page: str) -> list[ET.Element]:
    """Every SVG of a page, read as XML."""
    return [ET.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


@pytest.fixture(scope="session")
def page_checks() -> Callable[[str], Outline]:
    def check(page: str) -> Outline:
        check_closed(page)
        drawings(page)
        return check_accessible(page)

    return check


@pytest.fixture(scope="session")
def drawings_of() -> Callable[[str], list[ET.Element]]:
    return drawings


def town_areas(names: tuple[str, ...] = ("North West", "North East", "South West", "South East")) -> Areas:
    x, y = 738_000.0, 4_278_000.0
    boxes = [
        shapely.box(x + dx, y + dy, x + dx + 2000, y + dy + 2000)
        for dx, dy in ((0, 2000), (2000, 2000), (0, 0), (2000, 0))
    ]
    frame = gpd.GeoDataFrame(
        {
            "area_id": ["1", "2", "3", "4"],
            "name": names,
            "Red": [900, 300, 200, 800],
            "Blue": [100, 700, 900, 300],
        },
        geometry=boxes,
        crs=CRS,
    )
    return Areas.of(frame, population=("Red", "Blue"))


@pytest.fixture(scope="session")
def town() -> dict[str, Any]:
    """Everything that an `Evidence` is made of, by the rooms that make it."""
    areas = town_areas()
    grid = Grid.inside(areas.union(), crs=CRS, cell=250.0)
    periods = Periods.covering("2016-01-04", "2017-12-25", "1w")
    rng = np.random.default_rng(7)
    rate = 0.01 + 0.4 * rng.random(len(grid)) ** 6
    matrix = sparse.csc_array(rng.poisson(rate[:, None], (len(grid), len(periods))))
    counts = Counts(grid, periods, matrix)
    trial = run_trial(
        counts, [CountMap(), SeasonalNaive(), KernelDensity()], origins=20, fractions=(0.05, 0.1)
    )
    surface = CountMap().fit(counts).predict(periods.following()[0])
    plan = make_plan(
        surface,
        category="burglary",
        unit_hours=16,
        hours_per_place=2,
        cap_per_area=2,
        areas=areas,
        history=counts,
    )
    people = population_by_cell(areas, grid)
    audit = exposure_audit(
        plan.hours,
        grid=grid,
        population=people,
        reference="Blue",
        comparisons={
            "equal_coverage": equal_hours(grid, 16),
            "by_population": hours_by_population(people, 16),
        },
        replicates=200,
        block_km=0.5,
    )
    weekly = pd.DataFrame({"start": periods.edges[:-1], "reported": counts.by_period})
    return {
        "agency": "Test town",
        "zone": "America/Chicago",
        "category": "burglary",
        "period": {"start": str(surface.period.start), "end": str(surface.period.end)},
        "grid": grid,
        "areas": areas,
        "surface": surface,
        "contact": "oversight@town.example",
        "attribution": "Records: Test town, CC0.",
        "imports": [
            {
                "source": "mapping", "file": "records.csv", "rows_in": 1203, "stored": 1100, "duplicates": 40,
                "corrections": 6, "quarantined": 57, "quarantined_by_reason": {"no_place": 54, "future": 3},
                "first_occurred": "2016-01-04T00:10:00", "last_occurred": "2017-12-24T22:00:00",
                "warnings": ["3 times fall into the hour that daylight saving skips"],
            }
        ],
        "trial": {"category": "burglary", **trial.to_dict()},
        "plan": plan.to_dict(),
        "audit": {"measured": True, **audit.to_dict()},
        "decision": Decision.make(
            id="decide-0006",
            subject="plan-0004",
            state="proposed",
            action="approve",
            role="commander",
            reason="The plan covers what it can and its burden is known.",
            shown={"bulletin.html": "0" * 64},
            decided_at=datetime(2017, 12, 27, 15, tzinfo=UTC),
            expires_at=datetime(2018, 1, 10, 15, tzinfo=UTC),
        ).to_dict(),
        "ledger": {
            "origin": "town.example/ledger", "size": 7, "root_hash": "ab" * 32,
            "vkey": "town.example/ledger+0a1b2c3d+AQID",
            "checkpoint": "town.example/ledger\n7\nq6urqw==\n\n— town.example/ledger AAECAw==\n",
        },
        "origin": {"peelian": "0.1.0", "data_version": "cd" * 32, "runs": {"plan": "plan-0004"}, "seed": 0},
        "reported": pd.DataFrame(
            {"area_id": ["1", "2", "3", "4"], "name": list(areas.frame["name"]), "reported": [120, 3, 57, 44]}
        ),
        "reported_period": {"start": "2017-01-01", "end": "2018-01-01"},
        "weekly": weekly,
    }  # fmt: skip


@pytest.fixture
def evidence(town: dict[str, Any]) -> Evidence:
    return Evidence(**town)
