"""The fit of a self-exciting process against simulations of known truth, and against sums that are written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from peelian.methods.triggering import (
    STEPS,
    Area,
    Kernel,
    Reach,
    by_square,
    find_pairs,
    fit_triggering,
    triggered_at,
    warm_up,
)
from peelian.methods.triggering.background import (
    FOLDS,
    NARROWER,
    TAPS,
    Background,
    amounts_of,
    background_bandwidths,
)
from peelian.methods.triggering.kernel import AFTER, Learner
from peelian.methods.triggering.pairs import expect

WIDTH, HEIGHT, DAYS = 12_000.0, 9_000.0, 730.0
REACH = Reach(60.0, 400.0)
AREA = Area(np.ones((36, 48), dtype=bool), 250.0)


def simulate(n, *, ratio=0.3, lag=10.0, spread=80.0, seed=0, days=DAYS):
    """Background from twenty clusters and an even part, then generation after generation of follow-ups."""
    rng = np.random.default_rng(seed)
    size = np.array([WIDTH, HEIGHT])
    centre, wide = rng.random((20, 2)) * size, np.exp(rng.uniform(np.log(250), np.log(1500), 20))
    which = rng.choice(20, 3 * n, p=rng.dirichlet(np.ones(20)))
    at = np.where(
        rng.random((3 * n, 1)) < 0.3,
        rng.random((3 * n, 2)) * size,
        rng.normal(centre[which], wide[which, None]),
    )
    at = at[((at >= 0) & (at < size)).all(axis=1)][: rng.poisson(n * (1 - ratio))]
    when = rng.random(len(at)) * days
    places, times = [at], [when]
    while len(at):
        parent = np.repeat(np.arange(len(at)), rng.poisson(ratio, len(at)))
        at, when = rng.normal(at[parent], spread), when[parent] + rng.exponential(lag, parent.size)
        at, when = at[when < days], when[when < days]
        places.append(at)
        times.append(when)
    at, when = np.concatenate(places), np.concatenate(times)
    inside = ((at >= 0) & (at < size)).all(axis=1)
    order = np.argsort(when[inside])
    return at[inside][order, 0], at[inside][order, 1], when[inside][order]


def sorted_sample(n, seed=0, days=DAYS):
    x, y, t = simulate(n, seed=seed, days=days)
    order = by_square(x, y, t, metres=REACH.metres)
    return x[order], y[order], t[order]


def all_pairs(x, y, t, reach):
    """Every pair within reach, by comparing all with all: child, step of lag, step of distance."""
    lag, apart = t[:, None] - t, np.hypot(x[:, None] - x, y[:, None] - y)
    child, parent = np.nonzero((lag > 0) & (lag < reach.days) & (apart < reach.metres))
    late = (lag[child, parent] * (STEPS / reach.days)).astype(int)
    far = (apart[child, parent] * (STEPS / reach.metres)).astype(int)
    return sorted(zip(child.tolist(), late.tolist(), far.tolist(), strict=True))


def listed(pairs):
    child = np.repeat(np.arange(pairs.first.size - 1), np.diff(pairs.first))
    return sorted(zip(child.tolist(), pairs.late.tolist(), pairs.far.tolist(), strict=True))


def test_the_pairs_are_those_that_comparing_all_with_all_finds():
    x, y, t = sorted_sample(1500)
    pairs = find_pairs(x, y, t, reach=REACH)
    assert pairs.late.size > 300
    assert listed(pairs) == all_pairs(x, y, t, REACH)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 20)), min_size=1, max_size=40),
    st.sampled_from([3.0, 7.0, 100.0]),
    st.sampled_from([2.5, 11.0]),
)
def test_pairs_of_ties_and_of_places_in_common(rows, metres, days):
    x, y, t = np.array(rows, dtype=float).T
    reach = Reach(days, metres)
    order = by_square(x, y, t, metres=metres)
    x, y, t = x[order], y[order], t[order]
    assert listed(find_pairs(x, y, t, reach=reach)) == all_pairs(x, y, t, reach)


def test_reports_of_one_instant_are_no_pairs():
    same = np.zeros(50)
    assert find_pairs(same, same, same, reach=REACH).late.size == 0


def gaussian_kernel(ratio=0.3, lag=10.0, spread=80.0, reach=REACH):
    after, around = np.exp(-reach.lags / lag), np.exp(-((reach.distances / spread) ** 2) / 2)
    return Kernel(reach, ratio, after / (after.sum() * reach.step), around / (around @ reach.rings))


def test_what_is_added_at_each_report_is_the_sum_over_the_earlier_ones():
    x, y, t = simulate(1200)
    kernel = gaussian_kernel()
    order = by_square(x, y, t, metres=kernel.farthest)
    found = triggered_at(x[order], y[order], t[order], kernel=kernel)
    lag, square = t[:, None] - t, (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    dense = 0.3 * np.exp(-lag / 10) / 10 * np.exp(-square / (2 * 80**2)) / (2 * np.pi * 80**2)
    dense[(lag <= 0) | (lag >= 60) | (square >= 400**2)] = 0
    # Steps of 0.1 days and 0.8 m, and the mass that the cut-offs give back to the rest.
    np.testing.assert_allclose(found, dense.sum(axis=1)[order], rtol=0.03, atol=1e-13)


def test_one_step_of_em_is_that_of_dense_em():
    """Mohler's algorithm written out over all pairs, with cut-offs that leave none out."""
    x, y, t = sorted_sample(600)
    reach = Reach(DAYS, 20_000.0)
    order = by_square(x, y, t, metres=reach.metres)
    x, y, t = x[order], y[order], t[order]
    kernel, base = gaussian_kernel(reach=reach, spread=500.0, lag=30.0), np.full(x.size, 5e-9)
    pairs = find_pairs(x, y, t, reach=reach)
    weight, found = np.empty(x.size), np.zeros((2, STEPS))
    counted = np.ones(x.size, dtype=bool)
    logs = expect(
        pairs.first,
        pairs.late,
        pairs.far,
        base,
        counted,
        kernel.in_time,
        kernel.around,
        weight,
        found[0],
        found[1],
    )
    lag, apart = t[:, None] - t, np.hypot(x[:, None] - x, y[:, None] - y)
    earlier = lag > 0
    assert pairs.late.size == earlier.sum()
    late, far = (lag * (STEPS / reach.days)).astype(int), (apart * (STEPS / reach.metres)).astype(int)
    added = np.where(earlier, kernel.in_time[late] * kernel.around[far], 0.0)
    rate = base + added.sum(axis=1)
    share = added / rate[:, None]
    assert logs == pytest.approx(np.log(rate).sum())
    np.testing.assert_allclose(weight, base / rate)
    np.testing.assert_allclose(
        found[0], np.bincount(late[earlier], share[earlier], minlength=STEPS), atol=1e-12
    )
    np.testing.assert_allclose(
        found[1], np.bincount(far[earlier], share[earlier], minlength=STEPS), atol=1e-12
    )
    # And so the mean lag that the exponential is fitted to, up to half a step.
    exact = (share * lag).sum() / share.sum()
    assert found[0] @ reach.lags / found[0].sum() == pytest.approx(exact, abs=reach.step)


@pytest.mark.parametrize("form", ["parametric", "histogram"])
def test_the_truth_of_a_simulation_comes_back(form):
    x, y, t = simulate(12_000, seed=3)
    fit = fit_triggering(x, y, t, area=AREA, days=DAYS, reach=REACH, form=form)
    assert fit.kernel.ratio == pytest.approx(0.30, abs=0.03)
    assert fit.kernel.mean_lag == pytest.approx(10.0, abs=1.5)
    assert fit.kernel.spread == pytest.approx(80.0, abs=12.0)
    # Background reports a day: 70 % of all.
    assert fit.rate == pytest.approx(0.7 * x.size / DAYS, rel=0.05)
    assert fit.background.shape == x.shape
    assert 0.6 < fit.background.mean() < 0.8
    assert fit.converged
    assert fit.passes < 100


def test_without_triggering_next_to_none_is_found():
    x, y, t = simulate(8000, ratio=0.0, seed=5)
    fit = fit_triggering(x, y, t, area=AREA, days=DAYS, reach=REACH)
    assert fit.kernel.ratio < 0.04


def test_the_ratio_does_not_drift_with_the_number_of_reports():
    found = []
    for n in (4000, 32_000):
        x, y, t = simulate(n, seed=8)
        found.append(fit_triggering(x, y, t, area=AREA, days=DAYS, reach=REACH).kernel.ratio)
    assert found == pytest.approx([0.3, 0.3], abs=0.035)


def test_the_order_of_the_reports_does_not_matter():
    x, y, t = simulate(2000)
    mixed = np.random.default_rng(0).permutation(x.size)
    one = fit_triggering(x, y, t, area=AREA, days=DAYS, reach=REACH)
    other = fit_triggering(x[mixed], y[mixed], t[mixed], area=AREA, days=DAYS, reach=REACH)
    assert other.kernel.ratio == pytest.approx(one.kernel.ratio, rel=1e-6)
    np.testing.assert_allclose(other.background, one.background[mixed], rtol=1e-5)


def test_dates_alone_give_nearly_the_same_ratio():
    x, y, t = simulate(12_000, seed=3)
    reach = Reach(60.5, 400.0)
    for form in ("parametric", "histogram"):
        fit = fit_triggering(
            x, y, np.floor(t) + 0.5, area=AREA, days=DAYS, reach=reach, form=form, resolution=1.0
        )
        assert fit.kernel.ratio == pytest.approx(0.30, abs=0.035)
        assert fit.kernel.mean_lag == pytest.approx(10.0, abs=1.5)


def test_an_area_with_holes_keeps_the_ratio():
    inside = np.ones((36, 48), dtype=bool)
    inside[10:20, 5:25] = False
    area = Area(inside, 250.0)
    x, y, t = simulate(30_000, seed=4)
    held = area.holds(x, y)
    fit = fit_triggering(x[held], y[held], t[held], area=area, days=DAYS, reach=REACH)
    assert fit.kernel.ratio == pytest.approx(0.30, abs=0.04)


def test_snapped_places_do_not_make_a_kernel_without_width():
    x, y, t = simulate(4000)
    x, y = np.round(x / 100) * 100, np.round(y / 100) * 100
    fit = fit_triggering(
        np.clip(x, 0, WIDTH - 1), np.clip(y, 0, HEIGHT - 1), t, area=AREA, days=DAYS, reach=REACH
    )
    assert fit.kernel.spread >= 19.0
    assert np.isfinite(fit.log_likelihood)


@pytest.mark.parametrize("form", ["parametric", "histogram"])
@pytest.mark.parametrize("n", [1, 2, 30])
def test_few_reports_give_something_that_makes_sense(form, n):
    x, y, t = simulate(400)
    fit = fit_triggering(x[:n], y[:n], t[:n], area=AREA, days=DAYS, reach=REACH, form=form)
    kernel = fit.kernel
    assert 0 <= kernel.ratio < 1
    assert kernel.after.sum() * kernel.reach.step == pytest.approx(1)
    assert kernel.around @ kernel.reach.rings == pytest.approx(1)
    assert np.all((fit.background >= 0) & (fit.background <= 1))


def test_all_at_one_place_and_time():
    fit = fit_triggering(
        np.full(40, 500.0),
        np.full(40, 500.0),
        np.full(40, 3.0),
        area=AREA,
        days=10.0,
        reach=Reach(5.0, 400.0),
    )
    assert fit.n_pairs == 0
    assert fit.kernel.ratio <= 0.12


def dense_density(x, y, weight, at, bandwidth):
    square = (x[at][:, None] - x) ** 2 + (y[at][:, None] - y) ** 2
    return np.exp(-square / (2 * bandwidth**2)) @ weight / (2 * np.pi * bandwidth**2)


@pytest.mark.parametrize("bandwidth", [120.0, 480.0])
def test_the_background_is_the_density_of_the_other_folds(bandwidth):
    x, y, _ = simulate(3000)
    rng = np.random.default_rng(1)
    fold, weight = rng.integers(0, FOLDS, x.size), rng.random(x.size)
    back = Background(x, y, fold, area=AREA, bandwidths=np.array([bandwidth]))
    found = back.densities(weight, np.zeros(x.size, dtype=np.int64), [(0, 0)])
    # Away from the edge, where nothing is given back.
    middle = np.flatnonzero(
        (abs(x - WIDTH / 2) < WIDTH / 2 - 5 * bandwidth) & (abs(y - HEIGHT / 2) < HEIGHT / 2 - 5 * bandwidth)
    )
    for f in range(FOLDS):
        at, others = middle[fold[middle] == f], fold != f
        exact = dense_density(x, y, weight * others, at, bandwidth) / weight[others].sum()
        assert np.abs(found[at, 0] - exact).max() < 0.02 * exact.max()
    assert found[:, 1] == pytest.approx(1 / (WIDTH * HEIGHT))


def test_near_an_edge_no_mass_is_lost():
    """Nodes' densities, summed over the area, are 1 even where all sources are in a corner."""
    area = Area(np.ones((20, 20), dtype=bool), 100.0)
    rng = np.random.default_rng(2)
    x, y = np.abs(rng.normal(0, 60, (2, 4000)))
    u, v = np.meshgrid(np.arange(20) * 100 + 50.0, np.arange(20) * 100 + 50.0)
    x, y = np.concatenate([x, u.ravel()]), np.concatenate([y, v.ravel()])
    weight = np.concatenate([np.ones(4000), np.zeros(400)])
    fold = np.arange(x.size) % FOLDS
    found = Background(x, y, fold, area=area, bandwidths=np.array([200.0]))
    density = found.densities(weight, np.zeros(x.size, dtype=np.int64), [(0, 0)])[4000:, 0]
    assert density.sum() * 100.0**2 == pytest.approx(1.0, rel=0.03)


def test_bandwidths_are_doubled_and_the_nodes_are_bounded():
    found = background_bandwidths(AREA, 60.0)
    assert found[0] == 60.0
    np.testing.assert_allclose(found[1:] / found[:-1], 2.0)
    assert found[-1] <= WIDTH / 8
    huge = Area(np.ones((400, 400), dtype=bool), 1000.0)
    assert (400_000 / (background_bandwidths(huge, 60.0)[0] / 2)) ** 2 <= 1_500_001
    assert background_bandwidths(Area(np.ones((1, 1), dtype=bool), 50.0), 60.0).tolist() == [60.0]


def test_taps_are_a_gaussian_to_five_digits():
    image = np.zeros((41, 41))
    image[20, 20] = 1
    ours = image
    for axis in (0, 1):
        ours = ndimage.correlate1d(ours, np.concatenate([TAPS[:0:-1], TAPS]), axis=axis, mode="constant")
    exact = ndimage.gaussian_filter(image, NARROWER, truncate=8, mode="constant")
    assert np.abs(ours - exact).max() < 1e-5


def test_amounts_are_the_likeliest():
    """Against a general optimiser, and nowhere negative."""
    from scipy import optimize

    rng = np.random.default_rng(4)
    densities, triggered = rng.gamma(0.5, size=(500, 4)), rng.gamma(1.0, size=500) * 20
    densities[:, 2] *= 1e-3
    counted = rng.random(500) < 0.8
    found = amounts_of(densities, triggered, counted, np.full(4, 50.0), steps=50)
    assert found.min() >= 0

    def loss(a):
        return -np.log(triggered + densities @ a)[counted].sum() + a.sum()

    other = optimize.minimize(
        loss, np.full(4, 50.0), bounds=[(0, None)] * 3 + [(0.4, None)], method="L-BFGS-B"
    )
    assert loss(found) <= other.fun + 1e-3


def test_share_of_area_by_hand():
    area = Area(np.array([[True, False], [True, True]]), 100.0)
    np.testing.assert_allclose(area.share_of(100.0), [[1, 0], [1, 1]])
    np.testing.assert_allclose(area.share_of(200.0), [[0.75]])
    np.testing.assert_allclose(area.share_of(50.0)[:2, 2:], 0)
    assert area.square_metres == 30_000
    assert area.holds(np.array([50.0, 150.0, -1.0, 250.0]), np.array([50.0, 50.0, 50.0, 50.0])).tolist() == [
        True,
        False,
        False,
        False,
    ]


def test_lags_after_the_end_and_before_the_warm_up_are_not_expected():
    rng = np.random.default_rng(0)
    x, y, t = rng.random(5000) * WIDTH, rng.random(5000) * HEIGHT, rng.random(5000) * 100
    reach = Reach(20.0, 100.0)
    start = warm_up(100.0, reach)
    assert start == 20.0
    learner = Learner(
        x,
        y,
        t,
        area=AREA,
        start=start,
        days=100.0,
        reach=reach,
        form="parametric",
        floor=20.0,
        resolution=0.0,
    )
    exact = [np.mean((t + lag >= start) & (t + lag < 100)) for lag in reach.lags]
    np.testing.assert_allclose(learner.seen / reach.step, exact, atol=1e-9)
    # Circles about even places in a rectangle: what lies outside is about 2 r (w + h) / (pi w h).
    outside = 1 - learner.ringed / reach.rings
    expected = 2 * reach.distances * (WIDTH + HEIGHT) / (np.pi * WIDTH * HEIGHT)
    assert outside[-1] == pytest.approx(expected[-1], rel=0.3)


def test_bins_of_dates_hold_whole_days():
    rng = np.random.default_rng(0)
    x, y, t = rng.random(100) * WIDTH, rng.random(100) * HEIGHT, np.floor(rng.random(100) * 100) + 0.5
    reach = Reach(60.5, 100.0)
    learner = Learner(
        x, y, t, area=AREA, start=0.0, days=100.0, reach=reach, form="histogram", floor=20.0, resolution=1.0
    )
    edges = learner.edges * reach.days
    np.testing.assert_allclose(edges[1:] % 1, 0.5)
    assert edges[0] == 0
    assert edges.size <= AFTER.size


def test_kernel_sums():
    kernel = gaussian_kernel()
    assert kernel.mean_lag == pytest.approx(10 - 60 * np.exp(-6) / (1 - np.exp(-6)), rel=1e-3)
    assert kernel.spread == pytest.approx(80.0, rel=1e-3)
    assert kernel.in_time.sum() * REACH.step == pytest.approx(0.3)
    assert REACH.rings.sum() == pytest.approx(np.pi * 400**2)
    # All but a billionth: the whole reach of 5 standard deviations here, a few of a narrow one.
    assert kernel.farthest == 400.0
    assert 100 < gaussian_kernel(spread=20.0).farthest < 140
