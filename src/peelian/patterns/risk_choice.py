"""Choosing the few forms of features that counts of places go along with, and how stable the choice is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.patterns.poisson_net import poisson_deviance, poisson_net, top_penalty
from peelian.patterns.risk_terms import Term

__all__ = ["Choice", "choose", "folds_of", "inflation"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PENALTIES = 30
LEAST = 0.01
MOST_INFLATED = 10.0


@dataclass(frozen=True, eq=False)
class Choice:
    """Which forms are kept.

    Parameters
    ----------
    kept : list of int
        Numbers of the terms, one a feature at most.
    chosen : array of float, shape (n_terms,)
        In which share of half samples the net kept each form.
    by_feature : dict of str to float
        In which share it kept any form of a feature.
    penalty : float
    dropped : dict of str to str
        Features that the net kept and that were then left out, and why.
    """

    kept: list[int]
    chosen: Floats
    by_feature: dict[str, float]
    penalty: float
    dropped: dict[str, str]


def folds_of(block: Ints, folds: int, rng: np.random.Generator) -> Ints:
    """The fold of each cell: whole blocks, by lot, as many in each."""
    number = np.unique(block, return_inverse=True)[1]
    order = rng.permutation(int(number.max()) + 1) % folds
    return np.asarray(order[number], dtype=np.int64)


def inflation(x: Floats) -> Floats:
    """Variance inflation of each column: how much more uncertain it is for what the others hold of it; shape (k,).

    Infinite for a column that follows from the others.
    """
    if x.shape[1] < 2:
        return np.ones(x.shape[1])
    centred = x - x.mean(axis=0)
    found = np.empty(x.shape[1])
    for j in range(x.shape[1]):
        others = np.delete(centred, j, axis=1)
        left = centred[:, j] - others @ np.linalg.lstsq(others, centred[:, j], rcond=None)[0]
        whole, rest = centred[:, j] @ centred[:, j], left @ left
        found[j] = whole / rest if rest > 1e-10 * whole else np.inf
    return found


def choose(
    terms: list[Term],
    y: Floats,
    offset: Floats,
    block: Ints,
    *,
    mix: float,
    folds: int,
    samples: int,
    most: int,
    least_chosen: float,
    rng: np.random.Generator,
) -> Choice:
    """Keep what an elastic net keeps, and keeps again in half samples of blocks; of each feature its strongest form.

    Notes
    -----
    The penalty is the largest within a standard error of the least deviance over folds of blocks. Half samples are
    those of Meinshausen and Buhlmann (2010), "Stability selection", Journal of the Royal Statistical Society B 72.
    """
    x = np.column_stack([t.values for t in terms])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    penalty = _penalty(x, y, offset, folds_of(block, folds, rng), mix)
    beta = poisson_net(x, y, offset, np.array([penalty]), mix=mix)[0, 1:]
    kept = _half_samples(x, y, offset, block, penalty, mix, samples, rng)
    chosen = kept.mean(axis=0)
    names = list(dict.fromkeys(t.feature for t in terms))
    groups = {name: [j for j, t in enumerate(terms) if t.feature == name] for name in names}
    by_feature = {name: float(kept[:, js].any(axis=1).mean()) for name, js in groups.items()}
    strongest: list[int] = []
    dropped: dict[str, str] = {}
    for name, js in groups.items():
        j = max(js, key=lambda j: (abs(beta[j]), chosen[j]))
        if beta[j] == 0:
            continue
        if by_feature[name] < least_chosen:
            dropped[name] = f"was kept in only {by_feature[name]:.0%} of the half samples"
        else:
            strongest.append(j)
    strongest.sort(key=lambda j: (-by_feature[terms[j].feature], -abs(beta[j])))
    for j in strongest[most:]:
        dropped[terms[j].feature] = f"comes after the {most} that are kept most often"
    final = strongest[:most]
    while final and (vif := inflation(x[:, final])).max() > MOST_INFLATED:
        out = final.pop(int(vif.argmax()))
        dropped[terms[out].feature] = "follows nearly from the others (variance inflation above 10)"
    return Choice(final, chosen, by_feature, penalty, dropped)


def _penalty(x: Floats, y: Floats, offset: Floats, fold: Ints, mix: float) -> float:
    top = max(top_penalty(x, y, offset, mix), 1e-9)
    path = np.geomspace(top, LEAST * top, PENALTIES)
    lost = []
    for f in np.unique(fold):
        out = fold == f
        betas = poisson_net(x[~out], y[~out], offset[~out], path, mix=mix)
        mean = np.exp(np.clip(betas[:, :1] + betas[:, 1:] @ x[out].T + offset[out], -30, 30))
        lost.append([poisson_deviance(y[out], m).mean() for m in mean])
    table = np.array(lost)
    mean = table.mean(axis=0)
    best = int(mean.argmin())
    error = (table - table[:, [best]]).std(axis=0, ddof=1) / np.sqrt(len(table))
    # Of the difference to the best: how hard the folds are is common to all penalties.
    return float(path[np.flatnonzero(mean <= mean[best] + error)[0]])


def _half_samples(
    x: Floats,
    y: Floats,
    offset: Floats,
    block: Ints,
    penalty: float,
    mix: float,
    samples: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.bool_]:
    names = np.unique(block)
    kept = np.zeros((samples, x.shape[1]), dtype=np.bool_)
    for s in range(samples):
        half = np.isin(block, rng.choice(names, max(names.size // 2, 1), replace=False))
        if y[half].sum() > 0:
            kept[s] = poisson_net(x[half], y[half], offset[half], np.array([penalty]), mix=mix)[0, 1:] != 0
    return kept
