"""Kernels against sums that are written out, and against what must be kept: mass, order of time, edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from peelian.errors import UsageError
from peelian.methods import CountMap, DecayedKernelDensity, KernelDensity
from peelian.methods.checks import example_counts
from peelian.methods.smoothing import gaussian_smooth, linear_bin, smooth_points
from peelian.places import Counts, Grid, Periods
from peelian.places.counts import Points
from peelian.units import Frequency


def exact_sum(x, y, *, shape, sigma, weight=None):
    """The kernel sum, term by term."""
    weight = np.ones(len(x)) if weight is None else weight
    rows, columns = shape
    down = np.exp(-0.5 * ((np.arange(rows)[:, None] - y) / sigma) ** 2)
    across = np.exp(-0.5 * ((np.arange(columns)[:, None] - x) / sigma) ** 2)
    return (down * weight) @ across.T / (2 * np.pi * sigma**2)


@pytest.mark.parametrize("sigma", [2.0, 4.0, 10.0])
def test_within_a_tenth_of_a_percent_of_the_exact_sum(sigma):
    rng = np.random.default_rng(3)
    n, shape = 20_000, (80, 100)
    x = np.concatenate([rng.normal(30, 6, n // 2), rng.uniform(0, 99, n // 2)]).clip(0, 99)
    y = np.concatenate([rng.normal(50, 9, n // 2), rng.uniform(0, 79, n // 2)]).clip(0, 79)
    weight = rng.random(n)
    exact = exact_sum(x, y, shape=shape, sigma=sigma, weight=weight)
    ours = smooth_points(x, y, shape=shape, sigma=sigma, weight=weight)
    assert np.abs(ours - exact).max() <= 0.001 * exact.max()


def test_one_point_between_nodes_is_within_a_fifth_of_a_percent():
    for u, v in ((20.5, 20.5), (20.0, 20.0), (20.3, 20.9)):
        exact = exact_sum([u], [v], shape=(40, 40), sigma=10.0)
        ours = smooth_points([u], [v], shape=(40, 40), sigma=10.0)
        assert np.abs(ours - exact).max() <= 0.002 * exact.max()


def test_linear_bin_by_hand():
    image = linear_bin([1.25], [0.5], shape=(3, 4))
    expected = np.zeros((3, 4))
    expected[0, 1] = expected[1, 1] = 0.375
    expected[0, 2] = expected[1, 2] = 0.125
    assert image == pytest.approx(expected)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 6),
    st.lists(st.tuples(st.floats(-1, 7), st.floats(-1, 7), st.floats(0, 5)), max_size=20),
    st.booleans(),
)
def test_linear_bin_keeps_the_weights(rows, columns, points, weighted):
    x, y, w = np.array(points, dtype=float).reshape(-1, 3).T
    image = linear_bin(x, y, shape=(rows, columns), weight=w if weighted else None)
    assert image.shape == (rows, columns)
    assert image.sum() == pytest.approx(w.sum() if weighted else len(points), abs=1e-9)
    assert image.min() >= 0


def test_linear_bin_keeps_the_mean_place():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 8, 50), rng.uniform(0, 5, 50)
    image = linear_bin(x, y, shape=(6, 9))
    assert (image.sum(axis=0) @ np.arange(9)) == pytest.approx(x.sum())
    assert (image.sum(axis=1) @ np.arange(6)) == pytest.approx(y.sum())


def test_linear_bin_gives_only_to_nodes_inside():
    inside = np.array([[True, False], [True, True]])
    image = linear_bin([0.25, 1.0], [0.0, 0.0], shape=(2, 2), inside=inside)
    assert image.tolist() == [[1.0, 0.0], [0.0, 0.0]]
    image = linear_bin([0.5], [0.5], shape=(2, 2), inside=inside, weight=[3.0])
    assert image.ravel().tolist() == pytest.approx([1.0, 0.0, 1.0, 1.0])


def test_linear_bin_refuses_unlike_lengths():
    with pytest.raises(UsageError, match=r"x of shape \(2,\) and y of shape \(1,\)"):
        linear_bin([1.0, 2.0], [1.0], shape=(3, 3))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 15), st.integers(1, 15), st.floats(1.0, 12.0), st.integers(0, 10_000))
def test_smoothing_is_the_sum_over_nodes(rows, columns, sigma, seed):
    image = np.random.default_rng(seed).random((rows, columns))
    v, u = np.indices((rows, columns))
    exact = exact_sum(u.ravel(), v.ravel(), shape=(rows, columns), sigma=sigma, weight=image.ravel())
    assert gaussian_smooth(image, sigma=sigma) == pytest.approx(exact, rel=1e-6, abs=1e-9)


def test_smoothing_by_nothing_changes_nothing():
    image = np.random.default_rng(0).random((5, 7))
    assert gaussian_smooth(image, sigma=0.0) == pytest.approx(image)
    assert gaussian_smooth(image, sigma=1e-9) == pytest.approx(image)


def test_nothing_comes_round_the_edges():
    image = np.zeros((40, 40))
    image[0, 0] = 1.0
    assert gaussian_smooth(image, sigma=2.0)[-1, -1] < 1e-12


def test_a_small_kernel_sums_to_one():
    image = np.zeros((21, 21))
    image[10, 10] = 1.0
    for sigma in (0.2, 0.6, 1.0, 1.5):
        assert gaussian_smooth(image, sigma=sigma).sum() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("sigma", [-1.0, float("nan"), float("inf")])
def test_smoothing_refuses(sigma):
    with pytest.raises(UsageError, match="expected 0 or more"):
        gaussian_smooth(np.ones((2, 2)), sigma=sigma)


def shaped(points_at, *, share=None, shape=(9, 9), weeks=1, with_points=True):
    """Counts of points at (u, v) in cells, u from the west and v from the south."""
    grid = Grid("EPSG:26915", 250.0, 0, 0, shape, share)
    span = Frequency.parse("1w")
    periods = Periods(span.edges(np.datetime64("2015-01-05"), weeks), span)
    u, v, week = np.array(points_at, dtype=float).reshape(-1, 3).T
    moments = periods.start.astype("datetime64[s]") + (week * 7 * 86400).astype("timedelta64[s]")
    points = Points(u * 250.0, v * 250.0, moments)
    cells = grid.locate(points.x, points.y)
    matrix = sparse.coo_array(
        (np.ones(cells.size, dtype=np.int64), (cells, periods.locate(moments))), shape=(len(grid), weeks)
    ).tocsc()
    return Counts(grid, periods, matrix, points if with_points else None)


def forecast(method, counts):
    return method.fit(counts).predict(counts.periods.following()[0]).mean


def test_expected_reports_are_the_kernel_over_each_cell():
    """Against the normal distribution's integral over the cells, the edge correction done by hand."""
    counts = shaped([(4.3, 4.8, 0.5)])
    mean = forecast(KernelDensity(bandwidth=500.0, background=0.0), counts).reshape(9, 9)
    edges = np.arange(10.0)
    across, up = (np.diff(stats.norm(at, 2.0).cdf(edges)) for at in (4.3, 4.8))
    exact = np.outer(up, across) / (up.sum() * across.sum())
    assert np.abs(mean - exact).max() <= 0.02 * exact.max()
    assert mean.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("with_points", [True, False])
def test_each_report_stays_in_the_study_area(with_points):
    share = np.ones((9, 9))
    share[:, 5:] = 0.0
    share[3, 4] = 0.4
    for place in ((0.2, 0.2), (4.9, 3.5), (4.99, 8.9)):
        counts = shaped([(*place, 0.5)] * 3, share=share.ravel(), with_points=with_points)
        mean = forecast(KernelDensity(bandwidth=700.0, background=0.0), counts)
        assert mean.sum() == pytest.approx(3.0)


def test_without_correction_the_border_would_lose():
    counts = shaped([(0.5, 0.5, 0.5)])
    mean = counts.grid.image(forecast(KernelDensity(bandwidth=500.0, background=0.0), counts))
    plain = gaussian_smooth(counts.grid.image(counts.by_cell), sigma=2.0)
    assert plain.sum() < 0.5
    assert mean == pytest.approx(plain / plain.sum(), rel=0.05, abs=0.002)


def test_cut_cells_get_by_their_area():
    share = np.ones((9, 9))
    share[4, 5] = 0.5
    counts = shaped([(4.5, 4.5, 0.5)], share=share.ravel())
    image = counts.grid.image(forecast(KernelDensity(bandwidth=500.0, background=0.0), counts))
    assert image[4, 5] == pytest.approx(0.5 * image[4, 3], rel=0.1)


def test_a_narrow_kernel_is_the_count_map():
    counts = example_counts(points=False)
    assert forecast(KernelDensity(bandwidth=1.0), counts) == pytest.approx(
        forecast(CountMap(background=0.01), counts)
    )


def test_a_wide_kernel_is_flat():
    mean = forecast(KernelDensity(bandwidth="100 km"), example_counts())
    assert mean == pytest.approx(np.full(mean.size, mean.mean()), rel=1e-3)


def test_points_and_cells_tell_nearly_the_same():
    near, far = (forecast(KernelDensity(bandwidth=500), example_counts(points=p)) for p in (True, False))
    assert np.corrcoef(near, far)[0, 1] > 0.99


def test_where_in_the_cell_matters_only_with_points():
    west, east = (shaped([(u, 4.5, 0.5)]) for u in (4.05, 4.95))
    method = KernelDensity(bandwidth=250.0)
    assert np.abs(forecast(method, west) - forecast(method, east)).max() > 0.05
    cells = [forecast(method, replace(counts, points=None)) for counts in (west, east)]
    assert np.array_equal(*cells)


def test_only_the_window_counts():
    counts = shaped([(1.5, 1.5, 0.5), (7.5, 7.5, 59.5)], weeks=60)
    mean = forecast(KernelDensity(bandwidth=250.0), counts)
    assert mean.sum() == pytest.approx(1 / 52)
    assert counts.grid.image(mean)[1, 1] < 0.01 * counts.grid.image(mean)[7, 7]


@pytest.mark.parametrize("with_points", [True, False])
def test_decay_by_hand(with_points):
    """One report four weeks before the last: at a half-life of two weeks it weighs a quarter of a last one."""
    counts = shaped([(1.5, 1.5, 0.5), (7.5, 7.5, 4.5)], weeks=5, with_points=with_points)
    method = DecayedKernelDensity(bandwidth=20.0, half_life="2w", background=0.0)
    image = counts.grid.image(forecast(method, counts))
    weights = 0.5 ** (np.arange(5)[::-1] / 2)
    assert image[1, 1] == pytest.approx(0.25 / weights.sum())
    assert image[7, 7] == pytest.approx(1.0 / weights.sum())


def test_a_long_half_life_is_no_decay():
    counts = example_counts()
    plain = forecast(KernelDensity(window=None), counts)
    assert forecast(DecayedKernelDensity(half_life="9999w"), counts) == pytest.approx(plain, rel=0.02)


def test_bad_bandwidth_and_half_life():
    with pytest.raises(UsageError, match="'-3' was given as a length"):
        KernelDensity(bandwidth=-3).fit(example_counts())
    with pytest.raises(UsageError, match="'soon' was given as a time span"):
        DecayedKernelDensity(half_life="soon").fit(example_counts())
