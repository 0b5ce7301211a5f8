"""The Monday report for Chicago: one week against five years of 1.44 million reports, from the command to its page.

    python bench/week.py

Runs `peelian week` in a process of its own, as somebody would on Monday, on a workspace that holds the records already,
and measures the time on the clock and the most memory that was held. There is no peer: no other tool makes one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import pandas as pd
from _machine import print_machine

from peelian.workspace import Workspace
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "chicago_crimes_2012_2016.parquet"
TARGET_SECONDS, TARGET_GIB = 30.0, 3.0
REPEATS = 2


def measured(folder: Path) -> tuple[float, float]:
    """Seconds on the clock and GiB at the peak of one run."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "peelian", "week", "-w", str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        msg = f"peelian week ended with {status}"
        raise SystemExit(msg)
    print(told.splitlines()[0])
    return seconds, usage.ru_maxrss / (1 << 20)


def main() -> None:
    print_machine("The Monday report for Chicago")
    if not DATA.exists():
        print(f"skipped: {DATA} is not there")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "city"
        areas = Path(name) / "areas.geojson"
        shapes = pd.read_parquet(DATA.parent / "geo" / "chicago_community_areas_wgs84.parquet")
        outlines = gpd.GeoSeries.from_wkb(shapes.pop("wkb"), crs="EPSG:4326")
        gpd.GeoDataFrame(shapes, geometry=outlines).to_file(areas)
        init(
            folder,
            crs="EPSG:26916",
            zone="America/Chicago",
            areas=areas,
            area_id="community_area",
            area_name="name",
        )
        import_records(Workspace(folder), DATA)
        runs = [measured(folder) for _ in range(REPEATS)]
    for i, (seconds, memory) in enumerate(runs, start=1):
        first = " (compiles what is compiled once on a machine)" if i == 1 else ""
        print(f"run {i}: {seconds:6.1f} s, {memory:5.2f} GiB{first}")
    best = min(runs)
    print(
        f"target: {TARGET_SECONDS:g} s and {TARGET_GIB:g} GiB; best of {REPEATS}: {best[0]:.1f} s, {best[1]:.2f} GiB"
    )


if __name__ == "__main__":
    main()
