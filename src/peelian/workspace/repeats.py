"""``repeats``: whether reports follow each other near by and soon, which places that raises, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import DataError, UsageError
from peelian.patterns.base import check_level
from peelian.patterns.elevated import Elevated, elevated
from peelian.patterns.elevated_backtest import ZoneTest, backtest
from peelian.patterns.exact_repeats import exact_repeats
from peelian.patterns.jacquez import jacquez
from peelian.patterns.mantel import mantel
from peelian.patterns.near_repeat import DAYS, DISTANCES, NearRepeat, near_repeat
from peelian.patterns.point_events import plain
from peelian.patterns.zone_profile import check_least_ratio
from peelian.places import Areas, Grid
from peelian.places.periods import as_day
from peelian.records import Incidents
from peelian.workspace.calls import recorded
from peelian.workspace.chosen import Chosen, choose, keep
from peelian.workspace.grids import grid_table
from peelian.workspace.history import study_grid_of
from peelian.workspace.outcome import Outcome
from peelian.workspace.workspace import Workspace

__all__ = ["repeats"]

YEAR = np.timedelta64(364, "D")
"""How much is looked at unless more is asked for: what repeats now, and not what did years ago."""
PARTS = 64
"""Parts of the area within which times are shuffled: that one of them rises and another falls is no near repeat."""
REFIT = 56
"""Days after which the table of the back-test is made anew."""
FEWEST_WEEKS = 8
MANTEL_MOST = 5_000
BESIDE_MOST, TRIED_MOST = 199, 499
"""Shuffles for the tests beside the table, of few bands or of one number, and for each table of the back-test."""
MANY_TIED = 0.2
"""Share of the pairs of a band from which on those that share the day too are told in the first sentences."""
SHOWN = 25
"""Places that are told in the result; a table holds them all."""
LABEL = "looking for repeats"


@recorded
def repeats(
    workspace: Workspace,
    category: str,
    *,
    first: str | None = None,
    last: str | None = None,
    at: str | None = None,
    distances: Sequence[float] = DISTANCES,
    days: Sequence[float] = DAYS,
    permutations: int = 999,
    level: float = 0.05,
    least_ratio: float = 1.5,
    weeks: int = 26,
) -> Outcome:
    """Find near and exact repeats, and the places that they raise as of a day; the page is ``runs/ID/repeats.html``.

    Parameters
    ----------
    first, last : date, optional
        Reports from `first` up to and without `last`; the last 52 weeks that are complete when not given.
    at : date, optional
        The day for which raised places are asked, `last` when not given.
    distances : sequence of float
        Upper ends of the bands of distance, in metres; a first end of 0 is the same place.
    days : sequence of float
        Upper ends of the bands of time, in calendar days.
    permutations : int
        How often times are shuffled, within parts of the area.
    level : float
        False-discovery rate at which a band stands out, and 1 minus the cover of the intervals.
    least_ratio : float
        What the lower end of a band's interval must be above for it to raise a place.
    weeks : int
        How many of the last weeks raised places are tried on, against as many cells chosen by counting.

    Raises
    ------
    RefusedError
        The role may not, or all reports came from officers' own activity.
    ResolutionError
        Times are known only to the month.
    DataError, NotEnoughDataError, UsageError
        See `peelian.workspace.chosen.choose` and `peelian.patterns.near_repeat.near_repeat`.
    """
    workspace.require("patterns", {"kind": "records"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.publish.repeats import repeats_page

    if weeks < FEWEST_WEEKS:
        msg = f"weeks={weeks} was given; fewer than {FEWEST_WEEKS} say nothing of how much weeks differ"
        raise UsageError(msg, hint="weeks=26")
    check_level(level)
    check_least_ratio(least_ratio)
    bands: dict[str, Any] = {"distances": tuple(distances), "days": tuple(days)}
    with workspace.writing():
        chosen, every, day = _chosen(workspace, category, first, last, at)
        grid = study_grid_of(workspace)
        seed, areas = workspace.config.forecast.seed, workspace.areas
        found, step = chosen.incidents, 6
        workspace.progress(LABEL, 0, step)
        shuffled: dict[str, Any] = {
            "parts": PARTS,
            "permutations": permutations,
            "level": level,
            "seed": seed,
        }
        table = near_repeat(found, **bands, **shuffled)
        workspace.progress(LABEL, 1, step)
        zones = _zones(table, every, day, grid, least_ratio)
        workspace.progress(LABEL, 2, step)
        exact = exact_repeats(found, permutations=min(permutations, BESIDE_MOST), level=level, seed=seed)
        workspace.progress(LABEL, 3, step)
        beside = {
            "mantel": _mantel(found, seed),
            "jacquez": _jacquez(found, min(permutations, BESIDE_MOST), seed),
        }
        workspace.progress(LABEL, 4, step)
        fewer = {**shuffled, "permutations": min(permutations, TRIED_MOST)}
        test, untried = _tried(every, chosen, grid, weeks, {**bands, **fewer, "least_ratio": least_ratio})
        workspace.progress(LABEL, step, step)
        places = _places(zones.zones, areas)
        said = _sentences(table, zones, test, untried)
        result: dict[str, Any] = {
            **chosen.to_dict(),
            **table.to_dict(),
            "sentence": " ".join(said),
            "sentences": said,
            "near_repeats": table.sentence(),
            "notes": _notes(chosen, first, table),
            "other_tests": beside,
            "exact": _without(exact.to_dict(), "curve"),
            "zones": _told(zones, places),
            "backtest": {"left_out": untried} if test is None else _without(test.to_dict(), "weeks"),
            "origin": workspace.origin(seed=seed),
        }
        page = repeats_page(
            result,
            table,
            zones,
            exact,
            places,
            grid=grid,
            areas=areas,
            demonstration=workspace.config.agency.demonstration,
        )
        tables = {
            "bands": table.frame,
            "places": places.drop(columns="zone"),
            "sources": _renumbered(zones.sources, places),
            "cells": _renumbered(zones.cells, places),
            "curve": exact.curve,
            "grid": grid_table(grid),
        }
        if test is not None:
            tables["weeks"] = test.weeks
        details = {"bands": int(table.significant.sum()), "zones": len(places)}
        return keep(
            workspace, "repeats", result, category=category, page=page, tables=tables, details=details
        )


def _chosen(
    workspace: Workspace, category: str, first: str | None, last: str | None, at: str | None
) -> tuple[Chosen, Chosen, np.datetime64]:
    """What the table is made of; all that was reported before the day of the zones; and that day."""
    every = choose(workspace, category, last=at or last)
    end = as_day(last) if last is not None else every.end
    if end > every.end:
        msg = f"places raised as of {every.end} were asked for with reports up to {end}, which come later"
        raise UsageError(msg, hint=f"--at {end}")
    if first is not None:
        return choose(workspace, category, first=first, last=str(end)), every, every.end
    start = max(every.start, end - YEAR)
    found = every.incidents.where(start=start, end=end)
    left_out = every.left_out + len(every.incidents) - len(found)
    return Chosen(category, found, start, end, left_out), every, every.end


def _zones(table: NearRepeat, every: Chosen, day: np.datetime64, grid: Grid, least_ratio: float) -> Elevated:
    """The raised places, with the reports that are usual there: of the time before that of their sources."""
    before = day - np.timedelta64(int(table.days[-1]) + 1, "D")
    start = max(every.start, before - YEAR)
    usual = None
    if start < before:
        past = every.incidents.where(start=start, end=before)
        cells = grid.locate(past.x, past.y)
        usual = np.bincount(cells[cells >= 0], minlength=len(grid)) / int((before - start).astype(np.int64))
    return elevated(table, every.incidents, at=day, grid=grid, per_day=usual, least_ratio=least_ratio)


def _mantel(incidents: Incidents, seed: int) -> dict[str, Any]:
    """Mantel's test, of a random part of the reports where all pairs would be too many."""
    drawn = incidents
    if len(incidents) > MANTEL_MOST:
        at = np.sort(np.random.default_rng(seed).choice(len(incidents), MANTEL_MOST, replace=False))
        drawn = Incidents(incidents.frame.iloc[at], incidents.crs, incidents.zone)
    told = mantel(drawn, seed=seed).to_dict()
    if len(drawn) < len(incidents):
        told["drawn_from"] = len(incidents)
    return told


def _jacquez(incidents: Incidents, permutations: int, seed: int) -> dict[str, Any]:
    try:
        return jacquez(incidents, permutations=permutations, seed=seed).to_dict()
    except DataError as error:
        return {"left_out": error.message}


def _tried(
    every: Chosen, chosen: Chosen, grid: Grid, weeks: int, settings: Mapping[str, Any]
) -> tuple[ZoneTest | None, str]:
    """The raised places of the last weeks against counting; or why that was not tried.

    Each from as long a past as the table has, or as the weeks are long where that is more.
    """
    tried = np.timedelta64(7 * weeks, "D")
    start = chosen.end - tried
    past = max(every.start, start - max(chosen.end - chosen.start, tried))
    before = len(every.incidents.where(start=past, end=start)) if past < start else 0
    if start - past < tried or before < 2:
        return None, (
            f"Whether raised places are worth more than counting was not tried: that takes {14 * weeks:,} days of "
            f"reports before {chosen.end}, and there are {int((chosen.end - every.start).astype(np.int64)):,}."
        )
    reports = every.incidents.where(start=past, end=chosen.end)
    return backtest(reports, grid=grid, start=str(start), end=str(chosen.end), refit=REFIT, **settings), ""


def _places(zones: pd.DataFrame, areas: Areas | None) -> pd.DataFrame:
    """The raised places by number, those around several reports first, with the name of the area that each is in."""
    found = zones.assign(single=zones["sources"] == 1).sort_values(
        ["single", "extra", "zone"], ascending=[True, False, True], kind="stable", ignore_index=True
    )
    found = found.drop(columns="single")
    x, y = (found[name].to_numpy(dtype=np.float64) for name in ("x", "y"))
    ids = [[str(one) for one in of] for of in found["ids"]]
    found.insert(0, "place", np.arange(1, len(found) + 1))
    return found.assign(ids=pd.Series(ids, dtype=object, index=found.index), where=_where(areas, x, y))


def _renumbered(rows: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Sources or cells with the number of their place."""
    number = dict(zip(places["zone"], places["place"], strict=True))
    return rows.assign(place=rows["zone"].map(number)).drop(columns="zone")


def _where(areas: Areas | None, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> list[str]:
    """The area that each point is in, or its coordinates."""
    found = areas.locate(x, y).tolist() if areas is not None and x.size else [-1] * x.size
    names = [] if areas is None else [str(name) for name in areas.frame["name"]]
    return [names[i] if i >= 0 else f"{a:.0f}, {b:.0f}" for i, a, b in zip(found, x, y, strict=True)]


def _told(zones: Elevated, places: pd.DataFrame) -> dict[str, Any]:
    """What a result holds of the raised places: how many, and the first; tables have the others, and the sources."""
    told = _without(zones.to_dict(), "zones", "sources", "cells")
    return {
        **told,
        "n": len(places),
        "around_several": int((places["sources"] > 1).sum()),
        "cells": len(zones.cells),
        "places": plain(places.drop(columns=["ids", "zone"]).head(SHOWN).to_dict("records")),
    }


def _without(told: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in names}


def _notes(chosen: Chosen, first: str | None, table: NearRepeat) -> list[str]:
    said = []
    if first is None and chosen.left_out:
        said.append(
            "Only the last 52 weeks are looked at unless another time is asked for: what repeated years ago need not "
            "do so now."
        )
    if table.tied:
        said.append(
            f"{table.tied:,} reports share both place and day with another. If they are one report written twice, the "
            "same place within the first days is too high: peelian patterns duplicates looks for that."
        )
    return said


def _sentences(table: NearRepeat, zones: Elevated, test: ZoneTest | None, untried: str) -> list[str]:
    """What was found, where that raises places now, and whether such places are worth more than counting."""
    if table.incidents < 2 or not table.significant.any():
        return [table.sentence()]
    row = table.frame.iloc[0]
    apart = "at the same place" if row["distance_to_m"] == 0 else f"{row['distance']} apart"
    said = [
        (
            f"Reports follow each other more than chance makes: most of all {apart} and {row['time']} later, "
            f"{row['ratio']:.1f} times as often ({row['ratio_low']:.1f} to {row['ratio_high']:.1f})."
        )
    ]
    first = row["distance_to_m"] == table.distances[0] and row["days_to"] == table.days[0]
    if first and table.tied_pairs >= MANY_TIED * row["observed"]:
        said.append(
            f"{table.tied_pairs:,} of these {row['observed']:,} pairs share the very day too, and may be one event "
            "that was written down twice."
        )
    if len(zones.zones):
        extra, low, high = (float(zones.zones[name].sum()) for name in ("extra", "extra_low", "extra_high"))
        said.append(
            f"As of {zones.at} that raises {len(zones.zones):,} places, where about {_few(extra)} reports more in all "
            f"than by chance are to be expected ({_few(low)} to {_few(high)})."
        )
    else:
        said.append(f"As of {zones.at} that raises no place clearly.")
    return [*said, _verdict(test) if test is not None else untried]


def _few(n: float) -> str:
    return f"{n:.1f}" if n >= 1 else f"{n:.1g}"


def _verdict(test: ZoneTest) -> str:
    """What the charter asks of a method: that it beats counting, or says so."""
    rows = test.frame.set_index("chosen_by")
    zones, counting = rows["share_of_reports"].iloc[:2]
    if not rows["reports"].iloc[0]:
        return f"In the last {len(test.weeks)} weeks there was no report on which to try whether that beats counting."
    if rows["share_of_area"].iloc[0] == 0:
        return f"On no day of the last {len(test.weeks)} weeks was a place raised: there is nothing to try."
    tried = (
        f"tried on the last {len(test.weeks)} weeks, raised places held {zones:.1%} of the reports, and as much area "
        f"chosen by counting the past {counting:.1%}"
    )
    if np.isnan(test.low):
        return f"Whether that beats counting can't be told from so few weeks: {tried}."
    if test.low > 0:
        return f"To choose where to go, raised places beat counting: {tried}."
    if test.high < 0:
        return f"To choose where to go, counting is better, so use the count map: {tried}."
    return f"To choose where to go, counting is enough: {tried}, which is no clear difference."
