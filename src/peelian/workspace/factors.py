"""``factors``: what goes along with reports: other kinds of reports before and beside them, and features of places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.patterns.base import check_level
from peelian.patterns.lags import Lags, lags
from peelian.patterns.point_events import plain
from peelian.patterns.risk_factors import RiskFactors, risk_factors
from peelian.patterns.risk_terms import WITHIN, check_within
from peelian.places import Counts, Grid, count_incidents
from peelian.units import Frequency
from peelian.workspace.calls import recorded
from peelian.workspace.chosen import Chosen, choose, keep, study_cells
from peelian.workspace.grids import grid_table
from peelian.workspace.history import history, learned_from, study_grid_of
from peelian.workspace.outcome import Outcome
from peelian.workspace.workspace import Workspace

__all__ = ["factors"]

BESIDE = 4
"""Other categories that are looked at unless some are named: those that residents report most."""
CELLS = 3_000
"""Cells on which categories are compared, at most."""
LEAST = 10
"""Reports of a category without which nothing is said of a cell."""
HELD = 0.8
"""Share of the category's reports that lie in cells with so many, else cells are doubled."""
DOUBLINGS = 4
YEAR = np.timedelta64(364, "D")
SHOWN = 25
WEAK = 0.1
"""A correlation below which knowing the one says next to nothing of the other."""
LABEL = "looking for what goes along"

NONE_KNOWN = (
    "No features of places are known here. Name files of shapes in peelian.toml, such as features = { stations = "
    '"stations.geojson" } under [place], and it is looked at whether reports go along with the distance to each.'
)


@recorded
def factors(
    workspace: Workspace,
    category: str,
    *,
    beside: Sequence[str] | None = None,
    first: str | None = None,
    last: str | None = None,
    period: str = "1w",
    most: int = 4,
    cell: float | None = None,
    within: Sequence[float] = WITHIN,
    level: float = 0.05,
) -> Outcome:
    """Find what reports of a category go along with; the page is ``runs/ID/factors.html``.

    Parameters
    ----------
    beside : sequence of str, optional
        Other categories; the four that residents report most when not given.
    first, last : date, optional
        Reports from `first` up to and without `last`; all that are complete when not given.
    period : str
        In which reports are counted, such as ``"1w"``.
    most : int
        The longest lag, in periods.
    cell : float, optional
        Side in metres of the cells on which categories are compared. When not given, the workspace's is doubled until
        most reports lie in cells with enough of them.
    within : sequence of float
        Distances to features, in km, of which it is tried whether being within them matters.
    level : float
        The p over all comparisons at which one stands out, and 1 minus the cover of the intervals.

    Raises
    ------
    RefusedError
        The role may not, or a category holds officers' own activity alone.
    ConfigError, DataError, NotEnoughDataError, UsageError
        See `peelian.workspace.chosen.choose`, `peelian.patterns.lags.lags` and
        `peelian.patterns.risk_factors.risk_factors`.
    """
    workspace.require("patterns", {"kind": "records"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.publish.factors import factors_page

    check_level(level)
    check_within(within)
    with workspace.writing():
        chosen = choose(workspace, category, first=first, last=last)
        chosen.incidents.require(Frequency.parse(period).resolution)
        seed, areas = workspace.config.forecast.seed, workspace.areas
        workspace.progress(LABEL, 0, 3)
        grid = _cells(workspace, chosen, cell)
        counts = _counted(workspace, chosen, grid, period)
        workspace.progress(LABEL, 1, 3)
        found = lags(
            _beside(workspace, chosen, counts, beside), most=most, least=LEAST, level=level, seed=seed
        )
        workspace.progress(LABEL, 2, 3)
        places, about = _places(workspace, chosen, counts, period, tuple(within), level, seed)
        workspace.progress(LABEL, 3, 3)
        told = {name: value for name, value in found.to_dict().items() if name not in ("tests", "left_out")}
        others = _with_others(found.table, category)
        said = [_lags_sentence(found, others, category), _places_sentence(places)]
        result: dict[str, Any] = {
            **chosen.to_dict(),
            **told,
            "sentence": " ".join(said),
            "sentences": said,
            "compared": len(found.table),
            "without": found.left_out,
            "tests": plain(others.head(SHOWN).to_dict("records")),
            "with_others": {"tests": len(others), "stand_out": int(others["stands_out"].sum())},
            "notes": _notes(workspace, grid, cell, found),
            "places": about if places is None else {**_told(places), **about},
            "origin": workspace.origin(seed=seed),
        }
        page = factors_page(
            result,
            found,
            others,
            places,
            counts,
            areas=areas,
            demonstration=workspace.config.agency.demonstration,
        )
        tables = {"tests": found.table, "grid": grid_table(grid)}
        if places is not None:
            tables |= {"features": places.table, "forms": places.stability, "skill": places.skill}
        details = {"stand_out": result["with_others"]["stand_out"]}
        details |= {} if places is None else {"features": len(places.table)}
        return keep(
            workspace, "factors", result, category=category, page=page, tables=tables, details=details
        )


def _cells(workspace: Workspace, chosen: Chosen, cell: float | None) -> Grid:
    """Cells of the size that was asked for, or few enough, most reports being in those with enough of them."""
    if cell is not None:
        return study_cells(workspace, cell)[0]
    found = chosen.incidents
    grid = study_grid_of(workspace)
    for _ in range(DOUBLINGS):
        at = grid.locate(found.x, found.y)
        n = np.bincount(at[at >= 0], minlength=len(grid))
        if len(grid) <= CELLS and n[n >= LEAST].sum() >= HELD * n.sum():
            break
        grid = study_grid_of(workspace, 2 * grid.cell)
    return grid


def _counted(workspace: Workspace, chosen: Chosen, grid: Grid, period: str) -> Counts:
    """Counts of the whole periods in the chosen time, with other categories and features of places beside them."""
    every = history(workspace, chosen.category, period=period, until=str(chosen.end), grid=grid)
    return every[len(every.periods) - int((every.periods.edges[:-1] >= chosen.start).sum()) :]


def _beside(
    workspace: Workspace, chosen: Chosen, counts: Counts, names: Sequence[str] | None
) -> dict[str, Counts]:
    """The category and the others on one grid, over the same periods."""
    ours = replace(counts, companions={}, features={})
    if names is None:
        n = {name: int(matrix.sum()) for name, matrix in counts.companions.items()}
        most = sorted((name for name in n if n[name]), key=lambda name: (-n[name], name))[:BESIDE]
        others = {name: replace(ours, matrix=counts.companions[name], points=None) for name in most}
        return {chosen.category: ours, **others}
    found = {chosen.category: ours}
    for name in names:
        if name in found:
            msg = f"{name} was given twice, or beside itself"
            raise UsageError(msg, hint="--beside theft --beside vandalism")
        start, end = str(counts.periods.start), str(counts.periods.end)
        other = choose(workspace, name, first=start, last=end)
        found[name] = count_incidents(other.incidents, counts.grid, counts.periods)
    return found


def _places(
    workspace: Workspace,
    chosen: Chosen,
    counts: Counts,
    period: str,
    within: Sequence[float],
    level: float,
    seed: int,
) -> tuple[RiskFactors | None, dict[str, Any]]:
    """Features that the latter part of the reports goes along with, against a count of the time before.

    And from when to when that is, and what the features were made from; or why it is left out.
    """
    if not workspace.config.place.features:
        return None, {"left_out": NONE_KNOWN}
    if counts.grid != study_grid_of(workspace):
        counts = _counted(workspace, chosen, study_grid_of(workspace), period)
    start, end = counts.periods.start, counts.periods.end
    past = counts.before(end - min(YEAR, (end - start) // 2))
    now = replace(counts[len(past.periods) :], companions={})
    try:
        found = risk_factors(now, past=past, within=within, level=level, seed=seed)
    except (DataError, NotEnoughDataError) as error:
        return None, {"left_out": f"Features of places were not looked at: {error.message}."}
    span = {"past_from": str(start), "from": str(now.periods.start), "to": str(end)}
    return found, {"counted": span, "made_from": learned_from(workspace, now)["features"]}


def _with_others(tests: pd.DataFrame, category: str) -> pd.DataFrame:
    """The tests of the category with another."""
    ours = (tests["leading"] == category) != (tests["following"] == category)
    return tests[ours].reset_index(drop=True)


def _lags_sentence(found: Lags, others: pd.DataFrame, category: str) -> str:
    from peelian.publish.factors import in_words
    from peelian.publish.sources import label
    from peelian.publish.words import listing

    if not len(others):
        return "No other category has enough reports in any square to compare with."
    names = [label(name) for name in dict.fromkeys(others["leading"]) if name != category]
    among = f"{len(others):,} comparisons of {label(category)} with {listing(sorted(names))} were made"
    top = others[others["stands_out"]]
    if not len(top):
        return f"{among}, and none goes along with it more than chance makes ({found.shifts:,} shifts)."
    row = top.iloc[0]
    weak = "a weak association" if abs(row["r"]) < WEAK else "an association"
    said = in_words(dict(row.astype(object)), found.period)
    verb = "stands" if len(top) == 1 else "stand"
    return (
        f"{among}; {len(top):,} {verb} out from chance, most of all {said}: {weak} (correlation {row['r']:.3f}; by "
        f"chance {row['chance_low']:.3f} to {row['chance_high']:.3f}), which does not say why."
    )


def _places_sentence(places: RiskFactors | None) -> str:
    """What features are worth: that comes before how strong they are."""
    if places is None:
        return "Features of places were not looked at."
    n, kept = places.settings["features"], places.table
    if not len(kept):
        return f"Of {n} features of places none goes along with how many reports there are."
    row = kept.iloc[0]
    said = (
        f"Of {n} features of places {len(kept)} go along with how many reports there are, most of all the "
        f"{row['feature'].replace('_', ' ')}: {row['rate_ratio']:.2f} times as many ({row['low']:.2f} to "
        f"{row['high']:.2f}) for {row['step']}."
    )
    skill = places.skill.set_index("model")["skill"]
    ours, counting = float(skill["features"]), float(skill["counting the past"])
    shares = (
        f"On blocks of the area kept apart they take away {ours:.0%} of the error of one rate for all, and a count of "
        f"the past {counting:.0%}"
    )
    better = ": to choose where to go, use the count map" if counting >= ours else ""
    return f"{said} {shares}{better}."


def _notes(workspace: Workspace, grid: Grid, cell: float | None, found: Lags) -> list[str]:
    said = []
    own = workspace.config.place.cell
    if cell is None and grid.cell != own:
        said.append(
            f"Categories are compared on squares of {grid.cell:g} m in place of {own:g} m: in smaller ones there are "
            f"too few reports in each to compare."
        )
    said += [
        f"Left out: {name.replace('_', ' ')}, as {why}. Larger squares (--cell) may have enough."
        for name, why in found.left_out.items()
    ]
    return said


def _told(places: RiskFactors) -> dict[str, Any]:
    return {name: value for name, value in places.to_dict().items() if name != "stability"}
