from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.false_alarms import false_alarms, shuffled
from peelian.places import Counts, Grid, Periods

CRS = "EPSG:26915"
GRID = Grid(CRS, 500.0, 0, 0, (10, 10))


def counts(seed: int = 0, *, bursts: int = 0, periods: int = 150) -> Counts:
    rng = np.random.default_rng(seed)
    made = rng.poisson(np.repeat(rng.gamma(1, 0.5, (100, 1)), periods, axis=1))
    for _ in range(bursts):
        cell, at = rng.integers(100), rng.integers(60, periods - 3)
        made[cell, at : at + 3] += 6
    span = Periods.covering("2010-01-04", np.datetime64("2010-01-04") + 7 * periods, "1w")
    return Counts(GRID, span, sparse.csc_array(made))


@settings(max_examples=20)
@given(
    seed=st.integers(0, 100),
    how=st.sampled_from(["shuffle", "shift"]),
    n=st.integers(1, 9),
    m=st.integers(1, 15),
)
def test_each_cell_keeps_its_counts(seed: int, how: str, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    made = rng.poisson(0.7, (n, m))
    mixed = shuffled(sparse.csc_array(made), how=how, rng=rng).todense()  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.sort(mixed, axis=1), np.sort(made, axis=1))
    if how == "shift":
        for before, after in zip(made, mixed, strict=True):
            assert any(np.array_equal(np.roll(before, k), after) for k in range(m))


def test_shuffling_moves_the_periods() -> None:
    made = sparse.csc_array(np.tile(np.arange(50), (30, 1)))
    mixed = shuffled(made, how="shuffle", rng=np.random.default_rng(0)).todense()
    assert len({tuple(row) for row in mixed}) == 30
    assert abs(np.corrcoef(mixed[0], np.arange(50))[0, 1]) < 0.5


def test_alarms_on_real_bursts_and_few_where_time_was_shuffled() -> None:
    found = false_alarms(
        counts(bursts=12), weeks=6, nearest=20, replicates=199, looks=60, shufflings=2, scatter=1.1
    )
    assert found.looks == 60
    assert found.real >= 10
    assert np.mean(found.shuffled) <= found.real / 3
    assert found.real_a_year == pytest.approx(found.real / 60 * 365.2425 / 7)
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["shuffled"] == list(found.shuffled)


def test_chance_that_matches_the_past_has_few_alarms_where_nothing_emerged() -> None:
    found = false_alarms(
        counts(seed=2), weeks=6, nearest=20, replicates=199, looks=40, shufflings=1, how="shift"
    )
    assert found.real <= 4
    assert found.shuffled_a_year <= 6


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="how"):
        shuffled(sparse.csc_array(np.ones((2, 2))), how="stir", rng=np.random.default_rng(0))  # type: ignore[arg-type]
    with pytest.raises(NotEnoughDataError, match="past look"):
        false_alarms(counts(periods=30), weeks=6, replicates=99)
