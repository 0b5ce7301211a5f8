"""Weeks in which the whole holds fewer or more records than the weeks around them, and days without any.

A gap in the records of a whole city has nothing beside it to be held against but its own weeks before and after.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.stretches import LEAST_SPREAD, beta_binomial_tail
from peelian.errors import UsageError
from peelian.patterns.base import check_level, false_discovery

__all__ = ["quiet_weeks", "silent_days"]

Ints = npt.NDArray[np.int64]

SIDES = 8
"""Weeks on either side by which a stretch is measured."""

LENGTHS = (1, 2, 4)

MEDIAN = 0.4549
"""Median of chi-square with one degree of freedom."""


def quiet_weeks(
    counts: npt.ArrayLike, starts: npt.NDArray[np.datetime64], *, rate: float = 0.05
) -> pd.DataFrame:
    """Stretches of 1, 2 or 4 weeks that the 8 weeks on either side don't explain.

    Parameters
    ----------
    counts : array of int, shape (n_weeks,)
    starts : array of datetime64[D], shape (n_weeks + 1,)
        Edges of the weeks.
    rate : float
        False-discovery rate among all stretches.

    Returns
    -------
    pandas.DataFrame
        ``from, to, records, expected, more, p, q``; of stretches that overlap the clearest.

    Notes
    -----
    Given the records in a stretch and around it, those in it are beta-binomial with the share of the weeks; the
    spread is that of the median stretch, so that the gap that is looked for has no say in it.
    """
    y = np.asarray(counts, dtype=np.int64)
    check_level(rate, what="false-discovery rate")
    if y.ndim != 1 or starts.size != y.size + 1:
        msg = f"counts of shape {y.shape} were given with {starts.size} edges; expected one edge more than weeks"
        raise UsageError(msg)
    total = np.concatenate([[0], np.cumsum(y)])
    rows = []
    for w in (w for w in LENGTHS if w <= y.size // 4):
        at = np.arange(0, y.size - w + 1)
        low, high = np.maximum(at - SIDES, 0), np.minimum(at + w + SIDES, y.size)
        held, around = total[at + w] - total[at], total[high] - total[low]
        q = w / (high - low)
        binomial = np.maximum(around * q * (1 - q), 1e-12)
        inflation = np.median((held - around * q) ** 2 / binomial) / MEDIAN
        spread = max((float(inflation) - 1) / max(float(np.median(around)) - 1, 1.0), LEAST_SPREAD)
        for upper in (False, True):
            p = beta_binomial_tail(held, around, q, np.full(at.size, spread), upper=upper)
            rows += list(
                zip(at, [w] * at.size, held, around * q, [upper] * at.size, np.minimum(2 * p, 1), strict=True)
            )
    columns = ["at", "weeks", "records", "expected", "more", "p"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["q"] = false_discovery(frame["p"].to_numpy(dtype=np.float64))
    found = frame[frame["q"] <= rate].sort_values(["p", "at"], kind="stable")
    kept: list[tuple[int, int]] = []
    chosen = []
    for row in found.itertuples():
        first, last = int(row.at), int(row.at) + int(row.weeks)  # type: ignore[arg-type]
        if all(last <= a or first >= b for a, b in kept):
            kept.append((first, last))
            chosen.append(row.Index)
    out = found.loc[chosen]
    return pd.DataFrame(
        {
            "from": starts[out["at"].to_numpy(dtype=np.int64)].astype(str),
            "to": starts[(out["at"] + out["weeks"]).to_numpy(dtype=np.int64)].astype(str),
            **{name: out[name].to_numpy() for name in ("records", "expected", "more", "p", "q")},
        }
    )


def silent_days(days: npt.NDArray[np.datetime64], *, rate: float = 0.05) -> pd.DataFrame:
    """Runs of days without a record, between the first and the last, that are longer than chance makes them.

    Parameters
    ----------
    days : array of datetime64[D], shape (n,)
        Of records.

    Returns
    -------
    pandas.DataFrame
        ``from, to, days, p``.

    Notes
    -----
    If a share s of the days outside of the run is silent, a run of at least k begins at one of n days with a
    probability of at most n (1 - s) s^k.
    """
    seen = np.unique(np.asarray(days, dtype="datetime64[D]"))
    columns = ["from", "to", "days", "p"]
    if seen.size < 2:
        return pd.DataFrame(columns=columns)
    gaps = np.diff(seen).astype(np.int64) - 1
    n = int((seen[-1] - seen[0]).astype(np.int64)) + 1
    rows = []
    for i in np.flatnonzero(gaps > 0):
        k = int(gaps[i])
        others = n - k
        share = (int(gaps.sum()) - k + 0.5) / (others + 1)
        p = min(others * (1 - share) * share**k, 1.0)
        if p <= rate:
            rows.append((str(seen[i] + 1), str(seen[i + 1]), k, p))
    return pd.DataFrame(rows, columns=columns).sort_values(["p", "from"], kind="stable", ignore_index=True)
