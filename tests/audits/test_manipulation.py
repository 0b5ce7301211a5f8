"""Every look at once: what is planted is found where it is, and little else."""

from __future__ import annotations

import numpy as np
import pytest

from peelian.audits.manipulation import FAMILIES, Records, manipulation, watch
from peelian.errors import DataError, NotEnoughDataError

from .simulated_records import START, made_frame, more, records_of

NONE = np.zeros(0, dtype=np.int64)


def test_nothing_planted_sets_off_no_more_than_the_rate() -> None:
    alarms = 0
    for seed in range(5):
        watched = watch(records_of(made_frame(seed=seed, scatter=0.3)), category="burglary", rate=0.05)
        alarms += sum(watched.families[name].standing.size > 0 for name in FAMILIES)
        alarms += bool(np.any(watched.digits.q <= 0.05))
    # 25 looks at 5 %: 6 or more come in 1 of 500 runs.
    assert alarms <= 5


def test_a_planted_cluster_and_deleted_weeks_are_told_with_place_and_time() -> None:
    frame = made_frame()
    x, y = float(frame["x"].iat[0]), float(frame["y"].iat[0])
    stamps = START.astype("datetime64[m]") + np.arange(400 * 1440, 421 * 1440, 977)
    frame = more(frame, stamps, x=x, y=y, category="burglary")
    area = records_of(frame)
    a3 = (area.area == 5) & (area.week >= 20) & (area.week < 26)
    gone = set(area.frame["id"].to_numpy()[a3])
    part = manipulation(watch(records_of(frame[~frame["id"].isin(gone)]), category="burglary"))
    cell = part.tables["own"].iloc[0]
    assert cell["records"] >= 25
    assert cell["from"] <= str(START + 420)
    assert cell["to"] > str(START + 400)
    gap = part.tables["areas"][~part.tables["areas"]["more"].astype(bool)].iloc[0]
    assert gap["what"] == "A5"
    assert gap["records"] == 0
    assert gap["from"] >= str(START + 7 * 18)
    assert "A5" in " ".join(part.sentences())


def test_one_event_recorded_as_many_is_told_as_such() -> None:
    frame = made_frame()
    once = np.repeat(np.datetime64("2021-09-09T21:05", "m"), 25)
    frame = more(frame, once, x=float(frame["x"].iat[3]), y=float(frame["y"].iat[3]))
    part = manipulation(watch(records_of(frame), category="theft"))
    assert part.tables["cells"].iloc[0]["at_one_minute"] == 25
    assert "as of one event" in " ".join(part.sentences())
    assert part.tables["repeats"]["repeat"].max() >= 24


def test_a_change_is_found_only_where_and_in_the_direction_in_which_it_is() -> None:
    frame = made_frame()
    x, y = float(frame["x"].iat[0]), float(frame["y"].iat[0])
    frame = more(frame, START.astype("datetime64[m]") + np.arange(70 * 1440, 91 * 1440, 700), x=x, y=y)
    watched = watch(records_of(frame), category="theft")
    cell = int(watched.records.grid.locate([x], [y])[0])
    assert watched.families["cells"].q[cell] <= 0.05
    area = int(watched.records.area[watched.records.cell == cell][0])
    week = np.full(12, 75)
    ones = np.ones(12, dtype=np.int64)
    here = Records(ones * cell, ones * area, week, ones * watched.own)
    # Where another stretch is clearer, a weaker one is hidden behind it: the limits say so.
    assert "cells" not in watched.alarms(NONE, here)
    calm = int(np.flatnonzero(watched.families["cells"].q > 0.9)[0])
    assert "cells" in watched.alarms(NONE, Records(ones * calm, here.area, week, here.category))
    # One record more in a place that stands out in other weeks is no find.
    single = Records(*(v[:1] for v in vars(here).values()))
    assert watched.alarms(NONE, single) == []
    assert watched.standing(single)


def test_nothing_to_look_at_is_said() -> None:
    frame = made_frame()
    records = records_of(frame)
    with pytest.raises(DataError, match="'robbery' was given"):
        watch(records, category="robbery")
    with pytest.raises(NotEnoughDataError, match="own activity"):
        watch(records_of(frame.assign(officer_initiated=True)), category="theft")
