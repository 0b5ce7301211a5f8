from __future__ import annotations

import json
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy import sparse

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import Pattern, false_discovery
from peelian.patterns.ears import ears
from peelian.patterns.farrington import farrington
from peelian.patterns.signals import Signals
from peelian.patterns.surveillance import BOUNDED, METHODS, bounds_before, series_by_place, watch
from peelian.places import Areas, Counts, Grid, Periods
from peelian.records import Incidents

CRS = "EPSG:26915"
ZONE = "America/Chicago"
WEEKS = 220
START = np.datetime64("2012-01-02")
END = START + 7 * WEEKS
RISEN = 17
X0, Y0 = 480_000.0, 4_980_000.0


def areas() -> Areas:
    """36 squares of a kilometre."""
    boxes = [
        shapely.box(X0 + c * 1000, Y0 + r * 1000, X0 + c * 1000 + 1000, Y0 + r * 1000 + 1000)
        for r in range(6)
        for c in range(6)
    ]
    frame = gpd.GeoDataFrame(
        {"area_id": [f"a{i}" for i in range(36)], "name": [f"area {i}" for i in range(36)]},
        geometry=boxes,
        crs=CRS,
    )
    return Areas(frame)


def reports(seed: int = 0, *, more: int = 0, lasting: int = 1) -> Incidents:
    """About 10 reports a week and area; `more` in each of the latest `lasting` weeks in one of them."""
    rng = np.random.default_rng(seed)
    season = 1 + 0.25 * np.sin(np.arange(WEEKS) * 2 * np.pi / 52.18)
    counts = rng.poisson(np.outer(rng.uniform(4, 16, 36), season))
    counts[RISEN, WEEKS - lasting :] += more
    area, week = (np.repeat(a, counts.ravel()) for a in np.indices(counts.shape).reshape(2, -1))
    n = area.size
    x, y = X0 + (area % 6 + rng.random(n)) * 1000, Y0 + (area // 6 + rng.random(n)) * 1000
    time = START.astype("datetime64[s]") + week * 7 * 86400 + rng.integers(0, 7 * 86400, n)
    return Incidents.of(x, y, time, crs=CRS, zone=ZONE)


@pytest.fixture(scope="module")
def risen() -> Incidents:
    return reports(more=24)


@pytest.mark.parametrize("method", METHODS)
def test_a_rise_is_a_signal_and_carries_what_it_must(risen: Incidents, method: Any) -> None:
    found = watch(risen, areas(), until=END, method=method, looks=20)
    assert isinstance(found, Pattern)
    assert found.watched == 36
    first = found.found[0]
    assert first.place == f"a{RISEN}"
    assert first.signal
    assert 0 < first.p <= first.q <= 0.05
    assert first.alarms_a_year is not None
    assert first.alarms_a_year <= 12
    assert first.end == END
    assert first.start == END - 7 * {"cusum": 26, "ears_c3": 3}.get(method, 1)
    assert len(first.incidents) == first.observed
    held = risen.frame.set_index("id").loc[list(first.incidents)]
    assert (held["occurred_from"] >= pd.Timestamp(first.start)).all()
    assert (areas().locate(held["x"], held["y"]) == RISEN).all()
    assert found.real_a_year is not None
    assert found.shuffled_a_year is not None
    assert "stands out" in found.sentence() or "stand out" in found.sentence()
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["places"][0]["incidents"] == list(first.incidents)
    assert found.frame["p"].is_monotonic_increasing


def test_nothing_new_is_no_signal() -> None:
    for method in METHODS:
        found = watch(reports(seed=4), areas(), until=END, method=method, looks=8)
        assert len(found.signals) <= 1
        if not found.signals:
            assert found.sentence().startswith("None of 36 places")


def test_a_rate_over_all_places_allows_for_how_many_there_are(risen: Incidents) -> None:
    found = watch(risen, areas(), until=END, method="ears_c2", looks=0)
    matrix = np.zeros((36, WEEKS))
    place = areas().locate(risen.x, risen.y)
    week = ((risen.time - START.astype("datetime64[s]")) // np.timedelta64(7 * 86400, "s")).astype(int)
    np.add.at(matrix, (place, week), 1)
    p = ears(matrix, method="C2", alpha=0.01, least_spread=0.5).p
    q = false_discovery(p)
    assert found.found[0].q == pytest.approx(q[RISEN])
    assert found.found[0].alarms_a_year is None
    assert found.real_a_year is None
    assert any("too short" in limit for limit in found.to_dict()["limits"])


def test_cells_of_counts_are_watched_as_well(risen: Incidents) -> None:
    periods = Periods.covering(START, END, "1w")
    grid = Grid(CRS, 1000.0, 480, 4980, (6, 6))
    matrix = np.zeros((36, WEEKS), dtype=np.int64)
    np.add.at(matrix, (grid.locate(risen.x, risen.y), periods.locate(risen.time)), 1)
    counts = Counts(grid, periods, sparse.csc_array(matrix))
    found = watch(counts, looks=10)
    assert found.found[0].place == grid.ids[RISEN]
    assert found.found[0].incidents == ()
    assert any("not named" in limit for limit in found.to_dict()["limits"])
    by_hand = farrington(matrix, periods.edges[:-1], years=4, alpha=0.01)
    assert found.found[0].expected == pytest.approx(by_hand.expected[RISEN])
    assert found.found[0].upper == by_hand.upper[RISEN]
    assert "4 of the 5 past years" in found.notes[0]
    same = watch(risen, grid, until=END, looks=10)
    assert same.found[0].p == found.found[0].p
    assert len(same.found[0].incidents) == same.found[0].observed


def test_false_alarms_are_counted_on_the_past_and_with_time_shuffled() -> None:
    rng = np.random.default_rng(8)
    counts = rng.poisson(8.0, (30, WEEKS))
    # Bursts of the past year, which time shuffled spreads over all years.
    for _ in range(15):
        counts[rng.integers(30), WEEKS - 2 - rng.integers(50)] += 25
    periods = Periods.covering(START, END, "1w")
    made = Counts(Grid(CRS, 500.0, 0, 0, (5, 6)), periods, sparse.csc_array(counts))
    found = watch(made, method="farrington", looks=51)
    assert found.real_a_year is not None
    assert found.shuffled_a_year is not None
    assert found.real_a_year >= 10
    assert found.shuffled_a_year < found.real_a_year / 2


def test_a_restless_past_is_no_signal() -> None:
    rng = np.random.default_rng(3)
    counts = rng.poisson(6.0, (20, WEEKS))
    counts[:, -60:] = rng.poisson(6 * rng.gamma(0.5, 2, (20, 60)))
    counts[4, -1] = 26
    made = Counts(
        Grid(CRS, 500.0, 0, 0, (4, 5)), Periods.covering(START, END, "1w"), sparse.csc_array(counts)
    )
    strict, open_ = (watch(made, method="farrington", looks=40, alarms=a) for a in (1.0, 1e9))
    assert open_.signals
    assert len(strict.signals) < len(open_.signals)


def test_the_same_again(risen: Incidents) -> None:
    one, other = (watch(risen, areas(), until=END, method="cusum", looks=4).to_dict() for _ in range(2))
    assert json.dumps(one) == json.dumps(other)


def test_empty_is_said_to_be_empty() -> None:
    none = reports().where(start="2030-01-01")
    found = watch(none, areas())
    assert found.found == ()
    assert "nothing to look at" in found.sentence()
    assert found.frame.empty
    json.dumps(found.to_dict(), allow_nan=False)
    away = Incidents.of([X0 - 1e5] * 2, [Y0] * 2, ["2014-01-07", "2015-01-07"], crs=CRS, zone=ZONE)
    assert watch(away, areas()).reports == 0


def test_two_events_and_all_in_one_place() -> None:
    two = Incidents.of(
        [X0 + 100, X0 + 200], [Y0 + 100, Y0 + 100], ["2012-01-07", str(END - 2)], crs=CRS, zone=ZONE
    )
    for method in METHODS:
        found = watch(two, areas(), until=END, method=method, looks=3)
        assert found.signals == ()
    counts = np.zeros((36, WEEKS), dtype=np.int64)
    counts[5] = np.random.default_rng(0).poisson(2_000_000 / WEEKS, WEEKS)
    made = Counts(
        Grid(CRS, 500.0, 0, 0, (6, 6)), Periods.covering(START, END, "1w"), sparse.csc_array(counts)
    )
    for method in METHODS:
        assert len(watch(made, method=method, looks=3).found) <= 1


def test_a_short_past() -> None:
    incidents = reports(more=24).where(start=str(END - 7 * 40))
    with pytest.raises(NotEnoughDataError, match="a year") as error:
        watch(incidents, areas(), until=END)
    assert "ears_c2" in str(error.value.hint)
    assert watch(incidents, areas(), until=END, method="ears_c2").signals
    with pytest.raises(NotEnoughDataError, match="chart"):
        watch(incidents.where(start=str(END - 7 * 20)), areas(), until=END, method="cusum")
    with pytest.raises(NotEnoughDataError, match="reads 9"):
        watch(incidents.where(start=str(END - 7 * 5)), areas(), until=END, method="ears_c2")


def test_what_cannot_be_is_refused(risen: Incidents) -> None:
    with pytest.raises(UsageError, match="method"):
        watch(risen, areas(), method="magic")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="level"):
        watch(risen, areas(), level=0)
    with pytest.raises(UsageError, match="alpha"):
        watch(risen, areas(), alpha=1.5)
    with pytest.raises(UsageError, match="fewest"):
        watch(risen, areas(), fewest=(5, 0))
    with pytest.raises(UsageError, match="without a grid"):
        watch(risen)
    periods = Periods.covering(START, END, "1w")
    counts = Counts(
        Grid(CRS, 500.0, 0, 0, (1, 1)), periods, sparse.csc_array(np.ones((1, WEEKS), dtype=np.int64))
    )
    with pytest.raises(UsageError, match="counted by area"):
        watch(counts, areas())


def test_plot(risen: Incidents) -> None:
    pytest.importorskip("matplotlib")
    found: Signals = watch(risen, areas(), until=END, looks=2)
    assert str(END) in found.plot().get_title()
    assert "<table" in found._repr_html_()


def test_bounds_before_are_those_that_the_watch_alarms_by(risen: Incidents) -> None:
    matrix, periods, names, members = series_by_place(risen, areas(), until=END, period="1w")
    assert members is not None
    assert members["place"].value_counts()[RISEN] == matrix.toarray()[RISEN].sum()
    for method in BOUNDED:
        row = matrix.toarray()[RISEN : RISEN + 1]
        expected, upper = bounds_before(row, periods.edges[:-1], method=method, last=5)
        first = watch(risen, areas(), until=END, method=method, looks=0).found[0]
        assert names[RISEN] == first.place
        assert expected.shape == (1, 5)
        assert expected[0, -1] == pytest.approx(first.expected)
        assert upper[0, -1] == pytest.approx(first.upper)
        earlier = watch(risen, areas(), until=END - 7, method=method, looks=0).frame.set_index("place")
        if names[RISEN] in earlier.index:
            assert upper[0, -2] == pytest.approx(earlier.loc[names[RISEN], "upper"])


def test_where_the_past_is_too_short_there_is_no_bound() -> None:
    starts = START + 7 * np.arange(12)
    expected, upper = bounds_before(np.ones((3, 12)), starts, method="ears_c2", last=26)
    assert np.isfinite(expected).sum(axis=1).tolist() == [3, 3, 3]
    assert np.isfinite(expected[:, -3:]).all()
    assert np.isnan(upper[:, :-3]).all()
    with pytest.raises(UsageError, match="cusum"):
        bounds_before(np.ones((3, 12)), starts, method="cusum")


def test_how_many_chance_has_is_a_plain_number() -> None:
    settings = {"method": "ears_c2", "alpha": 0.01}
    many = Signals((), 2965, settings, 0.05, 12.0, 10, None, None).sentence()
    assert "up to 30." in many
    assert "up to 0.4." in Signals((), 36, settings, 0.05, 12.0, 10, None, None).sentence()
