"""How much log skill is to be had on Portland: a mixture of kernels that sees the future, and one that does not.

    python bench/room.py

The last 52 weeks, cells of 250 ft. Both mixtures have kernels of seven scales, corridors along the streets and three
memories, of the category and of the other one; both get the weights of the highest likelihood on the very reports that
they are scored by, which flatters both. One looks back alone, the other looks back and ahead and leaves out only the
week that is scored. No forecast can do what the second does. It shows where a target for log skill is out of reach of
smoothing, however good.
"""

from __future__ import annotations

import argparse

import numpy as np
from _cities import portland
from _machine import print_machine
from _scores import keep

from peelian.methods.boosting import Rows, first_weights, mixing_weights
from peelian.methods.boosting.kernels import Spread, to_nodes
from peelian.methods.smoothing import binned_by_period
from peelian.places import Counts

SCALES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
CORRIDORS = ((0.4, 4.0), (4.0, 0.4), (0.35, 12.0), (12.0, 0.35))
MEMORIES = (26.0, 104.0, np.inf)
"""Half-lives in weeks."""

WEEKS = 52
WANTED = {"burglary": 0.80, "motor_vehicle_theft": 1.05}


def remembered(counts: Counts, i: int, *, ahead: bool) -> np.ndarray:
    """What weight week `i` gives every other week, shape (n_memories, n_weeks); to itself none."""
    away = np.arange(len(counts.periods)) - i
    weight = np.array([0.5 ** (np.abs(away) / memory) for memory in MEMORIES])
    weight[:, (away == 0) if ahead else (away >= 0)] = 0.0
    return weight


def mixture(counts: Counts, *, ahead: bool) -> float:
    """Log skill in nats per report of the likeliest mixture over the last 52 weeks."""
    grid = counts.grid
    spread = Spread(grid, [(s, s) for s in SCALES] + list(CORRIDORS))
    even = grid.area / grid.area.sum()
    sources = [(counts.matrix, binned_by_period(counts)[0])]
    sources += [(m, to_nodes(m, grid)) for m in counts.companions.values()]
    density, observed = [], []
    for i in range(len(counts.periods) - WEEKS, len(counts.periods)):
        now = counts.column(i)
        at = np.flatnonzero(now)
        weight = remembered(counts, i, ahead=ahead)
        found = []
        for cells, nodes in sources:
            here, images = (np.asarray((m @ weight.T).T, dtype=np.float32) for m in (cells, nodes))
            part = np.concatenate([here[None], spread(np.ascontiguousarray(images))]).reshape(-1, len(grid))
            found.append(part[:, at] / part.sum(axis=1, dtype=np.float64)[:, None] / even[at])
        density.append(np.concatenate(found).T)
        observed.append(now[at].astype(np.float64))
    n, of = np.concatenate(observed), np.concatenate(density).astype(np.float32)
    none = np.zeros(n.size)
    rows = Rows(of, n, np.ones(n.size), none, none.astype(np.int64), none)
    weights = mixing_weights(rows, first_weights(["near"] * of.shape[1]))
    return float(n @ np.log(of @ weights[:-1] + weights[-1]) / n.sum())


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print_machine("Portland: log skill of mixtures of kernels that see the future and that do not")
    figures = {}
    for category, wanted in WANTED.items():
        counts = portland(category)
        back, both = (mixture(counts, ahead=ahead) for ahead in (False, True))
        figures[category] = {"wanted": wanted, "back": back, "both": both}
        print(f"{category}: looking back {back:.3f}, looking back and ahead {both:.3f}, wanted {wanted:g}")
    keep("room", figures)


if __name__ == "__main__":
    main()
