"""Residents of each cell by group, and how sure the census is of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from peelian.audits.margins import CONTROLLED, Margins, variance_of
from peelian.errors import DataError, UsageError
from peelian.places import Grid, population_by_cell
from peelian.places.residents import ids_of, listed, refuse_unknown
from peelian.places.shapes import read_shapes
from peelian.workspace.history import TOTALS
from peelian.workspace.workspace import Workspace

__all__ = ["Groups", "groups_of", "margin_columns", "residents_by_cell"]


@dataclass(frozen=True)
class Groups:
    """Whose residents are told apart.

    Parameters
    ----------
    names : tuple of str
        Without the one that is everybody.
    reference : str
        The group that others are compared with.
    total : str or None
        The one that is everybody, where the areas have one.
    """

    names: tuple[str, ...]
    reference: str
    total: str | None


def groups_of(workspace: Workspace) -> Groups | None:
    """The groups of a workspace; None without areas that have residents by group.

    Raises
    ------
    UsageError
        ``[audit] reference`` is none of them.
    """
    named = workspace.config.place.population
    total = next((group for group in named if group.casefold() in TOTALS), None)
    groups = tuple(group for group in named if group != total)
    if workspace.areas is None or not groups:
        return None
    reference = workspace.config.audit.reference or groups[0]
    if reference not in groups:
        msg = f"[audit] reference = {reference!r} was given; the groups are {', '.join(groups)}"
        raise UsageError(msg, hint="set [audit] reference in peelian.toml to one of the groups")
    return Groups(groups, reference, total)


def residents_by_cell(workspace: Workspace, grid: Grid) -> tuple[pd.DataFrame, Margins | None]:
    """Residents by group of each cell, and the variances of the areas' numbers where margins are configured.

    Raises
    ------
    UsageError
        A margin is configured for a group that isn't one.
    DataError
        There are no areas with residents, or a margin is missing.
    """
    areas, place = workspace.areas, workspace.config.place
    if areas is None:
        msg = "no areas are configured; expected areas with residents by group"
        raise DataError(msg, hint="peelian init NEW_FOLDER --areas FILE --population GROUP=COLUMN")
    population = population_by_cell(areas, grid)
    if not place.margins:
        return population, None
    path = workspace.folder / str(place.areas)
    given = margin_columns(
        path, place.area_id, areas.frame["area_id"], place.margins, groups=place.population
    )
    variance = [
        variance_of(given[group], areas.frame[group]) if group in given else np.zeros(len(areas))
        for group in population
    ]
    return population, Margins(np.column_stack(variance), areas.weights(grid))


def margin_columns(
    path: Path,
    area_id: str | None,
    ids: pd.Series,
    margins: Mapping[str, str],
    *,
    groups: Mapping[str, str],
) -> pd.DataFrame:
    """Margins of error from a file of areas, a row an area in the order of `ids`, a column a group.

    Raises
    ------
    UsageError
        A group isn't one.
    DataError
        There is no such column, or a margin is missing or below 0 (but for the code that there is none).
    """
    unknown = sorted(set(margins) - set(groups))
    if unknown:
        msg = f"a margin was given for {unknown[0]!r}; the groups are {', '.join(groups) or 'none'}"
        raise UsageError(
            msg, hint="name the groups of the population: --population GROUP=COLUMN --moe GROUP=COLUMN"
        )
    table = read_shapes(path) if path.suffix != ".parquet" else pd.read_parquet(path)
    columns = [str(name) for name in table.columns]
    area_id = area_id or next(
        (name for name in columns if name.lower() in ("area_id", "id")), None
    )  # as Areas.of
    for column in (*([area_id] if area_id else []), *margins.values()):
        refuse_unknown(column, columns)
    if area_id is not None:
        table = table.set_index(ids_of(table[area_id]).to_numpy(dtype=object)).reindex(
            ids.to_numpy(dtype=object)
        )
    made = {}
    for group, column in margins.items():
        numbers = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
        bad = ~np.isfinite(numbers) | ((numbers < 0) & (numbers != CONTROLLED))
        if bad.any():
            msg = f"margins {column!r} of {int(bad.sum())} areas are missing or negative: {listed(ids[bad])}"
            raise DataError(
                msg, hint=f"{CONTROLLED:.0f} says that there is none; other codes below 0 say nothing"
            )
        made[group] = numbers
    return pd.DataFrame(made)
