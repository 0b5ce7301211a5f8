"""Portland, calls of burglary and motor vehicle theft: our forecasts, and counts with a decay of 730 days, in one run.

    python bench/portland.py [--method NAME ...]

Cells of 250 ft inside the police districts, 104 one-week origins before 2017-03-01, PAI pooled at 0.25 and 0.75 square
miles; log skill against the uniform map over the last 52 origins. The peer is the baseline that has stood longest on
these records: each cell's counts with weights exp(-age / 730 days). Whatever our methods choose they choose from the
years before each origin.
"""

from __future__ import annotations

import argparse
import math

from _cities import portland
from _machine import print_machine
from _scores import Bar, compare, keep, show

from peelian.methods import discover, method_by_name
from peelian.methods.counts import DecayedCounts
from peelian.trials import run_trial
from peelian.units import parse_area

AREAS = ["0.25 sq mi", "0.75 sq mi"]
KNOWN = {"burglary": (17.9, 11.5, 0.70), "motor_vehicle_theft": (41.1, 21.1, 0.95)}
# exp(-age / 730 d) halves in 730 ln 2 days. No background: the plain counts.
PEER = DecayedCounts(half_life=f"{round(730 * math.log(2))}d", background=0.0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--method", action="append", help="all when not given")
    chosen = parser.parse_args().method
    print_machine("Portland: 104 weeks of forecasts against counts with a decay of 730 days")
    methods = [method_by_name(n)() for n in chosen] if chosen else [m() for m in discover()]
    figures: dict = {"areas": AREAS}
    for category, known in KNOWN.items():
        counts = portland(category)
        peer = 1 + sum(m.name == PEER.name for m in methods)
        baseline = PEER.name if peer == 1 else f"{PEER.name}#{peer}"
        with Bar(category) as bar:
            trial = run_trial(
                counts,
                [*methods, PEER],
                origins=104,
                areas=[parse_area(a) for a in AREAS],
                progress=bar,
            )
        rows = compare(trial, baseline)
        last = trial.last(52)
        skills = {m.name: last.score(m.name, "log_skill").to_dict() for m in trial.methods}
        print(f"{category}: {trial.events} calls in {len(trial.splits)} weeks, {trial.cells} cells")
        print(
            f"  known of the baseline: PAI {known[0]} and {known[1]}; of boosted counts: log skill {known[2]}"
        )
        show(rows, AREAS)
        print("  log skill over the last 52 origins:")
        for name, skill in skills.items():
            if skill["value"] is not None:
                print(f"    {name:28}{skill['value']:7.3f} ({skill['low']:.3f} to {skill['high']:.3f})")
        print(f"  verdict: {trial.verdict.text}")
        figures[category] = {
            "known": known,
            "baseline": baseline,
            "events": trial.events,
            "cells": trial.cells,
            "rows": rows,
            "last_52_log_skill": skills,
            "calibration": {m.name: trial.calibration(m.name) for m in trial.methods},
            "verdict": trial.verdict.to_dict(),
        }
    keep("portland", figures)


if __name__ == "__main__":
    main()
