"""Scoring all pairs of 10,000 incidents, fifty million of them: ours, and the pairwise approach in NumPy and pandas.

    python bench/links.py

Incidents are made up, half of them with a from-to time, with three coded fields of manner. Ours compares each pair as
it comes by, looks up what its features add and keeps the pairs above a threshold. The peer does what the R package
crimelinkage does, with whole columns in place of loops: a table of pairs, a column a feature, a binned lookup a
feature, and the sum. It takes the middles of intervals and leaves their expected differences out, which favours it, and
every `SKIP`th pair. crimelinkage itself was measured elsewhere, at 5,389 pairs a second.
"""

from __future__ import annotations

import time

import numba
import numpy as np
import pandas as pd
from _machine import print_machine
from _scores import keep

from peelian.patterns.bayes_factor import shapes
from peelian.patterns.pairs import Compared, pair_bins, prepare
from peelian.patterns.scoring import score_all
from peelian.records import Incidents

N = 10_000
REPEATS = 5
SKIP = 50
TARGET = 1.0
CRIMELINKAGE = 5_389
FIELDS = {"entry": 31, "taken": 8, "premises": 15}


def incidents() -> Compared:
    rng = np.random.default_rng(0)
    centre = rng.uniform(0, 15_000, (60, 2))
    place = centre[rng.integers(0, 60, N)] + rng.normal(0, 900, (N, 2))
    start = np.datetime64("2024-01-01T00:00", "m") + rng.integers(0, 365 * 1440, N).astype("timedelta64[m]")
    made = Incidents.of(*place.T, start, crs="EPSG:26915", zone="America/Chicago")
    frame = made.frame
    frame["occurred_to"] = start + np.where(rng.random(N) < 0.5, 0, rng.integers(10, 4_000, N)).astype(
        "timedelta64[m]"
    )
    codes = {
        name: pd.Series(rng.choice(np.arange(k).astype(str), N, p=rng.dirichlet(np.ones(k)))).where(
            rng.random(N) < 0.95
        )
        for name, k in FIELDS.items()
    }
    manner = pd.DataFrame(codes).set_axis(frame["id"])
    return prepare(Incidents(frame, made.crs, made.zone), manner=manner)


def tables(compared: Compared) -> list[np.ndarray]:
    """What a model would hold: near pairs, the same hour and rare shared codes add most."""
    m = compared.manner
    forms = shapes(m.fields, tuple(m.shares(k) for k in range(len(m.fields))), ())
    weights = {"place": -1.7, "time": -0.8, "hour": -0.1, "weekday": -0.1}
    return [form.basis()[:, 0] * weights.get(form.kind, 0.4) for form in forms]


def pairwise(compared: Compared, model: list[np.ndarray], threshold: float) -> tuple[int, int]:
    """The peer: pairs it took, and how many reached the threshold."""
    n = len(compared)
    i = np.repeat(np.arange(n), np.arange(n)[::-1])[::SKIP]
    first = np.concatenate([np.arange(k + 1, n) for k in range(n)])[::SKIP]
    pairs = pd.DataFrame({"one": i, "two": first})
    one, two = pairs["one"].to_numpy(), pairs["two"].to_numpy()
    middle = (compared.start + compared.end) / 2
    metres = np.hypot(compared.x[one] - compared.x[two], compared.y[one] - compared.y[two])
    pairs["place"] = metres * np.sqrt(compared.thinness[one] * compared.thinness[two])
    apart = np.abs(middle[one] - middle[two])
    pairs["time"] = apart / 1440
    pairs["hour"] = np.minimum(apart % 1440, 1440 - apart % 1440) / 60
    pairs["weekday"] = np.minimum(apart % 10_080, 10_080 - apart % 10_080) / 1440
    m = compared.manner
    for k, name in enumerate(m.fields):
        a, b = m.codes[k][one], m.codes[k][two]
        pairs[name] = np.where((a < 0) | (b < 0), len(m.levels[k]) + 1, np.where(a == b, a, len(m.levels[k])))
    forms = shapes(m.fields, tuple(m.shares(k) for k in range(len(m.fields))), ())
    score = np.zeros(len(pairs))
    for form, table in zip(forms, model, strict=True):
        value = pairs[form.name].to_numpy()
        known = form.values[~np.isnan(form.values)]
        bins = value if form.kind == "code" else np.searchsorted(known, value).clip(0, known.size - 1)
        score += table[bins]
    pairs["score"] = score
    return len(pairs), int((pairs["score"] >= threshold).sum())


def main() -> None:
    print_machine(f"Scoring all pairs of {N:,} incidents, 7 features each")
    compared = incidents()
    model = tables(compared)
    total = N * (N - 1) // 2
    rng = np.random.default_rng(1)
    i, j = np.sort(rng.choice(N, (2, 400_000)), axis=0)
    bins = pair_bins(compared, i[i < j], j[i < j], scales=np.empty(0))
    sample = sum(table[b] for table, b in zip(model, bins, strict=True))
    threshold = float(np.quantile(sample, 0.9995))

    def ours() -> int:
        return score_all(compared, tables=model, scales=np.empty(0), threshold=threshold)[3]

    start = time.perf_counter()
    reached = ours()
    first = time.perf_counter() - start
    spent = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        ours()
        spent.append(time.perf_counter() - start)
    seconds = min(spent)
    print(
        f"ours: {seconds:.2f} s for {total:,} pairs, {total / seconds / 1e6:.0f} M pairs/s on "
        f"{numba.get_num_threads()} threads, the best of {REPEATS} (worst {max(spent):.2f} s); {first:.2f} s the first "
        f"time; {reached:,} pairs reached the threshold"
    )
    print(f"target {TARGET:g} s, ours {seconds:.2f} s: {'holds' if seconds <= TARGET else 'not reached'}")
    start = time.perf_counter()
    taken, kept = pairwise(compared, model, threshold)
    sample_seconds = time.perf_counter() - start
    whole = sample_seconds * total / taken
    print(
        f"columns of pairs in NumPy and pandas: {sample_seconds:.2f} s for {taken:,} pairs ({kept:,} reached), "
        f"{whole:.0f} s for all; ratio peer / ours {whole / seconds:.0f}"
    )
    elsewhere = total / CRIMELINKAGE
    print(
        f"crimelinkage at {CRIMELINKAGE:,} pairs/s, measured elsewhere: {elsewhere / 3600:.1f} hours; "
        f"ratio {elsewhere / seconds:,.0f}"
    )
    row = {
        "work": f"scoring all {total:,} pairs of {N:,} incidents",
        "ours": f"{seconds:.2f} s",
        "peer": f"columns of pairs in NumPy and pandas: {whole:.0f} s (from every {SKIP}th pair)",
        "ratio": f"{whole / seconds:.0f}",
        "note": f"crimelinkage, 5,389 pairs/s measured elsewhere: {elsewhere / seconds:,.0f} times as long",
    }
    keep("links", {"rows": [row]})


if __name__ == "__main__":
    main()
