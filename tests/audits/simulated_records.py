"""Incidents made up with a known process, for the tests of the audit of the data."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from peelian.audits.recordset import Recordset, recordset
from peelian.places.areas import Areas
from peelian.places.grid import Grid
from peelian.records import Incidents

CRS, ZONE = "EPSG:26915", "America/Chicago"
X0, Y0, SIDE, CELL = 740_000.0, 4_280_000.0, 4_000.0, 250.0
START, WEEKS = np.datetime64("2021-01-04"), 80
KINDS = ("theft", "burglary", "vandalism")


def made_frame(*, seed: int = 0, n: int = 16_000, scatter: float = 0.0, weeks: int = WEEKS) -> pd.DataFrame:
    """Records at points that differ in rate, Poisson in time; with `scatter`, each place has a random level a week."""
    rng = np.random.default_rng(seed)
    points = X0 + rng.uniform(0, SIDE, 1500), Y0 + rng.uniform(0, SIDE, 1500)
    weight = rng.gamma(0.5, 1.0, 1500)
    if scatter:
        level = weight[:, None] * rng.gamma(1 / scatter, scatter, (1500, weeks))
        cell = rng.choice(1500 * weeks, n, p=level.ravel() / level.sum())
        point, week = cell // weeks, cell % weeks
    else:
        point, week = rng.choice(1500, n, p=weight / weight.sum()), rng.integers(weeks, size=n)
    round_one = rng.choice([0, 0, 0, 30, 30, 15, 45, 10, 20, 50], n)
    minute = np.where(rng.random(n) < 0.8, round_one, rng.integers(60, size=n))
    stamp = START.astype("datetime64[m]") + (
        week * 7 * 1440 + rng.integers(7, size=n) * 1440 + rng.integers(24, size=n) * 60 + minute
    )
    category = rng.choice(KINDS, n, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(n)],
            "source": "made",
            "occurred_from": stamp,
            "reported": stamp + rng.geometric(0.3, n).astype("timedelta64[D]"),
            "resolution": "minute",
            "category": category,
            "label": [f"{name}/{k}" for name, k in zip(category, rng.integers(3, size=n), strict=True)],
            "officer_initiated": rng.random(n) < 0.1,
            "x": points[0][point],
            "y": points[1][point],
        }
    )


def more(frame: pd.DataFrame, stamps: Any, *, x: float, y: float, category: str = "theft") -> pd.DataFrame:
    """The frame with a record at one point at each of some times."""
    stamps = pd.to_datetime(np.asarray(stamps)).astype("datetime64[us]")
    extra = pd.DataFrame(
        {
            "id": [f"p{i}" for i in range(len(stamps))],
            "source": "made",
            "occurred_from": stamps,
            "reported": stamps,
            "resolution": "minute",
            "category": category,
            "label": f"{category}/0",
            "officer_initiated": False,
            "x": x,
            "y": y,
        }
    )
    return pd.concat([frame, extra], ignore_index=True)


def incidents_of(frame: pd.DataFrame) -> Incidents:
    """As `Incidents`."""
    return Incidents(frame, CRS, ZONE)


def grid() -> Grid:
    """16 x 16 cells of 250 m."""
    return Grid.covering((X0 + 1, Y0 + 1, X0 + SIDE - 1, Y0 + SIDE - 1), crs=CRS, cell=CELL)


def areas() -> Areas:
    """16 squares of 1 km; of the residents of the western half 80 % are ``a``, of the eastern half 20 %."""
    boxes, a, b = [], [], []
    for i in range(16):
        x, y = X0 + (i % 4) * 1000, Y0 + (i // 4) * 1000
        boxes.append(shapely.box(x, y, x + 1000, y + 1000))
        west = i % 4 < 2
        a.append(800 if west else 200)
        b.append(200 if west else 800)
    table = gpd.GeoDataFrame(
        {"area_id": [str(i) for i in range(16)], "name": [f"A{i}" for i in range(16)], "a": a, "b": b},
        geometry=boxes,
        crs=CRS,
    )
    return Areas.of(table, id="area_id", name="name", population=["a", "b"])


def records_of(frame: pd.DataFrame, *, with_areas: bool = True) -> Recordset:
    """As `Recordset`."""
    return recordset(incidents_of(frame), grid=grid(), areas=areas() if with_areas else None, block_km=1.0)
