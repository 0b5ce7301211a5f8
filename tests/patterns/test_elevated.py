"""Raised zones: which bands count, how far and how long, the cells, and a test on past days with a known truth."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from peelian.errors import CRSError, NotEnoughDataError, ResolutionError, UsageError
from peelian.patterns.elevated import elevated, near_cells
from peelian.patterns.elevated_backtest import backtest
from peelian.patterns.near_repeat import NearRepeat, near_repeat
from peelian.patterns.zone_profile import profile_of
from peelian.places import Grid
from peelian.records import Incidents

UTM = "EPSG:26916"
DAY0 = np.datetime64("2016-01-01")


def incidents(x, y, day, *, resolution: str = "day", crs: str = UTM) -> Incidents:
    time = DAY0 + np.asarray(day).astype("timedelta64[D]")
    return Incidents.of(
        np.asarray(x, float),
        np.asarray(y, float),
        time,
        crs=crs,
        zone="America/Chicago",
        resolution=resolution,
    )


def table(ratio, low=None, *, distances=(0, 100, 200), days=(7, 14, 21)) -> NearRepeat:
    """A table of 200 incidents whose ratios and lower ends are these, and of which 10 pairs are expected a band."""
    ratio = np.asarray(ratio, float)
    low = np.where(ratio > 1, ratio * 0.8, 0.5) if low is None else np.asarray(low, float)
    base = near_repeat(incidents([0, 50], [0, 0], [0, 1]), distances=distances, days=days, permutations=19)
    return replace(
        base,
        observed=np.round(10 * ratio).astype(np.int64),
        expected=np.full(ratio.shape, 10.0),
        ratio_low=low,
        ratio_high=ratio * 1.3,
        q=np.where(low > 1, 0.01, 0.5),
        incidents=200,
    )


PLAIN = [[3, 1, 1], [2, 1.5, 1], [1, 1, 1]]


def clustered(n: int = 500, *, seed: int = 0, follows: float = 0.5, side: float = 5000) -> Incidents:
    rng = np.random.default_rng(seed)
    x, y, day = *rng.uniform(0, side, (2, n)), rng.integers(0, 300, n)
    led = rng.random(n) < follows
    k = int(led.sum())
    return incidents(
        np.r_[x, x[led] + rng.uniform(-60, 60, k)],
        np.r_[y, y[led] + rng.uniform(-60, 60, k)],
        np.r_[day, day[led] + rng.integers(1, 7, k)],
    )


# --- which bands count ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "raised"),
    [
        (PLAIN, [[1, 0, 0], [1, 1, 0], [0, 0, 0]]),
        # Nothing nearer by is raised: the band of 100 to 200 m is an accident.
        ([[1, 1, 1], [1, 1, 1], [3, 1, 1]], np.zeros((3, 3))),
        # The same place may lack pairs, and does not break the run.
        ([[1, 1, 1], [2, 1, 1], [2, 1, 1]], [[0, 0, 0], [1, 0, 0], [1, 0, 0]]),
        # The same place alone.
        ([[4, 2, 1], [1, 1, 1], [2, 1, 1]], [[1, 1, 0], [0, 0, 0], [0, 0, 0]]),
        # Not later than a break in time.
        ([[2, 1, 2], [2, 1, 2], [1, 1, 1]], [[1, 0, 0], [1, 0, 0], [0, 0, 0]]),
        (np.ones((3, 3)), np.zeros((3, 3))),
    ],
)
def test_bands_count_as_far_and_as_long_as_there_is_no_break(ratio, raised) -> None:
    assert_array_equal(profile_of(table(ratio)).raised, np.array(raised, bool))


def test_a_higher_demand_leaves_fewer_bands() -> None:
    assert profile_of(table(PLAIN), least_ratio=2).raised.sum() == 1
    assert profile_of(table(PLAIN), least_ratio=9).days_after == 0
    with pytest.raises(UsageError, match=r"least_ratio=0\.5"):
        profile_of(table(PLAIN), least_ratio=0.5)
    with pytest.raises(UsageError, match="least_ratio=nan"):
        profile_of(table(PLAIN), least_ratio=float("nan"))


def test_reach_and_last_day() -> None:
    profile = profile_of(table(PLAIN))
    assert_array_equal(profile.reach(), [100, 100, np.nan, np.nan])
    assert profile.days_after == 14
    assert_array_equal(profile.band(np.array([0, 7, 8, 21, 22])), [0, 0, 1, 2, 3])
    assert_array_equal(profile.last_day(np.array([0, 1])), [14, 14])


def test_the_cell_of_a_report_is_not_all_one_place() -> None:
    profile = profile_of(table(PLAIN))
    # Of 50 m, the half is in the band up to 100 m: 30 + 20 pairs where 20 were expected.
    assert_allclose(profile.ratios(50)[-1], [2.5, 1.5, 1, 1])
    assert_allclose(profile.ratios(50)[:3, 0], [3, 2, 1])
    # However large the cell, only raised bands are in it.
    assert_allclose(profile.ratios(5000)[-1], [2.5, 1.5, 1, 1])


def test_further_reports_are_those_of_the_table_for_the_days_that_are_left() -> None:
    profile = profile_of(table(PLAIN))
    # 20 + 10 pairs above those expected in 0 to 7 days, 5 in 8 to 14, of 200 incidents.
    fresh, old, gone = profile.further(np.array([0, 11, 30]))
    assert_allclose(fresh[0], 35 / 200)
    assert_allclose(old[0], 5 / 200 * 4 / 7)
    assert_allclose(gone, 0)
    assert fresh[1] < fresh[0] < fresh[2]


# --- zones ------------------------------------------------------------------------------------------------------


def test_zones_by_hand() -> None:
    made = incidents([1000, 1150, 5000, 9000, 1000], [0, 0, 0, 0, 0], [98, 95, 88, 80, 100])
    found = elevated(table(PLAIN), made, at="2016-04-10")  # Day 100 of the year, counted from 0.
    assert str(found.at - DAY0) == "100 days"
    # The fourth is too old, the fifth of the day itself: it is no past.
    assert sorted(found.sources["id"]) == ["0", "1", "2"]
    assert len(found.zones) == 2
    first = found.zones.iloc[0]
    assert sorted(first["ids"]) == ["0", "1"]
    assert (first["sources"], first["radius_m"], first["ratio"]) == (2, 100, 3)
    assert first["expires"] == str(DAY0 + 98 + 14)
    second = found.zones.iloc[1]
    assert (second["ratio"], second["expires"]) == (1.5, str(DAY0 + 88 + 14))
    assert_allclose(first["extra"], profile_of(table(PLAIN)).further(np.array([2, 5]))[:, 0].sum())
    assert "2 places around 3 recent reports" in found.sentence()
    json.dumps(found.to_dict(), allow_nan=False)


def test_cells_and_what_is_usual_in_them() -> None:
    grid = Grid(UTM, 100, 0, 0, (5, 12))
    made = incidents([250], [250], [98])
    found = elevated(table(PLAIN), made, at=DAY0 + 100, grid=grid, per_day=np.full(60, 0.1))
    own = grid.locate([250], [250])[0]
    assert set(found.cells["cell"]) == {own, own - 1, own + 1, own - 12, own + 12}
    by = found.cells.set_index("cell")
    assert by.loc[own, "ratio"] == 2.5
    assert by.loc[own + 1, "ratio"] == 2
    # Two days old: five more days of 0 to 7 and then those up to 14, the first day being the day itself.
    assert set(by["until"]) == {str(DAY0 + 98 + 14)}
    assert_allclose(by["usual"], 0.1 * 13)
    assert found.zones.loc[0, "cells"] == 5
    assert_allclose(found.zones.loc[0, "usual"], 0.5 * 13)
    assert "that are usual there" in found.sentence()


def test_near_cells_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    grid = Grid("ESRI:102696", 60, 0, 0, (20, 20))
    x, y = rng.uniform(-200, 5000, (2, 40))
    distances = np.array([0.0, 100, 250])
    point, cell, band = near_cells(x, y, grid, distances)
    foot = 1200 / 3937
    cx, cy = grid.centres()
    expected = set()
    for i, home in enumerate(grid.locate(x, y)):
        far = np.hypot(cx - x[i], cy - y[i]) * foot
        expected |= {
            (i, c, int(np.searchsorted(distances, far[c]))) for c in np.flatnonzero(far <= 250) if c != home
        }
        if home >= 0:
            expected.add((i, int(home), 4))
    assert set(zip(point.tolist(), cell.tolist(), band.tolist(), strict=True)) == expected


def test_nothing_that_stands_out_is_no_zone_and_says_so() -> None:
    grid = Grid(UTM, 100, 0, 0, (5, 5))
    found = elevated(
        table(np.ones((3, 3))), incidents([1], [1], [99]), at=DAY0 + 100, grid=grid, per_day=np.ones(25)
    )
    assert len(found.zones) == len(found.cells) == 0
    assert "no zone is raised: in the table no band" in found.sentence()
    quiet = elevated(table(PLAIN), incidents([1], [1], [10]), at=DAY0 + 100)
    assert "no report of the last 14 days" in quiet.sentence()
    for result in (found, quiet):
        json.dumps(result.to_dict(), allow_nan=False)
        result.plot()
        assert result._repr_html_()


def test_many_reports_at_one_point_are_one_zone() -> None:
    n = 20_000
    found = elevated(table(PLAIN), incidents(np.zeros(n), np.zeros(n), np.full(n, 99)), at=DAY0 + 100)
    assert found.zones["sources"].tolist() == [n]


def test_bad_settings() -> None:
    made = incidents([1], [1], [10])
    grid = Grid(UTM, 100, 0, 0, (2, 2))
    for rates, over in ((np.ones(4), None), (np.ones(3), grid), (-np.ones(4), grid)):
        with pytest.raises(UsageError, match="expected one of 0 or more"):
            elevated(table(PLAIN), made, at=DAY0, grid=over, per_day=rates)
    with pytest.raises(CRSError):
        elevated(table(PLAIN), made, at=DAY0, grid=Grid("EPSG:26915", 100, 0, 0, (2, 2)))
    with pytest.raises(ResolutionError):
        elevated(table(PLAIN), incidents([1], [1], [0], resolution="month"), at=DAY0)
    hours = near_repeat(incidents([0, 0], [0, 0], [0, 1], resolution="minute"), elapsed=True, permutations=19)
    with pytest.raises(UsageError, match="calendar days"):
        elevated(hours, made, at=DAY0)


def test_picture_of_what_was_planted() -> None:
    made = clustered()
    found = elevated(near_repeat(made), made, at=DAY0 + 200)
    assert len(found.zones) > 3
    assert found.zones["ratio"].is_monotonic_decreasing
    assert len(found.plot().collections) == 2


# --- past days --------------------------------------------------------------------------------------------------


GRID = Grid(UTM, 100, 0, 0, (51, 51))


def test_zones_win_where_all_is_near_repeats_and_places_are_even() -> None:
    found = backtest(clustered(900, follows=0.9), grid=GRID, start=DAY0 + 150, end=DAY0 + 300)
    assert found.low > 0
    assert "The zones did better" in found.sentence()
    frame = found.frame.set_index("chosen_by")
    assert frame.loc["near repeats", "hits_per_area"] > 3
    assert 0.5 < frame.loc["counting the past", "hits_per_area"] < 2


def test_hits_by_brute_force() -> None:
    made = clustered(300, seed=2)
    start, days = DAY0 + 200, 30
    found = backtest(made, grid=GRID, start=start, end=start + days, permutations=399, refit=1000)
    tables = near_repeat(made.where(end=str(start)), permutations=399)
    hits = area = reports = 0
    counting = 0.0
    day = made.time.astype("datetime64[D]")
    cell = GRID.locate(made.x, made.y)
    for d in range(days):
        cells = elevated(tables, made, at=start + d, grid=GRID).cells["cell"].to_numpy(dtype=int)
        today = cell[(day == start + d) & (cell >= 0)]
        hits, area, reports = hits + np.isin(today, cells).sum(), area + cells.size, reports + today.size
        past = np.bincount(cell[(day < start + d) & (cell >= 0)], minlength=len(GRID))
        rank = np.argsort(-past, kind="stable")
        if cells.size:
            least = past[rank[cells.size - 1]]
            share = (cells.size - (past > least).sum()) / (past == least).sum()
            counting += (past[today] > least).sum() + share * (past[today] == least).sum()
    frame = found.frame.set_index("chosen_by")
    assert frame.loc["near repeats", "hits"] == hits > 0
    assert frame.loc["near repeats", "reports"] == reports
    assert_allclose(frame.loc["counting the past", "hits"], counting)
    assert_allclose(frame.loc["lot", "share_of_area"], area / (days * len(GRID)))


def test_counting_wins_where_places_last_and_nothing_follows() -> None:
    rng = np.random.default_rng(0)
    n = 3000
    x, y = (
        np.where(rng.random(n) < 0.6, rng.integers(0, 10, n) * 500 + 50, rng.uniform(0, 5000, n)),
        rng.uniform(0, 100, n),
    )
    # A table that stands out all the same, so that there are zones to be tried.
    made = incidents(x, y, rng.integers(0, 300, n))
    doubled = incidents(
        np.r_[x, x[:300]],
        np.r_[y, y[:300]],
        np.r_[
            (made.time - DAY0).astype("timedelta64[D]").astype(int),
            (made.time[:300] - DAY0).astype("timedelta64[D]").astype(int) + 1,
        ],
    )
    found = backtest(
        doubled,
        grid=Grid(UTM, 100, 0, 0, (1, 50)),
        start=DAY0 + 200,
        end=DAY0 + 300,
        distances=(0,),
        days=(2,),
        permutations=39,
    )
    assert found.high < found.frame["share_of_reports"].max()
    assert found.to_dict()["chosen_by"][1]["chosen_by"] == "counting the past"


def test_without_any_band_no_zone_is_raised() -> None:
    rng = np.random.default_rng(0)
    made = incidents(*rng.uniform(0, 5000, (2, 200)), rng.integers(0, 200, 200))
    found = backtest(made, grid=GRID, start=DAY0 + 150, distances=(100,), days=(7,), permutations=39)
    assert found.without == found.fitted == 2
    assert "no zone was raised on any day" in found.sentence()
    json.dumps(found.to_dict(), allow_nan=False)
    found.plot()


def test_a_past_is_needed() -> None:
    made = clustered(50)
    for start, end in ((DAY0, None), (DAY0 + 100, DAY0 + 100), (DAY0 + 900, None)):
        with pytest.raises(NotEnoughDataError):
            backtest(made, grid=GRID, start=start, end=end)
    with pytest.raises(UsageError, match="refit=0"):
        backtest(made, grid=GRID, start=DAY0 + 100, refit=0)


def test_another_run_changes_nothing() -> None:
    one, again = (backtest(clustered(200), grid=GRID, start=DAY0 + 200, end=DAY0 + 260) for _ in range(2))
    assert json.dumps(one.to_dict()) == json.dumps(again.to_dict())
    assert len(one.weeks) == 9
    assert len(one.plot().lines) == 2
