from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from peelian.errors import CRSError, NotEnoughDataError, ResolutionError, UsageError
from peelian.patterns.base import Pattern
from peelian.patterns.emerged import Clusters
from peelian.patterns.emerging import counted, emerging
from peelian.patterns.windows import grid_windows
from peelian.places import Counts, Grid, Periods
from peelian.records import Incidents

CRS = "EPSG:26915"
ZONE = "America/Chicago"
GRID = Grid(CRS, 500.0, 0, 0, (12, 12))
START, END = np.datetime64("2014-01-06"), np.datetime64("2016-04-25")


def reports(seed: int = 0, *, planted: int = 0, a_week: float = 60.0) -> Incidents:
    """Reports over 120 weeks, spread unevenly; the last `planted` are of the latest two weeks around one place."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(a_week * 120)
    share = rng.gamma(1, 1, 144)
    cell = rng.choice(144, n, p=share / share.sum())
    x, y = (cell % 12 + rng.random(n)) * 500, (cell // 12 + rng.random(n)) * 500
    time = START.astype("datetime64[s]") + rng.integers(0, 120 * 7 * 86400, n)
    x = np.append(x, rng.normal(2750, 400, planted))
    y = np.append(y, rng.normal(2750, 400, planted))
    time = np.append(time, END.astype("datetime64[s]") - rng.integers(1, 14 * 86400, planted))
    return Incidents.of(x, y, time, crs=CRS, zone=ZONE)


@pytest.fixture(scope="module")
def found() -> Clusters:
    return emerging(reports(planted=40), GRID, until=END, weeks=8, nearest=40, replicates=199)


def test_what_emerged_is_found_with_its_incidents(found: Clusters) -> None:
    incidents = reports(planted=40)
    first = found.found[0]
    assert first in found.signals
    assert first.p == pytest.approx(1 / 200)
    assert first.p <= first.q <= first.p * len(found.found)
    assert first.start == END - 14
    assert first.end == END
    assert len(first.incidents) == first.observed
    named = incidents.frame.set_index("id").loc[list(first.incidents)]
    assert (named["occurred_from"] >= pd.Timestamp(first.start)).all()
    assert set(first.cells) >= set(GRID.ids[GRID.locate(named["x"], named["y"])])
    away = np.hypot(named["x"] - first.x, named["y"] - first.y)
    assert away.max() <= first.radius + 250 * np.sqrt(2)
    assert sum(int(i) >= len(incidents) - 40 for i in first.incidents) >= 25
    assert first.low < first.ratio < first.high
    assert first.recurrence == pytest.approx(7 / first.p)
    assert first.alarms_a_year == 0


def test_it_is_a_pattern(found: Clusters) -> None:
    assert isinstance(found, Pattern)
    assert "emerging cluster" in found.sentence()
    assert "in this data's own past" in found.sentence()
    frame = found.frame
    assert frame["signal"].iloc[0]
    assert frame["score"].is_monotonic_decreasing
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["clusters"][0]["incidents"] == list(found.found[0].incidents)
    assert plain["settings"]["weeks"] == 8
    assert plain["limits"]
    assert "<table" in found._repr_html_()
    pytest.importorskip("matplotlib")
    assert found.plot().get_title().endswith(str(END))


def test_the_same_again(found: Clusters) -> None:
    again = emerging(reports(planted=40), GRID, until=END, weeks=8, nearest=40, replicates=199)
    assert json.dumps(again.to_dict()) == json.dumps(found.to_dict())
    other = emerging(reports(planted=40), GRID, until=END, weeks=8, nearest=40, replicates=199, seed=1)
    assert other.found[0].cells == found.found[0].cells


def test_counts_give_the_same_places_without_ids(found: Clusters) -> None:
    counts = counted(reports(planted=40), GRID, until=END, period="1w")
    assert counts.periods.end == END
    windows = grid_windows(GRID, nearest=40)
    from_counts = emerging(counts, weeks=8, windows=windows, replicates=199)
    assert from_counts.found[0].cells == found.found[0].cells
    assert from_counts.found[0].incidents == ()
    assert any("not named" in limit for limit in from_counts.to_dict()["limits"])
    earlier = emerging(counts, until=END - 28, weeks=8, windows=windows, replicates=99)
    assert earlier.found[0].p > 0.01


def test_where_nothing_emerges_nothing_is_a_signal() -> None:
    quiet = emerging(reports(seed=5), GRID, until=END, weeks=8, nearest=40, replicates=199)
    assert quiet.signals == ()
    assert quiet.sentence().startswith("No cluster stands out from chance")


def test_what_chance_does_not_reach_but_the_past_did_is_no_signal_and_says_so(found: Clusters) -> None:
    often = replace(found, found=(replace(found.found[0], alarms_a_year=9.5),))
    assert often.found[0].p <= often.level
    assert often.signals == ()
    said = often.sentence()
    assert said.startswith("No cluster stands out from this data's own past (at most 4 alarms a year)")
    assert "9.5 looks a year" in said


def test_a_small_expectation_is_not_told_as_none(found: Clusters) -> None:
    rare = replace(found, found=(replace(found.found[0], expected=0.0342),))
    assert "where 0.034 were expected" in rare.sentence()


def test_by_permutation() -> None:
    found = emerging(
        reports(planted=40), GRID, until=END, weeks=8, nearest=40, replicates=199, method="permutation"
    )
    assert found.signals[0].start == END - 14
    assert found.scatter == 1.0


def test_a_high_p_value_or_a_restless_past_is_no_signal(found: Clusters) -> None:
    first = found.found[0]
    restless = replace(found, found=(replace(first, alarms_a_year=30.0),))
    assert restless.signals == ()
    assert replace(found, level=0.001).signals == ()
    short = replace(found, found=(replace(first, alarms_a_year=None),))
    assert len(short.signals) == 1
    assert any("too short" in limit for limit in short.to_dict()["limits"])


def test_empty_is_said_to_be_empty() -> None:
    none = reports().where(start="2030-01-01")
    found = emerging(none, GRID)
    assert (found.found, found.reports) == ((), 0)
    assert "Nothing was reported" in found.sentence()
    assert found.frame.empty
    json.dumps(found.to_dict(), allow_nan=False)
    old = reports().where(end="2015-01-01")
    assert "Nothing was reported" in emerging(old, GRID, until=END).sentence()
    outside = Grid(CRS, 500.0, 900, 900, (2, 2))
    assert emerging(reports(), outside, until=END).reports == 0


def test_two_events_and_one_cell() -> None:
    two = Incidents.of([100.0, 200.0], [100.0, 100.0], ["2014-01-07", "2016-04-20"], crs=CRS, zone=ZONE)
    found = emerging(two, GRID, until=END, replicates=19)
    assert found.found == ()
    assert "nothing to look at" in found.sentence()
    one = Grid(CRS, 6000.0, 0, 0, (1, 1))
    alone = emerging(reports(), one, until=END, replicates=99, totals=False)
    assert all(c.cells == (one.ids[0],) for c in alone.found)
    # Held against its share of itself, one cell can't stand out.
    assert emerging(reports(), one, until=END, replicates=99).signals == ()


def test_two_million_reports_in_one_cell() -> None:
    periods = Periods.covering(START, END, "1w")
    rng = np.random.default_rng(0)
    counts = np.zeros((144, 120), dtype=np.int64)
    counts[70] = rng.poisson(2_000_000 / 120, 120)
    counts[3] = rng.poisson(1, 120)
    counts[70, -1] += 3000
    found = emerging(Counts(GRID, periods, sparse.csc_array(counts)), weeks=8, replicates=99, totals=False)
    assert found.found[0].weeks == 1
    assert found.found[0].observed > 15_000


def test_a_short_past() -> None:
    counts = counted(reports(), GRID, until=END, period="1w")
    found = emerging(counts.last(30), weeks=8, nearest=30, replicates=99)
    assert found.found[0].alarms_a_year is None
    assert "too short" in found.to_dict()["notes"][0]
    with pytest.raises(NotEnoughDataError, match="permutation"):
        emerging(counts.last(12), weeks=8, replicates=99)
    assert emerging(counts.last(12), weeks=4, nearest=30, replicates=99, method="permutation").reports > 0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="without a grid"):
        emerging(reports(), replicates=99)
    with pytest.raises(UsageError, match="method"):
        emerging(reports(), GRID, method="magic")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="replicates"):
        emerging(reports(), GRID, replicates=0)
    with pytest.raises(UsageError, match="level"):
        emerging(reports(), GRID, level=0)
    with pytest.raises(UsageError, match="0 periods"):
        emerging(reports(), GRID, weeks=0)
    with pytest.raises(UsageError, match="windows of 4"):
        emerging(reports(), GRID, windows=grid_windows(Grid(CRS, 1.0, 0, 0, (2, 2))))
    with pytest.raises(CRSError):
        emerging(reports(), Grid("EPSG:3435", 500.0, 0, 0, (2, 2)), until=END)
    month = Incidents.of(
        [1.0, 2.0], [1.0, 2.0], ["2016-01-01", "2016-02-01"], crs=CRS, zone=ZONE, resolution="month"
    )
    with pytest.raises(ResolutionError):
        emerging(month, GRID)


def test_months_can_be_looked_at_as_months() -> None:
    rng = np.random.default_rng(1)
    month = np.datetime64("2012-01", "M") + rng.integers(0, 48, 4000)
    x, y = rng.uniform(0, 6000, (2, 4000))
    held = Incidents.of(x, y, month.astype("datetime64[s]"), crs=CRS, zone=ZONE, resolution="month")
    found = emerging(held, GRID, period="1mo", weeks=3, nearest=20, replicates=99)
    assert found.settings["periods"] == 48
    assert found.signals == ()
