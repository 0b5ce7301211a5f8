"""Last digits: against scipy, against habits, and against a program that draws minutes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from peelian.audits.digits import area_digits, digits, last_digits, snapped_to, uniformity
from peelian.errors import UsageError

from .simulated_records import made_frame, records_of


def test_uniformity_is_scipys_chi_square() -> None:
    counts = last_digits(np.random.default_rng(0).integers(0, 60, 3000))
    wanted = stats.chisquare(counts)
    statistic, p, v = uniformity(counts)
    assert (statistic, p) == (wanted.statistic, wanted.pvalue)
    assert v == pytest.approx(np.sqrt(wanted.statistic / 3000 / 9))
    assert uniformity([30, *[0] * 9])[2] == pytest.approx(1.0)
    with pytest.raises(UsageError):
        uniformity([0] * 10)


@pytest.mark.parametrize("step", [100.0, 10.0, 1.0])
def test_the_step_that_coordinates_were_rounded_to_is_found(step: float) -> None:
    rng = np.random.default_rng(0)
    exact = rng.uniform(800_000, 900_000, 500)
    assert snapped_to(np.round(exact / step) * step) == step
    assert snapped_to(np.round(exact / step) * step + rng.normal(0, 1e-4, 500)) == step
    assert snapped_to(exact) is None
    assert snapped_to([]) is None


def _habit(rng: np.random.Generator, n: int, category: np.ndarray) -> np.ndarray:
    """One category is written to the half hour, the other to five minutes."""
    coarse = rng.choice([0, 30], n)
    return np.where(category == 0, coarse, rng.choice(np.arange(0, 60, 5), n))


def test_areas_with_the_same_habits_give_no_more_alarms_than_the_rate() -> None:
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        area = rng.integers(0, 30, 6000)
        # Areas differ in their categories, which is no sign of anything.
        category = (rng.random(6000) < area / 40).astype(np.int64)
        found = area_digits(_habit(rng, 6000, category), area, category, 30, rate=0.1)
        alarms += bool(np.any(found.q <= 0.1))
    assert alarms <= 9


def test_made_up_minutes_are_found_where_they_are() -> None:
    rng = np.random.default_rng(1)
    area = rng.integers(0, 30, 9000)
    category = rng.integers(0, 2, 9000)
    minute = _habit(rng, 9000, category)
    minute[area == 7] = rng.integers(0, 60, int((area == 7).sum()))
    found = area_digits(minute, area, category, 30, rate=0.05)
    assert np.flatnonzero(found.q <= 0.05).tolist() == [7]
    # A changed area gets what a whole new look would give it.
    changed = found.counts[3].copy()
    changed[:, 7] += 40
    assert found.finds(3, found.again(3, changed))
    assert not found.finds(3, found.again(3, found.counts[3]))


def test_an_area_with_few_records_is_not_judged() -> None:
    rng = np.random.default_rng(2)
    area = np.concatenate([rng.integers(0, 5, 1000), np.full(20, 5)])
    minute = np.concatenate([np.zeros(1000, dtype=np.int64), rng.integers(0, 60, 20)])
    found = area_digits(minute, area, np.zeros(1020, dtype=np.int64), 6, rate=0.05)
    assert found.p[5] == 1


def test_the_part_tells_habits_apart_from_signs() -> None:
    records = records_of(made_frame())
    part = digits(records)
    assert part.standing == 0
    assert "habit" in part.sentences()[1]
    habits = part.tables["habits"].set_index("what")
    assert (
        habits.loc["on the hour or half past", "share"]
        > 2 * habits.loc["on the hour or half past", "by_chance"]
    )
    assert "another CRS" in part.sentences()[2]
    assert "Benford" in part.limits[0]
    snapped = np.round(records.frame["x"].to_numpy() / 100) * 100
    told = digits(records, source_xy=(snapped, snapped), source_unit="feet")
    assert "100 feet" in told.sentences()[2]
