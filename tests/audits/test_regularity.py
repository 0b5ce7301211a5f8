"""Places that are too regular: intervals, minutes of the day, and counts that don't scatter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from peelian.audits.regularity import evenness, interval_p, points_of, regularity, repeats_p
from peelian.errors import UsageError

from .simulated_records import START, made_frame, more, records_of


def test_the_index_of_dispersion_has_scipys_value_and_tail() -> None:
    rng = np.random.default_rng(0)
    counts = rng.multinomial(4000, np.full(80, 1 / 80), 400)
    fano, p = evenness(counts)
    theirs = [stats.chisquare(row) for row in counts]
    np.testing.assert_allclose(fano * 79, [t.statistic for t in theirs])
    # So many expected a week, the exact moments and the limit agree: 1 - p is scipy's upper tail.
    np.testing.assert_allclose(1 - p, [t.pvalue for t in theirs], atol=0.01)
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_few_records_a_week_give_the_tail_that_simulation_gives() -> None:
    rng = np.random.default_rng(1)
    _, p = evenness(rng.multinomial(60, np.full(40, 1 / 40), 4000))
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.015)


def test_counts_that_never_move_are_far_too_even() -> None:
    fano, p = evenness(np.full((1, 52), 3))
    assert fano[0] == 0
    assert p[0] < 1e-12
    assert evenness(np.zeros((1, 52)))[1][0] == 1


def test_repeats_are_as_frequent_as_two_poisson_counts_are_equal() -> None:
    rng = np.random.default_rng(2)
    mean = np.full((2000, 60), 4.0)
    times, by_chance, p = repeats_p(rng.poisson(mean), mean)
    assert times.mean() == pytest.approx(by_chance[0], rel=0.02)
    # Skellam's distribution, without both weeks empty.
    assert by_chance[0] == pytest.approx(59 * (stats.skellam(4, 4).pmf(0) - np.exp(-8)), rel=1e-9)
    assert np.mean(p < 0.05) < 0.08
    assert repeats_p(np.full((1, 60), 4), mean[:1])[2][0] < 1e-12


def test_a_series_every_seven_days_is_found_and_random_dates_are_not() -> None:
    rng = np.random.default_rng(3)
    p, gap, times = interval_p(np.arange(100, 170, 7))
    assert (gap, times) == (7, 9)
    assert p < 1e-6
    hidden = np.concatenate([np.arange(100, 240, 7), rng.integers(0, 500, 10)])
    assert interval_p(hidden)[0] < 1e-3
    chance = [interval_p(rng.integers(0, 500, 30))[0] for _ in range(300)]
    assert np.mean(np.array(chance) < 0.05) <= 0.05
    assert interval_p([1, 8, 15]) == (1.0, 0, 0)


def test_weekly_habits_of_a_place_that_is_busy_are_told_but_not_daily_ones() -> None:
    # Every day a record: the shortest interval that is looked for is two days.
    assert interval_p(np.arange(50))[0] == 1.0


def test_a_planted_series_stands_out_and_habits_do_not() -> None:
    frame = made_frame()
    quiet = points_of(records_of(frame))
    assert len(quiet.frame()) <= 1
    stamps = START.astype("datetime64[m]") + (7 * np.arange(10, 40)) * 1440 + 9 * 60 + 17
    x, y = float(frame["x"].iat[0]), float(frame["y"].iat[0])
    found = points_of(records_of(more(frame, stamps, x=x, y=y))).frame()
    mine = found[(found["x"] == x) & (found["y"] == y)]
    assert set(mine["kind"]) == {"interval", "clock"}
    assert set(mine["which"]) == {"7 days", "09:17"}


def test_one_event_that_makes_many_records_is_no_clock() -> None:
    frame = made_frame()
    once = np.repeat(np.datetime64("2021-06-06T13:37", "m"), 30)
    x, y = float(frame["x"].iat[5]), float(frame["y"].iat[5])
    found = points_of(records_of(more(frame, once, x=x, y=y))).frame()
    assert found[(found["x"] == x) & (found["kind"] == "clock")].empty


def test_a_point_with_more_records_is_judged_as_a_whole_new_look_would() -> None:
    frame = made_frame()
    seen = points_of(records_of(frame))
    stamps = (START.astype("datetime64[m]") + 7 * np.arange(10, 30) * 1440 + 557).astype(np.int64)
    assert seen.finds(stamps, np.zeros(20, dtype=np.int64))
    rng = np.random.default_rng(0)
    loose = (START.astype("datetime64[m]") + rng.integers(0, 500 * 1440, 20)).astype(np.int64)
    assert not seen.finds(loose, np.zeros(20, dtype=np.int64))
    assert not seen.finds(stamps[:4], np.zeros(4, dtype=np.int64))


def test_the_part_says_what_it_looked_at() -> None:
    part = regularity(records_of(made_frame()))
    assert part.looked > 300
    assert part.to_dict()["tables"]["stacked"]["of"] == 10
    assert "street-sweeping" in part.limits[0]
    assert part.sentences()[0]


def test_expectations_must_fit() -> None:
    with pytest.raises(UsageError):
        evenness(np.ones((2, 5)), np.zeros((2, 5)))
