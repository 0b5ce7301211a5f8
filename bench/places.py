"""Counting a million points into cells and weeks, and residents into cells, against geopandas in the same run.

The points are the bundled St. Louis incidents drawn with replacement and moved by up to 50 ft, since they are
rounded to 100 ft: none is on the edge of a cell, where geopandas' `within` and a grid differ.

    python bench/places.py [POINTS]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import geopandas as gpd
import numpy as np
import pandas as pd
from _machine import print_machine

from peelian.demo_data import stlouis_areas, stlouis_incidents
from peelian.places import Areas, Counts, Grid, Periods, count_incidents, population_by_cell, study_grid
from peelian.records.incidents import Incidents

FEET, ROUNDS = "ESRI:102696", 3


def best(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds of the quickest of three rounds, and what the last one gave."""
    seconds, found = [], None
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), found


def points(n: int) -> Incidents:
    rows = pd.read_parquet(stlouis_incidents(), columns=["x_ft", "y_ft", "ts"])
    rows = rows[(rows["x_ft"] > 0) & (rows["y_ft"] > 0) & (rows["ts"] >= "2015-01-01")]
    rng = np.random.default_rng(1)
    drawn = rows.iloc[rng.integers(0, len(rows), n)]
    x, y = (drawn[c].to_numpy(dtype=float) + rng.uniform(-50, 50, n) for c in ("x_ft", "y_ft"))
    return Incidents.of(x, y, drawn["ts"].to_numpy(), crs=FEET, zone="America/Chicago")


def joined(incidents: Incidents, cells: gpd.GeoDataFrame, weeks: Periods) -> pd.Series:
    """The peer: points in polygons by geopandas, weeks by pandas, then one count of pairs."""
    frame = gpd.GeoDataFrame(
        {"time": incidents.time}, geometry=gpd.points_from_xy(incidents.x, incidents.y), crs=FEET
    )
    found = gpd.sjoin(frame, cells, predicate="within")
    week = pd.cut(found["time"], pd.to_datetime(weeks.edges), right=False, labels=False)
    return found.assign(week=week).dropna(subset="week").groupby(["index_right", "week"]).size()


def overlaid(areas: Areas, cells: gpd.GeoDataFrame) -> pd.Series:
    """The peer: every piece of area and cell by geopandas' overlay, then residents by share of area."""
    whole = areas.frame.assign(size=areas.frame.area)
    pieces = gpd.overlay(whole, cells.reset_index(names="cell"), how="intersection")
    return (pieces["black"] * pieces.area / pieces["size"]).groupby(pieces["cell"]).sum()


def against(what: str, ours: float, peer: float, name: str) -> None:
    print(f"{what}: {ours:.3f} s; {name} {peer:.3f} s; ratio {peer / ours:.1f}")


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print_machine("Places: points and residents into cells")
    areas = Areas.read(stlouis_areas(), population=["black", "white"])
    grid: Grid = study_grid(crs=FEET, cell=250, areas=areas)
    weeks = Periods.covering("2015-01-01", "2018-01-01", "1w")
    cells = gpd.GeoDataFrame(geometry=grid.polygons(), crs=FEET)
    incidents = points(n)
    print(
        f"  {n:,} points, {len(grid):,} cells of 250 m, {len(weeks)} weeks, {len(areas)} areas; best of {ROUNDS}"
    )

    ours, counts = best(lambda: count_incidents(incidents, grid, weeks))
    peer, pairs = best(lambda: joined(incidents, cells, weeks))
    assert isinstance(counts, Counts)
    assert isinstance(pairs, pd.Series)
    assert counts.total == int(pairs.sum())
    assert counts.matrix.nnz == len(pairs)
    against("points to cells and weeks", ours, peer, "geopandas.sjoin")

    ours, found = best(lambda: population_by_cell(areas, grid))
    peer, sums = best(lambda: overlaid(areas, cells))
    assert isinstance(found, pd.DataFrame)
    assert isinstance(sums, pd.Series)
    expected = sums.reindex(range(len(grid)), fill_value=0.0).to_numpy()
    assert np.allclose(found["black"].to_numpy(), expected, atol=1e-6)
    against("residents of areas to cells", ours, peer, "geopandas.overlay")

    ours, located = best(lambda: areas.locate(incidents.x, incidents.y))
    frame = gpd.GeoDataFrame(geometry=gpd.points_from_xy(incidents.x, incidents.y), crs=FEET)
    peer, joins = best(lambda: gpd.sjoin(frame, areas.frame, predicate="within"))
    assert isinstance(joins, pd.DataFrame)
    assert abs(int((np.asarray(located) >= 0).sum()) - joins.index.nunique()) <= 10  # points on a border
    against("points to areas", ours, peer, "geopandas.sjoin")


if __name__ == "__main__":
    main()
