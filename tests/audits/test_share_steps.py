"""A step in a share: its size and date, and how often one is seen where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from peelian.audits.shares import share_steps
from peelian.errors import UsageError


@pytest.mark.parametrize("weeks", [60, 157])
def test_a_share_that_never_moves_shows_a_step_as_often_as_said(weeks: int) -> None:
    rng = np.random.default_rng(0)
    whole = rng.poisson(800, weeks)
    p = share_steps(rng.binomial(whole, 0.05, (3000, weeks)), whole).p
    # Kolmogorov's distribution is a limit that is reached from below.
    assert np.mean(p < 0.05) <= 0.055
    assert np.mean(p < 0.05) > 0.005


def test_the_size_and_the_date_of_a_step_come_back() -> None:
    rng = np.random.default_rng(1)
    whole = rng.poisson(1000, 120)
    share = np.where(np.arange(120) < 70, 0.10, 0.06)
    found = share_steps(rng.binomial(whole, share, (200, 120)), whole)
    assert np.all(found.p < 1e-6)
    assert np.mean(np.abs(found.at - 70) <= 1) > 0.95
    assert np.mean((found.low <= -0.04) & (found.high >= -0.04)) > 0.9
    assert np.mean((found.first <= 70) & (found.last >= 70)) > 0.9


def test_what_all_records_do_is_no_step() -> None:
    rng = np.random.default_rng(2)
    whole = rng.poisson(np.where(np.arange(100) < 50, 400, 1200))
    assert share_steps(rng.binomial(whole, 0.1, (1, 100)), whole).p[0] > 0.01


def test_memory_from_week_to_week_is_no_step() -> None:
    rng = np.random.default_rng(3)
    z = np.zeros((500, 157))
    for t in range(1, 157):
        z[:, t] = 0.5 * z[:, t - 1] + rng.standard_normal(500)
    y = rng.binomial(1000, np.clip(0.05 * np.exp(0.15 * z), 0, 1))
    assert np.mean(share_steps(y, np.full(157, 1000)).p < 0.05) < 0.1


@pytest.mark.parametrize(
    ("part", "whole"), [(np.ones((1, 8)), np.ones(8)), (np.full((1, 20), 3), np.ones(20))]
)
def test_wrong_parts_are_refused(part: np.ndarray, whole: np.ndarray) -> None:
    with pytest.raises(UsageError):
        share_steps(part, whole)
