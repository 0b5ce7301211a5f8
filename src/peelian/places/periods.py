"""Periods: half-open stretches of civil time, one after the other."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from peelian.errors import NotEnoughDataError, UsageError
from peelian.units import Frequency

__all__ = ["Period", "Periods"]

Day = str | date | np.datetime64

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]*)?")


def as_day(day: Day) -> np.datetime64:
    """Read a civil date; anything finer than a day is cut off.

    Raises
    ------
    UsageError
        It is no date, only a year or a month, or has a time zone: civil dates have none.
    """
    found: np.datetime64 | None = None
    if isinstance(day, np.datetime64):
        found = None if np.isnat(day) else day
    elif isinstance(day, datetime):
        # NumPy would move an aware time to UTC, and with it perhaps to another day.
        found = None if day.tzinfo is not None else np.datetime64(day.date())
    # Not every string that NumPy takes: "now" reads the clock, and "2016" is a year.
    elif isinstance(day, date) or _ISO.fullmatch(str(day).strip()):
        with suppress(ValueError):
            found = np.datetime64(str(day).strip()[:10])
    if found is None:
        msg = f"{day!r} was given as a date; expected YYYY-MM-DD in local civil time"
        raise UsageError(msg, hint="write it as 2016-01-31")
    civil: np.datetime64 = found.astype("datetime64[D]")
    return civil


@dataclass(frozen=True)
class Period:
    """From `start` up to and without `end`, both civil dates at local midnight."""

    start: np.datetime64
    end: np.datetime64

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_day(self.start))
        object.__setattr__(self, "end", as_day(self.end))
        if not self.start < self.end:
            msg = f"a period from {self.start} to {self.end} was given; expected an end after its start"
            raise UsageError(msg)

    @property
    def days(self) -> int:
        """Length in days."""
        return int((self.end - self.start).astype(int))

    def __str__(self) -> str:
        return f"{self.start} to {self.end - np.timedelta64(1, 'D')}"


@dataclass(frozen=True, eq=False)
class Periods:
    """A run of periods without gaps.

    Parameters
    ----------
    edges : array of datetime64[D], shape (n + 1,)
        Strictly increasing; period i is ``[edges[i], edges[i + 1])``.
    frequency : Frequency
        The span that separates the edges.
    """

    edges: npt.NDArray[np.datetime64]
    frequency: Frequency

    def __post_init__(self) -> None:
        edges = np.array(self.edges, dtype="datetime64[D]")
        ordered = edges.ndim == 1 and edges.size > 0 and not np.isnat(edges).any()
        if not ordered or np.any(np.diff(edges) <= np.timedelta64(0, "D")):
            msg = f"period edges of shape {edges.shape} were given; expected dates that increase"
            raise UsageError(msg)
        edges.setflags(write=False)
        object.__setattr__(self, "edges", edges)

    @classmethod
    def covering(
        cls, start: Day, end: Day, frequency: str | Frequency, *, align: Literal["end", "start"] = "end"
    ) -> Periods:
        """Whole periods within ``[start, end)``.

        Parameters
        ----------
        start, end : date
            Half-open bounds.
        frequency : str or Frequency
            Such as ``"1w"``. Months are calendar months, from a first to a first: records that know only
            the month can't be put into any other.
        align : {"end", "start"}
            Which bound coincides with an edge. With ``"end"`` (the default) what doesn't fit is cut off at
            the start, so that the latest records are used.

        Raises
        ------
        NotEnoughDataError
            Not one whole period fits.
        """
        frequency = Frequency.parse(frequency)
        if align not in ("end", "start"):
            msg = f"align={align!r} was given; expected 'end' or 'start'"
            raise UsageError(msg)
        first, last = as_day(start), as_day(end)
        low, high = (_month_after(first), _month_before(last)) if frequency.unit == "mo" else (first, last)
        step, anchor = (1, low) if align == "start" else (-1, high)
        found = [anchor]
        while low <= (following := frequency.add(anchor, step * len(found))) <= high:
            found.append(following)
        if len(found) < 2:
            msg = (
                f"periods of {frequency} were asked for from {first} up to {last}, "
                "which holds not one whole period"
            )
            raise NotEnoughDataError(
                msg, hint="use a shorter period, such as --period 1d, or import more records"
            )
        return cls(np.array(sorted(found), dtype="datetime64[D]"), frequency)

    def __len__(self) -> int:
        return int(self.edges.size) - 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Periods):
            return NotImplemented
        return self.frequency == other.frequency and np.array_equal(self.edges, other.edges)

    __hash__ = None  # type: ignore[assignment]

    @overload
    def __getitem__(self, key: int) -> Period: ...
    @overload
    def __getitem__(self, key: slice) -> Periods: ...
    def __getitem__(self, key: int | slice) -> Period | Periods:
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step != 1:
                msg = f"a step of {step} was given; periods are taken in runs"
                raise UsageError(msg)
            return Periods(self.edges[start : max(stop, start) + 1], self.frequency)
        i = range(len(self))[key]
        return Period(self.edges[i], self.edges[i + 1])

    @property
    def start(self) -> np.datetime64:
        """First day."""
        return self.edges[0]  # type: ignore[no-any-return]

    @property
    def end(self) -> np.datetime64:
        """The day after the last."""
        return self.edges[-1]  # type: ignore[no-any-return]

    @property
    def whole_months(self) -> bool:
        """Whether every edge is the first of a month, so that month-only records can be counted."""
        return bool(np.all(self.edges == self.edges.astype("datetime64[M]").astype("datetime64[D]")))

    def before(self, day: Day) -> Periods:
        """The periods that end on or before `day`."""
        n = int(np.searchsorted(self.edges, as_day(day), side="right")) - 1
        return self[: max(n, 0)]

    def following(self, k: int = 1) -> Periods:
        """The next ``k`` periods after the last."""
        return Periods(self.frequency.edges(self.end, k), self.frequency)

    def locate(self, time: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The index of the period that holds each time; -1 outside.

        Parameters
        ----------
        time : array of datetime64, shape (n,)
            Local civil time.
        """
        day = np.asarray(time).astype("datetime64[D]")
        found = np.searchsorted(self.edges, day, side="right").astype(np.int64) - 1
        # NaT sorts after every date.
        return np.where(found < len(self), found, -1)


def _month_before(day: np.datetime64) -> np.datetime64:
    """The first of the month that `day` is in."""
    first: np.datetime64 = day.astype("datetime64[M]").astype("datetime64[D]")
    return first


def _month_after(day: np.datetime64) -> np.datetime64:
    """`day` when it is the first of a month, otherwise the first of the next."""
    first = _month_before(day)
    return day if day == first else Frequency(1, "mo").add(first)
