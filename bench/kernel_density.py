"""Gaussian kernel density of 1 M points on 500 x 500 nodes: ours, peers in the same run, and the error of each.

    python bench/kernel_density.py

Peers: `scipy.ndimage.gaussian_filter` over a histogram, which every installation has, and KDEpy's FFTKDE, which does
what ours does, where it is installed (``pip install KDEpy``; nothing else here needs it). The exact sum is taken at
every fifth node each way and all along the row and the column of the peak.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from _machine import print_machine
from _scores import keep
from scipy import ndimage

from peelian.methods.smoothing import smooth_points

N = 1_000_000
SIDE = 500
SIGMA = 6.0
REPEATS = 7


def points() -> tuple[np.ndarray, np.ndarray]:
    """Made-up places: thirty clusters of unlike size and a fifth spread evenly, all between the outermost nodes."""
    rng = np.random.default_rng(0)
    centre = rng.uniform(40, SIDE - 41, (30, 2))
    which = rng.choice(30, N, p=rng.dirichlet(np.ones(30)))
    place = rng.normal(centre[which], rng.uniform(4, 30, 30)[which, None])
    even = rng.random(N) < 0.2
    place[even] = rng.uniform(0, SIDE - 1, (int(even.sum()), 2))
    x, y = np.abs(place.T) % (2 * (SIDE - 1))
    return np.minimum(x, 2 * (SIDE - 1) - x), np.minimum(y, 2 * (SIDE - 1) - y)


def ours(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return smooth_points(x, y, shape=(SIDE, SIDE), sigma=SIGMA)


def filtered_histogram(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    counted, _, _ = np.histogram2d(y, x, bins=SIDE, range=[[-0.5, SIDE - 0.5]] * 2)
    return ndimage.gaussian_filter(counted, SIGMA, mode="constant")


def kdepy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from KDEpy import FFTKDE  # an optional peer

    nodes = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), axis=-1).reshape(-1, 2)
    density = FFTKDE(kernel="gaussian", bw=SIGMA).fit(np.column_stack([x, y])).evaluate(nodes.astype(float))
    return density.reshape(SIDE, SIDE).T * N


def exact_sum(x: np.ndarray, y: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    total = np.zeros((rows.size, columns.size))
    for at in range(0, N, 20_000):
        part = slice(at, at + 20_000)
        down = np.exp(-0.5 * ((rows[:, None] - y[part]) / SIGMA) ** 2)
        across = np.exp(-0.5 * ((columns[:, None] - x[part]) / SIGMA) ** 2)
        total += down @ across.T
    return total / (2 * np.pi * SIGMA**2)


def timed(work: Callable[..., np.ndarray], x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """The best of some runs, after one that is not counted."""
    found = work(x, y)
    spent = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work(x, y)
        spent.append(time.perf_counter() - start)
    return min(spent), found


def main() -> None:
    print_machine(f"Gaussian kernel density, {N:,} points, {SIDE} x {SIDE} nodes, sigma {SIGMA:g} cells")
    x, y = points()
    peers = {"scipy.ndimage.gaussian_filter on a histogram": filtered_histogram}
    try:
        import KDEpy

        peers[f"KDEpy {KDEpy.__version__} FFTKDE"] = kdepy
    except ImportError:
        print("KDEpy is not installed: compared with SciPy alone")
    seconds, image = timed(ours, x, y)
    row, column = np.unravel_index(np.argmax(image), image.shape)
    every = np.arange(0, SIDE, 5)
    rows, columns = np.union1d(every, row), np.union1d(every, column)
    exact = exact_sum(x, y, rows, columns)

    def error(found: np.ndarray) -> float:
        return float(100 * np.abs(found[np.ix_(rows, columns)] - exact).max() / exact.max())

    print(f"ours: {seconds:.3f} s, largest error {error(image):.4f} % of the peak")
    figures = []
    for name, work in peers.items():
        peer, found = timed(work, x, y)
        print(
            f"{name}: {peer:.3f} s, largest error {error(found):.4f} % of the peak; "
            f"ratio peer / ours {peer / seconds:.2f}"
        )
        figures.append(
            {
                "work": f"kernel density, {N:,} points, {SIDE} x {SIDE} nodes",
                "ours": f"{seconds:.3f} s",
                "peer": f"{name}: {peer:.3f} s",
                "ratio": f"{peer / seconds:.1f}",
                "note": f"largest error, % of the peak: ours {error(image):.4f}, the peer's {error(found):.4f}",
            }
        )
    keep("kernel_density", {"rows": figures})


if __name__ == "__main__":
    main()
