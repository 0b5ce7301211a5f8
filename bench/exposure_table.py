"""Exposure ratios of 33 agencies: how long it takes, their intervals, and how often such intervals hold a truth.

    OMP_NUM_THREADS=1 python bench/exposure_table.py

The table is what one commercial product put in 3,035 census block groups (The Markup 2021, `../shared/data/audit`); our
point ratios are compared with plain pandas on the same table. Coverage is measured on the agencies' own maps with
residents and counts drawn from lognormal fields, so that the true ratio is known, neighbours being alike up to a part
of the map's width. Beside ours: percentile intervals that draw single units, as most reports of such ratios would.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import print_machine
from _scores import keep

from peelian.audits.positions import Positions
from peelian.audits.table import exposure_table
from peelian.audits.unit_exposure import UnitExposure
from peelian.audits.units import Units, read_units

FILE = Path(__file__).resolve().parents[2] / "shared/data/audit/predpol_block_group_predictions.parquet"
GROUPS = ["white_alone", "black_alone", "latino_alone"]
TARGET = 60.0
MAPS = 200
SIZES = ("jacksonvilletx", "decaturga", "plainfieldpdnj", "alexandriapd", "clovisca", "birminghampd")
MIXED = np.array([[1, -0.3, 0.4], [-0.3, 1, -0.2], [0.4, -0.2, 1]])
SPREAD = np.array([0.7, 0.5, 0.7])
TRUE = float(np.exp(SPREAD[2] * (0.4 * SPREAD[0] + 0.2 * SPREAD[1])))
"""Of lognormal fields the mean of a product over the product of means is the exponential of their covariance."""


def timed(table: pd.DataFrame) -> tuple[float, pd.DataFrame, str]:
    start = time.perf_counter()
    units = read_units(
        table,
        unit="geoid",
        count="predictions",
        groups=GROUPS,
        by="department",
        population="total_estimate",
    )
    found = exposure_table(units, reference=GROUPS[0], what="counts")
    return time.perf_counter() - start, found.ratios, found.sentences()[0]


def plain(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    """The same ratios without any of our code."""
    made = {}
    for name, rows in table.groupby("department"):
        mean = {g: np.average(rows["predictions"], weights=rows[g]) for g in GROUPS}
        made |= {(str(name), g): mean[g] / mean[GROUPS[0]] for g in GROUPS[1:]}
    return made


def simulated(positions: Positions, width: float, rng: np.random.Generator) -> Units:
    x, y = positions.x, positions.y
    n = len(x)
    side = np.sqrt(np.ptp(x) * np.ptp(y))
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    alike = 0.7 * np.exp(-3 * apart / (width * side)) + 0.3 * np.eye(n) if width else np.eye(n)
    field = np.linalg.cholesky(alike) @ rng.standard_normal((n, 3)) @ np.linalg.cholesky(MIXED).T * SPREAD
    lived = pd.DataFrame({"a": 400 * np.exp(field[:, 1]), "b": 200 * np.exp(field[:, 0])})
    ids = np.array([f"{i:05d}" for i in range(n)], dtype=object)
    return Units(
        ids,
        np.full(n, "x", dtype=object),
        rng.poisson(50 * np.exp(field[:, 2])).astype(float),
        lived,
        positions,
    )


def percentile(units: Units, rng: np.random.Generator) -> tuple[float, float]:
    """Single units drawn, ends of 95 of 100."""
    h, a, b = units.counts, units.residents["a"].to_numpy(), units.residents["b"].to_numpy()
    drawn = rng.multinomial(h.size, np.full(h.size, 1 / h.size), size=300) @ np.column_stack(
        [h * b, b, h * a, a]
    )
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1] / (drawn[:, 2] / drawn[:, 3]), [0.025, 0.975])
    return float(low), float(high)


def coverage(table: pd.DataFrame, width: float) -> list[tuple[str, int, float, float]]:
    rows = []
    for name in SIZES:
        held = table[table["department"] == name]
        units = read_units(held, unit="geoid", count="predictions", groups=GROUPS, by="department")
        positions, _ = units.positions.flat()
        positions = Positions(positions.x, positions.y)
        rng = np.random.default_rng(1)
        ours = theirs = 0
        for _ in range(MAPS):
            made = simulated(positions, width, rng)
            one = UnitExposure.of(made, "x", reference="a", level=0.95, replicates=300, seed=0).ratio("b")
            ours += one.low is not None and one.high is not None and one.low <= TRUE <= one.high
            low, high = percentile(made, rng)
            theirs += low <= TRUE <= high
        rows.append((name, len(held), ours / MAPS, theirs / MAPS))
    return rows


def main() -> None:
    if not FILE.is_file():
        sys.exit(f"{FILE} is not here")
    table = pd.read_parquet(FILE)
    print_machine(f"Exposure ratios of {table['department'].nunique()} agencies, {len(table):,} block groups")
    seconds, ratios, said = timed(table)
    wanted = plain(table)
    off = max(abs(row.value / wanted[row.by, row.group] - 1) for row in ratios.itertuples())
    print(f"{seconds:.1f} s (target {TARGET:g} s: {'holds' if seconds <= TARGET else 'not reached'})")
    print(f"point ratios differ from plain pandas by {off:.1e} at most")
    print(said)
    found = {}
    for width in (0.0, 0.3, 0.6):
        print(
            f"coverage of 95 % intervals, neighbours alike up to {width:g} of the map's width, {MAPS} maps each:"
        )
        found[width] = coverage(table, width)
        for name, n, ours, theirs in found[width]:
            print(f"  {name} ({n} units): ours {ours:.2f}, single units and percentiles {theirs:.2f}")
    mean = {w: np.mean([[row[2], row[3]] for row in rows], axis=0) for w, rows in found.items()}
    told = "; ".join(f"{w:g}: {m[0]:.2f} against {m[1]:.2f}" for w, m in mean.items())
    print(f"mean coverage, ours against percentiles of single units, by how far neighbours are alike: {told}")
    row = {
        "work": f"exposure ratios of {table['department'].nunique()} agencies, {len(table):,} block groups",
        "ours": f"{seconds:.1f} s",
        "peer": f"target {TARGET:g} s",
        "ratio": f"{TARGET / seconds:.0f}",
        "note": f"coverage of 95 % intervals by how far neighbours are alike, ours against percentiles: {told}",
    }
    keep("exposure_table", {"rows": [row]})


if __name__ == "__main__":
    main()
