"""Answers to hypotheses: how often a stated probability was confirmed, and that few answers say little."""

from __future__ import annotations

import json

import numpy as np
import pytest

from peelian.errors import DataError, UsageError
from peelian.patterns.answers import score_answers


def stated(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.uniform(0, 1, n)
    return p, rng.random(n) < p


def test_probabilities_that_hold() -> None:
    p, y = stated(2000)
    found = score_answers(p, y)
    assert found.answered == 2000
    assert found.confirmed == y.sum()
    assert "That agrees" in found.sentence()
    assert found.brier == pytest.approx(1 / 6, abs=0.02)
    assert found.brier < found.brier_constant
    table = found.frame
    assert table["pairs"].sum() == 2000
    assert ((table["observed_low"] <= table["stated"]) & (table["stated"] <= table["observed_high"])).all()


@pytest.mark.parametrize(("power", "says"), [(0.4, "too high"), (3.0, "too low")])
def test_probabilities_that_do_not_hold(power: float, says: str) -> None:
    p, y = stated(500)
    assert says in score_answers(p**power, y).sentence()


def test_few_answers_say_little() -> None:
    found = score_answers([0.9, 0.8, 0.2], ["confirmed", "confirmed", "rejected"])
    assert (found.answered, found.confirmed) == (3, 2)
    assert "So few answers" in found.sentence()
    assert found.interval[0] < 0.3
    assert found.brier == pytest.approx((0.01 + 0.04 + 0.04) / 3)


def test_open_hypotheses_are_left_out() -> None:
    found = score_answers([0.9, 0.8, 0.2, 0.4], ["Confirmed", None, False, float("nan")])
    assert (found.answered, found.confirmed) == (2, 1)


@pytest.mark.parametrize("answers", [[], [None, None]])
def test_no_answers_yet(answers: list[None]) -> None:
    found = score_answers([0.5] * len(answers), answers)
    assert "No hypothesis has been answered" in found.sentence()
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["brier"] is None
    assert data["bands"] == []
    assert found.plot() is not None


def test_plain_data() -> None:
    data = json.loads(json.dumps(score_answers(*stated(40)).to_dict(), allow_nan=False))
    assert data["limits"]
    assert {"low", "high", "stated", "observed_low"} <= set(data["bands"][0])
    assert "<table" in score_answers(*stated(40))._repr_html_()


@pytest.mark.parametrize("answer", ["perhaps", 3, "yes"])
def test_answers_that_are_none(answer: object) -> None:
    with pytest.raises(DataError, match="confirmed or rejected"):
        score_answers([0.5], [answer])


def test_probabilities_that_are_none() -> None:
    with pytest.raises(DataError):
        score_answers([1.5], [True])
    with pytest.raises(DataError, match="1 probabilities and 2 answers"):
        score_answers([0.5], [True, False])
    with pytest.raises(UsageError):
        score_answers([0.5], [True], level=95)
