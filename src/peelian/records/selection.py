"""Which stored incidents something is about: a source, a category, and days on which they occurred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from peelian.errors import UsageError

__all__ = ["Selection"]


def _plain(text: str) -> str:
    return text.strip().casefold()


@dataclass(frozen=True)
class Selection:
    """A choice among incidents. What is left empty doesn't narrow it, so that an empty one is all of them.

    Parameters
    ----------
    source, category : str, optional
        Spelled in any case; the category may be a standard one or the source's own label.
    first, last : date, optional
        Incidents that may have occurred on one of these days or between them.
    """

    source: str | None = None
    category: str | None = None
    first: date | None = None
    last: date | None = None

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None and self.last < self.first:
            msg = f"records from {self.first} to {self.last} were asked for; expected the earlier day first"
            raise UsageError(msg)

    @classmethod
    def parse(
        cls,
        *,
        source: str | None = None,
        category: str | None = None,
        first: str | None = None,
        last: str | None = None,
    ) -> Self:
        """Read days as ``YYYY-MM-DD``; both are within.

        Raises
        ------
        UsageError
            A day is none, a text is empty, or the days are in the wrong order.
        """
        for what, text in (("source", source), ("category", category)):
            if text is not None and not text.strip():
                msg = f"an empty {what} was given; expected its name, or none at all for every {what}"
                raise UsageError(msg)
        return cls(source, category, _day(first), _day(last))

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(stored["source"], stored["category"], _day(stored["from"]), _day(stored["to"]))

    def to_dict(self) -> dict[str, str | None]:
        """``source``, ``category``, ``from`` and ``to`` as text or None."""
        days = {"from": self.first, "to": self.last}
        told = {key: None if day is None else day.isoformat() for key, day in days.items()}
        return {"source": self.source, "category": self.category, **told}

    @property
    def everything(self) -> bool:
        """Whether nothing narrows it."""
        return self == Selection()

    def __str__(self) -> str:
        parts = [
            "all records" if self.category is None else f"records of {self.category}",
            "" if self.source is None else f"from the source {self.source}",
            "" if self.first is None else f"from {self.first}",
            "" if self.last is None else f"to {self.last}",
        ]
        return " ".join(part for part in parts if part)

    def of_source(self, source: str) -> bool:
        """Whether records of a source may be among them."""
        return self.source is None or _plain(self.source) == _plain(source)

    def of_category(self, category: str) -> bool:
        """Whether something about a category may rest on them; what is about no category may rest on all."""
        return self.category is None or not category or _plain(self.category) == _plain(category)

    def mask(self, table: pa.Table) -> pa.ChunkedArray:
        """Which rows of a table of incidents are chosen: one truth value each.

        A record occurred at some time from ``occurred_from`` to ``occurred_to``; where only a day or a month is known,
        at some time of that.
        """
        chosen = pa.chunked_array([pa.repeat(pa.scalar(True), table.num_rows)])
        if self.source is not None:
            chosen = pc.and_(chosen, pc.equal(pc.utf8_lower(table["source"]), _plain(self.source)))
        if self.category is not None:
            wanted = pa.array([_plain(self.category)])
            either = [
                pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(table[name])), value_set=wanted)
                for name in ("category", "label")
            ]
            chosen = pc.and_(chosen, pc.or_(*either))
        if self.first is not None:
            begin = pa.scalar(datetime.combine(self.first, time()), pa.timestamp("us"))
            chosen = pc.and_(chosen, pc.greater_equal(latest(table), begin))
        if self.last is not None:
            end = pa.scalar(datetime.combine(self.last + timedelta(days=1), time()), pa.timestamp("us"))
            chosen = pc.and_(chosen, pc.less(table["occurred_from"], end))
        return chosen


def latest(table: pa.Table) -> pa.ChunkedArray:
    """The last moment at which each incident of a table may have occurred; naive civil time."""
    known = pc.coalesce(table["occurred_to"], table["occurred_from"])
    known = pc.max_element_wise(known, table["occurred_from"])
    micro = pa.scalar(timedelta(microseconds=1), pa.duration("us"))
    day = pc.add(pc.floor_temporal(known, unit="day"), pa.scalar(timedelta(days=1), pa.duration("us")))
    month = pc.ceil_temporal(known, unit="month", ceil_is_strictly_greater=True)
    known = pc.if_else(pc.equal(table["resolution"], "day"), pc.subtract(day, micro), known)
    return pc.if_else(pc.equal(table["resolution"], "month"), pc.subtract(month, micro), known)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} was given as a day; expected one of the calendar as YYYY-MM-DD"
        raise UsageError(msg, hint="2026-01-31") from None
