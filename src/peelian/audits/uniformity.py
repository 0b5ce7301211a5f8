"""Where counts fell in their predictive distribution: the probability integral transform, by cell, and its test.

A right forecast gives transforms that are spread evenly from 0 to 1. Reports of one area are not independent, so the
usual test on all of them would find fault with any forecast: the test here takes blocks of the map as what varies.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special, stats

__all__ = ["PIT_BINS", "pit_masses", "uniformity_p"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PIT_BINS = 10

ALIKE = 1e-6
"""Share of the largest variance below which a direction holds nothing of its own."""

FEWEST_BLOCKS = 8
"""With fewer blocks that hold expected reports there is no test."""


def pit_masses(counts: Ints, mean: Floats, *, size: float) -> Floats:
    """The transform of each count spread over ten bins, shape (n, 10); each row sums to 1.

    Parameters
    ----------
    counts : array of int, shape (n,)
    mean : array of float, shape (n,)
        Expected numbers; a count above 0 where the mean is 0 is all in the last bin.
    size : float
        Negative binomial size; infinite is Poisson.

    Notes
    -----
    A count leaves open where between the probability of fewer and that of at most as many it lies, and is spread evenly
    over that range instead of at random: Czado, Gneiting and Held (2009), Predictive model assessment for count data,
    Biometrics 65. A randomised transform has the same expected value, and would change with the seed.
    """
    below, upto = _cdf(counts - 1, mean, size), _cdf(counts, mean, size)
    width = upto - below
    edges = np.arange(PIT_BINS + 1) / PIT_BINS
    some = width > 0
    reached = np.clip((edges - below[:, None]) / np.where(some, width, 1.0)[:, None], 0.0, 1.0)
    # A count so far out that both are alike lies in the outermost bin on its side.
    reached[~some] = np.where((counts < mean)[~some, None], edges > 0, edges >= 1)
    reached[:, 0], reached[:, -1] = 0.0, 1.0
    return np.diff(reached, axis=1)


def uniformity_p(by_block: Floats) -> tuple[float, Floats]:
    """Test whether transforms are spread evenly, with blocks of the map as what varies.

    Parameters
    ----------
    by_block : array of float, shape (n_blocks, 10)
        Weight of the transforms of each block by bin.

    Returns
    -------
    p : float
        NaN with fewer than 8 blocks that hold anything.
    components : array of float, shape (3,)
        Mean of the first three Legendre polynomials of the transform: above 0, the first says that more came than was
        expected, the second that counts scattered further than was forecast, the third that they leaned to one side.

    Notes
    -----
    Neyman (1937), "Smooth test" for goodness of fit, Skandinavisk Aktuarietidskrift 20: a few smooth components instead
    of all ten bins, so that few blocks suffice. Their joint deviation from 0 is held against Hotelling's T squared.
    """
    middle = (np.arange(PIT_BINS) + 0.5) / PIT_BINS * 2 - 1
    half = 1.0 / PIT_BINS
    # Means of the polynomials over each bin, exactly: over even bins they are 0.
    second = 1.5 * (middle**2 + half**2 / 3) - 0.5
    third = 2.5 * (middle**3 + middle * half**2) - 1.5 * middle
    basis = np.stack([middle, second, third], axis=1)
    weight = by_block.sum(axis=1)
    held = weight > 0
    n, k = int(held.sum()), basis.shape[1]
    total = float(weight.sum())
    if n == 0:
        return float("nan"), np.full(k, np.nan)
    sums = by_block[held] @ basis
    components = sums.sum(axis=0) / total
    if n < FEWEST_BLOCKS:
        return float("nan"), components
    # Each block's own part of the deviation, as if the transforms were right on the whole.
    own = sums - weight[held, None] * components
    values, vectors = np.linalg.eigh(own.T @ own * n / (n - 1))
    # Small counts tell of one bin alone: then the components move as one, and count as one.
    kept = values > ALIKE * max(float(values[-1]), 1e-300)
    rank = int(kept.sum())
    if values[-1] <= 0 or n <= rank:
        return float("nan"), components
    along = vectors[:, kept].T @ sums.sum(axis=0)
    squared = float(np.sum(along**2 / values[kept]))
    return float(stats.f.sf(squared * (n - rank) / (rank * (n - 1)), rank, n - rank)), components


def _cdf(k: Ints, mean: Floats, size: float) -> Floats:
    """Probability of at most k; of fewer than none it is 0."""
    upto = np.maximum(k, 0) + 1.0
    found = (
        special.gammaincc(upto, mean) if np.isinf(size) else special.betainc(size, upto, size / (size + mean))
    )
    return np.where(k < 0, 0.0, found)
