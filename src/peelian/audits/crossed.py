"""Two attributes at once, where only the numbers of each are known: bounds on who has both.

In a unit of n residents, a of whom have one attribute and b the other, at least ``max(0, a + b - n)`` and at most
``min(a, b)`` have both (Fréchet 1951, Sur les tableaux de corrélation dont les marges sont données, Annales de
l'Université de Lyon A 14). The exposure of those who have both is a mean over them, so that it is least when, within
these bounds, they live in the units with the least, and greatest when they live in those with the most. Every split in
between is possible too: the bounds can't be made narrower without other data.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from peelian.errors import DataError

__all__ = ["extreme_members", "joint_bounds"]

Floats = npt.NDArray[np.float64]


def joint_bounds(a: npt.ArrayLike, b: npt.ArrayLike, total: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Fewest and most residents of each unit who have both attributes, shape (n_units,) each.

    Raises
    ------
    DataError
        An attribute has more residents than there are in all.
    """
    one, other, n = (np.asarray(given, dtype=float) for given in (a, b, total))
    over = (one > n) | (other > n)
    if over.any():
        msg = f"in {int(over.sum())} units an attribute has more residents than all: they are not parts of one whole"
        raise DataError(
            msg, hint="cross attributes of the same residents, and name the column that counts them all"
        )
    return np.maximum(one + other - n, 0.0), np.minimum(one, other)


def extreme_members(low: Floats, high: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """Numbers of residents within bounds for which the mean of `rate` over them is least, and greatest.

    Parameters
    ----------
    low, high : array of float, shape (n_units,)
    rate : array of float, shape (n_units,)
        What each resident of a unit bears.

    Returns
    -------
    for_least, for_greatest : array of float, shape (n_units,)

    Notes
    -----
    A ratio of sums that are linear in each number has its extremes at ends of the bounds: the upper end in the units
    on one side of a rate, the lower one in the others. All such rates are tried.
    """
    order = np.argsort(rate, kind="stable")
    made = []
    for sign, along in ((1.0, order), (-1.0, order[::-1])):
        # The upper end in the first k units along, the lower end in the rest.
        extra = (high - low)[along]
        weight = low.sum() + np.concatenate([[0.0], np.cumsum(extra)])
        borne = (low * rate).sum() + np.concatenate([[0.0], np.cumsum(extra * rate[along])])
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(weight > 0, borne / weight, np.inf * sign)
        best = int(np.argmin(sign * mean))
        members = low.copy()
        members[along[:best]] = high[along[:best]]
        made.append(members)
    return made[0], made[1]
