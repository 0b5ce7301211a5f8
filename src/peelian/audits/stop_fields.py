"""The fields of a stop record, and how their values are read.

A stop is of somebody, so this is where charter rule 1 is nearest: the reader takes a place, a time, a group, a
legal basis, whether there was a search, and what came of it. What looks like somebody's own is refused
(`peelian.audits.stop_refusals`), and no error repeats a value that could not be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from peelian.errors import DataError

__all__ = ["FIELDS", "is_missing", "labels_of", "times_of", "yes_or_no"]

FIELDS: Mapping[str, str] = {
    "place": "name of the area",
    "lat": "degrees north, reduced to a square of the map",
    "lon": "degrees east, reduced to a square of the map",
    "time": "date and time of the stop",
    "group": "whom the stop was recorded as being of, as a group",
    "search": "whether there was a search: yes or no",
    "hit": "whether a search found what it was for: yes or no",
    "action": "whether anything was done after it: yes or no",
    "basis": "legal basis, reason or kind of the stop",
}
"""What may be mapped. Nothing else of a file is read."""

MISSING = frozenset(
    """
    unknown unspecified missing none null nan na refused notstated notknown notgiven notrecorded notavailable
    notdefined declined unavailable unk
    """.split()  # noqa: SIM905
)
YES, NO = frozenset(("yes", "y", "true", "t", "1", "10")), frozenset(("no", "n", "false", "f", "0", "00"))


def labels_of(values: pd.Series) -> pd.Series:
    """Text without blanks around it; None where nothing was recorded, in any of the ways to say so."""
    if pd.api.types.is_float_dtype(values.dtype) and bool((values.dropna() % 1 == 0).all()):
        values = values.astype("Int64")
    codes, distinct = pd.factorize(values.reset_index(drop=True))
    texts = [None if is_missing(str(one)) else " ".join(str(one).split()) for one in distinct]
    table = np.array([*texts, None], dtype=object)
    return pd.Series(table[codes], dtype=object)


def is_missing(text: str) -> bool:
    """Whether a label says that nothing was recorded: empty, a dash, unknown, ... - Not stated."""
    last = re.split(r"\s[-–]\s", text)[-1]
    folded = re.sub(r"[^a-z0-9]", "", last.casefold())
    return not folded or folded in MISSING or folded == "na"


def yes_or_no(field: str, values: pd.Series) -> pd.Series:
    """True, False or missing.

    Raises
    ------
    DataError
        Most of what is there is neither yes nor no.
    """
    said = labels_of(values)
    folded = said.map(lambda v: v.casefold().replace(".", "") if isinstance(v, str) else "")
    yes, no = folded.isin(YES), folded.isin(NO)
    odd = said.notna() & ~yes & ~no
    if int(odd.sum()) > 0.05 * max(int(said.notna().sum()), 1):
        n = int(odd.sum())
        msg = f"{values.name!r} was given as {field}, and {n:,} of its values are neither; expected yes or no"
        raise DataError(msg, hint="map a column of yes and no, true and false, or 1 and 0")
    found = pd.Series(pd.NA, index=said.index, dtype="boolean")
    found[yes], found[no] = True, False
    return found


def times_of(values: pd.Series) -> tuple[pd.Series, bool]:
    """Times without a zone, NaT where they can't be read, and whether they said that they are UTC.

    Raises
    ------
    DataError
        Most of them can't be read.
    """
    values = values.reset_index(drop=True)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.tz_convert("UTC").dt.tz_localize(None), True
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return values, False
    text = values.astype("string").str.strip()
    offset = text.str.contains(r"\d(?:Z|[+-]\d{2}:?\d{2})$", regex=True, na=False)
    read = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)
    given = text.notna() & (text != "")
    if not given.any() or int((read.isna() & given).sum()) > 0.5 * int(given.sum()):
        n, of = int((read.isna() & given).sum()), int(given.sum())
        msg = f"{values.name!r} was given as time, and {n:,} of its {of:,} values can't be read; expected dates like "
        msg += "2024-03-01 22:15"
        raise DataError(
            msg, hint="write times as year-month-day hour:minute, so that none can be read in two ways"
        )
    if 0 < int((offset & given).sum()) < int(given.sum()):
        msg = (
            f"{int((offset & given).sum()):,} of {int(given.sum()):,} times in {values.name!r} say how far they are "
            "from UTC and the others don't"
        )
        raise DataError(msg, hint="write all times alike")
    return read, bool((offset & given).any())
