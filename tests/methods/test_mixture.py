"""Weights against a general optimiser, and the parts of the map against kernels that are made one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse
from sklearn.base import clone

from peelian.methods.checks import example_counts
from peelian.methods.kernels import DecayedKernelDensity
from peelian.methods.mixture import HALF_LIVES, KernelMixture, mixture_weights, scales_for
from peelian.methods.smoothing import one_step_ahead
from peelian.places import Counts, Grid, Periods
from peelian.units import Frequency


def learned(method, counts):
    """The method before past forecasts change its means."""
    made = clone(method)
    made._tune(counts)
    made._update(counts)
    return made


def likelihood(weights, density, observed):
    return float(observed @ np.log(density @ weights))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 5), st.integers(0, 10_000))
def test_weights_are_the_likeliest_mixture(n, k, seed):
    rng = np.random.default_rng(seed)
    density = rng.gamma(0.5, 1.0, (n, k + 1)) * (rng.random((n, k + 1)) < 0.7)
    density[:, -1] = rng.uniform(0.1, 1.0, n)
    observed = rng.integers(1, 5, n).astype(float)
    weights = mixture_weights(density, observed)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    # At the maximum of a concave function over shares no component would gain by more weight (Vardi and Lee 1993).
    gain = (density / (density @ weights)[:, None]).T @ observed / observed.sum()
    assert gain.max() <= 1.02
    other = optimize.minimize(
        lambda w: -likelihood(np.maximum(w, 1e-9), density, observed),
        np.full(k + 1, 1 / (k + 1)),
        bounds=[(0, 1)] * (k + 1),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
    )
    found = likelihood(np.abs(other.x) / np.abs(other.x).sum(), density, observed)
    assert likelihood(weights, density, observed) >= found - 1e-3 * observed.sum()


def test_weights_that_events_were_drawn_with_are_found():
    rng = np.random.default_rng(4)
    cells = np.arange(60)
    shapes = np.array(
        [np.exp(-0.5 * ((cells - at) / width) ** 2) for at, width in ((10, 2), (40, 6))] + [np.ones(60)]
    )
    density = (shapes / shapes.sum(axis=1, keepdims=True)).T
    truth = np.array([0.5, 0.3, 0.2])
    observed = rng.multinomial(200_000, density @ truth).astype(float)
    assert mixture_weights(density, observed) == pytest.approx(truth, abs=0.01)


@pytest.mark.parametrize(
    ("cell", "scales"),
    [
        (250.0, [0.0, 125.0, 250.0, 500.0, 1000.0]),
        (76.2, [0.0, 75.0, 150.0, 300.0, 600.0, 1200.0]),
        (2000.0, [0.0, 1000.0, 2000.0, 4000.0]),
    ],
)
def test_scales(cell, scales):
    assert scales_for(Grid("EPSG:26915", cell, 0, 0, (3, 3))) == scales


@pytest.mark.parametrize("points", [True, False])
def test_the_map_is_the_weighted_sum_of_its_kernels(points):
    counts = example_counts(points=points)
    method = learned(KernelMixture(), counts)
    expected = method.even_ * np.full(120, 1 / 120)
    for s, scale in enumerate(method.scales_):
        for h, half_life in enumerate(HALF_LIVES):
            if method.weights_[s, h] == 0:
                continue
            if scale == 0:
                weight = np.exp2(
                    -7 * np.arange(60)[::-1] / (Frequency.parse(half_life).days if half_life else np.inf)
                )
                part = counts.matrix @ weight
            else:
                life = half_life or "9999w"
                kernel = DecayedKernelDensity(bandwidth=scale, half_life=life, background=0.0)
                part = learned(kernel, counts).rate_
            expected += method.weights_[s, h] * part / part.sum()
    mean = method._mean(counts.periods.following()[0])
    assert mean / mean.sum() == pytest.approx(expected, rel=5e-3)
    assert mean.sum() == pytest.approx(7 * method.rate_)


def test_weights_sum_to_one_and_the_even_map_keeps_its_least():
    for seed in range(3):
        method = learned(KernelMixture(background=0.03), example_counts(seed=seed))
        assert method.weights_.sum() + method.even_ == pytest.approx(1)
        assert method.even_ >= 0.03
        assert np.all((method.weights_ == 0) | (method.weights_ > 5e-4))


def test_the_weights_are_those_of_held_out_reports():
    counts = example_counts(periods=120)
    method = learned(KernelMixture(background=0.0), counts)
    ahead = one_step_ahead(counts, bandwidths=scales_for(counts.grid), half_lives=HALF_LIVES)
    density = np.column_stack([ahead.density.reshape(ahead.observed.size, -1), ahead.even])
    found = likelihood(np.append(method.weights_.ravel(), method.even_), density, ahead.observed)
    n = ahead.observed.sum()
    assert found >= likelihood(mixture_weights(density, ahead.observed), density, ahead.observed) - 1e-3 * n
    for k in range(density.shape[1]):
        alone = np.where(np.arange(density.shape[1]) == k, 0.9, 0.0)
        alone[-1] += 0.1
        assert found >= likelihood(alone, density, ahead.observed) - 1e-3 * n


def streaky(*, follow, seed=0, weeks=156):
    """Counts whose cells repeat what they had last week with some probability, or are drawn by lasting rates."""
    rng = np.random.default_rng(seed)
    lasting = rng.gamma(0.5, 1.0, 100)
    dense = np.zeros((100, weeks), dtype=np.int64)
    now = lasting / lasting.sum()
    for t in range(weeks):
        dense[:, t] = rng.multinomial(60, now)
        now = follow * dense[:, t] / 60 + (1 - follow) * lasting / lasting.sum()
    span = Frequency.parse("1w")
    periods = Periods(span.edges(np.datetime64("2015-01-05"), weeks), span)
    return Counts(Grid("EPSG:26915", 250.0, 0, 0, (10, 10)), periods, sparse.csc_array(dense))


def test_what_repeats_soon_is_given_a_short_memory_and_what_lasts_a_long_one():
    soon, lasting = (learned(KernelMixture(), streaky(follow=f)).weights_ for f in (0.7, 0.0))
    assert soon[:, 0].sum() > 0.4
    assert lasting[:, 2:].sum() > 0.6
    # Cells that know nothing of their neighbours need no kernel.
    assert soon[0].sum() > 0.7


def test_too_little_to_learn_from_gives_a_smooth_map():
    method = learned(KernelMixture(), example_counts(periods=3))
    assert method.even_ == pytest.approx(0.1)
    assert method.weights_[0].sum() == 0
    assert method.weights_.sum() == pytest.approx(0.9)


def test_decades_without_a_report_give_a_map_all_the_same():
    counts = example_counts(events=1, points=False)
    months = Frequency.parse("1mo")
    periods = Periods(months.edges(np.datetime64("1950-01-01"), 900), months)
    dense = np.zeros((120, 900), dtype=np.int64)
    dense[5, :3] = 4
    method = learned(KernelMixture(), Counts(counts.grid, periods, sparse.csc_array(dense)))
    method.weights_, method.even_ = np.full(method.weights_.shape, 0.9 / method.weights_.size), 0.1
    method._update(Counts(counts.grid, periods, sparse.csc_array(dense)))
    mean = method._mean(periods.following()[0])
    assert np.all(np.isfinite(mean) & (mean > 0))
    assert np.argmax(mean) == 5


def test_terms_sum_to_the_mean_and_speak_plainly():
    counts = example_counts(periods=120)
    method = KernelMixture().fit(counts)
    period = counts.periods.following()[0]
    terms = method._terms(period)
    assert sum(terms.values()) == pytest.approx(method._mean(period))
    assert min(term.min() for term in terms.values()) >= 0
    assert all(name.startswith(("reports here", "reports within about ", "the whole")) for name in terms)
    assert set(method.chosen()) == {"weights", "level"}
    assert sum(method.chosen()["weights"].values()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("frequency", ["1d", "1w", "1mo"])
def test_days_weeks_and_months(frequency):
    counts = streaky(follow=0.2)
    span = Frequency.parse(frequency)
    periods = Periods(span.edges(np.datetime64("2015-01-01"), 156), span)
    mean = (
        KernelMixture().fit(Counts(counts.grid, periods, counts.matrix)).predict(periods.following()[0]).mean
    )
    assert np.all(np.isfinite(mean) & (mean > 0))
    assert mean.sum() == pytest.approx(60, rel=0.1)
