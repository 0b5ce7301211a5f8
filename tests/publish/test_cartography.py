from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.places import Grid
from peelian.publish.cartography import (
    BADGE,
    Frame,
    badge_spots,
    highlights,
    outlines,
    round_length,
    runs_of,
    scale_bar,
)


@given(
    st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(10, 1e5), st.floats(10, 1e5), st.floats(400, 2000)
)
def test_the_frame_holds_its_bounds_north_up_and_true_to_shape(xmin, ymin, w, h, width):
    frame = Frame.around((xmin, ymin, xmin + w, ymin + h), width=width)
    x, y = frame.x(np.array([xmin, xmin + w])), frame.y(np.array([ymin, ymin + h]))
    assert 0 <= x[0] < x[1] <= width + 1e-6
    assert 0 <= y[1] < y[0] <= frame.height + 1e-6
    assert (x[1] - x[0]) / (y[0] - y[1]) == pytest.approx(w / h, rel=1e-3)


@given(
    st.lists(st.lists(st.integers(-1, 2), min_size=4, max_size=4), min_size=1, max_size=6), st.integers(0, 2)
)
def test_runs_cover_the_cells_of_a_class_and_no_others(rows, wanted):
    image = np.array(rows)
    drawn = np.zeros(image.shape, dtype=int)
    for a, row, n, back in re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", runs_of(image, wanted)):
        assert n == back
        drawn[image.shape[0] - 1 - int(row), int(a) : int(a) + int(n)] += 1
    assert np.array_equal(drawn, (image == wanted).astype(int))


@given(st.floats(1e-4, 1e6))
def test_round_lengths(limit):
    length = round_length(limit)
    assert length <= limit * (1 + 1e-9)
    assert length >= limit / 2.5
    assert f"{length:.0e}"[0] in "125"


def test_the_scale_bar_says_both_units_and_north():
    drawn = "".join(scale_bar(10, 300, 0.05, 90))
    assert ">1 km<" in drawn
    assert ">1 mi<" in drawn
    assert ">N<" in drawn


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=25, unique=True))
def test_badges_cover_no_badge_and_no_chosen_cell(cells):
    side = 8.0
    cx, cy = np.array([60 + side * a for a, _ in cells]), np.array([60 + side * b for _, b in cells])
    spots = [s for s in badge_spots(cx, cy, side, (400, 400)) if s is not None]
    assert spots
    for i, (x, y) in enumerate(spots):
        assert BADGE <= x <= 400 - BADGE
        assert BADGE <= y <= 400 - BADGE
        assert all(np.hypot(x - a, y - b) >= 2 * BADGE for a, b in spots[:i])
        gap = np.maximum(np.abs(cx - x), np.abs(cy - y)) - side / 2
        assert gap.min() >= BADGE


def test_a_lone_cell_has_its_badge_close_by():
    (spot,) = badge_spots(np.array([100.0]), np.array([100.0]), 8.0, (400, 400))
    assert np.hypot(spot[0] - 100, spot[1] - 100) < 20


def test_no_plan_draws_nothing():
    grid = Grid.covering((738_001, 4_278_001, 739_000, 4_279_000), crs="EPSG:26915", cell=250.0)
    frame = Frame.around(grid.bounds(), width=640)
    assert highlights(grid, [], frame, (640, 400)) == []


def test_neighbours_share_their_border_after_simplifying(town):
    areas = town["areas"]
    frame = Frame.around(areas.frame.total_bounds, width=640)
    rings = []
    for d in outlines(areas, frame, "EPSG:26915"):
        numbers = np.array([float(v) for v in re.findall(r"-?[\d.]+", d)]).reshape(-1, 2).cumsum(axis=0)
        rings.append({tuple(np.round(p, 1)) for p in numbers})
    assert all(len(ring) == 4 for ring in rings)
    assert len(rings[0] & rings[1]) == 2
    assert len(rings[0] & rings[3]) == 1
