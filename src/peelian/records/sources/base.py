"""What a source is: data, not code. Which columns hold which field, in which CRS and zone.

A reader is one :class:`Source` in a file of its own. Adding a city means adding such a file and its category
table; the pipeline that parses, checks and stores is the same for all.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from peelian.errors import SourceError

__all__ = ["INPUTS", "MAP_HINT", "DateOrder", "Layout", "Source", "fold_column"]

#: The remedy for a file of no known source.
MAP_HINT = "map the columns: --map occurred_from=COLUMN,x=COLUMN,y=COLUMN,category=COLUMN"

#: Order of day and month in dates with slashes.
DateOrder = Literal["mdy", "dmy"]

#: What a column may be read for. ``key`` repeats over the rows of one case; ``code`` and ``count`` serve
#: categories and corrections; none of these three is stored.
INPUTS: tuple[str, ...] = (
    "id",
    "key",
    "occurred_from",
    "occurred_to",
    "reported",
    "label",
    "code",
    "x",
    "y",
    "officer_initiated",
    "domestic",
    "location_type",
    "count",
)


def fold_column(name: str) -> str:
    """Return a column name as it is compared: lower case, letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


@dataclass(frozen=True, slots=True)
class Layout:
    """One form in which a source publishes: input (of :data:`INPUTS`) -> the file's column.

    ``signature`` are columns that must all be there for a header to be recognised; it defaults to the
    columns that every layout needs (time, place and label).
    """

    columns: Mapping[str, str]
    signature: frozenset[str] = field(default_factory=frozenset)

    @property
    def required(self) -> frozenset[str]:
        """The columns without which a file is not of this layout."""
        needed = {self.columns[name] for name in ("occurred_from", "x", "y", "label") if name in self.columns}
        return frozenset(needed) | self.signature

    def missing(self, header: Sequence[str]) -> list[str]:
        """Return the required columns that ``header`` lacks."""
        have = {fold_column(name) for name in header}
        return sorted(name for name in self.required if fold_column(name) not in have)

    def positions(self, header: Sequence[str]) -> dict[str, int]:
        """Return input -> position in ``header``, for every column of the layout that is there."""
        have: dict[str, int] = {}
        for position, name in enumerate(header):
            have.setdefault(fold_column(name), position)
        return {
            name: have[fold_column(column)]
            for name, column in self.columns.items()
            if fold_column(column) in have
        }


@dataclass(frozen=True, slots=True)
class Source:
    """A publisher's records.

    Parameters
    ----------
    name : str
        Short name, as stored in ``source`` and in the store's partitions: lower case, digits and underscores.
    title : str
        Who publishes it, for people.
    crs : str or None
        CRS of the file's coordinates; ``None`` if the reader must be told.
    zone : str or None
        IANA zone of its times; ``None`` if the reader must be told.
    layouts : tuple of Layout
        The forms in which it is published.
    date_order : {"mdy", "dmy"}, optional
        Order in dates with slashes; ``None`` when it must be seen from the values.
    zero_is_no_place : bool
        A single zero coordinate means "no place" (two zeros always do).
    domestic_pattern : str, optional
        A label that ends so is a domestic incident, where no column says it.
    """

    name: str
    title: str
    crs: str | None
    zone: str | None
    layouts: tuple[Layout, ...]
    date_order: DateOrder | None = None
    zero_is_no_place: bool = False
    domestic_suffix: str | None = None
    mapped: bool = False

    def layout(self, header: Sequence[str]) -> Layout | None:
        """Return the first layout whose required columns are all in ``header``."""
        return next((layout for layout in self.layouts if not layout.missing(header)), None)

    def require_layout(self, header: Sequence[str]) -> Layout:
        """Return the layout of ``header``, or raise SourceError naming what is missing."""
        layout = self.layout(header)
        if layout is not None:
            return layout
        nearest = min(self.layouts, key=lambda candidate: len(candidate.missing(header)))
        missing = nearest.missing(header)
        near = {m: difflib.get_close_matches(m, list(header), n=1, cutoff=0.6) for m in missing}
        shown = ", ".join(f"{m} (near: {n[0]})" if n else m for m, n in near.items())
        found = ", ".join(header) or "no columns"
        msg = f"not a file of {self.name} ({self.title}): it lacks {shown}; it has {found}"
        raise SourceError(msg, hint=MAP_HINT)
