"""False alarms on Chicago: signals of the latest year as it was, and with time shuffled within cells.

    NUMBA_NUM_THREADS=2 OMP_NUM_THREADS=1 python bench/false_alarms.py

Needs ../shared/data, which may not be shipped. Cells of 500 m, weeks of 2012 to 2016; the scan looks at each of 52 past
weeks in turn, against what it knew then. Where time is shuffled within cells nothing can emerge. "Poisson" is the scan
whose chance knows no scatter, as it is often done; "matched" has chance scatter as this data's own past does.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from _cities import CHICAGO, DATA, _area
from _machine import print_machine
from _scores import keep
from scipy import sparse

from peelian.patterns.emerging import emerging
from peelian.patterns.false_alarms import false_alarms
from peelian.patterns.surveillance import watch
from peelian.places import Counts, Grid, Periods

CELL = 500.0
LOOKS = 52
LEVEL = 0.01


def cells(frame: pd.DataFrame, grid: Grid, weeks: Periods, category: str) -> Counts:
    of = frame[frame["primary_type"] == CHICAGO[category]]
    cell = grid.locate(of["x_ft"].to_numpy(float), of["y_ft"].to_numpy(float))
    week = weeks.locate(of["ts"].to_numpy())
    held = (cell >= 0) & (week >= 0)
    ones = np.ones(int(held.sum()), dtype=np.int64)
    made = sparse.coo_array((ones, (cell[held], week[held])), shape=(len(grid), len(weeks))).tocsc()
    made.sum_duplicates()
    return Counts(grid, weeks, made)


def main() -> None:
    print_machine(f"False alarms on Chicago, cells of {CELL:g} m, {LOOKS} weekly looks, p up to {LEVEL:g}")
    columns = ["ts", "primary_type", "x_ft", "y_ft"]
    frame = pd.read_parquet(DATA / "chicago_crimes_2012_2016.parquet", columns=columns).dropna()
    grid = Grid.inside(_area("chicago_police_districts_2012_epsg3435.parquet"), crs="EPSG:3435", cell=CELL)
    weeks = Periods.covering("2012-01-01", "2017-01-01", "1w")
    rows = []
    for category in CHICAGO:
        counts = cells(frame, grid, weeks, category)
        start = time.perf_counter()
        now = emerging(counts, level=LEVEL)
        seconds = time.perf_counter() - start
        settings = (
            ("Poisson", {"scatter": 1.0}),
            ("matched", {}),
            ("permutation", {"method": "permutation"}),
        )
        for name, more in settings:
            found = false_alarms(counts, level=LEVEL, looks=LOOKS, shufflings=2, **more)
            turned = false_alarms(counts, level=LEVEL, looks=LOOKS, shufflings=2, how="shift", **more)
            print(
                f"{category:20} scan, {name:12} {found.real:3d} of {found.looks} looks alarm as it was; with time "
                f"shuffled {found.shuffled}, turned {turned.shuffled}"
            )
            rows.append(
                {
                    "category": category,
                    "detector": f"scan, {name}",
                    "real_a_year": found.real_a_year,
                    "shuffled_a_year": found.shuffled_a_year,
                    "shifted_a_year": turned.shuffled_a_year,
                }
            )
        print(f"{category:20} {len(now.signals)} signals now, scatter {now.scatter:.2f}, {seconds:.1f} s")
        for method in ("farrington", "ears_c2", "cusum"):
            watched = watch(counts, method=method, looks=LOOKS)
            print(
                f"{category:20} {method:18} {watched.real_a_year:6.1f} places a year as it was; with time shuffled "
                f"{watched.shuffled_a_year:.1f}; of {watched.watched:,} cells, false-discovery rate up to 5 %"
            )
            rows.append(
                {
                    "category": category,
                    "detector": method,
                    "real_a_year": watched.real_a_year,
                    "shuffled_a_year": watched.shuffled_a_year,
                    "shifted_a_year": None,
                }
            )
    keep("false_alarms", {"rows": rows})


if __name__ == "__main__":
    main()
