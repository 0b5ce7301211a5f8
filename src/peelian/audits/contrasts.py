"""Shares by area and by group: how a share differs between those whose areas are compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.blocks import quantile_interval, resampled_sums
from peelian.audits.parts import Measured
from peelian.errors import UsageError
from peelian.patterns.probability import proportion_interval

__all__ = ["FEW_AREAS", "by_area", "by_group", "group_gap"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEW_AREAS = 10
"""With fewer areas an interval over areas is rough, and none is given below 2."""


def by_area(part: Ints, whole: Ints, names: Sequence[str], *, level: float) -> pd.DataFrame:
    """Share of each area with its interval: ``area, records, part, share, low, high``, the highest share first.

    Parameters
    ----------
    part, whole : array of int, shape (n_areas,)
    names : sequence of str

    Notes
    -----
    Jeffreys interval of a binomial share (Brown, Cai and DasGupta 2001). Areas without a record are left out.
    """
    rows = []
    for i in np.flatnonzero(whole > 0).tolist():
        low, high = proportion_interval(int(part[i]), int(whole[i]), level=level)
        rows.append((names[i], int(whole[i]), int(part[i]), float(part[i] / whole[i]), low, high))
    frame = pd.DataFrame(rows, columns=["area", "records", "part", "share", "low", "high"])
    return frame.sort_values(["share", "records", "area"], ascending=[False, False, True], ignore_index=True)


def _sums(values: Floats, known: npt.NDArray[np.bool_], residents: pd.DataFrame) -> Floats:
    """Residents times the value and residents, of each area with a value, side by side; shape (k, 2 * n_groups)."""
    weights = residents.to_numpy(dtype=np.float64)[known]
    return np.concatenate([weights * values[known, None], weights], axis=1)


def by_group(
    values: npt.ArrayLike, residents: pd.DataFrame, *, level: float, replicates: int = 999, seed: int = 0
) -> pd.DataFrame:
    """Mean of an area's value over the residents of each group: ``group, residents, value, low, high``.

    Parameters
    ----------
    values : array of float, shape (n_areas,)
        Such as a share of an area's records; NaN where there is none.
    residents : pandas.DataFrame, shape (n_areas, n_groups)

    Notes
    -----
    The interval is that of a bootstrap over areas (`peelian.audits.blocks`). It is about where a group lives, and not
    about its members' own records, of which nothing is known.
    """
    v, draws, known = _drawn(values, residents, replicates, seed)
    rows = []
    for g, group in enumerate(residents.columns):
        lived = float(residents[group].to_numpy(dtype=np.float64)[known].sum())
        low, high = _interval(draws[:, g], known, level)
        rows.append((str(group), lived, v[g] if lived else None, low, high))
    return pd.DataFrame(rows, columns=["group", "residents", "value", "low", "high"])


def group_gap(
    values: npt.ArrayLike,
    residents: pd.DataFrame,
    *,
    group: str,
    reference: str,
    level: float,
    replicates: int = 999,
    seed: int = 0,
) -> Measured:
    """Difference between the mean of an area's value over a group's residents and over those of the reference.

    Raises
    ------
    UsageError
        There is no such group.
    """
    groups = [str(name) for name in residents.columns]
    if group not in groups or reference not in groups:
        msg = f"groups {group!r} and {reference!r} were given; expected two of {', '.join(groups)}"
        raise UsageError(msg)
    v, draws, known = _drawn(values, residents, replicates, seed)
    g, r = groups.index(group), groups.index(reference)
    if not np.isfinite(v[g] - v[r]):
        return Measured(None)
    low, high = _interval(draws[:, g] - draws[:, r], known, level)
    return Measured(float(v[g] - v[r]), low, high)


def _drawn(
    values: npt.ArrayLike, residents: pd.DataFrame, replicates: int, seed: int
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """The groups' means, the same in resampled cities, and which areas have a value."""
    given = np.asarray(values, dtype=np.float64)
    known = np.isfinite(given)
    k = residents.shape[1]
    sums = _sums(given, known, residents)
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = sums.sum(axis=0)
        means = np.asarray(whole[:k] / whole[k:])
        if known.sum() < 2:
            return means, np.full((1, k), np.nan), known
        drawn = resampled_sums(sums, replicates=replicates, seed=seed)
        return means, np.asarray(drawn[:, :k] / drawn[:, k:]), known


def _interval(draws: Floats, known: npt.NDArray[np.bool_], level: float) -> tuple[float | None, float | None]:
    seen = draws[np.isfinite(draws)]
    if known.sum() < 2 or seen.size < level * draws.size:
        return None, None
    return quantile_interval(seen, level=level)
