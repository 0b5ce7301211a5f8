"""The columns of a file of stops that are refused, as they look like somebody's own, and how a refusal is worded.

Names, dates of birth, plates, telephone numbers, addresses and numbers of persons are never read, whatever field their
column is mapped to. A column is refused by its name, by what its values look like, or since too many of them differ. A
refusal says which column and why; it repeats no value, and no header that may be a row of the table, as an error
message is kept and read by others. The lists here are ours: they catch what is usual, and no list catches all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from peelian.audits.stop_fields import FIELDS, NO, YES, is_missing, labels_of
from peelian.errors import DataError

__all__ = ["refuse_births", "refuse_identifying", "told_columns"]

IDENTITY = frozenset(
    """
    name names surname forename firstname lastname fullname fname lname nickname alias initials birth birthdate
    birthday born dob plate plates licence license vin registration passport ssn nhs id ids identifier identity number
    badge shoulder email mail phone telephone mobile address postcode zip photo image face fingerprint handle
    username twitter facebook imei ip dna
    """.split()  # noqa: SIM905  a list of words reads better as text
)
"""Words of a column's name that make it a human being's own, whatever it is mapped to."""
WRITTEN_TOGETHER = re.compile(
    r"birth|surname|forename|firstname|lastname|fullname|passport|telephone|(?<!auto)mobile|phone|e?mail|address|"
    r"fingerprint|nickname|(?<!tem)plates?$|licen[cs]es?(?:no|number)?$|(?:name|dob|ssn|vin)s?$|^dob|^ssn|^vin(?:no|number)"
)
"""The same in one word without anything between its parts: ``drivername``, ``dateofbirth``."""
WHO = frozenset(
    """
    officer officers driver drivers passenger pedestrian subject suspect defendant offender arrestee owner stopped
    person persons people individual detainee cop trooper deputy agent badge witness victim
    """.split()  # noqa: SIM905
)
"""A column that ends so is of human beings and not of something about them: ``officer``, not ``officer_race``."""
ABOUT = frozenset(
    """
    race ethnicity ethnic sex gender age nationality origin religion colour color group kind type category class reason
    """.split()  # noqa: SIM905
)
"""With one of these it is of something about them after all: ``race_of_driver``."""
PLACES = frozenset(
    """
    area beat district neighborhood neighbourhood place ward zone precinct borough county city town sector division
    tract region community agency department station
    """.split()  # noqa: SIM905
)
HANDLES = frozenset(("name", "names", "id", "ids", "identifier", "number", "no", "code"))
"""After one of `PLACES` these are no human being's: ``neighborhood_name``, ``beat_id``; not ``district_officer_id``."""

MOST_GROUPS, MOST_BASES, MOST_AREAS = 30, 200, 20_000
MOST_CAPITALISED = 5
"""Groups of two words with capitals, as names have, of which none is one of `OF_GROUPS`, that a column may have."""
OF_GROUPS = frozenset(
    """
    white black asian mixed other native american african hispanic latino latina arab east south west north middle
    european chinese british irish caribbean pacific islander indian alaskan indigenous islamic christian any not
    """.split()  # noqa: SIM905
)
RECURS = 5
"""Areas whose values stand in so many rows each may look like plates, as beats such as "NW-101" do."""
LONGEST = 120
EARLIEST, YEARS = 1990, 30
"""Days of which more than one in twenty are earlier, or that go over more years, may be days of birth."""

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
        What is in it. Of times, coordinates and what is yes or no, only the column's name is looked at here.
    """
    taken = _says_who(field, column)
    if taken is not None:
        _refuse(field, column, f"its name says {taken!r}")
    if field not in ("group", "place", "basis"):
        return
    said = labels_of(values).dropna()
    distinct = said.drop_duplicates()
    if not len(distinct):
        return
    for pattern, what in _PATTERNS:
        alike = sum(bool(pattern.fullmatch(one)) for one in distinct)
        beats = field == "place" and what == "plates" and len(said) >= RECURS * len(distinct)
        if alike > 0.5 * len(distinct) and not beats:
            _refuse(field, column, f"{alike:,} of its {len(distinct):,} values look like {what}")
    alike = sum(_like_name(one) for one in distinct) if field == "group" else 0
    if alike > MOST_CAPITALISED and alike > 0.5 * len(distinct):
        _refuse(field, column, f"{alike:,} of its {len(distinct):,} values look like names")
    _refuse_many(field, column, said, distinct)


def _refuse_many(field: str, column: str, said: pd.Series, distinct: pd.Series) -> None:
    """Raise DataError where values hardly recur, or are as long as what somebody wrote."""
    most = {"group": MOST_GROUPS, "basis": MOST_BASES}.get(field, MOST_AREAS)
    # Two values in three rows are no sign of anything; in a short file everything else must recur as in a long one.
    if len(distinct) > most or len(distinct) > max(0.5 * len(said), 2):
        _refuse(
            field, column, f"it has {len(distinct):,} values in {len(said):,} rows, as numbers or names have"
        )
    longest = int(distinct.str.len().max())
    if longest > LONGEST:
        _refuse(field, column, f"it holds text of {longest} characters, and text may name somebody")


def _like_name(text: str) -> bool:
    words = text.split()
    capitals = len(words) in (2, 3) and all(re.fullmatch(r"[A-Z][\w'.-]*", word) for word in words)
    return capitals and not OF_GROUPS & set(re.findall(r"\w+", text.casefold()))


def _says_who(field: str, column: str) -> str | None:
    """The word of a column's name, of the lists here, that makes it a human being's own."""
    words: list[str] = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column)]
    if field == "place":
        while len(words) > 1 and words[-1] in HANDLES and words[-2] in PLACES:
            words = words[:-1]
        words = [
            word if word.removesuffix("name") not in PLACES else word.removesuffix("name") for word in words
        ]
        if words and words[-1] in PLACES and not {"birth", "born"} & set(words):
            return None
    for word in words:
        if word in IDENTITY:
            return word
        found = WRITTEN_TOGETHER.search(word)
        if found is not None:
            return found.group()
    # Whether somebody was searched is yes or no, whoever it was: `search_person`.
    if field in ("group", "place", "basis") and words and words[-1] in WHO and not ABOUT & set(words):
        return words[-1]
    return None


def told_columns(header: Sequence[str]) -> str:
    """The columns of a file, for an error; none of them where one looks like a value or stands there twice."""
    named = [name.strip() for name in header if name.strip()]
    if any(_is_value(name) for name in named) or len(named) > len(set(named)):
        return "columns whose names look like values, so that they are not repeated here"
    return ", ".join(header)


def _is_value(name: str) -> bool:
    if re.fullmatch(r"[-+]?\d+(?:[.,:/]\d+)*", name):
        return True
    if any(pattern.fullmatch(name) for pattern, _ in _PATTERNS):
        return True
    # One letter is a column as often as it is a yes: x and y are coordinates.
    return len(name) > 1 and (is_missing(name) or name.casefold() in YES | NO)


def refuse_births(column: str, days: pd.Series) -> None:
    """Raise DataError where the days of stops may be days of birth.

    Parameters
    ----------
    column : str
    days : pandas.Series
        Of datetimes.
    """
    years = days.dropna().dt.year
    if years.empty:
        return
    early = float((years < EARLIEST).mean())
    span = float(years.quantile(0.99) - years.quantile(0.01))
    if early > 0.05 or span > YEARS:
        over = f"its days go over {span:.0f} years, {100 * early:.0f} % of them before {EARLIEST}"
        _refuse("time", column, f"{over}, as days of birth do")


def _refuse(field: str, column: str, why: str) -> None:
    msg = f"column {column!r} was given as {field}, but {why}; expected {FIELDS[field]}: places, never persons (rule 1)"
    hint = {
        "group": "--map group=COLUMN with a few groups, such as an age band or what the officer recorded",
        "place": "--map place=COLUMN with the name of an area, or lat and lon, which are reduced to squares",
    }
    raise DataError(msg, hint=hint.get(field, f"map {field} to another column, or leave it out"))
