"""Reporting delay: by hand, against brute force, and on worlds whose delays are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import UsageError
from peelian.records.delay import FEWEST, Delay, delay_distribution, reporting_gap
from peelian.records.incidents import Incidents

START = np.datetime64("2016-01-01")


def incidents(happened, reported, *, source="city", resolution="minute"):
    happened = np.asarray(happened, dtype="datetime64[us]")
    found = Incidents.of(
        np.zeros(happened.size),
        np.zeros(happened.size),
        happened,
        crs="EPSG:26915",
        zone="America/Chicago",
        source=source,
        resolution=resolution,
    ).frame
    found["reported"] = np.asarray(reported, dtype="datetime64[us]")
    return found


def made(*frames):
    joined = pd.concat(frames, ignore_index=True)
    joined["id"] = [str(i) for i in range(len(joined))]
    return Incidents(joined, "EPSG:26915", "America/Chicago")


def world(rng, days, *, per_day=20, mean=10.0, before=0):
    """Incidents of so many days, and before them; only those that were reported within the days are there."""
    day = rng.integers(-before, days, per_day * (days + before))
    minute = rng.integers(0, 1440, day.size)
    late = np.floor(rng.exponential(mean, day.size)).astype(int)
    there = (day + late < days) & (day + late >= 0)
    happened = START.astype("datetime64[m]") + (day * 1440 + minute)
    # On the day of the incident, at its last minute: never before it.
    reported = START.astype("datetime64[m]") + ((day + late) * 1440 + 1439)
    return happened[there], reported[there]


def right_gap(mean, length, share):
    """Of days that lie j days back, 1 - exp(-j / mean) of the floors are known."""
    gap = 0
    while np.mean(1 - np.exp(-(gap * length + np.arange(1, length + 1)) / mean)) < share:
        gap += 1
    return gap


@pytest.mark.parametrize("mean", [0.3, 3.0, 10.0, 25.0])
@pytest.mark.parametrize("frequency", ["1d", "1w", "4w"])
def test_the_gap_is_the_right_one(mean, frequency):
    found = reporting_gap(made(incidents(*world(np.random.default_rng(0), 500, mean=mean))), frequency)
    length = {"1d": 1, "1w": 7, "4w": 28}[frequency]
    assert found.known
    assert abs(found.gap - right_gap(mean, length, 0.9)) <= (0.05 * right_gap(mean, length, 0.9))
    for q, d in found.quantiles.items():
        assert d == pytest.approx(np.ceil(stats.expon.ppf(q, scale=mean)) - 1, abs=max(0.08 * mean * 5, 0.5))


def test_few_months_of_records_make_reports_look_quick_unless_their_age_is_heeded():
    happened, reported = world(np.random.default_rng(1), 90, mean=20.0, per_day=60)
    naive = np.quantile(
        (reported.astype("datetime64[D]") - happened.astype("datetime64[D]")).astype(int), 0.9
    )
    found = reporting_gap(made(incidents(happened, reported)), "1w")
    truth = np.ceil(stats.expon.ppf(0.9, scale=20.0)) - 1
    assert naive < truth - 5
    assert found.quantiles[0.9] == pytest.approx(truth, abs=3)
    assert found.gap == pytest.approx(right_gap(20.0, 7, 0.9), abs=1)


@pytest.mark.parametrize(
    ("days", "mean", "bound"),
    [(60, 60.0, True), (90, 60.0, True), (45, 30.0, True), (400, 10.0, False), (500, 25.0, False)],
)
def test_records_too_short_for_their_delays_say_that_it_may_take_longer(days, mean, bound):
    happened, reported = world(np.random.default_rng(4), days, mean=mean, per_day=60)
    found = reporting_gap(made(incidents(happened, reported)), "1w")
    assert found.bound is bound
    assert ("it may well take longer" in found.text) is bound
    truth = right_gap(mean, 7, 0.9)
    assert found.gap < truth - 2 if bound else abs(found.gap - truth) <= 1


def test_late_reports_of_what_happened_before_the_records_began_make_nothing_look_slow():
    happened, reported = world(np.random.default_rng(2), 300, mean=5.0, before=400)
    assert (happened < START).sum() > 50
    found = reporting_gap(made(incidents(happened, reported)), "1w")
    assert found.n == (happened >= START).sum()
    assert found.quantiles[0.9] == pytest.approx(11, abs=1)


def test_quick_reports_leave_nothing_out():
    day = START + np.arange(400)
    found = reporting_gap(made(incidents(day, day)), "1w")
    assert (found.gap, found.known, found.n) == (0, True, 400)
    assert set(found.quantiles.values()) == {0}
    assert found.text == (
        "90 % of the reports of a period of 1w are in when it ends, of those that come in within 300 days, by 400 "
        "records (50 % within 0, 90 % within 0, 95 % within 0, 99 % within 0 days)."
    )


def test_a_delay_of_just_three_days_by_hand():
    # Of the 7 days of a week that just ended, 4 are in (of day 4 back and more); a week later all.
    day = START + np.arange(400)
    frame = incidents(day, day + 3)
    assert reporting_gap(made(frame), "1w", share=0.57).gap == 0
    assert reporting_gap(made(frame), "1w", share=0.58).gap == 1
    assert [reporting_gap(made(frame), "1d", share=s).gap for s in (0.01, 0.99)] == [3, 3]
    assert reporting_gap(made(frame), "1mo", share=0.9).gap == 0
    assert reporting_gap(made(frame), "1mo", share=0.91).gap == 1


pairs = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda p: (min(p), max(p))), min_size=1, max_size=60
)


@given(pairs, st.integers(0, 14))
def test_the_distribution_is_the_product_limit(given_, longest):
    delay, age = (np.array(c) for c in zip(*given_, strict=True))
    found = delay_distribution(delay, age, longest=longest)
    for d in range(longest + 1):
        expected = 1.0
        for u in range(d + 1, longest + 1):
            at_risk = [x for x, a in given_ if x <= u <= a]
            if at_risk:
                expected *= 1 - at_risk.count(u) / len(at_risk)
        assert found[d] == pytest.approx(expected)
    assert np.all(np.diff(found) >= -1e-12)


@given(st.lists(st.integers(0, 10), min_size=1, max_size=50))
def test_with_all_old_enough_it_is_the_plain_distribution(delays):
    delay = np.array(delays)
    found = delay_distribution(delay, np.full(delay.size, 30), longest=10)
    assert found == pytest.approx([np.mean(delay <= d) for d in range(11)])


def test_sources_without_a_time_of_report_say_so():
    happened, reported = world(np.random.default_rng(0), 300)
    silent = incidents(happened, np.full(happened.size, np.datetime64("NaT")), source="silent")
    found = reporting_gap(made(silent), "1w")
    assert found == Delay(0, False, 0.9, "1w", unmeasured=("silent",))
    assert found.text == (
        "How late reports arrive is not known: no record says on which day an incident was reported. The latest "
        "periods may lack some."
    )
    both = reporting_gap(made(silent, incidents(happened, reported)), "1w")
    assert (both.known, both.unmeasured) == (True, ("silent",))
    assert both.text.endswith("Nothing is known of silent.")
    assert both.gap == reporting_gap(made(incidents(happened, reported)), "1w").gap


def test_months_of_report_tell_months_and_no_weeks():
    rng = np.random.default_rng(3)
    happened, reported = world(rng, 700, mean=25.0)
    by_month = incidents(happened, reported.astype("datetime64[M]").astype("datetime64[s]"), source="slmpd")
    weekly = reporting_gap(made(by_month), "1w")
    assert (weekly.known, weekly.unmeasured) == (False, ("slmpd",))
    monthly = reporting_gap(made(by_month), "1mo")
    assert (monthly.known, monthly.unit, monthly.unmeasured) == (True, "months", ())
    # A month that has just ended has about (1 - exp(-30 / 25)) of its reports on its first day, and less on its last.
    months = (reported.astype("datetime64[M]") - happened.astype("datetime64[M]")).astype(int)
    old = happened < np.datetime64("2017-03-01")
    in_by = [np.mean(months[old] <= m) for m in range(6)]
    assert monthly.gap == next(m for m, share in enumerate(in_by) if share >= 0.9)
    assert monthly.quantiles[0.5] == next(m for m, share in enumerate(in_by) if share >= 0.5)
    assert reporting_gap(made(by_month), "3mo").gap == (1 if np.mean(in_by[:3]) < 0.9 else 0)


def test_incidents_known_to_the_month_tell_no_days():
    day = START + np.arange(400)
    frame = incidents(day.astype("datetime64[M]"), day + 3, resolution="month")
    assert not reporting_gap(made(frame), "1w").known


def test_reports_before_the_incident_are_left_out_and_counted():
    day = START + np.arange(400)
    found = reporting_gap(made(incidents(day, day - (np.arange(400) % 10 == 5))), "1d")
    assert (found.odd, found.n, found.gap) == (40, 360, 0)


def test_too_few_or_too_young_records_tell_nothing():
    few = START + np.arange(FEWEST - 1)
    found = reporting_gap(made(incidents(few, few)), "1d")
    assert (found.known, found.n) == (False, FEWEST - 1)
    assert found.text.startswith("How late reports arrive is not known: 99 records that say on which day")
    young = np.repeat(START + np.arange(5), 100)
    assert not reporting_gap(made(incidents(young, young)), "1w").known
    assert reporting_gap(made(incidents(young, young)), "1d").known


def test_one_late_report_among_the_oldest_doesn_t_turn_all():
    """Of the product, the last terms are of few incidents: they must not decide."""
    day = np.repeat(START + np.arange(200), 2)
    late = np.zeros(day.size, dtype=int)
    late[0] = 199
    assert reporting_gap(made(incidents(day, day + late)), "1w").gap == 0


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_refuses(share):
    with pytest.raises(UsageError, match="between 0 and 1"):
        reporting_gap(made(incidents(START + np.arange(3), START + np.arange(3))), "1w", share=share)
