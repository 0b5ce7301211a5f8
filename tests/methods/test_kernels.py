"""Kernels against sums that are written out, and against what must be kept: mass, order of time, edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn.base import clone

from peelian.errors import UsageError
from peelian.methods import CountMap, DecayedKernelDensity, KernelDensity
from peelian.methods.checks import example_counts
from peelian.methods.smoothing import gaussian_smooth
from peelian.places import Counts, Grid, Periods
from peelian.places.counts import Points
from peelian.units import Frequency


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
    """The method's own means, before past forecasts change them."""
    made = clone(method)
    made._tune(counts)
    made._update(counts)
    return made._mean(counts.periods.following()[0])


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
