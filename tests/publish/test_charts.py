from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import UsageError
from peelian.publish import (
    Bar,
    Series,
    Table,
    bar_chart,
    chart_with_table,
    interval_chart,
    interval_table,
    line_chart,
)
from peelian.publish.charts import _ratio_ticks, column_chart, round_ticks

SVG = "{http://www.w3.org/2000/svg}"


def read(drawing: str) -> ET.Element:
    return ET.fromstring(drawing)


def texts(drawing: str) -> list[str]:
    return [e.text or "" for e in read(drawing).iter(f"{SVG}text")]


def box_of(drawing: str) -> tuple[float, float]:
    _, _, w, h = (float(v) for v in read(drawing).attrib["viewBox"].split())
    return w, h


ROWS = [
    Bar("This plan", 2.16, 1.49, 4.16, strong=True),
    Bar("Everywhere", 1.0, 1.0, 1.0),
    Bar("None", None, note="why"),
]


def test_an_interval_chart_is_named_described_and_says_its_numbers():
    drawing = interval_chart(ROWS, title="T & t", desc="D <d>", unit="ratio", reference=1.0, ratio=True)
    root = read(drawing)
    assert root.find(f"{SVG}title").text == "T & t"
    assert root.find(f"{SVG}desc").text == "D <d>"
    ids = {e.attrib["id"] for e in root if "id" in e.attrib}
    assert set(root.attrib["aria-labelledby"].split()) == ids
    assert {"This plan", "Everywhere", "None", "why", "ratio"} <= set(texts(drawing))
    assert {"0.5", "1", "2", "4"} <= set(texts(drawing))


def test_dots_stand_where_their_numbers_say():
    rows = [Bar("a", 0.0, -1.0, 1.0), Bar("b", 1.0, 0.5, 2.0)]
    root = read(interval_chart(rows, title="t", desc="d", unit="u", reference=0.0))
    dots = [float(e.attrib["cx"]) for e in root.iter(f"{SVG}circle")][::2]
    dashed = next(float(e.attrib["x1"]) for e in root.iter(f"{SVG}line") if "stroke-dasharray" in e.attrib)
    assert dots[0] == dashed
    assert dots[1] > dashed


def test_half_and_double_are_equally_far_from_one():
    rows = [Bar("a", 0.5), Bar("b", 1.0), Bar("c", 2.0)]
    root = read(interval_chart(rows, title="t", desc="d", unit="u", ratio=True))
    a, b, c = [float(e.attrib["cx"]) for e in root.iter(f"{SVG}circle")][::2]
    assert b - a == pytest.approx(c - b, abs=0.2)


def test_an_open_end_is_an_arrow_on_the_axis():
    drawing = interval_chart([Bar("a", 2.0, 0.0, math.inf)], title="t", desc="d", unit="u", ratio=True)
    width, _ = box_of(drawing)
    xs = [
        float(v) for e in read(drawing).iter(f"{SVG}line") for k, v in e.attrib.items() if k in ("x1", "x2")
    ]
    assert max(xs) <= width
    assert min(xs) >= 0
    assert sum("L" in e.attrib["d"] for e in read(drawing).iter(f"{SVG}path")) == 2


def test_charts_without_rows_are_refused():
    with pytest.raises(UsageError):
        interval_chart([], title="t", desc="d", unit="u")
    with pytest.raises(UsageError):
        bar_chart([], title="t", desc="d", unit="u")
    with pytest.raises(UsageError):
        bar_chart([Bar("a", -1.0)], title="t", desc="d", unit="u")
    with pytest.raises(UsageError):
        line_chart(Series("s", ["a"], [1.0]), title="t", desc="d", unit="u")
    with pytest.raises(UsageError):
        line_chart(Series("s", ["a", "b"], [1.0]), title="t", desc="d", unit="u")


def test_bars_are_as_long_as_their_numbers():
    root = read(bar_chart([Bar("a", 2.0), Bar("b", 4.0), Bar("c", 0.0)], title="t", desc="d", unit="u"))
    widths = [float(e.attrib["width"]) for e in root.iter(f"{SVG}rect") if "f-q2" in e.attrib["class"]]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)
    assert widths[2] <= 1.0


def test_a_line_starts_at_zero_and_keeps_the_forecast_apart():
    series = Series("s", ["1 May", "8 May", "15 May"], [4.0, 8.0, 6.0], [4.0, 8.0, 3.0], [4.0, 8.0, 9.0])
    forecast = line_chart(series, title="t", desc="d", unit="reports", last_is_forecast=True)
    assert {"0", "10", "1 May", "15 May", "reports"} <= set(texts(forecast))
    line = next(e.attrib["d"] for e in read(forecast).iter(f"{SVG}path") if "s-data" in e.attrib["class"])
    assert line.count("L") == 1
    band = line_chart(series, title="t", desc="d", unit="reports")
    assert "f-band" in band
    assert "f-band" not in forecast


@given(
    st.lists(
        st.tuples(st.text(max_size=40), st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(0, 1e6)),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_any_label_and_number_gives_one_well_formed_picture(rows, ratio):
    clean = [(re.sub(r"[^\t\n\r -퟿-�]", "", label), v, a, b) for label, v, a, b in rows]
    bars = [Bar(label, abs(v) if ratio else v, v - a, v + b) for label, v, a, b in clean]
    drawing = interval_chart(bars, title="t", desc="d", unit="u", reference=1.0, ratio=ratio)
    root = read(drawing)
    width, height = box_of(drawing)
    for e in root.iter(f"{SVG}circle"):
        assert 0 <= float(e.attrib["cx"]) <= width
        assert 0 <= float(e.attrib["cy"]) <= height


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_ticks_hold_the_numbers_and_are_few(low, span):
    ticks = round_ticks(low, low + span)
    near = 1e-8 * (abs(low) + span + 1)
    assert ticks[0] <= low + near
    assert ticks[-1] >= low + span - near
    assert 2 <= len(ticks) <= 9
    assert ticks == sorted(ticks)


@given(st.floats(1e-6, 1e6), st.floats(1, 1e6))
def test_ratio_ticks_hold_one_and_are_few(low, factor):
    ticks = _ratio_ticks(low, low * factor)
    assert ticks[0] < 1 < ticks[-1]
    assert 3 <= len(ticks) <= 12


def test_a_chart_and_its_table_agree():
    table = interval_table(ROWS, first="Way", value="Ratio", level=0.95)
    assert table.columns == ("Way", "Ratio", "95\N{NO-BREAK SPACE}% interval")
    assert list(table.rows[0]) == ["This plan", "2.16", "1.49 to 4.16"]
    assert list(table.rows[2]) == ["None", "why", "none"]


def test_a_figure_escapes_what_it_is_given():
    table = Table(("<a>", "n"), [["<script>x</script>", "1"]], ("", "n"))
    drawing = bar_chart([Bar("<script>", 1.0)], title="<script>", desc="<b>", unit="<i>")
    figure = chart_with_table(drawing, table, caption='"><script>', note="<u>")
    assert "<script>" not in figure
    assert "&lt;script&gt;x&lt;/script&gt;" in figure
    assert 'class="n"' in figure


def test_a_long_table_is_not_printed_open():
    rows = [[str(i), str(i)] for i in range(40)]
    drawing = bar_chart([Bar("a", 1.0)], title="t", desc="d", unit="u")
    assert '<details class="long">' in chart_with_table(drawing, Table(("a", "b"), rows), caption="c")
    assert "<details>" in chart_with_table(drawing, Table(("a", "b"), rows[:5]), caption="c")


@pytest.mark.parametrize("kind", ["interval", "bar"])
def test_no_grid_line_is_beside_the_letters_of_a_label(kind, drawings_of):
    rows = [Bar("A row", 1.0, 0.5, 2.0), Bar("Another row", 1.5)]
    draw = interval_chart if kind == "interval" else bar_chart
    more = {"reference": 1.0, "reference_label": "same"} if kind == "interval" else {}
    [picture] = drawings_of(str(draw(rows, title="t", desc="d", unit="u", **more)))
    parts = list(picture)
    width = float(picture.attrib["viewBox"].split()[2])
    last_line = max(i for i, part in enumerate(parts) if part.attrib.get("class") == "s-rule")
    for row in rows:
        at = next(i for i, part in enumerate(parts) if part.text == row.label)
        strip, y = parts[at - 1], float(parts[at].attrib["y"])
        assert strip.attrib["class"] == "f-paper"
        assert float(strip.attrib["x"]) == 0
        assert float(strip.attrib["width"]) == width
        assert float(strip.attrib["y"]) <= y - 12
        assert float(strip.attrib["y"]) + float(strip.attrib["height"]) >= y + 4
        assert at > last_line


def columns_of(heights, **more):
    named = [(str(i), h) for i, h in enumerate(heights)]
    given = {"title": "t", "desc": "d", "unit": "u", "foot": "f", "reference": 1.0, "reference_label": "even"}
    return column_chart(named, **{**given, **more})


def test_columns_stand_on_zero_and_are_as_high_as_their_numbers():
    drawing = columns_of([1.0, 2.0, None, 0.5])
    boxes = list(read(drawing).iter(f"{SVG}rect"))
    heights = [float(b.attrib["height"]) for b in boxes]
    assert len(boxes) == 3, "what is not known is left empty"
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)
    assert heights[2] == pytest.approx(heights[0] / 2, abs=0.2)
    foot = {round(float(b.attrib["y"]) + float(b.attrib["height"]), 1) for b in boxes}
    assert len(foot) == 1
    (dashed,) = (e for e in read(drawing).iter(f"{SVG}line") if "stroke-dasharray" in e.attrib)
    assert float(dashed.attrib["y1"]) == pytest.approx(foot.pop() - heights[0], abs=0.2)
    assert {"0", "1", "2", "3", "u", "f", "dashed: even"} <= set(texts(drawing))


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=1, max_size=12), st.floats(0.01, 100))
def test_any_columns_give_one_well_formed_picture(heights, reference):
    drawing = columns_of(heights, reference=reference)
    width, height = box_of(drawing)
    for rect in read(drawing).iter(f"{SVG}rect"):
        x, y, w, h = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
        assert -0.1 <= x <= x + w <= width + 0.1
        assert -0.1 <= y <= y + h <= height + 0.1


def test_columns_that_cannot_be_drawn_are_refused():
    for heights in ([], [1.0, -0.1]):
        with pytest.raises(UsageError, match="columns from"):
            columns_of(heights)


@pytest.mark.parametrize("chart", [bar_chart, interval_chart])
def test_a_marked_line_stands_where_its_number_says_with_its_name_above_the_rows(chart):
    rows = [Bar("a", 1.0, 0.5, 1.5), Bar("b", 3.0, 2.0, 4.0, strong=True)]
    drawing = chart(rows, title="t", desc="d", unit="u", mark=(3.0, "with the future known"))
    root = read(drawing)
    (line,) = (e for e in root.iter(f"{SVG}line") if "stroke-dasharray" in e.attrib)
    if chart is bar_chart:
        boxes = [b for b in root.iter(f"{SVG}rect") if b.attrib.get("class") != "f-paper"]
        ends = [float(b.attrib["x"]) + float(b.attrib["width"]) for b in boxes]
        assert float(line.attrib["x1"]) == pytest.approx(ends[1], abs=0.2)
    else:
        dots = [float(e.attrib["cx"]) for e in root.iter(f"{SVG}circle")][::2]
        assert float(line.attrib["x1"]) == pytest.approx(dots[1], abs=0.2)
    heights = {e.text: float(e.attrib["y"]) for e in root.iter(f"{SVG}text")}
    said = "dotted: with the future known"
    assert 0 < heights[said] < heights["a"]
    assert min(float(line.attrib[y]) for y in ("y1", "y2")) > heights[said], "no line runs through its name"
    plain = chart(rows, title="t", desc="d", unit="u")
    assert box_of(drawing)[1] == box_of(plain)[1] + 18


def test_a_marked_line_beyond_the_rows_is_still_on_the_axis():
    for chart in (bar_chart, interval_chart):
        said = texts(chart([Bar("a", 1.0)], title="t", desc="d", unit="u", mark=(50.0, "far")))
        assert max(float(t) for t in said if t.isdigit()) >= 50


def test_no_upright_line_runs_through_the_words_above_the_rows():
    """Not even where the two lines are close to each other."""
    rows = [Bar("a", 0.4, -1.0, 1.0)]
    drawing = interval_chart(
        rows, title="t", desc="d", unit="u", reference=0.0, reference_label="same as counting",
        mark=(0.1, "with the future known"),
    )  # fmt: skip
    root = read(drawing)
    heights = {e.text: float(e.attrib["y"]) for e in root.iter(f"{SVG}text")}
    names = [heights["dashed: same as counting"], heights["dotted: with the future known"]]
    assert names[0] - names[1] >= 14, "one beneath the other"
    lines = [e for e in root.iter(f"{SVG}line") if "stroke-dasharray" in e.attrib]
    assert len(lines) == 2
    assert all(min(float(e.attrib["y1"]), float(e.attrib["y2"])) > max(names) for e in lines)


def test_a_long_number_at_the_left_end_keeps_its_minus() -> None:
    drawn = interval_chart([Bar("one", 0.018, -0.004, 0.003)], title="t", desc="d", unit="u", reference=0.0)
    said = {
        str(e.text): float(e.attrib["x"])
        for e in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")
        if e.attrib.get("text-anchor") == "middle"
    }
    ((label, x),) = [(label, x) for label, x in said.items() if label.startswith("\N{MINUS SIGN}")]
    assert x >= 3 * len(label), "half of a text of 12 pixels"
