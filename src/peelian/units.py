"""Time spans, lengths and areas as people write them: ``"1w"``, ``"52w"``, ``"250 m"``, ``"0.25 sq mi"``.

A span is civil: a week is seven calendar days in the agency's zone, whether or not a clock was changed in it.
"""

from __future__ import annotations

import math
import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt

from peelian.errors import UsageError

__all__ = ["Frequency", "KeptFor", "area_text", "parse_area", "parse_length"]

_UNITS = {"d": "day", "w": "week", "mo": "month"}
_METRES = {"": 1.0, "m": 1.0, "km": 1000.0, "ft": 0.3048, "us-ft": 1200 / 3937, "mi": 1609.344}

_FOOT = 0.3048
_MILE = 5280 * _FOOT
_ACRE = 43_560 * _FOOT**2
_SQUARE_METRES = {
    "": 1e6,
    "km2": 1e6,
    "ha": 1e4,
    "m2": 1.0,
    "sq mi": _MILE**2,
    "acres": _ACRE,
    "sq ft": _FOOT**2,
}
_ALSO = {"sq km": "km2", "sq m": "m2", "mi2": "sq mi", "ft2": "sq ft", "acre": "acres"}


@dataclass(frozen=True, order=False)
class Frequency:
    """A civil span that repeats: ``n`` days, weeks or months.

    Parameters
    ----------
    n : int
        How many, at least 1.
    unit : {"d", "w", "mo"}
        Days, weeks or calendar months.
    """

    n: int
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in _UNITS or self.n < 1:
            msg = f"a span of {self.n} {self.unit!r} was given; expected at least 1 of d, w or mo"
            raise UsageError(msg, hint="write it as 1d, 1w, 4w or 1mo")

    @classmethod
    def parse(cls, text: str | Frequency) -> Frequency:
        """Read ``"1w"``, ``"7d"``, ``"3mo"`` (a year is ``"12mo"``); a `Frequency` is returned as it is.

        Raises
        ------
        UsageError
            The text is none of these.
        """
        if isinstance(text, Frequency):
            return text
        match = re.fullmatch(r"\s*([0-9]{1,4})\s*(d|w|mo)\s*", text)
        if match is None or int(match[1]) < 1:
            msg = f"{text!r} was given as a time span; expected a number of at least 1 and d, w or mo"
            years = re.fullmatch(r"\s*([1-9][0-9]?)\s*y\s*", text)
            hint = "write it as 1d, 1w, 4w or 1mo"
            if years is not None:
                hint = f"write years in months, {text.strip()} as {12 * int(years[1])}mo"
            raise UsageError(msg, hint=hint)
        return cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.n}{self.unit}"

    @property
    def resolution(self) -> Literal["day", "month"]:
        """The coarsest time resolution of records that can answer it: ``"day"`` or ``"month"``."""
        return "month" if self.unit == "mo" else "day"

    @property
    def days(self) -> float:
        """Mean length in days; a month counts 365.2425 / 12."""
        return self.n * {"d": 1.0, "w": 7.0, "mo": 365.2425 / 12}[self.unit]

    def add(self, day: np.datetime64, k: int = 1) -> np.datetime64:
        """Return the date ``k`` spans after `day` (before, when negative).

        Raises
        ------
        UsageError
            Months from a day after the 28th, which not every month has.
        """
        if self.unit == "mo":
            month = day.astype("datetime64[M]")
            within = day.astype("datetime64[D]") - month.astype("datetime64[D]")
            if within > np.timedelta64(27, "D"):
                msg = f"monthly periods were asked to start on {day}; expected a day from 1 to 28"
                raise UsageError(msg, hint="start on the first of a month")
            moved: np.datetime64 = (month + np.timedelta64(k * self.n, "M")).astype("datetime64[D]") + within
            return moved
        step = self.n * (7 if self.unit == "w" else 1)
        later: np.datetime64 = day.astype("datetime64[D]") + np.timedelta64(k * step, "D")
        return later

    def edges(self, start: np.datetime64, k: int) -> npt.NDArray[np.datetime64]:
        """Return ``k + 1`` dates from `start`, one span apart."""
        return np.array([self.add(start, i) for i in range(k + 1)], dtype="datetime64[D]")


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


def _number_and_unit(
    text: str, units: dict[str, float], what: str, example: str, *, given: object = None
) -> float:
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([a-z0-9\- ]*)", text.rstrip())
    if match is None or match[2] not in units or not 0 < float(match[1]) * units[match[2]] < math.inf:
        known = ", ".join(unit for unit in units if unit)
        shown = text if given is None else str(given)
        msg = f"{shown!r} was given as {what}; expected a number above 0 and one of {known}"
        raise UsageError(msg, hint=f"write it as {example}")
    return float(match[1]) * units[match[2]]


def parse_length(text: str | float) -> float:
    """Read a length in metres: ``250``, ``"250 m"``, ``"0.5 km"``, ``"500 ft"``, ``"0.1 mi"``.

    Raises
    ------
    UsageError
        No number above 0, or another unit than m, km, ft, us-ft (1200/3937 m) and mi.
    """
    return _number_and_unit(str(text), _METRES, "a length", "250 m")


def parse_area(text: str | float) -> float:
    """Read an area in km2: ``2``, ``"2 km2"``, ``"50 ha"``, ``"800000 m2"``, ``"0.25 sq mi"``, ``"640 acres"``.

    Miles, feet and acres are the international ones, by the foot of 0.3048 m exactly.

    Raises
    ------
    UsageError
        No number above 0, or another unit than km2, ha, m2, sq mi, acres and sq ft.

    References
    ----------
    NIST Special Publication 811 (2008), appendix B: an acre here is 43,560 square feet, 4046.8564224 m2.
    """
    plain = " ".join(str(text).replace("²", "2").split())
    for spelling, unit in _ALSO.items():
        if plain.endswith(spelling):
            plain = plain.removesuffix(spelling) + unit
            break
    square_metres = _number_and_unit(plain, _SQUARE_METRES, "an area", "0.25 sq mi or 2 km2", given=text)
    return square_metres / 1e6


def area_text(km2: float) -> str:
    """An area as text with four significant digits, in square metres where it is under a hectare: ``"1 m2"``.

    `parse_area` reads it back.
    """
    return f"{1e6 * km2:.4g} m2" if km2 < 0.01 else f"{km2:.4g} km2"
