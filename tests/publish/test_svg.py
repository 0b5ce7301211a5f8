from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.publish import svg
from peelian.publish.palette import LIGHT

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (-0.04, "0"), (1.0, "1"), (1.25, "1.2"), (-3.96, "-4"), (120.04, "120"), (7.5, "7.5")],
)
def test_coordinates_are_short(value, said):
    assert svg.coordinate(value) == said


@given(st.floats(-1e5, 1e5))
def test_a_coordinate_is_within_a_twentieth_of_a_pixel(value):
    assert abs(float(svg.coordinate(value)) - value) <= 0.0501


def test_paint_carries_its_light_colour_and_its_class():
    assert svg.fill("q3") == f'class="f-q3" fill="{LIGHT["q3"]}"'
    assert svg.fill("none") == 'fill="none"'
    line = svg.stroke("ink", 1.5, dash="4 3")
    assert 'class="s-ink"' in line
    assert f'stroke="{LIGHT["ink"]}"' in line
    assert 'stroke-dasharray="4 3"' in line
    with pytest.raises(KeyError):
        svg.fill("pink")


def test_a_drawing_stands_alone():
    body = [
        svg.box(0, 0, 10, 5, svg.fill("q1")),
        svg.line(0, 0, 1, 1, "ink"),
        svg.circle(1, 1, 2, svg.fill("accent")),
    ]
    root = ET.fromstring(svg.draw(body, width=20, height=10.5, title="T", desc="D"))
    assert root.tag == f"{SVG}svg"
    assert root.attrib["viewBox"] == "0 0 20 10.5"
    assert root.attrib["role"] == "img"
    assert [e.tag.removeprefix(SVG) for e in root] == ["title", "desc", "rect", "line", "circle"]
    assert "style" not in {name for e in root.iter() for name in e.attrib}


def test_ids_come_from_the_content_and_reach_the_definitions():
    hatch = '<pattern id="ID-hatch" width="6" height="6"></pattern>'
    body = [svg.box(0, 0, 1, 1, 'fill="url(#ID-hatch)"')]
    one = svg.draw(body, width=1, height=1, title="a", desc="d", defs=hatch)
    other = svg.draw(body, width=1, height=1, title="b", desc="d", defs=hatch)
    for drawing in (one, other):
        assert re.search(r"url\(#([^)]+)\)", drawing)[1] == re.search(r'<pattern id="([^"]+)"', drawing)[1]
    assert not set(re.findall(r'id="([^"]+)"', one)) & set(re.findall(r'id="([^"]+)"', other))
    assert one == svg.draw(body, width=1, height=1, title="a", desc="d", defs=hatch)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=60))
def test_any_text_is_kept_and_stays_text(said):
    drawing = svg.draw(
        [svg.text(1, 2, said), svg.path("M0 0", svg.fill("ink"), title=said)],
        width=9,
        height=9,
        title=said,
        desc=said,
    )
    root = ET.fromstring(drawing)
    assert (root.find(f"{SVG}text").text or "") == said
    assert (root.find(f"{SVG}title").text or "") == said
    assert [e.tag.removeprefix(SVG) for e in root] == ["title", "desc", "text", "path"]


def test_text_settings():
    element = ET.fromstring(svg.text(1, 2, "x", colour="muted", anchor="end", size=11, bold=True))
    assert element.attrib == {
        "x": "1", "y": "2", "class": "f-muted", "fill": LIGHT["muted"], "text-anchor": "end", "font-size": "11",
        "font-weight": "600",
    }  # fmt: skip
