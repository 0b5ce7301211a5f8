"""Records placed in weeks, cells and areas, every one of them accounted for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peelian.audits.recordset import recordset
from peelian.errors import CRSError, NotEnoughDataError, UsageError
from peelian.places.grid import Grid
from peelian.records import Incidents

from .simulated_records import (
    CRS,
    START,
    WEEKS,
    X0,
    Y0,
    areas,
    grid,
    incidents_of,
    made_frame,
    more,
    records_of,
)


def test_every_record_is_counted_once_or_said_to_be_left_out() -> None:
    frame = made_frame()
    frame = more(frame, [np.datetime64("1951-05-05T10:00")] * 3, x=X0 + 10, y=Y0 + 10)
    frame = more(frame.assign(id=[f"q{i}" for i in range(len(frame))]), [START + 30], x=X0 - 9_000, y=Y0)
    found = records_of(frame)
    assert found.total == len(frame)
    assert found.before == 3
    assert found.elsewhere == 1
    assert len(found) + found.before + found.after + found.elsewhere == found.total
    assert found.earliest == "1951-05-05"
    assert len(found.weeks) == WEEKS
    assert found.table(found.area, 16).sum() == (found.area >= 0).sum()
    assert found.table(found.cell, len(found.grid)).sum() == len(found)


def test_without_areas_squares_of_the_map_take_their_place() -> None:
    found = records_of(made_frame(), with_areas=False)
    assert found.blocks
    assert found.residents is None
    assert 16 <= len(found.names) <= 36
    assert found.names[0].startswith("square of E")


def test_some_of_the_records_keep_their_weeks_and_areas() -> None:
    found = records_of(made_frame())
    some = found.where(found.officer)
    assert len(some) == found.officer.sum()
    assert some.weeks == found.weeks
    assert np.array_equal(some.area, found.area[found.officer])
    assert some.category[1][0] == "theft"


def test_records_of_months_are_put_into_months() -> None:
    frame = made_frame()
    frame["occurred_from"] = (
        frame["occurred_from"].to_numpy().astype("datetime64[M]").astype("datetime64[us]")
    )
    frame["resolution"] = "month"
    found = recordset(incidents_of(frame), grid=grid(), areas=areas())
    assert found.step == "month"
    assert len(found.weeks) == 19


def test_too_short_a_time_and_another_crs_are_refused() -> None:
    frame = made_frame()
    short = frame[frame["occurred_from"] < START + 70]
    with pytest.raises(NotEnoughDataError, match="expected at least 26"):
        records_of(short)
    other = Grid.covering((500_000.0, 4_000_000.0, 501_000.0, 4_001_000.0), crs="EPSG:26916", cell=250.0)
    with pytest.raises(CRSError, match="expected one CRS"):
        recordset(incidents_of(frame), grid=other)
    with pytest.raises(UsageError, match="at least a cell"):
        recordset(incidents_of(frame), grid=grid(), block_km=0.1)
    with pytest.raises(NotEnoughDataError):
        recordset(Incidents(pd.DataFrame(frame.iloc[:0]), CRS, "America/Chicago"), grid=grid())
