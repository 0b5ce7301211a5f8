"""Fit of a self-exciting process to simulated reports: ours to convergence, beside EM written out over all pairs.

    python bench/self_exciting.py            # 10 thousand, 100 thousand and 1 million reports
    python bench/self_exciting.py --million none

The simulation has a branching ratio of 0.30, a mean lag of 10 days and a spread of 100 m, in a rectangle of 30 x 24 km
and three years. Each fit runs in a process of its own, which reports its seconds after a small warm-up (compiled code
is kept on disk) and by how much its peak memory grew; up to 100 thousand reports, the quickest of three.

The peer is the algorithm of Mohler et al. (2011, JASA 106) in NumPy, over all pairs, with a fixed bandwidth for the
background as in the paper's first step; time and memory grow with the square of the number of reports, so it runs on a
few thousand. Its time for more is worked out from that, and marked so.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time

import numpy as np
from _machine import print_machine
from _scores import keep

from peelian.methods.triggering import Area, Reach, fit_triggering

WIDTH, HEIGHT, DAYS = 30_000.0, 24_000.0, 1096.0
RATIO, LAG, SPREAD = 0.30, 10.0, 100.0
REACH = Reach(60.0, 400.0)
PEER = (2000, 4000)
TARGET_SECONDS, TARGET_MB = 5.0, 500.0


def simulate(n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """About `n` reports: sixty clusters of unlike size and an even quarter, and their follow-ups, sorted by time."""
    rng = np.random.default_rng(seed)
    size = np.array([WIDTH, HEIGHT])
    centre, wide = rng.random((60, 2)) * size, np.exp(rng.uniform(np.log(250), np.log(2500), 60))
    shares = rng.dirichlet(np.ones(60))
    m = rng.poisson(n * (1 - RATIO))
    at = np.full((m, 2), -1.0)
    while (out := np.flatnonzero(~((at >= 0) & (at < size)).all(axis=1))).size:
        which = rng.choice(60, out.size, p=shares)
        clustered = rng.normal(centre[which], wide[which, None])
        at[out] = np.where(rng.random((out.size, 1)) < 0.25, rng.random((out.size, 2)) * size, clustered)
    when = rng.random(m) * DAYS
    places, times = [at], [when]
    while len(at):
        parent = np.repeat(np.arange(len(at)), rng.poisson(RATIO, len(at)))
        at, when = rng.normal(at[parent], SPREAD), when[parent] + rng.exponential(LAG, parent.size)
        at, when = at[when < DAYS], when[when < DAYS]
        places.append(at)
        times.append(when)
    at, when = np.concatenate(places), np.concatenate(times)
    inside = ((at >= 0) & (at < size)).all(axis=1)
    at, when = at[inside], when[inside]
    order = np.argsort(when)
    return at[order, 0], at[order, 1], when[order]


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def ours(n: int, form: str) -> dict[str, float]:
    area = Area(np.ones((96, 120), dtype=bool), 250.0)
    x, y, t = simulate(3000, seed=1)
    fit_triggering(x, y, t, area=area, days=DAYS, reach=REACH, form=form)
    x, y, t = simulate(n)
    before, start = peak_mb(), time.perf_counter()
    fit = fit_triggering(x, y, t, area=area, days=DAYS, reach=REACH, form=form)
    return {
        "n": x.size,
        "seconds": time.perf_counter() - start,
        "mb": peak_mb() - before,
        "ratio": fit.kernel.ratio,
        "lag": fit.kernel.mean_lag,
        "spread": fit.kernel.spread,
        "passes": fit.passes,
        "converged": fit.converged,
        "pairs": fit.n_pairs,
    }


def peer(n: int, _form: str) -> dict[str, float]:
    """Seconds of one iteration of EM over all pairs, the median of five."""
    x, y, t = simulate(n)
    before = peak_mb()
    bandwidth, ratio, lag, spread = 500.0, 0.2, 20.0, 200.0
    weight, spent = np.full(x.size, 0.8), []
    for _ in range(5):
        start = time.perf_counter()
        since = t[:, None] - t
        square = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
        near = np.exp(-square / (2 * bandwidth**2)) / (2 * np.pi * bandwidth**2)
        np.fill_diagonal(near, 0.0)
        base = near @ weight / DAYS
        added = ratio / lag * np.exp(-np.maximum(since, 0) / lag)
        added *= np.exp(-square / (2 * spread**2)) / (2 * np.pi * spread**2)
        added[since <= 0] = 0.0
        share = added / (base + added.sum(axis=1) + 1e-300)[:, None]
        total = share.sum()
        weight = 1 - share.sum(axis=1)
        ratio, lag = total / x.size, (share * since).sum() / total
        spread = float(np.sqrt((share * square).sum() / (2 * total)))
        spent.append(time.perf_counter() - start)
    return {"n": x.size, "seconds": float(np.median(spent)), "mb": peak_mb() - before}


def apart(work: str, n: int, form: str = "") -> dict[str, float]:
    """A contender in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return json.loads(json.dumps(pool.apply({"ours": ours, "peer": peer}[work], (n, form))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--million", choices=["parametric", "both", "none"], default="parametric")
    options = parser.parse_args()
    print_machine(
        f"Self-exciting process, simulated: branching ratio {RATIO}, mean lag {LAG:g} days, spread {SPREAD:g} m"
    )
    found = {}
    for form in ("parametric", "histogram"):
        million = options.million == "both" or options.million == form
        for n in (10_000, 100_000, 1_000_000)[: 3 if million else 2]:
            runs = [apart("ours", n, form) for _ in range(3 if n <= 100_000 else 1)]
            one = found[form, n] = min(runs, key=lambda run: run["seconds"])
            print(
                f"ours, {form:10} {one['n']:9,} reports: {one['seconds']:7.2f} s "
                f"{'to convergence' if one['converged'] else 'until the rounds ran out'} "
                f"({one['passes']} passes over {one['pairs']:,} pairs), {one['mb']:6.0f} MB more; "
                f"ratio {one['ratio']:.3f}, mean lag {one['lag']:.2f} days, spread {one['spread']:.1f} m"
            )
    for n in PEER:
        slow = apart("peer", n)
        print(
            f"dense NumPy EM {slow['n']:9,} reports: {slow['seconds']:7.2f} s an iteration, {slow['mb']:6.0f} MB more"
        )
    rows = []
    for (form, n), own in found.items():
        times = (n / slow["n"]) ** 2
        rows.append(
            {
                "work": f"self-exciting fit, {form}, {n:,} reports",
                "ours": f"{own['seconds']:.2f} s, {own['mb']:.0f} MB"
                + ("" if own["converged"] else ", rounds ran out"),
                "peer": f"dense NumPy EM, one iteration of many: {slow['seconds'] * times:,.0f} s, "
                f"{slow['mb'] * times:,.0f} MB (from {int(slow['n']):,} reports)",
                "ratio": f"{slow['seconds'] * times / own['seconds']:,.1f}",
                "note": f"branching ratio {own['ratio']:.3f}, simulated {RATIO:.2f}",
            }
        )
    keep("self_exciting", {"rows": rows})
    for n in (10_000, 100_000):
        times = (n / slow["n"]) ** 2
        own = found["parametric", n]
        print(
            f"  at {n:,} it would take {slow['seconds'] * times:,.0f} s an iteration and {slow['mb'] * times:,.0f} MB; "
            f"ratio of one such iteration to our whole fit {slow['seconds'] * times / own['seconds']:,.1f}"
        )
    at = found["parametric", 100_000]
    met = at["seconds"] < TARGET_SECONDS and at["mb"] < TARGET_MB
    print(f"target at 100,000: {TARGET_SECONDS:g} s and {TARGET_MB:g} MB: {'met' if met else 'MISSED'}")
    off = max(abs(one["ratio"] - RATIO) for one in found.values())
    print(
        f"target for the ratio: {RATIO} +- 0.03, farthest off by {off:.3f}: {'met' if off <= 0.03 else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
