"""The veil of darkness: a planted effect comes back, and none is found where none was planted."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import CubicSpline
from sklearn.linear_model import LogisticRegression

from peelian.audits.darkness import darkness_test
from peelian.audits.finding import Threshold
from peelian.audits.stop_light import after_dark, around_clock_changes, light_of
from peelian.audits.stop_records import StopRecords, read_stops
from peelian.errors import NotEnoughDataError, UsageError

from .simulated_stops import LAT, LON, ZONE, stops_by_light

HERE = {"lat": LAT, "lon": LON}


def test_a_planted_effect_comes_back_at_every_degree() -> None:
    audit = darkness_test(stops_by_light(ratio=0.6), reference="Y", **HERE)
    own = audit.frame[audit.frame["model"] == "areas"]
    assert own["degree"].tolist() == [1, 2, 3, 4, 5, 6]
    late = own[own["degree"] >= 3]
    assert ((late["low"] < 0.6) & (late["high"] > 0.6)).all()
    assert (late["high"] < 0.85).all()
    (found,) = audit.findings
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.6 < found.high < 1
    assert "smaller after dark" in audit.sentences()[0]
    assert found.details["least_of_degrees"] <= found.value <= found.details["most_of_degrees"]


def test_nothing_is_found_where_nothing_was_planted() -> None:
    wrong = 0
    for seed in range(20):
        audit = darkness_test(stops_by_light(3000, seed=seed), reference="Y", degrees=(3,), **HERE)
        (found,) = audit.findings
        assert found.low is not None
        assert found.high is not None
        wrong += not found.low <= 1 <= found.high
    assert wrong <= 3


def test_without_areas_the_same_stops_mislead() -> None:
    """The simulated areas with a high share of X are attended later, when it is dark."""
    records = stops_by_light(40_000)
    table = darkness_test(records, reference="Y", degrees=(1,), **HERE).frame.set_index("model")
    assert abs(np.log(table.loc["areas", "ratio"])) < abs(np.log(table.loc["clock time alone", "ratio"]))


def test_the_daylight_saving_variant_keeps_the_weeks_around_the_changes() -> None:
    records = stops_by_light(ratio=0.5)
    near = around_clock_changes(records, weeks=4)
    days = records.frame.loc[near, "day"]
    assert days.min() == pd.Timestamp("2022-02-13")
    assert days.max() == pd.Timestamp("2022-12-03")
    assert sorted(days.dt.month.unique()) == [2, 3, 4, 10, 11, 12]
    table = darkness_test(records, reference="Y", **HERE).frame.set_index("model")
    row = table.loc["around changes of clocks"]
    assert row["low"] < 0.5 < row["high"] < 1
    same = around_clock_changes(replace(records, zone="Asia/Tokyo"), weeks=4)
    assert not same.any()


def test_twilight_is_left_out_and_every_stop_accounted_for() -> None:
    records = stops_by_light()
    light = light_of(records, **HERE)
    assert light.counts["in_window"] == light.counts["in_twilight"] + light.counts["used"]
    assert 0.05 < light.counts["in_twilight"] / light.counts["in_window"] < 0.25
    # Civil dusk in Minneapolis: 17:04 at the earliest, 21:39 at the latest, give or take a minute or two.
    assert light.window == pytest.approx((17 * 60 + 4, 21 * 60 + 40), abs=3)
    assert not light.dark[~light.used].any()
    dark = after_dark(records, **HERE)
    assert (dark[light.used] == light.dark[light.used]).mean() > 0.995


def test_missing_groups_are_told_by_light_and_bounded() -> None:
    records = stops_by_light()
    frame = records.frame.copy()
    frame.loc[np.random.default_rng(0).random(len(frame)) < 0.33, "group"] = None
    audit = darkness_test(replace(records, frame=frame), reference="Y", **HERE)
    details = audit.findings[0].details
    assert details["bound_low"] < 0.5 < details["plain"] < 2 < details["bound_high"]
    assert any("No group was recorded in 3" in note for note in audit.notes)


def test_a_threshold_is_held_against() -> None:
    held = {"darkness_odds_ratio": Threshold(1.25, "the board", "2022-01-01")}
    given = {"reference": "Y", "degrees": (2,), "thresholds": held, **HERE}
    assert darkness_test(stops_by_light(6000, ratio=0.5), **given).passes is False
    assert darkness_test(stops_by_light(6000), **given).passes is True


def test_the_result_is_plain_and_the_same_again() -> None:
    one, other = (darkness_test(stops_by_light(3000), reference="Y", **HERE).to_dict() for _ in range(2))
    assert json.dumps(one, allow_nan=False) == json.dumps(other, allow_nan=False)


def test_where_the_test_can_not_be_made() -> None:
    records = stops_by_light(3000)
    with pytest.raises(UsageError, match="where it is"):
        darkness_test(records, reference="Y")
    with pytest.raises(UsageError, match="both or neither"):
        darkness_test(records, reference="Y", lat=LAT)
    with pytest.raises(UsageError, match="zone"):
        darkness_test(replace(records, zone=""), reference="Y", **HERE)
    with pytest.raises(NotEnoughDataError, match="can't be used"):
        darkness_test(replace(records, clock="it lost am and pm"), reference="Y", **HERE)
    with pytest.raises(NotEnoughDataError, match="doesn't set"):
        darkness_test(records, reference="Y", lat=70.0, lon=20.0)
    summer = records.frame["day"].dt.month == 7
    with pytest.raises(NotEnoughDataError, match="both with light and after dark"):
        darkness_test(replace(records, frame=records.frame[summer].iloc[:60]), reference="Y", **HERE)
    with pytest.raises(UsageError, match="weeks"):
        darkness_test(records, reference="Y", weeks=0, **HERE)


def test_minneapolis(shared_data) -> None:
    records = read_stops(shared_data / "minneapolis_stops_2017.parquet")
    assert records.zone == ZONE
    audit = darkness_test(records, reference="White")
    black = next(one for one in audit.findings if one.id.endswith("/Black"))
    assert black.low is not None
    assert black.high is not None
    assert black.low < 1 < black.high
    assert 0.8 < black.value < 1
    assert audit.counts["used"] > 11_000


def by_itself(records: StopRecords, *, model: str, degree: int) -> float:
    """The ratio of X after dark, from other software: scikit-learn, SciPy's cubic splines, dummies of pandas."""
    light = light_of(records, **HERE)
    rows = light.used.copy()
    if model == "around changes of clocks":
        rows &= around_clock_changes(records, weeks=4)
    frame = records.frame[rows]
    minute = frame["minute"].to_numpy()
    knots = np.quantile(minute, np.linspace(0, 1, degree + 1))
    unit = np.eye(degree + 1)[1:]
    clock = [CubicSpline(knots, one, bc_type="natural")(minute) for one in unit] if degree > 1 else [minute]
    areas = pd.get_dummies(frame["area"], drop_first=True).to_numpy(dtype=float)
    columns = [light.dark[rows], *clock]
    if model != "clock time alone":
        columns += [*areas.T]
    if model == "each area its own clock time":
        columns += [*(areas * ((minute - minute.mean()) / 60)[:, None]).T]
    if model == "around changes of clocks":
        columns += [frame["day"].dt.month > 6]
    X = np.column_stack(columns).astype(float)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000, solver="newton-cholesky").fit(
        X, frame["group"] == "X"
    )
    return float(np.exp(fit.coef_[0][0] / np.std(light.dark[rows])))


def test_every_model_is_the_one_of_other_software() -> None:
    records = stops_by_light(6000, ratio=0.7)
    table = darkness_test(records, reference="Y", **HERE).frame
    assert len(table) == 9
    for row in table.to_dict("records"):
        other = by_itself(records, model=row["model"], degree=row["degree"])
        assert row["ratio"] == pytest.approx(other, rel=1e-5), row["model"]
    assert table["ratio"].round(6).nunique() == 9


def test_copies_of_stops_on_the_same_day_are_no_evidence() -> None:
    records = stops_by_light(2500, ratio=0.7)
    often = replace(records, frame=pd.concat([records.frame] * 4, ignore_index=True))
    one, other = (
        darkness_test(r, reference="Y", degrees=(2,), **HERE).frame.set_index("model").loc["areas"]
        for r in (records, often)
    )
    assert other["stops"] == 4 * one["stops"]
    assert other[["ratio", "low", "high"]].tolist() == pytest.approx(
        one[["ratio", "low", "high"]].tolist(), rel=1e-4
    )
    assert np.log(one["high"] / one["ratio"]) == pytest.approx(1.97 * one["error"], rel=0.01)


def test_the_bounds_are_those_by_hand() -> None:
    records = stops_by_light(3000)
    frame = records.frame.copy()
    frame.loc[np.random.default_rng(0).random(len(frame)) < 0.1, "group"] = None
    light = light_of(records, **HERE)
    n = {
        (group, dark): int((light.used & (light.dark == dark) & (frame["group"].fillna("-") == group)).sum())
        for group in "XY-"
        for dark in (True, False)
    }
    details = (
        darkness_test(replace(records, frame=frame), reference="Y", degrees=(1,), **HERE).findings[0].details
    )
    odds = [
        (n["X", True] + a)
        / (n["X", False] + b)
        / ((n["Y", True] + n["-", True] - a) / (n["Y", False] + n["-", False] - b))
        for a in (0, n["-", True])
        for b in (0, n["-", False])
    ]
    assert (details["bound_low"], details["bound_high"]) == pytest.approx((min(odds), max(odds)))
