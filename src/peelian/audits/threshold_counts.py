"""Stops, searches and hits by district and group, checked for what the threshold test can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import DataError, NotEnoughDataError, UsageError

__all__ = ["FEWEST_DISTRICTS", "FEWEST_SEARCHES", "StopCounts", "Unused", "stop_counts"]

Ints = npt.NDArray[np.int64]

FEWEST_DISTRICTS = 2
FEWEST_SEARCHES = 20
"""Districts with stops, and searches in all, that a group needs."""

COUNTS = ("stops", "searches", "hits")


@dataclass(frozen=True)
class Unused:
    """A group of which there is too little.

    Parameters
    ----------
    totals : tuple of int
        Stops, searches and hits.
    why : str
    """

    totals: tuple[int, int, int]
    why: str


@dataclass(frozen=True, eq=False)
class StopCounts:
    """Counts of the groups that can be compared.

    Parameters
    ----------
    districts, groups : tuple of str
        Districts with stops of these groups; the groups, the reference first.
    stops, searches, hits : array of int, shape (n_groups, n_districts)
        0 where a district has no stops of a group.
    unused : mapping of str to Unused
    notes : tuple of str
        What was left out, with its number.
    """

    districts: tuple[str, ...]
    groups: tuple[str, ...]
    stops: Ints
    searches: Ints
    hits: Ints
    unused: Mapping[str, Unused]
    notes: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The group that others are compared with."""
        return self.groups[0]

    @property
    def others(self) -> tuple[str, ...]:
        """All groups but the reference."""
        return self.groups[1:]


def stop_counts(table: pd.DataFrame, *, reference: str) -> StopCounts:
    """Check a table of counts and lay it out by group and district.

    Parameters
    ----------
    table : pandas.DataFrame
        ``district``, ``group``, ``stops``, ``searches``, ``hits``.
    reference : str

    Raises
    ------
    UsageError, DataError, NotEnoughDataError
        See `peelian.audits.threshold_test.threshold_test`.
    """
    missing = [name for name in ("district", "group", *COUNTS) if name not in table.columns]
    if missing:
        msg = (
            f"a table without {', '.join(missing)} was given; expected district, group, stops, searches, hits"
        )
        raise UsageError(msg)
    named, notes = _named(table)
    _check_counts(named)
    if not named["stops"].sum() > 0:
        msg = "a table without stops was given; expected stops of two groups in several districts"
        raise NotEnoughDataError(msg)
    if bool((named["stops"] == named["searches"]).all()):
        msg = (
            "every stop in these counts is a search; expected stops without one too: a threshold is told by who is "
            "searched and who is not"
        )
        raise NotEnoughDataError(
            msg, hint="give all stops; records of searches alone allow the outcome test only"
        )
    wide = {name: named.pivot(index="group", columns="district", values=name).fillna(0) for name in COUNTS}
    unused = _unused(wide)
    groups = [str(group) for group in wide["stops"].index if group not in unused and group != reference]
    if reference not in wide["stops"].index:
        msg = f"{reference!r} was given as the reference; expected one of {', '.join(wide['stops'].index)}"
        raise UsageError(msg)
    if reference in unused or not groups:
        short = reference if reference in unused else "every group but the reference"
        why = (
            unused[reference].why
            if reference in unused
            else "; ".join(f"{g}: {u.why}" for g, u in unused.items())
        )
        msg = f"{short} can't be compared ({why}); expected {FEWEST_SEARCHES} searches in {FEWEST_DISTRICTS} districts"
        raise NotEnoughDataError(msg, hint="give a longer time, or merge groups")
    order = [reference, *groups]
    used = wide["stops"].loc[order].sum(axis=0) > 0
    if (empty := int((~used).sum())) > 0:
        notes.append(f"{empty} districts have no stops of these groups and were left out.")
    laid = {name: wide[name].loc[order, used.to_numpy()].to_numpy(dtype=np.int64) for name in COUNTS}
    return StopCounts(
        districts=tuple(str(district) for district in used.index[used]),
        groups=tuple(order),
        stops=laid["stops"],
        searches=laid["searches"],
        hits=laid["hits"],
        unused=unused,
        notes=tuple(notes),
    )


def _named(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Rows with a district and a group, and a note of the stops in others; never two rows for the same."""
    known = table["district"].notna() & table["group"].notna()
    notes = []
    if not known.all():
        stops = pd.to_numeric(table.loc[~known, "stops"], errors="coerce")
        whole = pd.to_numeric(table["stops"], errors="coerce").sum()
        notes.append(
            f"{stops.sum():,.0f} of {whole:,.0f} stops are without a district or a group and could not be counted: if "
            "they differ from the others, gaps may be larger or smaller than told."
        )
    named = table.loc[known, ["district", "group", *COUNTS]].astype({"district": str, "group": str})
    twice = named.duplicated(["district", "group"])
    if twice.any():
        row = named[twice].iloc[0]
        msg = f"district {row['district']} and group {row['group']} come more than once; expected one row for both"
        raise DataError(msg, hint="table.groupby(['district', 'group'], as_index=False).sum()")
    return named.sort_values(["district", "group"], kind="stable").reset_index(drop=True), notes


def _check_counts(named: pd.DataFrame) -> None:
    """Raise DataError unless counts are whole numbers with hits <= searches <= stops."""
    for name in COUNTS:
        values = pd.to_numeric(named[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        wrong = ~(np.isfinite(values) & (values >= 0) & (values == np.floor(values)))
        if wrong.any():
            row = named[wrong].iloc[0]
            msg = (
                f"{int(wrong.sum())} rows have {name} such as {row[name]!r} (district {row['district']}, group "
                f"{row['group']}); expected whole numbers of at least 0"
            )
            hint = (
                "leave out searches whose outcome is not known, from searches and stops alike, and count them"
            )
            raise DataError(msg, hint=hint if name == "hits" else None)
        named[name] = values.astype(np.int64)
    wrong = ((named["hits"] > named["searches"]) | (named["searches"] > named["stops"])).to_numpy()
    if wrong.any():
        row = named[wrong].iloc[0]
        msg = (
            f"{int(wrong.sum())} rows contradict themselves, such as district {row['district']}, group {row['group']}: "
            f"{row['stops']} stops, {row['searches']} searches, {row['hits']} hits; expected hits <= searches <= stops"
        )
        raise DataError(msg)


def _unused(wide: Mapping[str, pd.DataFrame]) -> dict[str, Unused]:
    """Groups in too few districts or with too few searches."""
    found = {}
    for group in wide["stops"].index:
        stops, searches, hits = (int(wide[name].loc[group].sum()) for name in COUNTS)
        districts = int((wide["stops"].loc[group] > 0).sum())
        if districts < FEWEST_DISTRICTS or searches < FEWEST_SEARCHES:
            why = f"{searches} searches in {districts} districts, fewer than {FEWEST_SEARCHES} in {FEWEST_DISTRICTS}"
            found[str(group)] = Unused((stops, searches, hits), f"It has {why}.")
    return found
