"""How far chance alone moves an exposure ratio, and an interval that is no narrower than that.

Blocks of one size take what lies in different blocks for unlike. Where a few large parts of a city differ in who lives
there, they are not, and however large the blocks, there are too few of them to say so. So the map of residents' groups
is moved over the city as a whole: what is near stays near, and which places are attended no longer has anything to do
with who lives there. How far the ratio moves then is how far chance moves it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from peelian.audits.estimates import divide
from peelian.audits.labels import FEWEST_UNITS, shifts

__all__ = ["MOVED", "WIDER", "moved_ratios", "spread_out", "with_errors"]

Floats = npt.NDArray[np.float64]

MOVED = 199
"""Maps of moved groups: the ends of a 95 % interval are the fifth from either end of 200."""

WIDER = (
    "The interval is that of resampled blocks, widened on each side as far as chance moved the ratio where the groups' "
    "map was moved over the city, so that it takes in 1 where such a ratio is not rare by chance."
)
"""What an interval that was widened is."""


def moved_ratios(
    maps: Sequence[Floats],
    residents: Floats,
    *,
    reference: int,
    centres: tuple[npt.ArrayLike, npt.ArrayLike],
    replicates: int = MOVED,
    seed: int = 0,
) -> Floats | None:
    """Exposure ratios where the groups' map was moved.

    Parameters
    ----------
    maps : sequence of array of float, shape (n_units,)
        Hours or counts.
    residents : array of float, shape (n_units, n_groups)
        Residents. Each unit keeps how many live there, and gets another's shares of the groups.
    reference : int
        Column of the group that others are compared with.
    centres : tuple of two arrays of float, shape (n_units,)
        Middles of the units, in units of length.
    replicates, seed : int

    Returns
    -------
    array of float, shape (replicates, n_maps, n_groups), or None
        Infinite where only the reference has none; NaN where neither has any. None where fewer than 10 units have
        residents, or `replicates` is 0.

    Notes
    -----
    Toroidal shifts, see `peelian.audits.labels.shifts`.
    """
    total = residents.sum(axis=1)
    inhabited = total > 0
    if not replicates or inhabited.sum() < FEWEST_UNITS:
        return None
    share = np.divide(residents, total[:, None], where=inhabited[:, None], out=np.zeros_like(residents))
    sources = shifts(*centres, inhabited=inhabited, replicates=replicates, seed=seed)
    lived = (total[:, None, None] * share[sources.T]).reshape(len(residents), -1)
    weights = np.stack([*maps, np.ones(len(residents))])
    sums = (weights @ lived).reshape(len(weights), replicates, -1).transpose(1, 0, 2)
    mean = divide(sums[:, :-1], sums[:, -1:])
    return divide(mean, mean[:, :, [reference]])


def with_errors(chance: Floats, errors: Floats) -> Floats:
    """Ratios by chance, each with an error of the numbers of residents.

    Parameters
    ----------
    chance : array of float, shape (replicates, n_maps, n_groups)
    errors : array of float, shape (any, n_maps, n_groups)
        Factors; those that are not defined change nothing. They are taken in turn.
    """
    return np.asarray(chance * np.resize(np.where(np.isfinite(errors), errors, 1.0), chance.shape))


def spread_out(draws: Floats, point: Floats, chance: Floats) -> Floats:
    """Draws of ratios, each moved out to where chance alone puts its rank, if that is farther.

    Parameters
    ----------
    draws : array of float, shape (replicates, k)
        Of resampled cities; what is not defined stays so.
    point : array of float, shape (k,)
        The ratios as they were found.
    chance : array of float, shape (any, k)
        The ratios where nothing but chance is behind them.

    Returns
    -------
    array of float, shape (replicates, k)

    Notes
    -----
    The ends of an interval of theirs are no nearer than the ratios that would not be rare, were chance the same around
    each of them on the scale of logarithms: a test's acceptance region turned into an interval (Neyman 1937, Outline of
    a theory of statistical estimation, Philosophical Transactions of the Royal Society A 236). The ratio that was found
    counts as one of those by chance, so that no end is nearer than a test of as many moves can tell.
    """
    out = draws.copy()
    for j in range(draws.shape[1]):
        held, known = np.flatnonzero(~np.isnan(draws[:, j])), chance[~np.isnan(chance[:, j]), j]
        if not held.size or not known.size or np.isnan(point[j]):
            continue
        order = held[np.argsort(draws[held, j], kind="stable")]
        rank = np.arange(order.size) / max(order.size - 1, 1)
        lower = rank < 0.5
        ordered = np.sort(np.append(known, point[j]))
        few = np.floor(np.minimum(rank, 1 - rank) * (ordered.size - 1) + 1e-9).astype(int)
        least = divide(np.full(order.size, point[j]), ordered[np.where(lower, -1 - few, few)])
        out[order, j] = np.where(
            lower, np.minimum(draws[order, j], least), np.maximum(draws[order, j], least)
        )
    return out
