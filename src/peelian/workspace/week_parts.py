"""The parts of a week's report: each looks at one thing, and gives plain data with a sentence of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from peelian.errors import PeelianError
from peelian.patterns.base import false_discovery
from peelian.patterns.chance_links import nearer_than_chance
from peelian.patterns.elevated import Elevated, elevated
from peelian.patterns.emerged import Cluster
from peelian.patterns.emerging import emerging
from peelian.patterns.link_model import LinkModel
from peelian.patterns.links import link_incidents
from peelian.patterns.near_repeat import near_repeat
from peelian.patterns.windows import Windows
from peelian.places import Areas, Grid
from peelian.records import ImportReport, Incidents, assess
from peelian.records.delay import reporting_gap
from peelian.workspace.given import manner_for, told_apart
from peelian.workspace.workspace import Workspace

__all__ = ["clusters", "data_problems", "not_come", "over_categories", "repeats", "series", "weekly"]

Ints = npt.NDArray[np.int64]

WEEK = np.timedelta64(7, "D")
YEAR = np.timedelta64(364, "D")
HALF_YEAR = np.timedelta64(182, "D")
LATELY = np.timedelta64(56, "D")
"""How far back the reports of a chain reach."""
LEAST_SERIES = 3
"""Reports of a chain, at least: two are a near repeat."""
MOST = 10
"""Places that are told of one category."""
LATEST = 6
"""Weeks of a cluster at most: what lasts longer is no news, and `peelian patterns emerging` has it."""
LOOKS = 26
"""Past weeks on which the search for clusters is tried."""
SHUFFLES = 499
"""Of the times, for near repeats: half as many as `peelian patterns repeats` takes, for there are many categories."""
PARTS = 64
"""Parts of the area within which times are shuffled: that one of them rises and another falls is no near repeat."""
CLEARLY = 1.5
"""Times as often as by chance that reports must follow at least, by the interval, for a place to be told of."""
FEW_DAYS = 0.5
"""A day with less than this share of what is usual on that weekday may be missing records."""


def weekly(incidents: Incidents, end: np.datetime64, weeks: int, *, of: Ints | None = None) -> Ints:
    """Reports of each of the `weeks` weeks before `end`, the last one last; shape (weeks,), or (k, weeks) by `of`.

    Parameters
    ----------
    of : array of int, shape (n,), optional
        The series that each incident belongs to, -1 for none.
    """
    day = incidents.time.astype("datetime64[D]")
    at = weeks - 1 - (end - np.timedelta64(1, "D") - day).astype(np.int64) // 7
    inside = (at >= 0) & (day < end)
    if of is None:
        return np.bincount(at[inside], minlength=weeks).astype(np.int64)
    inside &= of >= 0
    n = int(of.max(initial=-1)) + 1
    flat = np.bincount(of[inside] * weeks + at[inside], minlength=n * weeks)
    return flat.reshape(n, weeks).astype(np.int64)


def repeats(
    incidents: Incidents, end: np.datetime64, *, areas: Areas | None, seed: int
) -> tuple[dict[str, Any], Elevated | None]:
    """Places that are raised by near repeats as of `end`, by the table of near repeats of the past year.

    New are those where a report of the week lies near another recent one. Each single report raises the place around it
    too, for as long as another one would count as a repeat; of those only the number is told.
    """
    year = incidents.where(start=end - YEAR, end=end)
    try:
        table = near_repeat(year, parts=PARTS, permutations=SHUFFLES, seed=seed)
        found = elevated(table, year, at=end, least_ratio=CLEARLY)
    except PeelianError as error:
        told = {"sentence": f"Not looked at: {error.message}.", "raised": 0, "new": 0, "single": 0, "tied": 0}
        return {**told, "places": []}, None
    week = pd.to_datetime(found.sources["day"]) >= pd.Timestamp(end - WEEK)
    zones = found.zones[found.zones["zone"].isin(found.sources.loc[week, "zone"])]
    repeated = zones[zones["sources"] > 1].sort_values(
        ["extra", "zone"], ascending=[False, True], kind="stable"
    )
    where = _names(areas, repeated["x"].to_numpy(dtype=float), repeated["y"].to_numpy(dtype=float))
    rows = [
        {**{k: row[k] for k in _ZONE}, "ids": [str(i) for i in row["ids"]], "where": name}
        for row, name in zip(repeated.head(MOST).to_dict("records"), where, strict=False)
    ]
    counts: dict[str, Any] = {
        "raised": len(found.zones),
        "new": len(repeated),
        "single": len(zones) - len(repeated),
        "tied": int(table.tied),
    }
    if len(found.zones):
        top = found.zones.iloc[0]
        counts["at_most"] = {name: float(top[name]) for name in ("ratio", "ratio_low", "ratio_high")}
    return {"sentence": found.sentence(), **counts, "places": rows}, found


_ZONE = (
    "x",
    "y",
    "radius_m",
    "sources",
    "ratio",
    "ratio_low",
    "ratio_high",
    "expires",
    "extra",
    "extra_low",
    "extra_high",
)


def clusters(
    incidents: Incidents,
    grid: Grid,
    windows: Windows,
    end: np.datetime64,
    *,
    areas: Areas | None,
    seed: int,
) -> dict[str, Any]:
    """Emerging clusters as of `end`; new are those that share no cell with a signal of the week before."""
    try:
        found = emerging(incidents, grid, until=end, weeks=LATEST, windows=windows, looks=LOOKS, seed=seed)
        signals = found.signals
        before: set[str] = set()
        if signals:
            past, last = incidents.where(end=end - WEEK), end - WEEK
            earlier = emerging(past, grid, until=last, weeks=LATEST, windows=windows, looks=LOOKS, seed=seed)
            before = {cell for one in earlier.signals for cell in one.cells}
    except PeelianError as error:
        return {"sentence": f"Not looked at: {error.message}.", "p": None, "signals": []}
    return {
        "sentence": found.sentence(),
        "p": found.found[0].p if found.found else 1.0,
        "signals": [_cluster(one, areas, new=not before & set(one.cells)) for one in signals],
    }


def over_categories(parts: list[dict[str, Any]]) -> None:
    """Give each signal the false-discovery rate over the categories that were looked at, as ``q_week``.

    By the p-value of each category's highest cluster: one category in many has a high one by chance.
    """
    looked = [part for part in parts if part["p"] is not None]
    for part, q in zip(looked, false_discovery([part["p"] for part in looked]).tolist(), strict=True):
        for one in part["signals"]:
            one["q_week"] = q


def _cluster(one: Cluster, areas: Areas | None, *, new: bool) -> dict[str, Any]:
    told = one.to_dict()
    where = _names(areas, np.array([one.x]), np.array([one.y]))[0]
    return {**told, "where": where or one.place, "new": new}


def _names(areas: Areas | None, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> list[str]:
    if areas is None:
        return [""] * len(x)
    names = [str(name) for name in areas.frame["name"]]
    return [names[i] if i >= 0 else "" for i in areas.locate(x, y).tolist()]


def series(
    workspace: Workspace, category: str, incidents: Incidents, end: np.datetime64, *, seed: int
) -> dict[str, Any]:
    """Candidate series with a report of the week: by the model of the last links, else reports nearer than chance."""
    recent = told_apart(incidents.where(start=end - HALF_YEAR, end=end))
    fresh = set(recent.where(start=end - WEEK, end=end).frame["id"].astype(str))
    learnt = [row["id"] for row in workspace.runs("links", category=category)]
    for run in reversed(learnt):
        stored = workspace.result(run).get("model")
        if stored is None:
            continue
        try:
            model = LinkModel.from_dict(stored)
            manner = manner_for(workspace, run, model, recent)
            found = link_incidents(recent, model=model, manner=manner, seed=seed)
        except PeelianError as error:
            return {"basis": run, "sentence": f"Not looked at by {run}: {error.message}.", "candidates": []}
        told = [one.to_dict() for one in found.series]
        candidates = [
            {key: one[key] for key in ("incidents", "first", "last", "probability")}
            for one in told
            if fresh & set(one["incidents"])
        ]
        said = f"{len(candidates)} candidate series with a report of the week, by what {run} learnt from known series."
        return {"basis": run, "sentence": said, "candidates": candidates[:MOST]}
    return _chains(recent, fresh, end, seed=seed)


def _chains(recent: Incidents, fresh: set[str], end: np.datetime64, *, seed: int) -> dict[str, Any]:
    """Reports joined by pairs most of which are more than chance, in the last weeks, with one of this week."""
    basis = "nearer than chance"
    try:
        found = nearer_than_chance(recent, replicates=SHUFFLES, seed=seed)
    except PeelianError as error:
        return {"basis": basis, "sentence": f"Not looked at: {error.message}.", "candidates": []}
    lately = recent.where(start=end - LATELY, end=end)
    ids, time = lately.frame["id"].astype(str).tolist(), lately.time
    number = {name: i for i, name in enumerate(ids)}
    pairs = found.pairs[found.pairs["one"].isin(ids) & found.pairs["two"].isin(ids)]
    one, two = ([number[name] for name in pairs[end_]] for end_ in ("one", "two"))
    joined = sparse.coo_array((np.ones(len(pairs)), (one, two)), shape=(len(ids), len(ids)))
    group = connected_components(joined, directed=False)[1] if ids else np.zeros(0, dtype=np.int64)
    share = pairs["share"].to_numpy(dtype=np.float64)
    candidates: list[dict[str, Any]] = []
    for name in np.flatnonzero(np.bincount(group) >= LEAST_SERIES) if ids else ():
        of = np.flatnonzero(group == name)
        members = [ids[i] for i in of]
        if fresh & set(members):
            inside = group[np.array(one, dtype=np.int64)] == name
            candidates.append(
                {
                    "incidents": members,
                    "first": str(time[of].min()),
                    "last": str(time[of].max()),
                    # Of pairs, and an upper bound: no probability that these are one series.
                    "probability": None,
                    "share": float(share[inside].mean()),
                }
            )
    candidates.sort(key=lambda each: (-len(each["incidents"]), each["first"], each["incidents"][0]))
    said = (
        f"{len(candidates)} chains of {LEAST_SERIES} reports or more with one of the week. No known series were given "
        f"to learn from, so it's only known that {found.settings['at_least']:.0%} or more of such pairs are not chance."
    )
    return {"basis": basis, "sentence": said, "candidates": candidates[:MOST]}


def not_come(
    workspace: Workspace,
    changes: Sequence[Mapping[str, Any]],
    zones: Mapping[str, Elevated],
    incidents: Mapping[str, Incidents],
    end: np.datetime64,
) -> list[dict[str, Any]]:
    """What was expected of the week and did not come: numbers, forecasts, and zones that were raised a week ago."""
    rows: list[dict[str, Any]] = [
        {
            "what": _spelled(row["what"])
            + ": fewer reports than the season and the last half-year lead to expect",
            "expected": row["expected"],
            "low": row["low"],
            "high": row["high"],
            "reported": row["reported"],
        }
        for row in changes
        if row["reported"] < row["low"]
    ]
    rows += [told for name in incidents for told in _forecast(workspace, name, incidents[name], end)]
    for name, now in zones.items():
        told = _raised_before(name, now, incidents[name], end)
        rows += [told] if told else []
    return rows


def _forecast(
    workspace: Workspace, category: str, incidents: Incidents, end: np.datetime64
) -> list[dict[str, Any]]:
    """The last stored forecast of just this week, where fewer came than its interval holds."""
    for row in reversed(workspace.runs("forecast", category=category)):
        made = workspace.result(row["id"])
        if made["period"] == {"start": str(end - WEEK), "end": str(end)}:
            n = len(incidents.where(start=end - WEEK, end=end))
            if n >= made["low"]:
                return []
            told = {
                "what": f"{_spelled(category)}: fewer reports than {row['id']} forecast",
                "reported": n,
            }
            return [{**told, "expected": made["expected"], "low": made["low"], "high": made["high"]}]
    return []


def _raised_before(
    category: str, now: Elevated, incidents: Incidents, end: np.datetime64
) -> dict[str, Any] | None:
    """Zones that were raised as the week began: how many reports followed in them, and how many did not.

    By the same table of near repeats, and without the reports of the week as sources.
    """
    year = incidents.where(start=end - YEAR, end=end)
    then = elevated(now.table, year, at=end - WEEK, least_ratio=CLEARLY)
    if not len(then.zones):
        return None
    week = year.where(start=end - WEEK, end=end)
    sources, scale = then.sources, float(then.settings["metres_per_unit"])
    x, y, radius = (sources[name].to_numpy(dtype=np.float64) for name in ("x", "y", "radius_m"))
    near = np.hypot(week.x[:, None] - x, week.y[:, None] - y) * scale <= radius
    seen = len(set(sources["zone"][near.any(axis=0)]))
    inside = int(near.any(axis=1).sum())
    return {
        "what": (
            f"{_spelled(category)}: of {len(then.zones):,} places that near repeats had raised as the week began, "
            f"{len(then.zones) - seen:,} saw no further report"
            + (
                f"; {inside:,} of {len(week):,} reports of the week lie within the other {seen:,}"
                if seen
                else ""
            )
        ),
        "expected": None,
        "low": None,
        "high": None,
        "reported": inside,
    }


def _spelled(category: str) -> str:
    return category.replace("_", " ")


def data_problems(
    workspace: Workspace,
    every: Incidents,
    start: np.datetime64,
    end: np.datetime64,
    *,
    changes: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    """What is known to be wrong or odd with the records that the week is read from, in sentences."""
    said: list[str] = []
    imports = workspace.runs("import")
    last = imports[-1]
    report = workspace.result(last["id"])
    if report["quarantined"]:
        reasons = ", ".join(
            f"{n:,} {why.replace('_', ' ')}" for why, n in report["quarantined_by_reason"].items()
        )
        said.append(f"The last import ({last['id']}) set {report['quarantined']:,} rows aside: {reasons}.")
    past = every.where(start=end - 13 * WEEK, end=end)
    said += _silent(every, end)
    said += _thin_days(past, start, end)
    if len(changes) > 2 and all(row["reported"] < row["expected"] for row in changes):
        said.append(
            "Every category has fewer reports than expected: reports of the week may still be coming in."
        )
    delay = reporting_gap(every.where(start=end - YEAR, end=end), "1w")
    said.append(str(delay.text))
    reports = [ImportReport(**workspace.result(row["id"])) for row in imports]
    checks = assess(past, imports=reports).frame
    for row in checks[checks["flag"] == "look"].to_dict("records"):
        if row["check"] != "category drift":
            of = f" ({row['subject']})" if row["subject"] else ""
            said.append(f"Asks for a look: {row['check']}{of}; {row['note'] or row['value']}.")
    return said


def _silent(every: Incidents, end: np.datetime64) -> list[str]:
    """Sources that ended before the week did."""
    source = every.frame["source"]
    said = []
    for name in sorted(str(one) for one in source.unique()):
        day = every.time[(source == name).to_numpy()].max().astype("datetime64[D]")
        if day < end - WEEK:
            said.append(
                "The source " + name + f" has no report after {day.item()}: the week rests on the others."
            )
    return said


def _thin_days(past: Incidents, start: np.datetime64, end: np.datetime64) -> list[str]:
    """Days of the week with far fewer reports of all categories than the same weekday had in the last quarter."""
    day = past.time.astype("datetime64[D]")
    n = np.bincount((day - (end - 13 * WEEK)).astype(np.int64), minlength=91).reshape(13, 7)
    usual = np.median(n[:-1], axis=0)
    return [
        f"On {start + i} there are {int(n[-1, i]):,} reports of all categories, where {usual[i]:,.0f} are usual on "
        "that weekday: records may be missing."
        for i in range(7)
        if n[-1, i] < FEW_DAYS * usual[i]
    ]
