"""Where follow-ups fall: the kernel summed over the cells around a report, and stamped on a map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from peelian.methods.triggering.kernel import Kernel

__all__ = ["stamp", "template"]

Floats = npt.NDArray[np.float64]


def template(kernel: Kernel, *, cell: float) -> Floats:
    """Mass of the kernel in the cells about a report, by where in its cell that is.

    Parameters
    ----------
    cell : float
        Side of a cell in metres.

    Returns
    -------
    array of float, shape (k, k, 2 m + 1, 2 m + 1)
        By row and column of the part of the cell that the report lies in, then by row and column of the cell from the
        report's own; each template sums to 1.
    """
    k = int(np.clip(round(cell / 15), 1, 32))
    part = cell / k
    fine = max(int(np.ceil(part / max(kernel.reach.metres / 200, 1.0))), 1) | 1
    away = int(np.ceil(kernel.reach.metres / part))
    at = (np.arange((2 * away + 1) * fine) - (fine * (2 * away + 1) - 1) / 2) * (part / fine)
    step = (np.hypot(at[:, None], at[None, :]) * (kernel.around.size / kernel.reach.metres)).astype(np.int64)
    dense = np.where(step < kernel.around.size, kernel.around[np.minimum(step, kernel.around.size - 1)], 0.0)
    n = 2 * away + 1
    mass = dense.reshape(n, fine, n, fine).sum(axis=(1, 3))
    m = -(-away // k)
    found = np.zeros((k, k, 2 * m + 1, 2 * m + 1))
    for a in range(k):
        rows = (np.arange(n) - away + a) // k + m
        down = np.zeros((2 * m + 1, n))
        np.add.at(down, rows, mass)
        for b in range(k):
            columns = (np.arange(n) - away + b) // k + m
            np.add.at(found[a, b].T, columns, down.T)
    return np.asarray(found / found.sum(axis=(2, 3), keepdims=True), dtype=np.float64)


@njit(cache=True, nogil=True)
def stamp(x: Floats, y: Floats, weight: Floats, template: Floats, image: Floats) -> None:
    """Add each weight to the cells around a place, in cells from the corner of the image, by the template."""
    rows, columns = image.shape
    k, m = template.shape[0], template.shape[2] // 2
    for i in range(x.size):
        if weight[i] == 0:
            continue
        c, r = min(max(int(x[i]), 0), columns - 1), min(max(int(y[i]), 0), rows - 1)
        part = template[min(max(int((y[i] - r) * k), 0), k - 1), min(max(int((x[i] - c) * k), 0), k - 1)]
        for p in range(max(r - m, 0), min(r + m + 1, rows)):
            for q in range(max(c - m, 0), min(c + m + 1, columns)):
                image[p, q] += weight[i] * part[p - r + m, q - c + m]
