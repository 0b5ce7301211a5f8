"""Ids and numbers of residents in tables of areas: read carefully, since unknown is not zero."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from peelian.errors import DataError, UsageError

__all__ = ["ids_of", "listed", "refuse_doubles", "refuse_group_names", "refuse_unknown", "residents"]

Unknown = Literal["refuse", "empty"]

OWN = ("area_id", "name", "geometry")
"""Columns that every table of areas has."""


def ids_of(column: pd.Series) -> pd.Series:
    """Ids as text: whole numbers without a fraction, text without blanks around it."""
    column = column.reset_index(drop=True)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        whole = column.dropna()
        if np.array_equal(whole.to_numpy(dtype=float), np.round(whole.to_numpy(dtype=float))):
            column = column.astype("Int64")
    return column.astype("string").str.strip()


def residents(column: pd.Series, ids: pd.Series, *, unknown: Unknown) -> tuple[pd.Series, list[str]]:
    """Residents as floats, and a note where unknown ones were declared to be none."""
    numbers = pd.to_numeric(column, errors="coerce").astype("float64").reset_index(drop=True)
    name, ids = str(column.name), ids.reset_index(drop=True)
    for bad, what in (
        (numbers.isna() & column.reset_index(drop=True).notna(), "not a number"),
        ((numbers < 0) | np.isinf(numbers), "negative or infinite"),
    ):
        if bad.any():
            msg = f"residents {name!r} of {int(bad.sum())} areas are {what}: {listed(ids[bad])}"
            raise DataError(msg, hint="codes such as -666666666 mean unknown: leave these cells empty")
    missing = numbers.isna()
    if not missing.any():
        return numbers, []
    if unknown != "empty":
        msg = f"residents {name!r} of {int(missing.sum())} areas are unknown: {listed(ids[missing])}"
        raise DataError(msg, hint="complete the table; if nobody lives there, say so with unknown='empty'")
    note = (
        f"{name}: {int(missing.sum())} areas without a number are taken to be empty: {listed(ids[missing])}"
    )
    return numbers.fillna(0.0), [note]


def listed(ids: pd.Series, most: int = 5) -> str:
    """The first few ids, and how many more there are."""
    few = ", ".join(str(i) for i in ids.head(most))
    return few if len(ids) <= most else f"{few} and {len(ids) - most} more"


def refuse_doubles(ids: pd.Series) -> None:
    """Raise DataError where an id is missing or used twice."""
    missing = ids.isna() | (ids == "")
    if missing.any():
        msg = f"{int(missing.sum())} of {len(ids)} rows have no id"
        raise DataError(msg, hint="give every area an id, or name another column")
    double = ids[ids.duplicated()].drop_duplicates()
    if len(double):
        msg = f"{len(double)} ids are used more than once: {listed(double)}"
        raise DataError(
            msg, hint="name the column with unique ids, or dissolve the parts of an area into one"
        )


def refuse_unknown(column: str, columns: Sequence[str]) -> None:
    """Raise DataError, with near names, unless `column` is one of `columns`."""
    if column not in columns:
        folded = {c.lower(): c for c in columns}
        near = [folded[c] for c in difflib.get_close_matches(column.lower(), folded, n=3)]
        msg = f"column {column!r} was named, but the columns are {', '.join(columns)}"
        raise DataError(msg, hint=f"did you mean {' or '.join(near)}?" if near else "name one of these")


def refuse_group_names(groups: Mapping[str, str]) -> None:
    """Raise UsageError where a group of residents would hide a column of the area itself."""
    taken = [group for group in groups if group in OWN]
    if taken:
        msg = f"{taken[0]!r} was given as a group of residents, but names the area itself"
        raise UsageError(msg, hint="give groups as {group: column}")
