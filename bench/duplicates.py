"""Planted duplicates in real records of St. Louis: ours beside splink, what is found and whether probabilities hold.

    python bench/duplicates.py

The base is a year of real records, one kept of those that share place and time to the letter. Of 2,000 a copy is
planted: its place moved by about 50 feet each way and rounded to 100 feet, its time by about two hours, three in ten
with another label of the category and one in ten of another category. Which pairs were planted is known; which real
pairs are of one incident is not, so probabilities are checked among pairs with a planted record, where a pair with any
other record counts as different.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from _machine import print_machine
from _scores import keep
from sklearn.metrics import average_precision_score

from peelian.demo_data import stlouis_incidents
from peelian.patterns.duplicates import find_duplicates
from peelian.patterns.probability import brier_score, calibration_table, log_score
from peelian.records import Incidents

CRS, ZONE = "ESRI:102696", "America/Chicago"
PLANTED = 2_000
YEARS = (2016, 2017)
CATEGORIES = (
    "theft",
    "burglary",
    "robbery",
    "vandalism",
    "fraud",
    "arson",
    "weapons",
    "drugs",
    "disorder",
    "other",
)


def base(year: int) -> pd.DataFrame:
    rows = pd.read_parquet(stlouis_incidents())
    inside = (rows["ts"] >= f"{year}-01-01") & (rows["ts"] < f"{year + 1}-01-01")
    rows = rows[inside & (rows["count"] == 1) & (rows["x_ft"] > 0)]
    rows = (
        rows.sort_values("ts", kind="stable").drop_duplicates(["x_ft", "y_ft", "ts"]).reset_index(drop=True)
    )
    kind = pd.factorize(rows["crime"].astype(str).str[:2], sort=True)[0] % len(CATEGORIES)
    return pd.DataFrame(
        {
            "x": rows["x_ft"].astype(float),
            "y": rows["y_ft"].astype(float),
            "occurred_from": rows["ts"],
            "label": rows["description"].astype(str),
            "category": np.array(CATEGORIES)[kind],
        }
    )


def plant(rows: pd.DataFrame, *, seed: int, n: int = PLANTED) -> tuple[Incidents, set[tuple[str, str]]]:
    """The records with `n` copies behind them, and the pairs that were planted."""
    rng = np.random.default_rng(seed)
    origin = np.sort(rng.choice(len(rows), n, replace=False))
    copy = rows.iloc[origin].copy()
    for axis in ("x", "y"):
        copy[axis] = np.round((copy[axis] + rng.normal(0, 50, n)) / 100) * 100
    copy["occurred_from"] += pd.to_timedelta(np.round(rng.normal(0, 120, n)), unit="min")
    labels = {name: group.unique() for name, group in rows.groupby("category")["label"]}
    again = rng.random(n) < 0.3
    copy.loc[again, "label"] = [rng.choice(labels[c]) for c in copy.loc[again, "category"]]
    other = rng.random(n) < 0.1
    drawn = rows.iloc[rng.integers(0, len(rows), int(other.sum()))]
    for column in ("label", "category"):
        copy.loc[other, column] = drawn[column].to_numpy()
    both = pd.concat([rows, copy], ignore_index=True)
    both["id"] = [str(k) for k in range(len(both))]
    both = both.assign(source="slmpd", resolution="minute", officer_initiated=False)
    pairs = {(str(k), str(len(rows) + m)) for m, k in enumerate(origin)}
    return Incidents(both, CRS, ZONE), pairs


def tried(year: int, engine: str, seed: int) -> dict:
    rows = base(year)
    records, planted = plant(rows, seed=seed)
    start = time.perf_counter()
    found = find_duplicates(records, engine=engine)
    seconds = time.perf_counter() - start
    frame = found.frame
    truth = np.array([pair in planted for pair in zip(frame["one"], frame["two"], strict=True)])
    involved = frame["two"].astype(int).to_numpy() >= len(rows)
    p = frame["probability"].to_numpy()
    table = calibration_table(p[involved], truth[involved])
    at = {}
    for least in (0.5, 0.9):
        taken = involved & (p >= least)
        at[least] = (truth[p >= least].sum() / len(planted), truth[taken].mean())
    return {
        "seconds": seconds,
        "precision": float(average_precision_score(truth[involved], p[involved])),
        "brier": brier_score(p[involved], truth[involved]),
        "log": log_score(p[involved], truth[involved]),
        "stated": float(p[involved].sum()),
        "true": int(truth.sum()),
        "at": at,
        "table": table,
        "bands": found.bands,
        "reached": float(truth.sum() / len(planted)),
    }


def main() -> None:
    print_machine(f"{PLANTED:,} planted duplicates in a year of St. Louis records, within 200 m and 24 hours")
    tried(YEARS[0], "moved", 0)
    whole: dict[str, list[dict]] = {"moved": [], "splink": []}
    for year in YEARS:
        for engine in whole:
            r = tried(year, engine, seed=year)
            whole[engine].append(r)
            print(
                f"{year} {engine:7} {r['seconds']:.1f} s; average precision {r['precision']:.3f}, "
                f"Brier {r['brier']:.4f}, log score {r['log']:.3f}; of {r['true']:,} planted pairs within reach "
                f"{r['stated']:,.0f} expected"
            )
            for least, (recall, precision) in r["at"].items():
                print(
                    f"    at {least:.0%}: recall {recall:.3f}, precision {precision:.3f} (pairs with a planted record)"
                )
            for _, c in r["table"].iterrows():
                print(
                    f"    {c['low']:4.0%} to {c['high']:4.0%}: stated {c['stated']:.3f}, true {c['observed']:.3f} "
                    f"({c['observed_low']:.3f} to {c['observed_high']:.3f}), {c['pairs']:,.0f} pairs"
                )
    mean = {
        engine: {
            name: float(np.mean([r[name] for r in rs])) for name in ("seconds", "precision", "brier", "log")
        }
        for engine, rs in whole.items()
    }
    ours, peer = mean["moved"], mean["splink"]
    print(
        f"ratio peer / ours: time {peer['seconds'] / ours['seconds']:.1f}, Brier {peer['brier'] / ours['brier']:.1f}, "
        f"log score {peer['log'] / ours['log']:.1f}; average precision ours {ours['precision']:.3f}, splink "
        f"{peer['precision']:.3f}"
    )
    row = {
        "work": f"{PLANTED:,} planted duplicates in a year of St. Louis records",
        "ours": f"average precision {ours['precision']:.3f}, log score {ours['log']:.3f}, {ours['seconds']:.1f} s",
        "peer": f"splink: {peer['precision']:.3f}, {peer['log']:.3f}, {peer['seconds']:.1f} s",
        "ratio": f"{peer['log'] / ours['log']:.1f}",
        "note": "ratio of log scores; both see the same levels of likeness",
    }
    keep("duplicates", {"rows": [row]})


if __name__ == "__main__":
    main()
