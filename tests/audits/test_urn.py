"""The urn of two areas against its known answers: published figures, Pólya's limit, and every path of a short urn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.urn import two_area_urn
from peelian.errors import UsageError

RUNS = 2000


def test_naive_learning_runs_away_from_a_share_of_0_60() -> None:
    urn = two_area_urn((0.6, 0.4), runs=RUNS)
    assert urn.true_share == pytest.approx(0.6)
    # The figures to come back to are from a simulation too, of some number of runs: both sides have their own error.
    assert urn.mean == pytest.approx(0.911, abs=3 * math.sqrt(2) * urn.sd / math.sqrt(RUNS))
    assert urn.above(0.9) == pytest.approx(0.72, abs=3 * math.sqrt(2 * 0.72 * 0.28 / RUNS))


def test_corrected_learning_stays_at_the_true_share() -> None:
    urn = two_area_urn((0.6, 0.4), learning="corrected", runs=RUNS)
    assert urn.mean == pytest.approx(0.6, abs=4 * 0.01 / math.sqrt(RUNS) + 0.0005)
    assert urn.sd == pytest.approx(0.01, rel=0.08)
    assert urn.above(0.9) == 0


def test_equal_rates_scatter_when_learned_naively_and_not_when_corrected() -> None:
    naive = two_area_urn((0.5, 0.5), runs=RUNS)
    # The standard deviation of a uniform share over n runs has a standard error of sd * sqrt(0.2 / n).
    assert naive.sd == pytest.approx(0.287, abs=4 * 0.287 * math.sqrt(0.2 / RUNS))
    assert naive.sd == pytest.approx(math.sqrt(1 / 12), abs=0.02)
    assert naive.mean == pytest.approx(0.5, abs=4 * 0.287 / math.sqrt(RUNS))
    corrected = two_area_urn((0.5, 0.5), learning="corrected", runs=RUNS)
    assert corrected.sd == pytest.approx(0.01, rel=0.08)
    assert corrected.mean == pytest.approx(0.5, abs=0.002)


def exact(rates: tuple[float, float], *, steps: int, corrected: bool) -> dict[tuple[int, int], float]:
    """The chance of each number of balls after some steps, by following every path."""
    held = {(1, 1): 1.0}
    for _ in range(steps):
        after: dict[tuple[int, int], float] = {}
        for (a, b), chance in held.items():
            p = a / (a + b)
            up = rates[0] * p * ((1 - p) if corrected else 1)
            other = rates[1] * (1 - p) * (p if corrected else 1)
            for state, part in (((a + 1, b), up), ((a, b + 1), other), ((a, b), 1 - up - other)):
                after[state] = after.get(state, 0.0) + chance * part
        held = after
    return held


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("rates", [(0.6, 0.4), (0.5, 0.5), (1.0, 0.2)])
def test_a_short_urn_has_the_distribution_of_all_its_paths(
    rates: tuple[float, float], corrected: bool
) -> None:
    held = exact(rates, steps=30, corrected=corrected)
    shares = np.array([a / (a + b) for a, b in held])
    chances = np.array(list(held.values()))
    mean = float(shares @ chances)
    sd = math.sqrt(float((shares - mean) ** 2 @ chances))
    urn = two_area_urn(rates, learning="corrected" if corrected else "naive", steps=30, runs=20_000)
    assert urn.mean == pytest.approx(mean, abs=4 * sd / math.sqrt(20_000))
    assert urn.sd == pytest.approx(sd, rel=0.03)
    over = float(chances[shares > 0.7].sum())
    assert urn.above(0.7) == pytest.approx(over, abs=4 * math.sqrt(over * (1 - over) / 20_000) + 1e-9)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.05, 1), st.floats(0.05, 1), st.sampled_from(["naive", "corrected"]), st.integers(0, 5))
def test_shares_are_shares_and_the_same_each_time(a: float, b: float, learning: str, seed: int) -> None:
    one, two = (
        two_area_urn((a, b), learning=learning, steps=40, runs=30, seed=seed)  # type: ignore[arg-type]
        for _ in range(2)
    )
    assert np.all((one.shares > 0) & (one.shares < 1))
    assert np.array_equal(one.shares, two.shares)


def test_what_is_told_is_plain() -> None:
    told = two_area_urn(steps=10, runs=5).to_dict()
    assert told["runs"] == 5
    assert all(isinstance(value, (str, int, float)) for value in told.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"rates": (0.0, 0.0)},
        {"rates": (1.2, 0.4)},
        {"start": (0.0, 1.0)},
        {"steps": 0},
        {"runs": 0},
        {"learning": "hopeful"},
    ],
)
def test_settings_that_are_off_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError, match="was given|were given"):
        two_area_urn(**wrong)
