"""Aoristic weights: the example by hand, what start, middle and end move, and intervals that hold the truth."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from peelian.errors import ResolutionError, UsageError
from peelian.patterns.aoristic import aoristic
from peelian.patterns.hours import known_times, spread
from peelian.records import Incidents


def incidents_of(start, end, *, resolution="minute") -> Incidents:
    n = len(start)
    frame = pd.DataFrame(
        {
            "occurred_from": np.array(start, dtype="datetime64[s]"),
            "occurred_to": np.array(end, dtype="datetime64[s]"),
            "id": [str(i) for i in range(n)],
            "source": "test",
            "resolution": resolution,
            "category": "burglary",
            "label": "burglary",
            "x": 0.0,
            "y": 0.0,
            "officer_initiated": False,
        }
    )
    return Incidents(frame, "EPSG:26915", "America/Chicago")


def test_ratcliffes_example():
    """Four reports of different lengths: a search block within the span gets one over the number of blocks."""
    day = "2017-06-02T"
    found = aoristic(
        incidents_of(
            [f"{day}09:00", f"{day}10:00", f"{day}11:20", f"{day}10:00"],
            [f"{day}13:00", f"{day}12:00", f"{day}11:20", f"{day}11:00"],
        )
    )
    friday = found.weights.reshape(7, 24)[4]
    assert friday[9:13] == pytest.approx([1 / 4, 1 / 4 + 1 / 2 + 1, 1 / 4 + 1 / 2 + 1, 1 / 4])
    assert found.weights.sum() == pytest.approx(4)
    assert found.by_hour.sum() == found.by_weekday[4] == pytest.approx(4)
    assert found.start.reshape(7, 24)[4, 9:12].tolist() == [1, 2, 1]
    assert found.end.reshape(7, 24)[4, 11:14].tolist() == [2, 1, 1]
    # By start, 3/4 of the first leaves 9, and so on: half the sum of the differences.
    assert found.moved["start"] == pytest.approx(np.abs(found.start - found.weights).sum() / 2)


def thefts(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True times between 01:00 and 03:00, found between 07:00 and 09:00, last seen between 17:00 and 23:00."""
    day = np.datetime64("2017-05-01T00:00:00") + rng.integers(0, 300, n).astype("timedelta64[D]")
    at = day + rng.integers(3600, 3 * 3600, n).astype("timedelta64[s]")
    seen = day - rng.integers(3600, 7 * 3600, n).astype("timedelta64[s]")
    return at, seen, day + rng.integers(7 * 3600, 9 * 3600, n).astype("timedelta64[s]")


def test_it_comes_nearer_to_the_truth_than_start_or_end():
    at, seen, found_at = thefts(3000, np.random.default_rng(0))
    truth = aoristic(incidents_of(at, at)).weights
    found = aoristic(incidents_of(seen, found_at))
    error = {"aoristic": np.abs(found.weights - truth).sum()}
    error |= {name: np.abs(getattr(found, name) - truth).sum() for name in ("start", "end")}
    assert error["aoristic"] < min(error["start"], error["end"])
    assert found.start[truth > 0].sum() == 0
    assert found.moved["start"] > 2000


def test_intervals_hold_the_expectation_as_often_as_they_say():
    rng = np.random.default_rng(1)
    truth = np.zeros(168)
    for _ in range(20):
        _, seen, found_at = thefts(2000, rng)
        truth += aoristic(incidents_of(seen, found_at)).weights / 2000 / 20
    held = []
    for _ in range(40):
        n = rng.poisson(300)
        _, seen, found_at = thefts(n, rng)
        found = aoristic(incidents_of(seen, found_at))
        some = truth > 1e-4
        held.append(np.mean((found.low <= truth * 300)[some] & (truth * 300 <= found.high)[some]))
    assert 0.93 < np.mean(held) < 0.995


def test_it_is_what_a_poisson_bootstrap_of_the_reports_gives():
    rng = np.random.default_rng(2)
    _, seen, found_at = thefts(1500, rng)
    found = aoristic(incidents_of(seen, found_at))
    each, _ = spread(known_times(incidents_of(seen, found_at)), row=np.arange(1500), rows=1500)
    drawn = rng.poisson(1, (4000, 1500)) @ each
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    much = found.weights > 10
    assert much.sum() > 60
    # The upper end allows for one whole report more, which the bootstrap can't.
    assert np.all(np.abs(found.low - low)[much] < 0.5)
    assert np.all((found.high - high)[much] < 2.5)
    assert np.all((found.high - high)[much] > -0.5)
    assert np.all(found.high[found.weights == 0] > 3.6)


def test_long_and_reversed_intervals_are_set_apart_and_counted():
    start = ["2017-06-02T10:00", "2017-06-02T10:00", "2017-06-02T10:00", "2017-06-02T10:00"]
    end = ["2017-06-30T10:00", "2017-06-01T10:00", "2017-06-02T12:00", "NaT"]
    found = aoristic(incidents_of(start, end))
    a = found.account
    assert (a.too_long, a.reversed, a.intervals, a.points, a.used) == (1, 1, 1, 1, 2)
    assert found.weights.sum() == pytest.approx(2)
    assert "1 with more than 48 h are set apart" in found.sentence()
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["account"]["too_long"] == 1
    assert any("end before they begin" in text for text in told["limits"])
    kept = aoristic(incidents_of(start, end), longest=24 * 40)
    assert kept.account.too_long == 0


def test_points_alone_are_told_as_such():
    found = aoristic(incidents_of(["2017-06-02T10:00"] * 3, ["NaT"] * 3))
    assert "each has one recorded time" in found.sentence()
    assert any("No report has a latest time" in text for text in found.limits)
    assert found.moved == {"start": 0.0, "middle": 0.0, "end": 0.0}


def test_nothing_to_look_at_is_said():
    none = aoristic(incidents_of([], []))
    assert "nothing to look at" in none.sentence()
    apart = aoristic(incidents_of(["2017-06-02T10:00"], ["2018-06-02T10:00"]))
    assert "None of 1 reports" in apart.sentence()
    for found in (none, apart):
        json.dumps(found.to_dict(), allow_nan=False)
        assert found.weights.sum() == 0
        assert len(found.frame) == 168


def test_month_only_records_have_no_hours():
    with pytest.raises(ResolutionError, match="known to the month"):
        aoristic(incidents_of(["2017-06-01"] * 2, ["NaT"] * 2, resolution="month"))
    with pytest.raises(UsageError, match="level"):
        aoristic(incidents_of([], []), level=95)


def test_the_table_and_the_picture():
    _, seen, found_at = thefts(50, np.random.default_rng(3))
    found = aoristic(incidents_of(seen, found_at))
    frame = found.frame
    assert frame["reports"].is_monotonic_decreasing
    assert frame["share"].sum() == pytest.approx(1)
    assert (frame["low"] <= frame["reports"]).all()
    assert (frame["reports"] <= frame["high"]).all()
    assert "<table" in found._repr_html_()
    pytest.importorskip("matplotlib")
    assert found.plot().get_title()
