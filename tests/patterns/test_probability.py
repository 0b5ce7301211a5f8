"""Probabilities from scores: calibrated on a known truth, and the table that shows it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import brier_score_loss, log_loss

from peelian.errors import DataError, NotEnoughDataError
from peelian.patterns.probability import (
    Calibrator,
    brier_score,
    calibrate,
    calibration_table,
    log_score,
    proportion_interval,
    to_probability,
)


def truth(n: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 2, n)
    p = 1 / (1 + np.exp(4 - 1.5 * score))
    return score, p, rng.random(n) < p


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_a_known_truth_is_found_again(kind: str) -> None:
    score, _, linked = truth()
    made = calibrate(score, linked, np.ones(score.size), kind=kind)
    fresh, true, _ = truth(seed=1)
    assert np.abs(to_probability(made.log_odds(fresh)) - true).mean() < 0.01
    assert (np.diff(made.log_odds(np.sort(fresh))) >= 0).all()
    again = Calibrator.from_dict(json.loads(json.dumps(made.to_dict())))
    assert np.array_equal(again.log_odds(fresh), made.log_odds(fresh))


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
@pytest.mark.parametrize("shift", [0.0, -2.0])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_the_least_score_of_a_probability(kind: str, shift: float, p: float) -> None:
    score, _, linked = truth()
    made = calibrate(score, linked, np.ones(score.size), kind=kind)
    at = made.score_at(p, shift=shift)
    assert to_probability(made.log_odds(at, shift=shift)) >= p - 1e-6
    assert to_probability(made.log_odds(at - 0.5, shift=shift)) < p


def test_a_probability_that_no_score_reaches() -> None:
    made = Calibrator("isotonic", np.array([0.0, 1.0]), np.array([-3.0, -1.0]))
    assert made.score_at(0.9) == float("inf")
    assert made.score_at(0.01) == float("-inf")


def test_weights_stand_for_pairs() -> None:
    score, _, linked = truth()
    keep = linked | (np.arange(score.size) % 4 == 0)
    weight = np.where(linked[keep], 1.0, (~linked).sum() / (~linked[keep]).sum())
    whole = calibrate(score, linked, np.ones(score.size))
    part = calibrate(score[keep], linked[keep], weight)
    np.testing.assert_allclose(whole.log_odds([0, 2, 4]), part.log_odds([0, 2, 4]), atol=0.15)


def test_scores_that_part_perfectly_stay_finite() -> None:
    score = np.array([-1.0, -2, 3, 4])
    made = calibrate(score, score > 0, np.ones(4))
    assert np.isfinite(made.log_odds(score)).all()
    assert (to_probability(made.log_odds([1e9, -1e9])) < 1).all()


def test_too_few_to_calibrate() -> None:
    with pytest.raises(NotEnoughDataError, match="at least 1"):
        calibrate(np.zeros(5), np.zeros(5, bool), np.ones(5))
    with pytest.raises(NotEnoughDataError, match="at least 100"):
        calibrate(np.arange(50.0), np.arange(50) > 25, np.ones(50), kind="isotonic")


def test_scores_are_those_of_scikit_learn() -> None:
    _, p, linked = truth(500)
    assert brier_score(p, linked) == pytest.approx(brier_score_loss(linked, p))
    assert log_score(p, linked) == pytest.approx(log_loss(linked, p))


def test_the_table_holds_for_a_known_truth_and_not_for_an_overstated_one() -> None:
    _, p, linked = truth()
    table = calibration_table(p, linked)
    assert table["pairs"].sum() == p.size
    assert (
        (table["observed_low"] <= table["stated"]) & (table["stated"] <= table["observed_high"])
    ).mean() >= 0.75
    over = calibration_table(np.sqrt(p), linked)
    assert (over["stated"] > over["observed_high"]).all()


@pytest.mark.parametrize(("k", "n"), [(0, 8), (3, 8), (8, 8), (40, 50)])
def test_intervals_are_near_those_of_wilson(k: int, n: int) -> None:
    low, high = proportion_interval(k, n)
    wilson = binomtest(k, n).proportion_ci(method="wilson")
    assert low == pytest.approx(wilson.low, abs=0.11)
    assert high == pytest.approx(wilson.high, abs=0.11)
    assert 0 <= low <= k / n <= high <= 1


def test_no_trials_no_knowledge() -> None:
    assert proportion_interval(0, 0) == (0.0, 1.0)
    assert calibration_table([], []).empty


def test_what_is_no_probability() -> None:
    with pytest.raises(DataError, match="from 0 to 1"):
        calibration_table([0.2, 1.4], [True, False])
    with pytest.raises(DataError, match="2 probabilities and 1 outcomes"):
        calibration_table([0.2, 0.4], [True])
