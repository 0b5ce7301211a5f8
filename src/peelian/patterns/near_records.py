"""Records near each other in place and time, and how alike each pair is: what may be the same incident.

For comparison the same is done with one record of each pair taken some weeks later. Such pairs are as near in place,
as often of the same kind and at the same hour of the week, and can't be the same incident: they show how often records
of different incidents look alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from peelian.errors import DataError, UsageError
from peelian.places.crs import metres_per_unit, same_crs
from peelian.records.incidents import Incidents

__all__ = ["Likeness", "NearRecords", "Records", "near_records", "stack_records"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HOUR, WEEK = 60.0, 10_080.0
LONG = 24 * HOUR
LONGEST = 31 * 24 * HOUR
"""A span that is longer says no more: it is cut to this."""
MOST_PAIRS = 20_000_000

PLACE_EDGES = (1.0, 35.0, 75.0, 150.0)
"""Metres; records are often rounded to 100 feet."""
TIME_EDGES = (1.0, 30.0, 120.0, 360.0, 720.0)
"""Minutes."""


@dataclass(frozen=True, eq=False)
class Records:
    """Records of one or two sources, side by side.

    Attributes
    ----------
    ids : array of str, shape (n,)
    x, y : array of float, shape (n,)
        Metres.
    start, end : array of float, shape (n,)
        Minutes since 1970.
    by_day : array of bool, shape (n,)
        Known to the day only.
    part : array of int8, shape (n,)
        0, or 1 for records of the second source.
    kinds : dict of str to array of int64
        Codes of ``category``, ``label`` and ``location_type``, -1 missing; those that say nothing are left out.
    rarity : array of int, shape (labels,)
        0 for labels of fewer than one record in three hundred, 1 of fewer than one in fifty, 2 of the others.
    """

    ids: npt.NDArray[np.object_]
    x: Floats
    y: Floats
    start: Floats
    end: Floats
    by_day: npt.NDArray[np.bool_]
    part: npt.NDArray[np.int8]
    kinds: dict[str, Ints]
    rarity: Ints


def stack_records(incidents: Incidents, other: Incidents | None = None) -> Records:
    """Put the records of one source, or of two, side by side.

    Raises
    ------
    DataError
        The two sources are not in one CRS, or in two zones.
    ResolutionError
        Times are known to the month only.
    """
    incidents.require("day")
    frames = [incidents.frame]
    if other is not None:
        other.require("day")
        if not same_crs(incidents.crs, other.crs) or incidents.zone != other.zone:
            msg = (
                f"records in {incidents.crs}, {incidents.zone} and in {other.crs}, {other.zone} were given; expected "
                "one CRS and one zone"
            )
            raise DataError(msg, hint="import both into one workspace")
        frames.append(other.frame)
    part = np.repeat(np.arange(len(frames), dtype=np.int8), [len(f) for f in frames])
    frame = pd.concat(frames, ignore_index=True)
    scale = metres_per_unit(incidents.crs)
    start = frame["occurred_from"].to_numpy(dtype="datetime64[s]").astype(np.int64) / 60.0
    until = frame["occurred_to"].to_numpy(dtype="datetime64[s]")
    end = np.maximum(start, np.where(np.isnat(until), start, until.astype(np.int64) / 60.0))
    end = np.minimum(end, start + LONGEST)
    by_day = frame["resolution"].to_numpy(dtype=object) == "day"
    kinds = {}
    for name in ("category", "label", "location_type"):
        codes, levels = pd.factorize(frame[name])
        if len(levels) > 1 and not (other is not None and name == "label" and not _share(codes, part)):
            kinds[name] = codes.astype(np.int64)
    label = kinds.get("label", np.zeros(len(frame), np.int64))
    share = np.bincount(label[label >= 0], minlength=1) / max(1, len(frame))
    return Records(
        frame["id"].astype(str).to_numpy(dtype=object),
        frame["x"].to_numpy(dtype=np.float64) * scale,
        frame["y"].to_numpy(dtype=np.float64) * scale,
        start,
        end,
        by_day,
        part,
        kinds,
        np.searchsorted(np.array([1 / 300, 1 / 50]), share, side="right"),
    )


def _share(codes: npt.NDArray[Any], part: npt.NDArray[np.int8]) -> bool:
    """Whether two sources use the same labels, at least in half of their records."""
    one, two = codes[part == 0], codes[part == 1]
    return (
        bool(np.isin(one, two).mean() >= 0.5 and np.isin(two, one).mean() >= 0.5)
        if len(one) and len(two)
        else False
    )


@njit(cache=True)
def _near(x: Any, y: Any, start: Any, end: Any, by_day: Any, part: Any, order: Any, longest: float, metres: float,
          minutes: float, shift: float, between: bool, one: Any, two: Any, apart: Any) -> int:  # fmt: skip
    """Pairs within reach, the later one (by its start) taken `shift` minutes earlier. Returns how many there are."""
    n, count, low = order.size, 0, 0
    for a in range(n):
        i = order[a]
        # All that start within reach of i: an interval that began long ago may still run.
        while start[order[low]] - shift + longest + minutes < start[i] and low < n - 1:
            low += 1
        for b in range(low if shift > 0 else a + 1, n):
            j = order[b]
            moved = start[j] - shift
            if moved > end[i] + minutes and moved > start[i] + minutes + (
                1440.0 if by_day[i] and by_day[j] else 0.0
            ):
                break
            if (between and part[i] == part[j]) or i == j:
                continue
            dx, dy = x[i] - x[j], y[i] - y[j]
            if dx * dx + dy * dy > metres * metres:
                continue
            if by_day[i] and by_day[j]:
                gap = abs(np.floor(moved / 1440.0) - np.floor(start[i] / 1440.0)) * 1440.0
            else:
                end_i = end[i] + (1440.0 if by_day[i] else 0.0)
                end_j = end[j] + (1440.0 if by_day[j] else 0.0)
                gap = max(0.0, moved - end_i, start[i] - (end_j - shift))
            if gap > minutes:
                continue
            if count < one.size:
                one[count], two[count], apart[count] = min(i, j), max(i, j), gap
            count += 1
    return count


@dataclass(frozen=True, eq=False)
class NearRecords:
    """Pairs of records within reach.

    Attributes
    ----------
    one, two : array of int, shape (pairs,)
        Rows, ``one < two``.
    metres, minutes : array of float, shape (pairs,)
        Distance, and the least time between them.
    """

    one: Ints
    two: Ints
    metres: Floats
    minutes: Floats


def near_records(
    records: Records, *, metres: float, minutes: float, between: bool = False, shift: float = 0.0
) -> NearRecords:
    """Pairs of records within reach of each other.

    Parameters
    ----------
    records : Records
    metres, minutes : float
        Reach.
    between : bool
        Pairs of a record of one source with one of the other only.
    shift : float
        Minutes by which the later record is moved back before it is compared.

    Raises
    ------
    DataError
        More pairs than can be held.
    """
    order = np.argsort(records.start, kind="stable")
    longest = float((records.end - records.start).max(initial=0.0)) + 1440.0
    size = max(1024, 4 * order.size)
    while True:
        one, two = np.empty(size, np.int64), np.empty(size, np.int64)
        apart = np.empty(size)
        count = _near(
            records.x, records.y, records.start, records.end, records.by_day, records.part, order, longest,
            metres, minutes, shift, between, one, two, apart,
        )  # fmt: skip
        if count <= size:
            break
        if count > MOST_PAIRS:
            msg = (
                f"{count:,} pairs of records are within {metres:g} m and {minutes / 60:g} hours; at most 20 M"
            )
            raise DataError(msg, hint="a shorter reach, or a shorter period")
        size = count
    one, two, apart = one[:count], two[:count], apart[:count]
    put = np.lexsort((two, one))
    one, two, apart = one[put], two[put], apart[put]
    distance = np.hypot(records.x[one] - records.x[two], records.y[one] - records.y[two])
    return NearRecords(one, two, distance, apart)


@dataclass(frozen=True, eq=False)
class Likeness:
    """How alike pairs are, a level a feature.

    Attributes
    ----------
    names : tuple of str
    words : tuple of tuple of str
        What each level is, feature by feature, the most alike first.
    levels : array of int, shape (features, pairs)
    guess : tuple of tuple of float
        Shares of the levels among records of one incident, before anything is learnt: mostly alike.
    """

    names: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    levels: Ints
    guess: tuple[tuple[float, ...], ...]

    @property
    def reasons(self) -> list[str]:
        """All levels of each pair in words."""
        columns = [np.array(w, dtype=object)[level] for w, level in zip(self.words, self.levels, strict=True)]
        return ["; ".join(parts) for parts in zip(*columns, strict=True)]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Levels of each feature."""
        return tuple(len(w) for w in self.words)

    @property
    def pattern(self) -> Ints:
        """One number for all levels of a pair, shape (pairs,)."""
        if self.levels.shape[1] == 0:
            return np.empty(0, np.int64)
        found: Ints = np.ravel_multi_index(tuple(self.levels), self.sizes).astype(np.int64)
        return found


def likeness(records: Records, near: NearRecords) -> Likeness:
    """How alike the records of each pair are."""
    place = np.searchsorted(np.array(PLACE_EDGES), near.metres, side="left")
    time = np.searchsorted(np.array(TIME_EDGES), near.minutes, side="left")
    long = np.maximum((records.end - records.start)[near.one], (records.end - records.start)[near.two]) > LONG
    time = np.where(long & (near.minutes <= TIME_EDGES[0]), len(TIME_EDGES) + 1, time)
    levels, names = [place, time], ["place", "time"]
    words: list[tuple[str, ...]] = [
        (
            "the same place",
            *(f"up to {m:g} m apart" for m in PLACE_EDGES[1:]),
            f"over {PLACE_EDGES[-1]:g} m apart",
        ),
        (
            "the same time",
            *(f"up to {_span(m)} apart" for m in TIME_EDGES[1:]),
            f"over {_span(TIME_EDGES[-1])} apart",
            "in a span of over a day",
        ),
    ]
    guess: list[tuple[float, ...]] = [
        tuple(0.5 ** (k + 1) for k in range(len(PLACE_EDGES) + 1)),
        (*(0.5 ** (k + 1) for k in range(len(TIME_EDGES) + 1)), 0.02),
    ]
    kind, kind_words = _kind(records, near)
    levels.append(kind)
    names.append("kind")
    words.append(kind_words)
    guess.append((0.9, 0.1) if len(kind_words) == 2 else (0.25, 0.25, 0.25, 0.15, 0.1))
    if "location_type" in records.kinds:
        a, b = (records.kinds["location_type"][rows] for rows in (near.one, near.two))
        levels.append(np.where((a < 0) | (b < 0), 2, np.where(a == b, 0, 1)))
        names.append("location_type")
        words.append(("the same kind of place", "another kind of place", "kind of place missing"))
        guess.append((0.7, 0.15, 0.15))
    return Likeness(
        tuple(names), tuple(words), np.array(levels, dtype=np.int64).reshape(len(names), -1), tuple(guess)
    )


def _kind(records: Records, near: NearRecords) -> tuple[Ints, tuple[str, ...]]:
    """Category and label as one feature, since records of one label are of one category."""
    none = np.zeros(records.ids.size, np.int64)
    category, label = (records.kinds.get(name) for name in ("category", "label"))
    of = none if category is None else category
    same = of[near.one] == of[near.two]
    if label is None:
        return np.where(same, 0, 1), ("the same category", "another category")
    a, b = label[near.one], label[near.two]
    level = np.where(a == b, records.rarity[np.maximum(a, 0)], np.where(same, 3, 4))
    alike = ("the same very rare label", "the same rare label", "the same label")
    return level, (*alike, "another label of the category", "another category")


def _span(minutes: float) -> str:
    return f"{minutes:g} minutes" if minutes < 120 else f"{minutes / 60:g} hours"


def check_reach(metres: float, hours: float) -> None:
    """Raise UsageError unless there is a reach."""
    if not (0 < metres <= 5_000 and 0 < hours <= 14 * 24):
        msg = f"a reach of {metres:g} m and {hours:g} hours was given; expected up to 5,000 m and 14 days, above 0"
        raise UsageError(msg, hint="metres=200, hours=24")
