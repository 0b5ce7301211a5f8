"""Gaps in the records of a whole city."""

from __future__ import annotations

import numpy as np
import pytest

from peelian.audits.citywide import quiet_weeks, silent_days
from peelian.errors import UsageError

EDGES = np.datetime64("2020-01-06") + 7 * np.arange(105)


def test_no_gap_is_found_where_none_is() -> None:
    found = [
        len(quiet_weeks(np.random.default_rng(s).poisson(200, 104), EDGES, rate=0.05)) > 0 for s in range(30)
    ]
    assert sum(found) <= 5


def test_two_weeks_that_lost_a_third_are_found_with_their_dates() -> None:
    counts = np.random.default_rng(1).poisson(200, 104)
    counts[50:52] = counts[50:52] * 2 // 3
    found = quiet_weeks(counts, EDGES)
    assert len(found) == 1
    assert not found["more"].item()
    assert found["from"].item() == str(EDGES[50])
    assert found["to"].item() == str(EDGES[52])


def test_a_slow_season_is_no_gap() -> None:
    level = 200 * (1 + 0.4 * np.sin(np.arange(104) / 52 * 2 * np.pi))
    assert len(quiet_weeks(np.random.default_rng(2).poisson(level), EDGES)) == 0


def test_silent_days_are_told_from_rare_ones() -> None:
    rng = np.random.default_rng(0)
    every = np.datetime64("2020-01-01") + np.flatnonzero(rng.random(400) < 0.8)
    assert silent_days(every).empty
    gap = every[(every < np.datetime64("2020-06-01")) | (every >= np.datetime64("2020-06-15"))]
    found = silent_days(gap)
    assert found["days"].iloc[0] >= 14
    assert found["from"].iloc[0] <= "2020-06-01"
    assert silent_days(every[:1]).empty


def test_edges_must_fit() -> None:
    with pytest.raises(UsageError, match="one edge more"):
        quiet_weeks(np.ones(10), EDGES)
