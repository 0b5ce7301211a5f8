"""Weights that past forecasts earn: against another optimiser, and where the truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from peelian.methods import CountMap, DecayedKernelDensity, KernelDensity, stack
from peelian.methods.base import rolled
from peelian.methods.checks import CHECKS, example_counts
from peelian.methods.stack import PRIOR, Stack, nonnegative_weights

TWO = [CountMap(), DecayedKernelDensity(bandwidth=200.0, half_life="26w")]


@pytest.mark.parametrize(
    "check", [c for c in CHECKS if c.__name__ != "check_parameters"], ids=lambda c: c.__name__
)
def test_a_stack_of_given_members_keeps_the_suite(check):
    check(Stack(members=TWO))


def posterior(weights, at, n, totals):
    k = len(totals)
    return -(
        n @ np.log(weights @ at) - weights @ totals + np.sum(PRIOR / k * np.log(weights) - PRIOR * weights)
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 4))
def test_the_weights_are_the_most_likely_ones(seed, k):
    rng = np.random.default_rng(seed)
    at = rng.gamma(0.5, 1.0, (k, 60)) + 1e-3
    n = rng.poisson(1.0, 60) + 1.0
    totals = at.sum(axis=1) * rng.uniform(1, 3, k)
    found = nonnegative_weights(at, n, totals).values
    other = optimize.minimize(
        posterior, np.full(k, 0.5), args=(at, n, totals), bounds=[(1e-9, None)] * k, method="L-BFGS-B"
    )
    assert posterior(found, at, n, totals) <= other.fun + 1e-3 * abs(other.fun)


def test_the_member_that_knows_gets_the_weight():
    rng = np.random.default_rng(0)
    truth = rng.gamma(0.3, 1.0, 200)
    observed = rng.poisson(np.tile(truth, (40, 1)))
    means = np.array([np.tile(truth, (40, 1)), np.full((40, 200), truth.mean())])
    weights = Stack().weigh(means, observed).values
    assert weights[0] == pytest.approx(1.0, abs=0.05)
    assert weights[1] < 0.05


def test_half_of_each_is_found():
    rng = np.random.default_rng(1)
    one, other = rng.gamma(0.3, 1.0, (2, 400))
    observed = rng.poisson(np.tile(0.5 * one + 0.5 * other, (80, 1)))
    means = np.array([np.tile(one, (80, 1)), np.tile(other, (80, 1))])
    assert Stack().weigh(means, observed).values == pytest.approx([0.5, 0.5], abs=0.04)


def test_where_nothing_was_reported_all_weigh_the_same():
    assert Stack().weigh(np.ones((3, 4, 5)), np.zeros((4, 5), dtype=np.int64)).values.tolist() == [1 / 3] * 3


def test_a_member_that_expects_nothing_gets_nothing():
    means = np.array([np.ones((4, 5)), np.zeros((4, 5))])
    assert Stack().weigh(means, np.ones((4, 5), dtype=np.int64)).values[1] == 0


def test_its_number_is_the_weighted_sum_of_its_members():
    counts = example_counts()
    period = counts.periods.following()[0]
    stack = Stack(members=TWO).fit(counts)
    members = [m.fit(counts)._mean(period) for m in stack.parts()]
    assert stack._mean(period) == pytest.approx(stack.weights_ @ np.array(members))
    told = stack.chosen()["weights"]
    assert set(told) == {"count_map", "decayed_kernel_density"}
    assert sum(told.values()) == pytest.approx(1.0, abs=0.15)


def test_weights_are_of_forecasts_that_were_made_before():
    """Those of its members' folds, which a change of what came later doesn't reach."""
    counts = example_counts(periods=60)
    stack = Stack(members=[KernelDensity(bandwidth=150.0), CountMap()]).fit(counts)
    part = counts[:52]  # the half-years that are tuned on
    past = [dict(rolled(m, part, first=26, last=52)) for m in stack.parts()]
    assert stack.weights_.tolist() == stack.weights_of(past, part, 0).values.tolist()


def test_it_says_whether_its_weights_settled(monkeypatch):
    counts = example_counts()
    assert Stack(members=[CountMap()]).fit(counts).settled_  # one weight is found at once
    monkeypatch.setattr(stack, "STEPS", 2)
    cut_short = Stack(members=TWO).fit(counts)
    assert not cut_short.settled_
    assert np.isfinite(cut_short.weights_).all()
    assert Stack().weigh(np.ones((3, 4, 5)), np.zeros((4, 5), dtype=np.int64)).settled


def test_its_origin_names_its_members():
    counts = example_counts()
    origin = Stack(members=TWO).fit(counts).origin()
    assert [m["method"] for m in origin["parameters"]["members"]] == ["count_map", "decayed_kernel_density"]
    assert set(origin["chosen"]["weights"]) == {"count_map", "decayed_kernel_density"}
