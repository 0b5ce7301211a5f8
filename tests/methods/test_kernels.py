"""Kernels against sums that are written out, and against what must be kept: mass, order of time, edges."""

from __future__ import annotations

from dataclasses import replace

import geopandas
import numpy as np
import pytest
from scipy import sparse, stats
from sklearn.base import clone

from peelian.demo_data import stlouis_areas, stlouis_incidents
from peelian.errors import UsageError
from peelian.methods.base import rolled
from peelian.methods.checks import example_counts
from peelian.methods.counts import CountMap
from peelian.methods.kernels import (
    AdaptiveKernelDensity,
    DecayedKernelDensity,
    KernelDensity,
    bandwidths_for,
)
from peelian.methods.smoothing import gaussian_smooth
from peelian.places import Counts, Grid, Periods, count_incidents
from peelian.places.counts import Points
from peelian.records import read_incidents
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


def test_bandwidths_that_are_tried():
    for cell, first, last in ((250.0, 125.0, 1414.2), (76.2, 38.1, 1219.2), (1000.0, 500.0, 5656.9)):
        tried = bandwidths_for(Grid("EPSG:26915", cell, 0, 0, (3, 3)))
        assert (tried[0], tried[-1]) == (first, last)
        assert np.diff(np.log2(tried)) == pytest.approx(0.5, abs=0.01)


def clustered(width, *, n=4000, seed=0, weeks=120):
    """Reports about thirty places, by a Gaussian of `width` cells, on 24 x 24 cells of 250 m."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(3, 21, (30, 2))
    u, v = rng.normal(centre[rng.integers(0, 30, n)], width).T % 24
    return shaped(np.column_stack([u, v, np.sort(rng.uniform(0, weeks, n))]), shape=(24, 24), weeks=weeks)


def tuned(method, counts):
    made = clone(method)
    made._tune(counts)
    return made


def test_the_bandwidth_grows_with_the_spread_of_reports():
    chosen = [tuned(KernelDensity(), clustered(width)).bandwidth_ for width in (0.3, 2.0, 6.0)]
    assert chosen[0] < chosen[1] < chosen[2]
    assert tuned(KernelDensity(), clustered(0.3)).chosen() == {"bandwidth": chosen[0]}


@pytest.mark.parametrize("kind", [KernelDensity, AdaptiveKernelDensity])
def test_the_bandwidth_is_the_likeliest_when_written_out(kind):
    counts = clustered(0.8, n=1500, weeks=60)
    scores = {}
    for bandwidth in bandwidths_for(counts.grid):
        method = tuned(kind(bandwidth=bandwidth, background=0.01), counts)
        score = 0.0
        for first in [*range(30, 60, 3)]:
            method._update(counts[:first])
            score += counts[first : first + 3].by_cell @ np.log(method.rate_ / method.rate_.sum())
        scores[bandwidth] = score
    # 30 weeks in 10 runs of 3.
    assert tuned(kind(), counts).bandwidth_ == max(scores, key=scores.get)


def test_bandwidth_and_half_life_are_the_likeliest_when_written_out():
    counts = clustered(0.8, n=1500, weeks=60)
    scores = {}
    for bandwidth in (125.0, 176.8, 250.0, 353.6, 500.0):
        for half_life in ("8w", "26w", "52w", "104w", "9999w"):
            method = tuned(DecayedKernelDensity(bandwidth=bandwidth, half_life=half_life), counts)
            score = 0.0
            for t in range(30, 60):
                method._update(counts[:t])
                score += counts.column(t) @ np.log(method.rate_ / method.rate_.sum())
            scores[bandwidth, None if half_life == "9999w" else half_life] = score
    method = tuned(DecayedKernelDensity(), counts)
    assert (method.bandwidth_, method.half_life_) == max(scores, key=scores.get)
    fixed = tuned(DecayedKernelDensity(half_life="8w"), counts)
    assert fixed.bandwidth_ == max((b for b, h in scores if h == "8w"), key=lambda b: scores[b, "8w"])
    assert (fixed.half_life_, fixed.level_) == ("8w", "8w")
    assert method.chosen() == {
        "bandwidth": method.bandwidth_,
        "half_life": method.half_life_,
        "level": method.level_,
    }


def test_too_little_to_choose_by_keeps_the_defaults():
    few = example_counts(periods=4)
    assert tuned(KernelDensity(), few).bandwidth_ == 150.0
    assert tuned(AdaptiveKernelDensity(), few).bandwidth_ == 150.0
    method = tuned(DecayedKernelDensity(), few)
    assert (method.bandwidth_, method.half_life_, method.level_) == (150.0, "26w", "26w")
    assert tuned(KernelDensity(bandwidth="500 ft"), few).bandwidth_ == pytest.approx(152.4)


def test_on_a_vast_grid_nothing_is_chosen_and_nothing_breaks():
    counts = shaped(
        [(10.5, 2000.5, w + 0.5) for w in range(60)], shape=(4000, 600), weeks=60, with_points=False
    )
    assert tuned(KernelDensity(), counts).bandwidth_ == 150.0
    assert tuned(DecayedKernelDensity(), counts).half_life_ == "26w"


def test_adaptive_against_the_sum_with_each_reports_own_bandwidth():
    """Abramson's square root law written out, on a wide grid where no edge matters."""
    rng = np.random.default_rng(6)
    u = np.concatenate([rng.normal(30, 1.5, 600), rng.normal(38, 5, 300)])
    v = np.concatenate([rng.normal(30, 1.5, 600), rng.normal(34, 5, 300)])
    counts = shaped(np.column_stack([u, v, np.full(900, 0.5)]), shape=(64, 64))
    ours = counts.grid.image(forecast(AdaptiveKernelDensity(bandwidth=500.0, background=0.0), counts))
    at = np.arange(64) + 0.5

    def kernel(x, y, sigma):
        across, up = (np.exp(-0.5 * ((at[:, None] - p) / sigma) ** 2) for p in (x, y))
        return (up / sigma**2) @ across.T / (2 * np.pi)

    def at_reports(image):
        return image[v.astype(int), u.astype(int)]

    pilot = at_reports(kernel(u, v, np.full(900, 2.0)))
    sigma = 2.0 * np.clip(np.sqrt(np.exp(np.log(pilot).mean()) / pilot), 0.25, 4)
    exact = kernel(u, v, sigma)
    fixed = kernel(u, v, np.full(900, 2.0))
    assert np.abs(ours - exact).max() <= 0.03 * exact.max()
    # The fixed kernel is far from it.
    assert np.abs(fixed - exact).max() > 0.2 * exact.max()
    assert ours.sum() == pytest.approx(900)


@pytest.mark.parametrize("with_points", [True, False])
def test_adaptive_reports_stay_in_the_study_area(with_points):
    share = np.ones((9, 9))
    share[:, 5:], share[3, 4] = 0.0, 0.4
    places = [(0.2, 0.2, 0.5)] * 20 + [(4.9, 3.5, 0.5), (2.5, 8.5, 0.5)]
    counts = shaped(places, share=share.ravel(), with_points=with_points)
    mean = forecast(AdaptiveKernelDensity(bandwidth=700.0, background=0.0), counts)
    assert mean.sum() == pytest.approx(22.0)
    assert np.all(np.isfinite(mean) & (mean >= 0))


@pytest.mark.parametrize("method", [KernelDensity(), AdaptiveKernelDensity(), DecayedKernelDensity()])
def test_terms_sum_to_the_mean(method):
    counts = example_counts()
    made = clone(method).fit(counts)
    period = counts.periods.following()[0]
    terms = made._terms(period)
    assert sum(terms.values()) == pytest.approx(made._mean(period))
    assert min(term.min() for term in terms.values()) >= 0
    assert all(name.startswith(("reports within about ", "the whole area")) for name in terms)


@pytest.mark.parametrize("frequency", ["1d", "1mo"])
@pytest.mark.parametrize("method", [KernelDensity(), AdaptiveKernelDensity(), DecayedKernelDensity()])
def test_days_and_months(method, frequency):
    weekly = clustered(1.0, n=2000, weeks=100)
    span = Frequency.parse(frequency)
    periods = Periods(span.edges(np.datetime64("2015-01-01"), 100), span)
    counts = Counts(weekly.grid, periods, weekly.matrix)
    mean = clone(method).fit(counts).predict(periods.following()[0]).mean
    assert np.all(np.isfinite(mean) & (mean > 0))
    assert mean.sum() == pytest.approx(20, rel=0.2)


@pytest.fixture(scope="module")
def burglary():
    incidents = read_incidents(stlouis_incidents()).incidents
    area = geopandas.read_parquet(stlouis_areas()).union_all()
    grid = Grid.inside(area, crs="ESRI:102696", cell=250.0)
    periods = Periods.covering("2015-01-01", "2018-01-01", "1w")
    return count_incidents(incidents.where(category="burglary"), grid, periods)


@pytest.mark.parametrize(
    ("chosen", "fixed"),
    [
        (KernelDensity(), KernelDensity(bandwidth=150.0)),
        (AdaptiveKernelDensity(), AdaptiveKernelDensity(bandwidth=150.0)),
        (DecayedKernelDensity(), DecayedKernelDensity(bandwidth=150.0, half_life="26w")),
    ],
    ids=lambda method: method.name if method.bandwidth is None else "fixed",
)
def test_what_is_chosen_from_the_past_is_as_good_as_what_hindsight_would_fix(chosen, fixed, burglary):
    """On St. Louis burglary in 2017: within 0.02 nats a report of the defaults that 2016 was once searched for."""
    even = burglary.grid.area / burglary.grid.area.sum()
    n = len(burglary.periods)
    skill = []
    for method in (chosen, fixed):
        gained = 0.0
        for i, mean in rolled(method, burglary, first=n - 52, last=n):
            gained += burglary.column(i) @ np.log(mean / mean.sum() / even)
        skill.append(gained / burglary.by_period[-52:].sum())
    assert skill[0] >= skill[1] - 0.02
    assert skill[0] > 0.4


def test_a_short_half_life_after_many_years_of_nothing():
    """All weights are too small for a number; the map is that of the latest reports all the same."""
    example = example_counts(periods=200)
    weeks = example_counts(periods=700).periods
    matrix = sparse.hstack([example.matrix, sparse.csc_array((120, 500), dtype=np.int64)]).tocsc()
    counts = Counts(example.grid, weeks, matrix)
    method = DecayedKernelDensity(bandwidth=300.0, half_life="2d")
    surface = method.fit(counts).predict(weeks.following()[0])
    assert np.isfinite(surface.mean).all()
    assert 0 < surface.mean.sum() < 1e-6
    then = replace(example, points=None)
    shares = [made / made.sum() for made in (surface.mean, forecast(method, then))]
    assert shares[0] == pytest.approx(shares[1], rel=1e-9)
