"""From when to when a set of records is complete.

A file of 2015 to 2017 holds incidents that were reported in those years; a few of them happened in 2003. Counting from
2003 would take twelve years without records for twelve years without incidents. And a stray time next month would make
the latest weeks look quiet. So counting starts and ends where the records are dense.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from peelian.errors import NotEnoughDataError

if TYPE_CHECKING:
    import ibis

__all__ = ["MONTH_SHARE", "covered_span", "span_of_table"]

#: A month with less than this share of the median month is taken as not covered.
MONTH_SHARE = 0.25
#: The records end with the last day that has at least this share of the median day.
DAY_SHARE = 0.1

Days = npt.NDArray[np.datetime64]


def covered_span(days: Days, n: npt.ArrayLike | None = None) -> tuple[np.datetime64, np.datetime64]:
    """First day, and the day after the last, of the stretch in which records are dense.

    Parameters
    ----------
    days : array of datetime64[D], shape (k,)
        Civil days with incidents of any category; with `n`, each day once.
    n : array of int, shape (k,), optional
        Incidents of each day; one each when not given.

    Returns
    -------
    start, end : datetime64[D]
        The run of covered months that holds the most incidents: each month has at least a quarter of the median month
        (of months with incidents, weighted by them). It starts with a first of a month, or with the first incident if
        the first month is the first one at all.

    Raises
    ------
    NotEnoughDataError
        There is no day.
    """
    days = np.asarray(days, dtype="datetime64[D]")
    if days.size == 0:
        msg = "no incident was given to tell from when to when the records reach"
        raise NotEnoughDataError(msg, hint="peelian import FILE")
    weights = np.ones(days.size, dtype=np.int64) if n is None else np.asarray(n, dtype=np.int64)
    first, last = _months(days, weights)
    within = (days >= first) & (days < last)
    unique, inverse = np.unique(days[within], return_inverse=True)
    daily = np.bincount(inverse, weights=weights[within].astype(float))
    # The first month is whole if there are records before it; else nothing says when in it they began.
    start = first if np.any(days < first) else unique[0]
    dense = unique[daily >= DAY_SHARE * np.median(daily)]
    return start, dense[-1] + np.timedelta64(1, "D")


def _months(days: Days, weights: npt.NDArray[np.int64]) -> tuple[np.datetime64, np.datetime64]:
    """The run of covered months with the most incidents, as half-open dates; a thin last month may join it."""
    month = days.astype("datetime64[M]")
    offset = (month - month.min()).astype(np.int64)
    counts = np.bincount(offset, weights=weights.astype(float))
    # The median month of an incident, not of the calendar: decades of stray months don't pull it down.
    order = np.argsort(counts)
    typical = counts[order][np.searchsorted(np.cumsum(counts[order]), counts.sum() / 2)]
    covered = counts >= MONTH_SHARE * typical
    edges = np.flatnonzero(np.diff(np.concatenate(([False], covered, [False])).astype(np.int8)))
    runs = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    a, b = max(runs, key=lambda run: float(counts[run[0] : run[1]].sum()))
    if b == counts.size - 1:
        b += 1  # the month under way: thin because it has only begun, or stray; the days decide
    start = month.min() + np.timedelta64(a, "M")
    end = month.min() + np.timedelta64(b, "M")
    return start.astype("datetime64[D]"), end.astype("datetime64[D]")


def span_of_table(table: ibis.Table) -> tuple[np.datetime64, np.datetime64]:
    """`covered_span` of a table of incidents with ``occurred_from``; the days are counted by its engine."""
    counted = table.group_by(day=table.occurred_from.date()).agg(n=table.count()).to_pyarrow()
    return covered_span(
        counted["day"].to_numpy(zero_copy_only=False).astype("datetime64[D]"),
        counted["n"].to_numpy(zero_copy_only=False),
    )
