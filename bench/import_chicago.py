"""Import 1.45 million rows of Chicago's export from CSV, beside the plain way in pandas.

Run from the project's root::

    python bench/import_chicago.py

The CSV is made first, in the form of the city's data portal (Socrata), from the repackaged Parquet in
``../shared/data``; columns that the Parquet lacks stay empty. That is outside of the timing. Each contender then runs
in a process of its own, which reports its wall-clock time and its peak resident memory.

The peer does the least that could be called an import: ``pandas.read_csv``, ``to_datetime``, ``to_parquet`` by month.
It checks, projects, maps and accounts for nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from _machine import print_machine

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data" / "chicago_crimes_2012_2016.parquet"


SELECT = """SELECT id AS "ID", NULL AS "Case Number", strftime(ts, '%m/%d/%Y %I:%M:%S %p') AS "Date", NULL AS "Block",
    iucr AS "IUCR", primary_type AS "Primary Type", NULL AS "Description", location AS "Location Description",
    arrest AS "Arrest", domestic AS "Domestic", lpad(beat::VARCHAR, 4, '0') AS "Beat", district AS "District",
    ward AS "Ward", community_area AS "Community Area", fbi_code AS "FBI Code", x_ft AS "X Coordinate",
    y_ft AS "Y Coordinate", year(ts) AS "Year", NULL AS "Updated On", NULL AS "Latitude", NULL AS "Longitude",
    NULL AS "Location" FROM read_parquet(?)"""

OURS = """
from peelian.records import IncidentStore
report = IncidentStore({target!r}, threads={threads}).stage({csv!r}, import_id="bench").report
assert report.rows_in == report.stored + report.duplicates + report.corrections + report.quarantined
rows = report.rows_in
"""

PEER = """
import pandas as pd
frame = pd.read_csv({csv!r})
frame["Date"] = pd.to_datetime(frame["Date"], format="%m/%d/%Y %I:%M:%S %p")
frame["month"] = frame["Date"].dt.strftime("%Y-%m")
frame.to_parquet({target!r}, partition_cols=["month"])
rows = len(frame)
"""

MEASURE = """
import json, resource, sys, time
started = time.perf_counter()
{body}
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({{"seconds": seconds, "peak_bytes": peak, "rows": rows}}))
"""


def make_csv(source: Path, target: Path) -> None:
    """Write the Parquet as the data portal would export it."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        path = str(target).replace("'", "''")
        connection.execute(f"COPY ({SELECT}) TO '{path}' (FORMAT csv, HEADER)", [str(source)])


def measure(body: str) -> dict[str, float]:
    """Run a contender in a fresh process; imports count, since a user waits for them too."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(body=body)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Make the CSV, run both, print figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parquet", type=Path, default=SHARED, help="the repackaged Parquet")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the best counts")
    options = parser.parse_args()
    if not options.parquet.exists():
        sys.exit(f"{options.parquet} is not on this machine; give --parquet")
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="peelian-bench-") as folder:
        csv, target = Path(folder) / "chicago.csv", Path(folder) / "out"
        make_csv(options.parquet, csv)
        size = csv.stat().st_size
        for _ in range(options.repeat):
            for name, body in (("peelian", OURS), ("pandas", PEER)):
                shutil.rmtree(target, ignore_errors=True)
                found = measure(body.format(csv=str(csv), target=str(target), threads=options.threads))
                best = results.get(name)
                results[name] = found if best is None or found["seconds"] < best["seconds"] else best
    ours, peer = results["peelian"], results["pandas"]
    print_machine("Import of Chicago's export from CSV")
    print(f"rows {ours['rows']:,.0f}, CSV {size / 1e6:,.0f} MB")
    for name, found in results.items():
        print(f"{name:8} {found['seconds']:6.2f} s   peak {found['peak_bytes'] / 2**30:5.2f} GiB")
    print(f"ratio    {ours['seconds'] / peer['seconds']:6.2f} of pandas' time")
    ok = ours["seconds"] < 15 and ours["peak_bytes"] < 2 * 2**30
    print(f"target   under 15 s and under 2 GiB: {'met' if ok else 'MISSED'}")


if __name__ == "__main__":
    main()
