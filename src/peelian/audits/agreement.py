"""How far two who decided apart from each other agree: Cohen's kappa, Gwet's AC1, and the plain share.

Kappa falls to 0 where nearly all decisions are the same, however much two agree; AC1 does not (Gwet 2008, Computing
inter-rater reliability and its variance in the presence of high agreement, British Journal of Mathematical and
Statistical Psychology 61). Both are given. They are of all reviewers together: nobody who works there is scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from peelian.audits.clustered import two_way_variance
from peelian.errors import NotEnoughDataError

__all__ = ["Agreement", "agreement"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """Agreement of two decisions on the same cases.

    Parameters
    ----------
    cases : int
    share : tuple of float
        Share that agrees: value, low and high.
    kappa : tuple of float or None
        Cohen's (1960); None where both always decided the same way.
    ac1 : tuple of float or None
    level : float
    """

    cases: int
    share: tuple[float, float, float]
    kappa: tuple[float, float, float] | None
    ac1: tuple[float, float, float] | None
    level: float


def agreement(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    deployment: npt.ArrayLike | None = None,
    token: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Agreement:
    """Agreement with intervals that allow for clusters.

    Parameters
    ----------
    first, second : array, shape (m,)
        What each decided.
    deployment, token : array of int, shape (m,), optional
        Clusters that decisions come in; each is its own when not given.
    level : float

    Raises
    ------
    NotEnoughDataError
        There are fewer than two cases.

    Notes
    -----
    Intervals are of the linearised statistic with a two-way clustered variance and Student's quantiles; without
    clusters that is the large-sample variance of Fleiss, Cohen and Everitt (1969) for kappa, and of Gwet (2008) for
    AC1.
    """
    a, b = np.asarray(first, dtype=str), np.asarray(second, dtype=str)
    if a.size < 2 or a.shape != b.shape:
        msg = f"decisions on {a.size} and {b.size} cases were given; expected two on each of at least 2 cases"
        raise NotEnoughDataError(
            msg, hint="have a second reviewer decide apart from the first on a sample of alerts"
        )
    names, both = np.unique(np.concatenate([a, b]), return_inverse=True)
    i, j, q = both[: a.size], both[a.size :], names.size
    alone = np.arange(a.size)
    clusters = [alone if c is None else np.asarray(c, dtype=np.int64) for c in (deployment, token)]
    same = (i == j).astype(float)
    rows, columns = (np.bincount(k, minlength=q) / a.size for k in (i, j))

    def made(value: float, influence: Floats, floor: float) -> tuple[float, float, float]:
        variance, degrees = two_way_variance(influence / a.size, *clusters)
        reach = float(stats.t.ppf((1 + level) / 2, degrees) * np.sqrt(variance))
        return value, max(floor, value - reach), min(1.0, value + reach)

    observed = float(same.mean())
    by_kappa = float((rows * columns).sum())
    kappa = ac1 = None
    if q > 1 and by_kappa < 1:
        chance = columns[i] + rows[j] - 2 * by_kappa
        kappa = made(*_beyond(observed, by_kappa, same, chance), -1.0)
    if q > 1:
        mean = (rows + columns) / 2
        by_ac1 = float((mean * (1 - mean)).sum() / (q - 1))
        slope = (1 - 2 * mean) / (q - 1)
        chance = (slope[i] + slope[j]) / 2 - float((slope * mean).sum())
        ac1 = made(*_beyond(observed, by_ac1, same, chance), -1.0)
    return Agreement(int(a.size), made(observed, same - observed, 0.0), kappa, ac1, level)


def _beyond(observed: float, expected: float, same: Floats, chance: Floats) -> tuple[float, Floats]:
    """(observed - expected) / (1 - expected), and what each case adds to it; `chance` is what it adds to expected."""
    left = 1 - expected
    influence = ((same - observed) * left - (1 - observed) * chance) / left**2
    return (observed - expected) / left, influence
