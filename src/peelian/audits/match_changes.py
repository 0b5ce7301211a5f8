"""What became of an agency's threshold while it matched faces: each change of it, and alerts under it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from peelian.audits.bounded_rates import ALL, Bounded, GroupRate
from peelian.audits.clustered import contrast
from peelian.audits.match_log import MatchLog
from peelian.audits.match_rates import error_rates, without_probes
from peelian.audits.rate_ratios import for_all

__all__ = ["Change", "order_unknown", "threshold_changes", "under_threshold"]


@dataclass(frozen=True)
class Change:
    """The threshold before and after one day, with the rates of false alerts on either side.

    Parameters
    ----------
    day : str
        Of the first deployment at the new threshold.
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
    """Each change of the threshold, in the order of days; `order_unknown` counts deployments that are in none."""
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


def _in_force(log: MatchLog) -> dict[int, tuple[str, float]]:
    """First day (empty: not known) and threshold of each deployment; of several thresholds on one, the most used."""
    table = log.deployments
    if table is None or "threshold" not in table or table["threshold"].isna().all():
        table = log.alerts
    if "threshold" not in table:
        return {}
    held = table.dropna(subset=["threshold"])
    first: dict[Any, str] = {}
    if "day" in held:
        first = held[held["day"] != ""].groupby("deployment")["day"].min().to_dict()
    return {
        int(str(n)): (first.get(n, ""), _most_used(part["threshold"]))
        for n, part in held.groupby("deployment")
    }


def _by_day(log: MatchLog) -> list[tuple[int, str, float]]:
    """Deployments with their first day and threshold, in the order of days, which that of rows says nothing of."""
    held = _in_force(log)
    unordered = _unordered(held)
    return sorted(((n, *held[n]) for n in held if n not in unordered), key=lambda row: (row[1], row[0]))


def _unordered(held: dict[int, tuple[str, float]]) -> set[int]:
    """Deployments without a day, and those on one day with another threshold: neither came first."""
    of: dict[str, set[float]] = {}
    for day, threshold in held.values():
        of.setdefault(day, set()).add(threshold)
    return {n for n, (day, _) in held.items() if not day or len(of[day]) > 1}


def order_unknown(log: MatchLog) -> int:
    """Deployments that are in no order of days, where thresholds differ: which came first is not known."""
    held = _in_force(log)
    return len(_unordered(held)) if len({threshold for _, threshold in held.values()}) > 1 else 0


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
