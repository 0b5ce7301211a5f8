"""Drawings of time: every hour is in its place and shade, intervals end where they say, changes have their number."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from peelian.errors import UsageError
from peelian.patterns.changes import change_points
from peelian.places import Periods
from peelian.publish import Bar
from peelian.publish.rhythm import CLASSES, column_intervals, level_chart, shade_of, week_heat

SVG = "{http://www.w3.org/2000/svg}"
SAID = {"title": "T & t", "desc": "D <d>"}


def read(drawing: str) -> ET.Element:
    return ET.fromstring(drawing)


def texts(drawing: str) -> list[str]:
    return [e.text or "" for e in read(drawing).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("ratio", "shade"), [(0, 0), (0.49, 0), (0.5, 1), (0.8, 2), (1, 2), (1.25, 3), (2, 4), (9, 4)]
)
def test_the_shade_is_that_of_the_legend(ratio: float, shade: int) -> None:
    assert shade_of(ratio) == shade
    low = [0, *(float(s.split(" ")[0]) for s in CLASSES[1:])]
    assert low[shade] <= ratio


def test_the_heat_table_has_168_hours_in_their_place() -> None:
    ratio, above = np.ones(168), np.zeros(168, dtype=bool)
    ratio[4 * 24 + 22] = 3.0
    above[4 * 24 + 22] = True
    root = read(week_heat(ratio, above, **SAID))
    boxes = [b for b in root.iter(f"{SVG}rect") if float(b.attrib["height"]) > 20]
    assert len(boxes) == 168
    (dark,) = (b for b in boxes if b.attrib["class"] == "f-q4")
    assert float(dark.attrib["x"]) == 40 + 20 * 22 + 0.5
    assert float(dark.attrib["y"]) == 22 + 24 * 4 + 0.5
    (dot,) = root.iter(f"{SVG}circle")
    assert float(dot.attrib["cx"]) == float(dark.attrib["x"]) + 9.5
    assert {"Mon", "Sun", "00:00", "21:00", "dot: stands out", *CLASSES} <= set(
        texts(ET.tostring(root).decode())
    )


def test_without_a_finding_no_dot_is_promised() -> None:
    drawing = week_heat(np.ones(168), np.zeros(168, dtype=bool), **SAID)
    assert "dot: stands out" not in texts(drawing)
    assert not list(read(drawing).iter(f"{SVG}circle"))
    with pytest.raises(UsageError, match="168"):
        week_heat(np.ones(24), np.zeros(24, dtype=bool), **SAID)


def test_the_whisker_of_a_column_ends_where_it_says() -> None:
    bars = [Bar("a", 1.0, 0.5, 1.5, strong=True), Bar("", 2.0, 1.8, 2.0), Bar("c", None)]
    root = read(column_intervals(bars, **SAID, unit="times", reference_label="even share"))
    columns = [b for b in root.iter(f"{SVG}rect") if b.attrib["class"] in ("f-q1", "f-q3")]
    assert [c.attrib["class"] for c in columns] == ["f-q3", "f-q1"]
    one, two = (float(c.attrib["height"]) for c in columns)
    assert two == pytest.approx(2 * one, abs=0.2)
    whisker = next(p.attrib["d"] for p in root.iter(f"{SVG}path") if "s-ink" in p.attrib.get("class", ""))
    low, high = (float(y) for y in re.findall(r"M[\d.]+ ([\d.]+)h", whisker))
    top = float(columns[0].attrib["y"])
    assert low - top == pytest.approx(one / 2, abs=0.2)
    assert top - high == pytest.approx(one / 2, abs=0.2)
    assert {"a", "c", "times", "dashed: even share", "0.0", "0.5"} <= set(texts(ET.tostring(root).decode()))


@pytest.mark.parametrize("bars", [[], [Bar("a", -1.0)]])
def test_no_column_or_one_below_0_is_refused(bars: list[Bar]) -> None:
    with pytest.raises(UsageError, match="from 0"):
        column_intervals(bars, **SAID, unit="times", reference_label="even share")


def test_each_change_is_a_numbered_line_at_its_date() -> None:
    periods = Periods.covering("2015-01-05", "2017-01-02", "1w")
    counts = np.where(np.arange(len(periods)) < 52, 20, 60)
    found = change_points(counts, periods, harmonics=0, replicates=99)
    assert len(found.changes) == 1
    root = read(level_chart(found, **SAID, unit="reports a week"))
    lines = [e for e in root.iter(f"{SVG}line") if "s-accent" in e.attrib["class"]]
    (x,) = (float(e.attrib["x1"]) for e in lines)
    assert x == pytest.approx(44 + (52 / 104) * (520 - 16 - 44), abs=0.1)
    said = texts(ET.tostring(root).decode())
    assert "1" in said
    assert "Jan 2015" in said
    assert any(b.attrib["class"] == "f-warnwash" for b in root.iter(f"{SVG}rect"))


def test_a_level_without_a_change_has_no_line() -> None:
    periods = Periods.covering("2015-01-01", "2016-01-01", "1mo")
    found = change_points(np.full(12, 7), periods, replicates=99)
    root = read(level_chart(found, **SAID, unit="reports a month"))
    assert not [e for e in root.iter(f"{SVG}line") if "s-accent" in e.attrib["class"]]
    assert "nan" not in ET.tostring(root).decode()
