"""Reports with a from-to time, spread over the hours of the week in which they can have happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np
import numpy.typing as npt

from peelian.errors import ResolutionError, UsageError
from peelian.records.incidents import Incidents
from peelian.records.schema import RESOLUTIONS
from peelian.records.times import transitions

__all__ = [
    "HOURS",
    "WEEKDAYS",
    "Account",
    "Known",
    "hour_name",
    "hour_of_week",
    "known_times",
    "spread",
    "stretch_name",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HOURS = 168
HOUR = 3600
DAY = 24 * HOUR
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
THURSDAY = 72
"""Hour of the week, from Monday midnight, at which 1970 began."""

Coarse = Literal["refuse", "leave_out"]


@dataclass(frozen=True)
class Account:
    """What became of the reports that were given; `points`, `intervals`, `too_long`, `reversed` and `coarse` add up.

    Parameters
    ----------
    given : int
    points : int
        Used, with one time.
    without_end : int
        Of the points: those whose latest time is not recorded.
    intervals : int
        Used, with an earliest and a latest time.
    too_long : int
        Set apart: the interval is longer than was allowed.
    reversed : int
        Set apart: the latest time is before the earliest.
    coarse : int
        Left out: only the day or the month is known.
    midnight : int
        Of those used: recorded as starting at 00:00 to the second, which is often how an unknown time is written.
    """

    given: int
    points: int
    without_end: int
    intervals: int
    too_long: int
    reversed: int
    coarse: int
    midnight: int

    @property
    def used(self) -> int:
        """Reports that were used."""
        return self.points + self.intervals

    def limits(self, longest: float) -> list[str]:
        """What was set apart, in sentences."""
        said = []
        if self.too_long:
            said.append(
                f"{self.too_long:,} of {self.given:,} reports can have happened at any time in more than "
                f"{longest:g} h; they say nothing of the hour and are set apart."
            )
        if self.reversed:
            said.append(f"{self.reversed:,} reports end before they begin and are set apart.")
        if self.coarse:
            said.append(f"{self.coarse:,} reports have no time of day and are left out.")
        if self.points and self.without_end == self.points and not self.intervals:
            said.append(
                "No report has a latest time: each stands at its one recorded time, which may be when it was found."
            )
        elif self.without_end:
            said.append(
                f"{self.without_end:,} reports have no latest time and stand at their one recorded time."
            )
        # A midnight is one of 1,440 minutes; people round to hours and quarters, so more than that is no surprise.
        if self.used and self.midnight > max(0.03 * self.used, 5):
            said.append(
                f"{self.midnight:,} of {self.used:,} times are exactly midnight, which is often how an unknown time is "
                "written: the hour from 00:00 may be too high."
            )
        return said


@dataclass(frozen=True, eq=False)
class Known:
    """Reports whose time is known well enough, in seconds of local civil time since 1970.

    Parameters
    ----------
    start, end : array of int, shape (n,)
        The same where there is one time.
    zone : str
        Whose clocks they are.
    account : Account
    """

    start: Ints
    end: Ints
    zone: str
    account: Account


def hour_of_week(seconds: Ints) -> Ints:
    """Hour of the week, 0 for Monday from 00:00 to 01:00, up to 167."""
    return (seconds // HOUR + THURSDAY) % HOURS


def hour_name(hour: int) -> str:
    """An hour of the week in words, such as ``"Friday 22:00-23:00"``."""
    day, h = divmod(hour, 24)
    return f"{WEEKDAYS[day]} {h:02d}:00-{h + 1:02d}:00"


def stretch_name(first: str, last: str) -> str:
    """Hours or weekdays that follow each other as one, such as ``"Friday 22:00 to Saturday 02:00"``."""
    if first == last:
        return first
    if "-" not in first:
        return f"{first} to {last}"
    begins, ends = first.partition("-")[0], last.rpartition("-")[2]
    (day, _, hour), (later, _, end) = first.rpartition(" "), last.rpartition(" ")
    return (
        f"{begins}-{ends}"
        if day == later and hour < end
        else f"{begins} to {later} {ends}".replace("  ", " ")
    )


def known_times(
    incidents: Incidents,
    *,
    resolution: Literal["minute", "day"] = "minute",
    longest: float = 48.0,
    coarse: Coarse = "refuse",
) -> Known:
    """The reports whose time is known to the minute (or day), and an account of the others.

    Parameters
    ----------
    incidents : Incidents
    resolution : {"minute", "day"}
        What has to be known.
    longest : float
        Hours. Reports with a longer interval are set apart.
    coarse : {"refuse", "leave_out"}
        What to do when some reports are known less well: refuse, or leave them out and count them.

    Raises
    ------
    ResolutionError
        Some reports are known less well and are not to be left out, or all are.
    UsageError
        A setting is off.
    """
    if not 0 < longest <= 24 * 366:
        msg = f"a longest interval of {longest} h was given; expected hours above 0, and at most a year"
        raise UsageError(msg, hint="longest=48")
    if coarse not in ("refuse", "leave_out"):
        msg = f"coarse={coarse!r} was given; expected 'refuse' or 'leave_out'"
        raise UsageError(msg)
    frame = incidents.frame
    fine = frame["resolution"].isin(RESOLUTIONS[: RESOLUTIONS.index(resolution) + 1]).to_numpy(dtype=np.bool_)
    if not fine.all():
        _check_coarse(incidents, fine, resolution, coarse)
        frame = frame[fine]
    start = frame["occurred_from"].to_numpy(dtype="datetime64[s]").astype(np.int64)
    latest = frame["occurred_to"].to_numpy(dtype="datetime64[s]")
    missing = np.isnat(latest)
    end = np.where(missing, start, latest.astype(np.int64))
    days = (frame["resolution"] == "day").to_numpy(dtype=np.bool_) & (end > start)
    end = np.where(days, end // DAY * DAY + DAY, end)
    backwards = (end < start) & ~_twice(start, end, incidents.zone)
    too_long = end - start > longest * HOUR
    used = ~backwards & ~too_long
    points = used & (end == start)
    account = Account(
        given=len(incidents),
        points=int(points.sum()),
        without_end=int((points & missing).sum()),
        intervals=int((used & ~points).sum()),
        too_long=int(too_long.sum()),
        reversed=int(backwards.sum()),
        coarse=int((~fine).sum()),
        midnight=int((start[points] % DAY == 0).sum()) if resolution == "minute" else 0,
    )
    return Known(start[used], end[used], incidents.zone, account)


def _check_coarse(incidents: Incidents, fine: npt.NDArray[np.bool_], resolution: str, coarse: Coarse) -> None:
    n = int((~fine).sum())
    if coarse == "leave_out" and n < len(incidents):
        return
    left = incidents.frame[~fine]
    pairs = (left["source"] + " known to the " + left["resolution"]).value_counts()
    said = ", ".join(f"{k:,} of {pair}" for pair, k in pairs.head(3).items())
    finer = "the hour" if resolution == "minute" else "the day"
    msg = f"{finer} was asked for, but {n:,} of {len(incidents):,} reports don't tell it ({said})"
    if n == len(incidents):
        raise ResolutionError(
            msg, hint="--no-hours tells the season and changes, or a source with finer times"
        )
    raise ResolutionError(
        msg, hint="--coarse leave_out leaves them out and counts them, --no-hours takes all"
    )


def _changes(zone: str, start: Ints, end: Ints) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """Changes of the clocks about these times: start and end of what is skipped or comes twice, and whether skipped."""
    if not start.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.bool_)
    first, last = (
        int(np.datetime64(int(s), "s").astype("datetime64[Y]").astype(int)) + 1970
        for s in (start.min(), max(start.max(), end.max()))
    )
    found = transitions(zone, first=max(first - 1, 1970), last=min(last + 2, 2200))
    ends = np.array([[c.start, c.end] for c in found], dtype="datetime64[s]").astype(np.int64).reshape(-1, 2)
    return ends[:, 0].copy(), ends[:, 1].copy(), np.array([c.gap for c in found], dtype=np.bool_)


def _twice(start: Ints, end: Ints, zone: str) -> npt.NDArray[np.bool_]:
    """Whether both times lie in an hour that comes twice, so that a latest before the earliest is the second."""
    back = np.flatnonzero(end < start)
    found = np.zeros(start.size, dtype=np.bool_)
    for low, high, gap in zip(*_changes(zone, start[back], end[back]), strict=True):
        found[back] |= (not gap) & (end[back] >= low) & (start[back] < high)
    return found


def spread(known: Known, *, row: Ints | None = None, rows: int = 1) -> tuple[Floats, Floats]:
    """Weights of the hours of the week: a report adds to each hour the share of its interval that lies in it.

    Where the clocks were put forward within an interval, the hour that was skipped gets nothing; where they were put
    back, the hour that came twice counts twice.

    Parameters
    ----------
    known : Known
    row : array of int, shape (n,), optional
        Into which row each report goes, such as its week; -1 leaves it out. Default: all into one.
    rows : int

    Returns
    -------
    weights, squares : array of float, shape (rows, 168)
        Sums of the shares, and of their squares.
    """
    at = np.zeros(known.start.size, dtype=np.int64) if row is None else row.astype(np.int64)
    low, high, gap = _changes(known.zone, known.start, known.end)
    return _spread(known.start, known.end, low, high, gap, at, rows)


@numba.njit(cache=True)
def _spread(
    start: Ints, end: Ints, low: Ints, high: Ints, gap: npt.NDArray[np.bool_], row: Ints, rows: int
) -> tuple[Floats, Floats]:  # pragma: no cover - compiled
    weights, squares = np.zeros((rows, HOURS)), np.zeros((rows, HOURS))
    seconds = np.zeros(HOURS)
    touched = np.empty(HOURS, dtype=np.int64)
    for i in range(start.size):
        r = row[i]
        if r < 0:
            continue
        a, b = start[i], end[i]
        at = (a // HOUR + THURSDAY) % HOURS
        if a == b or (a // HOUR == b // HOUR and a < b):
            weights[r, at] += 1.0
            squares[r, at] += 1.0
            continue
        seconds[:] = 0.0
        n = 0
        # The first change that ends after the earliest time: what ended before it is over.
        for c in range(np.searchsorted(high, a, side="right"), low.size):
            if gap[c]:
                if low[c] >= b:
                    break
                n = _fill(seconds, touched, n, a, low[c])
                a = max(a, high[c])
            else:
                # Read as the first of two where it stands alone; put back only if the end lies after the first.
                if b >= high[c] or b < a:
                    n = _fill(seconds, touched, n, a, high[c])
                    a = low[c]
                else:
                    break
        n = _fill(seconds, touched, n, a, b)
        whole = 0.0
        for k in range(n):
            whole += seconds[touched[k]]
        if n == 0:
            weights[r, at] += 1.0
            squares[r, at] += 1.0
        for k in range(n):
            share = seconds[touched[k]] / whole
            weights[r, touched[k]] += share
            squares[r, touched[k]] += share * share
    return weights, squares


@numba.njit(cache=True)
def _fill(seconds: Floats, touched: Ints, n: int, a: int, b: int) -> int:  # pragma: no cover - compiled
    """Add the seconds from a to b to their hours; give the number of hours that have any."""
    while a < b:
        stop = min((a // HOUR + 1) * HOUR, b)
        h = (a // HOUR + THURSDAY) % HOURS
        if seconds[h] == 0.0:
            touched[n] = h
            n += 1
        seconds[h] += stop - a
        a = stop
    return n
