"""Units of a map with their residents and what was put there: block groups, districts, or rows of any such table.

What is off in a table is said or refused, never dropped: a unit twice, a count that is no number, groups that add up
to more than all residents, units without anybody. Counts that are missing stay missing, for bounds to be made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.margins import CONTROLLED, Margins, variance_of
from peelian.audits.positions import Positions, positions_of
from peelian.errors import DataError, UsageError
from peelian.places.residents import ids_of, listed, refuse_unknown, residents

__all__ = ["Units", "read_units"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ALL = "all"
"""What the one area is called where units aren't told apart."""


@dataclass(frozen=True, eq=False)
class Units:
    """Units with their counts and residents.

    Parameters
    ----------
    ids : array of str, shape (n,)
    by : array of str, shape (n,)
        To which area, agency or map each belongs; each of them is audited on its own.
    counts : array of float, shape (n,)
        What was put there: counts, or hours. NaN where it is not known.
    residents : pandas.DataFrame, shape (n, n_groups)
    positions : Positions
    margins : mapping of str to Margins
        Of the numbers of residents, one for each value of `by`, its groups as in `residents`; none where unknown.
    denominators : mapping of str to array of float, shape (n,)
        What else the counts can be held against, such as those present by day, or reports.
    total : array of float, shape (n,), optional
        All residents, whatever their group.
    periods : pandas.DataFrame, shape (n, n_periods), optional
        The counts of each period, in order.
    notes : tuple of str
        What was found wrong and what became of it.
    """

    ids: npt.NDArray[np.object_]
    by: npt.NDArray[np.object_]
    counts: Floats
    residents: pd.DataFrame
    positions: Positions
    margins: Mapping[str, Margins] = field(default_factory=dict)
    denominators: Mapping[str, Floats] = field(default_factory=dict)
    total: Floats | None = None
    periods: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def groups(self) -> list[str]:
        """Names of the groups."""
        return [str(name) for name in self.residents.columns]

    def parts(self) -> list[str]:
        """The values of `by`, sorted."""
        return sorted({str(one) for one in self.by})

    def at(self, part: str) -> Bools:
        """Which units belong to one value of `by`."""
        return np.asarray(self.by == part, dtype=bool)


def read_units(
    table: pd.DataFrame,
    *,
    unit: str,
    count: str,
    groups: Sequence[str],
    by: str | None = None,
    population: str | None = None,
    margins: Mapping[str, str] | None = None,
    ambient: str | None = None,
    reports: str | None = None,
    period: str | None = None,
    crs: str | None = None,
) -> Units:
    """Units from a table with a row a unit.

    Parameters
    ----------
    table : pandas.DataFrame
        With polygons (a GeoDataFrame, or WKB in a column ``wkb``, ``geometry`` or ``geom``) or points (``lon`` and
        ``lat``, or ``x`` and ``y``) where it has some.
    unit, count : str
        Columns with the unit's id and with what was put there. An empty count is not known; it is not 0.
    groups : sequence of str
        Columns with residents by group.
    by : str, optional
        Column by which units are told apart; a unit may be in several.
    population : str, optional
        Column with all residents.
    margins : mapping of group to column, optional
        90 % margins of error, as the American Community Survey prints them.
    ambient, reports : str, optional
        Columns with those present (by day, say), and with reports.
    period : str, optional
        Column by which a unit has several rows: its counts are added up, and its residents must stay the same.
    crs : str, optional
        Of the polygons or points, where the table doesn't say.

    Raises
    ------
    UsageError
        A group is named twice, or margins name a group that isn't there.
    DataError
        No such column, a unit twice, a count that is negative or no number, residents that are not known.
    """
    named = {"ambient": ambient, "reports": reports}
    wanted = [
        unit,
        count,
        *groups,
        *(margins or {}).values(),
        *(c for c in (by, population, period, *named.values()) if c),
    ]
    for column in wanted:
        refuse_unknown(column, [str(name) for name in table.columns])
    _check_groups(groups, margins or {})
    if not len(table):
        msg = "a table without rows was given; expected a row a unit"
        raise DataError(msg, hint="check the file")
    table = table.reset_index(drop=True)
    ids = _names(table[unit], "id")
    parts = pd.Series(ALL, index=table.index) if by is None else _names(table[by], by)
    counts = _counts(table[count], ids)
    first, periods, notes = _once(
        table, ids, parts, counts, period, [*groups, *(c for c in (population,) if c)]
    )
    rows = table.loc[first]
    ids, parts = ids[first].reset_index(drop=True), parts[first].reset_index(drop=True)
    lived = pd.DataFrame({name: residents(rows[name], ids, unknown="refuse")[0] for name in groups})
    total = None if population is None else residents(rows[population], ids, unknown="refuse")[0].to_numpy()
    held = counts[first] if periods is None else periods.sum(axis=1, skipna=False)
    by_array = parts.to_numpy(dtype=object)
    positions, said = positions_of(rows.reset_index(drop=True), ids, crs=crs)
    return Units(
        ids=ids.to_numpy(dtype=object),
        by=by_array,
        counts=held.to_numpy(dtype=float),
        residents=lived,
        positions=positions,
        margins=_margins(rows, ids, lived, by_array, margins or {}),
        denominators={
            name: residents(rows[column], ids, unknown="refuse")[0].to_numpy()
            for name, column in named.items()
            if column
        },
        total=total,
        periods=periods,
        notes=(*notes, *said),
    )


def _check_groups(groups: Sequence[str], margins: Mapping[str, str]) -> None:
    if len(set(groups)) < max(len(groups), 2):
        msg = f"the groups {', '.join(groups) or 'none'} were given; expected two or more, each once"
        raise UsageError(msg, hint="--groups white_alone,black_alone")
    unknown = sorted(set(margins) - set(groups))
    if unknown:
        msg = f"a margin was given for {unknown[0]!r}; the groups are {', '.join(groups)}"
        raise UsageError(msg, hint=f"--moe {groups[0]}=COLUMN")


def _names(column: pd.Series, what: str) -> pd.Series:
    """Ids or names as text; refused where one is missing."""
    found = ids_of(column)
    missing = found.isna() | (found == "")
    if missing.any():
        msg = f"{int(missing.sum())} of {len(found)} rows have no {what}; the first is row {int(missing.argmax()) + 1}"
        raise DataError(msg, hint="complete the table: a row that belongs nowhere can't be left out unseen")
    return found


def _counts(column: pd.Series, ids: pd.Series) -> pd.Series:
    """Counts as floats, NaN where not known."""
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    blank = column.isna() | (column.astype("string").str.strip() == "").fillna(value=True)
    for bad, what in (
        (numbers.isna() & ~blank, "not a number"),
        ((numbers < 0) | np.isinf(numbers), "negative or infinite"),
    ):
        if bad.any():
            msg = f"{column.name!r} of {int(bad.sum())} units is {what}: {listed(ids[bad])}"
            raise DataError(
                msg,
                hint="leave a cell empty where the count is not known: it is then bounded, not taken as 0",
            )
    return numbers


def _once(
    table: pd.DataFrame,
    ids: pd.Series,
    parts: pd.Series,
    counts: pd.Series,
    period: str | None,
    same: Sequence[str],
) -> tuple[pd.Index, pd.DataFrame | None, list[str]]:
    """The first row of each unit, its counts by period where there are several, and what was noticed."""
    keys = pd.DataFrame({"by": parts, "unit": ids})
    if period is not None:
        keys["period"] = _names(table[period], period)
    twice = keys.duplicated(keep="first")
    if twice.any():
        msg = f"{int(twice.sum())} rows name a unit that was there before: {listed(ids[twice].drop_duplicates())}"
        hint = "name what tells the rows apart (--by, --period), or add them up: nobody lives twice"
        raise DataError(msg, hint=hint)
    if period is None:
        return table.index, None, []
    pair = ["by", "unit"]
    first = ~keys.duplicated(subset=pair)
    order = pd.MultiIndex.from_frame(keys.loc[first, pair])
    for name in same:
        varied = table[name].groupby([keys["by"], keys["unit"]]).nunique(dropna=False) > 1
        if varied.any():
            where = pd.Series([unit for _, unit in varied.index[varied]])
            msg = (
                f"{name!r} changes from one {period} to another in {int(varied.sum())} units: {listed(where)}"
            )
            raise DataError(msg, hint="give each unit one number of residents for all periods")
    wide = counts.set_axis(pd.MultiIndex.from_frame(keys)).unstack("period").reindex(order)
    wide = wide[sorted(wide.columns)].reset_index(drop=True)
    gaps = int(wide.isna().to_numpy().sum())
    notes = [f"{gaps} counts of a unit in a period are not there, and are not taken as 0."] if gaps else []
    return table.index[first.to_numpy()], wide, notes


def _margins(
    rows: pd.DataFrame,
    ids: pd.Series,
    lived: pd.DataFrame,
    by: npt.NDArray[np.object_],
    margins: Mapping[str, str],
) -> dict[str, Margins]:
    if not margins:
        return {}
    given = {}
    for group, column in margins.items():
        numbers = pd.to_numeric(rows[column], errors="coerce").to_numpy(dtype=float)
        bad = ~np.isfinite(numbers) | ((numbers < 0) & (numbers != CONTROLLED))
        if bad.any():
            msg = f"margins {column!r} of {int(bad.sum())} units are missing or negative: {listed(ids[bad])}"
            raise DataError(
                msg, hint=f"{CONTROLLED:.0f} says that there is none; other codes below 0 say nothing"
            )
        given[group] = numbers
    made = {}
    for part in sorted(set(by)):
        held = by == part
        columns = [
            variance_of(given[name][held], lived[name].to_numpy()[held])
            if name in given
            else np.zeros(held.sum())
            for name in lived.columns
        ]
        made[str(part)] = Margins(np.column_stack(columns))
    return made
