"""Bayes factors of a feature: the pairs' weights count on both sides, and smoothing counts for as many as it says."""

from __future__ import annotations

import numpy as np
import pytest

from peelian.patterns.bayes_factor import Shape, bayes_factors


@pytest.fixture(scope="module")
def pairs() -> tuple[Shape, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    shape = Shape("hour", "hour", np.append(np.arange(6) / 2.0, np.nan))
    return (
        shape,
        rng.integers(0, 7, 4000).astype(np.int16),
        rng.random(4000) < 0.3,
        rng.uniform(0.1, 3.0, 4000),
    )


def shares(bins: np.ndarray, weight: np.ndarray) -> np.ndarray:
    found = np.array([weight[bins == i].sum() for i in range(7)])
    return found / found.sum()


def test_the_shares_are_those_of_the_weights(pairs: tuple) -> None:
    shape, bins, linked, weight = pairs
    found = bayes_factors(shape, bins, linked, weight, quantiles=100, smoothing=0.0)
    assert np.array_equal(found.group, np.arange(7))
    np.testing.assert_allclose(found.linked, shares(bins[linked], weight[linked]), rtol=1e-9)
    plain = shares(bins[~linked], weight[~linked]) * (~linked).sum() + 0.5
    np.testing.assert_allclose(found.unlinked, plain / plain.sum(), rtol=1e-9)
    np.testing.assert_allclose(found.log, np.log(found.linked / found.unlinked))
    assert not np.allclose(found.linked, shares(bins[linked], np.ones(linked.sum())), rtol=1e-3)
    assert not np.allclose(found.unlinked, shares(bins[~linked], np.ones((~linked).sum())), rtol=1e-3)


def test_smoothing_moves_the_linked_towards_the_others_by_as_many_pairs_as_tell_as_much(pairs: tuple) -> None:
    shape, bins, linked, weight = pairs
    bare = bayes_factors(shape, bins, linked, weight, quantiles=100, smoothing=0.0)
    found = bayes_factors(shape, bins, linked, weight, quantiles=100, smoothing=50.0)
    of = weight[linked]
    effective = of.sum() ** 2 / (of**2).sum()
    expected = (bare.linked * effective + 50.0 * bare.unlinked) / (effective + 50.0)
    np.testing.assert_allclose(found.linked, expected, rtol=1e-9)


def test_weights_count_in_proportion_alone(pairs: tuple) -> None:
    shape, bins, linked, weight = pairs
    one, ten = (bayes_factors(shape, bins, linked, weight * k) for k in (1.0, 10.0))
    np.testing.assert_allclose(one.log, ten.log, rtol=1e-9)
