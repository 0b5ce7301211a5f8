"""``audit data``: what the records are, what stands out in them, and what a manipulation would have set off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.dataset import DataAudit, data_audit
from peelian.audits.recordset import Recordset, recordset
from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.methods import CountMap, method_by_name
from peelian.methods.base import Method
from peelian.places.crs import metres_per_unit
from peelian.records import SOURCES
from peelian.workspace.calls import recorded
from peelian.workspace.forecast import chosen_method
from peelian.workspace.history import study_grid_of
from peelian.workspace.outcome import Outcome
from peelian.workspace.thresholds import thresholds_for
from peelian.workspace.workspace import Workspace

__all__ = ["audit_data"]

VERB = "audit_data"

FEET = 0.3048
"""Metres; the US survey foot differs from it in the seventh digit."""


@recorded
def audit_data(
    workspace: Workspace,
    category: str | None = None,
    *,
    poison: bool = True,
    placements: int = 30,
    rate: float = 0.05,
) -> Outcome:
    """Audit the stored records; the page is ``runs/ID/audit_data.html``.

    Parameters
    ----------
    category : str, optional
        Whose forecasts are poisoned; that of the latest plan or forecast, or else the most reported one.
    poison : bool
        Plant manipulations in a copy, and see which are found and how far they push a forecast before.
    placements : int
        Random places for each kind of these.
    rate : float
        False-discovery rate of each look.

    Raises
    ------
    RefusedError
        The role may not.
    UsageError
        A setting is off.
    DataError, NotEnoughDataError
        There are no records of the category, or not half a year of records.
    """
    workspace.require("audit", {"kind": "records"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.publish.audit_data import audit_data_page

    with workspace.writing():
        workspace.progress("reading the records", 0, 1)
        incidents = workspace.incidents()
        grid = study_grid_of(workspace)
        records = recordset(incidents, grid=grid, areas=workspace.areas)
        wanted = _category(workspace, records, category)
        sources = tuple(sorted(str(name) for name in records.frame["source"].unique()))
        workspace.guard.work_on(category=wanted, sources=sources)
        make, notes = _method(workspace, wanted)
        held = thresholds_for(workspace, "data", verb=VERB, subject=wanted)
        seed = workspace.config.forecast.seed
        xy, unit = _as_given(records, sources, incidents.crs)
        found = data_audit(
            records,
            category=wanted,
            quarantine=workspace.store.quarantine(),
            source_xy=xy,
            source_unit=unit,
            reference=_reference(workspace),
            poison=poison,
            placements=placements,
            make=make,
            fraction=workspace.config.forecast.fractions[0],
            rate=rate,
            seed=seed,
            thresholds=held.thresholds,
            progress=workspace.progress,
        )
        result = {
            **found.to_dict(),
            "sources": [SOURCES[name].title if name in SOURCES else name for name in sources],
            "notes": [*notes, *held.notes],
            "origin": workspace.origin(grid=grid.to_dict(), seed=seed),
        }
        return _commit(workspace, result, found, records, audit_data_page)


def _commit(
    workspace: Workspace, result: dict[str, Any], found: DataAudit, records: Recordset, page: Any
) -> Outcome:
    demonstration = workspace.config.agency.demonstration
    shown = page(result, found.tables, grid=records.grid, areas=workspace.areas, demonstration=demonstration)
    category = str(result["category"])
    return workspace.commit(
        workspace.new_run(VERB),
        result,
        subject=category,
        category=category,
        tables={name: table for name, table in found.tables.items() if len(table)},
        pages={f"{VERB}.html": shown},
        details={"category": category, "poison": bool(result["settings"]["poison"])},
    )


def _category(workspace: Workspace, records: Recordset, category: str | None) -> str:
    """The standard category that was asked for, or that forecasts are made of."""
    free = records.where(~records.officer)
    if not len(free):
        msg = "all records came from officers' own activity; expected some that residents reported"
        raise NotEnoughDataError(msg, hint="peelian status lists the categories")
    names = free.category[1]
    if category is not None:
        wanted = category.strip().casefold()
        if wanted not in names:
            msg = f"{category!r} was given as the category; those that residents report are {', '.join(names[:8])}"
            raise DataError(msg, hint="name a standard category, such as --category burglary")
        return wanted
    for verb in ("plan", "forecast"):
        for row in reversed(workspace.runs(verb)):
            if row["category"] in names:
                return str(row["category"])
    return names[0]


def _method(workspace: Workspace, category: str) -> tuple[Callable[[], Method], list[str]]:
    """How the category is forecast while records are poisoned: by the method in use if it counts, else by counting."""
    name, _ = chosen_method(workspace, category, workspace.config.forecast.period)
    chosen = method_by_name(name)
    if chosen.counting:
        return chosen, []
    return CountMap, [
        (
            f"{chosen.title} is in use for {category.replace('_', ' ')}. It learns from more than this category's "
            f"counts, and wasn't tried with each planted change: the push is that of the {CountMap.title.lower()}."
        )
    ]


def _reference(workspace: Workspace) -> str | None:
    groups = list(workspace.config.place.population)
    reference = workspace.config.audit.reference
    if reference is not None and groups and reference not in groups:
        msg = f"[audit] reference = {reference!r} was given; the groups are {', '.join(groups)}"
        raise UsageError(msg, hint="set [audit] reference in peelian.toml to one of the groups")
    return reference if groups else None


def _as_given(
    records: Recordset, sources: tuple[str, ...], crs: str
) -> tuple[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None, str]:
    """Coordinates in the CRS of the one source, whose digits its own habits of rounding show; None of several."""
    source = SOURCES.get(sources[0]) if len(sources) == 1 else None
    if source is None or source.crs is None:
        return None, "units"
    import pyproj

    given = pyproj.CRS.from_user_input(source.crs)
    if not given.is_projected:
        return None, "units"
    # Each point once: there are far fewer of them than of records.
    points: pd.DataFrame = records.frame[["x", "y"]].drop_duplicates(ignore_index=True)
    moved = pyproj.Transformer.from_crs(crs, given, always_xy=True).transform(
        points["x"].to_numpy(), points["y"].to_numpy()
    )
    metres = metres_per_unit(source.crs)
    unit = "m" if abs(metres - 1) < 1e-6 else "feet" if abs(metres - FEET) < 1e-5 else "units"
    return (np.asarray(moved[0], dtype=np.float64), np.asarray(moved[1], dtype=np.float64)), unit
