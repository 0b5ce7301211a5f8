"""A full trial of Chicago burglary: 52 weeks, all methods, cells of 250 m; then the same with ten times the reports.

    python bench/trial.py [--once]

There is no peer that does as much. Memory is the most that this process and those it started held at a time. The
ten times as many reports are the real ones, each nine times more within 250 m and 60 days of itself.
"""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import replace

import numpy as np
import psutil
from _cities import chicago
from _machine import print_machine
from _scores import Bar, keep
from scipy import sparse

from peelian.methods import discover
from peelian.places import Counts, Points
from peelian.trials import run_trial

TIMES = 10


class Peak:
    """Most memory, in bytes, of this process and its children while it is watched."""

    def __enter__(self) -> Peak:
        self.most, self.done = 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.done.set()
        self.thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self.done.wait(0.2):
            held = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    # Shared pages are counted once where the system tells.
                    held += getattr(process.memory_full_info(), "pss", process.memory_info().rss)
                except psutil.Error:
                    continue
            self.most = max(self.most, held)


def more(counts: Counts, times: int) -> Counts:
    rng = np.random.default_rng(0)
    points = counts.points
    assert points is not None
    n = len(points) * (times - 1)
    side = counts.grid.side
    days = rng.integers(-60, 61, n).astype("timedelta64[D]")
    x = np.concatenate([points.x, np.repeat(points.x, times - 1) + rng.uniform(-side, side, n)])
    y = np.concatenate([points.y, np.repeat(points.y, times - 1) + rng.uniform(-side, side, n)])
    t = np.concatenate([points.time, np.repeat(points.time, times - 1) + days])
    order = np.argsort(t, kind="stable")
    x, y, t = x[order], y[order], t[order]
    cell, week = counts.grid.locate(x, y), counts.periods.locate(t)
    held = (cell >= 0) & (week >= 0)
    ones = np.ones(int(held.sum()), dtype=np.int64)
    matrix = sparse.coo_array((ones, (cell[held], week[held])), shape=counts.matrix.shape).tocsc()
    matrix.sum_duplicates()
    return replace(counts, matrix=matrix, points=Points(x[held], y[held], t[held]))


def run(counts: Counts, title: str) -> tuple[float, float]:
    methods = [method() for method in discover()]
    start = time.perf_counter()
    with Peak() as peak, Bar(title) as bar:
        trial = run_trial(counts, methods, origins=52, fractions=(0.01, 0.05), progress=bar)
        trial.to_dict()
    spent = time.perf_counter() - start
    print(f"{title}: {counts.total:,} reports, {len(counts.grid):,} cells, {len(methods)} methods")
    print(f"  {spent:.1f} s, {peak.most / 1e9:.2f} GB")
    for method in trial.methods:
        print(f"    {method.name:28}{method.seconds:8.1f} s of one core")
    return spent, peak.most / 1e9


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--once", action="store_true", help="without the ten times as many reports")
    once = parser.parse_args().once
    print_machine("A full trial: 52 origins, all methods, Chicago burglary")
    counts = chicago("burglary")
    seconds, memory = run(counts, "burglary")
    figures = {"seconds": seconds, "memory_gb": memory}
    if not once:
        tenfold, held = run(more(counts, TIMES), f"{TIMES} times the reports")
        print(f"  {tenfold / seconds:.2f} times as long")
        figures |= {"tenfold_seconds": tenfold, "tenfold_memory_gb": held, "ratio": tenfold / seconds}
    keep("trial", figures)


if __name__ == "__main__":
    main()
