"""The watch list of an agency that matches faces: how it grew, and who is on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from peelian.audits.finding import Finding
from peelian.audits.match_log import MatchLog

__all__ = ["composition", "growth_finding", "list_growth"]


def list_growth(log: MatchLog) -> pd.DataFrame:
    """Entries of the watch list at each deployment: ``deployment``, ``day``, ``entries``.

    In the order of the days of the table of deployments, those without a day (empty) last. The order of rows is none: a
    log may be sorted by anything.
    """
    if log.watch_list is None:
        return pd.DataFrame({"deployment": [], "day": [], "entries": []})
    total = log.watch_list.groupby("deployment")["entries"].sum().reset_index()
    days: dict[Any, str] = {}
    if log.deployments is not None and "day" in log.deployments:
        dated = log.deployments[log.deployments["day"] != ""]
        days = dated.groupby("deployment")["day"].min().to_dict()
    total["day"] = [days.get(n, "") for n in total["deployment"]]
    total["undated"] = total["day"] == ""
    ordered = total.sort_values(["undated", "day", "entries", "deployment"])
    return ordered[["deployment", "day", "entries"]].reset_index(drop=True)


def growth_finding(growth: pd.DataFrame, *, level: float) -> Finding | None:
    """Entries on the last day to those on the first; None where the log tells of fewer than two lists.

    Where several deployments were on one day, the mean of their lists counts.
    """
    if len(growth) < 2:
        return None
    dated = growth[growth["day"] != ""]
    by_day = dated.groupby("day")["entries"].mean()
    undated = len(growth) - len(dated)
    details: dict[str, Any] = {"deployments": len(growth), "undated": undated}
    why = _no_growth(by_day)
    value = None if why else float(by_day.iloc[-1] / by_day.iloc[0])
    limits = [why] if why else list(_COUNTED)
    if undated and not why:
        limits.append(f"{undated} of {len(growth)} lists have no day and are in neither number.")
    if len(by_day):
        details |= {"first": float(by_day.iloc[0]), "last": float(by_day.iloc[-1])}
        details |= {"first_day": str(by_day.index[0]), "last_day": str(by_day.index[-1])}
    return Finding(
        "list_growth/all/entries",
        "entries of the watch list on the last day",
        "in proportion to the first",
        value,
        None,
        None,
        level,
        limits=tuple(limits),
        details=details,
    )


_COUNTED = (
    "It is counted and no sample, so that there is no interval.",
    "A longer list makes more false alerts at the same threshold.",
)


def _no_growth(by_day: pd.Series) -> str:
    """Why nothing can be said of how the list grew; empty where something can."""
    if by_day.empty:
        return "Not known: no table of deployments gives their days, so that nobody can say which list came first."
    if len(by_day) < 2:
        return "Not known: all deployments that have a day and a list were on one day."
    return "" if by_day.iloc[0] > 0 else "Not defined: the first list had no entries."


def composition(log: MatchLog) -> pd.DataFrame:
    """Who is on the list and who passes by.

    Returns
    -------
    pandas.DataFrame
        One row an attribute and value, list category included: ``by``, ``group``, ``entries`` and ``share`` of the
        lists on the last day (of all deployments together where days are not known), ``seen_share`` among faces seen,
        and ``ratio``, the one share to the other. NaN where there is none. Nothing here is a sample, so that nothing
        has an interval.
    """
    growth = list_growth(log)
    columns = ["by", "group", "entries", "share", "seen_share", "ratio"]
    if growth.empty or log.watch_list is None:
        return pd.DataFrame(columns=columns)
    latest = growth[growth["day"] == growth["day"].max()]
    last = log.watch_list[log.watch_list["deployment"].isin(latest["deployment"])]
    rows = []
    for by in ("list_category", *log.attributes):
        if by not in last:
            continue
        entries = last.groupby(last[by].replace("", "not known"))["entries"].sum()
        seen = pd.Series(dtype=float)
        if log.deployments is not None and by in log.deployments:
            seen = log.deployments.groupby(log.deployments[by].replace("", "not known"))["seen"].sum()
        for group, n in entries.items():
            share = float(n / entries.sum()) if entries.sum() else np.nan
            passing = float(seen[str(group)] / seen.sum()) if group in seen and seen.sum() else np.nan
            ratio = share / passing if passing and group != "not known" else np.nan
            rows.append((by, str(group), float(n), share, passing, ratio))
    return pd.DataFrame(rows, columns=columns)
