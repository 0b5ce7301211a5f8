"""The season: known ones found with their intervals, a trend not taken for one, and months with too little."""

from __future__ import annotations

import json

import numpy as np
import pytest

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.seasonality import MONTHS, seasonality
from peelian.records import Incidents

TRUE = np.array([0.8, 0.7, 0.9, 1.0, 1.1, 1.2, 1.3, 1.2, 1.1, 1.0, 0.9, 0.8])
TRUE = TRUE / TRUE.mean()


def incidents_of(counts, *, first="2012-01", resolution="month", seed=0) -> Incidents:
    """Reports of each month from the first on, at any day of it."""
    month = np.datetime64(first, "M") + np.repeat(np.arange(len(counts)), counts)
    time = month.astype("datetime64[s]")
    if resolution != "month":
        day = np.random.default_rng(seed).integers(0, 28, time.size)
        time = time + day.astype("timedelta64[D]")
    zero = np.zeros(time.size)
    return Incidents.of(zero, zero, time, crs="EPSG:26915", zone="Europe/London", resolution=resolution)


def drawn(
    seed: int, years: int = 5, level: float = 100, growth: float = 0.0, season=TRUE, dispersion: float = 2.0
):
    rng = np.random.default_rng(seed)
    edges = (np.datetime64("2012-01", "M") + np.arange(12 * years + 1)).astype("datetime64[D]")
    days = np.diff(edges).astype(float) / 30.44
    mean = level * days * np.tile(season, years) * np.exp(growth * np.arange(12 * years) / 12)
    return rng.negative_binomial(mean / (dispersion - 1), 1 / dispersion)


def test_intervals_hold_the_true_season_as_often_as_they_say():
    held, overall = [], []
    for seed in range(50):
        found = seasonality(incidents_of(drawn(seed, growth=0.3)))
        held.append((found.low <= TRUE) & (found.high >= TRUE))
        overall.append(found.overall)
    assert np.mean(held) == pytest.approx(0.95, abs=0.035)
    assert max(overall) < 0.001


def test_without_a_season_none_is_told_even_on_a_trend():
    p = [seasonality(incidents_of(drawn(seed, growth=0.5, season=np.ones(12)))).overall for seed in range(60)]
    assert np.mean(np.array(p) < 0.05) < 0.14
    assert 0.35 < np.mean(p) < 0.65
    quiet = seasonality(incidents_of(np.full(36, 40)))
    assert "no season" in quiet.sentence() or quiet.ratio.max() < 1.1


def test_the_sentence_names_the_highest_and_the_lowest_month():
    found = seasonality(incidents_of(drawn(1, level=2000, dispersion=1.01)))
    assert "July" in found.sentence()
    assert "February" in found.sentence()
    assert found.frame["month"].iloc[0] == "July"
    assert found.ratio == pytest.approx(TRUE, abs=0.06)
    assert found.frame["differs"].sum() >= 8
    assert found.ratio.mean() == pytest.approx(1)


def test_a_longer_month_is_not_a_busier_one():
    edges = (np.datetime64("2012-01", "M") + np.arange(61)).astype("datetime64[D]")
    found = seasonality(incidents_of(np.diff(edges).astype(int) * 20))
    assert found.ratio == pytest.approx(np.ones(12), abs=1e-6)
    assert found.overall > 0.9


def test_broken_and_stray_months_at_the_ends_are_left_out_and_told():
    counts = drawn(2, years=3)
    stray = np.concatenate([[1], np.zeros(40, int), [2], counts])
    found = seasonality(incidents_of(stray, first="2008-07"))
    assert str(found.first) == "2012-01"
    assert found.counts.tolist() == counts.tolist()
    assert found.outside == 3
    assert any("3 reports in broken or nearly empty months" in text for text in found.limits)
    days = incidents_of(counts, resolution="day")
    cut = days.where(start="2012-01-15", end="2014-12-10")
    part = seasonality(cut.where(start="2012-01-20"))
    assert str(part.first) == "2012-02"
    assert part.counts.size == 34
    assert part.outside > 0


def test_the_months_of_the_year_follow_the_calendar_wherever_the_records_begin():
    found = seasonality(incidents_of(drawn(3, years=5, level=1000)[5:], first="2012-06"))
    assert np.argmax(found.ratio) == MONTHS.index("July")
    assert str(found.months[0]) == "2012-06"


def test_less_than_two_years_cannot_tell():
    with pytest.raises(NotEnoughDataError, match="fewer than 24"):
        seasonality(incidents_of(np.full(23, 30)))
    with pytest.raises(NotEnoughDataError, match="0 whole months"):
        seasonality(incidents_of(np.zeros(0, int)))
    never = np.tile([5] * 6 + [0] + [5] * 5, 3)
    with pytest.raises(NotEnoughDataError, match="any July"):
        seasonality(incidents_of(never))
    with pytest.raises(UsageError, match="level"):
        seasonality(incidents_of(np.full(24, 30)), level=2)


def test_nearly_all_reports_in_one_month():
    counts = np.full(36, 3)
    counts[17] = 200_000
    # Only the full month is left: what is under a quarter of it at the ends counts as stray.
    with pytest.raises(NotEnoughDataError, match="fewer than 24"):
        seasonality(incidents_of(counts))


def test_plain_data_the_table_and_the_picture():
    found = seasonality(incidents_of(drawn(4, years=2)))
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(told["counts"]) == told["months"] == 24
    assert any("2.0 years" in text for text in told["limits"])
    assert "<table" in found._repr_html_()
    pytest.importorskip("matplotlib")
    assert found.plot().get_ylabel()
