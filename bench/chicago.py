"""Chicago 2012-2016: a year of weekly forecasts in cells of 250 m, five categories, against counting and kernels.

    python bench/chicago.py [--category NAME ...] [--method NAME ...]

Test year 2016. The peer is whichever of plain counts, decayed counts and kernel densities had the highest PAI at 1 % of
the area over the 52 weeks of 2015, category by category: chosen by past folds, as one without our other methods would.
Ours is chosen in the same way among all methods, so that neither is picked by the year that it is scored on.
"""

from __future__ import annotations

import argparse

from _cities import CHICAGO, chicago
from _machine import print_machine
from _scores import Bar, compare, keep, show

from peelian.methods import discover, method_by_name
from peelian.trials import run_trial

PEERS = ("count_map", "decayed_counts", "kernel_density", "adaptive_kernel_density", "decayed_kernel_density")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--category", action="append", choices=list(CHICAGO), help="all five when not given")
    parser.add_argument("--method", action="append", help="all when not given")
    given = parser.parse_args()
    print_machine("Chicago: the 52 weeks of 2016")
    methods = [method_by_name(n)() for n in given.method] if given.method else [m() for m in discover()]
    figures: dict = {}
    for category in given.category or CHICAGO:
        counts = chicago(category)
        with Bar(category) as bar:
            both = run_trial(counts, methods, origins=104, fractions=(0.01,), progress=bar)
        before, trial = both.first(52), both.last(52)
        past = {m.name: before.score(m.name, "pai", fraction=0.01).value for m in before.methods}
        skill = {m.name: before.score(m.name, "log_skill").value for m in before.methods}
        peer = max((n for n in past if n in PEERS), key=past.__getitem__)
        peer_skill = max((n for n in past if n in PEERS), key=skill.__getitem__)
        ours = max((n for n in past if n not in PEERS), key=past.__getitem__)
        ours_skill = max((n for n in past if n not in PEERS), key=skill.__getitem__)
        rows = compare(trial, peer)
        won = trial.difference(ours, peer, "pai", fraction=0.01)
        above = trial.difference(ours, "hindsight", "pai", fraction=0.01)
        likely = trial.difference(ours_skill, peer_skill, "log_skill")
        print(f"{category}: {trial.events} reports in {len(trial.splits)} weeks, {trial.cells} cells")
        show(rows, ["1 %"])
        print(f"  chosen on 2015: ours {ours}, peer {peer}; by log skill {ours_skill} and {peer_skill}")
        ratio = trial.score(ours, "pai", fraction=0.01).value / trial.score(peer, "pai", fraction=0.01).value
        print(f"  PAI {won.value:+.3f} ({won.low:+.3f} to {won.high:+.3f}), ratio {ratio:.3f}")
        print(f"  above hindsight by {above.value:+.3f} ({above.low:+.3f} to {above.high:+.3f})")
        print(f"  log skill {likely.value:+.4f} ({likely.low:+.4f} to {likely.high:+.4f})")
        figures[category] = {
            "events": trial.events,
            "cells": trial.cells,
            "ours": ours,
            "peer": peer,
            "ours_log_skill": ours_skill,
            "peer_log_skill": peer_skill,
            "rows": rows,
            "pai_difference": won.to_dict("difference"),
            "pai_ratio": ratio,
            "above_hindsight": above.to_dict("difference"),
            "log_skill_difference": likely.to_dict("difference"),
            "calibration": {m.name: trial.calibration(m.name) for m in trial.methods},
        }
    keep("chicago", figures)


if __name__ == "__main__":
    main()
