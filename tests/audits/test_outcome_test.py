"""Hit rates: against published numbers, and with a planted gap."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from peelian.audits.finding import Threshold
from peelian.audits.outcome_test import mantel_haenszel, newcombe, outcome_test, wilson
from peelian.audits.stop_records import read_stops
from peelian.errors import NotEnoughDataError, UsageError

from .simulated_stops import stops_by_area


def test_published_intervals() -> None:
    """Newcombe (1998), Statistics in Medicine 17: tables I of both papers, 81/263 alone, and 56/70 less 48/80."""
    assert wilson(81, 263, level=0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20, level=0.95) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert newcombe(56, 70, 48, 80, level=0.95) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe(10, 10, 0, 20, level=0.95) == pytest.approx((0.6791, 1.0), abs=5e-5)


def test_admissions_to_berkeley() -> None:
    """Bickel, Hammel and O'Connell (1975): R's mantelhaen.test gives a common odds ratio of 0.9046968."""
    men = np.array([[512, 825], [353, 560], [120, 325], [138, 417], [53, 191], [22, 373]], dtype=float)
    women = np.array([[89, 108], [17, 25], [202, 593], [131, 375], [94, 393], [24, 341]], dtype=float)
    difference, error, odds = mantel_haenszel(men[:, 0], men[:, 1], women[:, 0], women[:, 1])
    assert odds == pytest.approx(0.9046968, abs=1e-6)
    plain = men[:, 0].sum() / men[:, 1].sum() - women[:, 0].sum() / women[:, 1].sum()
    assert plain > 0.1, "all departments together show a gap"
    assert abs(difference) < 2 * error, "and within departments there is none"


def test_one_stratum_is_the_plain_difference() -> None:
    one = [np.array([v]) for v in (30.0, 100.0, 20.0, 80.0)]
    difference, error, _ = mantel_haenszel(*one)
    assert difference == pytest.approx(0.3 - 0.25)
    assert error == pytest.approx(np.sqrt(0.3 * 0.7 / 100 + 0.25 * 0.75 / 80), rel=0.02)
    assert np.isnan(mantel_haenszel(*(np.array([v]) for v in (3.0, 10.0, 0.0, 0.0)))).all()


def test_a_planted_gap_comes_back_and_none_where_none_was_planted() -> None:
    (gap, within) = outcome_test(stops_by_area(hit_gap=-0.12)[0], reference="Y").findings
    for found in (gap, within):
        assert found.low is not None
        assert found.high is not None
        assert found.low < -0.12 < found.high < 0
    wrong = 0
    for seed in range(20):
        (gap, _) = outcome_test(stops_by_area(2000, seed=seed)[0], reference="Y", replicates=200).findings
        assert gap.low is not None
        assert gap.high is not None
        wrong += not gap.low <= 0 <= gap.high
    assert wrong <= 3


def test_areas_that_differ_explain_a_gap_within_them() -> None:
    records, _ = stops_by_area(12_000)
    frame = records.frame.copy()
    number = frame["area"].str.removeprefix("area ").astype(int).to_numpy()
    rng = np.random.default_rng(0)
    frame["group"] = np.where(rng.random(len(frame)) < np.where(number < 20, 0.8, 0.2), "X", "Y").astype(
        object
    )
    frame["hit"] = pd.array(rng.random(len(frame)) < np.where(number < 20, 0.2, 0.5), dtype="boolean")
    gap, within = outcome_test(replace(records, frame=frame), reference="Y").findings
    assert gap.high is not None
    assert within.low is not None
    assert within.high is not None
    assert gap.high < -0.1
    assert within.low < 0 < within.high


def test_bunches_on_single_days_widen_the_interval() -> None:
    records, _ = stops_by_area(3000)
    frame = records.frame.copy()
    frame["day"] = pd.Timestamp("2022-01-01") + pd.to_timedelta(np.arange(len(frame)) % 15, unit="D")
    good = np.random.default_rng(0).random(15) < 0.5
    frame["hit"] = pd.array(good[np.arange(len(frame)) % 15], dtype="boolean")
    odd = np.arange(len(frame)) % 15 % 2 == 0
    frame["group"] = np.where(odd, "X", "Y").astype(object)
    table = outcome_test(replace(records, frame=frame), reference="Y").frame.set_index("group")
    row = table.loc["X"]
    n = table["searches"]
    low, high = newcombe(row["hits"], n["X"], table.loc["Y", "hits"], n["Y"], level=0.95)
    assert row["gap_high"] - row["gap_low"] > 2 * (high - low)


def test_missing_outcomes_and_groups_are_bounded() -> None:
    records, _ = stops_by_area(hit_gap=-0.1, missing=0.3)
    frame = records.frame.copy()
    frame.loc[np.random.default_rng(1).random(len(frame)) < 0.2, "hit"] = pd.NA
    found = outcome_test(replace(records, frame=frame), reference="Y")
    row = found.frame.set_index("group").loc["X"]
    assert row["gap_bound_low"] < row["gap_low"]
    assert row["gap_high"] < row["gap_bound_high"]
    assert row["bound_low"] < row["rate"] < row["bound_high"]
    assert row["unknown"] > 0
    assert "whatever was not recorded" in found.sentences()[1]


def test_stops_that_do_not_say_whether_they_were_searched_are_in_the_bounds_alone() -> None:
    records, _ = stops_by_area(4000, hit_gap=-0.1, missing=0.1)
    frame = records.frame
    known = outcome_test(records, reference="Y").frame.set_index("group").loc["X"]
    unknown = np.random.default_rng(1).random(len(frame)) < 0.2
    hidden = outcome_test(
        replace(
            records, frame=frame.assign(search=frame["search"].mask(unknown & ~frame["search"].astype(bool)))
        ),
        reference="Y",
    )
    row = hidden.frame.set_index("group").loc["X"]
    same = ["searches", "hits", "rate", "gap", "gap_low", "gap_high", "gap_within", "unknown"]
    assert row[same].tolist() == pytest.approx(known[same].tolist())
    assert row["gap_bound_low"] < known["gap_bound_low"] - 0.01
    assert row["gap_bound_high"] > known["gap_bound_high"] + 0.01
    assert row["bound_low"] < known["bound_low"]


def test_the_bounds_with_unknown_searches_of_one_group_are_those_by_hand() -> None:
    records, _ = stops_by_area(3000)
    frame = records.frame
    x = (frame["group"] == "X").to_numpy()
    lost = x & (np.random.default_rng(2).random(len(frame)) < 0.2)
    less = replace(
        records, frame=frame.assign(search=frame["search"].mask(lost), hit=frame["hit"].mask(lost))
    )
    row = outcome_test(less, reference="Y").frame.set_index("group").loc["X"]
    searched, hit = (frame[name].astype(bool).to_numpy() & ~lost for name in ("search", "hit"))
    a, n, u = (x & searched & hit).sum(), (x & searched).sum(), lost.sum()
    other = (~x & searched & hit).sum() / (~x & searched).sum()
    assert row["gap_bound_low"] == pytest.approx(a / (n + u) - other)
    assert row["gap_bound_high"] == pytest.approx((a + u) / (n + u) - other)
    assert (row["bound_low"], row["bound_high"]) == pytest.approx((a / (n + u), (a + u) / (n + u)))


def test_searches_without_a_place_are_in_no_area() -> None:
    records, _ = stops_by_area(4000, hit_gap=-0.1)
    frame = records.frame
    none = np.random.default_rng(1).random(len(frame)) < 0.3
    less = replace(records, frame=frame.assign(area=frame["area"].mask(none).astype(object)))
    only = replace(records, frame=frame[~none].reset_index(drop=True))
    gap, within = outcome_test(less, reference="Y").findings
    assert within.value == pytest.approx(outcome_test(only, reference="Y").findings[1].value)
    assert gap.value == pytest.approx(outcome_test(records, reference="Y").findings[0].value)
    n = int((none & frame["search"].astype(bool)).sum())
    assert within.details["without_place"] == n
    assert any(f"{n:,} searches of either group have no place" in one for one in within.limits)
    nowhere = outcome_test(replace(records, frame=frame.assign(area=None)), reference="Y").findings[1]
    assert nowhere.value is None
    assert nowhere.limits[0] == "No area has searches of both groups with a known outcome."


def test_thresholds_small_numbers_and_what_can_not_be_told() -> None:
    records, _ = stops_by_area(hit_gap=-0.2)
    held = {"hit_rate_gap": Threshold(0.05, "the board", "2022-01-01")}
    found = outcome_test(records, reference="Y", thresholds=held)
    assert found.passes is False
    assert "at the margin" in found.limits[0]
    frame = records.frame.copy()
    frame.loc[:29, "group"] = "Z"
    small = [
        one
        for one in outcome_test(replace(records, frame=frame), reference="Y").findings
        if one.id.endswith("Z")
    ]
    assert [one.value for one in small] == [None, None]
    assert "too few" in small[0].limits[0]
    with pytest.raises(NotEnoughDataError, match="have an outcome"):
        outcome_test(
            replace(records, frame=frame.assign(hit=pd.array([pd.NA] * len(frame), dtype="boolean")))
        )
    with pytest.raises(UsageError, match="level"):
        outcome_test(records, level=1.0)


def test_the_same_again_and_plain() -> None:
    records, _ = stops_by_area(1500, missing=0.2)
    one, other = (outcome_test(records, reference="Y").to_dict() for _ in range(2))
    assert json.dumps(one, allow_nan=False) == json.dumps(other, allow_nan=False)


def test_city_of_london_by_both_outcomes(shared_data) -> None:
    records = read_stops(shared_data / "uk_stop_search_city_of_london_201804_202011.parquet")
    table = outcome_test(records, reference="White", replicates=200).frame.set_index(["outcome", "group"])
    white = records.frame[records.frame["group"] == "White"]
    assert table.loc[("hit", "White"), "rate"] == pytest.approx(white["hit"].dropna().mean())
    assert table.loc[("hit", "White"), "unknown"] == white["hit"].isna().sum()
    assert set(table.index.get_level_values(0)) == {"hit", "action"}
    assert table.loc[("hit", "Black"), "gap_low"] < 0 < table.loc[("hit", "Black"), "gap_high"]
