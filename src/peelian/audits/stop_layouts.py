"""Layouts of published stop records that are recognised by their columns, and what their outcomes mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from peelian.audits.stop_fields import labels_of, yes_or_no
from peelian.audits.stop_refusals import told_columns
from peelian.errors import DataError
from peelian.records.sources.base import fold_column

__all__ = ["LAYOUTS", "StopLayout", "layout_of"]

Make = Callable[[pd.DataFrame], pd.Series]


@dataclass(frozen=True)
class StopLayout:
    """How one publisher writes stops.

    Parameters
    ----------
    name : str
    columns : mapping
        Field to the file's column; columns that only `made` needs have names of their own, such as ``outcome``.
    meanings : mapping
        What a field stands for, in words.
    made : mapping
        Fields that are made from several columns or from other values than yes and no.
    zone : str, optional
    times : str
        What times without an offset are: ``local`` or ``utc``.
    notes : tuple of str
    """

    name: str
    columns: Mapping[str, str]
    meanings: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, Make] = field(default_factory=dict)
    zone: str | None = None
    times: Literal["local", "utc"] = "local"
    notes: tuple[str, ...] = ()


def layout_of(header: Sequence[str], name: str | None, *, required: bool) -> StopLayout:
    """The layout of that name, or the one that a file's columns are of; an empty one where none need be.

    Raises
    ------
    DataError
        The file lacks columns of the layout, or no layout is recognised and one is required.
    """
    folded = {fold_column(column): column for column in header}
    names = [name] if name is not None else ([n for n in LAYOUTS if _has(n, folded)] if required else [])
    if not names and not required:
        return StopLayout("mapped", {})
    if not names:
        msg = f"the file has {told_columns(header)}: no known layout ({', '.join(sorted(LAYOUTS))})"
        raise DataError(msg, hint="--map time=COLUMN,group=COLUMN,place=COLUMN,search=COLUMN,hit=COLUMN")
    lacking = [column for column in LAYOUTS[names[0]].needs if column not in folded]
    if lacking:
        msg = f"the file lacks {', '.join(lacking)}, which {names[0]} has; it has {told_columns(header)}"
        raise DataError(msg, hint="give another layout, or --map")
    return LAYOUTS[names[0]].make(folded)


def _has(name: str, folded: Mapping[str, str]) -> bool:
    return all(column in folded for column in LAYOUTS[name].needs)


def _police_uk(column: Mapping[str, str]) -> StopLayout:
    outcome = column["outcome"]

    def search(raw: pd.DataFrame) -> pd.Series:
        return pd.Series(True, index=raw.index, dtype="boolean")

    def action(raw: pd.DataFrame) -> pd.Series:
        said = labels_of(raw[outcome])
        text = said.map(lambda v: v.casefold() if isinstance(v, str) else "")
        found = pd.Series(pd.NA, index=raw.index, dtype="boolean")
        found[said.notna()] = ~(text.str.contains("no further action|nothing found") | (text == "false"))[
            said.notna()
        ]
        return found

    return StopLayout(
        "police_uk",
        {
            "time": column["date"],
            "lat": column["latitude"],
            "lon": column["longitude"],
            "group": column["officerdefinedethnicity"],
            "basis": column["legislation"],
            "hit": column["outcomelinkedtoobjectofsearch"],
            "outcome": outcome,
        },
        {
            "group": "ethnicity as the officer defined it",
            "basis": "legislation",
            "hit": "the outcome was linked to the object of the search",
            "action": "an outcome other than no further action",
        },
        {"search": search, "action": action},
        zone="Europe/London",
        times="utc",
        notes=(
            "Every row is a search. Stops without one are not in this file, so the share searched can't be told.",
            "Places are the publisher's anonymous map points, not where the stop was.",
        ),
    )


def _minneapolis(column: Mapping[str, str]) -> StopLayout:
    one, other = column["personsearch"], column["vehiclesearch"]

    def search(raw: pd.DataFrame) -> pd.Series:
        return yes_or_no("search", raw[one]) | yes_or_no("search", raw[other])

    return StopLayout(
        "minneapolis",
        {
            "time": column["date"],
            "place": column["neighborhood"],
            "lat": column["lat"],
            "lon": column["long"],
            "group": column["race"],
            "basis": column["problem"],
            "action": column["citationissued"],
            "one": one,
            "other": other,
        },
        {
            "group": "race as the officer recorded it",
            "basis": "kind of stop",
            "action": "a citation was issued, which is not what a search looks for",
        },
        {"search": search},
        zone="America/Chicago",
        times="utc",
        notes=(
            "The file has no outcome of searches, only whether a citation was issued: that isn't what a search finds.",
            "Groups of census and officers differ: East African is one here, and among the black residents there.",
        ),
    )


@dataclass(frozen=True)
class _Known:
    """Folded names of the columns by which a layout is known, and how it is made of a header."""

    needs: tuple[str, ...]
    make: Callable[[Mapping[str, str]], StopLayout]


LAYOUTS: Mapping[str, _Known] = {
    "police_uk": _Known(
        (
            "date",
            "latitude",
            "longitude",
            "officerdefinedethnicity",
            "legislation",
            "outcome",
            "outcomelinkedtoobjectofsearch",
        ),
        _police_uk,
    ),
    "minneapolis": _Known(
        (
            "date",
            "problem",
            "citationissued",
            "personsearch",
            "vehiclesearch",
            "race",
            "lat",
            "long",
            "neighborhood",
        ),
        _minneapolis,
    ),
}
"""Layouts that are recognised."""
