"""Counts in cells and periods, in memory and in the database, against brute force."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import count
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from peelian.errors import CRSError, DataError, ResolutionError, UsageError
from peelian.methods.checks import example_counts
from peelian.places import Counts, Grid, Periods, Points, count_incidents, count_table
from peelian.records.incidents import Incidents

FEET = "ESRI:102696"
GRID = Grid.inside(shapely.Point(890_000, 1_010_000).buffer(6000), crs=FEET, cell=250)
SPANS = st.sampled_from(["1d", "3d", "1w", "1mo"])
OFFSETS = st.floats(-8000, 8000)
SECONDS = st.integers(0, 120 * 86_400)
START = np.datetime64("2015-12-15T00:00:00")


def incidents(rows: list[tuple[float, float, int]], **more: str) -> Incidents:
    dx, dy, second = np.array(rows, dtype=float).reshape(-1, 3).T
    time = START + second.astype("timedelta64[s]")
    return Incidents.of(890_000 + dx, 1_010_000 + dy, time, crs=FEET, zone="America/Chicago", **more)  # type: ignore[arg-type]


def on_edges(rows: list[tuple[float, float, int]], grid: Grid) -> list[tuple[float, float, int]]:
    """Points on corners of cells, and times at midnight: where engines could come to disagree."""
    side = grid.side
    return [
        (
            round((890_000 + x) / side) * side - 890_000,
            round((1_010_000 + y) / side) * side - 1_010_000,
            t // 86400 * 86400,
        )
        for x, y, t in rows
    ]


def brute_force(given_: Incidents, grid: Grid, periods: Periods) -> dict[tuple[int, int], int]:
    bounds = shapely.bounds(grid.polygons())
    found: Counter[tuple[int, int]] = Counter()
    for x, y, time in zip(given_.x, given_.y, given_.time.astype("datetime64[D]"), strict=True):
        held = (bounds[:, 0] <= x) & (x < bounds[:, 2]) & (bounds[:, 1] <= y) & (y < bounds[:, 3])
        for cell in np.flatnonzero(held):
            for i, period in enumerate(periods):
                if period.start <= time < period.end:
                    found[int(cell), i] += 1
    return dict(found)


CONNECTION = ibis.duckdb.connect()
NUMBER = count()


def as_table(given_: Incidents, folder: Path) -> ibis.Table:
    path = folder / f"incidents{next(NUMBER)}.parquet"
    given_.frame.to_parquet(path)
    return CONNECTION.read_parquet(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@settings(max_examples=25)
@given(rows=st.lists(st.tuples(OFFSETS, OFFSETS, SECONDS), max_size=40), span=SPANS)
def test_both_engines_count_what_brute_force_counts(
    folder: Path, rows: list[tuple[float, float, int]], span: str
) -> None:
    given_ = incidents(rows + on_edges(rows, GRID))
    periods = Periods.covering("2016-01-01", "2016-03-01", span)
    here = count_incidents(given_, GRID, periods)
    there = count_table(as_table(given_, folder), GRID, periods)
    expected = brute_force(given_, GRID, periods)
    for counts in (here, there):
        found = counts.matrix.tocoo()
        assert (
            dict(zip(zip(*(c.tolist() for c in found.coords), strict=True), found.data.tolist(), strict=True))
            == expected
        )
        assert counts.total + counts.outside == len(given_)
        assert counts.total == sum(expected.values())
        assert counts.matrix.shape == (len(GRID), len(periods))
    assert there.points is None
    assert here.points is not None
    assert len(here.points) == here.total
    assert np.all(np.diff(here.points.time).astype(int) >= 0)
    assert np.array_equal(
        np.bincount(GRID.locate(here.points.x, here.points.y), minlength=len(GRID)), here.by_cell
    )


@given(
    rows=st.lists(st.tuples(OFFSETS, OFFSETS, SECONDS), min_size=1, max_size=60),
    day=st.integers(-5, 90),
    span=st.sampled_from(["1d", "1w", "1mo"]),
)
def test_what_was_before_a_day_knows_nothing_of_later(
    rows: list[tuple[float, float, int]], day: int, span: str
) -> None:
    periods = Periods.covering("2016-01-01", "2016-03-01", span)
    until = np.datetime64("2016-01-01") + np.timedelta64(day, "D")
    given_ = incidents(rows)
    before = count_incidents(given_, GRID, periods).before(until)
    assert before.periods == periods.before(until)
    assert before.points is not None
    assert np.all(before.points.time < before.periods.end)
    assert len(before.points) == before.total
    # The future changed: nothing here does.
    frame = given_.frame
    later = frame.iloc[:3].assign(occurred_from=pd.Timestamp(until) + pd.Timedelta(hours=1))
    frame = pd.concat([frame[frame["occurred_from"] < pd.Timestamp(until)], later])
    frame["id"] = [str(i) for i in range(len(frame))]
    poisoned = count_incidents(Incidents(frame, FEET, "America/Chicago"), GRID, periods).before(until)
    assert (poisoned.matrix != before.matrix).nnz == 0
    assert poisoned.points is not None
    assert np.array_equal(poisoned.points.x, before.points.x)
    assert np.array_equal(poisoned.points.time, before.points.time)
    assert poisoned.outside == before.outside == 0


def example() -> Counts:
    rng = np.random.default_rng(5)
    rows = [
        (rng.uniform(-4000, 4000), rng.uniform(-4000, 4000), int(rng.integers(0, 120 * 86400)))
        for _ in range(500)
    ]
    return count_incidents(incidents(rows), GRID, Periods.covering("2016-01-01", "2016-03-01", "1w"))


def test_sums_and_columns_agree_with_the_dense_array() -> None:
    counts = example()
    dense = counts.dense()
    assert dense.dtype == np.int64
    assert dense.sum() == counts.total > 100
    assert np.array_equal(counts.by_cell, dense.sum(axis=1))
    assert np.array_equal(counts.by_period, dense.sum(axis=0))
    for i in range(-len(counts.periods), len(counts.periods)):
        assert np.array_equal(counts.column(i), dense[:, i])
    with pytest.raises(IndexError):
        counts.column(len(counts.periods))


@pytest.mark.parametrize("key", [slice(None), slice(2, 5), slice(-3, None), slice(5, 2), slice(0, 0)])
def test_a_slice_has_its_periods_counts_and_points(key: slice) -> None:
    counts = example()
    part = counts[key]
    assert np.array_equal(part.dense(), counts.dense()[:, key])
    assert len(part.periods) == part.matrix.shape[1]
    assert part.points is not None
    assert len(part.points) == part.total
    assert part.grid is counts.grid


def test_last_periods() -> None:
    counts = example()
    assert counts.last(3).periods == counts.periods[-3:]
    assert counts.last(99).periods == counts.periods
    assert len(counts.last(0).periods) == 0


def test_points_between_two_days() -> None:
    time = np.array(["2016-01-01T00:00:00", "2016-01-01T23:59:59", "2016-01-02T00:00:00"], "datetime64[s]")
    points = Points(np.arange(3.0), np.arange(3.0), time)
    assert points.between("2016-01-01", "2016-01-02").x.tolist() == [0, 1]
    assert len(points.between("2016-01-03", "2016-01-04")) == 0


def test_a_matrix_must_fit() -> None:
    counts = example()
    with pytest.raises(UsageError, match="was given for"):
        Counts(GRID, counts.periods[:-1], counts.matrix)


def test_a_dense_array_that_would_fill_the_memory_is_refused() -> None:
    grid = Grid.covering((0, 0, 499_999, 499_999), crs="EPSG:26915", cell=500)
    periods = Periods.covering("2014-01-01", "2016-01-01", "1d")
    counts = Counts(grid, periods, sparse.csc_array((len(grid), len(periods)), dtype=np.int64))
    with pytest.raises(DataError, match="dense array") as caught:
        counts.dense()
    assert ".matrix" in (caught.value.hint or "")


def month_only() -> Incidents:
    time = np.array(["2016-01-01", "2016-02-01", "2016-02-01"], "datetime64[s]")
    return Incidents.of(
        [890_000.0] * 3, [1_010_000.0] * 3, time, crs=FEET, zone="America/Chicago", resolution="month"
    )


def test_month_only_records_are_counted_by_whole_months(folder: Path) -> None:
    periods = Periods.covering("2016-01-01", "2016-04-01", "1mo")
    for counts in (
        count_incidents(month_only(), GRID, periods),
        count_table(as_table(month_only(), folder), GRID, periods),
    ):
        assert counts.by_period.tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    "periods",
    [
        Periods.covering("2016-01-01", "2016-04-01", "1w"),
        Periods.covering("2016-01-01", "2016-04-01", "1d"),
        # Months, but from mid-month to mid-month.
        Periods(
            np.array(["2016-01-15", "2016-02-15"], "datetime64[D]"),
            Periods.covering("2016-01-01", "2016-02-01", "1mo").frequency,
        ),
    ],
    ids=["weeks", "days", "mid-month"],
)
def test_month_only_records_are_never_put_into_finer_periods(periods: Periods, folder: Path) -> None:
    with pytest.raises(ResolutionError):
        count_incidents(month_only(), GRID, periods)
    with pytest.raises(ResolutionError, match="3 incidents have only a month"):
        count_table(as_table(month_only(), folder), GRID, periods)


def test_incidents_and_grid_in_one_crs() -> None:
    other = Grid.covering((0, 0, 1000, 1000), crs="EPSG:26915", cell=250)
    periods = Periods.covering("2016-01-01", "2016-03-01", "1w")
    with pytest.raises(CRSError, match="ESRI:102696 .* EPSG:26915") as caught:
        count_incidents(incidents([(0, 0, 0)]), other, periods)
    assert "EPSG:26915" in (caught.value.hint or "")


def test_no_incidents_are_no_error(folder: Path) -> None:
    periods = Periods.covering("2016-01-01", "2016-03-01", "1w")
    for counts in (
        count_incidents(incidents([]), GRID, periods),
        count_table(as_table(incidents([]), folder), GRID, periods),
    ):
        assert (counts.total, counts.outside) == (0, 0)
        assert counts.dense().shape == (len(GRID), 8)


def test_rows_of_a_table_without_place_or_time_are_outside(folder: Path) -> None:
    frame = pd.DataFrame(
        {
            "x": [890_000.0, None, math.nan, 1e300, math.inf, 890_000.0, 890_000.0],
            "y": [1_010_000.0, 1.0, 1_010_000.0, -1e300, 1_010_000.0, None, 1_010_000.0],
            "occurred_from": pd.to_datetime(["2016-01-05T10:00"] * 6 + [None]),
            "resolution": ["minute"] * 6 + [None],
        }
    )
    path = folder / "holes.parquet"
    # NULL and NaN are different things to a database: both are here.
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.set_column(
        0, "x", pa.array([890_000.0, None, math.nan, 1e300, math.inf, 890_000.0, 890_000.0])
    )
    pq.write_table(table, path)
    counts = count_table(
        CONNECTION.read_parquet(path), GRID, Periods.covering("2016-01-01", "2016-03-01", "1w")
    )
    assert (counts.total, counts.outside) == (1, 6)


def with_more(counts):
    dense = np.arange(len(counts.grid) * len(counts.periods)).reshape(len(counts.grid), -1) % 3
    companions = {"theft": sparse.csc_array(dense)}
    return replace(counts, companions=companions, features={"population": np.arange(len(counts.grid)) * 1.0})


def test_other_categories_are_sliced_with_the_periods():
    counts = with_more(example_counts(periods=12))
    part = counts[3:9]
    assert np.array_equal(part.companions["theft"].todense(), counts.companions["theft"].todense()[:, 3:9])
    assert np.array_equal(part.features["population"], counts.features["population"])
    assert counts.before(counts.periods.edges[4]).companions["theft"].shape[1] == 4


@given(st.integers(0, 12), st.integers(0, 12))
def test_a_run_of_columns_is_what_scipy_would_slice(start, stop):
    counts = example_counts(periods=12)
    part = counts[start:stop]
    assert np.array_equal(part.dense(), counts.dense()[:, start : max(start, stop)])
    assert part.total == part.by_cell.sum() == part.by_period.sum()


def test_a_companion_of_another_shape_is_refused():
    counts = example_counts(periods=12)
    with pytest.raises(UsageError, match="theft: a matrix of shape"):
        replace(counts, companions={"theft": counts.matrix[:, :3]})


@pytest.mark.parametrize(
    "name",
    [
        "share_black",
        "median_income",
        "pct Hispanic",
        "race",
        "minority-share",
        "poverty_rate",
        "foreign_born",
        "pct_latinos",
        "share_hispanics",
        "blacks",
        "african_american",
        "nonwhite",
        "muslims",
        "distance_to_mosques",
        "refugees",
        "pct_blk",
        "households_on_benefits",
    ],
)
def test_no_group_share_is_a_feature_of_a_place(name):
    counts = example_counts(periods=12)
    with pytest.raises(UsageError, match="names a group of residents"):
        replace(counts, features={name: np.zeros(len(counts.grid))})


@pytest.mark.parametrize(
    "name", ["population", "distance_to_stations", "blackstone_distance", "racetrack", "bars"]
)
def test_what_is_known_of_places_is_a_feature(name):
    counts = example_counts(periods=12)
    assert name in replace(counts, features={name: np.zeros(len(counts.grid))}).features


@pytest.mark.parametrize("values", [np.zeros(3), np.full(120, np.nan)])
def test_a_feature_is_a_number_for_each_cell(values):
    with pytest.raises(UsageError, match="expected a number for each"):
        replace(example_counts(periods=12), features={"population": values})
