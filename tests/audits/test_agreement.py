"""Agreement of two reviewers: against scikit-learn, the published variance, and worked examples."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from peelian.audits.agreement import agreement
from peelian.errors import NotEnoughDataError

WORDS = np.array(["match", "no_match", "unsure"])


def drawn(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.choice(WORDS, n, p=[0.6, 0.3, 0.1])
    return first, np.where(rng.random(n) < 0.7, first, rng.choice(WORDS, n))


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed: int) -> None:
    first, second = drawn(seed)
    made = agreement(first, second)
    assert made.kappa[0] == pytest.approx(cohen_kappa_score(first, second))
    assert made.share[0] == pytest.approx(np.mean(first == second))


def test_its_interval_is_that_of_fleiss_cohen_and_everitt() -> None:
    first, second = drawn(1, n=2000)
    table = np.array([[np.mean((first == a) & (second == b)) for b in WORDS] for a in WORDS])
    rows, columns, observed = table.sum(axis=1), table.sum(axis=0), np.trace(table)
    chance = rows @ columns
    diagonal = sum(
        table[i, i] * ((1 - chance) - (rows[i] + columns[i]) * (1 - observed)) ** 2 for i in range(3)
    )
    off = sum(table[i, j] * (columns[i] + rows[j]) ** 2 for i in range(3) for j in range(3) if i != j)
    variance = diagonal + (1 - observed) ** 2 * off - (observed * chance - 2 * chance + observed) ** 2
    error = np.sqrt(variance / 2000) / (1 - chance) ** 2
    value, low, high = agreement(first, second).kappa
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.01)
    assert low < value < high


def test_ac1_of_a_worked_example() -> None:
    # Gwet (2008): 125 cases, of which two reviewers agree on 118 yes; kappa is -0.02 and AC1 0.94.
    first = ["yes"] * 118 + ["yes"] * 5 + ["no"] * 2
    second = ["yes"] * 118 + ["no"] * 5 + ["yes"] * 2
    made = agreement(first, second)
    share = (2 * 118 + 7) / 250
    chance = 2 * share * (1 - share)
    assert made.ac1[0] == pytest.approx((118 / 125 - chance) / (1 - chance))
    assert made.ac1[0] == pytest.approx(0.94, abs=0.005)
    assert made.kappa[0] == pytest.approx(-0.0234, abs=5e-4)


def test_the_interval_covers_and_clusters_widen_it() -> None:
    rng, runs, held = np.random.default_rng(2), 200, 0
    # Both decide by what is there with chance 0.8 each, else by a coin: kappa of halves is 0.8 squared.
    for _ in range(runs):
        truth = rng.integers(0, 2, 300)
        a, b = (np.where(rng.random(300) < 0.8, truth, rng.integers(0, 2, 300)) for _ in range(2))
        _, low, high = agreement(a, b).kappa
        held += low <= 0.64 <= high
    assert 0.91 <= held / runs <= 0.99
    first, second = drawn(3, n=100)
    tripled = agreement(np.tile(first, 3), np.tile(second, 3), token=np.tile(np.arange(100), 3))
    once = agreement(first, second)
    assert tripled.kappa == pytest.approx(once.kappa, abs=2e-3)


def test_where_both_always_say_the_same_there_is_no_kappa() -> None:
    made = agreement(["match"] * 20, ["match"] * 20)
    assert (made.share[0], made.kappa, made.ac1) == (1.0, None, None)
    with pytest.raises(NotEnoughDataError, match="two on each"):
        agreement(["match"], ["match"])
