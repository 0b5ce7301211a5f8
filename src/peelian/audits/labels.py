"""Labels that can't matter: the compositions of units dealt out anew, as alike between neighbours as they are.

Shuffling units one by one would take neighbours for independent: almost anything would then look like a finding. Both
ways here keep how smooth the labels are. Each gives, for every unit, the number of the unit whose composition it gets.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.spatial import cKDTree

from peelian.audits.by_unit import coordinates
from peelian.errors import NotEnoughDataError

__all__ = ["random_fields", "shifts"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FEWEST_UNITS = 10
SMOOTHINGS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""How many nearest units a random field may be averaged over."""

PAIRS = 20_000
LAGS = 12
TRIED = 8
"""Pairs and lags of a variogram, and fields by which each smoothing is tried."""


def shifts(x: npt.ArrayLike, y: npt.ArrayLike, *, inhabited: Bools, replicates: int, seed: int) -> Ints:
    """The map of labels moved by a random way, some of them mirrored, over an edge back in at the other.

    Parameters
    ----------
    x, y : array of float, shape (n,)
    inhabited : array of bool, shape (n,)
        Units that have a composition. Others keep themselves.
    replicates, seed : int

    Returns
    -------
    array of int, shape (replicates, n)
        The unit that is nearest to where each unit comes from.

    Notes
    -----
    A toroidal shift on the smallest rectangle around the units (Fortin and Dale 2005, Spatial analysis, ch. 2; Besag
    and Diggle 1977). Where the rectangle is empty, the nearest unit lends its label, so that margins are kept only
    about.
    """
    places = _places(x, y, inhabited)
    rng = np.random.default_rng(seed)
    held = places[inhabited] - places[inhabited].min(axis=0)
    # One step between the last unit and the first: on a whole lattice a move is a permutation.
    step = max(float(np.median(np.asarray(cKDTree(held).query(held, k=2)[0])[:, 1])), 1e-9)
    size = held.max(axis=0) + step
    tree, numbers = cKDTree(held, boxsize=size), np.flatnonzero(inhabited)
    sources = np.tile(np.arange(len(places)), (replicates, 1))
    for row in sources:
        at = np.where(rng.random(2) < 0.5, size - step - held, held)
        row[inhabited] = numbers[tree.query((at + rng.random(2) * size) % size)[1]]
    return sources


def random_fields(
    x: npt.ArrayLike, y: npt.ArrayLike, *, share: Floats, inhabited: Bools, replicates: int, seed: int
) -> Ints:
    """Compositions dealt out by random fields that are as smooth as the share of a group.

    Parameters
    ----------
    x, y, share : array of float, shape (n,)
    inhabited : array of bool, shape (n,)
    replicates, seed : int

    Returns
    -------
    array of int, shape (replicates, n)
        The unit of the k-th smallest share goes to where the field has its k-th smallest value: the same compositions
        as they are, in other places.

    Notes
    -----
    Noise is averaged over as many nearest units as give the share's own variogram best (Viladomat and others 2014,
    Assessing the significance of global and local correlations under spatial autocorrelation, Biometrics 70).
    """
    places = _places(x, y, inhabited)[inhabited]
    rng = np.random.default_rng(seed)
    held, n = share[inhabited], len(places)
    near = np.asarray(cKDTree(places).query(places, k=min(max(SMOOTHINGS), n))[1], dtype=np.int64)
    left, right = rng.integers(0, n, (2, PAIRS))
    lag = np.sqrt(((places[left] - places[right]) ** 2).sum(axis=1))
    kept = (lag > 0) & (lag <= np.quantile(lag, 0.5))
    left, right, lag = left[kept], right[kept], lag[kept]
    bins = np.minimum((LAGS * np.argsort(np.argsort(lag, kind="stable"))) // max(lag.size, 1), LAGS - 1)

    def variogram(values: Floats) -> Floats:
        return np.asarray(
            np.bincount(bins, weights=(values[left] - values[right]) ** 2, minlength=LAGS)
            / np.bincount(bins, minlength=LAGS)
        )

    ranks = _ranks(held[:, None])[:, 0]
    wanted = variogram(np.sort(held)[ranks])
    tries = [m for m in SMOOTHINGS if m <= n // 4] or [1]
    noise = rng.normal(size=(n, TRIED))
    ordered = np.sort(held)
    off = []
    for m in tries:
        made = np.mean([variogram(ordered[r]) for r in _ranks(_smooth(near, m) @ noise).T], axis=0)
        off.append(float(((made - wanted) ** 2).sum()))
    smooth = _smooth(near, tries[int(np.argmin(off))])
    numbers = np.flatnonzero(inhabited)
    by_share = numbers[np.argsort(held, kind="stable")]
    sources = np.tile(np.arange(inhabited.size), (replicates, 1))
    sources[:, inhabited] = by_share[_ranks(smooth @ rng.normal(size=(n, replicates))).T]
    return sources


def _smooth(near: Ints, m: int) -> sparse.csr_array:
    """The mean over the `m` nearest units of each."""
    n = len(near)
    return sparse.csr_array(
        (np.full(n * m, 1 / m), near[:, :m].ravel(), np.arange(0, n * m + 1, m)), shape=(n, n)
    )


def _ranks(values: Floats) -> Ints:
    """Ranks from 0 in each column, ties by order."""
    return np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0, kind="stable")


def _places(x: npt.ArrayLike, y: npt.ArrayLike, inhabited: Bools) -> Floats:
    places = coordinates(x, y, inhabited.size)
    if inhabited.sum() < FEWEST_UNITS:
        msg = f"{int(inhabited.sum())} units have residents; expected at least {FEWEST_UNITS} to deal labels among"
        raise NotEnoughDataError(msg, hint="use smaller units")
    return places
