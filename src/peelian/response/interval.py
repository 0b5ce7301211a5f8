"""How far a sum of counts may be from what is expected."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["sum_interval"]

Floats = npt.NDArray[np.float64]


def sum_interval(means: Floats, size: float, level: float) -> tuple[int, int]:
    """Central predictive interval of a sum of independent counts.

    Parameters
    ----------
    means : array of float, shape (n,)
    size : float
        Negative binomial size of each; infinite is Poisson.
    level : float

    Returns
    -------
    low, high : int

    Notes
    -----
    Exact up to rounding: the probability generating function of the sum, a product, is inverted by a
    discrete Fourier transform. A normal approximation would be poor for the few reports that a plan covers.
    """
    total = float(means.sum())
    if total == 0:
        return 0, 0
    variance = total + float(np.sum(means**2)) / size
    # Wide enough that what wraps around is far below any level asked for, also in a negative binomial's tail.
    reach = total + 40 * np.sqrt(variance) + 40 * (1 + float(means.max()) / size)
    n = int(2 ** np.ceil(np.log2(reach + 1)))
    z = np.exp(-2j * np.pi * np.arange(n) / n)
    if np.isinf(size):
        log_pgf = total * (z - 1)
    else:
        log_pgf = np.zeros(n, dtype=complex)
        for mean in means:
            log_pgf -= size * np.log1p(mean / size * (1 - z))
    cdf = np.cumsum(np.clip(np.fft.ifft(np.exp(log_pgf)).real, 0, None))
    tail = (1 - level) / 2
    low, high = np.searchsorted(cdf, [tail, 1 - tail], side="left")
    return int(low), int(min(high, n - 1))
