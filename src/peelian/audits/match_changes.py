"""What an agency changed while it matched faces: the threshold, and who is on the watch list."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from peelian.audits.bounded_rates import ALL, Bounded, GroupRate
from peelian.audits.clustered import contrast
from peelian.audits.match_log import MatchLog
from peelian.audits.match_rates import error_rates, without_probes
from peelian.audits.rate_ratios import for_all

__all__ = ["Change", "composition", "list_growth", "threshold_changes", "under_threshold"]


@dataclass(frozen=True)
class Change:
    """The threshold before and after one day, with the rates of false alerts on either side.

    Parameters
    ----------
    day : str
        Of the first deployment at the new threshold; its number where the log gives no days.
    before, after : float
        Thresholds.
    deployments : (int, int)
        At the threshold before and after, up to the next change.
    per_seen, per_alert : (Bounded, Bounded)
        False alerts per face seen and per alert, before and after.
    ratio, low, high : float or None
        Rate per face seen after the change to that before.
    """

    day: str
    before: float
    after: float
    deployments: tuple[int, int]
    per_seen: tuple[Bounded, Bounded]
    per_alert: tuple[Bounded, Bounded]
    ratio: float | None
    low: float | None
    high: float | None


def threshold_changes(log: MatchLog, *, level: float = 0.95) -> list[Change]:
    """Each change of the threshold, in the order of days; deployments without a threshold are left out of the order."""
    order = _by_day(log)
    runs: list[tuple[float, str, list[int]]] = []
    for number, day, threshold in order:
        if not runs or runs[-1][0] != threshold:
            runs.append((threshold, day, []))
        runs[-1][2].append(number)
    rates = [error_rates(_of(log, numbers), level=level) for _, _, numbers in runs]
    return [
        _change(runs[i], runs[i + 1], rates[i], rates[i + 1], level=for_all(level, 1))
        for i in range(len(runs) - 1)
    ]


def _change(
    old: tuple[float, str, list[int]],
    new: tuple[float, str, list[int]],
    before: dict[tuple[str, str], list[GroupRate]],
    after: dict[tuple[str, str], list[GroupRate]],
    *,
    level: float,
) -> Change:
    face = tuple(r["false_positive_rate", ALL][0] for r in (before, after))
    alert = tuple(r["false_alert_share", ALL][0].made for r in (before, after))
    ratio, low, high = _ratio(face[1], face[0], level)
    return Change(
        new[1],
        old[0],
        new[0],
        (len(old[2]), len(new[2])),
        (face[0].made, face[1].made),
        (alert[0], alert[1]),
        ratio,
        low,
        high,
    )


def _ratio(a: GroupRate, b: GroupRate, level: float) -> tuple[float | None, float | None, float | None]:
    one, other = a.scenarios, b.scenarios
    if a.made.value is None or b.made.value is None or one is None or other is None:
        return None, None, None
    value = a.made.value / b.made.value if b.made.value > 0 else None
    if one.few or other.few:
        least, most = (a.made.low or 0.0) / (b.made.high or 1.0), math.inf
        if b.made.low:
            most = (a.made.high or 1.0) / b.made.low
        return value, least, most if math.isfinite(most) else None
    low = contrast([one.favour, other.against], [1.0, -1.0], logarithm=True, level=level)[0]
    high = contrast([one.against, other.favour], [1.0, -1.0], logarithm=True, level=level)[1]
    return value, math.exp(low), math.exp(high)


def _by_day(log: MatchLog) -> list[tuple[int, str, float]]:
    """Deployments with their first day and threshold, in order; of several thresholds on one, the most used."""
    table = log.deployments
    if table is None or "threshold" not in table or table["threshold"].isna().all():
        table = log.alerts
    if "threshold" not in table:
        return []
    held = table.dropna(subset=["threshold"])
    day = held["day"] if "day" in held else pd.Series("", index=held.index)
    first = day.groupby(held["deployment"]).min()
    used = {n: _most_used(part["threshold"]) for n, part in held.groupby("deployment")}
    rows = [(str(first[n]), int(str(n)), t) for n, t in used.items()]
    return [(n, d or f"deployment {n}", t) for d, n, t in sorted(rows)]


def _most_used(thresholds: pd.Series) -> float:
    values, counts = np.unique(thresholds.to_numpy(dtype=float), return_counts=True)
    return float(values[counts.argmax()])


def _of(log: MatchLog, numbers: list[int]) -> MatchLog:
    """The part of a log that is of these deployments, without groups."""
    alerts = log.alerts[log.alerts["deployment"].isin(numbers)].reset_index(drop=True)
    seen = log.deployments
    if seen is not None:
        seen = seen[seen["deployment"].isin(numbers)].reset_index(drop=True)
    part = MatchLog(alerts, seen)
    object.__setattr__(part, "attributes", ())
    return part


def under_threshold(log: MatchLog) -> tuple[int, int]:
    """Alerts with a score under the threshold in force, and alerts of which both are known."""
    alerts = without_probes(log.alerts)
    if "under_threshold" not in alerts:
        return 0, 0
    under = alerts["under_threshold"]
    return int((under == "yes").sum()), int((under != "unknown").sum())


# --- the watch list ------------------------------------------------------------------------------------------


def list_growth(log: MatchLog) -> pd.DataFrame:
    """Entries of the watch list at each deployment, in the order of days: ``deployment``, ``day``, ``entries``."""
    if log.watch_list is None:
        return pd.DataFrame({"deployment": [], "day": [], "entries": []})
    total = log.watch_list.groupby("deployment", as_index=False)["entries"].sum()
    days = pd.Series(dtype=object)
    if log.deployments is not None and "day" in log.deployments:
        days = log.deployments.groupby("deployment")["day"].min()
    total["day"] = [str(days.get(n, "")) for n in total["deployment"]]
    order = np.lexsort((total["deployment"].to_numpy(dtype=int), total["day"].to_numpy(dtype=str)))
    return pd.DataFrame(total.iloc[order], columns=["deployment", "day", "entries"]).reset_index(drop=True)


def composition(log: MatchLog) -> pd.DataFrame:
    """Who is on the list and who passes by.

    Returns
    -------
    pandas.DataFrame
        One row an attribute and value, list category included: ``by``, ``group``, ``entries`` and ``share`` of the list
        at the last deployment, ``seen_share`` among faces seen, and ``ratio``, the one share to the other. NaN where
        there is none. Nothing here is a sample, so that nothing has an interval.
    """
    growth = list_growth(log)
    columns = ["by", "group", "entries", "share", "seen_share", "ratio"]
    if growth.empty or log.watch_list is None:
        return pd.DataFrame(columns=columns)
    last = log.watch_list[log.watch_list["deployment"] == growth["deployment"].iloc[-1]]
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
            passing = float(seen[group] / seen.sum()) if group in seen and seen.sum() else np.nan
            ratio = share / passing if passing and group != "not known" else np.nan
            rows.append((by, str(group), float(n), share, passing, ratio))
    return pd.DataFrame(rows, columns=columns)
