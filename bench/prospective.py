"""Prospective hot spots of 100,000 reports on cells of 150 m: ours, a plain loop on the same data, and how they differ.

    python bench/prospective.py

The peer is what a first implementation does, and some open packages do: for each cell, the distances and ages of all
reports in one NumPy pass, and the sum of the weights of those within reach. All reports are within the two months, so
that none can be skipped by either. The peer takes every `SKIP`th cell; its time for all is that times `SKIP`, since
every cell costs it the same.
"""

from __future__ import annotations

import time

import numpy as np
from _machine import print_machine
from _scores import keep

from peelian.methods.prospective import risk_intensity
from peelian.places import Grid

N = 100_000
CELL = 150.0
SHAPE = (130, 140)
BANDWIDTH = 400.0
REPEATS = 7
SKIP = 20


def reports() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Made-up places in cells, forty clusters and a fifth spread evenly, and ages of up to eight weeks."""
    rng = np.random.default_rng(0)
    rows, columns = SHAPE
    centre = rng.uniform((8, 8), (rows - 8, columns - 8), (40, 2))
    which = rng.choice(40, N, p=rng.dirichlet(np.ones(40)))
    place = rng.normal(centre[which], rng.uniform(1, 8, 40)[which, None])
    even = rng.random(N) < 0.2
    place[even] = rng.uniform((0, 0), SHAPE, (int(even.sum()), 2))
    y, x = np.clip(place.T, 0, np.array(SHAPE)[:, None] - 1e-6)
    return x, y, rng.uniform(0, 8, N)


def plain(x: np.ndarray, y: np.ndarray, weeks: np.ndarray, cells: np.ndarray) -> np.ndarray:
    found = np.zeros(cells.size)
    columns = SHAPE[1]
    for k, cell in enumerate(cells):
        row, column = divmod(int(cell), columns)
        distance = np.sqrt((column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2)
        near = distance <= BANDWIDTH / CELL
        found[k] = np.sum(near / ((1 + 2 * distance) * (1 + weeks)))
    return found


def main() -> None:
    print_machine(f"Prospective hot spots, {N:,} reports, {SHAPE[0]} x {SHAPE[1]} cells of {CELL:g} m")
    x, y, weeks = reports()
    grid = Grid("EPSG:26915", CELL, 0, 0, SHAPE)
    number = np.ones(N)

    def ours() -> np.ndarray:
        return risk_intensity(x, y, weeks, number, grid=grid, bandwidth=BANDWIDTH)

    start = time.perf_counter()
    found = ours()
    first = time.perf_counter() - start
    spent = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        ours()
        spent.append(time.perf_counter() - start)
    seconds = min(spent)
    print(
        f"ours: {seconds:.4f} s, the best of {REPEATS}; {first:.2f} s the first time, with what is compiled or loaded"
    )
    cells = np.arange(0, len(grid), SKIP)
    start = time.perf_counter()
    peer = plain(x, y, weeks, cells)
    sample = time.perf_counter() - start
    whole = sample * len(grid) / cells.size
    error = np.abs(found[cells] - peer).max() / peer.max()
    print(
        f"plain NumPy, a pass over all reports a cell: {sample:.2f} s for {cells.size:,} of {len(grid):,} cells, "
        f"{whole:.1f} s for all; ratio peer / ours {whole / seconds:.0f}"
    )
    print(f"largest difference: {error:.1e} of the peak")
    row = {
        "work": f"prospective hot spots, {N:,} reports, {len(grid):,} cells",
        "ours": f"{seconds:.3f} s",
        "peer": f"NumPy, a pass over all reports a cell: {whole:.1f} s (from every {SKIP}th cell)",
        "ratio": f"{whole / seconds:.0f}",
        "note": f"largest difference {error:.0e} of the peak",
    }
    keep("prospective", {"rows": [row]})


if __name__ == "__main__":
    main()
