"""Exact repeats: Kaplan-Meier by hand and by SciPy, chance, planted repeats, bad input."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from peelian.errors import CRSError, ResolutionError, UsageError
from peelian.patterns.exact_repeats import _events_and_risk, _gaps, exact_repeats
from peelian.places import Grid
from peelian.records import Incidents

UTM = "EPSG:26916"


def incidents(x, day, *, y=None, resolution: str = "day", crs: str = UTM) -> Incidents:
    time = np.datetime64("2016-01-01") + np.asarray(day).astype("timedelta64[D]")
    y = np.zeros(len(time)) if y is None else y
    return Incidents.of(np.asarray(x, float), y, time, crs=crs, zone="America/Chicago", resolution=resolution)


def scattered(n: int = 400, places: int = 200, *, seed: int = 0) -> Incidents:
    rng = np.random.default_rng(seed)
    return incidents(rng.integers(0, places, n) * 10, rng.integers(0, 365, n))


def test_three_places_by_hand() -> None:
    # A: days 0, 3, 3, 50; B: day 10; C: days 20 and 40. The records end on day 50.
    made = incidents([1, 1, 1, 1, 2, 3, 3], [0, 3, 3, 50, 10, 20, 40])
    found = exact_repeats(made, days=(5, 30), permutations=19)
    assert (found.incidents, found.repeats, found.tied) == (7, 4, 2)
    assert found.places.to_dict("list") == {
        "reports": [1, 2, 4],
        "places": [1, 1, 1],
        "share_of_places": [1 / 3] * 3,
        "share_of_reports": [1 / 7, 2 / 7, 4 / 7],
    }
    # Gaps of 3, 0, 47 (A) and 20 (C) are followed; censored are A's last after 0, B's after 40 and C's last after 10.
    assert_array_equal(found.bands["followed"], [2, 1])
    share = found.curve.set_index("days")["share"]
    assert_allclose(share[0], 1 / 7)
    assert_allclose(share[3], 1 - 6 / 7 * 4 / 5)
    assert_allclose(share[20], 1 - 6 / 7 * 4 / 5 * 2 / 3)
    # Days at risk of 0 to 5: two reports are gone after day 0, one after day 3, and four stay.
    assert found.bands.loc[0, "at_risk_days"] == 1 + 1 + 4 + 4 * 6


@settings(max_examples=30)
@given(
    n=st.integers(1, 60),
    places=st.integers(1, 20),
    span=st.sampled_from([1, 5, 60]),
    seed=st.integers(0, 999),
)
def test_gaps_against_a_loop(n: int, places: int, span: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    place, time = rng.integers(0, places, n), rng.integers(0, span, n)
    gaps = _gaps(place, time)
    expected = []
    for p in np.unique(place):
        at = np.sort(time[place == p])
        expected += [(p, b - a, True) for a, b in itertools.pairwise(at)]
        expected.append((p, time.max() - at[-1], False))
    assert sorted(zip(gaps.place, gaps.days, gaps.followed, strict=True)) == sorted(expected)
    events, risk = _events_and_risk(gaps, 10)
    assert_array_equal(risk, [(gaps.days >= t).sum() for t in range(11)])
    assert_array_equal(events, [(gaps.followed & (gaps.days == t)).sum() for t in range(11)])


def test_the_curve_is_scipys_and_its_interval_where_places_are_apart() -> None:
    # Two reports a place: the second has no gap of its own but to the end, so that places are independent gaps.
    rng = np.random.default_rng(0)
    start = rng.integers(0, 200, 300)
    made = incidents(np.r_[np.arange(300), np.arange(300)], np.r_[start, start + rng.integers(0, 150, 300)])
    found = exact_repeats(made, days=(30, 60), permutations=19)
    gaps = _gaps(np.unique(made.x, return_inverse=True)[1], made.time.astype("datetime64[D]").astype(int))
    peer = stats.ecdf(stats.CensoredData(gaps.days[gaps.followed], right=gaps.days[~gaps.followed])).cdf
    assert_allclose(found.curve["share"], peer.evaluate(found.curve["days"]), atol=1e-12)
    bounds = peer.confidence_interval(method="log-log")
    # Reports at one place are one piece of evidence, so that the interval may differ, but not by much.
    width = bounds.high.evaluate(30) - bounds.low.evaluate(30)
    at = found.curve.set_index("days").loc[30]
    assert_allclose(at["high"] - at["low"], width, rtol=0.25)


def test_reports_at_one_place_are_one_piece_of_evidence() -> None:
    # At 10 of 20 places reports follow each other every 2 days, at the others every 40: half are followed within 10.
    rows = [(k, i * (2 if k < 10 else 40)) for k in range(20) for i in range(20)]
    made = incidents(*np.array(rows).T)
    at = exact_repeats(made, days=(10,), permutations=19).curve.iloc[-1]
    as_if_apart = 2 * 1.96 * np.sqrt(at["share"] * (1 - at["share"]) / len(rows))
    assert at["high"] - at["low"] > 3 * as_if_apart


def test_planted_repeats_are_found_and_decay() -> None:
    rng = np.random.default_rng(1)
    day = rng.integers(0, 330, 400)
    led = rng.random(400) < 0.2
    made = incidents(
        np.r_[np.arange(400), np.arange(400)[led]], np.r_[day, day[led] + rng.integers(1, 8, led.sum())]
    )
    found = exact_repeats(made, permutations=199)
    assert found.bands.loc[0, "p"] == 1 / 200
    assert found.bands.loc[0, "ratio_low"] > 3
    assert np.all(found.bands["followed"][1:] == 0)
    assert np.all(found.bands["p"][1:] > 0.1)
    assert "were followed by another at the same place" in found.sentence()
    inner = found.curve[(found.curve["days"] >= 7)]
    assert np.all(inner["low"] > inner["chance_high"])


def test_chance_is_called_chance() -> None:
    p = np.array(
        [exact_repeats(scattered(seed=s), days=(7, 30), permutations=39).bands["p"] for s in range(60)]
    )
    assert np.mean(p <= 0.1) < 0.2
    ratio = exact_repeats(scattered(2000, 300), permutations=99).bands["ratio"]
    assert_allclose(ratio, 1, atol=0.25)


def test_cells_are_places_too() -> None:
    made = incidents([10, 90, 110, 5000], [0, 1, 2, 3])
    grid = Grid(UTM, 100, 0, 0, (1, 3))
    found = exact_repeats(made, grid=grid, permutations=19)
    assert (found.incidents, found.outside, found.repeats) == (3, 1, 1)
    assert found.settings["place"] == "cell of 100 m"
    with pytest.raises(CRSError):
        exact_repeats(made, grid=Grid("EPSG:26915", 100, 0, 0, (1, 3)))


def test_another_run_changes_nothing() -> None:
    one, again, other = (exact_repeats(scattered(), permutations=99, seed=s).to_dict() for s in (0, 0, 1))
    assert json.dumps(one) == json.dumps(again)
    assert one["curve"] != other["curve"]
    assert one["places"] == other["places"]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_anything_is_told_as_such(n: int) -> None:
    found = exact_repeats(incidents(np.arange(n), np.arange(n)), permutations=19)
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.repeats == 0
    assert ("nothing to look at" in found.sentence()) == (n == 0)
    found.plot()
    assert found._repr_html_()


def test_all_on_one_day_at_one_place() -> None:
    found = exact_repeats(incidents([5, 5, 5], [9, 9, 9]), permutations=19)
    assert found.repeats == 2
    assert found.bands.loc[0, "p"] == 1
    assert "3 share both place and day" in found.sentence()
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("days", [(), (7, 7), (14, 7), (-1, 7), (0.5,)])
def test_bands_that_make_no_sense(days) -> None:
    with pytest.raises(UsageError, match="whole numbers that increase"):
        exact_repeats(scattered(10), days=days)


def test_months_have_no_days() -> None:
    with pytest.raises(ResolutionError):
        exact_repeats(incidents([0, 0], [0, 31], resolution="month"))
