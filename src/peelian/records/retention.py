"""How long records are kept: spans as people write them, and which incidents are older."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from peelian.errors import UsageError
from peelian.records.selection import latest

__all__ = ["KeptFor", "expired", "may_hold_expired"]

_UNITS = {"d": "day", "w": "week", "mo": "month", "y": "year"}


@dataclass(frozen=True)
class KeptFor:
    """A span of the calendar: ``n`` days, weeks, months or years.

    Parameters
    ----------
    n : int
    unit : {"d", "w", "mo", "y"}
    """

    n: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> KeptFor:
        """Read ``"90d"``, ``"12w"``, ``"18mo"``, ``"5y"``.

        Raises
        ------
        UsageError
            The text is none of these.
        """
        match = re.fullmatch(r"\s*([0-9]{1,4})\s*(d|w|mo|y)\s*", text)
        if match is None or int(match[1]) < 1:
            msg = f"{text!r} was given as how long to keep; expected a number of at least 1 and d, w, mo or y"
            raise UsageError(msg, hint="write it as 90d, 12w, 18mo or 5y")
        return cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.n}{self.unit}"

    def before(self, moment: datetime) -> datetime:
        """The moment that lies so long before another one; the last of a month where that day isn't in it.

        Raises
        ------
        UsageError
            That would be before the year 1.
        """
        try:
            if self.unit in ("d", "w"):
                return moment - timedelta(days=self.n * (7 if self.unit == "w" else 1))
            months = moment.year * 12 + moment.month - 1 - self.n * (12 if self.unit == "y" else 1)
            year, month = months // 12, months % 12 + 1
            return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))
        except (OverflowError, ValueError) as error:
            msg = f"{self} before {moment.date()} is before the calendar begins"
            raise UsageError(msg, hint="leave the limit out: what has none is kept") from error


def expired(table: pa.Table, limit: datetime) -> pa.ChunkedArray:
    """Which incidents of a table ended before a moment of naive civil time, at the latest that they can have."""
    return pc.less(latest(table), pa.scalar(limit, pa.timestamp("us")))


def may_hold_expired(name: str, limit: datetime) -> bool:
    """Whether a file of incidents may hold any that ended before `limit`, by the month that its folder names."""
    month = re.search(r"/month=(\d{4})-(\d{2})/", name)
    return month is None or (int(month[1]), int(month[2])) <= (limit.year, limit.month)
