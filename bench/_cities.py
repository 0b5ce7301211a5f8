"""Counts of two cities to measure forecasts on, from ``../shared/data``; neither may be shipped."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy import sparse

from peelian.places import Counts, Grid, Periods, Points
from peelian.units import Frequency

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FOOT = 0.3048
CHICAGO = {
    "burglary": "BURGLARY",
    "robbery": "ROBBERY",
    "theft": "THEFT",
    "motor vehicle theft": "MOTOR VEHICLE THEFT",
    "battery": "BATTERY",
}
COMPANIONS = 10


def _area(file: str) -> shapely.Geometry:
    frame = pd.read_parquet(DATA / "geo" / file)
    return shapely.union_all(
        gpd.GeoSeries.from_wkb(frame["wkb" if "wkb" in frame else "geometry"]).to_numpy()
    )


def _weeks(start: str, end: str) -> Periods:
    return Periods.covering(start, end, Frequency.parse("1w"))


def _counts(frame: pd.DataFrame, grid: Grid, weeks: Periods, category: str, names: list[str]) -> Counts:
    """`frame` has ``x``, ``y`` (grid's units), ``time`` and ``category``, sorted by time."""
    cell, week = (
        grid.locate(frame["x"].to_numpy(), frame["y"].to_numpy()),
        weeks.locate(frame["time"].to_numpy()),
    )
    held = (cell >= 0) & (week >= 0)
    shape = (len(grid), len(weeks))

    def matrix(name: str) -> sparse.csc_array:
        of = held & (frame["category"] == name).to_numpy()
        made = sparse.coo_array(
            (np.ones(int(of.sum()), dtype=np.int64), (cell[of], week[of])), shape=shape
        ).tocsc()
        made.sum_duplicates()
        return made

    mine = frame[held & (frame["category"] == category).to_numpy()]
    time = mine["time"].to_numpy().astype("datetime64[s]")
    points = Points(mine["x"].to_numpy(float), mine["y"].to_numpy(float), time)
    others = {name: matrix(name) for name in names if name != category}
    return Counts(grid, weeks, matrix(category), points, companions=others)


def portland(category: str, *, end: str = "2017-03-01") -> Counts:
    """Weekly calls of ``"burglary"`` or ``"motor_vehicle_theft"`` in cells of 250 ft inside the police districts."""
    frame = pd.read_parquet(DATA / "portland_nij_burglary_mvt_201203_201702.parquet")
    frame = frame.rename(columns={"x_ft": "x", "y_ft": "y", "occ_date": "time"}).sort_values(
        "time", kind="stable"
    )
    grid = Grid.inside(_area("portland_police_districts_epsg2913.parquet"), crs="EPSG:2913", cell=250 * FOOT)
    return _counts(frame, grid, _weeks("2012-03-01", end), category, sorted(frame["category"].unique()))


def chicago(category: str, *, end: str = "2017-01-01") -> Counts:
    """Weekly reports of one of `CHICAGO` in cells of 250 m, with the most frequent other types beside them."""
    columns = ["ts", "primary_type", "x_ft", "y_ft"]
    frame = pd.read_parquet(DATA / "chicago_crimes_2012_2016.parquet", columns=columns)
    frame = frame.dropna(subset=["x_ft", "y_ft"])
    frame = frame.rename(columns={"x_ft": "x", "y_ft": "y", "ts": "time", "primary_type": "category"})
    frame[["x", "y"]] = frame[["x", "y"]].astype(float)
    frame = frame.sort_values("time", kind="stable")
    grid = Grid.inside(_area("chicago_police_districts_2012_epsg3435.parquet"), crs="EPSG:3435", cell=250.0)
    # Officers' own activity is not evidence (charter, rule 6).
    reported = frame[
        ~frame["category"].isin(
            ["NARCOTICS", "PROSTITUTION", "GAMBLING", "LIQUOR LAW VIOLATION", "WEAPONS VIOLATION"]
        )
    ]
    names = reported["category"].value_counts().index[: COMPANIONS + 1].tolist()
    return _counts(frame, grid, _weeks("2012-01-01", end), CHICAGO[category], names)
