"""Any CSV or Parquet through a mapping from field to column, with charter rule 1 at the door.

A mapping can name only fields of the allow-list, only columns that the file has, and no column whose name
says that it is about a person.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from peelian.errors import SourceError
from peelian.records.sources.base import DateOrder, Layout, Source, fold_column
from peelian.records.sources.known import SOURCES

__all__ = ["MAPPABLE", "mapped_source", "person_word"]

#: Field that a user may map -> the input it is read as. ``label`` and ``category`` are the same.
MAPPABLE: Mapping[str, str] = MappingProxyType(
    {
        "id": "id",
        "occurred_from": "occurred_from",
        "occurred_to": "occurred_to",
        "reported": "reported",
        "category": "label",
        "label": "label",
        "x": "x",
        "y": "y",
        "officer_initiated": "officer_initiated",
        "domestic": "domestic",
        "location_type": "location_type",
    }
)

_REQUIRED = ("occurred_from", "x", "y")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Whole words of a column's name that say it is about a person.
_PERSON = _words(
    """
    age aged arrestees badge birth birthdate born caller cellphone citizenship dob driver email ethnic
    ethnicity face fingerprint firstname fname forename fullname gender handle hispanic ip lastname
    license licence lname mail mobile mugshot nationality nickname passport person persons phone photo
    plate plates race racial religion reporter sex ssn sobriquet surname telephone username user vin
    alias complainant guardian informant juvenile resident tenant tweet twitter facebook instagram owner
    officer
    """
)
# Beginnings of a word that say so too: victim, victims, vict_age, suspectname, ...
_PERSON_STEMS = (
    "vict",
    "suspect",
    "offender",
    "arrestee",
    "perp",
    "witness",
    "defendant",
    "complainant",
    "accused",
)
# "name" is about a person unless it is the name of one of these.
_THINGS = _words(
    """
    area beat building category charge city code crime district group incident kind location
    neighborhood neighbourhood nibrs offence offense place premise premises station statute street type
    ucr zone
    """
)


def person_word(column: str) -> str | None:
    """Return the word of a column's name that says it is about a person, or ``None``."""
    words: list[str] = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", column)
    lowered = [word.lower() for word in words]
    # SUSPECTNAME, Officer_Initiated, victim1: run-together and split names are looked at both ways.
    compact = fold_column(column)
    if compact in {"officerinitiated", "officerinitiatedflag", "selfinitiated"}:
        return None
    for word in lowered:
        if word in _PERSON or word.startswith(_PERSON_STEMS):
            return word
    if "name" in lowered or compact.endswith("name"):
        things = any(word in _THINGS for word in lowered) or compact.removesuffix("name") in _THINGS
        return None if things else "name"
    return next((stem for stem in _PERSON_STEMS if stem in compact), None)


def mapped_source(
    mapping: Mapping[str, str],
    header: Sequence[str],
    *,
    name: str = "mapped",
    crs: str | None = None,
    zone: str | None = None,
    date_order: DateOrder | None = None,
) -> Source:
    """Return the source that a mapping describes, checked against a file's header.

    ``name`` is what the incidents' ``source`` will say. Ids are told apart within a source only, so files with ids of
    their own (calls, and reports) need a name each.

    Raises
    ------
    SourceError
        If the name is no name, or a known source's; if a field is not on the allow-list, a required one is
        absent, a column is not in the file (near names are listed) or a column is about persons.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        msg = f"source name {name!r} is not lower-case letters, digits and underscores (at most 40)"
        raise SourceError(msg, hint="source=city_calls")
    if name in SOURCES:
        msg = (
            f"source name {name!r} is that of a known source ({SOURCES[name].title}), which needs no mapping"
        )
        raise SourceError(msg, hint=f"source=city_{name}, or leave the mapping out")
    columns: dict[str, str] = {}
    for target, column in mapping.items():
        if target not in MAPPABLE:
            near = difflib.get_close_matches(target, MAPPABLE, n=1)
            allowed = ", ".join(MAPPABLE)
            msg = f"{target!r} is not a field that may be kept (charter rule 1); the allow-list is {allowed}"
            raise SourceError(msg, hint=f"write {near[0]}={column}" if near else f"leave {target} out")
        if MAPPABLE[target] in columns:
            msg = f"{target!r} is mapped twice (category and label are the same field)"
            raise SourceError(msg, hint="map category alone")
        columns[MAPPABLE[target]] = _column(column, header)
        word = person_word(column)
        if word is not None:
            msg = (
                f"column {column!r} (for {target}) is about persons ({word!r}); "
                "charter rule 1: places, never persons"
            )
            raise SourceError(msg, hint=f"leave {target} out, or map a column that is about the incident")
    missing = [target for target in _REQUIRED if target not in columns]
    if missing:
        msg = f"the mapping lacks {', '.join(missing)}; every incident needs a time and a place"
        raise SourceError(msg, hint="--map occurred_from=COLUMN,x=COLUMN,y=COLUMN,category=COLUMN")
    if crs is None and _is_degrees(columns):
        crs = "EPSG:4326"
    title = f"mapped columns ({', '.join(f'{k}={v}' for k, v in columns.items())})"
    layout = Layout(MappingProxyType(columns))
    return Source(name, title, crs, zone, (layout,), date_order=date_order, mapped=True)


def _column(column: str, header: Sequence[str]) -> str:
    if column in header:
        return column
    folded = [name for name in header if fold_column(name) == fold_column(column)]
    if len(folded) == 1:
        return folded[0]
    near = difflib.get_close_matches(column, header, n=3, cutoff=0.4)
    msg = f"column {column!r} is not in the file; it has {', '.join(header)}"
    raise SourceError(
        f"{msg}; near: {', '.join(near)}" if near else msg, hint=f"use {near[0]}" if near else None
    )


def _is_degrees(columns: Mapping[str, str]) -> bool:
    return fold_column(columns["x"]) in {"lon", "lng", "long", "longitude"} and fold_column(columns["y"]) in {
        "lat",
        "latitude",
    }
