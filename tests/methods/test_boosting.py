"""Kernels against sums that are made one by one, the walk through the past against each end by itself, and sampling."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, optimize, sparse

from peelian.errors import UsageError
from peelian.methods.boosting import calendar, kernels, rows
from peelian.methods.boosting.kernels import Kernels, Spread
from peelian.methods.smoothing import decay
from peelian.places import Counts, Grid, Period, Periods, Points
from peelian.units import Frequency


def weekly(values, *, companions=None, side=None, frequency="1w", start="2012-01-02"):
    """Counts of an array of shape (n_cells, n_periods) on a square grid."""
    side = side or round(len(values) ** 0.5)
    grid = Grid("EPSG:26915", 250.0, 2900, 17100, (side, len(values) // side))
    every = Frequency.parse(frequency)
    periods = Periods(every.edges(np.datetime64(start), values.shape[1]), every)
    others = {name: sparse.csc_array(other) for name, other in (companions or {}).items()}
    return Counts(grid, periods, sparse.csc_array(values), companions=others)


def world(seed, *, side, weeks, reports=60.0, gamma=1.2):
    """Counts about rates that last: a smooth field times each cell's own factor."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=(side, side)), 3.0, mode="wrap").ravel()
    rate = np.exp(0.9 * field / field.std()) * rng.gamma(gamma, 1 / gamma, side * side)
    rate *= reports / rate.sum()
    return rng.poisson(rate[:, None], (rate.size, weeks))


def one_by_one(grid, image, sigma):
    """Sums over all pairs of cells, relative to the area within reach."""
    up, across = grid.rows[:, None] - grid.rows[None], grid.columns[:, None] - grid.columns[None]
    kernel = np.exp(-0.5 * (up / sigma[0]) ** 2 - 0.5 * (across / sigma[1]) ** 2)
    kernel *= (abs(up) <= np.ceil(4 * sigma[0])) & (abs(across) <= np.ceil(4 * sigma[1]))
    share = grid.area / (grid.cell / 1000.0) ** 2
    return share * (kernel @ image) / (kernel @ share)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_smoothing_is_the_sum_over_all_pairs(data):
    rows_, columns = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    grid = Grid("EPSG:26915", 250.0, 2900, 17100, (rows_, columns))
    image = np.array(
        data.draw(st.lists(st.integers(0, 9), min_size=rows_ * columns, max_size=rows_ * columns)),
        dtype=float,
    )
    sigmas = [(1.0, 1.0), (0.4, 4.0), (8.0, 8.0)]
    made = Spread(grid, sigmas)(np.array([image, 2 * image], dtype=np.float32))
    for smooth, sigma in zip(made, sigmas, strict=True):
        np.testing.assert_allclose(smooth[0], one_by_one(grid, image, sigma), rtol=2e-3, atol=2e-4)
        np.testing.assert_allclose(smooth[1], 2 * smooth[0], rtol=1e-4, atol=1e-5)


def test_an_even_image_stays_even_up_to_the_border():
    grid = Grid("EPSG:26915", 250.0, 2900, 17100, (12, 7))
    made = Spread(grid, [(3.0, 3.0), (0.5, 6.0)])(np.ones((1, 84), dtype=np.float32))
    np.testing.assert_allclose(made, 1.0, rtol=1e-5)
    assert Spread(grid, [])(np.ones((2, 84), dtype=np.float32)).shape == (0, 2, 84)


@pytest.mark.parametrize("others", [1, 5])
def test_walking_gives_what_each_end_gives_by_itself(others):
    values = world(1, side=12, weeks=40)
    counts = weekly(values, companions={str(k): np.roll(values, k, axis=0) for k in range(1, others + 1)})
    walked = Kernels(counts, ("4w", None), (0.0, 1.0, 2.0))
    blocks = [(10, 11), (11, 12), (12, 13), (13, 14)]
    for (i, _), density in zip(blocks, walked.walk(blocks), strict=True):
        alone = Kernels(counts[:i], ("4w", None), (0.0, 1.0, 2.0)).density()
        np.testing.assert_allclose(density, alone, rtol=2e-3, atol=2e-4)
    own = 2 * (3 + len(kernels.CORRIDORS))
    looked = len(kernels.FEW_SCALES) * len(kernels.FEW_HALF_LIVES)
    if others > kernels.FEW:
        looked = len(kernels.OTHERS_SCALES) * len(kernels.OTHERS_HALF_LIVES)
    assert len(walked.names) == len(walked.kinds) == len(alone) == own + others * looked
    assert len(set(walked.names)) == len(walked.names)


def test_densities_are_decayed_counts_smoothed_and_kept_inside():
    values = world(2, side=15, weeks=30)
    counts = weekly(values)
    here, near, *corridors = Kernels(counts, ("8w",), (0.0, 1.5)).density()
    by_hand = values @ decay(counts.periods, "8w")
    np.testing.assert_allclose(here, by_hand / by_hand.mean(), rtol=1e-4)
    smooth = one_by_one(counts.grid, by_hand, (1.5, 1.5))
    np.testing.assert_allclose(near, smooth / smooth.mean(), rtol=2e-3, atol=1e-4)
    for density in (here, near, *corridors):
        assert density.mean() == pytest.approx(1, rel=1e-4)


def test_nothing_reported_is_an_even_density():
    values = np.zeros((36, 10), dtype=np.int64)
    values[3, 2] = 1
    counts = weekly(values, companions={"never": np.zeros_like(values)})
    made = Kernels(counts, ("8w",), (0.0, 1.0))
    others = [k for k, kind in enumerate(made.kinds) if kind == "others"]
    np.testing.assert_array_equal(made.density()[others], 1.0)


def test_a_street_is_smoothed_along_it():
    values = np.zeros((21 * 21, 4), dtype=np.int64)
    values[10 * 21 + 10] = 1
    made = Kernels(weekly(values), (None,), (0.0,))
    _, across, up, *_ = (d.reshape(21, 21) for d in made.density())
    assert across[10, 13] > 10 * across[13, 10]
    np.testing.assert_allclose(across, up.T, atol=1e-4)


def test_exact_places_say_on_which_side_of_a_cell_it_was():
    values = np.zeros((81, 3), dtype=np.int64)
    values[4 * 9 + 4, 1] = 1
    counts = weekly(values)
    grid = counts.grid
    x, y = ((grid.ix0 + 4.9) * grid.side, (grid.iy0 + 4.5) * grid.side)
    points = Points(np.array([x]), np.array([y]), np.array(["2012-01-10T00:00:00"], dtype="datetime64[s]"))
    near = Kernels(replace(counts, points=points), (None,), (0.0, 1.0)).density()[1].reshape(9, 9)
    assert near[4, 5] > 1.2 * near[4, 3]
    assert near[5, 4] == pytest.approx(near[3, 4], rel=1e-4)
    alike = Kernels(counts, (None,), (0.0, 1.0)).density()[1].reshape(9, 9)
    assert alike[4, 5] == pytest.approx(alike[4, 3], rel=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 400), st.sampled_from(["1d", "1w", "1mo"]), st.sampled_from([None, "1y", "3y"]))
def test_blocks_are_adjacent_and_end_with_the_past(n, frequency, window):
    every = Frequency.parse(frequency)
    periods = Periods(every.edges(np.datetime64("2012-01-01"), n), every)
    blocks = rows.blocks_of(periods, window)
    assert len(blocks) <= rows.BLOCKS
    if blocks:
        assert blocks[-1][1] == n
        assert blocks[0][0] >= 1
        assert all(j - i == blocks[0][1] - blocks[0][0] > 0 for i, j in blocks)
        assert all(a[1] == b[0] for a, b in pairwise(blocks))


def test_sampling_keeps_the_sums_of_all_cells(monkeypatch):
    values = world(7, side=30, weeks=60)
    counts = weekly(values)
    monkeypatch.setattr(rows, "ROWS", 5000)
    monkeypatch.setattr(rows, "REPORTED_ROWS", 800)
    monkeypatch.setattr(rows, "MEMORY", "9999w")
    known = Kernels(counts, (None,), (0.0, 2.0))
    found = [rows.sampled(counts, known, window=None, seed=seed) for seed in range(8)]
    blocks = rows.blocks_of(counts.periods, None)
    first = blocks[0][0]
    cells = np.mean([r.weight.sum() for r in found])
    reports = np.mean([np.sum(r.weight * r.observed) for r in found])
    expected = np.mean([np.sum(r.weight * r.exposure) for r in found])
    assert len(found[0].weight) < 0.4 * 900 * len(blocks)
    assert cells == pytest.approx(900 * len(blocks), rel=0.03)
    assert reports == pytest.approx(values[:, first:].sum(), rel=0.03)
    assert expected == pytest.approx(values[:, first:].sum(), rel=0.03)


def test_weights_are_the_likeliest_mixture():
    rng = np.random.default_rng(0)
    n = 4000
    density = rng.gamma(1.0, 1.0, (n, 3)).astype(np.float32)
    observed = (rng.random(n) < (0.5 * density[:, 0] + 0.3 * density[:, 1] + 0.2) / 6).astype(float)
    made = rows.Rows(density, observed, np.ones(n), np.ones(n), np.zeros(n, np.int64), np.zeros(n))
    seen = np.column_stack([density, np.ones(n)])[observed > 0]
    weights = rows.mixing_weights(made, np.full(4, 0.25))
    best = optimize.minimize(
        lambda w: -np.log(seen @ (np.abs(w) / np.abs(w).sum())).sum(), np.full(4, 0.25), method="Nelder-Mead"
    )
    assert np.log(seen @ weights).sum() >= -best.fun - 2  # the prior counts for 20 reports
    assert weights.sum() == pytest.approx(1)
    none = replace(made, observed=np.zeros(n))
    np.testing.assert_allclose(
        rows.mixing_weights(none, np.array([0.5, 0.2, 0.2, 0.1])), [0.5, 0.2, 0.2, 0.1]
    )


def test_holidays_of_a_country():
    assert calendar.holidays_in(Period("2015-07-04", "2015-07-05"), "US") == 1
    assert calendar.holidays_in(Period("2015-12-25", "2015-12-27"), "US") == 0.5
    assert calendar.holidays_in(Period("2015-07-01", "2015-07-05"), None) == 0
    with pytest.raises(UsageError, match="no public holidays"):
        calendar.holidays_in(Period("2015-07-04", "2015-07-05"), "Atlantis")


def test_a_year_comes_round():
    day = calendar.middle_of(Period("2015-07-01", "2015-07-03"))
    assert day == (np.datetime64("2015-07-02") - np.datetime64("1970-01-01")).astype(int)
    angle = calendar.angle_of(np.array([day, day + calendar.YEAR]))
    np.testing.assert_allclose(np.sin(angle[0]), np.sin(angle[1]), atol=1e-9)


def test_season_is_told_from_two_years_and_not_from_the_trend():
    rng = np.random.default_rng(4)
    weeks = np.arange(5 * 52)
    angle = calendar.angle_of(np.datetime64("2012-01-02").astype(int) + 3.5 + 7.0 * weeks)
    total = 200 * np.exp(0.3 * np.cos(angle)) * np.linspace(2, 1, weeks.size)
    counts = weekly(rng.poisson(total / 16, (16, weeks.size)))
    found = calendar.season_of(counts, None)
    assert found[1] == pytest.approx(0.3, abs=0.04)
    assert np.abs(found[[0, 2, 3]]).max() < 0.06
    assert found[4] == 0
    assert calendar.season_of(counts[:80], None).size == 0
