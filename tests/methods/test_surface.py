from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import DataError, UsageError
from peelian.methods import Surface
from peelian.places import Grid, Period

CRS = "EPSG:26915"
WEEK = Period(np.datetime64("2016-01-04"), np.datetime64("2016-01-11"))


def surface(mean, *, share=None, size=np.inf):
    mean = np.asarray(mean, dtype=float)
    return Surface(Grid(CRS, 500.0, 0, 0, (1, mean.size), share), WEEK, mean, size, "count_map")


def test_means_are_copied_and_read_only():
    mean = np.array([1.0, 2.0])
    made = surface(mean)
    mean[0] = 9
    assert made.mean.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        made.mean[0] = 3


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1])
def test_no_bad_means(bad):
    with pytest.raises(DataError, match="count_map gave 1 cells no number of at least 0"):
        surface([1.0, bad])


def test_shape_and_size_are_checked():
    with pytest.raises(UsageError, match="for 2 cells"):
        Surface(Grid(CRS, 500.0, 0, 0, (1, 2)), WEEK, np.ones(3))
    with pytest.raises(UsageError, match="size of 0"):
        surface([1.0], size=0)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 50.0), st.sampled_from([np.inf, 0.3, 5.0]), st.floats(0.5, 0.99))
def test_interval_covers_at_least_its_level(mean, size, level):
    made = surface([mean], size=size)
    low, high = made.interval(level)
    counts = np.arange(low[0], high[0] + 1)
    held = made.distribution.pmf(counts[:, None]).sum() if mean > 0 else float(0 in counts)
    assert low[0] >= 0
    assert held >= level - 1e-9


def test_distribution_has_the_mean_and_variance():
    made = surface([0.5, 3.0], size=2.0)
    assert made.distribution.mean().tolist() == pytest.approx([0.5, 3.0])
    assert made.distribution.var().tolist() == pytest.approx([0.5 + 0.125, 3.0 + 4.5])
    assert surface([0.5]).distribution.var().tolist() == pytest.approx([0.5])
    with pytest.raises(UsageError, match="level of 1"):
        made.interval(1)
    with pytest.raises(UsageError, match="level of 90"):
        made.total_interval(90)


def test_total_interval_against_simulation():
    made = surface(np.full(200, 0.5), size=1.5)
    low, high = made.total_interval(0.9)
    totals = made.distribution.rvs((4000, 200), random_state=np.random.default_rng(0)).sum(axis=1)
    held = np.mean((totals >= low) & (totals <= high))
    assert 0.88 <= held <= 0.94
    assert stats.poisson(100).interval(0.9)[0] - surface(np.full(200, 0.5)).total_interval(0.9)[0] in (
        -1,
        0,
        1,
    )


def test_order_breaks_ties_by_a_shuffle_that_is_fixed():
    made = surface([1.0, 5.0] + [2.0] * 50)
    order = made.order()
    assert order[0] == 1
    assert order[-1] == 0
    assert sorted(order[1:-1]) == list(range(2, 52))
    assert order[1:-1].tolist() != list(range(2, 52))
    assert order.tolist() == made.order().tolist()
    assert order.tolist() != made.order(seed=1).tolist()


def test_top_by_fraction_area_and_number():
    made = surface([1.0, 4.0, 3.0, 2.0])
    assert made.top(n=2).tolist() == [False, True, True, False]
    assert made.top(fraction=0.5).tolist() == [False, True, True, False]
    assert made.top(fraction=0.74).tolist() == [False, True, True, False]
    assert made.top(area=0.75).tolist() == [False, True, True, True]
    assert made.top(fraction=1.0).all()
    assert made.top(fraction=0.001).tolist() == [False, True, False, False]


def test_top_goes_by_area_where_cells_are_cut():
    made = surface([4.0, 3.0, 2.0], share=np.array([0.5, 1.0, 0.5]))
    assert made.top(fraction=0.75).tolist() == [True, True, False]
    assert made.top(fraction=0.7).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "exactly one"),
        ({"n": 1, "area": 1.0}, "exactly one"),
        ({"fraction": 0.0}, "share of the area above 0"),
        ({"fraction": 1.5}, "share of the area above 0"),
        ({"area": 5.0}, "the study area has 1.00 km2"),
        ({"n": 9}, "9 cells were asked for; the grid has 4"),
    ],
)
def test_top_refuses(given, says):
    with pytest.raises(UsageError, match=says):
        surface([1.0, 4.0, 3.0, 2.0]).top(**given)


def test_frame_and_html():
    made = surface([0.5, 2.0])
    frame = made.frame
    assert frame["rank"].tolist() == [2, 1]
    assert frame["expected"].tolist() == [0.5, 2.0]
    assert frame["cell"].tolist() == ["E0N0", "E1N0"]
    assert (frame["low"] <= frame["expected"]).all()
    assert (frame["high"] >= frame["expected"]).all()
    text = made._repr_html_()
    assert "2.5 reports expected" in text
    assert "E1N0" in text
