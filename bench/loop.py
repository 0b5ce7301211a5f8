"""The loop of a city: 200 courses of five years of weeks on 3,000 and 6,000 places, and the urn against its figures.

    NUMBA_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/loop.py

Every way of learning goes through six settings. Compiling is not counted (a small city first). The peer is the same
course by sorting all places each period in NumPy, for one way of learning.
"""

from __future__ import annotations

import time

import numpy as np
from _machine import print_machine
from _scores import keep

from peelian.audits.loop import loop_audit
from peelian.audits.loop_run import Learner, follow
from peelian.audits.loop_world import Course, course, rate_prior
from peelian.audits.urn import two_area_urn

RUNS, YEARS, WEEKS = 200, 5, 156
TARGET = 15.0


def reports(cells: int) -> np.ndarray:
    """Three years of reports as uneven as a city's: about 70 a week on 3,000 places."""
    rng = np.random.default_rng(0)
    return rng.poisson(rng.gamma(0.57, 0.024 / 0.57 * WEEKS, cells)).astype(float)


def audit(cells: int, runs: int) -> tuple[float, object]:
    start = time.perf_counter()
    found = loop_audit(
        reports(cells), periods=WEEKS, places=round(cells / 100), discovery=0.2, years=YEARS, runs=runs
    )
    return time.perf_counter() - start, found


def sorted_each_week(one: Course, ratio: float, places: int, history: int) -> np.ndarray:
    scores = np.zeros(one.ties.size)
    scores[one.ties] = 1e-9 * np.arange(one.ties.size) / one.ties.size
    for t in range(one.edges.size - 1):
        part = slice(one.edges[t], one.edges[t + 1])
        cells, marks = one.cells[part], one.marks[part]
        seen = np.zeros(scores.size, dtype=bool)
        if t >= history:
            seen[np.argpartition(-scores, places)[:places]] = True
        np.add.at(scores, cells[(marks < 0) | (seen[cells] & (marks < ratio))], 2.0 ** (t / 52))
    return scores / scores.sum()


def against_sorting(cells: int) -> tuple[float, float, float]:
    n = reports(cells)
    places = round(cells / 100)
    rng = np.random.default_rng(1)
    one = course(
        n,
        rate_prior(n, periods=WEEKS),
        periods=WEEKS,
        years=YEARS,
        per_year=52,
        history=104,
        places=places,
        most=0.2,
        moved=0.05,
        rng=rng,
    )
    luck = rng.random((one.edges.size - 1, 2 * places))

    def ours() -> np.ndarray:
        return follow(
            one,
            Learner("naive"),
            0.2,
            groups=np.zeros((cells, 0)),
            per_year=52,
            places=places,
            half_life=52.0,
            luck=luck,
        ).scores

    def best(work: object) -> tuple[float, np.ndarray]:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            made = work()  # type: ignore[operator]
            times.append(time.perf_counter() - start)
        return min(times), made

    ours()
    mine, found = best(ours)
    theirs, expected = best(lambda: sorted_each_week(one, 0.2, places, 104))
    return mine, theirs, float(np.abs(found - expected).max())


def main() -> None:
    print_machine(f"closed loop, {RUNS} courses of {YEARS} years, six settings, five ways of learning")
    audit(300, 2)
    rows = []
    for cells in (3000, 6000):
        seconds, found = audit(cells, RUNS)
        mine, theirs, apart = against_sorting(cells)
        holds = "holds" if seconds <= TARGET else "not reached"
        print(f"{cells:,} places: {seconds:.1f} s; target {TARGET:g} s: {holds}")
        print(f"  {found.sentences()[0]}")  # type: ignore[attr-defined]
        print(
            f"  one course: ours {1e3 * mine:.2f} ms, sorting each week {1e3 * theirs:.2f} ms, ratio "
            f"{theirs / mine:.0f}; largest difference of shares {apart:.1e}"
        )
        rows.append(
            {
                "work": f"closed loop, {cells:,} places, {RUNS} courses of {YEARS} years, 28 ways and settings",
                "ours": f"{seconds:.1f} s",
                "peer": f"one course by sorting each week: {1e3 * theirs:.1f} ms, ours {1e3 * mine:.1f} ms",
                "ratio": f"{theirs / mine:.0f}",
                "note": f"shares differ by {apart:.1e} at most; target {TARGET:g} s: {holds}",
            }
        )
    urns()
    keep("loop", {"rows": rows})


def urns() -> None:
    for rates in ((0.6, 0.4), (0.5, 0.5)):
        for learning in ("naive", "corrected"):
            start = time.perf_counter()
            urn = two_area_urn(rates, learning=learning, runs=2000)  # type: ignore[arg-type]
            seconds = time.perf_counter() - start
            print(
                f"urn {rates}, {learning}: mean {urn.mean:.3f}, sd {urn.sd:.3f}, above 0.9 {urn.above(0.9):.0%} "
                f"({seconds:.1f} s)"
            )


if __name__ == "__main__":
    main()
