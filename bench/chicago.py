"""Chicago 2012-2016: a year of weekly forecasts in cells of 250 m, five categories, against counting and kernels.

    python bench/chicago.py [--category NAME ...] [--method NAME ...]

Test year 2016. The peer is whichever of plain counts, decayed counts and kernel densities had the highest PAI at 1 % of
the area over the 52 weeks of 2015, category by category: chosen by past folds, as one without our other methods would.
Ours is chosen in the same way among all methods, so that neither is picked by the year that it is scored on. The rows
"chosen by ..." choose among all methods anew at each half-year, by the 52 weeks before.
"""

from __future__ import annotations

import argparse
import math

from _cities import CHICAGO, chicago
from _machine import print_machine
from _scores import Bar, calibrated, compare, keep, show, with_chosen

from peelian.methods import discover, method_by_name
from peelian.trials import run_trial

PEERS = ("count_map", "decayed_counts", "kernel_density", "adaptive_kernel_density", "decayed_kernel_density")
OURS = "boosted_counts"
AT = 0.01
CHOSEN = (("chosen_by_pai", "pai", AT), ("chosen_by_log_skill", "log_skill", math.nan))


def measure(category: str, methods: list) -> dict:
    """One category: what is printed and kept of it."""
    counts = chicago(category)
    with Bar(category) as bar:
        both = run_trial(counts, methods, origins=104, fractions=(AT,), progress=bar)
    before = both.first(52)
    past = {m.name: before.score(m.name, "pai", fraction=AT).value for m in before.methods}
    skill = {m.name: before.score(m.name, "log_skill").value for m in before.methods}
    peer = max((n for n in past if n in PEERS), key=past.__getitem__)
    peer_skill = max((n for n in past if n in PEERS), key=skill.__getitem__)
    ours = max((n for n in past if n not in PEERS), key=past.__getitem__)
    ours_skill = max((n for n in past if n not in PEERS), key=skill.__getitem__)
    trial = with_chosen(both, CHOSEN, list(past))
    rows = compare(trial, peer)
    won = trial.difference(ours, peer, "pai", fraction=AT)
    above = trial.difference(ours, "hindsight", "pai", fraction=AT)
    likely = trial.difference(ours_skill, peer_skill, "log_skill")
    print(f"{category}: {trial.events} reports in {len(trial.splits)} weeks, {trial.cells} cells")
    show(rows, ["1 %"])
    for m in trial.methods[-len(CHOSEN) :]:
        print(f"  {m.name}: {', '.join(m.parameters['chosen'])}")
    print(f"  chosen on 2015: ours {ours}, peer {peer}; by log skill {ours_skill} and {peer_skill}")
    ratio = trial.score(ours, "pai", fraction=AT).value / trial.score(peer, "pai", fraction=AT).value
    print(f"  PAI {won.value:+.3f} ({won.low:+.3f} to {won.high:+.3f}), ratio {ratio:.3f}")
    print(f"  above hindsight by {above.value:+.3f} ({above.low:+.3f} to {above.high:+.3f})")
    print(f"  log skill {likely.value:+.4f} ({likely.low:+.4f} to {likely.high:+.4f})")
    for name in dict.fromkeys(n for n in (ours, OURS, "chosen_by_log_skill") if n in trial.scored):
        d = trial.difference(name, peer, "pai", fraction=AT)
        line = trial.difference(name, "hindsight", "pai", fraction=AT)
        print(
            f"  {name}: PAI {d.value:+.3f} ({d.low:+.3f} to {d.high:+.3f}), above hindsight {line.value:+.3f} "
            f"({line.low:+.3f} to {line.high:+.3f}); reported over expected {calibrated(trial, name)}"
        )
    return {
        "events": trial.events,
        "cells": trial.cells,
        "ours": ours,
        "peer": peer,
        "ours_log_skill": ours_skill,
        "peer_log_skill": peer_skill,
        "rows": rows,
        "picked": {m.name: m.parameters["chosen"] for m in trial.methods[-len(CHOSEN) :]},
        "pai_difference": won.to_dict("difference"),
        "pai_ratio": ratio,
        "above_hindsight": above.to_dict("difference"),
        "log_skill_difference": likely.to_dict("difference"),
        "calibration": {m.name: trial.calibration(m.name) for m in trial.methods},
    }


def targets(figures: dict) -> None:
    """What is wanted of the five together, beside what was measured."""
    low = {c: found["pai_difference"]["low"] for c, found in figures.items()}
    high = {c: found["pai_difference"]["high"] for c, found in figures.items()}
    line = {c: found["above_hindsight"]["difference"] for c, found in figures.items()}
    likely = {c: found["log_skill_difference"]["low"] for c, found in figures.items()}
    n = len(figures)
    told = (
        ("PAI significantly above the peer's", [v > 0 for v in low.values()], "3"),
        ("PAI not significantly below it", [v >= 0 for v in high.values()], "all"),
        ("PAI at or above hindsight", [v >= 0 for v in line.values()], "all"),
        ("log skill significantly above the peer's", [v > 0 for v in likely.values()], "all"),
    )
    print("targets:")
    for what, held, wanted in told:
        print(f"  {what}: in {sum(held)} of {n}, wanted in {wanted}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--category", action="append", choices=list(CHICAGO), help="all five when not given")
    parser.add_argument("--method", action="append", help="all when not given")
    given = parser.parse_args()
    print_machine("Chicago: the 52 weeks of 2016")
    methods = [method_by_name(n)() for n in given.method] if given.method else [m() for m in discover()]
    figures = {}
    for category in given.category or CHICAGO:
        figures[category] = measure(category, methods)
        if not given.method:
            keep("chicago", {category: figures[category]})
    targets(figures)


if __name__ == "__main__":
    main()
