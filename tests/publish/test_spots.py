"""Maps of what stands out: everything is in the picture, in its place and its size, and in the legend."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from peelian.demo_data import stlouis_areas
from peelian.places import Areas, Grid
from peelian.publish.spots import NUMBERED, Kind, Spot, spots_map

SVG = "{http://www.w3.org/2000/svg}"
METRES = "EPSG:26915"
GRID = Grid(METRES, 250.0, 0, 0, (20, 20))
SAID = {"title": "What stands out", "desc": "A test.", "heading": "What stands out"}


def drawn(**what: object) -> ET.Element:
    return ET.fromstring(spots_map(METRES, GRID.bounds(), **SAID, **what))  # type: ignore[arg-type]


def texts(picture: ET.Element) -> list[str]:
    return [str(t.text) for t in picture.iter(f"{SVG}text")]


def rings(picture: ET.Element) -> list[tuple[float, float, float]]:
    """Centre and radius of each circle that stands for a place."""
    found = []
    for path in picture.iter(f"{SVG}path"):
        if path.attrib.get("class") == "s-accent":
            left, y, r = (
                float(v)
                for v in re.match(r"M([\d.]+) ([\d.]+)a([\d.]+) ", path.attrib["d"]).groups()  # type: ignore[union-attr]
            )
            found.append((left + r, y, r))
    return found


def test_a_place_has_its_own_size_and_its_number() -> None:
    picture = drawn(spots=[Spot(1250, 2500, 500, "one"), Spot(3750, 2500, 250, "two")])
    (x1, y1, r1), (x2, y2, r2) = rings(picture)
    assert r1 == pytest.approx(2 * r2, abs=0.2)
    # 2.5 km lie between them, and the radius of the first is half a kilometre.
    assert x2 - x1 == pytest.approx(5 * r1, abs=0.5)
    assert y1 == y2
    assert {"1", "2"} <= set(texts(picture))


def test_a_place_without_a_size_can_still_be_seen() -> None:
    ((_, _, r),) = rings(drawn(spots=[Spot(1250, 2500)]))
    assert r >= 3


def test_north_is_up() -> None:
    north, south = rings(drawn(spots=[Spot(2500, 4000), Spot(2500, 1000)]))
    assert north[1] < south[1]


def test_a_place_with_a_script_in_its_name_does_nothing() -> None:
    text = str(spots_map(METRES, GRID.bounds(), **SAID, spots=[Spot(1, 1, 1, "<script>alert(1)</script>")]))
    assert "<script" not in text
    assert "&lt;script" in text


def test_each_kind_of_cell_is_drawn_and_in_the_legend() -> None:
    kinds = [Kind([0, 1, 2], "q3", "more than around"), Kind([399], "q1", "fewer than around")]
    picture = drawn(grid=GRID, kinds=kinds)
    assert {"more than around", "fewer than around"} <= set(texts(picture))
    cells = [p.attrib["d"] for p in picture.iter(f"{SVG}path") if "q3" in p.attrib.get("class", "")]
    # The south-west corner is the bottom row: a run of three cells.
    assert cells == ["M0 19h3v1h-3z"]


def test_reports_on_the_same_half_pixel_are_one_dot() -> None:
    x = np.array([100.0, 100.0, 4000.0])
    picture = drawn(points=(x, x), points_said="report of the week")
    dots = [p.attrib["d"] for p in picture.iter(f"{SVG}path") if "f-edge" in p.attrib.get("class", "")]
    assert dots[0].count("M") == 2
    assert "report of the week" in " ".join(texts(picture))


def test_what_belongs_together_is_joined_by_lines() -> None:
    picture = drawn(
        lines=[[1000, 1000, 4000, 1000], [1000, 1000, 4000, 1000], [2500, 2500, 2500, 2500]],
        lines_said="linked reports",
        points=([1000, 4000], [1000, 1000]),
    )
    (path,) = [p.attrib["d"] for p in picture.iter(f"{SVG}path") if p.attrib.get("class") == "s-data"][:1]
    ends = [[float(v) for v in part.replace("L", " ").split()] for part in path.split("M")[1:]]
    assert len(ends) == 2, "the same line is drawn once"
    assert "linked reports" in " ".join(texts(picture))
    (short,) = [e for e in ends if abs(e[0] - e[2]) < 10]
    assert short[2] - short[0] == pytest.approx(3, abs=0.1), "two at one place can be seen"
    (long,) = [e for e in ends if e is not short]
    assert long[1] == long[3]
    assert "nan" not in path


def test_without_lines_nothing_of_them_is_said() -> None:
    assert drawn(lines=[]).findtext(".//*") == drawn().findtext(".//*")
    assert "belong together" not in " ".join(texts(drawn(lines=np.empty((0, 4)))))


def test_a_crowd_is_numbered_as_far_as_there_is_room() -> None:
    spots = [Spot(2500 + i, 2500, 10) for i in range(200)]
    picture = drawn(spots=spots)
    assert len(rings(picture)) == 200
    numbers = [t for t in texts(picture) if t.isdigit()]
    assert 1 < len(numbers) <= NUMBERED


def test_one_point_is_a_map_too() -> None:
    text = spots_map(METRES, (5.0, 5.0, 5.0, 5.0), **SAID, points=([5.0], [5.0]))
    assert "nan" not in text
    assert "inf" not in text


def test_the_areas_are_outlined_and_widen_the_map() -> None:
    areas = Areas.read(stlouis_areas(), id="area_id", name="name").to_crs(METRES)
    x, y = (float(v) for v in areas.frame.total_bounds[:2])
    text = spots_map(METRES, (x, y, x + 10, y + 10), **SAID, areas=areas, spots=[Spot(x, y, 100)])
    ((_, low, _),) = rings(ET.fromstring(text))
    assert low > 300  # the south-west corner is at the bottom of the whole city


def test_a_radius_is_in_metres_whatever_the_unit_of_the_map() -> None:
    feet = ET.fromstring(
        spots_map("EPSG:3435", (0, 0, 16404.2, 16404.2), **SAID, spots=[Spot(8202, 8202, 500)])
    )
    metres = ET.fromstring(spots_map(METRES, (0, 0, 5000, 5000), **SAID, spots=[Spot(2500, 2500, 500)]))
    assert rings(feet)[0] == pytest.approx(rings(metres)[0], abs=0.3)


def test_the_same_picture_is_the_same_bytes(tmp_path: Path) -> None:
    one, other = (
        spots_map(METRES, GRID.bounds(), **SAID, spots=[Spot(2500, 2500, 100, "a")]) for _ in range(2)
    )
    assert one == other
