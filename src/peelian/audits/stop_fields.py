"""The fields of a stop record, and what may never be read as one of them.

A stop is of somebody, so this is where charter rule 1 is nearest: the reader takes a place, a time, a group, a
legal basis, whether there was a search, and what came of it. A column whose name or values look like those of a
human being's own (names, dates of birth, plates, telephone numbers, addresses, numbers of persons) is refused and not
read as anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from peelian.errors import DataError

__all__ = ["FIELDS", "labels_of", "refuse_identifying", "times_of", "yes_or_no"]

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

IDENTITY = frozenset(
    """
    name names surname forename firstname lastname fullname fname lname nickname alias initials birth birthdate
    birthday born dob plate plates licence license vin registration passport ssn nhs id ids identifier identity number
    badge shoulder email mail phone telephone mobile address postcode zip photo image face fingerprint handle
    username twitter facebook imei ip dna
    """.split()  # noqa: SIM905  a list of words reads better as text
)
"""Words of a column's name that make it a human being's own, whatever it is mapped to."""
PLACES = frozenset(
    ("area", "beat", "district", "neighborhood", "neighbourhood", "place", "ward", "zone", "precinct")
)
"""Of these a name or a number is no human being's: ``neighborhood_name``, ``beat_id``."""

MISSING = frozenset(
    """
    unknown unspecified missing none null nan na refused notstated notknown notgiven notrecorded notavailable
    notdefined declined unavailable unk
    """.split()  # noqa: SIM905
)
YES, NO = frozenset(("yes", "y", "true", "t", "1", "10")), frozenset(("no", "n", "false", "f", "0", "00"))

MOST_GROUPS, MOST_BASES, MOST_AREAS = 30, 200, 20_000
LONGEST = 120
FEW = 50
"""Below so many rows it isn't told from values alone that a column is a human being's own."""

_PATTERNS = (
    (re.compile(r"[^@\s]+@[^@\s]+\.[a-z]+", re.IGNORECASE), "mail addresses"),
    (re.compile(r"\+?\(?\d{2,4}\)?[ .-]\d{3}[ .-]?\d{3,4}"), "telephone numbers"),
    (re.compile(r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[ T].*)?"), "dates"),
    (re.compile(r"\d{1,5}[a-z]?,? +(?:[NSEW]\.? +)?\w+.* (?:st|street|ave|avenue|rd|road|ln|lane|dr|drive)\.?",
                re.IGNORECASE), "addresses of houses"),
    (re.compile(r"[A-Z]{1,3}[- ]?\d{2,4}[- ]?[A-Z]{2,3}|[A-Z]{2,3}[- ]\d{3,4}"), "plates"),
    (re.compile(r"[A-Z][a-z'-]+, ?[A-Z][a-z'-]+(?: [A-Z]\.?)?"), "names"),
)  # fmt: skip


def refuse_identifying(field: str, column: str, values: pd.Series) -> None:
    """Raise DataError where a column that is mapped to a field looks like a human being's own.

    Parameters
    ----------
    field : str
        One of `FIELDS`.
    column : str
        Its name in the file.
    values : pandas.Series
        What is in it. Times are looked at by their column's name alone.
    """
    words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column)}
    taken = sorted(words & IDENTITY) or [w for w in IDENTITY if w == column.casefold()]
    if taken and not (field == "place" and words & PLACES):
        _refuse(field, column, f"its name says {taken[0]!r}")
    if field in ("time", "lat", "lon", "search", "hit", "action"):
        return
    said = labels_of(values).dropna()
    distinct = said.drop_duplicates()
    if not len(distinct):
        return
    for pattern, what in _PATTERNS:
        alike = sum(bool(pattern.fullmatch(one)) for one in distinct)
        if alike > 0.5 * len(distinct):
            _refuse(field, column, f"{alike:,} of its {len(distinct):,} values look like {what}")
    most = {"group": MOST_GROUPS, "basis": MOST_BASES}.get(field, MOST_AREAS)
    if len(distinct) > most or (len(said) >= FEW and len(distinct) > 0.5 * len(said)):
        _refuse(
            field, column, f"it has {len(distinct):,} values in {len(said):,} rows, as numbers or names have"
        )
    longest = int(distinct.str.len().max())
    if longest > LONGEST:
        _refuse(field, column, f"it holds text of {longest} characters, and text may name somebody")


def _refuse(field: str, column: str, why: str) -> None:
    msg = f"column {column!r} was given as {field}, but {why}; expected {FIELDS[field]}: places, never persons (rule 1)"
    hint = {
        "group": "--map group=COLUMN with a few groups, such as an age band or what the officer recorded",
        "place": "--map place=COLUMN with the name of an area, or lat and lon, which are reduced to squares",
    }
    raise DataError(msg, hint=hint.get(field, f"map {field} to another column, or leave it out"))


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
        some = ", ".join(repr(v) for v in sorted(said[odd].unique())[:4])
        msg = f"{values.name!r} was given as {field} and has values such as {some}; expected yes or no"
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
        some = ", ".join(repr(str(v)) for v in text[given].head(2))
        msg = f"{values.name!r} was given as time and has values such as {some}; expected dates like 2024-03-01 22:15"
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
