"""From when to when a set of records is complete.

A file of 2015 to 2017 holds incidents that were reported in those years; a few of them happened in 2003. Counting from
2003 would take twelve years without records for twelve years without incidents. And a stray time next month would make
the latest weeks look quiet. So counting starts and ends where the records are dense, and of two dense stretches the
later one is taken: what follows from records is about the time after them, and a stretch that ended years ago would
make a forecast of the past. Incidents before the start stay in the store; `incidents_outside` says how many they are.

How sparse records are told from incomplete ones: a month (or a run of months) is a gap only if its few incidents are
fewer than chance makes likely at the rate of a typical month. So a feed of one report a week is not cut at every month
that happens to be empty, while a city's feed with an empty month is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.stats import poisson

from peelian.errors import NotEnoughDataError

if TYPE_CHECKING:
    import ibis

__all__ = ["MONTH_SHARE", "covered_span", "incidents_outside", "span_of_table"]

#: A month with less than this share of the median month is taken as not covered.
MONTH_SHARE = 0.25
#: The records end with the last day that has at least this share of the median day.
DAY_SHARE = 0.1
#: Silence that is less probable than this is a gap in the records; other silence is chance. It is so small because
#: a long record has many months, none of which may be cut by chance; an empty month is a gap from 14 a month on.
CHANCE = 1e-6
#: Fewer incidents than this, after a gap, are strays and not records that go on.
FEW = 5

Days = npt.NDArray[np.datetime64]
_DAY = np.timedelta64(1, "D")


def covered_span(days: Days, n: npt.ArrayLike | None = None) -> tuple[np.datetime64, np.datetime64]:
    """First day, and the day after the last, of the latest stretch in which records are dense.

    Parameters
    ----------
    days : array of datetime64[D], shape (k,)
        Civil days with incidents of any category; with `n`, each day once.
    n : array of int, shape (k,), optional
        Incidents of each day; one each when not given.

    Returns
    -------
    start, end : datetime64[D]
        The latest run of covered months: each has at least a quarter of the median month (of months with incidents,
        weighted by them), or no fewer than chance makes likely. It starts with a first of a month if there are
        incidents before it and the month's first days are not oddly silent, else with its first incident's day.

    Notes
    -----
    The end is not the last incident's day where incidents are rare. A window that always ends on an incident counts
    one too many in its last stretch: at one a week, the last week would hold 1 + 6/7 instead of 1. If a share ``p`` of
    days has incidents, a window that ends anywhere has on average ``(1 - p) / p`` days of silence at its end (geometric
    distribution); so many, rounded, are added, though never beyond the month of the last incident, since records are
    published by months and a later month may not have been published yet. With ``p`` above 2/3 that is none.

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
    first, whole, last = _months(days, weights)
    within = (days >= first) & (days < last)
    unique, inverse = np.unique(days[within], return_inverse=True)
    daily: npt.NDArray[np.float64] = np.bincount(inverse, weights=weights[within]).astype(np.float64)
    enough = daily >= DAY_SHARE * np.median(daily)
    dense = _without_strays(unique[enough], daily[enough], whole)
    share = dense.size / ((dense[-1] - dense[0]) / _DAY + 1)
    # The first month is whole if there are records before it; else nothing says when in it they began.
    silent = (1 - share) ** float((dense[0] - first) / _DAY)
    start = (first if silent >= CHANCE else dense[0]) if np.any(days < first) else unique[0]
    month_end = (dense[-1].astype("datetime64[M]") + 1).astype("datetime64[D]")
    silence = np.timedelta64(round((1 - share) / share), "D")
    return start, min(dense[-1] + _DAY + silence, month_end)


def _months(days: Days, weights: npt.NDArray[np.int64]) -> tuple[np.datetime64, np.datetime64, np.datetime64]:
    """The latest run of covered months: its start, its end, and its end with a thin last month that may join it."""
    month = days.astype("datetime64[M]")
    offset = (month - month.min()).astype(np.int64)
    counts = np.bincount(offset, weights=weights.astype(float))
    # The median month of an incident, not of the calendar: decades of stray months don't pull it down.
    order = np.argsort(counts)
    typical = counts[order][np.searchsorted(np.cumsum(counts[order]), counts.sum() / 2)]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], counts >= MONTH_SHARE * typical, [0]))))
    runs: list[tuple[int, int]] = []
    # An incident's own month has one more than a calendar month (size bias), so that one comes off.
    rate = max(float(typical) - 1, 0.5)
    for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        gap = (runs[-1][1], a) if runs else (a, a)
        if runs and poisson.cdf(counts[slice(*gap)].sum(), rate * (a - gap[0])) >= CHANCE:
            runs[-1] = (runs[-1][0], b)
        else:
            runs.append((a, b))
    totals = [float(counts[a:b].sum()) for a, b in runs]
    real = [i for i, total in enumerate(totals) if total >= FEW]
    a, b = runs[real[-1] if real else max(range(len(runs)), key=lambda i: (totals[i], i))]
    joined = b + 1 if b == counts.size - 1 else b  # the month under way: thin as it has only begun, or stray
    first, whole, last = (
        (month.min() + np.timedelta64(at, "M")).astype("datetime64[D]") for at in (a, b, joined)
    )
    return first, whole, last


def _without_strays(dense: Days, daily: npt.NDArray[np.float64], whole: np.datetime64) -> Days:
    """Leave out the few incidents of a thin last month that come after a silence longer than chance makes it."""
    full = dense[dense < whole]
    late = dense[dense >= whole]
    if full.size == 0 or late.size == 0:
        return dense
    rate = float(daily[dense < whole].sum()) / ((whole - full[0]) / _DAY)
    silence = float((late[0] - full[-1]) / _DAY) - 1
    stray = float(daily[dense >= whole].sum()) < FEW and np.exp(-rate * silence) < CHANCE
    return full if stray else dense


def span_of_table(
    table: ibis.Table, *, sources: Sequence[str] | None = None
) -> tuple[np.datetime64, np.datetime64]:
    """From when to when every source of a table of incidents is covered: the spans of all, intersected.

    Parameters
    ----------
    table : ibis.Table
        Incidents with ``source``, ``occurred_from`` and ``resolution``; the days are counted by its engine.
    sources : sequence of str, optional
        The sources to look at, such as those that hold the category in question; all of the table when not given. A
        source that ended early, or began late, doesn't make another one's weeks look covered.

    Returns
    -------
    start, end : datetime64[D]
        As `covered_span`; a source of which only months are known is covered in whole months.

    Raises
    ------
    NotEnoughDataError
        A source holds no incident, or there is no day on which all of them are covered.
    """
    counted = (
        table.group_by(source=table.source, day=table.occurred_from.date())
        .agg(n=table.count(), monthly=(table.resolution == "month").all())
        .to_pandas()
    )
    found = sorted(counted["source"].unique().tolist())
    spans: dict[str, tuple[np.datetime64, np.datetime64]] = {}
    for source in found if sources is None else sorted(set(sources)):
        rows = counted[counted["source"] == source]
        if rows.empty:
            msg = f"no incident of the source {source!r} is there; the records have {', '.join(found) or 'none'}"
            raise NotEnoughDataError(msg, hint="peelian import FILE")
        start, end = covered_span(rows["day"].to_numpy().astype("datetime64[D]"), rows["n"].to_numpy())
        if rows["monthly"].all():
            start = start.astype("datetime64[M]").astype("datetime64[D]")
            end = ((end - _DAY).astype("datetime64[M]") + 1).astype("datetime64[D]")
        spans[source] = (start, end)
    if not spans:
        return covered_span(np.array([], dtype="datetime64[D]"))
    start, end = max(s for s, _ in spans.values()), min(e for _, e in spans.values())
    if start >= end:
        shown = "; ".join(f"{name} from {s} to {e - _DAY}" for name, (s, e) in spans.items())
        msg = f"there is no day on which the records of all sources are complete: {shown}"
        raise NotEnoughDataError(msg, hint="import the months that a source lacks")
    return start, end


def incidents_outside(
    table: ibis.Table, *, start: np.datetime64, end: np.datetime64, sources: Sequence[str] | None = None
) -> tuple[int, int]:
    """How many incidents lie before a span and how many after it, so that leaving them out can be said.

    Parameters
    ----------
    table : ibis.Table
        Incidents with ``source`` and ``occurred_from``, such as those of one category.
    start, end : datetime64[D]
        A span as of `span_of_table`, half open.
    sources : sequence of str, optional
        The sources to count; all when not given.
    """
    if sources is not None:
        table = table.filter(table.source.isin(list(sources)))
    day = table.occurred_from.date()
    row = table.agg(
        before=(day < start.astype(object)).sum(), after=(day >= end.astype(object)).sum()
    ).to_pyarrow()
    return int(row["before"][0].as_py() or 0), int(row["after"][0].as_py() or 0)
