"""How concentrated a plan is: what the top 1, 5 and 10 % get, and the Gini coefficient, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.audits.partitions import Partition

__all__ = ["TOP", "concentration", "gini_of", "top_share"]

Floats = npt.NDArray[np.float64]

TOP = (0.01, 0.05, 0.10)
BASES = {"units": "of units", "residents": "of residents"}
REPLICATES = 200
"""A size of blocks: a standard error needs no more, and each takes a pass over all units."""


def top_share(counts: Floats, size: Floats, top: float) -> float:
    """Share of the counts in the units with the most for their size, up to `top` of all size; NaN without counts."""
    held, sizes = _lorenz(counts, size, np.ones((1, counts.size)))
    return float(_at(held, sizes, top)[0])


def gini_of(counts: Floats, size: Floats) -> float:
    """Gini coefficient of the counts over units of some size: 0 where all have as much for their size."""
    return float(_gini(*_lorenz(counts, size, np.ones((1, counts.size))))[0])


def concentration(
    counts: npt.ArrayLike,
    residents: npt.ArrayLike,
    partitions: Sequence[Partition],
    *,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
    salt: int = 0,
) -> pd.DataFrame:
    """Share of the counts in the top 1, 5 and 10 % of units and of residents, and the Gini coefficient of both.

    Parameters
    ----------
    counts : array of float, shape (n,)
    residents : array of float, shape (n,)
        Of each unit. By residents, units count by how many live there, those with most counts per resident first.
    partitions : sequence of Partition
        Blocks that are drawn anew; the widest interval counts. It is made on the logit scale, with Student's t.

    Returns
    -------
    pandas.DataFrame
        A row a measure: ``measure``, ``basis``, ``value``, ``low``, ``high``; NaN where there is no number.
    """
    h, lived = np.asarray(counts, dtype=float), np.asarray(residents, dtype=float)
    rows = []
    for basis, size in (("units", np.ones(h.size)), ("residents", lived)):
        seen = _measures(h, size, np.ones((1, h.size)))
        ends = _ends(h, size, partitions, seen, level, (replicates, seed, salt))
        rows += [
            {
                "measure": name,
                "basis": basis,
                "value": float(seen[name][0]),
                "low": ends[name][0],
                "high": ends[name][1],
            }
            for name in seen
        ]
    return pd.DataFrame(rows)


def _measures(h: Floats, size: Floats, weights: Floats) -> dict[str, Floats]:
    held, sizes = _lorenz(h, size, weights)
    found = {f"top_{100 * top:g}": _at(held, sizes, top) for top in TOP}
    return {**found, "gini": _gini(held, sizes)}


def _lorenz(h: Floats, size: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Shares of the counts and of the size held by the first units, most for their size first; each from 0 to 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(size > 0, h / size, np.where(h > 0, np.inf, 0.0))
    order = np.argsort(-rate, kind="stable")
    drawn = weights[:, order]
    zero = np.zeros((len(weights), 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        held = np.concatenate([zero, np.cumsum(drawn * h[order], axis=1)], axis=1)
        sizes = np.concatenate([zero, np.cumsum(drawn * size[order], axis=1)], axis=1)
        return held / held[:, -1:], sizes / sizes[:, -1:]


def _at(held: Floats, sizes: Floats, top: float) -> Floats:
    """Share held by a share of the size, on straight lines between units."""
    reached = np.argmax(sizes >= top - 1e-12, axis=1)
    rows, before = np.arange(len(held)), np.maximum(reached - 1, 0)
    step = sizes[rows, reached] - sizes[rows, before]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(step > 0, (top - sizes[rows, before]) / step, 0.0)
    return np.asarray(held[rows, before] + part * (held[rows, reached] - held[rows, before]))


def _gini(held: Floats, sizes: Floats) -> Floats:
    under = ((held[:, 1:] + held[:, :-1]) / 2 * np.diff(sizes, axis=1)).sum(axis=1)
    return np.asarray(2 * under - 1)


def _ends(
    h: Floats,
    size: Floats,
    partitions: Sequence[Partition],
    seen: dict[str, Floats],
    level: float,
    draws: tuple[int, int, int],
) -> dict[str, tuple[float, float]]:
    replicates, seed, salt = draws
    widest = dict.fromkeys(seen, (np.nan, np.nan))
    for part in partitions:
        if part.blocks < 2:
            continue
        each = -(-replicates // len(part.labels))
        made: list[dict[str, Floats]] = []
        for turn, label in enumerate(part.labels):
            rng = np.random.default_rng([seed, salt, part.blocks, turn])
            drawn = rng.multinomial(part.blocks, np.full(part.blocks, 1 / part.blocks), size=each).astype(
                float
            )
            made.append(_measures(h, size, drawn[:, label]))
        reach = stats.t.ppf((1 + level) / 2, part.blocks - 1) * np.sqrt(part.blocks / (part.blocks - 1))
        for name, value in seen.items():
            drawn_values = np.concatenate([one[name] for one in made])
            low, high = _logit_ends(float(value[0]), drawn_values, reach)
            if np.isnan(widest[name][0]) or high - low > widest[name][1] - widest[name][0]:
                widest[name] = (low, high)
    return widest


def _logit_ends(value: float, drawn: Floats, reach: float) -> tuple[float, float]:
    """Ends of a share; the value itself where it is 0 or 1, and nothing could be drawn that isn't."""
    if not 0 < value < 1:
        return (value, value) if np.isfinite(value) else (np.nan, np.nan)
    known = np.clip(drawn[np.isfinite(drawn)], 1e-6, 1 - 1e-6)
    if known.size < drawn.size / 2:
        return np.nan, np.nan
    spread = np.std(np.log(known / (1 - known)))
    middle = np.log(value / (1 - value))
    low, high = (1 / (1 + np.exp(-(middle + sign * reach * spread))) for sign in (-1, 1))
    return float(low), float(high)
