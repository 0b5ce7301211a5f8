"""``emerging``: what is new: places with more reports of late than their own past leads to expect, and how sure."""

from __future__ import annotations

from typing import Any

import pandas as pd

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import check_level
from peelian.places import Areas, Grid
from peelian.publish.emerging_words import NAMES, details, headline, leaders
from peelian.units import Frequency
from peelian.workspace.calls import recorded
from peelian.workspace.chosen import Chosen, choose, coarse_cells, keep, study_cells
from peelian.workspace.emerging_parts import SCANS, WATCHES, Frames, Ground, Part, scanned, watched, weekly
from peelian.workspace.grids import grid_table
from peelian.workspace.outcome import Outcome, Progress
from peelian.workspace.workspace import Workspace

__all__ = ["METHODS", "emerging"]

METHODS = (*SCANS, *WATCHES)
LABEL = "looking for what emerges"

MOST = 20_000
"""Cells in which clusters are looked for if a cell size is asked for."""
SQUARES = 400
"""Squares that are watched where there are no areas, at most: smaller ones have too few reports for a bound."""

LONGEST = 14
"""Days of a period that Farrington's seasons can be made of, at most."""

SEVERAL = (
    "Several methods looked at the same reports. Each allows for the many places that it looks at, but not for the "
    "other methods: what several of them name is the better lead."
)
UNITS = {"1d": "day", "1w": "week", "1mo": "month"}


@recorded
def emerging(
    workspace: Workspace,
    category: str,
    *,
    first: str | None = None,
    last: str | None = None,
    method: str = "all",
    period: str = "1w",
    weeks: int = 12,
    cell: float | None = None,
    radius: float | None = None,
    replicates: int = 999,
    level: float = 0.05,
    looks: int = 52,
) -> Outcome:
    """Find emerging clusters, and areas that stand out in the latest week; the page is ``runs/ID/emerging.html``.

    Parameters
    ----------
    first, last : date, optional
        Reports from `first` up to and without `last`; all that are complete when not given. The end is looked at, and
        what lies before is the past that it is held against.
    method : str
        ``"scan"`` or ``"permutation"`` for clusters; ``"farrington"``, ``"ears_c1"``, ``"ears_c2"``, ``"ears_c3"`` or
        ``"cusum"`` for areas; ``"all"`` for each of them that the past is long enough for.
    period : str
        Length of a period.
    weeks : int
        Most periods in a cluster.
    cell : float, optional
        Side of a cell in metres; the workspace's when not given, doubled until there are few enough.
    radius : float, optional
        Of the largest cluster, in metres.
    replicates : int
        Random repetitions that p-values of clusters come from.
    level : float
        False-discovery rate over all areas up to which one stands out.
    looks : int
        Past periods at which the same is done, to count false alarms.

    Raises
    ------
    RefusedError
        The role may not, or all reports came from officers' own activity.
    NotEnoughDataError
        The past is too short for the method, or for all of them.
    ResolutionError
        Times are known only to the month, and a shorter period is asked for.
    DataError, UsageError
        See `peelian.workspace.chosen.choose` and `peelian.patterns.emerging.emerging`.
    """
    workspace.require("patterns", {"kind": "records"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.publish.emerging import emerging_page

    wanted = _wanted(method)
    check_level(level, what="false-discovery rate")
    with workspace.writing():
        chosen = choose(workspace, category, first=first, last=last)
        ground = _ground(workspace, chosen, period=period, cell=cell, looks=looks)
        setting: dict[str, Any] = {"weeks": weeks, "radius": radius, "replicates": replicates, "level": level}
        parts, left_out = _looked(ground, wanted, setting, workspace.progress)
        result = _told(chosen, ground, parts, left_out)
        tables = _tables(parts)
        tables["weeks"] = _weeks(ground, result)
        result["origin"] = workspace.origin(seed=ground.seed)
        page = emerging_page(
            result,
            tables,
            grid=ground.grid,
            places=ground.places,
            areas=ground.areas,
            demonstration=workspace.config.agency.demonstration,
        )
        tables["grid"] = grid_table(ground.grid)
        counted = {
            "clusters": sum(one["signals"] for one in result["scans"]),
            "places": sum(one["signals"] for one in result["watched"]),
        }
        return keep(
            workspace, "emerging", result, category=category, page=page, tables=tables, details=counted
        )


def _wanted(method: str) -> tuple[str, ...]:
    if method == "all":
        return METHODS
    if method not in METHODS:
        msg = f"method={method!r} was given; expected all, or one of {', '.join(METHODS)}"
        raise UsageError(msg, hint="--method all")
    return (method,)


def _ground(workspace: Workspace, chosen: Chosen, *, period: str, cell: float | None, looks: int) -> Ground:
    frequency = Frequency.parse(period)
    chosen.incidents.require(frequency.resolution)
    areas = workspace.areas
    grid = coarse_cells(workspace) if cell is None else study_cells(workspace, cell)[0]
    if len(grid) > MOST:
        msg = f"{len(grid):,} cells of {grid.cell:g} m were asked for; clusters are looked for in up to {MOST:,}"
        raise UsageError(msg, hint=f"--cell '{2 * grid.cell:g} m'")
    places: Areas | Grid = areas or (grid if cell is not None else coarse_cells(workspace, most=SQUARES))
    seed = workspace.config.forecast.seed
    return Ground(chosen.incidents, chosen.end, str(frequency), grid, places, areas, looks=looks, seed=seed)


def _looked(
    ground: Ground, wanted: tuple[str, ...], setting: dict[str, Any], progress: Progress
) -> tuple[dict[str, Part], dict[str, str]]:
    """What each method gives, and why the others could not look."""
    parts: dict[str, Part] = {}
    left_out: dict[str, str] = {}
    level, days = setting.pop("level"), Frequency.parse(ground.period).days
    for done, name in enumerate(wanted):
        progress(LABEL, done, len(wanted))
        if name == "farrington" and days > LONGEST:
            why = f"it compares the same weeks of each year, and periods of {ground.period} are too long"
            if len(wanted) == 1:
                msg = f"farrington was asked for; {why}"
                raise UsageError(msg, hint="--period 1w, or --method ears_c2")
            left_out[name] = why
            continue
        try:
            parts[name] = (
                scanned(ground, name, **setting) if name in SCANS else watched(ground, name, level=level)
            )
        except NotEnoughDataError as error:
            if len(wanted) == 1:
                hint = (
                    "--weeks 4, or import older records"
                    if name in SCANS
                    else "--method ears_c2, or import older records"
                )
                raise NotEnoughDataError(error.message, hint=hint) from error
            left_out[name] = error.message
    progress(LABEL, len(wanted), len(wanted))
    if not parts:
        msg = f"the past is too short for each of the methods; {next(iter(left_out.values()))}"
        raise NotEnoughDataError(msg, hint="import older records, or ask for fewer --weeks")
    return parts, left_out


def _told(chosen: Chosen, ground: Ground, parts: dict[str, Part], left_out: dict[str, str]) -> dict[str, Any]:
    told = {name: part for name, (part, _) in parts.items()}
    own = isinstance(ground.places, Areas)
    places = {
        "one": "area" if own else "square",
        "n": len(ground.places),
        "cell_m": None if isinstance(ground.places, Areas) else ground.places.cell,
    }
    limits = [limit for part in told.values() for limit in part.pop("limits")]
    result: dict[str, Any] = {
        **chosen.to_dict(),
        "period": ground.period,
        "unit": UNITS.get(ground.period, f"period of {ground.period}"),
        "cell_m": ground.grid.cell,
        "places": places,
        "scans": [part for name, part in told.items() if name in SCANS],
        "watched": [part for name, part in told.items() if name in WATCHES],
        "not_looked": left_out,
        "limits": list(dict.fromkeys([*limits, *([SEVERAL] if len(told) > 1 else [])])),
    }
    said = {"sentence": headline(result), "details": details(result)}
    return {**result, **said, "notes": _notes(ground, told, left_out)}


def _notes(ground: Ground, told: dict[str, Any], left_out: dict[str, str]) -> list[str]:
    said = [f"{NAMES[name]} was left out: {why}." for name, why in left_out.items()]
    said += [f"{NAMES[name]}: {note}" for name, part in told.items() for note in part.pop("notes")]
    x, y = ground.reports.x, ground.reports.y
    at = (
        ground.places.to_crs(ground.reports.crs).locate(x, y)
        if isinstance(ground.places, Areas)
        else ground.places.locate(x, y)
    )
    outside = int((at < 0).sum())
    if outside:
        said.append(
            f"{outside:,} of {len(ground.reports):,} reports lie outside of all places that are watched."
        )
    return said


def _tables(parts: dict[str, Part]) -> Frames:
    """The tables of all methods, one below the other."""
    names = dict.fromkeys(name for _, frames in parts.values() for name in frames)
    stacked = {name: [frames[name] for _, frames in parts.values() if name in frames] for name in names}
    return {
        name: pd.concat(filled, ignore_index=True)
        if (filled := [frame for frame in frames if len(frame)])
        else frames[0]
        for name, frames in stacked.items()
    }


def _weeks(ground: Ground, result: dict[str, Any]) -> pd.DataFrame:
    """The latest periods of the places that stand out, those of the leading method first, with its bound."""
    _, lead = leaders(result)
    if lead is None:
        return weekly(ground, "", [])
    rest = [one for one in result["watched"] if one is not lead]
    places = [row["place"] for one in [lead, *rest] for row in one["places"] if row["signal"]]
    return weekly(ground, lead["method"], places)
