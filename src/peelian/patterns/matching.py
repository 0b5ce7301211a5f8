"""How likely it is that two records near each other are of one incident, from how alike they are.

The model is that of Fellegi and Sunter: each feature has its shares of levels among records of one incident (m) and
among records of different ones (u). The u of all features together come from pairs of which one record was moved by
whole weeks, which can't be of one incident; so how features go together among different incidents needs no assumption.
The m, and how many pairs are of one incident, are found by expectation-maximisation.

References
----------
Fellegi and Sunter (1969), "A theory for record linkage", Journal of the American Statistical Association 64. Winkler
(2000), "Using the EM algorithm for weight computation in the Fellegi-Sunter model of record linkage".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.patterns.near_records import Likeness

__all__ = ["MatchModel", "fit_matches"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEPS = 500
CLOSE = 1e-7
POOLED = 10.0
"""Pairs that independence of the features counts for beside the pairs that were seen to have a pattern."""

GUESSED = 20.0
"""Pairs that the guess of the levels counts for. It holds what is learnt to records that are alike: without it, where
no two records are of one incident, any share of all pairs would fit as well as none."""


@dataclass(frozen=True, eq=False)
class MatchModel:
    """Shares of levels among records of one incident and of different ones.

    Attributes
    ----------
    names : tuple of str
    words : tuple of tuple of str
    m, u : tuple of array of float
        By feature, shape (levels,).
    probability : array of float, shape (patterns,)
        That a pair with this pattern of levels is of one incident.
    share : float
        Of the pairs within reach that are of one incident.
    different : float
        Pairs of different incidents that are expected within reach, by the moved records.
    pairs : int
        Pairs within reach.
    """

    names: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    m: tuple[Floats, ...]
    u: tuple[Floats, ...]
    probability: Floats
    share: float
    different: float
    pairs: int


def fit_matches(alike: Likeness, moved: Sequence[tuple[Likeness, float]]) -> MatchModel:
    """Find how likely pairs are of one incident.

    Parameters
    ----------
    alike : Likeness
        Of the pairs within reach.
    moved : sequence of (Likeness, float)
        Of pairs of which one was moved, one a shift, and how many pairs of different incidents within reach one of
        these pairs stands for.
    """
    sizes = alike.sizes
    patterns = int(np.prod(sizes))
    seen = np.bincount(alike.pattern, minlength=patterns).astype(np.float64)
    control = np.zeros(patterns)
    different = 0.0
    for one, stands_for in moved:
        control += np.bincount(one.pattern, minlength=patterns)
        different += one.pattern.size * stands_for / len(moved)
    u = _margins(control, sizes, tuple(np.full(k, 1.0 / k) for k in sizes))
    independent = _product(u)
    joint = control + POOLED * independent
    joint /= joint.sum()
    total = float(seen.sum())
    share = min(max(1 - different / max(total, 1.0), 1e-2), 0.5) if total else 0.0
    guess = tuple(np.array(g) / np.sum(g) for g in alike.guess)
    m, posterior = guess, np.zeros(patterns)
    for _ in range(STEPS):
        together, apart = share * _product(m), (1 - share) * joint
        posterior = together / np.maximum(together + apart, 1e-300)
        m = _margins(seen * posterior, sizes, guess)
        new = float((seen * posterior).sum()) / max(total, 1.0)
        change, share = abs(new - share), new
        if change < CLOSE:
            break
    return MatchModel(alike.names, alike.words, m, u, posterior, share, different, int(total))


def _margins(counts: Floats, sizes: tuple[int, ...], guess: tuple[Floats, ...]) -> tuple[Floats, ...]:
    """Shares of the levels of each feature, with the guess counting for some pairs."""
    cube = counts.reshape(sizes)
    found = []
    for k, expected in enumerate(guess):
        level = cube.sum(axis=tuple(a for a in range(len(sizes)) if a != k)) + GUESSED * expected
        found.append(level / level.sum())
    return tuple(found)


def _product(shares: tuple[Floats, ...]) -> Floats:
    """Share of each pattern if the features are independent, shape (patterns,)."""
    whole = np.ones(1)
    for share in shares:
        whole = np.multiply.outer(whole, share).ravel()
    return whole
