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


def surface(mean, *, share=None, size=np.inf, common=0.0):
    mean = np.asarray(mean, dtype=float)
    grid = Grid(CRS, 500.0, 0, 0, (1, mean.size), share)
    return Surface(grid, WEEK, mean, size, "count_map", common=common)


def drawn(made, n, *, seed=0):
    """Counts by the model, shape (n, n_cells): Poisson, times a gamma factor a cell, times one for all of them."""
    rng = np.random.default_rng(seed)
    mean = np.tile(made.mean, (n, 1))
    if made.common > 0:
        mean *= rng.gamma(1 / made.common, made.common, (n, 1))
    if np.isfinite(made.size):
        mean *= rng.gamma(made.size, 1 / made.size, mean.shape)
    return rng.poisson(mean)


def exact_cdf(means, size, *, reach):
    """Of a sum of independent negative binomials: its generating function, inverted by a Fourier transform."""
    z = np.exp(-2j * np.pi * np.arange(reach) / reach)
    log_pgf = sum(-size * np.log1p(mean / size * (1 - z)) for mean in means)
    return np.cumsum(np.fft.ifft(np.exp(log_pgf)).real)


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


@pytest.mark.parametrize("common", [-0.1, np.nan, np.inf])
def test_the_common_variance_is_checked(common):
    with pytest.raises(UsageError, match="was given for the common factor"):
        surface([1.0], common=common)


def test_without_a_common_factor_cells_are_independent():
    assert surface([1.0]).common == 0
    assert surface([1.0], size=2.0).cell_size == pytest.approx(2.0)
    assert surface([1.0]).cell_size == np.inf


@pytest.mark.parametrize(("size", "common"), [(np.inf, 0.04), (0.7, 0.0), (0.7, 0.04), (2.0, 0.3)])
def test_cells_and_sums_have_the_variance_of_the_model(size, common):
    made = surface(np.random.default_rng(1).gamma(0.5, 1.0, 40), size=size, common=common)
    counts = drawn(made, 200_000)
    busiest = np.argmax(made.mean)
    assert made.distribution.var()[busiest] == pytest.approx(counts[:, busiest].var(), rel=0.03)
    chosen = made.top(n=8)
    for cells in (None, chosen):
        totals = counts.sum(axis=1) if cells is None else counts[:, cells].sum(axis=1)
        for level in (0.5, 0.9, 0.99):
            low, high = made.total_interval(level, cells=cells)
            held = np.mean((totals >= low) & (totals <= high))
            inside = np.mean((totals > low) & (totals < high))
            assert held >= level - 0.015
            assert inside <= level + 0.015


def test_the_interval_of_one_cell_is_that_cells_interval():
    made = surface([0.3, 4.0, 0.0], size=0.8, common=0.1)
    low, high = made.interval(0.8)
    for i in range(3):
        assert made.total_interval(0.8, cells=np.arange(3) == i) == (low[i], high[i])


def test_a_common_factor_widens_a_total_far_more_than_a_cell():
    mean = np.full(500, 0.2)
    alone, common = surface(mean, size=1.0), surface(mean, size=1.0, common=0.04)
    width = [high - low for low, high in (alone.total_interval(), common.total_interval())]
    # sqrt(100 + 100 ** 2 * 0.04 + ...) over sqrt(100 + ...).
    assert width[1] / width[0] == pytest.approx(np.sqrt((120 + 400 * 1.002) / 120), rel=0.05)
    assert common.cell_size == pytest.approx(1 / (2 * 1.04 - 1))
    assert common.distribution.var()[0] < 1.02 * alone.distribution.var()[0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(1e-4, 30), min_size=1, max_size=20), st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]))
def test_poisson_sums_are_poisson(means, level):
    assert surface(means).total_interval(level) == stats.poisson(np.sum(means)).interval(level)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 20), st.integers(1, 15), st.floats(0.05, 50), st.sampled_from([0.8, 0.95]))
def test_equal_negative_binomials_add_their_sizes(mean, n, size, level):
    low, high = surface(np.full(n, mean), size=size).total_interval(level)
    exact = stats.nbinom(n * size, size / (size + mean))
    tail = (1 - level) / 2
    assert abs(low - exact.ppf(tail)) <= 1
    assert abs(high - exact.ppf(1 - tail)) <= 1
    assert exact.cdf(high) - exact.cdf(low - 1) >= level - 1e-6


@pytest.mark.parametrize("size", [0.3, 0.7, 2.0])
@pytest.mark.parametrize("scale", [0.05, 0.4, 2.0])
def test_unequal_negative_binomials_against_the_exact_sum(size, scale):
    means = np.random.default_rng(1).gamma(0.5, scale, 40)
    cdf = exact_cdf(means, size, reach=2**13)
    low, high = surface(means, size=size).total_interval(0.9)
    held = cdf[high] - (cdf[low - 1] if low else 0.0)
    assert held >= 0.885
    narrower = cdf[high - 1] - cdf[low] if high > low else 0.0
    # Too wide rather than too narrow where a few cells hold most of it.
    assert narrower <= 0.93


def test_nothing_expected_is_nothing():
    assert surface(np.zeros(4), size=2.0, common=0.1).total_interval() == (0, 0)
    assert surface(np.ones(4)).total_interval(cells=np.zeros(4, dtype=bool)) == (0, 0)


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
