"""Numbers, dates and spans as a reader expects them. Everything here is deterministic and knows no locale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from peelian.places.periods import Period

__all__ = [
    "day",
    "interval",
    "listing",
    "moment",
    "number",
    "p_value",
    "percent",
    "period",
    "plural",
    "spread",
    "times",
    "unsure",
]

WIDE = 5.0
"""An interval whose upper end is more than so many times its lower one tells very little."""
MINUS = "\N{MINUS SIGN}"
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def number(value: Any, *, digits: int | None = None) -> str:
    """A number with thousands separators and as many decimals as it deserves; ``"not known"`` when it is none.

    Parameters
    ----------
    value : float, int, str or None
        Text (such as ``"<5"``) is returned as it is.
    digits : int, optional
        Decimals. By default whole numbers have none, others two or three significant digits.
    """
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(float(value)):
        return "not known"
    value = float(value)
    if digits is None:
        size = abs(value)
        whole = value == round(value) or size >= 100
        digits = 0 if whole else 1 if size >= 10 else 2 if size >= 0.095 else 3
    text = f"{abs(value):,.{digits}f}"
    negative = value < 0 and any(c not in "0.," for c in text)
    return (MINUS if negative else "") + text


def percent(share: Any, *, digits: int | None = None) -> str:
    """A share from 0 to 1 as a percentage: ``0.0412`` is ``"4.1 %"``."""
    if share is None or not math.isfinite(float(share)):
        return "not known"
    value = 100 * float(share)
    if digits is None:
        digits = 0 if abs(value) >= 20 or value == round(value) else 1
    return f"{number(value, digits=digits)}\N{NO-BREAK SPACE}%"


def p_value(p: Any, *, digits: int = 4) -> str:
    """A p-value or a false-discovery rate; one too small for its decimals is under the least of them, and never 0."""
    least = 10.0**-digits
    if p is not None and 0 <= float(p) < least / 2:
        return f"under {least:.{digits}f}"
    return number(p, digits=digits)


def interval(low: Any, high: Any, *, digits: int | None = None) -> str:
    """``"0.4 to 1.2"``; both ends with the same decimals."""
    if low is None or high is None:
        return "no interval"
    if digits is None:
        parts = [number(v).rpartition(".")[2] if "." in number(v) else "" for v in (low, high)]
        digits = max(len(p) for p in parts)
    return f"{number(low, digits=digits)} to {number(high, digits=digits)}"


def spread(level: Any) -> str:
    """What an interval is called: ``"90 % interval"``; ``"interval"`` where its level is not known."""
    return "interval" if level is None else f"{percent(level)} interval"


def unsure(low: Any, high: Any) -> str:
    """``" (very unsure)"`` where the upper end is more than `WIDE` times the lower one, or one end is open."""
    if low is None and high is None:
        return ""
    if low is None or high is None:
        return " (very unsure)"
    low, high = float(low), float(high)
    return " (very unsure)" if high > WIDE * max(low, 0.0) and high > low else ""


def times(ratio: Any, *, than: str = "") -> str:
    """A ratio in words: ``"1.4 times as much"``, ``"about as much"`` within 5 %."""
    if ratio is None or not math.isfinite(float(ratio)):
        return "not measurable"
    ratio = float(ratio)
    said = "about as much" if 0.95 <= ratio <= 1.05 else f"{number(ratio)} times as much"
    return f"{said} as {than}" if than else said


def plural(n: Any, one: str, many: str | None = None) -> str:
    """``"1 place"``, ``"12 places"``."""
    return f"{number(n)} {one if float(n) == 1 else many or one + 's'}"


def listing(items: Sequence[str]) -> str:
    """``"a, b and c"``."""
    items = [i for i in items if i]
    return items[0] if len(items) == 1 else " and ".join([", ".join(items[:-1]), items[-1]]) if items else ""


def day(value: Any, *, year: bool = True) -> str:
    """A civil date: ``"4 December 2017"``. What is no date is returned as it was written."""
    try:
        date = np.datetime64(str(value)[:10], "D").astype(object)
    except ValueError:
        return str(value)
    return f"{date.day} {MONTHS[date.month - 1]}" + (f" {date.year}" if year else "")


def period(value: Any) -> str:
    """A period, last day included: ``"4 to 10 December 2017"``; text is returned as it is."""
    if not isinstance(value, Period):
        return str(value)
    first, last = value.start.astype(object), (value.end - np.timedelta64(1, "D")).astype(object)
    if first == last:
        return day(value.start)
    if first.year != last.year:
        return f"{day(value.start)} to {day(last)}"
    if first.month != last.month:
        return f"{day(value.start, year=False)} to {day(last)}"
    return f"{first.day} to {day(last)}"


def moment(value: Any) -> str:
    """A point in time from its ISO text: ``"4 December 2017, 14:05 UTC"``; text that is none is returned as it is."""
    if value is None or value == "":
        return "not recorded"
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    shift = at.utcoffset()
    zone = "" if shift is None else f" UTC{at.isoformat()[-6:]}" if shift else " UTC"
    return f"{day(at.date())}, {at:%H:%M}{zone}"
