"""Portland, calls of burglary and motor vehicle theft: our forecasts, and counts with a decay of 730 days, in one run.

    python bench/portland.py [--category NAME ...] [--method NAME ...]

Cells of 250 ft inside the police districts, 104 one-week origins before 2017-03-01, PAI pooled at 0.25 and 0.75 square
miles; log skill against the uniform map over the last 52 origins. The peer is the baseline that has stood longest on
these records: each cell's counts with weights exp(-age / 730 days). Whatever our methods choose they choose from the
years before each origin. The rows "chosen by ..." are whichever method scored best over the 52 weeks before, half-year
by half-year: nested selection, by each score for itself.
"""

from __future__ import annotations

import argparse
import math

from _cities import portland
from _machine import print_machine
from _scores import FOLDS, Bar, calibrated, compare, holds, keep, show, with_chosen

from peelian.methods import discover, method_by_name
from peelian.methods.counts import DecayedCounts
from peelian.trials import run_trial
from peelian.units import parse_area

AREAS = ["0.25 sq mi", "0.75 sq mi"]
KNOWN = {"burglary": (17.9, 11.5, 0.70), "motor_vehicle_theft": (41.1, 21.1, 0.95)}
WANTED = {"burglary": 0.80, "motor_vehicle_theft": 1.05}
"""Log skill over the last 52 origins."""

OURS = "boosted_counts"
# exp(-age / 730 d) halves in 730 ln 2 days. No background: the plain counts.
PEER = DecayedCounts(half_life=f"{round(730 * math.log(2))}d", background=0.0)


def measure(category: str, methods: list) -> dict:
    """One category: what is printed and kept of it."""
    counts = portland(category)
    peer = 1 + sum(m.name == PEER.name for m in methods)
    baseline = PEER.name if peer == 1 else f"{PEER.name}#{peer}"
    with Bar(category) as bar:
        whole = run_trial(
            counts,
            [*methods, PEER],
            origins=104 + FOLDS,
            areas=[parse_area(a) for a in AREAS],
            progress=bar,
        )
    questions = [(f"chosen_by_pai_at_{a}", "pai", f) for a, f in zip(AREAS, whole.fractions, strict=True)]
    questions.append(("chosen_by_log_skill", "log_skill", math.nan))
    trial = with_chosen(whole, questions, [m.name for m in whole.methods])
    rows = compare(trial, baseline)
    last = trial.last(52)
    names = [*(m.name for m in trial.methods), "hindsight"]
    skills = {name: last.score(name, "log_skill").to_dict() for name in names}
    known, picked = (
        KNOWN[category],
        {m.name: m.parameters["chosen"] for m in trial.methods[-len(questions) :]},
    )
    print(f"{category}: {trial.events} calls in {len(trial.splits)} weeks, {trial.cells} cells")
    print(f"  known of the baseline: PAI {known[0]} and {known[1]}; of boosted counts: log skill {known[2]}")
    show(rows, AREAS)
    for name, chosen in picked.items():
        print(f"  {name}: {', '.join(chosen)}")
    print("  log skill over the last 52 origins, and reported over expected by tenth of the expected:")
    for name, skill in skills.items():
        if skill["value"] is not None and name != "hindsight":
            within = f"({skill['low']:.3f} to {skill['high']:.3f})"
            print(f"    {name:28}{skill['value']:7.3f} {within:20}{calibrated(last, name)}")
    print("  targets:")
    ours = OURS if OURS in skills else "chosen_by_log_skill"
    for name in dict.fromkeys((ours, "chosen_by_log_skill")):
        print(f"    log skill, {name}: {holds(WANTED[category], skills[name]['value'])}")
    by_name = {row["method"]: row for row in rows}
    for k, area in enumerate(AREAS):
        for name in dict.fromkeys((ours, f"chosen_by_pai_at_{area}", "chosen_by_log_skill")):
            d = by_name[name][f"pai_{k}_difference"]
            won = "holds" if d["low"] > 0 else "not reached"
            ratio = by_name[name][f"pai_{k}"]["value"] / by_name[baseline][f"pai_{k}"]["value"]
            print(
                f"    PAI at {area} above the baseline, {name}: {d['difference']:+.2f} ({d['low']:+.2f} to "
                f"{d['high']:+.2f}), ratio {ratio:.3f}: {won}"
            )
    print(f"  verdict: {whole.last(104).verdict.text}")
    return {
        "known": known,
        "wanted": WANTED[category],
        "baseline": baseline,
        "events": trial.events,
        "cells": trial.cells,
        "rows": rows,
        "picked": picked,
        "last_52_log_skill": skills,
        "calibration": {m.name: trial.calibration(m.name) for m in trial.methods},
        "verdict": whole.last(104).verdict.to_dict(),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--category", action="append", choices=list(KNOWN), help="both when not given")
    parser.add_argument("--method", action="append", help="all when not given")
    given = parser.parse_args()
    print_machine("Portland: 104 weeks of forecasts against counts with a decay of 730 days")
    methods = [method_by_name(n)() for n in given.method] if given.method else [m() for m in discover()]
    for category in given.category or KNOWN:
        figures = {"areas": AREAS, category: measure(category, methods)}
        if not given.method:
            keep("portland", figures)


if __name__ == "__main__":
    main()
