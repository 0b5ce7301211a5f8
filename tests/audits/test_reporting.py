from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.finding import Threshold
from peelian.audits.reporting import ReportingAudit, reporting_audit
from peelian.errors import DataError, NotEnoughDataError, UsageError

from .cities import City, city

INCIDENTS = 5.0


def audit(place: City, hours: np.ndarray, reports: np.ndarray, **more: object) -> ReportingAudit:
    given = {"residents": place.residents, "reference": "b", "block": place.block, "replicates": 400, **more}
    return reporting_audit(hours, reports=reports, **given)  # type: ignore[arg-type]


def finding(found: ReportingAudit, name: str):  # type: ignore[no-untyped-def]
    return next(one for one in found.findings if one.id == name)


@pytest.mark.parametrize("planted", [0.4, 1.7])
def test_hours_that_follow_reports_flip_at_the_planted_gap_where_incidents_are_even(planted: float) -> None:
    place = city()
    reports = INCIDENTS * 0.5 * (1 - place.share + planted * place.share)
    found = audit(place, 3 * reports, reports)
    assert finding(found, "reporting_flip/exposure/a").value == pytest.approx(planted, rel=1e-4)
    undone = found.curve[found.curve["finding"] == "exposure"]
    assert (np.diff(undone["ratio"]) < 0).all()


@pytest.mark.parametrize("planted", [0.4, 1.7])
def test_hours_that_follow_incidents_flip_at_exactly_the_planted_gap(planted: float) -> None:
    place = city(seed=4)
    incidents = np.full(place.share.size, INCIDENTS) * (1 + place.share)
    reports = incidents * 0.6 * (1 - place.share + planted * place.share)
    found = audit(place, 2 * incidents, reports)
    need = finding(found, "reporting_flip/need/a")
    assert need.value == pytest.approx(planted, rel=1e-4)
    assert (need.details["ratio_without_a_gap"] > 1) == (planted < 1)
    assert finding(found, "need_ratio/reported_by_residents/a").value == pytest.approx(
        need.details["ratio_without_a_gap"]
    )


def test_in_a_segregated_city_the_flip_points_have_a_closed_form() -> None:
    place = city(segregated=True)
    a = place.share == 1
    hours, reports = np.where(a, 3.0, 2.0), np.where(a, 6.0, 5.0)
    found = audit(place, hours, reports)
    assert finding(found, "reporting_flip/exposure/a").value == pytest.approx(1.5, rel=1e-6)
    assert finding(found, "reporting_flip/need/a").value == pytest.approx((6 / 5) / (3 / 2), rel=1e-6)
    bounds = finding(found, "reporting_bounds/exposure_by_groups/a")
    assert bounds.details["identified"] == pytest.approx([1.5 * 3 / 7, 1.5 * 7 / 3], rel=1e-6)
    by_place = finding(found, "reporting_bounds/exposure_by_places/a")
    assert by_place.details["identified"] == pytest.approx([1.5 * 3 / 7, 1.5 * 7 / 3], rel=1e-6)
    assert "1.5 times as often" in " ".join(found.sentences())


def test_the_margin_brings_1_into_the_interval() -> None:
    place = city(seed=2)
    rng = np.random.default_rng(5)
    reports = rng.gamma(4, 1, place.share.size) * (1 + 3 * place.share)
    found = audit(place, reports, reports, replicates=2000)
    margin = finding(found, "reporting_margin/exposure/a").value
    assert margin > 1
    undone = reports / (1 - place.share + margin * place.share)
    again = audit(place, undone, reports, replicates=2000)
    row = again.frame.set_index("finding").loc["exposure"]
    assert row["low"] == pytest.approx(1.0, abs=0.005)
    assert row["ratio"] > 1.05


@settings(max_examples=15)
@given(st.integers(0, 1000))
def test_bounds_hold_what_any_reporting_in_the_range_would_give(seed: int) -> None:
    place = city(12, seed=1)
    rng = np.random.default_rng(seed)
    hours = rng.gamma(1, 1, place.share.size)
    found = audit(place, hours, hours, replicates=20, plausible=(0.4, 0.8))
    a, b = (place.residents[g] for g in "ab")
    low, high = finding(found, "reporting_bounds/exposure_by_places/a").details["identified"]
    rate = rng.uniform(0.4, 0.8, hours.size)
    assert low <= (hours / rate @ a / a.sum()) / (hours / rate @ b / b.sum()) <= high
    least, most = finding(found, "reporting_bounds/exposure_by_groups/a").details["identified"]
    assert low <= least * (1 + 1e-9)
    assert most <= high * (1 + 1e-9)
    ra, rb = rng.uniform(0.4, 0.8, 2)
    rate = place.share * ra + (1 - place.share) * rb
    assert least - 1e-3 <= (hours / rate @ a / a.sum()) / (hours / rate @ b / b.sum()) <= most + 1e-3


def test_officers_own_records_are_shown_and_change_nothing_else() -> None:
    place = city(seed=3)
    rng = np.random.default_rng(0)
    hours, reports = rng.gamma(1, 1, (2, place.share.size))
    alone = audit(place, hours, reports)
    beside = audit(place, hours, reports, officer_initiated=5 * place.share**2)
    kept = {one.id: one.to_dict() for one in alone.findings}
    assert {
        k: {**one.to_dict()}["value"] for k, one in ((o.id, o) for o in beside.findings) if k in kept
    } == {k: v["value"] for k, v in kept.items()}
    assert {one.id for one in beside.findings} - set(kept) == {
        "need_ratio/with_officer_initiated/a",
        "need_ratio/officer_initiated_alone/a",
    }
    own = finding(beside, "need_ratio/officer_initiated_alone/a").value
    assert own < finding(beside, "need_ratio/reported_by_residents/a").value
    assert any("were not given" in limit for limit in alone.limits)


def test_nothing_within_reach_is_said() -> None:
    place = city(seed=6)
    found = audit(place, 0.01 + place.share**8, np.ones(place.share.size), widest=1.5)
    one = finding(found, "reporting_flip/exposure/a")
    assert one.value is None
    assert "up to a factor of 1.5" in one.limits[0]
    assert "would reverse that" in " ".join(found.sentences())


def test_a_group_of_twelve_gets_no_number_and_is_listed() -> None:
    place = city()
    residents = place.residents.assign(c=12 / len(place.residents))
    found = audit(place._replace(residents=residents), np.ones(576), np.ones(576))
    small = finding(found, "reporting_flip/exposure/c")
    assert small.value is None
    assert "fewer than 100 c residents" in small.limits[0]
    assert finding(found, "need_ratio/reported_by_residents/c").value is None


def test_equal_hours_and_reports_are_no_finding() -> None:
    found = audit(city(), np.ones(576), np.ones(576))
    assert finding(found, "reporting_flip/exposure/a").value == pytest.approx(1.0)
    assert finding(found, "reporting_margin/exposure/a").value == 1.0


def test_thresholds_decide() -> None:
    place = city(segregated=True)
    hours = np.where(place.share == 1, 3.0, 2.0)
    held = {
        "reporting_margin": Threshold(1.2, "the board", "2026-01-01"),
        "need_ratio": Threshold(1.25, "the board", "2026-01-01"),
    }
    found = audit(place, hours, np.ones(576), thresholds=held)
    assert finding(found, "reporting_margin/exposure/a").passes is True
    assert finding(found, "need_ratio/reported_by_residents/a").passes is False
    assert found.passes is False


def test_the_same_bytes_each_time_and_clean_json() -> None:
    place = city()
    given = (place, place.share, 1 + place.share)
    first, second = (json.dumps(audit(*given).to_dict(), allow_nan=False) for _ in range(2))
    assert first == second
    assert len(first) < 40_000
    assert audit(*given, seed=1).to_dict() != json.loads(first)


def test_what_is_off_is_refused() -> None:
    place, one = city(), np.ones(576)
    with pytest.raises(UsageError, match="one number a unit"):
        audit(place, one[:5], one)
    with pytest.raises(DataError, match="2 of 576 units"):
        audit(place, one, np.r_[np.nan, -1.0, one[2:]])
    with pytest.raises(UsageError, match="shares above 0"):
        audit(place, one, one, plausible=(0.0, 0.5))
    with pytest.raises(UsageError, match="reference"):
        audit(place, one, one, reference="c")
    with pytest.raises(DataError, match="negative or unknown"):
        audit(place._replace(residents=place.residents.replace(place.residents.iloc[0, 0], np.nan)), one, one)
    with pytest.raises(NotEnoughDataError, match="expected at least 100"):
        audit(place._replace(residents=pd.DataFrame({"a": one, "b": 0 * one})), one, one)
