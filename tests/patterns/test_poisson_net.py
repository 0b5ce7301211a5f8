"""The elastic net against scikit-learn's ridge, its optimality conditions, and the negative binomial against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import optimize, stats
from sklearn.linear_model import PoissonRegressor

from peelian.errors import NotEnoughDataError
from peelian.patterns.negative_binomial import fit_negative_binomial
from peelian.patterns.poisson_net import poisson_deviance, poisson_net, top_penalty


def drawn(n: int = 400, k: int = 6, *, seed: int = 0, dispersion: float = 0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, k))
    beta = np.r_[0.5, -0.4, 0.3, np.zeros(k - 3)]
    offset = rng.uniform(-0.5, 0.5, n)
    mean = np.exp(0.4 + x @ beta + offset)
    if dispersion:
        mean = mean * rng.gamma(1 / dispersion, dispersion, n)
    return x, rng.poisson(mean).astype(float), offset, np.r_[0.4, beta]


def test_ridge_is_scikit_learns() -> None:
    x, y, _, _ = drawn()
    for penalty in (0.01, 0.3):
        ours = poisson_net(x, y, np.zeros(y.size), np.array([penalty]), mix=0.0)[0]
        peer = PoissonRegressor(alpha=penalty, tol=1e-10, max_iter=1000).fit(x, y)
        assert_allclose(ours, np.r_[peer.intercept_, peer.coef_], atol=1e-5)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 99),
    mix=st.sampled_from([0.2, 0.5, 1.0]),
    share=st.sampled_from([0.9, 0.3, 0.05, 0.01]),
)
def test_no_coefficient_could_be_better(seed: int, mix: float, share: float) -> None:
    x, y, offset, _ = drawn(150, 8, seed=seed)
    penalty = share * top_penalty(x, y, offset, mix)
    beta = poisson_net(x, y, offset, np.array([penalty]), mix=mix)[0]
    mean = np.exp(beta[0] + x @ beta[1:] + offset)
    pull = x.T @ (y - mean) / y.size - penalty * (1 - mix) * beta[1:]
    kept = beta[1:] != 0
    assert abs((y - mean).mean()) < 1e-7
    assert_allclose(pull[kept], penalty * mix * np.sign(beta[1:][kept]), atol=1e-6)
    assert np.all(np.abs(pull[~kept]) <= penalty * mix + 1e-6)


def test_the_path_starts_with_nothing_and_ends_at_the_truth() -> None:
    x, y, offset, truth = drawn(5000)
    top = top_penalty(x, y, offset, 0.5)
    path = poisson_net(x, y, offset, top * np.array([1.0001, 0.5, 1e-5]))
    assert np.all(path[0, 1:] == 0)
    assert set(np.flatnonzero(path[1, 1:])) <= {0, 1, 2}
    assert_allclose(path[-1], truth, atol=0.08)


def test_a_feature_that_says_nothing_is_left_out() -> None:
    x, y, offset, _ = drawn()
    x = np.column_stack([x, np.zeros(y.size)])
    beta = poisson_net(x, y, offset, np.array([0.001]))[0]
    assert beta[-1] == 0
    assert np.all(np.isfinite(beta))


def test_deviance() -> None:
    y = np.array([0.0, 1, 4])
    mean = np.array([0.5, 1, 2])
    like = stats.poisson.logpmf(y, np.maximum(y, 1e-300)) - stats.poisson.logpmf(y, mean)
    assert_allclose(poisson_deviance(y, mean), 2 * like, atol=1e-12)


# --- negative binomial ------------------------------------------------------------------------------------------


def test_the_likelihood_is_as_high_as_a_general_search_finds() -> None:
    x, y, offset, _ = drawn(300, 3, dispersion=0.7)
    found = fit_negative_binomial(x, y, offset, np.arange(300))
    design = np.column_stack([np.ones(300), x])

    def minus(theta):
        size = np.exp(-theta[-1])
        mean = np.exp(design @ theta[:-1] + offset)
        return -stats.nbinom.logpmf(y, size, size / (size + mean)).sum()

    peer = optimize.minimize(minus, np.zeros(5), method="BFGS", options={"gtol": 1e-6})
    assert_allclose(found.log_likelihood, -peer.fun, atol=1e-5)
    assert_allclose(found.coefficients, peer.x[:-1], atol=1e-4)
    assert_allclose(found.dispersion, np.exp(peer.x[-1]), rtol=1e-3)
    assert_allclose(found.mean(x, offset), np.exp(design @ found.coefficients + offset))


def test_counts_of_poisson_have_no_dispersion() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 1))
    y = rng.binomial(6, 1 / (1 + np.exp(-0.3 * x[:, 0]))).astype(float)
    found = fit_negative_binomial(x, y, np.zeros(300), np.arange(300))
    assert found.dispersion == 0
    peer = PoissonRegressor(alpha=0, tol=1e-10).fit(x, y)
    assert_allclose(found.coefficients, np.r_[peer.intercept_, peer.coef_], atol=1e-5)


def test_intervals_cover_where_blocks_vary_together() -> None:
    held, naive = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        block = np.repeat(np.arange(40), 12)
        # Both the feature and what is not known are the same throughout a block.
        x = rng.normal(size=40)[block][:, None]
        y = rng.poisson(2 * np.exp(0.3 * x[:, 0] + rng.normal(0, 0.5, 40)[block])).astype(float)
        for group, into in ((block, held), (np.arange(480), naive)):
            low, high = fit_negative_binomial(x, y, np.zeros(480), group).interval()
            into.append(low[1] <= 0.3 <= high[1])
    assert np.mean(held) > 0.85
    assert np.mean(naive) < np.mean(held)


def test_p_values_are_even_without_an_effect() -> None:
    p = []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        y = rng.negative_binomial(2, 0.5, 200).astype(float)
        p.append(
            fit_negative_binomial(rng.normal(size=(200, 1)), y, np.zeros(200), np.arange(200) // 4).p()[1]
        )
    assert 0.01 <= np.mean(np.array(p) < 0.1) < 0.22


def test_without_features_it_is_the_rate() -> None:
    y = np.array([0.0, 3, 2, 7])
    found = fit_negative_binomial(np.zeros((4, 0)), y, np.log(np.array([1.0, 1, 2, 2])), np.arange(4))
    assert_allclose(found.mean(np.zeros((4, 0)), np.zeros(4)), found.mean(np.zeros((4, 0)), np.zeros(4))[0])
    assert found.coefficients.shape == (1,)


def test_features_that_follow_from_each_other_are_refused() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2))
    with pytest.raises(NotEnoughDataError, match="can't be told apart"):
        fit_negative_binomial(np.column_stack([x, x.sum(axis=1)]), np.ones(50), np.zeros(50), np.arange(50))
    with pytest.raises(NotEnoughDataError, match="1 blocks"):
        fit_negative_binomial(x, np.ones(50), np.zeros(50), np.zeros(50, int))
