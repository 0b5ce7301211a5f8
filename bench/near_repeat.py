"""A Knox table of 20,000 reports, 4 x 4 bands, 999 permutations: ours, pointpats, and a plain KD tree with NumPy.

    python bench/near_repeat.py

The reports are the first 20,000 burglaries of Chicago from 2012 on, or made up where there is no such file. pointpats
does one pair of bands at a time: that of 400 m and 7 days is timed with few permutations and with none, and what one
permutation takes is scaled to 999. The plain version finds the near pairs with SciPy's KD tree and counts all bands in
one pass of NumPy a permutation; it is scaled in the same way. All counts must be equal.

False alarms: the times are shuffled within 64 parts of the area, so that what each part had more of at some time stays
and no report follows another; then it is counted how many of the 16 bands still stand out.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from _cities import DATA, FOOT
from _machine import print_machine
from _scores import keep
from pointpats.spacetime import Knox
from scipy.spatial import cKDTree

from peelian.patterns.knox_counts import TOLERANCE
from peelian.patterns.knox_interval import blocks_of
from peelian.patterns.near_repeat import near_repeat
from peelian.patterns.point_events import point_events
from peelian.records import Incidents

N = 20_000
DISTANCES = (100.0, 200.0, 300.0, 400.0)
DAYS = (7, 14, 21, 28)
PERMUTATIONS = 999
THEIRS, PLAIN = 20, 10
REPEATS = 5
SHUFFLES = 20


def reports() -> tuple[str, Incidents]:
    """Burglaries of Chicago, or as many made-up ones around forty places, some of which are followed by others."""
    path = DATA / "chicago_crimes_2012_2016.parquet"
    if path.exists():
        read = pd.read_parquet(path, columns=["ts", "primary_type", "x_ft", "y_ft"])
        read = read[(read.primary_type == "BURGLARY") & read.x_ft.notna()].sort_values("ts", kind="stable")[
            :N
        ]
        x, y = (read[c].to_numpy(dtype=float) * FOOT for c in ("x_ft", "y_ft"))
        name, when = "burglaries of Chicago", read.ts
    else:
        rng = np.random.default_rng(0)
        x, y = rng.uniform(0, 25_000, (40, 2))[rng.integers(0, 40, N)].T + rng.normal(0, 2500, (2, N))
        x, y = np.round(x, -1), np.round(y, -1)
        name, when = (
            "made-up reports",
            pd.Timestamp("2012-01-01") + pd.to_timedelta(rng.integers(0, 340, N), "D"),
        )
    return name, Incidents.of(x, y, when, crs="EPSG:26916", zone="America/Chicago")


def plain(x: np.ndarray, y: np.ndarray, day: np.ndarray, permutations: int) -> tuple[np.ndarray, np.ndarray]:
    """The same table with a KD tree and NumPy."""
    pairs = cKDTree(np.c_[x, y]).query_pairs(DISTANCES[-1] + TOLERANCE, output_type="ndarray")
    i, j = pairs.T
    far = np.searchsorted(np.array(DISTANCES) + TOLERANCE, np.hypot(x[i] - x[j], y[i] - y[j]))
    bands = (len(DISTANCES), len(DAYS) + 1)

    def table(when: np.ndarray) -> np.ndarray:
        gap = np.searchsorted(DAYS, np.abs(when[i] - when[j]))
        return np.bincount(far * bands[1] + gap, minlength=bands[0] * bands[1]).reshape(bands)[:, :-1]

    rng = np.random.default_rng(0)
    return table(day), np.stack([table(rng.permutation(day)) for _ in range(permutations)])


def false_alarms(made: Incidents, parts: int) -> float:
    """Bands that stand out, on average, where no report follows another."""
    block = blocks_of(made.x, made.y)
    found = []
    for seed in range(SHUFFLES):
        rng, when = np.random.default_rng(seed), made.time.copy()
        for b in np.unique(block):
            at = np.flatnonzero(block == b)
            when[at] = when[rng.permutation(at)]
        moved = Incidents.of(made.x, made.y, when, crs=made.crs, zone=made.zone)
        found.append(near_repeat(moved, distances=DISTANCES, days=DAYS, parts=parts).significant.sum())
    return float(np.mean(found))


def seconds_of(work) -> tuple[float, object]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def main() -> None:
    name, made = reports()
    print_machine(
        f"Near repeats, {len(made):,} {name}, {len(DISTANCES)} x {len(DAYS)} bands, {PERMUTATIONS} permutations"
    )

    def ours():
        return near_repeat(made, distances=DISTANCES, days=DAYS, permutations=PERMUTATIONS)

    first, found = seconds_of(ours)
    seconds = min(seconds_of(ours)[0] for _ in range(REPEATS))
    print(
        f"ours: {seconds:.3f} s, the best of {REPEATS}; {first:.2f} s the first time, with what is compiled or loaded"
    )
    one = min(
        seconds_of(
            lambda: near_repeat(made, distances=DISTANCES, days=DAYS, permutations=PERMUTATIONS, threads=1)
        )[0]
        for _ in range(2)
    )
    print(f"ours on one thread: {one:.3f} s; {int(found.observed.sum()):,} pairs in all bands")

    events = point_events(made)
    none, (table, _) = seconds_of(lambda: plain(events.x, events.y, events.time, 1))
    some, _ = seconds_of(lambda: plain(events.x, events.y, events.time, PLAIN + 1))
    whole = none + (some - none) / PLAIN * (PERMUTATIONS - 1)
    equal = bool(np.array_equal(table, found.observed))
    print(
        f"KD tree and NumPy: {whole:.1f} s, from {PLAIN} permutations; ratio {whole / seconds:.0f}; "
        f"counts equal: {equal}"
    )

    places, day = np.c_[events.x, events.y], events.time[:, None].astype(float)

    def theirs(permutations: int) -> Knox:
        return Knox(places, day, delta=DISTANCES[-1] + TOLERANCE, tau=DAYS[0], permutations=permutations)

    without, peer = seconds_of(lambda: theirs(0))
    several, _ = seconds_of(lambda: theirs(THEIRS))
    every = without + (several - without) / THEIRS * PERMUTATIONS
    same = int(found.observed[:, 0].sum()) == peer.nst
    print(
        f"pointpats, {DISTANCES[-1]:g} m and {DAYS[0]} days alone: {every:.0f} s, from {THEIRS} permutations; "
        f"ratio {every / seconds:.0f}; count equal: {same} ({peer.nst:,})"
    )
    if not (equal and same):
        raise SystemExit("the counts differ")
    alarms = {parts: false_alarms(made, parts) for parts in (1, 64)}
    print(
        f"false alarms, of 16 bands, {SHUFFLES} shuffles within 64 parts: {alarms[1]:.2f} stand out when times are "
        f"shuffled over the whole area, {alarms[64]:.2f} within 64 parts; as reported "
        f"{int(found.significant.sum())} and "
        f"{int(near_repeat(made, distances=DISTANCES, days=DAYS, parts=64).significant.sum())}"
    )
    row = {
        "work": f"Knox, {len(made):,} {name}, 4 x 4 bands, {PERMUTATIONS} permutations",
        "ours": f"{seconds:.2f} s",
        "peer": f"pointpats, one pair of bands: {every:.0f} s (from {THEIRS} permutations)",
        "ratio": f"{every / seconds:.0f}",
        "note": f"counts equal; KD tree and NumPy {whole:.0f} s for all bands; ours on one thread {one:.2f} s",
    }
    keep("near_repeat", {"rows": [row]})


if __name__ == "__main__":
    main()
