"""Farrington flexible on 2,500 series, one week: ours, and the algorithm written plainly with a general model.

    NUMBA_NUM_THREADS=2 OMP_NUM_THREADS=1 python bench/farrington.py

The peer fits each series as the R package surveillance does, by iteratively reweighted least squares on the model's
matrix, with NumPy. It does every `SKIP`th series; its time for all is in proportion. R itself is not run here: 8.3 ms a
fit is a figure that was measured with surveillance elsewhere.
"""

from __future__ import annotations

import time

import numpy as np
from _machine import print_machine
from _scores import holds, keep
from scipy import stats

from peelian.patterns.farrington import farrington, reference

N, PERIODS = 2500, 300
SKIP = 25
TARGET_MS = 0.4
R_MS = 8.3


def made() -> tuple[np.ndarray, np.ndarray]:
    """Weekly counts of made-up places over 300 weeks, with level, trend, season, scatter and past bursts."""
    rng = np.random.default_rng(0)
    at = np.arange(PERIODS)
    mean = rng.gamma(1, 8, (N, 1)) + 0.2
    mean = mean * np.exp(rng.normal(0, 0.001, (N, 1)) * (at - 150) + 0.3 * np.sin(at * 2 * np.pi / 52.18))
    phi = rng.uniform(1.1, 3, (N, 1))
    counts = rng.negative_binomial(mean / (phi - 1), 1 / phi).astype(float)
    counts[np.arange(N), rng.integers(40, 250, N)] *= 5
    return counts, np.datetime64("2010-01-04") + 7 * at


def fit(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mu = y + 0.1
    eta, before = np.log(mu), np.inf
    for _ in range(25):
        z, v = eta + (y - mu) / mu, w * mu
        root = np.sqrt(v)[:, None]
        b, *_ = np.linalg.lstsq(X * root, z * root[:, 0], rcond=None)
        eta = np.clip(X @ b, -30, 30)
        mu = np.exp(eta)
        deviance = 2 * np.sum(w * (np.where(y > 0, y * np.log(np.maximum(y, 1) / mu), 0) - (y - mu)))
        if abs(deviance - before) / (abs(deviance) + 0.1) < 1e-8:
            break
        before = deviance
    return b, mu, np.linalg.pinv((X * (w * mu)[:, None]).T @ X)


def plain(y: np.ndarray, rows: np.ndarray, group: np.ndarray, k: int) -> tuple[float, float]:
    """Expectation and bound of period `k`."""
    response = y[rows]
    for slope in (True, False):
        X = (group[:, None] == np.arange(10)).astype(float)
        X = np.column_stack([X, rows - k]) if slope else X
        freedom = rows.size - X.shape[1]
        w = np.ones(rows.size)
        b, mu, inverse = fit(X, response, w)
        phi = max(np.sum((response - mu) ** 2 / mu) / freedom, 1.0)
        hat = mu * np.einsum("ij,jk,ik->i", X, inverse, X)
        s = 1.5 * (response ** (2 / 3) * mu ** (-1 / 6) - np.sqrt(mu)) / np.sqrt(phi * (1 - hat))
        w = np.where(s > 2.58, 1 / np.maximum(s, 1) ** 2, 1.0)
        w *= rows.size / w.sum()
        b, mu, _ = fit(X, response, w)
        phi = max(np.sum(w * (response - mu) ** 2 / mu) / freedom, 1.0)
        expected = float(np.exp(b[9]))
        if not slope or expected <= response.max():
            break
    if phi > 1:
        return expected, float(stats.nbinom.ppf(0.95, expected / (phi - 1), 1 / phi))
    return expected, float(stats.poisson.ppf(0.95, expected))


def main() -> None:
    print_machine(f"Farrington flexible, {N:,} series, one week against five years")
    counts, starts = made()
    start = time.perf_counter()
    farrington(counts[:10], starts)
    first = time.perf_counter() - start
    spent = []
    for _ in range(5):
        start = time.perf_counter()
        found = farrington(counts, starts)
        spent.append(time.perf_counter() - start)
    seconds = min(spent)
    ms = seconds / N * 1000
    print(
        f"ours: {seconds:.3f} s for all, {ms:.4f} ms a fit, the best of 5; "
        f"{first:.2f} s the first time, with what is compiled or loaded"
    )
    print(holds(1 / TARGET_MS, 1 / ms).replace("ours", "ours (fits a ms)"))
    past = reference(starts, PERIODS - 1, years=5, half_window=3)
    some = np.arange(0, N, SKIP)
    start = time.perf_counter()
    peer = np.array([plain(counts[i], past.rows, past.group, PERIODS - 1) for i in some])
    peer_ms = (time.perf_counter() - start) / some.size * 1000
    apart = np.abs(found.upper[some] - peer[:, 1])
    print(
        f"plainly, with a general model: {peer_ms:.1f} ms a fit (every {SKIP}th series); ratio {peer_ms / ms:.0f}"
    )
    print(f"R's surveillance: {R_MS} ms a fit, measured elsewhere and not in this run; ratio {R_MS / ms:.0f}")
    print(
        f"bounds: {(apart == 0).mean():.0%} the same, largest difference {apart.max():g} reports; "
        f"expectations within {np.abs(found.expected[some] / peer[:, 0] - 1).max():.0e}"
    )
    row = {
        "work": f"Farrington flexible, {N:,} series, one week",
        "ours": f"{ms:.3f} ms a fit",
        "peer": f"plain NumPy: {peer_ms:.1f} ms a fit; R surveillance {R_MS} ms (measured elsewhere)",
        "ratio": f"{peer_ms / ms:.0f}",
        "note": f"bounds within {apart.max():g} report",
    }
    keep("farrington", {"rows": [row]})


if __name__ == "__main__":
    main()
