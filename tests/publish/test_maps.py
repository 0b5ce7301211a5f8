from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from peelian.errors import UsageError
from peelian.places import Grid
from peelian.publish import area_map_svg, map_svg
from peelian.publish.legend import class_names, classes_of, map_breaks
from peelian.publish.maps import expected_map

SVG = "{http://www.w3.org/2000/svg}"
CRS = "EPSG:26915"
SAID = {"title": "t", "desc": "d", "heading": "Reports"}


def grid_of(rows: int = 6, columns: int = 5, cell: float = 250.0) -> Grid:
    return Grid.covering(
        (738_001, 4_278_001, 738_000 + columns * cell - 1, 4_278_000 + rows * cell - 1), crs=CRS, cell=cell
    )


def texts(drawing: str) -> list[str]:
    return [e.text or "" for e in ET.fromstring(drawing).iter(f"{SVG}text")]


def cells_drawn(drawing: str) -> dict[str, set[tuple[int, int]]]:
    """Column and row (from the north) of every cell that a class's path covers."""
    root = ET.fromstring(drawing)
    group = next(e for e in root.iter(f"{SVG}g") if "transform" in e.attrib)
    found = {}
    for path in group:
        covered = set()
        for a, row, n in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path.attrib["d"]):
            covered |= {(int(a) + i, int(row)) for i in range(int(n))}
        found[path.attrib["class"]] = covered
    return found


@settings(max_examples=40, deadline=None)
@given(arrays(float, 30, elements=st.one_of(st.just(np.nan), st.floats(0, 10))))
def test_every_cell_is_drawn_once_in_its_class(values):
    grid = grid_of()
    found = cells_drawn(map_svg(grid, values, **SAID))
    classes = classes_of(values, map_breaks(values))
    expected = {}
    for c, r, k in zip(grid.columns, grid.rows, classes, strict=True):
        if k >= 0:
            expected.setdefault(f"f-q{k}", set()).add((int(c), grid.shape[0] - 1 - int(r)))
    assert found == expected


@given(arrays(float, 50, elements=st.floats(0, 1e6)))
def test_breaks_increase_and_leave_no_lowest_class_empty(values):
    breaks = map_breaks(values)
    assert breaks.size <= 4
    assert np.all(np.diff(breaks) > 0)
    assert np.all(breaks > values.min())


def test_breaks_of_nothing_and_of_one_value():
    assert map_breaks([]).size == 0
    assert map_breaks([np.nan]).size == 0
    assert map_breaks([2.0, 2.0]).size == 0
    assert "all 2" in texts(map_svg(grid_of(), np.full(30, 2.0), **SAID))


def test_legend_in_numbers():
    assert class_names(np.array([0.05, 0.1]), 1.0, whole=False) == [
        "under 0.05",
        "0.05 to 0.10",
        "0.10 or more",
    ]
    assert class_names(np.array([16.0, 23.0, 24.0]), 99, whole=True) == [
        "under 16",
        "16 to 22",
        "23",
        "24 or more",
    ]


def test_plan_cells_are_outlined_and_numbered_in_order():
    grid = grid_of(30, 30)
    drawing = map_svg(grid, np.zeros(len(grid)), highlight=[5, 6, 7, 36, 37, 400], **SAID)
    root = ET.fromstring(drawing)
    assert [t for t in texts(drawing) if t.isdigit()] == ["1", "2", "3", "4", "5", "6"]
    outline = next(e for e in root.iter(f"{SVG}path") if e.attrib["class"] == "s-accent")
    assert outline.attrib["d"].count("M") == 6
    spots = [(float(e.attrib["cx"]), float(e.attrib["cy"])) for e in root.iter(f"{SVG}circle")][::2]
    gaps = [np.hypot(a[0] - b[0], a[1] - b[1]) for i, a in enumerate(spots) for b in spots[:i]]
    assert min(gaps) >= 15.2
    assert "place in the plan," in " ".join(texts(drawing))


def test_a_plan_of_hundreds_is_still_drawn():
    grid = grid_of(20, 20)
    drawing = map_svg(grid, np.arange(400.0), highlight=range(400), **SAID)
    outline = next(e for e in ET.fromstring(drawing).iter(f"{SVG}path") if e.attrib["class"] == "s-accent")
    assert outline.attrib["d"].count("M") == 400


def test_wrong_cells_and_breaks_are_refused():
    grid = grid_of()
    with pytest.raises(UsageError, match="30 cells"):
        map_svg(grid, np.zeros(30), highlight=[30], **SAID)
    with pytest.raises(UsageError, match="limits"):
        map_svg(grid, np.zeros(30), breaks=[1, 2, 3, 4, 5], **SAID)
    with pytest.raises(UsageError, match="limits"):
        map_svg(grid, np.zeros(30), breaks=[2, 1], **SAID)


def test_three_thousand_cells_stay_small():
    grid = grid_of(60, 50)
    values = np.random.default_rng(1).random(3000)
    assert len(map_svg(grid, values, **SAID).encode()) < 200_000


def test_the_scale_bar_is_true():
    grid = grid_of(40, 40)  # 10 km wide
    root = ET.fromstring(map_svg(grid, np.zeros(len(grid)), **SAID))
    group = next(e for e in root.iter(f"{SVG}g") if "transform" in e.attrib)
    side = float(re.search(r"scale\(([\d.]+)\)", group.attrib["transform"])[1])
    bars = [re.match(r"M([\d.]+) [\d.]+V[\d.]+H([\d.]+)", e.attrib["d"]) for e in root.iter(f"{SVG}path")]
    km, miles = [float(b[2]) - float(b[1]) for b in bars if b]
    said = [t for t in texts(ET.tostring(root, encoding="unicode")) if t.endswith((" km", " mi"))]
    assert km == pytest.approx(float(said[0].split()[0]) * 1000 / 250 * side, abs=0.2)
    assert miles == pytest.approx(float(said[1].split()[0]) * 1609.344 / 250 * side, abs=0.2)


def test_area_map_hatches_what_is_hidden_and_tells_it_from_what_is_unknown(town):
    values = {"1": 120.0, "2": None, "3": 57.0}
    drawing = area_map_svg(town["areas"], values, crs=CRS, hidden="fewer than 5", **SAID)
    root = ET.fromstring(drawing)
    titled = {
        e.find(f"{SVG}title").text: e for e in root.iter(f"{SVG}path") if e.find(f"{SVG}title") is not None
    }
    assert set(titled) == {
        "North West: 120",
        "North East: fewer than 5",
        "South West: 57",
        "South East: no number",
    }
    hatched = titled["North East: fewer than 5"].attrib["fill"]
    pattern = next(e.attrib["id"] for e in root.iter(f"{SVG}pattern"))
    assert hatched == f"url(#{pattern})"
    assert {"fewer than 5", "no number"} <= set(texts(drawing))


def test_outlines_are_drawn_where_the_areas_are(town):
    drawing = area_map_svg(town["areas"], {"1": 1.0, "2": 2.0, "3": 3.0, "4": 4.0}, crs=CRS, **SAID)
    starts = {}
    for e in ET.fromstring(drawing).iter(f"{SVG}path"):
        title = e.find(f"{SVG}title")
        if title is not None:
            x, y = (
                np.array([float(v) for v in re.findall(r"-?[\d.]+", e.attrib["d"])])
                .reshape(-1, 2)
                .cumsum(axis=0)
                .T
            )
            starts[title.text.split(":")[0]] = (x.mean(), y.mean())
    assert starts["North West"][1] < starts["South West"][1]
    assert starts["North West"][0] < starts["North East"][0]


def test_two_maps_on_a_page_share_no_id(town):
    one = map_svg(grid_of(), np.zeros(30), **SAID)
    other = map_svg(grid_of(), np.ones(30), **SAID)
    ids = re.findall(r'id="([^"]+)"', one + other)
    assert len(ids) == len(set(ids)) == 4


def test_names_are_escaped(town):
    drawing = map_svg(grid_of(), np.zeros(30), title="<script>", desc="a & b", heading="<i>")
    assert "<script>" not in drawing
    assert ET.fromstring(drawing).find(f"{SVG}title").text == "<script>"


def test_the_expected_map_says_whom_it_does_not_speak_of(town):
    figure = expected_map(town["surface"], kind="burglary", areas=town["areas"], chosen=[3])
    assert "nothing about those who live there" in figure
    assert figure.count("<figure>") == 1
