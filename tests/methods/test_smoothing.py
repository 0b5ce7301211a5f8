"""Smoothing against sums that are written out, and against what must be kept: mass, places, the order of time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KernelDensity as ExactDensity

from peelian.errors import UsageError
from peelian.methods.checks import example_counts
from peelian.methods.smoothing import (
    EdgeCorrected,
    binned,
    binned_by_period,
    chosen_level,
    decay,
    gaussian_smooth,
    held_out,
    linear_bin,
    narrowed,
    one_step_ahead,
    reports_a_day,
    smooth_points,
)
from peelian.places import Grid, Periods
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


def plain_linear_bin(x, y, *, shape, weight, inside):
    """The same with NumPy alone: four passes of `bincount`."""
    rows, columns = shape
    u, v = np.clip(x, 0, columns - 1), np.clip(y, 0, rows - 1)
    left = np.minimum(u.astype(int), max(columns - 2, 0))
    low = np.minimum(v.astype(int), max(rows - 2, 0))
    u, v = u - left, v - low
    padded = np.zeros((rows + 1, columns + 1), dtype=bool)
    padded[:rows, :columns] = inside
    steps = [(0, 0), (0, 1), (1, 0), (1, 1)]
    parts = [(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u]
    kept = [np.where(padded[low + i, left + j], part, 0.0) for part, (i, j) in zip(parts, steps, strict=True)]
    whole = sum(kept)
    image = np.zeros((rows + 1) * (columns + 1))
    for part, (i, j) in zip(kept, steps, strict=True):
        share = np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
        image += np.bincount(
            (low + i) * (columns + 1) + left + j, weights=weight * share, minlength=image.size
        )
    return image.reshape(rows + 1, columns + 1)[:rows, :columns]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 40), st.integers(0, 10_000))
def test_linear_bin_against_plain_numpy(rows, columns, n, seed):
    rng = np.random.default_rng(seed)
    x, y, weight = rng.uniform(-1, columns, n), rng.uniform(-1, rows, n), rng.random(n)
    inside = rng.random((rows, columns)) < 0.7
    ours = linear_bin(x, y, shape=(rows, columns), weight=weight, inside=inside)
    plain = plain_linear_bin(x, y, shape=(rows, columns), weight=weight, inside=inside)
    assert ours == pytest.approx(plain, abs=1e-12)


def test_linear_bin_refuses_points_without_a_place_and_unlike_weights():
    with pytest.raises(UsageError, match="2 points without a place"):
        linear_bin([1.0, np.nan, 0.0], [1.0, 1.0, np.inf], shape=(3, 3))
    with pytest.raises(UsageError, match=r"weights of shape \(1,\)"):
        linear_bin([1.0, 2.0], [1.0, 1.0], shape=(3, 3), weight=[1.0])


def test_smooth_points_against_scikit_learn():
    rng = np.random.default_rng(5)
    place = rng.normal(15, 4, (3000, 2)).clip(0, 29)
    nodes = np.stack(np.meshgrid(np.arange(30), np.arange(30), indexing="ij"), axis=-1).reshape(-1, 2)
    exact = np.exp(ExactDensity(bandwidth=2.5, rtol=1e-8).fit(place).score_samples(nodes)).reshape(30, 30)
    ours = smooth_points(place[:, 1], place[:, 0], shape=(30, 30), sigma=2.5) / len(place)
    assert np.abs(ours - exact).max() <= 0.001 * exact.max()


@pytest.mark.parametrize("points", [True, False])
def test_periods_binned_apart_are_those_binned_together(points):
    counts = example_counts(points=points)
    weight = np.random.default_rng(1).random(len(counts.periods))
    image, added = binned(counts, weight)
    by_period, same = binned_by_period(counts)
    assert (by_period @ weight).reshape(counts.grid.shape) == pytest.approx(image)
    assert added == same
    assert image.sum() == pytest.approx(weight @ counts.by_period)
    assert (added > 0) == points


def test_each_node_keeps_what_it_has():
    """Edge correction by hand: a kernel over the cells' areas, divided by what of it lies in the area."""
    share = np.ones((6, 7))
    share[:2, :3], share[4, 4] = 0.0, 0.25
    grid = Grid("EPSG:26915", 200.0, 0, 0, (6, 7), share.ravel())
    rng = np.random.default_rng(2)
    image = np.where(share > 0, rng.random((6, 7)), 0.0)
    expected = np.zeros((6, 7))
    v, u = np.indices((6, 7))
    for i in range(6):
        for j in range(7):
            kernel = share * np.exp(-0.5 * ((v - i) ** 2 + (u - j) ** 2) / 1.5**2)
            expected += image[i, j] * kernel / kernel.sum()
    made = EdgeCorrected(grid, 1.5)(image)
    assert grid.image(made, fill=0.0) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert made.sum() == pytest.approx(image.sum())
    assert EdgeCorrected(grid, 0.0)(image) == pytest.approx(image.ravel()[share.ravel() > 0])


def test_what_binning_added_is_taken_off():
    assert narrowed(500.0, cell=250.0, added=0.0) == 2.0
    assert narrowed(500.0, cell=250.0, added=1 / 12) == pytest.approx(np.sqrt(4 - 1 / 12))
    assert narrowed(10.0, cell=250.0, added=1 / 12) == 0.0


def spans(n, frequency="1w"):
    span = Frequency.parse(frequency)
    return Periods(span.edges(np.datetime64("2015-01-01"), n), span)


def test_decay_by_hand():
    assert decay(spans(5), "2w").tolist() == pytest.approx([0.25, 2**-1.5, 0.5, 2**-0.5, 1.0])
    assert decay(spans(3), None).tolist() == [1.0, 1.0, 1.0]
    # A month is as old as its days: 28 + 31 of February and March.
    assert decay(spans(3, "1mo"), "59d").tolist() == pytest.approx([0.5, 2 ** (-31 / 59), 1.0])


def test_reports_a_day_by_hand():
    counts = example_counts(periods=3, events=90)
    totals = counts.by_period
    assert reports_a_day(counts, None) == pytest.approx(90 / 21)
    assert reports_a_day(counts, "1w") == pytest.approx(totals @ [0.25, 0.5, 1.0] / (1.75 * 7))


def one_cell(totals):
    """Counts with the given totals, all in one cell."""
    counts = example_counts(periods=len(totals), events=1, points=False)
    dense = np.zeros((len(counts.grid), len(totals)), dtype=np.int64)
    dense[7] = totals
    return type(counts)(counts.grid, counts.periods, type(counts.matrix)(dense))


def test_a_level_that_jumps_is_followed_closely_and_one_that_stays_is_not():
    rng = np.random.default_rng(3)
    assert chosen_level(one_cell(rng.poisson(np.repeat([20, 120, 30, 150], 52)))) == "8w"
    assert chosen_level(one_cell(np.tile([80, 120], 104))) is None
    assert chosen_level(one_cell([3, 2, 4])) == "26w"
    assert chosen_level(one_cell([0] * 50 + [1])) == "26w"


def test_the_level_is_the_most_likely_of_all_when_written_out():
    totals = np.random.default_rng(8).poisson(60 + 25 * np.sin(np.arange(160) / 9))
    counts = one_cell(totals)
    gained = {}
    for half_life in ("8w", "13w", "26w", "52w", "104w", None):
        expected = np.array([7 * reports_a_day(counts[:t], half_life) for t in range(80, 160)])
        gained[half_life] = float(np.sum(totals[80:] * np.log(expected) - expected))
    assert chosen_level(counts) == max(gained, key=gained.get)


@pytest.mark.parametrize(
    ("n", "frequency", "runs", "first"),
    [(260, "1w", 52, 208), (60, "1w", 30, 30), (7, "1w", 0, 7), (1000, "1d", 52, 636), (36, "1mo", 18, 18)],
)
def test_what_is_held_out(n, frequency, runs, first):
    found = held_out(spans(n, frequency))
    assert len(found) == runs
    if runs:
        assert found[0][0] == first
        assert found[-1][1] == n
        assert all(a[1] == b[0] for a, b in pairwise(found))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 900), st.integers(1, 60), st.sampled_from(["1d", "1w", "1mo"]))
def test_held_out_runs_are_the_last_half_at_most(n, most, frequency):
    found = held_out(spans(n, frequency), most=most)
    assert len(found) <= most
    edges = [i for i, _ in found] + [n]
    assert all(i < j for i, j in found)
    assert [j for _, j in found] == edges[1:]
    assert edges[0] >= n // 2


@pytest.mark.parametrize("points", [True, False])
def test_one_step_ahead_is_what_each_map_would_have_said(points):
    """Against maps that are made anew for each run and half-life."""
    counts = example_counts(periods=40, points=points)
    bandwidths, half_lives = [0.0, 200.0, 600.0], ["4w", None]
    ahead = one_step_ahead(counts, bandwidths=bandwidths, half_lives=half_lives)
    rows, grid = [], counts.grid
    for t in range(20, 40):
        maps = np.zeros((len(grid), 3, 2))
        for h, half_life in enumerate(half_lives):
            weight = decay(counts[:t].periods, half_life)
            image, added = binned(counts[:t], weight)
            maps[:, 0, h] = counts[:t].matrix @ weight
            for s in (1, 2):
                sigma = narrowed(bandwidths[s], cell=grid.cell, added=added)
                maps[:, s, h] = EdgeCorrected(grid, sigma)(image)
        seen = np.flatnonzero(counts.column(t))
        rows.append((maps / maps.sum(axis=0))[seen])
    assert ahead.density == pytest.approx(np.concatenate(rows), rel=1e-9, abs=1e-15)
    assert ahead.observed.sum() == counts.by_period[20:].sum()
    assert ahead.even == pytest.approx(1 / 120)


def test_nothing_is_held_out_of_a_short_past():
    ahead = one_step_ahead(example_counts(periods=5), bandwidths=[0.0, 100.0], half_lives=[None])
    assert ahead.density.shape == (0, 2, 1)
    assert ahead.observed.size == ahead.even.size == 0
