"""Pairs of incidents: how near two of them are in place, in time, in the hour and the weekday, and in manner.

A pair's features are found on the fly from the incidents, never stored for all pairs: ten thousand incidents have fifty
million. Each feature falls in one of a few hundred fine bins, and a model is a table of numbers by bin. Bins of place
and time are even on a logarithm, as 50 m from 100 m says more than 5,050 m from 5,100 m.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit
from scipy.spatial import cKDTree

from peelian.errors import NotEnoughDataError
from peelian.patterns.differences import (
    circular_table,
    expected_circular,
    expected_difference,
    least_difference,
)
from peelian.patterns.manner import Manner, encode_manner
from peelian.places.crs import metres_per_unit
from peelian.records.incidents import Incidents

__all__ = ["Compared", "compare", "pair_bins", "prepare"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAY = 1440.0
PLACE_UNIT = 10.0
"""Metres below which a distance is as good as none."""
TIME_UNIT = 15.0
"""Minutes below which two times are as good as the same."""
PLACE_BINS, TIME_BINS = 448, 352
HOUR_SLOTS, WEEKDAY_SLOTS = 48, 56
NUMBER_BINS = 160
NEIGHBOURS = 40
LEAST_SCALE = 25.0
"""Metres; records are rounded, so that in the densest places more than the neighbours asked for share a point."""

HOUR_BINS, WEEKDAY_BINS = HOUR_SLOTS // 2 + 2, WEEKDAY_SLOTS // 2 + 2
"""The last one is unknown."""


@lru_cache(maxsize=2)
def slot_table(slots: int) -> npt.NDArray[np.int16]:
    """The table of circular differences, twice round, made when it is first needed."""
    once = circular_table(slots, slots // 2 + 1)
    return np.concatenate([once, once], axis=2)


@dataclass(frozen=True, eq=False)
class Compared:
    """What is needed of n incidents to compare any two of them.

    Attributes
    ----------
    ids : array of str, shape (n,)
    x, y : array of float, shape (n,)
        Metres from the middle of the incidents.
    start, end : array of float, shape (n,)
        Minutes since 1970, local; equal where a moment is known.
    thinness : array of float, shape (n,)
        One where incidents lie as dense as at the median, less than one where they are sparser: a distance is
        multiplied by the square roots of both incidents' before it is judged, since to be near says little in a dense
        place. All ones when that was not asked for.
    hour, hours, weekday, weekdays : array of int16, shape (n,)
        Slot in which it starts on the clock and in the week, and how many slots long it is; a length of all slots is
        unknown.
    manner : Manner
    reversed : int
        Incidents whose end lay before their start, and were taken at the start.
    """

    ids: npt.NDArray[np.object_]
    x: Floats
    y: Floats
    start: Floats
    end: Floats
    thinness: Floats
    hour: npt.NDArray[np.int16]
    hours: npt.NDArray[np.int16]
    weekday: npt.NDArray[np.int16]
    weekdays: npt.NDArray[np.int16]
    manner: Manner
    reversed: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features in the order of their bins."""
        return ("place", "time", "hour", "weekday", *self.manner.fields, *self.manner.numbers)

    @property
    def per_day(self) -> float:
        """Incidents a day, over the span from the first to the last."""
        if len(self) < 2:
            return float("nan")
        return len(self) / max(1.0, (float(self.end.max()) - float(self.start.min())) / DAY)


def prepare(
    incidents: Incidents,
    *,
    manner: pd.DataFrame | None = None,
    numeric: Sequence[str] = (),
    density: bool = True,
    fields: Sequence[str] | None = None,
    levels: Sequence[Sequence[str]] | None = None,
) -> Compared:
    """Get incidents ready to be compared in pairs.

    Parameters
    ----------
    incidents : Incidents
        With times known to the day or better.
    manner : pandas.DataFrame, optional
        Coded fields by incident id, see `peelian.patterns.manner.encode_manner`.
    numeric : sequence of str
        Columns of `manner` whose difference counts.
    density : bool
        Judge a distance by how dense incidents lie on both sides.
    fields, levels : optional
        Coded fields and their levels as a model that was fitted before knows them.

    Raises
    ------
    NotEnoughDataError
        There are fewer than two incidents.
    ResolutionError
        Times are known to the month only.
    DataError
        The manner doesn't fit.
    """
    if len(incidents) < 2:
        msg = f"{len(incidents)} incidents were given; a pair takes at least 2"
        raise NotEnoughDataError(msg, hint="a longer period, a larger area or more categories")
    incidents.require("day")
    frame = incidents.frame
    ids = frame["id"].astype(str).to_numpy(dtype=object)
    scale = metres_per_unit(incidents.crs)
    x, y = incidents.x * scale, incidents.y * scale
    x, y = x - float(np.median(x)), y - float(np.median(y))
    start, end, backwards = _times(frame)
    hour, hours = _slots(start, end, DAY, HOUR_SLOTS)
    # The epoch was a Thursday; a week begins with its Monday.
    weekday, weekdays = _slots(start + 3 * DAY, end + 3 * DAY, 7 * DAY, WEEKDAY_SLOTS)
    thin = _thinness(x, y) if density else np.ones(len(ids))
    coded = encode_manner(manner, ids, numeric=numeric, fields=fields, levels=levels)
    return Compared(ids, x, y, start, end, thin, hour, hours, weekday, weekdays, coded, backwards)


def _times(frame: pd.DataFrame) -> tuple[Floats, Floats, int]:
    """Starts and ends in minutes since 1970, and how many ends lay before their start."""
    start = frame["occurred_from"].to_numpy(dtype="datetime64[s]").astype(np.int64) / 60.0
    until = frame["occurred_to"].to_numpy(dtype="datetime64[s]")
    end = np.where(np.isnat(until), start, until.astype(np.int64) / 60.0)
    backwards = end < start
    end = np.maximum(start, end)
    # A day is known, and not its first minute.
    by_day = frame["resolution"].to_numpy(dtype=object) == "day"
    start = np.where(by_day, np.floor(start / DAY) * DAY, start)
    end = np.where(by_day, np.floor(end / DAY) * DAY + DAY, end)
    return start, end, int(backwards.sum())


def _slots(
    start: Floats, end: Floats, period: float, slots: int
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    width = period / slots
    first = np.floor(np.mod(start, period) / width) % slots
    length = np.minimum(np.round((end - start) / width), slots)
    return first.astype(np.int16), length.astype(np.int16)


def _thinness(x: Floats, y: Floats) -> Floats:
    """Median distance to a near neighbour over each incident's own: 2 where incidents lie twice as close as usual."""
    k = int(min(NEIGHBOURS, max(1, (x.size - 1) // 5)))
    found = cKDTree(np.column_stack([x, y])).query(np.column_stack([x, y]), k=[k + 1])[0]
    own = np.maximum(np.asarray(found, dtype=np.float64)[:, 0], LEAST_SCALE)
    thin: Floats = float(np.median(own)) / own
    return thin


@njit(cache=True, inline="always")
def log_bin(value: float, last: int) -> int:
    """Bin of a value from 0 on, 16 to a doubling of ``1 + value``: the leading bits of its 32-bit float."""
    found: int = min((np.float32(value + 1.0).view(np.int32) - 1065353216) >> 19, last)  # type: ignore[assignment]
    return found


def bin_values(bins: int) -> Floats:
    """The value in the middle of each bin of `log_bin`, shape (bins,), on the scale of the values."""
    bits = (np.arange(bins, dtype=np.int64) << 19) + (1 << 18) + 1065353216
    middle: Floats = bits.astype(np.int32).view(np.float32).astype(np.float64) - 1.0
    middle[0] = 0.0
    return middle


@njit(cache=True, inline="always")
def place_bin(x: Floats, y: Floats, thin: Floats, i: int, j: int) -> int:
    """Bin of the squared distance of a pair, judged by how thin incidents lie."""
    dx, dy = x[i] - x[j], y[i] - y[j]
    return log_bin((dx * dx + dy * dy) * (thin[i] * thin[j]) / (PLACE_UNIT * PLACE_UNIT), PLACE_BINS - 1)


@njit(cache=True, inline="always")
def time_bin(start: Floats, end: Floats, i: int, j: int) -> int:
    """Bin of the expected time between the incidents of a pair."""
    apart = abs((start[i] + end[i]) - (start[j] + end[j])) / 2.0
    if min(end[i], end[j]) >= max(start[i], start[j]):
        apart = expected_difference(start[i], end[i], start[j], end[j])
    return log_bin(apart / TIME_UNIT, TIME_BINS - 1)


@njit(cache=True, inline="always")
def slot_bin(table: Any, first: Any, length: Any, i: int, j: int) -> Any:
    """Bin of the difference on a circle."""
    # The table goes twice round, so that no branch is needed on which of the two is the later.
    return table[length[i], length[j], np.int64(first[j]) - np.int64(first[i]) + table.shape[2] // 2]


@njit(cache=True, inline="always")
def code_bin(codes: Any, levels: int, field: int, i: int, j: int) -> Any:
    """Bin of a coded field: the code that both share, `levels` if they differ, `levels + 1` if one is missing.

    Codes as `arrays` gives them: `levels` for one that no model knows, `levels + 1` where it is missing.
    """
    one, two = np.int64(codes[field, i]), np.int64(codes[field, j])
    apart = levels + np.int64(max(one, two) > levels)
    return one if one == two else apart


@njit(cache=True, inline="always")
def number_bin(values: Any, scale: float, field: int, i: int, j: int) -> int:
    """Bin of the difference of two numbers; the last one where a number is missing."""
    apart = abs(values[field, i] - values[field, j]) / scale
    return NUMBER_BINS if np.isnan(apart) else log_bin(4.0 * apart, NUMBER_BINS - 1)


@njit(cache=True)
def _pair_bins(
    i: Any,
    j: Any,
    x: Any,
    y: Any,
    thin: Any,
    start: Any,
    end: Any,
    hour: Any,
    hours: Any,
    weekday: Any,
    weekdays: Any,
    hour_table: Any,
    weekday_table: Any,
    codes: Any,
    levels: Any,
    values: Any,
    scales: Any,
) -> Any:
    coded, numbers = codes.shape[0], values.shape[0]
    bins = np.empty((4 + coded + numbers, i.size), np.int16)
    for k in range(i.size):
        a, b = i[k], j[k]
        bins[0, k] = place_bin(x, y, thin, a, b)
        bins[1, k] = time_bin(start, end, a, b)
        bins[2, k] = slot_bin(hour_table, hour, hours, a, b)
        bins[3, k] = slot_bin(weekday_table, weekday, weekdays, a, b)
        for f in range(coded):
            bins[4 + f, k] = code_bin(codes, levels[f], f, a, b)
        for f in range(numbers):
            bins[4 + coded + f, k] = number_bin(values, scales[f], f, a, b)
    return bins


def arrays(compared: Compared, scales: Floats) -> tuple[Any, ...]:
    """The arrays of incidents in the order in which the compiled functions take them."""
    m = compared.manner
    levels = np.array([len(level) for level in m.levels], dtype=np.int64)
    codes = np.where(m.codes == -1, levels[:, None] + 1, np.where(m.codes == -2, levels[:, None], m.codes))
    return (
        compared.x,
        compared.y,
        compared.thinness,
        compared.start,
        compared.end,
        compared.hour,
        compared.hours,
        compared.weekday,
        compared.weekdays,
        slot_table(HOUR_SLOTS),
        slot_table(WEEKDAY_SLOTS),
        np.ascontiguousarray(codes, dtype=np.int32),
        levels,
        np.ascontiguousarray(m.values),
        np.asarray(scales, dtype=np.float64),
    )


def number_scales(manner: Manner) -> Floats:
    """Standard deviation of each numeric field, 1 where there is none: what its differences are measured by."""
    scales = [float(np.nanstd(v)) if np.isfinite(v).any() else 0.0 for v in manner.values]
    return np.array([s if s > 0 else 1.0 for s in scales], dtype=np.float64)


def pair_bins(compared: Compared, i: Ints, j: Ints, *, scales: Floats) -> npt.NDArray[np.int16]:
    """The bin of each feature of each pair, shape (features, pairs).

    Parameters
    ----------
    compared : Compared
    i, j : array of int, shape (pairs,)
        Rows of the incidents of each pair.
    scales : array of float, shape (numbers,)
        What differences of numeric fields are measured by, see `number_scales`.
    """
    found: npt.NDArray[np.int16] = _pair_bins(
        np.asarray(i, np.int64), np.asarray(j, np.int64), *arrays(compared, scales)
    )
    return found


@njit(cache=True)
def _differences(i: Any, j: Any, start: Any, end: Any) -> Any:
    out = np.empty((4, i.size))
    for k in range(i.size):
        a1, b1, a2, b2 = start[i[k]], end[i[k]], start[j[k]], end[j[k]]
        out[0, k] = expected_difference(a1, b1, a2, b2) / 1440.0
        out[1, k] = least_difference(a1, b1, a2, b2) / 1440.0
        out[2, k] = expected_circular(a1, b1, a2, b2, 1440.0) / 60.0
        out[3, k] = expected_circular(a1, b1, a2, b2, 10080.0) / 1440.0
    return out


def compare(compared: Compared, i: npt.ArrayLike, j: npt.ArrayLike) -> pd.DataFrame:
    """Features of pairs in plain units.

    Parameters
    ----------
    compared : Compared
    i, j : array of int, shape (pairs,)

    Returns
    -------
    pandas.DataFrame
        ``metres``, ``nearness`` (metres as they would be at the median density), ``days`` (expected),
        ``days_least``, ``hours`` round the clock (0 to 12), ``weekdays`` round the week (0 to 3.5), and each field of
        the manner: ``same``, ``different`` or ``missing``, or the absolute difference of numbers.

    Notes
    -----
    The first five are those of Porter (2016) but ``nearness``, in closed form; an interval of a day or more says
    nothing about the hour and counts as 6 hours from any other.
    """
    i, j = np.asarray(i, np.int64), np.asarray(j, np.int64)
    metres = np.hypot(compared.x[i] - compared.x[j], compared.y[i] - compared.y[j])
    found = _differences(i, j, compared.start, compared.end)
    frame = pd.DataFrame(
        {
            "one": compared.ids[i],
            "two": compared.ids[j],
            "metres": metres,
            "nearness": metres * np.sqrt(compared.thinness[i] * compared.thinness[j]),
            "days": found[0],
            "days_least": found[1],
            "hours": found[2],
            "weekdays": found[3],
        }
    )
    manner = compared.manner
    for k, name in enumerate(manner.fields):
        one, two = manner.codes[k, i], manner.codes[k, j]
        state = np.where((one == two) & (one >= 0), "same", "different")
        frame[name] = np.where((one == -1) | (two == -1), "missing", state)
    for k, name in enumerate(manner.numbers):
        frame[name] = np.abs(manner.values[k, i] - manner.values[k, j])
    return frame
