"""Residents by area and group for stops: counts, or shares of a population, read with care."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from peelian.audits.stop_fields import labels_of
from peelian.errors import DataError, UsageError
from peelian.places.residents import listed, refuse_doubles, refuse_unknown
from peelian.records.sources.base import fold_column

__all__ = ["Residents", "residents_by_area"]

EVERYONE = ("population", "total", "residents", "everyone", "allresidents", "totalpopulation")


@dataclass(frozen=True, eq=False)
class Residents:
    """Residents of areas.

    Parameters
    ----------
    counts : pandas.DataFrame, shape (n_areas, n_groups)
        By area's name and group.
    everyone : pandas.Series, shape (n_areas,)
        All residents of each area, of whatever group.
    notes : tuple of str
    """

    counts: pd.DataFrame
    everyone: pd.Series
    notes: tuple[str, ...] = ()

    def groups(self, wanted: Sequence[str]) -> pd.DataFrame:
        """The columns of those groups that the table has."""
        return self.counts[[name for name in wanted if name in self.counts]]

    @property
    def frame(self) -> pd.DataFrame:
        """One table: ``area``, ``everyone`` and the groups; what `residents_by_area` makes of it is the same again."""
        own = pd.DataFrame({"area": self.counts.index, "everyone": self.everyone.to_numpy()})
        return pd.concat([own, self.counts.reset_index(drop=True)], axis=1)


def residents_by_area(
    table: pd.DataFrame,
    *,
    place: str,
    groups: Sequence[str],
    columns: Mapping[str, str] | None = None,
    population: str | None = None,
) -> Residents:
    """Read residents: one row an area, one column a group.

    Parameters
    ----------
    table : pandas.DataFrame
    place : str
        The column with the area's name, as it stands in the stops.
    groups : sequence of str
        Groups of the stops. Each is looked for among the columns: ``Black`` is found as ``black``.
    columns : mapping of str to str, optional
        Group to column where the names differ.
    population : str, optional
        The column of all residents; ``population`` or ``total`` is found. Needed where groups are shares of it.

    Raises
    ------
    DataError
        A column is missing, an area is there twice, or numbers are negative, unknown, or add up to more than all
        residents.
    UsageError
        No group of the stops has a column.
    """
    header = [str(c) for c in table.columns]
    table = table.set_axis(header, axis=1).reset_index(drop=True)
    for name in (place, *((population,) if population else ()), *(columns or {}).values()):
        refuse_unknown(name, header)
    folded = {fold_column(name): name for name in header if name != place}
    chosen = {g: folded[fold_column(g)] for g in groups if fold_column(g) in folded} | dict(columns or {})
    if not chosen:
        msg = f"the groups are {', '.join(groups)} and the residents' columns {', '.join(header)}: none is of a group"
        raise UsageError(msg, hint="name the columns like the groups of the stops")
    area = labels_of(table[place]).astype("string")
    refuse_doubles(area)
    everyone = population or next((folded[name] for name in EVERYONE if name in folded), None)
    counts = pd.DataFrame({g: _numbers(table[c], area) for g, c in chosen.items()})
    total = None if everyone is None else _numbers(table[everyone], area)
    notes: list[str] = []
    if float(counts.max().max()) <= 1.0:
        if total is None:
            msg = f"the columns {', '.join(chosen.values())} are shares, and no column says of how many residents"
            raise DataError(msg, hint="add a column named population")
        counts = counts.mul(total, axis=0)
        notes.append(f"Residents by group are shares of {everyone}, so they are not whole numbers.")
    if total is None:
        total = counts.sum(axis=1)
        notes.append("No column has all residents, so the groups of the stops are taken to be all of them.")
    over = counts.sum(axis=1) > total * 1.01 + 1
    if over.any():
        msg = f"in {int(over.sum())} areas the groups add up to more than all residents: {listed(area[over])}"
        raise DataError(msg, hint="check which column has all residents, and that no group holds another")
    absent = [g for g in groups if g not in chosen]
    if absent:
        notes.append(f"No residents are given for {', '.join(absent)}, so they have no ratio to residents.")
    empty = int((total <= 0).sum())
    if empty:
        notes.append(
            f"{empty} areas have no residents; stops in them are counted and have nobody to be held against."
        )
    index = pd.Index(area.to_numpy(dtype=object), name="area")
    return Residents(counts.set_axis(index), pd.Series(total.to_numpy(), index=index), tuple(notes))


def _numbers(column: pd.Series, area: pd.Series) -> pd.Series:
    found = pd.to_numeric(column, errors="coerce").astype(float)
    bad = ~np.isfinite(found) | (found < 0)
    if bad.any():
        msg = f"residents {str(column.name)!r} of {int(bad.sum())} areas are unknown or negative: {listed(area[bad])}"
        raise DataError(msg, hint="an unknown number is not zero: complete the table")
    return found
