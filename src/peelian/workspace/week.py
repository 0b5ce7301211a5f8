"""``week``: what an analyst wants on Monday: what changed, what is new, what did not come, what the data lack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from peelian.errors import NotEnoughDataError
from peelian.patterns.same_week import WeekChanges, same_week
from peelian.patterns.windows import grid_windows
from peelian.places.periods import as_day
from peelian.records import Incidents
from peelian.workspace.calls import recorded
from peelian.workspace.chosen import Chosen, choose, coarse_cells, keep
from peelian.workspace.history import CATCH_ALL
from peelian.workspace.outcome import Outcome
from peelian.workspace.week_parts import (
    clusters,
    data_problems,
    not_come,
    over_categories,
    repeats,
    series,
    weekly,
)
from peelian.workspace.workspace import Workspace

__all__ = ["week"]

CATEGORIES = 8
"""Of those that residents report, the most frequent ones, unless some are named."""
FEWEST = 52
"""Reports a year without which a category is not looked at by itself."""
LABEL = "looking at the week"
TOGETHER = "all of these together"
LEAST_AREAS = 5
"""Numbers of areas that are told though none stands out."""

LIMITS = (
    "What was not reported, or not yet, is in none of this.",
    "Many things are looked at each week; some stand out by chance, as often as each part says.",
    "All of it is about reports and places. None of it says anything about those who live there.",
)


@recorded
def week(
    workspace: Workspace, *, until: str | None = None, categories: Sequence[str] | None = None
) -> Outcome:
    """Put together what changed and what is new in a week; the page is ``runs/ID/week.html``.

    Parameters
    ----------
    until : date, optional
        The day after the week's last; the end of the records when not given.
    categories : sequence of str, optional
        Those that are looked at; the most frequent ones that residents report when not given.

    Raises
    ------
    RefusedError
        The role may not, or a category holds officers' own activity alone.
    NotEnoughDataError
        No category has reports enough, or the records end before the week does.
    """
    workspace.require("patterns", {"kind": "records"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.publish.week import week_page

    with workspace.writing():
        every = workspace.incidents(officer_initiated=False)
        chosen, end, early = _chosen(workspace, every, categories, until)
        looked = {name: one.incidents for name, one in chosen.items()}
        weeks, short = _covered(chosen, end)
        compared = {name: one for name, one in looked.items() if name not in short}
        seed, areas = workspace.config.forecast.seed, workspace.areas
        changes = _changes(compared, end, weeks)
        by_area = _by_area(workspace, compared, end, weeks)
        grid = coarse_cells(workspace)
        windows = grid_windows(grid)
        parts: dict[str, list[dict[str, Any]]] = {"repeats": [], "clusters": [], "series": []}
        zones = {}
        for done, (name, incidents) in enumerate(looked.items()):
            workspace.progress(LABEL, done, len(looked))
            told, zones[name] = repeats(incidents, end, areas=areas, seed=seed)
            parts["repeats"].append({"category": name, **told})
            parts["clusters"].append(
                {"category": name, **clusters(incidents, grid, windows, end, areas=areas, seed=seed)}
            )
            parts["series"].append({"category": name, **series(workspace, name, incidents, end, seed=seed)})
        workspace.progress(LABEL, len(looked), len(looked))
        over_categories(parts["clusters"])
        hypotheses = _hypotheses(parts["series"])
        raised = {name: zone for name, zone in zones.items() if zone is not None}
        rows = [] if changes is None else changes.to_dict()["rows"]
        result: dict[str, Any] = {
            "week": {"start": str(end - 7), "end": str(end)},
            "categories": list(looked),
            "reported": {name: int(weekly(one, end, 1)[0]) for name, one in looked.items()},
            "changes": None if changes is None else {**changes.to_dict(), "sentence": changes.sentence()},
            "by_area": by_area,
            **parts,
            "hypotheses": hypotheses,
            "not_come": not_come(workspace, rows, raised, looked, end),
            "problems": [
                *early,
                *[
                    f"{name.replace('_', ' ')} is complete from {at} only, and not compared."
                    for name, at in short.items()
                ],
                *data_problems(workspace, every, end - 7, end, changes=rows),
            ],
            "cell_m": grid.cell,
            "limits": list(LIMITS),
            "origin": workspace.origin(seed=seed),
        }
        result["sentence"] = _sentence(result)
        page = week_page(
            result,
            crs=grid.crs,
            bounds=grid.bounds(),
            areas=areas,
            demonstration=workspace.config.agency.demonstration,
        )
        tables = {} if changes is None else {"changes": changes.frame}
        details = {"week": result["week"]["start"], "categories": len(looked)}
        return keep(workspace, "week", result, page=page, tables=tables, details=details)


def _hypotheses(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Number the candidate series, so that each can be confirmed or rejected by its name."""
    told: list[dict[str, Any]] = []
    for part in found:
        for one in part["candidates"]:
            one["id"] = f"S{len(told) + 1}"
            kind = part["category"].replace("_", " ")
            said = f"{len(one['incidents'])} reports of {kind} from {one['first'][:10]} are one series"
            if one["probability"] is None:
                said += f" (at most {one['share']:.0%} of their pairs are more than chance)"
            told.append(
                {"id": one["id"], "said": said, "probability": one["probability"], "basis": part["basis"]}
            )
    return told


def _chosen(
    workspace: Workspace, every: Incidents, categories: Sequence[str] | None, until: str | None
) -> tuple[dict[str, Chosen], np.datetime64, list[str]]:
    """The reports of each category, the end of the week, and in words the categories whose records end before it.

    The week is the last that any of them covers: one source that stopped must not move the whole report into the past.
    """
    names = list(dict.fromkeys(categories or _most_reported(every, until)))
    if not names:
        msg = f"no category has {FEWEST} reports in the last year; expected one to look at"
        raise NotEnoughDataError(msg, hint="peelian week --category burglary")
    found = {name: choose(workspace, name, among=every) for name in names}
    last, first = max(one.end for one in found.values()), min(one.start for one in found.values())
    end = last if until is None else as_day(until)
    if not first + 7 <= end <= last:
        msg = (
            f"the week up to {until or end} was asked for; the records are complete from {first} up to {last}"
        )
        raise NotEnoughDataError(msg, hint=f"peelian week --until {last}")
    early = [
        f"{name.replace('_', ' ')} is not looked at: its records end on {one.end}, before the week does."
        for name, one in found.items()
        if one.end < end
    ]
    return {name: one.until(end) for name, one in found.items() if one.end >= end}, end, early


def _covered(chosen: dict[str, Chosen], end: np.datetime64) -> tuple[int, dict[str, str]]:
    """Weeks that most of the categories cover, and since when those are covered that cover fewer.

    By the coverage of their sources and not by their first report: a rare category doesn't make the records short.
    """
    weeks = {name: max(int((end - one.start).astype(np.int64)) // 7, 1) for name, one in chosen.items()}
    each = list(weeks.values())
    most = max(set(each), key=lambda n: (each.count(n), n))
    return most, {name: str(chosen[name].start) for name, n in weeks.items() if n < most}


def _most_reported(every: Incidents, until: str | None) -> list[str]:
    time = every.time
    last = time.max() if until is None else min(as_day(until).astype("datetime64[s]"), time.max())
    recent = every.frame["category"][(time > last - np.timedelta64(364, "D")) & (time <= last)]
    counted = recent[recent != CATCH_ALL].value_counts()
    names = [(-int(n), str(name)) for name, n in counted.items() if n >= FEWEST]
    return [name for _, name in sorted(names)[:CATEGORIES]]


def _changes(looked: dict[str, Incidents], end: np.datetime64, weeks: int) -> WeekChanges | None:
    """Each category beside the same week of past years; None where the records don't reach back to one."""
    matrix = np.array([weekly(one, end, weeks) for one in looked.values()])
    labels = [*looked]
    if len(labels) > 1:
        matrix, labels = np.vstack([matrix, matrix.sum(axis=0)]), [*labels, TOGETHER]
    try:
        return same_week(matrix, labels=labels, end=end)
    except NotEnoughDataError:
        return None


def _by_area(
    workspace: Workspace, looked: dict[str, Incidents], end: np.datetime64, weeks: int
) -> dict[str, Any] | None:
    """Each category in each area the same way; the rows that stand out, or the clearest ones."""
    areas = workspace.areas
    if areas is None:
        return None
    names = [str(name) for name in areas.frame["name"]]
    rows, labels = [], []
    for category, incidents in looked.items():
        of = areas.locate(incidents.x, incidents.y)
        counted = weekly(incidents, end, weeks, of=of)
        padded = np.zeros((len(names), weeks), dtype=np.int64)
        padded[: len(counted)] = counted
        rows.append(padded)
        labels += [f"{name}: {category}" for name in names]
    try:
        found = same_week(np.concatenate(rows), labels=labels, end=end)
    except NotEnoughDataError:
        return None
    told = found.to_dict()
    told["rows"] = [
        row for i, row in enumerate(told["rows"]) if i < LEAST_AREAS or row["q"] <= 1 - found.level
    ]
    return {**told, "looked_at": len(labels), "sentence": found.sentence()}


def _sentence(result: dict[str, Any]) -> str:
    changes = result["changes"]
    new = sum(one["new"] for part in result["clusters"] for one in part["signals"])
    places = sum(part["new"] for part in result["repeats"])
    if changes is None:
        compared = "The records don't reach back to the same week of a past year"
    else:
        changed = sum(row["q"] <= 1 - changes["level"] for row in changes["rows"] if row["what"] != TOGETHER)
        n = len(result["categories"])
        compared = f"{changed or 'None'} of {n} {'category' if n == 1 else 'categories'} changed more than chance does"
    return (
        f"{compared}; {places or 'no'} {'place has' if places == 1 else 'places have'} new repeats, and {new or 'no'} "
        f"new {'cluster' if new == 1 else 'clusters'} emerged."
    )
