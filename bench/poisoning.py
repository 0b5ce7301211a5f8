"""The smallest planted change that the audit of the data finds, how often it alarms for nothing, and how long it takes.

    OMP_NUM_THREADS=1 python bench/poisoning.py [WORKSPACE [CATEGORY]]

Without a workspace, made-up cities: places that differ in rate, weeks that scatter more than Poisson, nothing planted
in 20 of them (each look may alarm in 5 % of cities), and then the poisoning test in one. With a workspace, its own
records.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import print_machine

ZONE, CRS = "America/Chicago", "EPSG:26915"
TARGETS = {"demonstration": 20.0, "1.45 million rows": 90.0}
CITIES = 20


def made(seed: int, *, n: int = 60_000, weeks: int = 157):  # type: ignore[no-untyped-def]
    """Records of a city of 10 x 10 km at 3000 points, with a random level of each point in each week."""
    from peelian.audits.recordset import recordset
    from peelian.places import Grid
    from peelian.records import Incidents

    rng = np.random.default_rng(seed)
    x, y = 740_000 + rng.uniform(0, 10_000, 3000), 4_280_000 + rng.uniform(0, 10_000, 3000)
    level = rng.gamma(0.5, 1.0, (3000, 1)) * rng.gamma(4.0, 0.25, (3000, weeks))
    drawn = rng.choice(level.size, n, p=level.ravel() / level.sum())
    point, week = drawn // weeks, drawn % weeks
    minute = np.where(rng.random(n) < 0.8, rng.choice([0, 0, 30, 15, 45], n), rng.integers(60, size=n))
    clock = rng.integers(7, size=n) * 1440 + rng.integers(24, size=n) * 60 + minute
    stamp = np.datetime64("2015-01-05T00:00", "m") + (week * 7 * 1440 + clock).astype("timedelta64[m]")
    kind = rng.choice(["theft", "burglary", "vandalism"], n, p=[0.5, 0.3, 0.2])
    frame = pd.DataFrame({"id": np.arange(n).astype(str), "source": "made", "occurred_from": stamp})
    frame = frame.assign(resolution="minute", category=kind, label=kind, officer_initiated=False)
    frame = frame.assign(x=x[point], y=y[point])
    grid = Grid.covering((740_001, 4_280_001, 749_999, 4_289_999), crs=CRS, cell=250.0)
    return recordset(Incidents(frame, CRS, ZONE), grid=grid, block_km=2.0)


def alarms() -> None:
    """In how many cities with nothing planted each look alarms."""
    from peelian.audits.manipulation import FAMILIES, watch

    seen = dict.fromkeys([*FAMILIES, "digits", "intervals", "minutes"], 0)
    for seed in range(CITIES):
        found = watch(made(seed), category="burglary")
        for name in FAMILIES:
            seen[name] += bool(found.families[name].standing.size)
        for name, q in (
            ("digits", found.digits.q),
            ("intervals", found.points.q_gap),
            ("minutes", found.points.q_minute),
        ):
            seen[name] += bool(np.any(q <= found.rate))
    print(f"cities with any alarm, of {CITIES} with nothing planted (1 of {CITIES} is the rate):")
    print("  " + ", ".join(f"{name} {n}" for name, n in seen.items()))


def told(records, category: str | None) -> None:  # type: ignore[no-untyped-def]
    """The poisoning test, with what it took."""
    from peelian.audits.dataset import data_audit

    start = time.perf_counter()
    audit = data_audit(records, category=category)
    took = time.perf_counter() - start
    print(f"whole audit of {records.total:,} records, {len(records.grid):,} cells: {took:.1f} s")
    for sentence in audit.parts["poisoning"].sentences():
        print(f"  {sentence}")
    print(f"targets: {', '.join(f'{name} under {seconds:.0f} s' for name, seconds in TARGETS.items())}")


def main() -> None:
    """Print the figures."""
    print_machine("Poisoning of records")
    if len(sys.argv) == 1:
        alarms()
        told(made(0), "burglary")
        return
    from peelian.audits.recordset import recordset
    from peelian.workspace import Workspace

    opened = Workspace(Path(sys.argv[1]))
    start = time.perf_counter()
    records = recordset(opened.incidents(), grid=opened.grid, areas=opened.areas)
    print(f"reading and placing {records.total:,} records: {time.perf_counter() - start:.1f} s")
    told(records, sys.argv[2] if len(sys.argv) > 2 else None)


if __name__ == "__main__":
    main()
