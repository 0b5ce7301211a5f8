"""What missing groups and outcomes leave open: worst-case bounds, and an allocation by place and time.

When the group is missing in a third of the stops, any single ratio hides an assumption about that third. The bounds
assume nothing: they hold whatever the missing groups were (Manski 1989, Anatomy of the selection problem, Journal of
Human Resources 24; Horowitz and Manski 2000, Nonparametric analysis of randomized experiments with missing covariate
and outcome data, Journal of the American Statistical Association 95). The allocation assumes that those of whom no
group was recorded are like those of whom one was in the same area and part of the day.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["allocated", "gap_bounds", "kind_bounds", "ratio_bounds", "share_bounds"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Bounds = tuple[float | None, float | None]
Three = tuple[float, float, float]
"""Rows with yes, with no, and of which it isn't known."""

PART_OF_DAY = 240.0
"""Minutes; stops of one area are allocated within each such part of the day."""
ENOUGH = 10
"""Known groups that a stratum needs; with fewer, the whole place's shares at that part of the day are used."""


def ratio_bounds(
    group: float, reference: float, missing: float, *, under: tuple[float, float, float]
) -> Bounds:
    """Ends of ``(group / reference) / (group below / reference below)`` over all that the missing could be.

    Parameters
    ----------
    group, reference, missing : float
        Counts above the line; those missing could be of either group, or of a third.
    under : (float, float, float)
        The same three below the line; no missing ones where it is a number of residents.

    Returns
    -------
    low, high : float or None
        None where there is no such end.
    """
    g, r, m = under
    low = (group * r / ((reference + missing) * (g + m))) if reference + missing > 0 and g + m > 0 else None
    high = ((group + missing) * (r + m) / (reference * g)) if reference > 0 and g > 0 else None
    return low, high


def kind_bounds(group: Three, reference: Three, *, missing: Three, of_all: bool) -> Bounds:
    """Ends of the ratio of two groups' shares of yes, over missing groups and over rows of which yes or no is unknown.

    Parameters
    ----------
    group, reference, missing : (float, float, float)
        Rows with yes, with no, and with neither recorded, of either group and of those without one.
    of_all : bool
        Yes as a share of all, as searches of stops are; else yes for each no, as stops by daylight for those after
        dark.

    Notes
    -----
    A row that lacks both is given to one group only, so both ends are reached by something that could be.
    """
    low, inverse = (
        _least_ratio(one, other, missing, of_all) for one, other in ((group, reference), (reference, group))
    )
    return low, None if not inverse else 1 / inverse


def _least_ratio(group: Three, reference: Three, missing: Three, of_all: bool) -> float | None:
    yes, no, either = missing
    to_group = np.arange(either + 1)
    own = group[1] + group[2] + no + to_group + (group[0] if of_all else 0.0)
    most = reference[0] + reference[2] + yes + either - to_group
    against = reference[1] + (most if of_all else 0.0)
    ratio = group[0] * against / np.where(own * most > 0, own * most, np.nan)
    return None if np.isnan(ratio).all() else float(np.nanmin(ratio))


def share_bounds(yes: float, no: float, unknown: float, *, missing: Three) -> Bounds:
    """Ends of the share of yes in a group, over unknown outcomes in it and rows whose group is missing.

    Parameters
    ----------
    yes, no, unknown : float
        Rows of the group by outcome.
    missing : (float, float, float)
        Rows without a group: with yes, with no, and with an unknown outcome.
    """
    hits, misses, either = missing
    most = yes + unknown + hits + either
    least_of = yes + no + unknown + misses + either
    low = yes / least_of if least_of > 0 else None
    high = most / (most + no) if most + no > 0 else None
    return low, high


def gap_bounds(
    group: Three,
    reference: Three,
    *,
    missing: Three,
    maybe: tuple[Three, Three] = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
) -> Bounds:
    """Ends of the difference of two shares of yes, over unknown outcomes and missing groups.

    Parameters
    ----------
    group, reference, missing : (float, float, float)
        Rows with yes, with no, and with an unknown outcome.
    maybe : ((float, float, float), (float, float, float))
        The same of rows of the group and of the reference that may not count at all, such as stops of which it wasn't
        recorded whether there was a search.

    Notes
    -----
    The lowest difference has every missing no in the group and every missing yes in the reference; the highest the
    other way round. A missing row is counted in one group only, and an unknown outcome of one is what serves the
    end, so rows with both missing are given to either.
    """
    low = _extreme(_fewest(group, maybe[0]), _most(reference, maybe[1]), missing)
    high = _extreme(_fewest(reference, maybe[1]), _most(group, maybe[0]), missing)
    return low, None if high is None else -high


def _fewest(rows: Three, maybe: Three) -> Three:
    """With those that may not count as takes the share of yes lowest."""
    return rows[0], rows[1] + maybe[1] + maybe[2], rows[2]


def _most(rows: Three, maybe: Three) -> Three:
    return rows[0] + maybe[0] + maybe[2], rows[1], rows[2]


def _extreme(
    group: Three,
    reference: Three,
    missing: Three,
) -> float | None:
    """The lowest share of the group less the highest of the reference."""
    hits, misses, either = missing
    base, most = sum(group) + misses, reference[0] + reference[2] + hits + either
    # Of the rows that lack both, t are a no of the group and the others a yes of the reference. The difference is
    # convex in t, and flat where sqrt(yes) * (most + no - t) = sqrt(no) * (base + t).
    yes, no = np.sqrt(group[0]), np.sqrt(reference[1])
    flat = (yes * (most + reference[1]) - no * base) / (yes + no) if yes + no > 0 else 0.0
    to_group = float(np.clip(flat, 0.0, either))
    most -= to_group
    if base + to_group <= 0 or most + reference[1] <= 0:
        return None
    return float(group[0] / (base + to_group) - most / (most + reference[1]))


def allocated(frame: pd.DataFrame, rows: Bools, groups: list[str]) -> Floats:
    """Rows of each group when those without one are shared out as the known are in their area and part of the day.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of `StopRecords`.
    rows : array of bool, shape (n_rows,)
        Which rows are counted.
    groups : list of str

    Returns
    -------
    array of float, shape (n_groups,)
    """
    if not rows.any():
        return np.zeros(len(groups))
    chosen = frame.loc[rows, ["area", "minute", "group"]]
    part = (chosen["minute"] // PART_OF_DAY).fillna(-1).astype(int)
    area = pd.factorize(chosen["area"], use_na_sentinel=True)[0]
    every, own = pd.factorize(chosen["group"], use_na_sentinel=True)
    stratum = np.unique((area + 1) * 10 + part.to_numpy() + 1, return_inverse=True)[1]
    codes = every.astype(int)
    table = np.zeros((int(stratum.max()) + 1, len(own)))
    known = codes >= 0
    np.add.at(table, (stratum[known], codes[known]), 1.0)
    wide = np.zeros((int(part.max()) + 2, len(own)))
    np.add.at(wide, (part.to_numpy()[known] + 1, codes[known]), 1.0)
    missing = np.bincount(stratum[~known], minlength=len(table)).astype(float)
    part_of = np.zeros(len(table), dtype=int)
    part_of[stratum] = part.to_numpy() + 1
    shares = np.where(table.sum(axis=1, keepdims=True) >= ENOUGH, table, wide[part_of])
    whole = shares.sum(axis=1, keepdims=True)
    shares = np.where(whole > 0, shares / np.maximum(whole, 1), table.sum(axis=0) / max(known.sum(), 1))
    total = table.sum(axis=0) + (missing[:, None] * shares).sum(axis=0)
    by_name = dict(zip([str(one) for one in own], total, strict=True))
    return np.array([by_name.get(name, 0.0) for name in groups])
