"""The rhythm of the week: planted rhythms found, clumps without rhythm not, and intervals that hold."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.errors import NotEnoughDataError, ResolutionError, UsageError
from peelian.patterns.profile import _p_values, _turned, time_profile
from peelian.records import Incidents

MONDAY = np.datetime64("2018-01-01T00:00:00")


def incidents_at(seconds, *, resolution="minute") -> Incidents:
    time = MONDAY + np.asarray(seconds).astype("timedelta64[s]")
    zero = np.zeros(time.size)
    return Incidents.of(zero, zero, time, crs="EPSG:26915", zone="Etc/UTC", resolution=resolution)


def flat(rng, weeks: int, n: int, clump: int = 1) -> np.ndarray:
    """Reports at any time, in clumps of six hours."""
    parents = rng.random(n // clump) * weeks * 7 * 86_400
    t = parents.repeat(clump) + rng.random(n // clump * clump) * 6 * 3600
    return t[t < weeks * 7 * 86_400]


def rhythmic(rng, weeks: int, n: int) -> np.ndarray:
    """A third of the reports on Friday and Saturday from 21:00 to 24:00."""
    night = rng.integers(0, weeks, n // 3) * 7 * 86_400 + rng.choice([4, 5], n // 3) * 86_400 + 21 * 3600
    return np.concatenate([flat(rng, weeks, n - n // 3), night + rng.random(n // 3) * 3 * 3600])


def test_a_planted_rhythm_is_found_where_it_is():
    found = time_profile(incidents_at(rhythmic(np.random.default_rng(0), 52, 3000)))
    planted = np.zeros(168, bool)
    for day in (4, 5):
        planted[day * 24 + 21 : day * 24 + 24] = True
    assert found.above[planted].all()
    assert found.above[~planted].mean() < 0.06
    truth = 168 / 6 / 3 + 2 / 3
    assert np.mean((found.low <= truth)[planted] & (truth <= found.high)[planted]) > 0.6
    top = found.stretches.head(2)
    assert set(top["from"]) == {"Friday 21:00-22:00", "Saturday 21:00-22:00"}
    assert "even share" in found.sentence()
    days = time_profile(incidents_at(rhythmic(np.random.default_rng(0), 52, 3000)), by="weekday")
    assert np.flatnonzero(days.above).tolist() == [4, 5]
    hours = time_profile(incidents_at(rhythmic(np.random.default_rng(0), 52, 3000)), by="hour")
    assert np.flatnonzero(hours.above).tolist() == [21, 22, 23]


def test_clumps_without_a_rhythm_are_not_called_one():
    """Six reports at a time: independent reports would make a third of the weekdays stand out."""
    rng = np.random.default_rng(1)
    raw, held, naive = [], [], []
    for k in range(40):
        seconds = flat(rng, 52, 900, clump=6)
        found = time_profile(incidents_at(seconds), by="weekday", permutations=99, seed=k)
        raw.append(np.mean(found.p <= 0.05))
        held.append(np.mean((found.low <= 1) & (found.high >= 1)))
        even = found.reports.mean()
        naive.append(np.mean(np.abs(found.reports - even) > 1.96 * np.sqrt(even * 6 / 7)))
    assert np.mean(raw) < 0.09
    assert np.mean(held) > 0.9
    assert np.mean(naive) > 0.2


def test_p_is_the_rank_among_all_replicates_and_the_observed():
    rng = np.random.default_rng(2)
    weights = rng.poisson(1.0, (10, 7)).astype(float)
    turns = np.random.default_rng(5).integers(0, 7, (49, 10))
    drawn = np.array([sum(np.roll(weights[w], -t[w]) for w in range(10)) for t in turns])
    assert np.allclose(_turned(weights, turns), drawn)
    totals = weights.sum(axis=0)
    everything = np.concatenate([drawn.ravel(), totals])
    expected = [(everything >= t).mean() for t in totals]
    assert np.allclose(_p_values(weights, 49, 5), expected)
    assert _p_values(weights, 49, 5).min() >= 1 / (50 * 7)


def test_intervals_are_about_those_of_drawing_weeks_anew():
    rng = np.random.default_rng(3)
    seconds = rhythmic(rng, 100, 4000)
    found = time_profile(incidents_at(seconds), by="weekday")
    weekly = np.zeros((100, 7))
    np.add.at(weekly, ((seconds // (7 * 86_400)).astype(int), (seconds // 86_400 % 7).astype(int)), 1)
    drawn = np.array([weekly[rng.integers(0, 100, 100)].sum(axis=0) for _ in range(3000)])
    ratio = drawn / drawn.mean(axis=1, keepdims=True)
    low, high = np.quantile(ratio, [0.025, 0.975], axis=0)
    assert np.allclose(found.low, low, atol=0.04)
    assert np.allclose(found.high, high, atol=0.04)


def test_ups_and_downs_of_the_level_do_not_widen_the_ratio():
    rng = np.random.default_rng(4)
    steady = flat(rng, 40, 2000)
    rising = np.concatenate([flat(rng, 40, 400), flat(rng, 10, 1600) + 30 * 7 * 86_400])
    widths = [
        (p.high - p.low).mean()
        for p in (time_profile(incidents_at(s), by="weekday", permutations=19) for s in (steady, rising))
    ]
    assert widths[1] < 1.35 * widths[0]


def test_only_whole_weeks_count_and_the_rest_is_told():
    rng = np.random.default_rng(5)
    seconds = np.concatenate([flat(rng, 10, 300), [10 * 7 * 86_400 + 5], [-3 * 86_400.0]])
    found = time_profile(incidents_at(seconds), by="hour", permutations=99)
    assert found.weeks == 10
    assert found.outside == 2
    assert str(found.first) == "2018-01-01"
    assert found.reports.sum() == pytest.approx(seconds.size - 2)
    far = time_profile(incidents_at(np.append(seconds, -1e8)), by="hour", permutations=19)
    assert far.empty > 100
    assert any("dated before the records begin" in text for text in far.limits)


@settings(max_examples=10)
@given(st.integers(0, 1000), st.sampled_from(["hour_of_week", "hour", "weekday"]))
def test_ratios_average_one_and_the_data_is_plain(seed, by):
    rng = np.random.default_rng(seed)
    found = time_profile(incidents_at(flat(rng, 11, 60)), by=by, permutations=19, seed=seed)
    assert found.ratio.mean() == pytest.approx(1)
    assert np.all((found.low <= found.ratio + 1e-9) & (found.ratio <= found.high + 1e-9))
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(told["ratio"]) == len(told["names"]) == {"hour_of_week": 168, "hour": 24, "weekday": 7}[by]
    again = time_profile(
        incidents_at(flat(np.random.default_rng(seed), 11, 60)), by=by, permutations=19, seed=seed
    )
    assert again.to_dict() == found.to_dict()


def test_the_table_and_the_picture():
    found = time_profile(incidents_at(rhythmic(np.random.default_rng(0), 20, 600)), permutations=99)
    assert found.frame["ratio"].is_monotonic_decreasing
    assert "<table" in found._repr_html_()
    pytest.importorskip("matplotlib")
    for by in ("hour_of_week", "hour", "weekday"):
        each = time_profile(incidents_at(flat(np.random.default_rng(1), 11, 90)), by=by, permutations=19)
        assert each.plot().get_xlabel()


def test_too_little_and_too_coarse():
    with pytest.raises(NotEnoughDataError, match="at least 8 weeks"):
        time_profile(incidents_at([]))
    with pytest.raises(NotEnoughDataError, match="whole weeks"):
        time_profile(incidents_at([0, 86_400 * 20]))
    days = incidents_at(np.arange(100) * 86_400, resolution="day")
    with pytest.raises(ResolutionError, match="known to the day"):
        time_profile(days, by="hour")
    assert time_profile(days, by="weekday", permutations=19).weeks == 14
    months = incidents_at(np.arange(100) * 86_400, resolution="month")
    with pytest.raises(ResolutionError, match="known to the month"):
        time_profile(months, by="weekday")
    with pytest.raises(UsageError, match="by="):
        time_profile(days, by="minute")
