"""Margins of error against draws, and against the Census Bureau's rules."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from peelian.audits.margins import CONTROLLED, Margins, log_variance, variance_of


def test_standard_error_is_the_margin_over_1645() -> None:
    assert variance_of([164.5, 329.0], [10, 10]) == pytest.approx([100.0**2, 200.0**2])


def test_of_areas_without_any_the_largest_margin_counts_once() -> None:
    found = variance_of([12.0, 20.0, 12.0, 30.0], [0, 0, 0, 5])
    assert np.flatnonzero(found).tolist() == [1, 3]
    assert variance_of([12.0], [0])[0] > 0


def test_held_to_a_count_has_no_error() -> None:
    assert variance_of([CONTROLLED, 16.45], [500, 500]) == pytest.approx([0.0, 100.0])


def test_covariance_is_that_of_draws() -> None:
    rng = np.random.default_rng(0)
    counts, variance = rng.gamma(1, 5, 12), rng.gamma(2, 10, (12, 1))
    columns = np.column_stack([counts, np.ones(12)])
    drawn = (rng.normal(size=(200_000, 12)) * np.sqrt(variance[:, 0])) @ columns
    assert Margins(variance).covariance(columns, 0) == pytest.approx(np.cov(drawn.T), rel=0.02)


def test_pieces_of_an_area_share_its_error() -> None:
    """An area cut in four is as uncertain as whole; four areas of a quarter each, taken apart, are not."""
    whole = Margins(np.array([[100.0]])).covariance(np.array([[1.0]]), 0)[0, 0]
    pieces = sparse.csr_array(np.full((1, 4), 0.25))
    assert Margins(np.array([[100.0]]), pieces).covariance(np.ones((4, 1)), 0)[0, 0] == pytest.approx(whole)
    apart = Margins(np.full((4, 1), 100.0 / 16)).covariance(np.ones((4, 1)), 0)[0, 0]
    assert apart == pytest.approx(whole / 4)


def test_variance_of_a_logarithm_is_that_of_draws() -> None:
    rng = np.random.default_rng(2)
    lived, counts, sd = rng.gamma(5, 100, (30, 2)), rng.gamma(1, 5, 30), 20.0
    columns = np.column_stack([counts, np.ones(30)])
    margins = Margins(np.full((30, 2), sd**2))
    sums = [columns.T @ lived[:, g] for g in (0, 1)]
    made = log_variance([margins.covariance(columns, g) for g in (0, 1)], sums)
    drawn = lived + rng.normal(0, sd, (40_000, 30, 2))
    exposure = np.einsum("rig,i->rg", drawn, counts) / drawn.sum(axis=1)
    assert made == pytest.approx(np.var(np.log(exposure[:, 0] / exposure[:, 1])), rel=0.05)


def test_even_counts_carry_no_margin() -> None:
    """Where all units have the same, it doesn't matter who lives where, nor how sure that is."""
    columns = np.column_stack([np.full(9, 3.0), np.ones(9)])
    margins = Margins(np.full((9, 1), 50.0))
    assert log_variance([margins.covariance(columns, 0)], [np.array([300.0, 100.0])]) == pytest.approx(
        0, abs=1e-12
    )
