from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from peelian.publish.legend import class_names, classes_of, legend, map_breaks
from peelian.publish.palette import CLASSES


def limits(draw_values: list[float]) -> np.ndarray:
    return np.array(sorted(set(draw_values)))


@given(arrays(float, 40, elements=st.floats(0, 1e3)))
def test_classes_rise_with_the_values(values):
    breaks = map_breaks(values)
    classes = classes_of(values, breaks)
    order = np.argsort(values, kind="stable")
    assert np.all(np.diff(classes[order]) >= 0)
    assert classes.min() >= 0
    assert classes.max() <= CLASSES - 1
    assert len(np.unique(classes)) <= breaks.size + 1


def test_few_classes_use_the_whole_range_of_colours():
    assert classes_of(np.array([0.0, 9.0]), np.array([5.0])).tolist() == [0, CLASSES - 1]
    assert classes_of(np.array([1.0, np.nan]), np.array([])).tolist() == [0, -1]


def test_a_value_on_a_limit_belongs_to_the_class_above_as_the_legend_says():
    breaks = np.array([5.0, 10.0])
    assert classes_of(np.array([4.9, 5.0, 9.9, 10.0]), breaks).tolist() == [0, 2, 2, 4]
    assert class_names(breaks, 12.5, whole=False) == ["under 5", "5 to 10", "10 or more"]


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=4, unique=True), st.integers(0, 12_000))
def test_a_whole_number_is_named_by_one_class(breaks, value):
    edges = np.array(sorted(breaks), dtype=float)
    names = class_names(edges, 12_000, whole=True)
    held = []
    for name in names:
        numbers = [
            int(part.replace(",", ""))
            for part in name.replace("under ", "").replace(" or more", "").split(" to ")
        ]
        if name.startswith("under"):
            held.append(value < numbers[0])
        elif name.endswith("or more"):
            held.append(value >= numbers[0])
        else:
            held.append(numbers[0] <= value <= numbers[-1])
    assert sum(held) == 1
    assert held.index(True) == int(np.searchsorted(edges, value, side="right"))


@given(st.lists(st.floats(1e-5, 1e3), min_size=1, max_size=4, unique=True))
def test_limits_in_the_legend_differ(breaks):
    edges = np.unique([float(f"{b:.2g}") for b in breaks])
    names = class_names(edges, 1e3, whole=False)
    assert len(set(names)) == len(names) == edges.size + 1


def test_the_legend_has_the_many_on_top_and_says_what_else_there_is():
    parts, bottom = legend(
        ["under 5", "5 or more"], "Reports", y=22, extra=[('fill="none"', "number not shown")]
    )
    drawn = "".join(parts)
    assert drawn.index("5 or more") < drawn.index("under 5") < drawn.index("number not shown")
    assert bottom > 22 + 3 * 20


def test_long_headings_wrap():
    parts, _ = legend(["a"], "A heading that is much too long for its column", y=0)
    lines = [p for p in parts if "font-weight" in p]
    assert len(lines) >= 2


@pytest.mark.parametrize("values", [[], [np.nan], [0.0, 0.0], [3.0]])
def test_no_spread_no_limits(values):
    assert map_breaks(np.array(values, dtype=float)).size == 0


def test_mostly_zero_still_tells_the_few_apart():
    values = np.zeros(1000)
    values[:20] = np.arange(1, 21)
    breaks = map_breaks(values)
    assert breaks.size >= 1
    assert classes_of(values, breaks)[:20].max() == CLASSES - 1
    assert set(classes_of(values, breaks)[20:]) == {0}
